package app

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/rules"
	"github.com/retinue-id/retinue/internal/steward"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// handSlack is how far the time of a credential may lie from that of the entry in
// the log by which it was made.
const handSlack = 10 * time.Minute

// hands tells which persons touched what, by the logs.
type hands struct {
	tx  *sqlstore.Tx
	dir *steward.Directory
	// by are the actors by the key of their ref, who the persons among them.
	by  map[int64]store.UsageActor
	who map[int64]steward.Party
}

func readHands(tx *sqlstore.Tx, dir *steward.Directory) (*hands, error) {
	h := &hands{tx: tx, dir: dir, by: map[int64]store.UsageActor{}, who: map[int64]steward.Party{}}
	actors, err := tx.UsageActors()
	if err != nil {
		return nil, err
	}
	for _, a := range actors {
		h.by[a.Key] = a
		p, ok, err := h.person(a)
		if err != nil {
			return nil, err
		}
		if ok {
			h.who[a.Key] = p
		}
	}
	return h, nil
}

// person is the person that an actor is, by the directory. What a source lists as
// no person is none, whatever its name.
func (h *hands) person(a store.UsageActor) (steward.Party, bool, error) {
	words := []string{a.Ref.Key, a.Ref.Key[strings.LastIndexAny(a.Ref.Key, "/:")+1:]}
	key, err := h.tx.Resolve(a.Ref)
	if err != nil {
		return steward.Party{}, false, err
	}
	if key != 0 {
		fact, _, err := h.tx.Merged(key)
		if err == nil {
			switch f := fact.(type) {
			case retinue.Person:
				words = append(words, f.Email)
			case retinue.Identity:
				if f.Class == retinue.ClassNonHuman && !a.Person {
					return steward.Party{}, false, nil
				}
				words = append(words, attr(f.Attrs, "email"), f.Name)
			}
		}
	}
	for _, w := range words {
		if p, ok := h.dir.Find(w); ok && w != "" && p.Kind == retinue.FactPerson {
			return p, true, nil
		}
	}
	return steward.Party{}, false, nil
}

// leavers are the keys of the actors who left; of one of them, where a name is
// given.
func (h *hands) leavers(name string) []int64 {
	var out []int64
	for key, p := range h.who {
		if p.Left && (name == "" || steward.Fold(p.Name) == steward.Fold(name)) {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

// handWord says what somebody did to a credential that lets them know it; "" for
// what does not.
func handWord(k retinue.TouchKind) string {
	switch k {
	case retinue.TouchCreate, retinue.TouchIssue:
		return "created"
	case retinue.TouchRead:
		return "read"
	case retinue.TouchRotate:
		return "rotated"
	}
	return ""
}

// known lists what persons who left know, one of them where a name is given:
// credentials that they made, read, rotated or used by hand, by the logs, and that
// have the same value since. A log that names the
// identity for which a key was made means the key that was made then.
func (h *hands) known(name string) ([]api.KnownCredential, error) {
	touches, err := h.tx.UsageTouchesBy(h.leavers(name)...)
	if err != nil {
		return nil, err
	}
	at := map[string]*api.KnownCredential{}
	for _, t := range touches {
		if handWord(t.Kind) == "" {
			continue
		}
		creds, err := h.credentials(t)
		if err != nil {
			return nil, err
		}
		for _, c := range creds {
			if renewed := laterOf(c.fact.CreatedAt, c.fact.RotatedAt); renewed.After(t.Last.Add(handSlack)) {
				continue // it has another value since
			}
			p := h.who[t.Actor]
			k := atKnown(at, p.Name+"\x00"+string(c.id), api.KnownCredential{ID: c.id, Ref: c.fact.Ref, Name: cmp.Or(c.fact.Name, c.fact.Ref.Key),
				Kind: c.fact.Kind, State: c.fact.State, Person: p.Name, First: t.First, Last: t.Last, Grade: retinue.GradeB})
			k.First, k.Last = earlierOf(k.First, t.First), laterOf(k.Last, t.Last)
			k.How = with(k.How, handWord(t.Kind))
			k.Evidence = with(k.Evidence, t.Log+": "+t.Action)
		}
	}
	if err := h.usedByLeavers(name, at); err != nil {
		return nil, err
	}
	out := make([]api.KnownCredential, 0, len(at))
	for _, k := range at {
		out = append(out, *k)
	}
	slices.SortFunc(out, func(a, b api.KnownCredential) int {
		return cmp.Or(strings.Compare(a.Person, b.Person), b.Last.Compare(a.Last), strings.Compare(string(a.ID), string(b.ID)))
	})
	return out, nil
}

func atKnown(m map[string]*api.KnownCredential, key string, fresh api.KnownCredential) *api.KnownCredential {
	return at(m, key, func() *api.KnownCredential { return &fresh })
}

// touchedCredential is a credential that somebody touched.
type touchedCredential struct {
	id   retinue.EntityID
	fact retinue.Credential
}

// credentials are those that an entry of a log is about.
func (h *hands) credentials(t store.ActorTouch) ([]touchedCredential, error) {
	if t.Type == retinue.FactCredential {
		fact, _, err := h.tx.Merged(t.Entity)
		if c, ok := fact.(retinue.Credential); ok {
			return []touchedCredential{{t.ID, c}}, err
		}
		return nil, err
	}
	if t.Kind != retinue.TouchIssue {
		return nil, nil
	}
	related, err := h.tx.Related(t.Entity, maxIssued, store.EdgeIdentity)
	if err != nil {
		return nil, err
	}
	var out []touchedCredential
	for _, f := range related {
		if f.Type != retinue.FactCredential {
			continue
		}
		fact, err := retinue.DecodeFact(f.Type, f.Body)
		if err != nil {
			return nil, err
		}
		c, ok := fact.(retinue.Credential)
		if ok && !c.CreatedAt.IsZero() && !c.CreatedAt.Before(t.First.Add(-handSlack)) && !c.CreatedAt.After(t.Last.Add(handSlack)) {
			out = append(out, touchedCredential{f.Entity, c})
		}
	}
	return out, nil
}

// maxIssued bounds how many credentials of an identity are looked at.
const maxIssued = 200

// knownBy lists what one person who left knows of what the scope sees.
func knownBy(tx *sqlstore.Tx, dir *steward.Directory, name string) ([]api.KnownCredential, error) {
	h, err := readHands(tx, dir)
	if err != nil {
		return nil, err
	}
	return h.known(name)
}

// knownTo answers the rules: who left and knows which credential.
func knownTo(tx *sqlstore.Tx, dir *steward.Directory) (map[retinue.EntityID][]rules.Knower, error) {
	h, err := readHands(tx, dir)
	if err != nil {
		return nil, err
	}
	list, err := h.known("")
	out := map[retinue.EntityID][]rules.Knower{}
	for _, k := range list {
		out[k.ID] = append(out[k.ID], rules.Knower{Name: k.Person, How: strings.Join(k.How, ", "), First: k.First, Last: k.Last, Evidence: strings.Join(k.Evidence, ", "), Grade: string(k.Grade)})
	}
	return out, err
}

// traces are the logs' own evidence of who answers for an identity: persons who
// made it, gave it keys, or changed it. Who does so to many things does it as a
// task, and says the less about each.
func (h *hands) traces(id retinue.EntityID) ([]steward.Signal, error) {
	touches, err := h.tx.UsageTouches(id)
	if err != nil {
		return nil, err
	}
	byRef := map[retinue.Ref]int64{}
	for key, a := range h.by {
		byRef[a.Ref] = key
	}
	var out []steward.Signal
	for _, t := range touches {
		kind := traceKind(t.Kind)
		key := byRef[t.By]
		p, ok := h.who[key]
		if kind == "" || !ok {
			continue
		}
		out = append(out, steward.Signal{Kind: kind, Candidate: p.Name, Quote: t.Action + ", last on " + t.Last.Format(time.DateOnly), At: t.Last,
			Share: usualTargets / max(usualTargets, float64(h.by[key].Targets))})
	}
	return out, nil
}

// usualTargets is to how many things somebody who answers for some does something.
const usualTargets = 20.0

func traceKind(k retinue.TouchKind) string {
	switch k {
	case retinue.TouchCreate:
		return "log_made"
	case retinue.TouchIssue, retinue.TouchRotate:
		return "log_keyed"
	case retinue.TouchEdit, retinue.TouchDisable, retinue.TouchEnable:
		return "log_changed"
	}
	return ""
}
