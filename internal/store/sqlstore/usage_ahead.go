package sqlstore

import (
	"cmp"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

const (
	// waysAhead is of how many behaviours the counts are read ahead at once, beyond
	// those of one thing.
	waysAhead = 4096
	// relatedAhead is how many credentials of an identity are read ahead.
	relatedAhead = 500
	// usesKept is how many reports of last use are looked at of one thing.
	usesKept = 1000
)

// ahead is what a reading transaction read of things before it was asked.
type ahead struct {
	keys   map[retinue.EntityID]*aheadOf
	things map[int64]*aheadOf
}

// aheadOf is what was read ahead of a thing. Of one that is there only because
// another needs it, the usage was not read.
type aheadOf struct {
	entity       store.Entity
	facts        []store.Fact
	credentials  []store.Fact
	uses         []retinue.Use
	registration *retinue.Registration
	verdict      []store.VerdictRow // one or none
	used         []store.Used
	deeds        []store.UsedDeed
}

func (a *ahead) of(id retinue.EntityID) *aheadOf {
	if a == nil {
		return nil
	}
	return a.keys[id]
}

func (a *ahead) at(entity int64) *aheadOf {
	if a == nil {
		return nil
	}
	return a.things[entity]
}

// Ahead reads what the verdicts on the use of things ask, of many at a time: what
// Usage, UsageDeeds, Uses, FactsOf of what is in force, Related to their
// credentials, NoticeSubject, Registration and Verdict then return of them without asking
// the database again, for the caller to read and not to change. It takes the place
// of what was read ahead before, and returns of how many of the things it was: as
// many, in their order, as have not too much to be held at once, but one at least.
// It is for a View of everything; elsewhere it does nothing.
func (tx *Tx) Ahead(entities []int64) (int, error) {
	if tx.write || !tx.scope.All || len(entities) == 0 {
		return len(entities), nil
	}
	tx.ahead = nil
	refs, err := tx.refsOfSubjects(entities)
	if err != nil {
		return 0, fmt.Errorf("read usage: %w", err)
	}
	ways, err := tx.waysOf(refs)
	if err != nil {
		return 0, err
	}
	n, total := 0, 0
	for n < len(entities) && (n == 0 || total+len(ways[entities[n]].ids) <= waysAhead) {
		total += len(ways[entities[n]].ids)
		n++
	}
	entities = entities[:n]
	a := &ahead{keys: make(map[retinue.EntityID]*aheadOf, n), things: make(map[int64]*aheadOf, n)}
	for _, step := range []func(*ahead, []int64) error{tx.entitiesAhead, tx.factsAhead, tx.credentialsAhead, tx.usesAhead, tx.registrationsAhead, tx.verdictsAhead} {
		if err := step(a, entities); err != nil {
			return 0, fmt.Errorf("read ahead: %w", err)
		}
	}
	if err := tx.usageAhead(a, entities, ways); err != nil {
		return 0, err
	}
	tx.ahead = a
	return n, nil
}

func (tx *Tx) entitiesAhead(a *ahead, entities []int64) error {
	list, err := tx.listEntities(entityColumns+" WHERE e.id IN (SELECT v FROM "+tx.db.d.eachInt("$1")+" j)", tx.db.d.ints(entities))
	for _, e := range list {
		x := &aheadOf{entity: e}
		a.keys[e.ID], a.things[e.InternalKey] = x, x
	}
	return err
}

func (tx *Tx) factsAhead(a *ahead, entities []int64) error {
	return tx.query(func(rows *sql.Rows) error {
		f, err := scanFact(rows)
		if x := a.things[f.EntityKey]; err == nil && x != nil {
			x.facts = append(x.facts, f)
		}
		return err
	}, factColumns+` FROM facts f`+factJoins+` WHERE f.dropped_rev IS NULL AND f.rev_to IS NULL AND f.ref_id IN
		(SELECT h.id FROM `+tx.db.d.eachInt("$1")+` j JOIN refs h ON h.entity_id = j.v)`+currentOrder, tx.db.d.ints(entities))
}

func (tx *Tx) credentialsAhead(a *ahead, entities []int64) error {
	return tx.query(func(rows *sql.Rows) error {
		var holder int64
		f, err := scanFact(rows, &holder)
		if x := a.things[holder]; err == nil && x != nil && len(x.credentials) < relatedAhead {
			x.credentials = append(x.credentials, f)
		}
		return err
	}, factColumns+`, h.entity_id FROM `+tx.db.d.eachInt("$1")+` j JOIN refs h ON h.entity_id = j.v JOIN edges x ON x.ref_id = h.id AND x.role = $2
		JOIN facts f ON f.id = x.fact_id AND f.rev_to IS NULL`+factJoins+` ORDER BY f.type, f.id`, tx.db.d.ints(entities), store.EdgeIdentity)
}

// usesAhead reads what sources say of the last use of things and of their
// credentials.
func (tx *Tx) usesAhead(a *ahead, entities []int64) error {
	ask := slices.Clone(entities)
	for _, e := range entities {
		if x := a.things[e]; x != nil {
			for _, f := range x.credentials {
				if f.Type == retinue.FactCredential && f.EntityKey != 0 {
					ask = append(ask, f.EntityKey)
				}
			}
		}
	}
	slices.Sort(ask)
	ask = slices.Compact(ask)
	found := map[int64]*usesSeen{}
	err := tx.query(func(rows *sql.Rows) error {
		var entity int64
		var body string
		if err := rows.Scan(&entity, &body); err != nil {
			return err
		}
		if found[entity] == nil {
			found[entity] = &usesSeen{}
		}
		return found[entity].add(body)
	}, `SELECT r.entity_id, u.body FROM `+tx.db.d.eachInt("$1")+` j JOIN refs r ON r.entity_id = j.v JOIN uses u ON u.subject_id = r.id
		ORDER BY u.observed_at DESC, COALESCE(u.at, 0) DESC, u.id DESC`, tx.db.d.ints(ask))
	if err != nil {
		return err
	}
	for _, e := range ask {
		if a.things[e] == nil {
			a.things[e] = &aheadOf{} // of a credential no more than its uses
		}
		if s := found[e]; s != nil {
			a.things[e].uses = s.uses
		}
	}
	return nil
}

func (tx *Tx) registrationsAhead(a *ahead, entities []int64) error {
	return tx.query(func(rows *sql.Rows) error {
		var entity int64
		var body string
		if err := rows.Scan(&entity, &body); err != nil {
			return err
		}
		g, err := decodeRegistration(body)
		if x := a.things[entity]; x != nil {
			x.registration = g
		}
		return err
	}, "SELECT g.entity_id, g.body FROM "+tx.db.d.eachInt("$1")+" j JOIN registrations g ON g.entity_id = j.v WHERE g.to_at IS NULL", tx.db.d.ints(entities))
}

func (tx *Tx) verdictsAhead(a *ahead, entities []int64) error {
	var list []store.VerdictRow
	err := tx.verdicts(&list, "WHERE v.entity_id IN (SELECT v FROM "+tx.db.d.eachInt("$1")+" j)", tx.db.d.ints(entities))
	for _, v := range list {
		if x := a.keys[v.Entity]; x != nil {
			x.verdict = []store.VerdictRow{v}
		}
	}
	return err
}

// usageAhead reads the behaviours of things with their counts, each once however
// many of the things it is of, and what was done in them to others.
func (tx *Tx) usageAhead(a *ahead, entities []int64, all map[int64]ways) error {
	var ids []int64
	for _, e := range entities {
		ids = append(ids, all[e].ids...)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	used, err := tx.usedOf(ids)
	if err != nil {
		return err
	}
	index := make(map[int64]int, len(used))
	for i := range used {
		index[used[i].Key] = i
	}
	deeds, err := tx.deedsOf(ids)
	if err != nil {
		return err
	}
	for _, e := range entities {
		x := a.things[e]
		if x == nil {
			continue
		}
		for _, id := range all[e].ids {
			if i, ok := index[id]; ok {
				x.used = append(x.used, used[i])
			}
		}
		x.deeds = deedsIn(deeds, all[e])
	}
	return nil
}

// deedsOf reads what was done to others, by the behaviours in which it was done.
func (tx *Tx) deedsOf(ids []int64) (map[int64][]store.UsedDeed, error) {
	out := map[int64][]store.UsedDeed{}
	if len(ids) == 0 {
		return out, nil
	}
	err := tx.query(func(rows *sql.Rows) error {
		var d store.UsedDeed
		var hash []byte
		var id, first, last int64
		if err := rows.Scan(&id, &d.Kind, &d.Target.Realm, &d.Target.Kind, &d.Target.Key, &hash, &d.N, &first, &last); err != nil {
			return err
		}
		d.Behaviour = store.BehaviourHash(hash)
		d.First, d.Last = time.Unix(first, 0).UTC(), time.Unix(last, 0).UTC()
		out[id] = append(out[id], d)
		return nil
	}, `SELECT b.id, t.kind, m.realm, r.kind, r.key, b.hash, sum(t.n), min(t.first_at), max(t.last_at) FROM `+tx.db.d.eachInt("$1")+` j
		JOIN usage_touches t ON t.behaviour = j.v JOIN usage_behaviours b ON b.id = t.behaviour JOIN refs r ON r.id = t.target JOIN realms m ON m.id = r.realm_id
		GROUP BY b.id, t.kind, m.realm, r.kind, r.key, b.hash`, tx.db.d.ints(ids))
	if err != nil {
		return nil, fmt.Errorf("read deeds: %w", err)
	}
	return out, nil
}

// deedsIn are the deeds of a thing, in the order in which they began.
func deedsIn(deeds map[int64][]store.UsedDeed, w ways) []store.UsedDeed {
	var out []store.UsedDeed
	for _, id := range w.ids {
		if w.direct[id] {
			out = append(out, deeds[id]...)
		}
	}
	slices.SortStableFunc(out, func(x, y store.UsedDeed) int {
		return cmp.Or(x.First.Compare(y.First), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Target.Key, y.Target.Key))
	})
	return out
}
