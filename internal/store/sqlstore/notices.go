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

const noticeColumns = `SELECT n.id, n.public_id, n.key, n.kind, n.severity, n.state, n.entity_id, n.source, n.occasion, n.routed, n.step, n.step_at,
	n.raised_at, n.last_at, n.acknowledged_at, n.acknowledged_by, n.resolved_at, n.body FROM notices n`

func scanNotice(row interface{ Scan(...any) error }) (store.Notice, error) {
	var n store.Notice
	var id, state, body string
	var sev int
	var raised, last int64
	var step, acked, resolved sql.NullInt64
	if err := row.Scan(&n.InternalKey, &id, &n.Key, &n.Kind, &sev, &state, &n.Entity, &n.Source, &n.Occasion, &n.Routed, &n.Step, &step,
		&raised, &last, &acked, &n.AcknowledgedBy, &resolved, &body); err != nil {
		return n, err
	}
	n.ID, n.State, n.StepAt = retinue.NoticeID(id), store.NoticeState(state), fromMicros(step)
	if all := retinue.Severities(); sev >= 0 && sev < len(all) {
		n.Severity = all[sev]
	}
	n.RaisedAt, n.LastAt, n.AcknowledgedAt, n.ResolvedAt = observed(raised), observed(last), fromMicros(acked), fromMicros(resolved)
	return n, json.Unmarshal([]byte(body), &n.Body)
}

// Raise keeps that there is something to tell. One key is one notice: a cause
// that is found again is another occasion of it, and news when it had been
// resolved, got worse, or reached another stage. An acknowledged notice stays
// acknowledged unless there is news. It returns the notice as it now stands.
func (tx *Tx) Raise(n store.Notice) (store.Notice, error) {
	have, err := scanNotice(tx.queryRow(noticeColumns+" WHERE n.key = $1", n.Key))
	fresh := errors.Is(err, sql.ErrNoRows)
	if err != nil && !fresh {
		return n, fmt.Errorf("raise notice: %w", err)
	}
	sev := slices.Index(retinue.Severities(), n.Severity)
	n.LastAt = tx.at
	if fresh {
		if n.InternalKey, err = tx.db.d.block(tx.ctx, tx.tx, "notices", 1); err != nil {
			return n, err
		}
		n.ID, n.State, n.Occasion, n.RaisedAt, n.Body.News = retinue.NewNoticeID(tx.at), store.NoticeOpen, 1, tx.at, true
		body, err := json.Marshal(n.Body)
		if err != nil {
			return n, err
		}
		return n, tx.exec(`INSERT INTO notices (id, public_id, key, kind, severity, state, entity_id, source, finding, occasion, routed, step,
			raised_at, last_at, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, 0, 0, $10, $10, $11)`, n.InternalKey, string(n.ID), n.Key,
			n.Kind, sev, string(n.State), n.Entity, n.Source, string(n.Body.Finding), tx.at.UnixMicro(), string(body))
	}
	n.InternalKey, n.ID, n.RaisedAt, n.Routed, n.Step, n.StepAt = have.InternalKey, have.ID, have.RaisedAt, have.Routed, have.Step, have.StepAt
	n.Occasion, n.State, n.AcknowledgedAt, n.AcknowledgedBy = have.Occasion+1, have.State, have.AcknowledgedAt, have.AcknowledgedBy
	worse := sev < slices.Index(retinue.Severities(), have.Severity)
	news := have.State == store.NoticeResolved || worse || n.Body.Stage != have.Body.Stage
	// News that was not routed yet stays news.
	n.Body.News = news || (have.Routed < have.Occasion && have.Body.News)
	if news {
		n.State, n.Step, n.StepAt, n.AcknowledgedAt, n.AcknowledgedBy = store.NoticeOpen, 0, time.Time{}, time.Time{}, ""
	}
	body, err := json.Marshal(n.Body)
	if err != nil {
		return n, err
	}
	return n, tx.exec(`UPDATE notices SET kind = $1, severity = $2, state = $3, entity_id = $4, source = $5, finding = $6, occasion = $7, step = $8,
		step_at = $9, last_at = $10, acknowledged_at = $11, acknowledged_by = $12, resolved_at = NULL, body = $13 WHERE id = $14`,
		n.Kind, sev, string(n.State), n.Entity, n.Source, string(n.Body.Finding), n.Occasion, n.Step, micros(n.StepAt), tx.at.UnixMicro(),
		micros(n.AcknowledgedAt), n.AcknowledgedBy, string(body), n.InternalKey)
}

// Settle sets the state of a notice: acknowledged by somebody, or resolved. No
// escalation follows. It returns the notice, and false when it stood so
// already or was resolved.
func (tx *Tx) Settle(n store.Notice, state store.NoticeState, by string) (store.Notice, bool, error) {
	if n.State == state || n.State == store.NoticeResolved {
		return n, false, nil
	}
	n.State, n.StepAt = state, time.Time{}
	if state == store.NoticeAcknowledged {
		n.AcknowledgedAt, n.AcknowledgedBy = tx.at, by
	} else {
		n.ResolvedAt = tx.at
	}
	err := tx.exec(`UPDATE notices SET state = $1, step_at = NULL, acknowledged_at = $2, acknowledged_by = $3, resolved_at = $4 WHERE id = $5`,
		string(n.State), micros(n.AcknowledgedAt), n.AcknowledgedBy, micros(n.ResolvedAt), n.InternalKey)
	if err != nil {
		return n, false, fmt.Errorf("settle notice: %w", err)
	}
	return n, true, nil
}

// Routed notes up to which occasion a notice was routed, and its next step of
// escalation.
func (tx *Tx) Routed(n store.Notice) error {
	return tx.exec("UPDATE notices SET routed = $1, step = $2, step_at = $3 WHERE id = $4", n.Occasion, n.Step, micros(n.StepAt), n.InternalKey)
}

// NoticeByKey returns the notice of a cause, or ErrNotFound.
func (tx *Tx) NoticeByKey(key string) (store.Notice, error) {
	n, err := scanNotice(tx.queryRow(noticeColumns+" WHERE n.key = $1", key))
	if errors.Is(err, sql.ErrNoRows) {
		return n, fmt.Errorf("%w: notice %s", retinue.ErrNotFound, key)
	}
	return n, err
}

// NoticeByInternalKey returns a notice by the key that deliveries carry.
func (tx *Tx) NoticeByInternalKey(key int64) (store.Notice, error) {
	n, err := scanNotice(tx.queryRow(noticeColumns+" WHERE n.id = $1", key))
	if errors.Is(err, sql.ErrNoRows) {
		return n, fmt.Errorf("%w: notice %d", retinue.ErrNotFound, key)
	}
	return n, err
}

// NoticesOf returns the notices about a finding that are not resolved.
func (tx *Tx) NoticesOf(id retinue.FindingID) ([]store.Notice, error) {
	return tx.listNotices(noticeColumns+" WHERE n.finding = $1 AND n.finding <> '' AND n.state <> $2 ORDER BY n.id", string(id), string(store.NoticeResolved))
}

// Unrouted returns notices with an occasion that waits to be routed, in the
// order in which they were raised.
func (tx *Tx) Unrouted(limit int) ([]store.Notice, error) {
	return tx.listNotices(noticeColumns+" WHERE n.routed < n.occasion ORDER BY n.id LIMIT $1", limit)
}

// StepsDue returns notices whose next step of escalation is due.
func (tx *Tx) StepsDue(at time.Time, limit int) ([]store.Notice, error) {
	return tx.listNotices(noticeColumns+" WHERE n.step_at IS NOT NULL AND n.step_at <= $1 ORDER BY n.step_at, n.id LIMIT $2", at.UnixMicro(), limit)
}

// NextStep returns when the next step of escalation is due, zero for never.
func (tx *Tx) NextStep() (time.Time, error) {
	var at sql.NullInt64
	err := tx.queryRow("SELECT min(step_at) FROM notices WHERE step_at IS NOT NULL").Scan(&at)
	return fromMicros(at), err
}

// OpenNotices returns the notices of a kind whose key begins with prefix and
// that are not resolved.
func (tx *Tx) OpenNotices(kind, prefix string) ([]store.Notice, error) {
	return tx.listNotices(noticeColumns+" WHERE n.kind = $1 AND n.state <> $2 AND substr(n.key, 1, $3) = $4 ORDER BY n.id",
		kind, string(store.NoticeResolved), len(prefix), prefix)
}

func (tx *Tx) listNotices(q string, args ...any) ([]store.Notice, error) {
	var out []store.Notice
	err := tx.query(func(rows *sql.Rows) error {
		n, err := scanNotice(rows)
		out = append(out, n)
		return err
	}, q, args...)
	if err != nil {
		return nil, fmt.Errorf("list notices: %w", err)
	}
	return out, nil
}

// Notices lists notices that the transaction's scope may see, the newest
// first: those about a visible thing, those about a visible source, and, to
// who sees everything, those about the installation.
func (tx *Tx) Notices(q store.NoticeQuery) ([]store.Notice, error) {
	c := &conditions{}
	if q.ID != "" {
		c.add("n.public_id = ?", string(q.ID))
	}
	if q.State != "" {
		c.add("n.state = ?", string(q.State))
	}
	if q.Kind != "" {
		c.add("n.kind = ?", q.Kind)
	}
	if q.Severity != "" {
		c.add("n.severity <= ?", slices.Index(retinue.Severities(), q.Severity))
	}
	if q.Source != "" {
		c.add("n.source = ?", q.Source)
	}
	if q.Finding != "" {
		c.add("n.finding = ?", string(q.Finding))
	}
	if q.Before > 0 {
		c.add("n.id < ?", q.Before)
	}
	if err := tx.noticeScope(c); err != nil {
		return nil, err
	}
	limit := ""
	if q.Limit > 0 {
		limit = fmt.Sprintf(" LIMIT %d", q.Limit)
	}
	return tx.listNotices(noticeColumns+c.where()+" ORDER BY n.id DESC"+limit, c.args...)
}
