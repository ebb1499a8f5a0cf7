package sqlstore

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// CreateSource writes a source that was configured. ErrConflict says that the
// name is taken.
func (tx *Tx) CreateSource(c store.SourceConfig) (store.SourceConfig, error) {
	taken, err := tx.sourceByName(c.Source.Name)
	if err == nil && taken.configured {
		return c, fmt.Errorf("%w: source %s: the name is taken", retinue.ErrConflict, c.Source.Name)
	}
	if err == nil && taken.src.Kind != c.Source.Kind {
		return c, fmt.Errorf("%w: source %s: the name belongs to a source of kind %s", retinue.ErrConflict, c.Source.Name, taken.src.Kind)
	}
	switch {
	case err == nil: // scanned before by that name, from the command line or before it was removed
		c.Source.ID, c.Source.Key = taken.src.ID, taken.src.Key
		if err := tx.exec("UPDATE sources SET target = $1 WHERE id = $2", c.Source.Target, c.Source.Key); err != nil {
			return c, fmt.Errorf("create source: %w", err)
		}
	case errors.Is(err, retinue.ErrNotFound):
		if c.Source.Key, err = tx.db.d.block(tx.ctx, tx.tx, "sources", 1); err != nil {
			return c, err
		}
		c.Source.ID = retinue.NewSourceID(tx.at)
		if err := tx.exec("INSERT INTO sources (id, public_id, kind, name, target) VALUES ($1, $2, $3, $4, $5)",
			c.Source.Key, string(c.Source.ID), c.Source.Kind, c.Source.Name, c.Source.Target); err != nil {
			return c, fmt.Errorf("create source: %w", err)
		}
	default:
		return c, err
	}
	c.CreatedAt, c.UpdatedAt, c.Version = tx.at, tx.at, 1
	return c, tx.writeSource(c, `INSERT INTO source_configs (origin, target, options, interval_us, jitter_us, paused, collector_id,
		checked, updated_at, updated_by, version, source_id, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`, tx.at.UnixMicro())
}

// SaveSource writes a configuration over the one that stands, and raises its
// version.
func (tx *Tx) SaveSource(c store.SourceConfig) (store.SourceConfig, error) {
	c.UpdatedAt = tx.at
	c.Version++
	if err := tx.exec("UPDATE sources SET target = $1 WHERE id = $2", c.Source.Target, c.Source.Key); err != nil {
		return c, fmt.Errorf("save source: %w", err)
	}
	return c, tx.writeSource(c, `UPDATE source_configs SET origin = $1, target = $2, options = $3, interval_us = $4, jitter_us = $5,
		paused = $6, collector_id = $7, checked = $8, updated_at = $9, updated_by = $10, version = $11 WHERE source_id = $12`)
}

func (tx *Tx) writeSource(c store.SourceConfig, q string, more ...any) error {
	options, err := json.Marshal(c.Options)
	if err != nil {
		return err
	}
	by, err := json.Marshal(c.UpdatedBy)
	if err != nil {
		return err
	}
	checked := ""
	if c.Checked != nil {
		b, err := json.Marshal(c.Checked)
		if err != nil {
			return err
		}
		checked = string(b)
	}
	var collector any
	if c.Collector != "" {
		k, err := tx.collectorKey(c.Collector)
		if err != nil {
			return err
		}
		collector = k
	}
	paused := 0
	if c.Paused {
		paused = 1
	}
	args := append([]any{string(c.Origin), c.Target, string(options), c.Interval.Microseconds(), c.Jitter.Microseconds(), paused,
		collector, checked, tx.at.UnixMicro(), string(by), c.Version, c.Source.Key}, more...)
	if err := tx.exec(q, args...); err != nil {
		return fmt.Errorf("write source %s: %w", c.Source.Name, err)
	}
	return nil
}

// NoteCheck keeps the outcome of a check of a source's access. It is no change
// of the configuration.
func (tx *Tx) NoteCheck(key int64, c store.Checked) error {
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return tx.exec("UPDATE source_configs SET checked = $1 WHERE source_id = $2", string(b), key)
}

type namedSource struct {
	src        store.Source
	configured bool
}

func (tx *Tx) sourceByName(name string) (namedSource, error) {
	var n namedSource
	var id string
	var config sql.NullInt64
	err := tx.queryRow(`SELECT s.id, s.public_id, s.kind, s.name, s.target, c.source_id FROM sources s
		LEFT JOIN source_configs c ON c.source_id = s.id WHERE s.name = $1`, name).
		Scan(&n.src.Key, &id, &n.src.Kind, &n.src.Name, &n.src.Target, &config)
	if errors.Is(err, sql.ErrNoRows) {
		return n, fmt.Errorf("%w: source %q", retinue.ErrNotFound, name)
	}
	n.src.ID, n.configured = retinue.SourceID(id), config.Valid
	return n, err
}

// SourceConfigs lists the sources that the transaction's scope sees, by name:
// those that were configured, and those that were scanned without (their
// configuration has no origin).
func (tx *Tx) SourceConfigs() ([]store.SourceConfig, error) {
	out, err := tx.sourceConfigs("")
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(out, func(c store.SourceConfig) bool { return !tx.seesSource(c.Source) }), nil
}

// seesSource reports whether the transaction's scope names a source.
func (tx *Tx) seesSource(s store.Source) bool {
	return tx.scope.All || slices.Contains(tx.scope.Sources, s.Name) || slices.Contains(tx.scope.Sources, string(s.ID))
}

// SourceConfig returns a source by name or id. One that the transaction's scope
// does not see is not found.
func (tx *Tx) SourceConfig(nameOrID string) (store.SourceConfig, error) {
	out, err := tx.sourceConfigs("WHERE s.name = $1 OR s.public_id = $1", nameOrID)
	if err != nil {
		return store.SourceConfig{}, err
	}
	for _, c := range out {
		if tx.seesSource(c.Source) {
			return c, nil
		}
	}
	return store.SourceConfig{}, fmt.Errorf("%w: source %q", retinue.ErrNotFound, nameOrID)
}

func (tx *Tx) sourceConfigs(where string, args ...any) ([]store.SourceConfig, error) {
	var out []store.SourceConfig
	at := map[int64]int{}
	err := tx.query(func(rows *sql.Rows) error {
		c, err := scanSourceConfig(rows)
		at[c.Source.Key] = len(out)
		out = append(out, c)
		return err
	}, `SELECT s.id, s.public_id, s.kind, s.name, s.target, coalesce(c.origin, ''), coalesce(c.target, s.target), coalesce(c.options, '{}'),
		coalesce(c.interval_us, 0), coalesce(c.jitter_us, 0), coalesce(c.paused, 0), coalesce(o.public_id, ''), coalesce(c.checked, ''),
		coalesce(c.created_at, 0), coalesce(c.updated_at, 0), coalesce(c.updated_by, '{}'), coalesce(c.version, 0)
		FROM sources s LEFT JOIN source_configs c ON c.source_id = s.id LEFT JOIN collectors o ON o.id = c.collector_id `+where+` ORDER BY s.name`, args...)
	if err != nil {
		return nil, fmt.Errorf("list sources: %w", err)
	}
	if len(out) == 0 {
		return out, nil
	}
	if err := tx.secretInfos(out, at); err != nil {
		return nil, err
	}
	return out, nil
}

func scanSourceConfig(rows *sql.Rows) (store.SourceConfig, error) {
	var c store.SourceConfig
	var id, origin, options, collector, checked, by string
	var interval, jitter, paused, created, updated int64
	if err := rows.Scan(&c.Source.Key, &id, &c.Source.Kind, &c.Source.Name, &c.Source.Target, &origin, &c.Target, &options,
		&interval, &jitter, &paused, &collector, &checked, &created, &updated, &by, &c.Version); err != nil {
		return c, err
	}
	c.Source.ID, c.Origin, c.Collector = retinue.SourceID(id), store.SourceOrigin(origin), store.CollectorID(collector)
	c.Interval, c.Jitter = time.Duration(interval)*time.Microsecond, time.Duration(jitter)*time.Microsecond
	c.Paused = paused != 0
	if created != 0 {
		c.CreatedAt, c.UpdatedAt = observed(created), observed(updated)
	}
	if checked != "" {
		c.Checked = &store.Checked{}
		if err := json.Unmarshal([]byte(checked), c.Checked); err != nil {
			return c, err
		}
	}
	return c, errors.Join(json.Unmarshal([]byte(options), &c.Options), json.Unmarshal([]byte(by), &c.UpdatedBy))
}

// secretInfos says which secrets and hooks are set.
func (tx *Tx) secretInfos(list []store.SourceConfig, at map[int64]int) error {
	err := tx.query(func(rows *sql.Rows) error {
		var key, set int64
		var s store.SecretInfo
		var by string
		if err := rows.Scan(&key, &s.Name, &set, &by); err != nil {
			return err
		}
		i, ok := at[key]
		if !ok {
			return nil
		}
		s.SetAt = observed(set)
		if err := json.Unmarshal([]byte(by), &s.SetBy); err != nil {
			return err
		}
		list[i].Secrets = append(list[i].Secrets, s)
		return nil
	}, "SELECT source_id, name, set_at, set_by FROM source_secrets ORDER BY source_id, name")
	if err != nil {
		return fmt.Errorf("list secrets: %w", err)
	}
	err = tx.query(func(rows *sql.Rows) error {
		var key, set int64
		var used sql.NullInt64
		var by string
		h := &store.HookInfo{}
		if err := rows.Scan(&key, &set, &by, &used); err != nil {
			return err
		}
		i, ok := at[key]
		if !ok {
			return nil
		}
		h.SetAt, h.LastUsed = observed(set), fromMicros(used)
		list[i].Hook = h
		return json.Unmarshal([]byte(by), &h.SetBy)
	}, "SELECT source_id, set_at, set_by, last_used FROM source_hooks")
	if err != nil {
		return fmt.Errorf("list hooks: %w", err)
	}
	return nil
}

// RemoveSource removes the configuration of a source with its secrets and hook.
// What it stated stays: it is history. The waiting scan is cancelled.
func (tx *Tx) RemoveSource(c store.SourceConfig, actor retinue.Actor) error {
	by, err := json.Marshal(actor)
	if err != nil {
		return err
	}
	if err := tx.exec("UPDATE scans SET state = $1, finished_at = $2, cancel_at = $2, cancel_by = $3 WHERE source_id = $4 AND state = $5",
		string(store.ScanCancelled), tx.at.UnixMicro(), string(by), c.Source.Key, string(store.ScanWaiting)); err != nil {
		return fmt.Errorf("remove source: %w", err)
	}
	for _, table := range []string{"source_secrets", "source_hooks", "hook_deliveries", "source_logs", "source_configs"} {
		if err := tx.exec("DELETE FROM "+table+" WHERE source_id = $1", c.Source.Key); err != nil {
			return fmt.Errorf("remove source: %w", err)
		}
	}
	return nil
}

// SetSourceSecret writes a sealed secret over the one that stands.
func (tx *Tx) SetSourceSecret(key int64, name string, sealed []byte, by retinue.Actor) error {
	who, err := json.Marshal(by)
	if err != nil {
		return err
	}
	return tx.exec(`INSERT INTO source_secrets (source_id, name, sealed, set_at, set_by) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (source_id, name) DO UPDATE SET sealed = excluded.sealed, set_at = excluded.set_at, set_by = excluded.set_by`,
		key, name, sealed, tx.at.UnixMicro(), string(who))
}

// RemoveSourceSecret removes a secret. ErrNotFound says that it was not set.
func (tx *Tx) RemoveSourceSecret(key int64, name string) error {
	return tx.mustAffect(fmt.Sprintf("secret %q", name), "DELETE FROM source_secrets WHERE source_id = $1 AND name = $2", key, name)
}

func (tx *Tx) mustAffect(what, q string, args ...any) error {
	res, err := tx.execResult(q, args...)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(fmt.Errorf("%w: %s", retinue.ErrNotFound, what), err)
	}
	return nil
}

// SealedSecrets returns the secrets of a source as they are kept.
func (tx *Tx) SealedSecrets(key int64) (map[string][]byte, error) {
	out := map[string][]byte{}
	err := tx.query(func(rows *sql.Rows) error {
		var name string
		var sealed []byte
		err := rows.Scan(&name, &sealed)
		out[name] = sealed
		return err
	}, "SELECT name, sealed FROM source_secrets WHERE source_id = $1", key)
	return out, err
}

// SetHook writes the sealed secret of a source's webhook.
func (tx *Tx) SetHook(key int64, sealed []byte, by retinue.Actor) error {
	who, err := json.Marshal(by)
	if err != nil {
		return err
	}
	return tx.exec(`INSERT INTO source_hooks (source_id, sealed, set_at, set_by) VALUES ($1, $2, $3, $4)
		ON CONFLICT (source_id) DO UPDATE SET sealed = excluded.sealed, set_at = excluded.set_at, set_by = excluded.set_by, last_used = NULL`,
		key, sealed, tx.at.UnixMicro(), string(who))
}

// RemoveHook removes the webhook of a source.
func (tx *Tx) RemoveHook(key int64) error {
	return tx.mustAffect("webhook", "DELETE FROM source_hooks WHERE source_id = $1", key)
}

// HookSecret returns the sealed secret of a source's webhook.
func (tx *Tx) HookSecret(key int64) ([]byte, error) {
	var sealed []byte
	err := tx.queryRow("SELECT sealed FROM source_hooks WHERE source_id = $1", key).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("%w: webhook", retinue.ErrNotFound)
	}
	return sealed, err
}

// TakeDelivery notes a delivery by its digest, and returns the scan that it led
// to when it was taken before. Deliveries older than keep are forgotten.
func (tx *Tx) TakeDelivery(key int64, digest []byte, scan store.ScanID, keep time.Duration) (before store.ScanID, err error) {
	var had string
	err = tx.queryRow("SELECT scan FROM hook_deliveries WHERE source_id = $1 AND digest = $2", key, digest).Scan(&had)
	if err == nil {
		return store.ScanID(had), nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return "", err
	}
	if scan == "" {
		return "", nil
	}
	if err := tx.exec("DELETE FROM hook_deliveries WHERE at < $1", tx.at.Add(-keep).UnixMicro()); err != nil {
		return "", err
	}
	if err := tx.exec("UPDATE source_hooks SET last_used = $1 WHERE source_id = $2", tx.at.UnixMicro(), key); err != nil {
		return "", err
	}
	return "", tx.exec("INSERT INTO hook_deliveries (source_id, digest, at, scan) VALUES ($1, $2, $3, $4)", key, digest, tx.at.UnixMicro(), string(scan))
}
