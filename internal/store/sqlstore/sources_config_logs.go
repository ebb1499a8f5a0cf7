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

// SetSourceLogs says which logs of a source are read by themselves. What came of
// earlier reads stays; logs that are new, or are to be read more often, are due
// accordingly.
func (tx *Tx) SetSourceLogs(key int64, target string, every time.Duration) error {
	now, us := tx.at.UnixMicro(), every.Microseconds()
	err := tx.exec(`INSERT INTO source_logs (source_id, target, interval_us, paused_by, due_at, asked_by, holder, signs, failures, error, standing)
		VALUES ($1, $2, $3, '', $4, '', '', 0, 0, '', '{}') ON CONFLICT (source_id) DO UPDATE SET
		due_at = CASE WHEN source_logs.target <> excluded.target THEN excluded.due_at WHEN source_logs.due_at > excluded.due_at + excluded.interval_us
			THEN excluded.due_at + excluded.interval_us ELSE source_logs.due_at END,
		target = excluded.target, interval_us = excluded.interval_us`, key, target, us, now)
	if err != nil {
		return fmt.Errorf("set logs of source: %w", err)
	}
	return nil
}

// RemoveSourceLogs says that no logs of a source are read by themselves any more.
// A process that reads them finds out at its next sign of life.
func (tx *Tx) RemoveSourceLogs(key int64) error {
	return tx.exec("DELETE FROM source_logs WHERE source_id = $1", key)
}

// SourceLogs lists the logs that are read by themselves, of sources that the
// transaction's scope sees, by the names of the sources.
func (tx *Tx) SourceLogs() ([]store.SourceLogs, error) {
	out, err := tx.sourceLogs("")
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(out, func(l store.SourceLogs) bool { return !tx.seesSource(l.Source) }), nil
}

// DueSourceLogs lists the logs that are due or being read, and those of the
// sources with the given keys, of whatever sources.
func (tx *Tx) DueSourceLogs(also []int64) ([]store.SourceLogs, error) {
	return tx.sourceLogs("WHERE l.due_at <= $1 OR l.asked_at IS NOT NULL OR l.holder <> '' OR l.source_id IN (SELECT v FROM "+tx.db.d.eachInt("$2")+" j)",
		tx.at.UnixMicro(), tx.db.d.ints(also))
}

// SourceLogsOf returns the logs of a source, by its name or id, that are read by
// themselves. ErrNotFound says that none are, or that the transaction's scope
// does not see the source.
func (tx *Tx) SourceLogsOf(nameOrID string) (store.SourceLogs, error) {
	out, err := tx.sourceLogs("WHERE s.name = $1 OR s.public_id = $1", nameOrID)
	if err != nil {
		return store.SourceLogs{}, err
	}
	for _, l := range out {
		if tx.seesSource(l.Source) {
			return l, nil
		}
	}
	return store.SourceLogs{}, fmt.Errorf("%w: logs of source %q that are read by themselves", retinue.ErrNotFound, nameOrID)
}

func (tx *Tx) sourceLogs(where string, args ...any) ([]store.SourceLogs, error) {
	var out []store.SourceLogs
	err := tx.query(func(rows *sql.Rows) error {
		l, err := scanSourceLogs(rows)
		out = append(out, l)
		return err
	}, `SELECT s.id, s.public_id, s.kind, s.name, s.target, coalesce(c.origin, ''), l.target, l.interval_us, l.paused_by, l.paused_at, l.due_at, l.asked_at, l.asked_by,
		l.holder, l.signs, l.started_at, l.tried_at, l.read_at, l.failures, l.error, l.standing
		FROM source_logs l JOIN sources s ON s.id = l.source_id LEFT JOIN source_configs c ON c.source_id = s.id `+where+` ORDER BY s.name`, args...)
	if err != nil {
		return nil, fmt.Errorf("list logs of sources: %w", err)
	}
	return out, nil
}

func scanSourceLogs(rows *sql.Rows) (store.SourceLogs, error) {
	var l store.SourceLogs
	var id, origin, pausedBy, askedBy, standing string
	var every, due int64
	var paused, asked, started, tried, read sql.NullInt64
	if err := rows.Scan(&l.Source.Key, &id, &l.Source.Kind, &l.Source.Name, &l.Source.Target, &origin, &l.Target, &every, &pausedBy, &paused, &due, &asked, &askedBy,
		&l.Holder, &l.Signs, &started, &tried, &read, &l.Failures, &l.Error, &standing); err != nil {
		return l, err
	}
	l.Source.ID, l.Origin = retinue.SourceID(id), store.SourceOrigin(origin)
	l.Interval, l.DueAt = time.Duration(every)*time.Microsecond, observed(due)
	if asked.Valid && asked.Int64 < due {
		l.DueAt = observed(asked.Int64)
	}
	l.Asked = asked.Valid
	l.PausedAt, l.StartedAt, l.TriedAt, l.ReadAt = fromMicros(paused), fromMicros(started), fromMicros(tried), fromMicros(read)
	return l, errors.Join(actorInto(pausedBy, &l.PausedBy), actorInto(askedBy, &l.AskedBy), json.Unmarshal([]byte(standing), &l.Standing))
}

// actorInto reads an actor, of whom there may be none.
func actorInto(text string, a *retinue.Actor) error {
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), a)
}

// actorText is how an actor is kept, empty for nobody.
func actorText(a retinue.Actor) (string, error) {
	if a == (retinue.Actor{}) {
		return "", nil
	}
	b, err := json.Marshal(a)
	return string(b), err
}

// AskSourceLogs has logs read now, on somebody's behalf where by names one. Of
// several who ask before they are read, the first is named.
func (tx *Tx) AskSourceLogs(key int64, by retinue.Actor) error {
	who, err := actorText(by)
	if err != nil {
		return err
	}
	return tx.mustAffect("logs of the source", `UPDATE source_logs SET asked_at = coalesce(asked_at, $1), asked_by = CASE WHEN asked_by = '' THEN $2 ELSE asked_by END
		WHERE source_id = $3`, tx.at.UnixMicro(), who, key)
}

// PauseSourceLogs has logs not read until ResumeSourceLogs. A process that reads
// them finds out at its next sign of life.
func (tx *Tx) PauseSourceLogs(key int64, by retinue.Actor) error {
	who, err := actorText(by)
	if err != nil {
		return err
	}
	return tx.mustAffect("logs of the source", "UPDATE source_logs SET paused_at = $1, paused_by = $2 WHERE source_id = $3", tx.at.UnixMicro(), who, key)
}

// ResumeSourceLogs has logs read again, at once.
func (tx *Tx) ResumeSourceLogs(key int64) error {
	return tx.mustAffect("logs of the source", "UPDATE source_logs SET paused_at = NULL, paused_by = '', asked_at = $1 WHERE source_id = $2", tx.at.UnixMicro(), key)
}

// BeginSourceLogs takes logs to be read by a process, from one that is gone where
// their Holder names it. What they say of who asked holds for this read; who asks
// from now on gets another. ErrConflict says that somebody else reads them, or
// that nobody wants them read.
func (tx *Tx) BeginSourceLogs(l store.SourceLogs, holder string) (store.SourceLogs, error) {
	now, err := tx.SourceLogsOf(string(l.Source.ID))
	if err != nil {
		return l, err
	}
	if now.Holder != l.Holder || now.Paused() {
		return l, fmt.Errorf("%w: read logs of %s: another process does, or nobody is to", retinue.ErrConflict, l.Source.Name)
	}
	now.Holder, now.StartedAt = holder, tx.at
	return now, tx.exec("UPDATE source_logs SET holder = $1, signs = signs + 1, started_at = $2, asked_at = NULL, asked_by = '' WHERE source_id = $3",
		holder, tx.at.UnixMicro(), l.Source.Key)
}

// BeatSourceLogs is a sign of life of the process that reads logs, and reports
// whether somebody paused them. ErrConflict says that they are not the process's
// any more.
func (tx *Tx) BeatSourceLogs(key int64, holder string) (paused bool, err error) {
	if err := tx.holdsLogs("UPDATE source_logs SET signs = signs + 1 WHERE source_id = $1 AND holder = $2", key, holder); err != nil {
		return false, err
	}
	var at sql.NullInt64
	err = tx.queryRow("SELECT paused_at FROM source_logs WHERE source_id = $1", key).Scan(&at)
	return at.Valid, err
}

// EndSourceLogs writes how a read ended and lets go of the logs, if they still
// are the process's. Who asked for a further read meanwhile gets it.
func (tx *Tx) EndSourceLogs(l store.SourceLogs) error {
	standing, err := json.Marshal(l.Standing)
	if err != nil {
		return err
	}
	return tx.holdsLogs(`UPDATE source_logs SET holder = '', started_at = NULL, tried_at = $3, read_at = $4, failures = $5, error = $6, standing = $7,
		due_at = $8 WHERE source_id = $1 AND holder = $2`,
		l.Source.Key, l.Holder, micros(l.TriedAt), micros(l.ReadAt), l.Failures, l.Error, string(standing), l.DueAt.UnixMicro())
}

// LeaveSourceLogs lets go of logs that were not read to their end: they are due
// as before.
func (tx *Tx) LeaveSourceLogs(l store.SourceLogs) error {
	standing, err := json.Marshal(l.Standing)
	if err != nil {
		return err
	}
	return tx.holdsLogs("UPDATE source_logs SET holder = '', started_at = NULL, standing = $3 WHERE source_id = $1 AND holder = $2", l.Source.Key, l.Holder, string(standing))
}

func (tx *Tx) holdsLogs(q string, args ...any) error {
	res, err := tx.execResult(q, args...)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(fmt.Errorf("%w: the logs are not this process's to read any more", retinue.ErrConflict), err)
	}
	return nil
}
