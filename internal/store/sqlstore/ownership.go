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

// Own keeps who answers for identities from now on, and returns how many of
// them changed. Those that stay as they are write nothing.
func (tx *Tx) Own(list []store.Ownership) (int, error) {
	changed := 0
	for chunk := range slices.Chunk(list, 500) {
		n, err := tx.ownChunk(chunk)
		if err != nil {
			return changed, fmt.Errorf("keep owners: %w", err)
		}
		changed += n
	}
	return changed, nil
}

func (tx *Tx) ownChunk(list []store.Ownership) (int, error) {
	ids := make([]int64, len(list))
	for i, o := range list {
		ids[i] = o.Entity
	}
	have, err := tx.ownersOf(ids)
	if err != nil {
		return 0, err
	}
	changed := 0
	var reproject []int64
	for _, o := range list {
		old, ok := have[o.Entity]
		if ok && old.Same(o) || !ok && o.Owner == "" && o.Backup == "" {
			continue
		}
		if err := tx.own(o, ok); err != nil {
			return changed, err
		}
		have[o.Entity] = o
		changed++
		if old.Owner != o.Owner {
			reproject = append(reproject, o.Entity)
		}
	}
	if len(reproject) == 0 {
		return changed, nil
	}
	rev, err := tx.MaxRevision()
	if err != nil {
		return changed, err
	}
	tx.touched = true
	return changed, tx.reproject(reproject, rev+1, tx.at.UnixMicro())
}

func (tx *Tx) own(o store.Ownership, replaces bool) error {
	if replaces {
		if err := tx.exec("UPDATE ownerships SET to_at = $1 WHERE entity_id = $2 AND to_at IS NULL", tx.at.UnixMicro(), o.Entity); err != nil {
			return err
		}
	}
	if o.Owner == "" && o.Backup == "" {
		return nil
	}
	actor, err := json.Marshal(o.By)
	if err != nil {
		return err
	}
	id, err := tx.db.d.block(tx.ctx, tx.tx, "ownerships", 1)
	if err != nil {
		return err
	}
	return tx.exec("INSERT INTO ownerships (id, entity_id, from_at, owner, backup, how, rule, why, actor) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		id, o.Entity, tx.at.UnixMicro(), o.Owner, o.Backup, o.How, o.Rule, o.Why, string(actor))
}

// ownersOf reads who answers for entities now.
func (tx *Tx) ownersOf(ids []int64) (map[int64]store.Ownership, error) {
	out := map[int64]store.Ownership{}
	err := tx.query(func(rows *sql.Rows) error {
		o, err := scanOwnership(rows)
		out[o.Entity] = o
		return err
	}, `SELECT w.entity_id, w.from_at, w.to_at, w.owner, w.backup, w.how, w.rule, w.why, w.actor
		FROM `+tx.db.d.each("$1")+` j JOIN ownerships w ON w.entity_id = CAST(j.v AS BIGINT) AND w.to_at IS NULL`, tx.intList(ids))
	return out, err
}

func scanOwnership(rows *sql.Rows) (store.Ownership, error) {
	var o store.Ownership
	var from int64
	var to sql.NullInt64
	var actor string
	if err := rows.Scan(&o.Entity, &from, &to, &o.Owner, &o.Backup, &o.How, &o.Rule, &o.Why, &actor); err != nil {
		return o, err
	}
	o.From, o.To = observed(from), fromMicros(to)
	return o, json.Unmarshal([]byte(actor), &o.By)
}

// Owner returns who answers for an entity now; the zero Ownership says nobody.
func (tx *Tx) Owner(entity int64) (store.Ownership, error) {
	m, err := tx.ownersOf([]int64{entity})
	if err != nil {
		return store.Ownership{}, fmt.Errorf("read owner: %w", err)
	}
	return m[entity], nil
}

// Ownerships returns everyone who answered for an entity, the latest first. An
// entity that the scope does not see has none.
func (tx *Tx) Ownerships(entity int64) ([]store.Ownership, error) {
	if ok, err := tx.sees(entity); err != nil || !ok {
		return nil, err
	}
	var out []store.Ownership
	err := tx.query(func(rows *sql.Rows) error {
		o, err := scanOwnership(rows)
		out = append(out, o)
		return err
	}, `SELECT entity_id, from_at, to_at, owner, backup, how, rule, why, actor FROM ownerships WHERE entity_id = $1
		ORDER BY from_at DESC, id DESC`, entity)
	if err != nil {
		return nil, fmt.Errorf("read owners: %w", err)
	}
	return out, nil
}

// OwnershipRules returns the list of ownership rules in force; its body is nil
// where there never was one.
func (tx *Tx) OwnershipRules() (store.OwnershipRules, error) {
	all, err := tx.ownershipRules("WHERE to_at IS NULL")
	if err != nil || len(all) == 0 {
		return store.OwnershipRules{}, err
	}
	return all[0], nil
}

// OwnershipRulesVersions returns every list of ownership rules that there was,
// the latest first.
func (tx *Tx) OwnershipRulesVersions() ([]store.OwnershipRules, error) { return tx.ownershipRules("") }

func (tx *Tx) ownershipRules(where string) ([]store.OwnershipRules, error) {
	var out []store.OwnershipRules
	err := tx.query(func(rows *sql.Rows) error {
		var r store.OwnershipRules
		var from int64
		var to sql.NullInt64
		var actor, body string
		if err := rows.Scan(&from, &to, &actor, &body); err != nil {
			return err
		}
		r.From, r.To, r.Body = observed(from), fromMicros(to), json.RawMessage(body)
		out = append(out, r)
		return json.Unmarshal([]byte(actor), &out[len(out)-1].By)
	}, "SELECT from_at, to_at, actor, body FROM ownership_rules "+where+" ORDER BY from_at DESC, id DESC")
	if err != nil {
		return nil, fmt.Errorf("read ownership rules: %w", err)
	}
	return out, nil
}

// SetOwnershipRules puts a list of ownership rules in force.
func (tx *Tx) SetOwnershipRules(body json.RawMessage, by retinue.Actor) error {
	actor, err := json.Marshal(by)
	if err != nil {
		return err
	}
	if err := tx.exec("UPDATE ownership_rules SET to_at = $1 WHERE to_at IS NULL", tx.at.UnixMicro()); err != nil {
		return fmt.Errorf("keep ownership rules: %w", err)
	}
	id, err := tx.db.d.block(tx.ctx, tx.tx, "ownership_rules", 1)
	if err != nil {
		return err
	}
	if err := tx.exec("INSERT INTO ownership_rules (id, from_at, actor, body) VALUES ($1, $2, $3, $4)",
		id, tx.at.UnixMicro(), string(actor), string(body)); err != nil {
		return fmt.Errorf("keep ownership rules: %w", err)
	}
	tx.touched = true
	return nil
}

// DenyOwner keeps that somebody turned a suggested owner down.
func (tx *Tx) DenyOwner(d store.OwnerDenial) error {
	actor, err := json.Marshal(d.By)
	if err != nil {
		return err
	}
	err = tx.exec(`INSERT INTO owner_denials (entity_id, candidate, at, actor, reason) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (entity_id, candidate) DO UPDATE SET at = excluded.at, actor = excluded.actor, reason = excluded.reason`,
		d.Entity, d.Candidate, tx.at.UnixMicro(), string(actor), d.Reason)
	if err != nil {
		return fmt.Errorf("deny owner: %w", err)
	}
	return nil
}

// DeniedOwners lists whom people turned down as owner of an entity.
func (tx *Tx) DeniedOwners(entity int64) ([]string, error) {
	var out []string
	err := tx.query(func(rows *sql.Rows) error {
		var c string
		err := rows.Scan(&c)
		out = append(out, c)
		return err
	}, "SELECT candidate FROM owner_denials WHERE entity_id = $1 ORDER BY candidate", entity)
	if err != nil {
		return nil, fmt.Errorf("read denied owners: %w", err)
	}
	return out, nil
}

// SetRegistration puts a governance record back in force as it was; nil takes
// away the one that stands. It is for taking back what Register did.
func (tx *Tx) SetRegistration(entity int64, g *retinue.Registration, by retinue.Actor) error {
	if g != nil {
		return tx.Register(entity, *g, by)
	}
	if err := tx.exec("UPDATE registrations SET to_at = $1 WHERE entity_id = $2 AND to_at IS NULL", tx.at.UnixMicro(), entity); err != nil {
		return fmt.Errorf("take registration back: %w", err)
	}
	rev, err := tx.MaxRevision()
	if err != nil {
		return err
	}
	tx.touched = true
	return tx.reproject([]int64{entity}, rev+1, tx.at.UnixMicro())
}

// RegistrationOf returns the governance record of a visible identity, with the
// key of the entity. Without one the record is nil.
func (tx *Tx) RegistrationOf(id retinue.EntityID) (int64, *retinue.Registration, error) {
	key, err := tx.EntityKey(id)
	if err != nil {
		return 0, nil, err
	}
	ok, err := tx.sees(key)
	if err == nil && !ok {
		err = fmt.Errorf("%w: identity %s", retinue.ErrNotFound, id)
	}
	if err != nil {
		return 0, nil, err
	}
	var etype int
	var gone sql.NullInt64
	if err := tx.queryRow("SELECT type, gone_at FROM entities WHERE id = $1", key).Scan(&etype, &gone); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, nil, fmt.Errorf("read registration: %w", err)
	}
	if store.TypeAt(etype) != retinue.FactIdentity {
		return 0, nil, fmt.Errorf("%w: identity %s", retinue.ErrNotFound, id)
	}
	g, err := tx.Registration(key)
	return key, g, err
}
