package app

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage/behave"
)

// peersMost is of how many of a group the habits are read.
const peersMost = 64

// signalGroups are the groups to which a thing belongs whose members may be
// expected to do alike: those of one kind in one realm with one owner, or of one
// application; namesakes in several realms, which one template made; and the
// credentials of one identity. All of a kind in a realm are no group: what three
// of a thousand do is not what the others do.
func signalGroups(tx *sqlstore.Tx, e store.Entity) ([]string, error) {
	var out []string
	add := func(parts ...string) {
		sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
		out = append(out, hex.EncodeToString(sum[:12]))
	}
	if e.Owner != "" {
		add("owner", string(e.Realm), string(e.Type), e.Kind, e.Owner)
	}
	switch e.Type {
	case retinue.FactIdentity:
		if e.Name != "" {
			add("namesake", e.Realm.Kind(), e.Kind, e.Name)
		}
		g, err := tx.Registration(e.InternalKey)
		if err != nil {
			return nil, err
		}
		if g != nil && g.Application != "" {
			add("application", string(e.Realm), e.Kind, g.Application)
		}
	case retinue.FactCredential:
		holder, err := holderOf(tx, e)
		if err != nil {
			return nil, err
		}
		if holder != 0 {
			id, err := tx.NoticeSubject(holder)
			if err != nil {
				return nil, err
			}
			add("identity", string(id.ID), e.Kind)
		}
	}
	return out, nil
}

// holderOf is the identity to which a credential belongs, 0 where none is known.
func holderOf(tx *sqlstore.Tx, e store.Entity) (int64, error) {
	facts, err := tx.FactsOf(e.InternalKey, true)
	if err != nil {
		return 0, err
	}
	for _, f := range facts {
		fact, err := retinue.DecodeFact(f.Type, f.Body)
		if err != nil {
			return 0, err
		}
		if c, ok := fact.(retinue.Credential); ok && !c.Identity.IsZero() {
			return tx.Resolve(c.Identity)
		}
	}
	return 0, nil
}

// userOf is the identity to which a credential belongs, or else the only one as
// which logs show it used: a key that is authorized on a machine names nobody, and
// the log of that machine does. It is 0 where there is none, or several.
func userOf(tx *sqlstore.Tx, e store.Entity, used []store.Used) (int64, error) {
	holder, err := holderOf(tx, e)
	if err != nil || holder != 0 {
		return holder, err
	}
	var only retinue.Ref
	for i := range used {
		ref := used[i].Behaviour.Identity
		if ref.IsZero() || !only.IsZero() && ref != only {
			return 0, nil
		}
		only = ref
	}
	if only.IsZero() {
		return 0, nil
	}
	return tx.Resolve(only)
}

// peersOf is what those do who share a group with a thing; nil where nobody does.
func peersOf(tx *sqlstore.Tx, e store.Entity) (*behave.Peers, error) {
	groups, err := signalGroups(tx, e)
	if err != nil {
		return nil, err
	}
	seen := map[int64]bool{e.InternalKey: true}
	var peers *behave.Peers
	for _, g := range groups {
		members, err := tx.Habits(g, peersMost)
		if err != nil {
			return nil, err
		}
		for _, m := range members {
			if seen[m.Entity] {
				continue
			}
			seen[m.Entity] = true
			var habits []behave.Habit
			if err := json.Unmarshal(m.Body, &habits); err != nil {
				return nil, err
			}
			if peers == nil {
				peers = &behave.Peers{}
			}
			peers.AddHabits(m.Ref, habits)
		}
	}
	return peers, nil
}
