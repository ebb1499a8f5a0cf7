package sqlstore

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// Ownables reads identities for the ownership rules, a page at a time. It
// remembers containers, which many of them share, and is of one transaction.
type Ownables struct {
	tx         *Tx
	containers map[int64]*containerNode
}

type containerNode struct {
	store.OwnableContainer
	parent sql.NullInt64
}

// Ownables returns a reader of identities for the ownership rules.
func (tx *Tx) Ownables() *Ownables {
	return &Ownables{tx: tx, containers: map[int64]*containerNode{}}
}

// Page returns the identities, persons' own accounts left out, that changed
// after a revision and have a key above after, in order of their keys.
func (o *Ownables) Page(rev, after int64, limit int) ([]store.Ownable, error) {
	l, err := o.tx.lens()
	if err != nil {
		return nil, err
	}
	keys, err := o.tx.ints(`SELECT e.id FROM entities e WHERE e.type = $1 AND e.gone_at IS NULL AND e.class <> $2
		AND e.touched_rev > $3 AND e.id > $4`+and(l.sees("e"))+` ORDER BY e.id LIMIT $5`,
		store.TypeIndex(retinue.FactIdentity), string(retinue.ClassPerson), rev, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list identities for ownership: %w", err)
	}
	return o.Of(keys)
}

// Of returns identities by their keys, in that order. Keys of what does not
// exist are left out.
func (o *Ownables) Of(keys []int64) ([]store.Ownable, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	byKey, err := o.rows(keys)
	if err != nil {
		return nil, fmt.Errorf("read identities for ownership: %w", err)
	}
	if err := o.facts(keys, byKey); err != nil {
		return nil, fmt.Errorf("read identities for ownership: %w", err)
	}
	out := make([]store.Ownable, 0, len(keys))
	for _, k := range keys {
		r := byKey[k]
		if r == nil {
			continue
		}
		if r.Containers, err = o.chain(r.container); err != nil {
			return nil, fmt.Errorf("read containers: %w", err)
		}
		out = append(out, r.Ownable)
	}
	return out, nil
}

type ownableRow struct {
	store.Ownable
	container sql.NullInt64
	bodies    [][]byte
}

func (o *Ownables) rows(keys []int64) (map[int64]*ownableRow, error) {
	out := map[int64]*ownableRow{}
	err := o.tx.query(func(rows *sql.Rows) error {
		r := &ownableRow{}
		var id, realm, reg, actor string
		var from sql.NullInt64
		n := &r.Now
		if err := rows.Scan(&r.Key, &id, &r.RefKey, &realm, &r.container, &reg, &from, &n.Owner, &n.Backup, &n.How, &n.Rule, &n.Why, &actor); err != nil {
			return err
		}
		r.ID, r.Realm, n.Entity, n.From = retinue.EntityID(id), retinue.Realm(realm), r.Key, fromMicros(from)
		out[r.Key] = r
		if actor != "" {
			if err := json.Unmarshal([]byte(actor), &n.By); err != nil {
				return err
			}
		}
		if reg == "" {
			return nil
		}
		r.Registration = &retinue.Registration{}
		return json.Unmarshal([]byte(reg), r.Registration)
	}, `SELECT e.id, e.public_id, r.key, m.realm, e.container_id, COALESCE(g.body, ''), w.from_at, COALESCE(w.owner, ''),
		COALESCE(w.backup, ''), COALESCE(w.how, ''), COALESCE(w.rule, ''), COALESCE(w.why, ''), COALESCE(w.actor, '')
		FROM `+o.tx.db.d.each("$1")+` j JOIN entities e ON e.id = CAST(j.v AS BIGINT) JOIN refs r ON r.id = e.ref_id JOIN realms m ON m.id = r.realm_id
		LEFT JOIN registrations g ON g.entity_id = e.id AND g.to_at IS NULL
		LEFT JOIN ownerships w ON w.entity_id = e.id AND w.to_at IS NULL`, o.tx.intList(keys))
	return out, err
}

// facts merges what is stated of the identities.
func (o *Ownables) facts(keys []int64, byKey map[int64]*ownableRow) error {
	err := o.tx.query(func(rows *sql.Rows) error {
		var key int64
		var body, source string
		if err := rows.Scan(&key, &body, &source); err != nil {
			return err
		}
		r := byKey[key]
		if r == nil {
			return nil
		}
		r.bodies = append(r.bodies, []byte(body))
		if !slices.Contains(r.Sources, source) {
			r.Sources = append(r.Sources, source)
		}
		return nil
	}, `SELECT r.entity_id, f.body, o.name FROM `+o.tx.db.d.each("$1")+` j JOIN refs r ON r.entity_id = CAST(j.v AS BIGINT)
		JOIN facts f ON f.ref_id = r.id AND f.rev_to IS NULL AND f.type = $2 JOIN scopes s ON s.id = f.scope_id JOIN sources o ON o.id = s.source_id
		ORDER BY r.entity_id, s.authority DESC, s.observed_at DESC, f.id`, o.tx.intList(keys), store.TypeIndex(retinue.FactIdentity))
	if err != nil {
		return err
	}
	for key, r := range byKey {
		if len(r.bodies) == 0 {
			delete(byKey, key)
			continue
		}
		declared := declaredPlaces(r.bodies)
		body, err := MergeBodies(r.bodies...)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(body, &r.Identity); err != nil {
			return err
		}
		r.Identity.Declared = declared
	}
	return nil
}

// declaredPlaces collects where every source says that a thing is declared:
// merging would keep the most authoritative one's only.
func declaredPlaces(bodies [][]byte) []retinue.Place {
	var out []retinue.Place
	for _, b := range bodies {
		var f struct{ Declared []retinue.Place }
		if json.Unmarshal(b, &f) == nil { // it was decoded before it was kept
			out = append(out, f.Declared...)
		}
	}
	return out
}

// maxChain bounds how deep containers nest.
const maxChain = 32

func (o *Ownables) chain(ref sql.NullInt64) ([]store.OwnableContainer, error) {
	var out []store.OwnableContainer
	for range maxChain {
		if !ref.Valid {
			break
		}
		n, err := o.node(ref.Int64)
		if err != nil {
			return nil, err
		}
		if n == nil {
			break
		}
		out = append(out, n.OwnableContainer)
		ref = n.parent
	}
	return out, nil
}

// node reads a container by a ref; nil where nothing is known about it.
func (o *Ownables) node(ref int64) (*containerNode, error) {
	if n, ok := o.containers[ref]; ok {
		return n, nil
	}
	n := &containerNode{}
	var id, body string
	err := o.tx.queryRow(`SELECT e.public_id, r.key, e.container_id, f.body FROM refs r JOIN entities e ON e.id = r.entity_id AND e.gone_at IS NULL
		JOIN facts f ON f.ref_id = r.id AND f.rev_to IS NULL AND f.type = $2 JOIN scopes s ON s.id = f.scope_id
		WHERE r.id = $1 ORDER BY s.authority DESC, f.id LIMIT 1`, ref, store.TypeIndex(retinue.FactContainer)).Scan(&id, &n.Key, &n.parent, &body)
	if errors.Is(err, sql.ErrNoRows) {
		o.containers[ref] = nil
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	n.ID = retinue.EntityID(id)
	if err := json.Unmarshal([]byte(body), &n.Container); err != nil {
		return nil, err
	}
	o.containers[ref] = n
	return n, nil
}
