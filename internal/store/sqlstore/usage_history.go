package sqlstore

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// addVerdictVersion keeps that something else is concluded about a thing from now
// on, unless that is what its history says already. Of two versions of one moment
// the later one stays.
func (tx *Tx) addVerdictVersion(entity int64, v store.VerdictVersion) error {
	var status string
	var grade retinue.Grade
	var silent sql.NullInt64
	err := tx.queryRow("SELECT status, grade, silent FROM usage_verdict_versions WHERE entity_id = $1 AND to_at IS NULL", entity).Scan(&status, &grade, &silent)
	switch {
	case isNoRows(err):
	case err != nil:
		return fmt.Errorf("keep what is concluded: %w", err)
	case status == v.Status && grade == v.Grade && fromMicros(silent).Equal(v.Silent.Truncate(time.Microsecond)):
		return nil
	}
	why, err := json.Marshal(v.Why)
	if err != nil {
		return fmt.Errorf("keep what is concluded: %w", err)
	}
	err = tx.exec("UPDATE usage_verdict_versions SET to_at = $1 WHERE entity_id = $2 AND to_at IS NULL AND from_at < $1", tx.at.UnixMicro(), entity)
	if err == nil {
		err = tx.exec(`INSERT INTO usage_verdict_versions (entity_id, from_at, status, grade, last_used, silent, reason, why) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (entity_id, from_at) DO UPDATE SET status = excluded.status, grade = excluded.grade, last_used = excluded.last_used, silent = excluded.silent,
			reason = excluded.reason, why = excluded.why`,
			entity, tx.at.UnixMicro(), v.Status, string(v.Grade), micros(v.LastUsed), micros(v.Silent), v.Reason, string(why))
	}
	if err != nil {
		return fmt.Errorf("keep what is concluded: %w", err)
	}
	return nil
}

// VerdictVersions returns what was concluded about the use of a thing over time,
// the newest first, at most limit of it; 0 is everything that is kept.
func (tx *Tx) VerdictVersions(id retinue.EntityID, limit int) ([]store.VerdictVersion, error) {
	key, err := tx.EntityKey(id)
	if err != nil {
		return nil, err
	}
	most := ""
	if limit > 0 {
		most = fmt.Sprintf(" LIMIT %d", limit)
	}
	var out []store.VerdictVersion
	err = tx.query(func(rows *sql.Rows) error {
		var v store.VerdictVersion
		var from int64
		var to, last, silent sql.NullInt64
		var why string
		if err := rows.Scan(&from, &to, &v.Status, &v.Grade, &last, &silent, &v.Reason, &why); err != nil {
			return err
		}
		v.From, v.To, v.LastUsed, v.Silent = observed(from), fromMicros(to), fromMicros(last), fromMicros(silent)
		out = append(out, v)
		return json.Unmarshal([]byte(why), &out[len(out)-1].Why)
	}, "SELECT from_at, to_at, status, grade, last_used, silent, reason, why FROM usage_verdict_versions WHERE entity_id = $1 ORDER BY from_at DESC"+most, key)
	if err != nil {
		return nil, fmt.Errorf("read what was concluded: %w", err)
	}
	return out, nil
}

// verdictsThen lists what was concluded at a time about things that the scope
// sees and that had not gone. JudgedAt is since when it was, and LastUsed what was
// known when it became that.
func (tx *Tx) verdictsThen(q store.VerdictQuery) ([]store.VerdictRow, error) {
	c, err := tx.verdictConditions(q)
	if err != nil {
		return nil, err
	}
	at := q.AsOf.UnixMicro()
	c.add("v.from_at <= ? AND (v.to_at IS NULL OR v.to_at > ?) AND (e.gone_at IS NULL OR e.gone_at > ?)", at, at, at)
	var out []store.VerdictRow
	err = tx.query(func(rows *sql.Rows) error {
		var v store.VerdictRow
		var last, silent sql.NullInt64
		var from int64
		err := rows.Scan(&v.Entity, &v.Type, &v.Name, &v.Kind, &v.Status, &v.Grade, &last, &silent, &from, &v.Reason)
		v.LastUsed, v.Silent, v.JudgedAt = fromMicros(last), fromMicros(silent), observed(from)
		out = append(out, v)
		return err
	}, `SELECT e.public_id, e.type, CASE WHEN e.name = '' THEN r.key ELSE e.name END, e.kind, v.status, v.grade, v.last_used, v.silent, v.from_at, v.reason
		FROM usage_verdict_versions v JOIN entities e ON e.id = v.entity_id JOIN refs r ON r.id = e.ref_id`+c.where()+fmt.Sprintf(" ORDER BY e.public_id LIMIT %d", q.Limit), c.args...)
	if err != nil {
		return nil, fmt.Errorf("read what was concluded: %w", err)
	}
	return out, nil
}
