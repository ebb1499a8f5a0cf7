package sqlstore

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// AddScan writes a request for a scan. While one of the source waits, that one
// stands for this one too, and is made due at the earlier of the two times;
// added is then false.
func (tx *Tx) AddScan(s store.Scan) (out store.Scan, added bool, err error) {
	waiting, err := tx.oneScan("WHERE x.source_id = $1 AND x.state = $2", s.Source.Key, string(store.ScanWaiting))
	if err == nil {
		if s.DueAt.Before(waiting.DueAt) {
			waiting.DueAt = s.DueAt
			err = tx.exec("UPDATE scans SET due_at = $1 WHERE id = $2", s.DueAt.UnixMicro(), waiting.Key)
		}
		return waiting, false, err
	}
	if !errors.Is(err, retinue.ErrNotFound) {
		return s, false, err
	}
	if s.Key, err = tx.db.d.block(tx.ctx, tx.tx, "scans", 1); err != nil {
		return s, false, err
	}
	s.ID, s.State, s.RequestedAt = store.ScanID(retinue.NewID("scn_", tx.at)), store.ScanWaiting, tx.at
	if s.DueAt.IsZero() {
		s.DueAt = tx.at
	}
	actor, err := json.Marshal(s.Actor)
	if err != nil {
		return s, false, err
	}
	err = tx.exec(`INSERT INTO scans (id, public_id, source_id, state, reason, actor, requested_at, due_at, run, repeats, holder, cancel_by, progress, error)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', $9, '', '', '[]', '')`, s.Key, string(s.ID), s.Source.Key, string(s.State), string(s.Reason),
		string(actor), tx.at.UnixMicro(), s.DueAt.UnixMicro(), string(s.Repeats))
	return s, true, err
}

const selectScan = `SELECT x.id, x.public_id, x.state, x.reason, x.actor, x.requested_at, x.due_at, x.started_at, x.finished_at, x.run, x.repeats,
	x.holder, x.alive_at, x.cancel_at, x.cancel_by, x.progress, x.error, o.id, o.public_id, o.kind, o.name, o.target
	FROM scans x JOIN sources o ON o.id = x.source_id `

func scanScan(rows *sql.Rows) (store.Scan, error) {
	var s store.Scan
	var id, state, reason, actor, run, repeats, by, progress, source string
	var requested, due int64
	var started, finished, alive, cancel sql.NullInt64
	if err := rows.Scan(&s.Key, &id, &state, &reason, &actor, &requested, &due, &started, &finished, &run, &repeats,
		&s.Holder, &alive, &cancel, &by, &progress, &s.Error, &s.Source.Key, &source, &s.Source.Kind, &s.Source.Name, &s.Source.Target); err != nil {
		return s, err
	}
	s.ID, s.State, s.Reason, s.Run, s.Repeats = store.ScanID(id), store.ScanState(state), store.ScanReason(reason), retinue.RunID(run), store.ScanID(repeats)
	s.Source.ID = retinue.SourceID(source)
	s.RequestedAt, s.DueAt = observed(requested), observed(due)
	s.StartedAt, s.FinishedAt, s.AliveAt, s.CancelAt = fromMicros(started), fromMicros(finished), fromMicros(alive), fromMicros(cancel)
	if by != "" {
		if err := json.Unmarshal([]byte(by), &s.CancelBy); err != nil {
			return s, err
		}
	}
	return s, errors.Join(json.Unmarshal([]byte(actor), &s.Actor), json.Unmarshal([]byte(progress), &s.Progress))
}

func (tx *Tx) oneScan(where string, args ...any) (store.Scan, error) {
	var out []store.Scan
	err := tx.query(func(rows *sql.Rows) error {
		s, err := scanScan(rows)
		out = append(out, s)
		return err
	}, selectScan+where, args...)
	if err != nil {
		return store.Scan{}, fmt.Errorf("find scan: %w", err)
	}
	if len(out) == 0 {
		return store.Scan{}, fmt.Errorf("%w: scan", retinue.ErrNotFound)
	}
	return out[0], nil
}

// Scan returns a scan. One of a source that the transaction's scope does not
// see is not found.
func (tx *Tx) Scan(id store.ScanID) (store.Scan, error) {
	s, err := tx.oneScan("WHERE x.public_id = $1", string(id))
	if err == nil && !tx.seesSource(s.Source) {
		err = fmt.Errorf("%w: scan", retinue.ErrNotFound)
	}
	return s, err
}

// maxScanPage bounds a page of scans that are looked through.
const maxScanPage = 1000

// Scans lists scans of sources that the transaction's scope sees, the newest
// first.
func (tx *Tx) Scans(q store.ScanQuery) ([]store.Scan, error) {
	if q.Limit <= 0 || q.Limit > maxScanPage {
		q.Limit = maxScanPage
	}
	if q.Before <= 0 {
		q.Before = 1 << 62
	}
	all := 0
	if tx.scope.All {
		all = 1
	}
	sources := tx.db.d.list(tx.scope.Sources)
	var out []store.Scan
	err := tx.query(func(rows *sql.Rows) error {
		s, err := scanScan(rows)
		out = append(out, s)
		return err
	}, selectScan+`WHERE x.id < $1 AND ($2 = '' OR o.name = $2 OR o.public_id = $2) AND ($3 = '' OR x.state = $3)
		AND ($4 = 1 OR o.name IN (SELECT v FROM `+tx.db.d.each("$5")+` j) OR o.public_id IN (SELECT v FROM `+tx.db.d.each("$5")+` j))
		ORDER BY x.id DESC LIMIT $6`, q.Before, q.Source, string(q.State), all, sources, q.Limit)
	if err != nil {
		return nil, fmt.Errorf("list scans: %w", err)
	}
	return out, nil
}

// LastScans returns of every source its newest scan that has ended and the one
// that waits or runs.
func (tx *Tx) LastScans() (ended, open map[int64]store.Scan, err error) {
	ended, open = map[int64]store.Scan{}, map[int64]store.Scan{}
	err = tx.query(func(rows *sql.Rows) error {
		s, err := scanScan(rows)
		if s.State.Ended() {
			ended[s.Source.Key] = s
		} else if have, ok := open[s.Source.Key]; !ok || have.State == store.ScanWaiting {
			open[s.Source.Key] = s // what runs is shown before what waits
		}
		return err
	}, selectScan+`WHERE x.state IN ('waiting', 'running') OR x.id IN
		(SELECT max(y.id) FROM scans y WHERE y.state NOT IN ('waiting', 'running') GROUP BY y.source_id)`)
	return ended, open, err
}

// OpenScans lists the scans that wait or run, the oldest first.
func (tx *Tx) OpenScans() ([]store.Scan, error) {
	var out []store.Scan
	err := tx.query(func(rows *sql.Rows) error {
		s, err := scanScan(rows)
		out = append(out, s)
		return err
	}, selectScan+"WHERE x.state IN ('waiting', 'running') ORDER BY x.id")
	return out, err
}

// BeginScan takes a waiting scan for a process. ErrConflict says that another
// scan of the source runs, or that this one does not wait any more.
func (tx *Tx) BeginScan(s store.Scan, holder string) (store.Scan, error) {
	running, err := tx.oneScan("WHERE x.source_id = $1 AND x.state = $2", s.Source.Key, string(store.ScanRunning))
	if err == nil {
		return running, fmt.Errorf("%w: scan %s: %s is running", retinue.ErrConflict, s.Source.Name, running.ID)
	}
	if !errors.Is(err, retinue.ErrNotFound) {
		return s, err
	}
	res, err := tx.execResult("UPDATE scans SET state = $1, started_at = $2, alive_at = $2, holder = $3 WHERE id = $4 AND state = $5",
		string(store.ScanRunning), tx.at.UnixMicro(), holder, s.Key, string(store.ScanWaiting))
	if err != nil {
		return s, err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return s, errors.Join(fmt.Errorf("%w: scan %s does not wait", retinue.ErrConflict, s.ID), err)
	}
	s.State, s.StartedAt, s.AliveAt, s.Holder = store.ScanRunning, tx.at, tx.at, holder
	return s, nil
}

// SetScanRun ties a scan to its run.
func (tx *Tx) SetScanRun(s store.Scan, run retinue.RunID) error {
	return tx.holds(s, "UPDATE scans SET run = $1 WHERE id = $2 AND holder = $3 AND state = 'running'", string(run), s.Key, s.Holder)
}

// BeatScan is a sign of life of a running scan, with how far it is. It reports
// that somebody cancelled it. ErrConflict says that another process took it
// for dead.
func (tx *Tx) BeatScan(s store.Scan) (cancelled bool, err error) {
	b, err := json.Marshal(s.Progress)
	if err != nil {
		return false, err
	}
	if err := tx.holds(s, "UPDATE scans SET alive_at = $1, progress = $2 WHERE id = $3 AND holder = $4 AND state = 'running'",
		tx.at.UnixMicro(), string(b), s.Key, s.Holder); err != nil {
		return false, err
	}
	var at sql.NullInt64
	err = tx.queryRow("SELECT cancel_at FROM scans WHERE id = $1", s.Key).Scan(&at)
	return at.Valid, err
}

func (tx *Tx) holds(s store.Scan, q string, args ...any) error {
	res, err := tx.execResult(q, args...)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(fmt.Errorf("%w: scan %s is not this process's any more", retinue.ErrConflict, s.ID), err)
	}
	return nil
}

// EndScan writes how a scan ended, if it still is the process's.
func (tx *Tx) EndScan(s store.Scan) error {
	b, err := json.Marshal(s.Progress)
	if err != nil {
		return err
	}
	return tx.holds(s, "UPDATE scans SET state = $1, finished_at = $2, progress = $3, error = $4 WHERE id = $5 AND holder = $6 AND state = 'running'",
		string(s.State), tx.at.UnixMicro(), string(b), s.Error, s.Key, s.Holder)
}

// RequeueScan has a running scan wait again until a time: the process that ran
// it stops in an orderly way, or its system is held by another scan.
func (tx *Tx) RequeueScan(s store.Scan, due time.Time) error {
	waiting, err := tx.oneScan("WHERE x.source_id = $1 AND x.state = $2", s.Source.Key, string(store.ScanWaiting))
	if err == nil { // that one stands for it
		s.State, s.Error = store.ScanCrashed, "it was put off; "+string(waiting.ID)+" stands for it"
		return tx.EndScan(s)
	}
	if !errors.Is(err, retinue.ErrNotFound) {
		return err
	}
	return tx.holds(s, `UPDATE scans SET state = 'waiting', due_at = $1, started_at = NULL, alive_at = NULL, holder = '', run = '', progress = '[]'
		WHERE id = $2 AND holder = $3 AND state = 'running'`, due.UnixMicro(), s.Key, s.Holder)
}

// CancelScan ends a waiting scan, and asks the process of a running one to end
// it. One that has ended is ErrConflict.
func (tx *Tx) CancelScan(s store.Scan, by retinue.Actor) (store.Scan, error) {
	who, err := json.Marshal(by)
	if err != nil {
		return s, err
	}
	switch s.State {
	case store.ScanWaiting:
		s.State, s.FinishedAt = store.ScanCancelled, tx.at
		err = tx.exec("UPDATE scans SET state = $1, finished_at = $2, cancel_at = $2, cancel_by = $3 WHERE id = $4", string(s.State), tx.at.UnixMicro(), string(who), s.Key)
	case store.ScanRunning:
		err = tx.exec("UPDATE scans SET cancel_at = $1, cancel_by = $2 WHERE id = $3 AND cancel_at IS NULL", tx.at.UnixMicro(), string(who), s.Key)
	default:
		return s, fmt.Errorf("%w: cancel scan %s: it has ended", retinue.ErrConflict, s.ID)
	}
	s.CancelAt, s.CancelBy = tx.at, by
	return s, err
}

// CrashRun marks the run of a scan whose process went away.
func (tx *Tx) CrashRun(run retinue.RunID) (store.RunState, error) {
	var state string
	err := tx.queryRow("SELECT state FROM runs WHERE public_id = $1", string(run)).Scan(&state)
	if errors.Is(err, sql.ErrNoRows) {
		return store.RunCrashed, nil
	}
	if err != nil || store.RunState(state) != store.RunRunning {
		return store.RunState(state), err
	}
	return store.RunCrashed, tx.exec("UPDATE runs SET state = $1, finished_at = $2 WHERE public_id = $3", string(store.RunCrashed), tx.at.UnixMicro(), string(run))
}

// ForgetScans removes scans that ended before a time.
func (tx *Tx) ForgetScans(before time.Time) error {
	return tx.exec("DELETE FROM scans WHERE state NOT IN ('waiting', 'running') AND finished_at < $1", before.UnixMicro())
}
