package sqlstore

import (
	"database/sql"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// UsageActors lists who made, keyed, changed or read something that governance is
// about, by the logs: directly, through another identity or on whose behalf, with
// how many things each did that to. What it tells is of logs and not of things; who
// may see the things is asked where they are read.
func (tx *Tx) UsageActors() ([]store.UsageActor, error) {
	var out []store.UsageActor
	err := tx.query(func(rows *sql.Rows) error {
		var a store.UsageActor
		var person int64
		err := rows.Scan(&a.Key, &a.Ref.Realm, &a.Ref.Kind, &a.Ref.Key, &a.Targets, &person)
		a.Person = person == 1
		out = append(out, a)
		return err
	}, `SELECT r.id, m.realm, r.kind, r.key, count(DISTINCT t.target), max(CASE WHEN r.id = b.identity THEN b.flags % 2 ELSE 0 END)
		FROM usage_touches t JOIN usage_behaviours b ON b.id = t.behaviour JOIN refs r ON r.id IN (b.identity, b.via, b.behalf)
		JOIN realms m ON m.id = r.realm_id GROUP BY r.id, m.realm, r.kind, r.key ORDER BY r.id`)
	if err != nil {
		return nil, fmt.Errorf("list who touched what: %w", err)
	}
	return out, nil
}

// UsageTouchesBy lists what some actors did to the things that the scope sees.
func (tx *Tx) UsageTouchesBy(actors ...int64) ([]store.ActorTouch, error) {
	l, err := tx.lens()
	if err != nil || len(actors) == 0 {
		return nil, err
	}
	var out []store.ActorTouch
	each := "(SELECT v FROM " + tx.db.d.eachInt("$1") + " j)"
	err = tx.query(func(rows *sql.Rows) error {
		var t store.ActorTouch
		var typ int
		var first, last int64
		err := rows.Scan(&t.Actor, &t.Entity, &t.ID, &typ, &t.Kind, &t.Log, &t.Action, &t.N, &first, &last)
		t.Type, t.First, t.Last = store.TypeAt(typ), time.Unix(first, 0).UTC(), time.Unix(last, 0).UTC()
		out = append(out, t)
		return err
	}, `SELECT a.id, e.id, e.public_id, e.type, t.kind, wl.word, CASE WHEN wa.word = '' THEN wo.word ELSE wa.word END, sum(t.n), min(t.first_at), max(t.last_at)
		FROM refs a JOIN usage_behaviours b ON a.id IN (b.identity, b.via, b.behalf) JOIN usage_touches t ON t.behaviour = b.id
		JOIN refs r ON r.id = t.target JOIN entities e ON e.id = r.entity_id
		JOIN usage_words wl ON wl.id = b.log JOIN usage_words wa ON wa.id = b.action JOIN usage_words wo ON wo.id = b.operation
		WHERE a.id IN `+each+` AND b.outcome <> 'denied'`+and(l.sees("e"))+`
		GROUP BY a.id, e.id, e.public_id, e.type, t.kind, wl.word, wa.word, wo.word ORDER BY e.id, a.id, t.kind, wl.word, wa.word, wo.word`, tx.db.d.ints(actors))
	if err != nil {
		return nil, fmt.Errorf("list what was touched: %w", err)
	}
	return out, nil
}

// UsedByHand lists in which ways credentials that the scope sees were used with a
// terminal, a browser or one of some client programs, or by somebody whom the log
// calls a person: not by a workload, a pipeline or a service, and not refused.
// Its times are those of use.
func (tx *Tx) UsedByHand(agents []string) ([]store.HandUse, error) {
	l, err := tx.lens()
	if err != nil {
		return nil, err
	}
	type way struct {
		entity int64
		id     retinue.EntityID
	}
	ways := map[int64]way{}
	var keys []int64
	err = tx.query(func(rows *sql.Rows) error {
		var behaviour int64
		var w way
		err := rows.Scan(&behaviour, &w.entity, &w.id)
		if _, seen := ways[behaviour]; !seen {
			keys = append(keys, behaviour)
		}
		ways[behaviour] = w
		return err
	}, `SELECT b.id, e.id, e.public_id FROM usage_behaviours b JOIN usage_consumers c ON c.id = b.consumer JOIN refs r ON r.id = b.credential
		JOIN realms m ON m.id = r.realm_id
		LEFT JOIN credential_keys k ON m.realm LIKE 'credential:%' AND k.kind = substr(m.realm, 12) AND k.value = r.key LEFT JOIN refs o ON o.id = k.ref_id
		JOIN entities e ON e.id = COALESCE(r.entity_id, o.entity_id)
		WHERE b.outcome <> 'denied' AND c.kind NOT IN ('workload', 'pipeline', 'service') AND e.type = $1
		AND (b.flags <> 0 OR c.agent IN (SELECT v FROM `+tx.db.d.each("$2")+` j))`+and(l.sees("e"))+` ORDER BY b.id`, credentialType, tx.db.d.list(agents))
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	used, err := tx.usedOf(keys)
	if err != nil {
		return nil, fmt.Errorf("list what was used by hand: %w", err)
	}
	out := make([]store.HandUse, 0, len(used))
	for _, u := range used {
		if n := len(u.Months); n > 0 {
			w := ways[u.Key]
			out = append(out, store.HandUse{Entity: w.entity, ID: w.id, Behaviour: u.Behaviour,
				First: time.Unix(u.Months[0].First, 0).UTC(), Last: time.Unix(u.Months[n-1].Last, 0).UTC()})
		}
	}
	return out, nil
}
