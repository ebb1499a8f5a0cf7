package sqlstore

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// Then is the inventory at an observed time, by what was known at a revision.
// It answers the questions about one thing that Tx answers for now; which refs
// are one thing is as it is known now.
type Then struct {
	tx  *Tx
	at  int64
	rev int64
}

// Then returns the inventory as of a date.
func (tx *Tx) Then(a store.AsOf) (*Then, error) {
	rev, err := tx.known(a)
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	return &Then{tx: tx, at: asOfTime(a, tx.at), rev: rev}, nil
}

// Merged returns what was stated of an entity then.
func (t *Then) Merged(entity int64) (retinue.Fact, []store.Fact, error) {
	if ok, err := t.tx.reaches(entity); err != nil || !ok {
		return nil, nil, errors.Join(err, fmt.Errorf("%w: entity was not there", retinue.ErrNotFound))
	}
	var facts []store.Fact
	err := t.tx.query(func(rows *sql.Rows) error {
		f, err := scanFact(rows)
		facts = append(facts, f)
		return err
	}, factColumns+` FROM facts f`+factJoins+` WHERE `+validAt+` AND f.ref_id IN (SELECT id FROM refs WHERE entity_id = $3)
		ORDER BY s.authority DESC, f.obs_from DESC, f.id`, t.at, t.rev, entity)
	if err != nil {
		return nil, nil, fmt.Errorf("read facts: %w", err)
	}
	return t.tx.merge(entity, facts)
}

// Related returns the relations that pointed at an entity then.
func (t *Then) Related(entity int64, limit int, roles ...int) ([]store.Fact, error) {
	far, err := t.tx.farEnds(entity)
	if err != nil || far == noEnds {
		return nil, err
	}
	var out []store.Fact
	err = t.tx.query(func(rows *sql.Rows) error {
		f, err := scanFact(rows)
		out = append(out, f)
		return err
	}, factColumns+` FROM edges x JOIN facts f ON f.id = x.fact_id`+factJoins+`
		WHERE `+validAt+` AND x.ref_id IN (SELECT id FROM refs WHERE entity_id = $3) AND x.role IN (SELECT CAST(v AS BIGINT) FROM `+
		t.tx.db.d.each("$4")+fmt.Sprintf(` j) ORDER BY f.type, f.id LIMIT %d`, limit), t.at, t.rev, entity, t.tx.intList(roleIDs(roles)))
	if err != nil {
		return nil, fmt.Errorf("read relations: %w", err)
	}
	return t.tx.cover(out, far)
}

// CountRelated counts what Related would return without a limit.
func (t *Then) CountRelated(entity int64, role int) (int64, error) {
	if ok, err := t.tx.sees(entity); err != nil || !ok {
		return 0, err
	}
	var n int64
	err := t.tx.queryRow(`SELECT count(*) FROM edges x JOIN facts f ON f.id = x.fact_id
		WHERE `+validAt+` AND x.ref_id IN (SELECT id FROM refs WHERE entity_id = $3) AND x.role = $4`, t.at, t.rev, entity, role).Scan(&n)
	return n, err
}

// Uses returns the newest observation of each meaning that had been made then.
func (t *Then) Uses(entity int64) ([]retinue.Use, error) { return t.tx.usesUntil(entity, t.at) }

// Registration returns the governance record that was in force then, or nil.
func (t *Then) Registration(entity int64) (*retinue.Registration, error) {
	if ok, err := t.tx.sees(entity); err != nil || !ok {
		return nil, err
	}
	var body string
	err := t.tx.queryRow("SELECT body FROM registrations WHERE entity_id = $1 AND from_at <= $2 AND (to_at IS NULL OR to_at > $2)", entity, t.at).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read registration: %w", err)
	}
	g := &retinue.Registration{}
	return g, json.Unmarshal([]byte(body), g)
}

// Resolve returns the entity that a ref names, or 0.
func (t *Then) Resolve(r retinue.Ref) (int64, error) { return t.tx.Resolve(r) }

// RefsOf lists every ref by which an entity is known.
func (t *Then) RefsOf(entity int64) ([]retinue.Ref, error) { return t.tx.RefsOf(entity) }

// SamePublicKey lists the credentials that hold a public key now.
func (t *Then) SamePublicKey(key string) ([]int64, error) { return t.tx.SamePublicKey(key) }

func roleIDs(roles []int) []int64 {
	out := make([]int64, len(roles))
	for i, r := range roles {
		out[i] = int64(r)
	}
	return out
}
