package sqlstore

import (
	"database/sql"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// Standings returns what the access of identities came to when it was last
// looked at, by the keys of their entities.
func (tx *Tx) Standings() (map[int64]string, error) {
	out := map[int64]string{}
	err := tx.query(func(rows *sql.Rows) error {
		var entity int64
		var body string
		err := rows.Scan(&entity, &body)
		out[entity] = body
		return err
	}, "SELECT entity_id, body FROM access_standings")
	if err != nil {
		return nil, fmt.Errorf("read standings of access: %w", err)
	}
	return out, nil
}

// SetStanding keeps what the access of an identity comes to; an empty body says
// that it comes to nothing.
func (tx *Tx) SetStanding(entity int64, body string) error {
	if body == "" {
		return tx.exec("DELETE FROM access_standings WHERE entity_id = $1", entity)
	}
	return tx.exec("INSERT INTO access_standings (entity_id, body) VALUES ($1, $2) ON CONFLICT (entity_id) DO UPDATE SET body = excluded.body", entity, body)
}

// AddAccessChange keeps a change of access at the transaction's time.
func (tx *Tx) AddAccessChange(entity int64, c store.AccessChange) error {
	key, err := tx.db.d.block(tx.ctx, tx.tx, "access_changes", 1)
	if err != nil {
		return err
	}
	return tx.exec("INSERT INTO access_changes (id, entity_id, kind, text, rev, at) VALUES ($1, $2, $3, $4, $5, $6)",
		key, entity, c.Kind, c.Text, c.Revision, tx.at.UnixMicro())
}

// AccessChanges lists changes of access, the newest first, of what the
// transaction's scope sees.
func (tx *Tx) AccessChanges(q store.AccessChangeQuery) ([]store.AccessChange, error) {
	l, err := tx.lens()
	if err != nil {
		return nil, err
	}
	c := &conditions{}
	if !l.all {
		c.add(l.sees("e"))
	}
	if q.Entity != "" {
		c.add("e.public_id = ?", string(q.Entity))
	}
	if q.Kind != "" {
		c.add("c.kind = ?", q.Kind)
	}
	if q.Before > 0 {
		c.add("c.id < ?", q.Before)
	}
	if !q.At.From.IsZero() {
		c.add("c.at >= ?", q.At.From.UnixMicro())
	}
	if !q.At.To.IsZero() {
		c.add("c.at < ?", q.At.To.UnixMicro())
	}
	if q.Limit <= 0 || q.Limit > store.MaxPage {
		q.Limit = store.MaxPage
	}
	var out []store.AccessChange
	err = tx.query(func(rows *sql.Rows) error {
		var x store.AccessChange
		var id, name, key string
		var at int64
		err := rows.Scan(&x.Key, &id, &name, &key, &x.Kind, &x.Text, &x.Revision, &at)
		x.Entity, x.Name, x.At = retinue.EntityID(id), name, observed(at)
		if name == "" {
			x.Name = key
		}
		out = append(out, x)
		return err
	}, `SELECT c.id, e.public_id, e.name, r.key, c.kind, c.text, c.rev, c.at FROM access_changes c
		JOIN entities e ON e.id = c.entity_id JOIN refs r ON r.id = e.ref_id`+c.where()+fmt.Sprintf(" ORDER BY c.id DESC LIMIT %d", q.Limit), c.args...)
	if err != nil {
		return nil, fmt.Errorf("list changes of access: %w", err)
	}
	return out, nil
}

// FactsMoved reports whether a fact of one of some types began or ended after a
// revision. What the platform states of itself does not count: no access of
// others hangs on it.
func (tx *Tx) FactsMoved(rev int64, types ...retinue.FactType) (bool, error) {
	ids := make([]int64, len(types))
	for i, t := range types {
		ids[i] = int64(store.TypeIndex(t))
	}
	var n int
	const others = ` AND f.scope_id NOT IN (SELECT s.id FROM scopes s JOIN realms r ON r.id = s.realm_id WHERE r.realm LIKE 'retinue:%')`
	err := tx.queryRow(`SELECT count(*) FROM (SELECT 1 AS one FROM facts f WHERE f.rev_from > $1 AND f.type IN `+in(ids)+others+`
		UNION ALL SELECT 1 AS one FROM facts f WHERE f.rev_to > $1 AND f.type IN `+in(ids)+others+` LIMIT 1) AS t`, rev).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for changed facts: %w", err)
	}
	return n > 0, nil
}
