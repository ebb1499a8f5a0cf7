package sqlstore

import (
	"database/sql"
	"fmt"
	"time"

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
