package app

import (
	"cmp"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/steward"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage"
	"github.com/retinue-id/retinue/internal/web/api"
)

// usedByLeavers adds to what is known the credentials that those who left used by
// hand, and did not make, read or rotate: who worked with one has seen it. name is
// of whom; empty: of all. It counts only where the log itself names the person, as
// whoever acted, on whose behalf, or through whom, which is good evidence; or where
// the client gave their name, which is weak. A network or a machine by itself names
// nobody.
func (h *hands) usedByLeavers(name string, at map[string]*api.KnownCredential) error {
	uses, err := h.tx.UsedByHand(usage.InteractiveAgents())
	if err != nil {
		return err
	}
	facts := map[int64]*retinue.Credential{}
	for i := range uses {
		u := &uses[i]
		p, grade, ok := h.namedBy(&u.Behaviour)
		if !ok || !p.Left || name != "" && steward.Fold(p.Name) != steward.Fold(name) {
			continue
		}
		c, err := h.factOf(u.Entity, facts)
		if err != nil {
			return err
		}
		if c == nil || laterOf(c.CreatedAt, c.RotatedAt).After(u.Last.Add(handSlack)) {
			continue
		}
		k := atKnown(at, p.Name+"\x00"+string(u.ID), api.KnownCredential{ID: u.ID, Ref: c.Ref, Name: cmp.Or(c.Name, c.Ref.Key),
			Kind: c.Kind, State: c.State, Person: p.Name, First: u.First, Last: u.Last, Grade: grade})
		k.First, k.Last = earlierOf(k.First, u.First), laterOf(k.Last, u.Last)
		k.How, k.Grade = with(k.How, "used"), min(k.Grade, grade) // A is the best
		k.Evidence = with(k.Evidence, usedWords(u))
	}
	return nil
}

// usedWords says of a use what the log has of it.
func usedWords(u *store.HandUse) string {
	b := &u.Behaviour
	out := b.Log + ": " + cmp.Or(b.Action, b.Operation, string(b.Class))
	if b.Consumer.Agent != "" {
		out += " with " + b.Consumer.Agent
	}
	return out
}

// factOf is a credential as it is, nil where it is none.
func (h *hands) factOf(entity int64, known map[int64]*retinue.Credential) (*retinue.Credential, error) {
	if c, ok := known[entity]; ok {
		return c, nil
	}
	fact, _, err := h.tx.Merged(entity)
	if err != nil {
		return nil, err
	}
	known[entity] = nil
	if c, ok := fact.(retinue.Credential); ok {
		known[entity] = &c
	}
	return known[entity], nil
}

// namedBy is the person whom a way of use names, and how good that is as evidence.
func (h *hands) namedBy(b *store.Behaviour) (steward.Party, retinue.Grade, bool) {
	for _, r := range []retinue.Ref{b.Behalf, b.Via, b.Identity} {
		if r.IsZero() {
			continue
		}
		if p, ok := h.dir.Find(lastWord(r.Key)); ok && p.Kind == retinue.FactPerson && (r != b.Identity || b.Person) {
			return p, retinue.GradeB, true
		}
	}
	if p, ok := h.dir.Find(b.Consumer.Name); ok && b.Consumer.Name != "" && p.Kind == retinue.FactPerson {
		return p, retinue.GradeC, true
	}
	return steward.Party{}, "", false
}

// lastWord is the part of a key that names somebody: what follows the last slash
// or colon.
func lastWord(key string) string { return key[strings.LastIndexAny(key, "/:")+1:] }
