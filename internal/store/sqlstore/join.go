package sqlstore

import (
	"database/sql"
	"fmt"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// credentialKey is one thing by which observations of a credential are known
// to be one.
type credentialKey struct{ kind, value string }

func keysOf(row store.FactRow, f retinue.Fact) []credentialKey {
	var out []credentialKey
	for _, p := range row.Fingerprints {
		out = append(out, credentialKey{"fp:" + p.KeyID, p.MAC})
	}
	if c, ok := f.(retinue.Credential); ok {
		for _, j := range c.Joins {
			out = append(out, credentialKey{string(j.Kind), j.Value})
		}
	}
	return out
}

// joinTarget returns the entity that other observations of the credential
// belong to, or 0. Where they belong to several, these are merged first.
func (a *applier) joinTarget(row store.FactRow, f retinue.Fact, self int64) (int64, error) {
	var found []int64
	if err := a.w.flush(); err != nil {
		return 0, err
	}
	for _, k := range keysOf(row, f) {
		err := a.tx.query(func(rows *sql.Rows) error {
			var e int64
			if err := rows.Scan(&e); err != nil {
				return err
			}
			found = append(found, e)
			return nil
		}, `SELECT DISTINCT r.entity_id FROM credential_keys k JOIN refs r ON r.id = k.ref_id
			WHERE k.kind = $1 AND k.value = $2 AND k.ref_id <> $3 AND r.entity_id IS NOT NULL`, k.kind, k.value, self)
		if err != nil {
			return 0, fmt.Errorf("join credential: %w", err)
		}
	}
	slices.Sort(found)
	found = slices.Compact(found)
	if len(found) == 0 {
		return 0, nil
	}
	for _, e := range found[1:] {
		if err := a.merge(found[0], e, "observations share a key"); err != nil {
			return 0, err
		}
	}
	return found[0], nil
}

// joinNew gives a ref that had no entity the one of other observations.
func (a *applier) joinNew(p *prepared, row refRow, seen bool, entity int64, known map[store.Hash]refRow) (refRow, error) {
	var err error
	if !seen {
		if row, err = a.mintRef(p.row, entity); err != nil {
			return row, err
		}
	} else if err := a.adopt(row.id, entity); err != nil {
		return row, err
	}
	row.entity, row.etype = entity, p.typ
	known[p.row.RefHash] = row
	a.touched[entity] = struct{}{}
	if err := a.addJoin(row.id, entity, 0, "observations share a key"); err != nil {
		return row, err
	}
	return row, a.writeKeys(row.id, p.row, p.fact)
}

// joinKnown brings the keys of a credential that has an entity up to date, and
// merges or splits entities accordingly.
func (a *applier) joinKnown(f store.FactRow, fact retinue.Fact, row refRow) error {
	if err := a.w.flush(); err != nil {
		return err
	}
	var err error
	if row.entity, err = a.entityOf(row.id); err != nil { // a merge in this batch may have moved it
		return err
	}
	changed, err := a.valueChanged(row.id, f)
	if err != nil {
		return err
	}
	target, err := a.joinTarget(f, fact, row.id)
	if err != nil {
		return err
	}
	if changed && target != row.entity {
		if err := a.split(row, f.Type); err != nil {
			return err
		}
		if row.entity, err = a.entityOf(row.id); err != nil {
			return err
		}
	}
	if target != 0 && target != row.entity {
		keep, drop := min(target, row.entity), max(target, row.entity)
		if err := a.merge(keep, drop, "observations share a key"); err != nil {
			return err
		}
	}
	return a.writeKeys(row.id, f, fact)
}

// rejoin brings fingerprints up to date where the fact itself is unchanged: a
// new fingerprint key writes its rows beside the old ones.
func (a *applier) rejoin(row store.FactRow) error {
	have, err := a.tx.lookupRefs([]store.Hash{row.RefHash})
	if err != nil {
		return err
	}
	r, ok := have[row.RefHash]
	if !ok || r.entity == 0 {
		return nil
	}
	missing := false
	for _, p := range row.Fingerprints {
		var n int
		if err := a.tx.queryRow(`SELECT count(*) FROM credential_keys WHERE kind = $1 AND value = $2 AND ref_id = $3`,
			"fp:"+p.KeyID, p.MAC, r.id).Scan(&n); err != nil {
			return fmt.Errorf("join credential: %w", err)
		}
		missing = missing || n == 0
	}
	if !missing {
		return nil
	}
	f, err := retinue.DecodeFact(row.Type, row.Body)
	if err != nil {
		return err
	}
	a.touched[r.entity] = struct{}{}
	return a.joinKnown(row, f, r)
}

// valueChanged reports whether the ref had another value before: a different
// fingerprint under the same key.
func (a *applier) valueChanged(ref int64, row store.FactRow) (bool, error) {
	for _, p := range row.Fingerprints {
		var n int
		err := a.tx.queryRow(`SELECT count(*) FROM credential_keys WHERE ref_id = $1 AND kind = $2 AND value <> $3`,
			ref, "fp:"+p.KeyID, p.MAC).Scan(&n)
		if err != nil {
			return false, fmt.Errorf("join credential: %w", err)
		}
		if n > 0 {
			return true, nil
		}
	}
	return false, nil
}

// writeKeys replaces the keys of a ref. Fingerprints under other fingerprint
// keys stay unless the value changed: during a rotation old and new stand side
// by side.
func (a *applier) writeKeys(ref int64, row store.FactRow, f retinue.Fact) error {
	changed, err := a.valueChanged(ref, row)
	if err != nil {
		return err
	}
	keep := ""
	if !changed {
		keep = " AND kind NOT LIKE 'fp:%'"
	}
	if err := a.tx.exec("DELETE FROM credential_keys WHERE ref_id = $1"+keep, ref); err != nil {
		return fmt.Errorf("write credential keys: %w", err)
	}
	keys := keysOf(row, f)
	if c, ok := f.(retinue.Credential); ok && c.PublicKey != "" {
		keys = append(keys, credentialKey{"spki", c.PublicKey}) // asked for, and joins nothing
	}
	for _, k := range keys {
		if err := a.tx.exec(`INSERT INTO credential_keys (kind, value, ref_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			k.kind, k.value, ref); err != nil {
			return fmt.Errorf("write credential keys: %w", err)
		}
	}
	return nil
}

func (a *applier) addJoin(ref, entity, previous int64, reason string) error {
	id, err := a.tx.db.d.block(a.tx.ctx, a.tx.tx, "joins", 1)
	if err != nil {
		return err
	}
	var prev any
	if previous != 0 {
		prev = previous
	}
	return a.tx.exec(`INSERT INTO joins (id, ref_id, entity_id, previous, reason, rev_from) VALUES ($1, $2, $3, $4, $5, $6)`,
		id, ref, entity, prev, reason, a.rev)
}

func (a *applier) entityOf(ref int64) (int64, error) {
	var e sql.NullInt64
	err := a.tx.queryRow("SELECT entity_id FROM refs WHERE id = $1", ref).Scan(&e)
	return e.Int64, err
}

// merge moves every ref of the entity drop to keep. The dropped public id
// leads to the kept one and is never reused.
func (a *applier) merge(keep, drop int64, reason string) error {
	if keep == drop {
		return nil
	}
	if err := a.w.flush(); err != nil {
		return err
	}
	var refs []int64
	err := a.tx.query(func(rows *sql.Rows) error {
		var r int64
		if err := rows.Scan(&r); err != nil {
			return err
		}
		refs = append(refs, r)
		return nil
	}, "SELECT id FROM refs WHERE entity_id = $1", drop)
	if err != nil {
		return fmt.Errorf("merge entities: %w", err)
	}
	for _, r := range refs {
		if err := a.addJoin(r, keep, drop, reason); err != nil {
			return err
		}
	}
	if err := a.tx.forget(drop); err != nil {
		return fmt.Errorf("merge entities: %w", err)
	}
	for _, q := range []string{
		"UPDATE refs SET entity_id = $1 WHERE entity_id = $2",
		"UPDATE findings SET entity_id = $1 WHERE entity_id = $2",
		"UPDATE registrations SET entity_id = $1 WHERE entity_id = $2",
		"UPDATE entity_redirects SET entity_id = $1 WHERE entity_id = $2",
	} {
		if err := a.tx.exec(q, keep, drop); err != nil {
			return fmt.Errorf("merge entities: %w", err)
		}
	}
	if err := a.tx.exec(`INSERT INTO entity_redirects (public_id, entity_id, rev)
		SELECT public_id, $1, $2 FROM entities WHERE id = $3 ON CONFLICT (public_id) DO UPDATE SET entity_id = excluded.entity_id`,
		keep, a.rev, drop); err != nil {
		return fmt.Errorf("merge entities: %w", err)
	}
	delete(a.touched, drop)
	delete(a.bumped, drop)
	a.touched[keep] = struct{}{}
	a.tx.stale[keep], a.tx.past[keep] = struct{}{}, struct{}{}
	delete(a.tx.past, drop)
	return a.tx.exec("DELETE FROM entities WHERE id = $1", drop)
}

// split gives a ref an entity of its own where it shared one with others and
// its value is no longer theirs.
func (a *applier) split(row refRow, t retinue.FactType) error {
	var others int
	if err := a.tx.queryRow("SELECT count(*) FROM refs WHERE entity_id = $1 AND id <> $2", row.entity, row.id).Scan(&others); err != nil {
		return fmt.Errorf("split entity: %w", err)
	}
	if others == 0 {
		return nil
	}
	id, err := a.w.entityKeys.take()
	if err != nil {
		return err
	}
	// It is made as gone: projecting it finds what is stated of it and counts it.
	if err := a.tx.exec(`INSERT INTO entities (id, public_id, type, ref_id, scope_id, name, kind, subtype, class, state,
		environment, criticality, data_class, managed, owner, first_seen, touched_rev, labels, gone_at, version_from)
		SELECT $1, $2, type, $3, $4, name, kind, subtype, class, state, environment, criticality, data_class, managed, '', $5, $6, '', $5, $5
		FROM entities WHERE id = $7`, id, string(retinue.NewEntityID(t, a.tx.at)), row.id, a.scope.id, a.obs, a.rev, row.entity); err != nil {
		return fmt.Errorf("split entity: %w", err)
	}
	if err := a.tx.exec("UPDATE joins SET rev_to = $1 WHERE ref_id = $2 AND rev_to IS NULL", a.rev, row.id); err != nil {
		return fmt.Errorf("split entity: %w", err)
	}
	if err := a.tx.exec("UPDATE refs SET entity_id = $1 WHERE id = $2", id, row.id); err != nil {
		return fmt.Errorf("split entity: %w", err)
	}
	a.touched[id], a.touched[row.entity] = struct{}{}, struct{}{}
	a.tx.past[id], a.tx.past[row.entity] = struct{}{}, struct{}{}
	return nil
}
