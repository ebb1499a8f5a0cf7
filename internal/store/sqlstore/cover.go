package sqlstore

import (
	"encoding/json"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// ends says what the scope may be told of an entity's relations.
type ends int

const (
	noEnds   ends = iota // nothing: the entity is not reached
	ownEnds              // those whose other ends are reached too
	everyEnd             // every one: the entity is seen
)

// farEnds says what the scope may be told of an entity's relations. A shared
// policy, group or container that is merely reached does not tell what else
// uses it.
func (tx *Tx) farEnds(entity int64) (ends, error) {
	ok, err := tx.sees(entity)
	if err != nil {
		return noEnds, err
	}
	if ok {
		return everyEnd, nil
	}
	if ok, err = tx.reaches(entity); err != nil || !ok {
		return noEnds, err
	}
	return ownEnds, nil
}

// cover leaves of relations what the scope may be told: things at their other
// ends that it does not see come down to their refs.
func (tx *Tx) cover(facts []store.Fact, far ends) ([]store.Fact, error) {
	if tx.scope.All {
		return facts, nil
	}
	out := facts[:0]
	for _, f := range facts {
		if far == ownEnds {
			ok, err := tx.reachesAll(f)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
		}
		if f.EntityKey != 0 {
			ok, err := tx.reaches(f.EntityKey)
			if err != nil {
				return nil, err
			}
			if !ok {
				if f.Body, err = tx.bare(f); err != nil {
					return nil, err
				}
				f.Entity, f.EntityKey = "", 0
			}
		}
		out = append(out, f)
	}
	return out, nil
}

// reachesAll reports whether everything that a fact names is reached.
func (tx *Tx) reachesAll(f store.Fact) (bool, error) {
	fact, err := retinue.DecodeFact(f.Type, f.Body)
	if err != nil {
		return false, err
	}
	for _, e := range store.Edges(fact) {
		entity, err := tx.Resolve(e.Ref)
		if err != nil || entity == 0 {
			return false, err
		}
	}
	return true, nil
}

// bare is a fact about a thing with nothing but its ref and what the type
// cannot be without, and of what it runs as, what is reached.
func (tx *Tx) bare(f store.Fact) (json.RawMessage, error) {
	fact, err := retinue.DecodeFact(f.Type, f.Body)
	if err != nil {
		return nil, err
	}
	var out retinue.Fact
	switch v := fact.(type) {
	case retinue.Identity:
		out = retinue.Identity{Ref: v.Ref, Kind: v.Kind, Class: v.Class}
	case retinue.Credential:
		out = retinue.Credential{Ref: v.Ref, Kind: v.Kind, Identity: v.Identity}
	case retinue.Resource:
		r := retinue.Resource{Ref: v.Ref, Kind: v.Kind}
		for _, ref := range v.RunsAs {
			entity, err := tx.Resolve(ref)
			if err != nil {
				return nil, err
			}
			if entity != 0 {
				r.RunsAs = append(r.RunsAs, ref)
			}
		}
		out = r
	case retinue.Container:
		out = retinue.Container{Ref: v.Ref, Kind: v.Kind}
	case retinue.Policy:
		out = retinue.Policy{Ref: v.Ref, Language: v.Language}
	case retinue.Group:
		out = retinue.Group{Ref: v.Ref}
	case retinue.Person:
		out = retinue.Person{Ref: v.Ref}
	case retinue.Team:
		out = retinue.Team{Ref: v.Ref}
	case retinue.Application:
		out = retinue.Application{Ref: v.Ref}
	default:
		return f.Body, nil
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("cover %s: %w", f.Ref, err)
	}
	return b, nil
}
