package sqlstore

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/store"
)

// EnsureSource returns the source of a name, making it if need be. A source
// that was renamed is found by kind and target, and keeps its id; one that is
// configured keeps its name.
func (tx *Tx) EnsureSource(kind, name, target string) (store.Source, error) {
	s := store.Source{Kind: kind, Name: name, Target: target}
	var public, haveKind string
	err := tx.queryRow("SELECT id, public_id, kind FROM sources WHERE name = $1", name).Scan(&s.Key, &public, &haveKind)
	if err == nil {
		if haveKind != kind {
			return s, fmt.Errorf("%w: source %s: the name belongs to a source of kind %s", retinue.ErrConflict, name, haveKind)
		}
		s.ID = retinue.SourceID(public)
		return s, tx.exec("UPDATE sources SET target = $1 WHERE id = $2", target, s.Key)
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return s, fmt.Errorf("find source: %w", err)
	}
	err = tx.queryRow(`SELECT id, public_id FROM sources WHERE kind = $1 AND target = $2
		AND id NOT IN (SELECT source_id FROM source_configs) ORDER BY id LIMIT 1`, kind, target).Scan(&s.Key, &public)
	if err == nil {
		s.ID = retinue.SourceID(public)
		return s, tx.renameSource(s.Key, name)
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return s, fmt.Errorf("find source: %w", err)
	}
	if s.Key, err = tx.db.d.block(tx.ctx, tx.tx, "sources", 1); err != nil {
		return s, err
	}
	s.ID = retinue.NewSourceID(tx.at)
	return s, tx.exec("INSERT INTO sources (id, public_id, kind, name, target) VALUES ($1, $2, $3, $4, $5)", s.Key, string(s.ID), kind, name, target)
}

// StartRun writes a run that begins, and marks runs of the source that a
// process left behind when it went away.
func (tx *Tx) StartRun(src store.Source, actor retinue.Actor) (store.Run, error) {
	run := store.Run{ID: retinue.NewRunID(tx.at), Source: src, State: store.RunRunning, StartedAt: tx.at, Actor: actor}
	if err := tx.exec("UPDATE runs SET state = $1, finished_at = $2 WHERE source_id = $3 AND state = $4",
		string(store.RunCrashed), tx.at.UnixMicro(), src.Key, string(store.RunRunning)); err != nil {
		return run, fmt.Errorf("start run: %w", err)
	}
	var err error
	if run.Key, err = tx.db.d.block(tx.ctx, tx.tx, "runs", 1); err != nil {
		return run, err
	}
	who, err := json.Marshal(actor)
	if err != nil {
		return run, err
	}
	tx.Record(actor, retinue.RecordScanStarted, src.Name, map[string]any{"run": run.ID, "source": src.ID, "kind": src.Kind})
	return run, tx.exec(`INSERT INTO runs (id, public_id, source_id, state, started_at, actor, access, notes)
		VALUES ($1, $2, $3, $4, $5, $6, '{}', '[]')`, run.Key, string(run.ID), src.Key, string(run.State), tx.at.UnixMicro(), string(who))
}

// FinishRun writes how a run ended.
func (tx *Tx) FinishRun(run store.Run) error {
	tx.touched = true // the source itself is judged, by how the run went
	tx.finished = append(tx.finished, run)
	access, err := json.Marshal(run.Access)
	if err != nil {
		return err
	}
	notes, err := json.Marshal(run.Notes)
	if err != nil {
		return err
	}
	for _, n := range run.Notes {
		if n.Kind == connector.NoteCall {
			tx.Record(run.Actor, retinue.RecordVerifyCalled, run.Source.Name, map[string]any{"run": run.ID, "call": n.Text})
		}
	}
	tx.Record(run.Actor, retinue.RecordScanFinished, run.Source.Name, map[string]any{"run": run.ID, "source": run.Source.ID,
		"state": run.State, "scopes": len(run.Scopes)})
	return tx.exec("UPDATE runs SET state = $1, finished_at = $2, access = $3, notes = $4, error = $5 WHERE id = $6",
		string(run.State), tx.at.UnixMicro(), string(access), string(notes), run.Error, run.Key)
}

// LastRuns returns the newest run of each source, with its scopes.
func (tx *Tx) LastRuns() ([]store.Run, error) {
	l, err := tx.lens()
	if err != nil {
		return nil, err
	}
	var out []store.Run
	err = tx.query(func(rows *sql.Rows) error {
		r, err := scanRun(rows)
		out = append(out, r)
		return err
	}, `SELECT r.id, r.public_id, r.state, r.started_at, r.finished_at, r.actor, r.access, r.notes, r.error,
		o.id, o.public_id, o.kind, o.name, o.target FROM runs r JOIN sources o ON o.id = r.source_id
		WHERE r.id = (SELECT max(x.id) FROM runs x WHERE x.source_id = r.source_id AND x.state <> $1)`+and(l.seesSource("o.id"))+` ORDER BY o.name`, string(store.RunRefused))
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	for i := range out {
		if out[i].Scopes, err = tx.scopeRuns(out[i].Key); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func scanRun(rows *sql.Rows) (store.Run, error) {
	var r store.Run
	var id, state, actor, access, notes, source string
	var started int64
	var finished sql.NullInt64
	if err := rows.Scan(&r.Key, &id, &state, &started, &finished, &actor, &access, &notes, &r.Error,
		&r.Source.Key, &source, &r.Source.Kind, &r.Source.Name, &r.Source.Target); err != nil {
		return r, err
	}
	r.ID, r.State, r.Source.ID = retinue.RunID(id), store.RunState(state), retinue.SourceID(source)
	r.StartedAt, r.FinishedAt = observed(started), fromMicros(finished)
	return r, errors.Join(json.Unmarshal([]byte(actor), &r.Actor), json.Unmarshal([]byte(access), &r.Access),
		json.Unmarshal([]byte(notes), &r.Notes))
}

func (tx *Tx) scopeRuns(run int64) ([]store.ScopeRun, error) {
	var out []store.ScopeRun
	err := tx.query(func(rows *sql.Rows) error {
		var s store.ScopeRun
		var realm, state, counts, problems string
		var obs, rec int64
		if err := rows.Scan(&realm, &s.Scope.Path, &state, &obs, &rec, &s.Revision, &s.Basis, &counts, &problems); err != nil {
			return err
		}
		s.Scope.Realm, s.State = retinue.Realm(realm), store.ScopeState(state)
		s.ObservedAt, s.RecordedAt = observed(obs), observed(rec)
		out = append(out, s)
		last := &out[len(out)-1]
		return errors.Join(json.Unmarshal([]byte(counts), &last.Counts), json.Unmarshal([]byte(problems), &last.Problems))
	}, `SELECT m.realm, s.path, v.state, v.observed_at, v.recorded_at, v.rev, v.basis, v.counts, v.problems
		FROM revisions v JOIN scopes s ON s.id = v.scope_id JOIN realms m ON m.id = s.realm_id
		WHERE v.run_id = $1 ORDER BY v.rev`, run)
	if err != nil {
		return nil, fmt.Errorf("list scopes of run: %w", err)
	}
	return out, nil
}

// SetRealmName keeps a realm's name for people.
func (tx *Tx) SetRealmName(realm retinue.Realm, name string) error {
	id, err := tx.realmID(realm)
	if err != nil {
		return err
	}
	return tx.exec("UPDATE realms SET name = $1 WHERE id = $2", name, id)
}

// ForgetSource drops a source of which nothing was ever read, such as a
// mistyped one, with its runs. Its finding is resolved. ErrConflict says that
// scopes stand on its word: those are history.
func (tx *Tx) ForgetSource(name string, actor retinue.Actor) error {
	var key int64
	var id string
	err := tx.queryRow("SELECT id, public_id FROM sources WHERE name = $1", name).Scan(&key, &id)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%w: source %q; `retinue sources list` lists them", retinue.ErrNotFound, name)
	}
	if err != nil {
		return fmt.Errorf("forget source: %w", err)
	}
	var scopes int
	if err := tx.queryRow(`SELECT (SELECT count(*) FROM scopes WHERE source_id = $1) +
		(SELECT count(*) FROM revisions v JOIN runs r ON r.id = v.run_id WHERE r.source_id = $1)`, key).Scan(&scopes); err != nil {
		return fmt.Errorf("forget source: %w", err)
	}
	if scopes > 0 {
		return fmt.Errorf("%w: forget source %s: it was read, and what it stated is history", retinue.ErrConflict, name)
	}
	findings, err := tx.FindingsOf(-key)
	if err != nil {
		return err
	}
	for _, f := range findings {
		if f.State == retinue.FindingResolved {
			continue
		}
		f.State, f.ResolvedAt, f.LastSeen, f.Accepted = retinue.FindingResolved, tx.at, tx.at, nil
		if err := tx.SaveFinding(-key, f, true); err != nil {
			return err
		}
		tx.Record(actor, retinue.RecordFindingResolved, string(f.ID), map[string]any{"rule": f.Rule, "reason": "the source was forgotten"})
	}
	tx.Record(actor, retinue.RecordSourceForgotten, name, map[string]any{"source": id})
	if err := tx.exec("DELETE FROM runs WHERE source_id = $1", key); err != nil {
		return fmt.Errorf("forget source: %w", err)
	}
	return tx.exec("DELETE FROM sources WHERE id = $1", key)
}
