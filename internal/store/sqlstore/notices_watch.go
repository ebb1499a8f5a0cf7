package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// NoticeSubject returns the entity of an internal key, for whom a notice is
// routed by; ErrNotFound for none.
func (tx *Tx) NoticeSubject(key int64) (store.Entity, error) {
	if a := tx.ahead.at(key); a != nil && a.entity.InternalKey != 0 {
		return a.entity, nil
	}
	all, err := tx.listEntities(entityColumns+" WHERE e.id = $1", key)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%w: entity %d", retinue.ErrNotFound, key)
	}
	if err != nil {
		return store.Entity{}, err
	}
	return all[0], nil
}

func (tx *Tx) listEntities(q string, args ...any) ([]store.Entity, error) {
	var out []store.Entity
	err := tx.query(func(rows *sql.Rows) error {
		e, err := scanEntity(rows)
		out = append(out, e)
		return err
	}, q, args...)
	if err != nil {
		return nil, fmt.Errorf("list entities: %w", err)
	}
	return out, nil
}

// SourceNameOf returns the name of the source of an entity, or of a source by
// its negative key; empty where there is none.
func (tx *Tx) SourceNameOf(entity int64) (string, error) {
	q, arg := "SELECT source FROM entities WHERE id = $1", entity
	if entity < 0 {
		q, arg = "SELECT name FROM sources WHERE id = $1", -entity
	}
	var name string
	err := tx.queryRow(q, arg).Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return name, err
}

// EntitiesEnding returns the entities of a type whose end lies after from and
// not after to, and that may still act: active ones and those of which the
// state is not known.
func (tx *Tx) EntitiesEnding(t retinue.FactType, from, to time.Time) ([]store.Entity, error) {
	return tx.listEntities(entityColumns+` WHERE e.type = $1 AND e.gone_at IS NULL AND e.expires_at > $2 AND e.expires_at <= $3
		AND e.managed = '' AND e.state NOT IN ('disabled', 'expired', 'retired') ORDER BY e.expires_at, e.id LIMIT 10000`,
		store.TypeIndex(t), from.UnixMicro(), to.UnixMicro())
}

// EntitiesIdle returns non-human identities that may act and were last seen in
// use before a time. One that was never seen in use is not among them: without
// a source of use that says nothing.
func (tx *Tx) EntitiesIdle(before time.Time) ([]store.Entity, error) {
	return tx.listEntities(entityColumns+` WHERE e.type = $1 AND e.gone_at IS NULL AND e.last_used < $2 AND e.class = 'non_human'
		AND e.managed = '' AND e.state NOT IN ('disabled', 'expired', 'retired', 'declared') ORDER BY e.last_used, e.id LIMIT 10000`,
		store.TypeIndex(retinue.FactIdentity), before.UnixMicro())
}

// Overdue is a source that was not read for longer than it should be.
type Overdue struct {
	Source store.Source
	Last   time.Time // when a run last ended with something read; zero: never
}

// SourcesOverdue returns the sources of which the last run that read something
// ended longer ago than twice their interval, or than a fixed time for those
// without one. Paused sources are left out.
func (tx *Tx) SourcesOverdue(otherwise time.Duration) ([]Overdue, error) {
	var out []Overdue
	now := tx.at.UnixMicro()
	err := tx.query(func(rows *sql.Rows) error {
		var o Overdue
		var id string
		var last sql.NullInt64
		err := rows.Scan(&o.Source.Key, &id, &o.Source.Kind, &o.Source.Name, &last)
		o.Source.ID, o.Last = retinue.SourceID(id), fromMicros(last)
		out = append(out, o)
		return err
	}, `SELECT o.id, o.public_id, o.kind, o.name, t.last FROM sources o LEFT JOIN source_configs c ON c.source_id = o.id
		LEFT JOIN (SELECT source_id, max(finished_at) AS last FROM runs WHERE state IN ('complete', 'partial') GROUP BY source_id) t ON t.source_id = o.id
		LEFT JOIN (SELECT source_id, min(started_at) AS first FROM runs GROUP BY source_id) b ON b.source_id = o.id
		WHERE COALESCE(c.paused, 0) = 0 AND COALESCE(t.last, c.created_at, b.first, $1) <
			$1 - CASE WHEN COALESCE(c.interval_us, 0) > 0 THEN 2 * c.interval_us + c.jitter_us ELSE $2 END
		ORDER BY o.name`, now, otherwise.Microseconds())
	if err != nil {
		return nil, fmt.Errorf("list overdue sources: %w", err)
	}
	return out, nil
}

// PopulationMissed returns which of the last days have no population record
// although an earlier day has one, the oldest first: days in UTC, today left
// out.
func (tx *Tx) PopulationMissed(days int) ([]string, error) {
	have := map[string]bool{}
	var first sql.NullString
	if err := tx.queryRow("SELECT min(day) FROM population").Scan(&first); err != nil || !first.Valid {
		return nil, err
	}
	from := tx.at.UTC().AddDate(0, 0, -days).Format(time.DateOnly)
	err := tx.query(func(rows *sql.Rows) error {
		var d string
		err := rows.Scan(&d)
		have[d] = true
		return err
	}, "SELECT DISTINCT day FROM population WHERE day >= $1", from)
	if err != nil {
		return nil, fmt.Errorf("list days of the population: %w", err)
	}
	var out []string
	for n := days; n >= 1; n-- {
		d := tx.at.UTC().AddDate(0, 0, -n).Format(time.DateOnly)
		if d > first.String && !have[d] {
			out = append(out, d)
		}
	}
	return out, nil
}

// LastFact returns the key of the newest fact.
func (tx *Tx) LastFact() (int64, error) {
	var v sql.NullInt64
	err := tx.queryRow("SELECT max(id) FROM facts").Scan(&v)
	return v.Int64, err
}

// NewGrant is an attachment, membership or grant that was added.
type NewGrant struct {
	Key     int64
	Type    retinue.FactType
	Ref     retinue.Ref
	Source  string
	Subject store.Entity
	// Privileged is whether the subject is.
	Privileged bool
}

// NewGrants returns the attachments, memberships and grants that stand and were
// added with keys above after and up to upTo, to non-human identities that had
// been known before, by scopes that had been listed before, and of which no
// earlier version stood. It looks at limit facts and returns the last key that
// it looked at.
func (tx *Tx) NewGrants(after, upTo int64, limit int) ([]NewGrant, int64, error) {
	last := upTo
	var n, end sql.NullInt64
	if err := tx.queryRow("SELECT count(*), max(id) FROM (SELECT id FROM facts WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3) AS t", after, upTo, limit).Scan(&n, &end); err != nil {
		return nil, after, fmt.Errorf("list new privileges: %w", err)
	}
	if n.Int64 == int64(limit) {
		last = end.Int64
	}
	type hit struct {
		NewGrant
		entity int64
	}
	var hits []hit
	err := tx.query(func(rows *sql.Rows) error {
		var h hit
		var t int
		var realm string
		var privileged int64
		if err := rows.Scan(&h.Key, &t, &h.Source, &realm, &h.Ref.Kind, &h.Ref.Key, &h.entity, &privileged); err != nil {
			return err
		}
		h.Type, h.Ref.Realm, h.Privileged = store.TypeAt(t), retinue.Realm(realm), privileged != 0
		hits = append(hits, h)
		return nil
	}, fmt.Sprintf(`SELECT DISTINCT f.id, f.type, o.name, COALESCE(g.realm, ''), COALESCE(p.kind, ''), COALESCE(p.key, ''), e.id, e.privileged
		FROM facts f JOIN scopes s ON s.id = f.scope_id JOIN sources o ON o.id = s.source_id
		JOIN edges x ON x.fact_id = f.id AND x.role IN (%d, %d, %d) JOIN refs r ON r.id = x.ref_id
		JOIN entities e ON e.id = r.entity_id AND e.type = %d AND e.class = 'non_human' AND e.gone_at IS NULL AND e.managed = ''
		JOIN revisions v ON v.rev = f.rev_from
		LEFT JOIN edges y ON y.fact_id = f.id AND y.role IN (%d, %d) LEFT JOIN refs p ON p.id = y.ref_id LEFT JOIN realms g ON g.id = p.realm_id
		WHERE f.id > $1 AND f.id <= $2 AND f.rev_to IS NULL AND f.type IN (%d, %d, %d) AND e.first_seen < v.observed_at
		AND EXISTS (SELECT 1 FROM revisions w WHERE w.scope_id = f.scope_id AND w.rev < f.rev_from AND w.state = 'complete')
		AND NOT EXISTS (SELECT 1 FROM facts b WHERE b.scope_id = f.scope_id AND b.type = f.type AND b.ref_hash = f.ref_hash AND b.rev_to IS NOT NULL AND b.dropped_rev IS NULL)
		ORDER BY f.id, e.id`, store.EdgeTarget, store.EdgeMember, store.EdgeSubject, store.TypeIndex(retinue.FactIdentity), store.EdgePolicy, store.EdgeGroup,
		store.TypeIndex(retinue.FactAttachment), store.TypeIndex(retinue.FactMembership), store.TypeIndex(retinue.FactGrant)), after, last)
	if err != nil {
		return nil, after, fmt.Errorf("list new privileges: %w", err)
	}
	var out []NewGrant
	for _, h := range hits {
		if h.Subject, err = tx.NoticeSubject(h.entity); err != nil {
			return nil, after, err
		}
		out = append(out, h.NewGrant)
	}
	return out, last, nil
}

// ClaimMessage notes in which message a delivery is about to be sent.
func (tx *Tx) ClaimMessage(delivery int64, message string) error {
	return tx.exec("UPDATE deliveries SET message = $1 WHERE id = $2 AND state = $3", message, delivery, string(store.DeliveryWaiting))
}
