package sqlstore

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// children makes the listed child scopes known and ends those that are no
// longer listed, with all their facts.
func (a *applier) children() error {
	listed := map[int64]bool{}
	for _, c := range a.u.Completion.Children {
		u := a.u
		u.Scope = c
		u.Completion.Authority = a.authority()
		s, err := a.tx.scopeFor(u, a.obs)
		if err != nil {
			return err
		}
		listed[s.id] = true
		if err := a.tx.exec("UPDATE scopes SET parent_id = $1, state = CASE WHEN state = $2 THEN $3 ELSE state END WHERE id = $4",
			a.scope.id, string(store.ScopeEnded), string(store.ScopePartial), s.id); err != nil {
			return err
		}
	}
	known, err := a.tx.childScopes(a.scope.id)
	if err != nil {
		return err
	}
	for _, id := range known {
		if listed[id] {
			continue
		}
		if err := a.endScope(id); err != nil {
			return err
		}
	}
	return nil
}

// childScopes lists the scopes whose parent is the given one and that have not
// ended.
func (tx *Tx) childScopes(parent int64) ([]int64, error) {
	var out []int64
	err := tx.query(func(rows *sql.Rows) error {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		out = append(out, id)
		return nil
	}, "SELECT id FROM scopes WHERE parent_id = $1 AND state <> $2 ORDER BY id", parent, string(store.ScopeEnded))
	return out, err
}

// endScope ends a scope that its parent no longer lists: its facts, those of
// the scopes below it by path, and those of its own children. A scope that was
// listed later than the parent was observed is left alone.
func (a *applier) endScope(id int64) error {
	var realm int64
	var path string
	if err := a.tx.queryRow("SELECT realm_id, path FROM scopes WHERE id = $1", id).Scan(&realm, &path); err != nil {
		return err
	}
	prefix := path + "/"
	var ids []int64
	err := a.tx.query(func(rows *sql.Rows) error {
		var s int64
		if err := rows.Scan(&s); err != nil {
			return err
		}
		ids = append(ids, s)
		return nil
	}, `SELECT id FROM scopes WHERE realm_id = $1 AND (path = $2 OR substr(path, 1, $3) = $4 OR $2 = '')
		AND state <> $5 AND COALESCE(completed_at, 0) <= $6 ORDER BY id`, realm, path, len([]rune(prefix)), prefix, string(store.ScopeEnded), a.obs)
	if err != nil {
		return err
	}
	for _, s := range ids {
		if err := a.endFactsOf(s); err != nil {
			return err
		}
		if err := a.tx.exec("UPDATE scopes SET state = $1, facts = 0, observed_at = $2, recorded_at = $3 WHERE id = $4",
			string(store.ScopeEnded), a.obs, a.tx.at.UnixMicro(), s); err != nil {
			return err
		}
		below, err := a.tx.childScopes(s)
		if err != nil {
			return err
		}
		for _, c := range below {
			if err := a.endScope(c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *applier) endFactsOf(scope int64) error {
	cur := &current{tx: a.tx, scope: scope}
	var ids []int64
	for {
		have, err := cur.peek()
		if err != nil {
			return err
		}
		if have == nil {
			break
		}
		ids = append(ids, have.id)
		cur.i++
	}
	a.counts.Ended += int64(len(ids))
	return a.closeFacts(ids)
}

// Scopes lists how every scope stands: the completeness of what is known.
func (tx *Tx) Scopes() ([]store.ScopeStatus, error) { return tx.scopes("1 = 1") }

// Scope returns how a scope stands in each source that has it.
func (tx *Tx) Scope(sc retinue.Scope) ([]store.ScopeStatus, error) {
	return tx.scopes("s.path = $1 AND m.realm = $2", sc.Path, string(sc.Realm))
}

func (tx *Tx) scopes(where string, args ...any) ([]store.ScopeStatus, error) {
	l, err := tx.lens()
	if err != nil {
		return nil, err
	}
	var out []store.ScopeStatus
	err = tx.query(func(rows *sql.Rows) error {
		var s store.ScopeStatus
		var realm, state, problems string
		var obs, completed sql.NullInt64
		var recorded int64
		if err := rows.Scan(&realm, &s.Scope.Path, &s.Source, &s.SourceKind, &state, &s.Authority, &obs, &completed,
			&recorded, &s.Facts, &s.Basis, &problems, &s.HeldEnds); err != nil {
			return err
		}
		s.Scope.Realm, s.State = retinue.Realm(realm), store.ScopeState(state)
		s.ObservedAt, s.CompletedAt, s.RecordedAt = fromMicros(obs), fromMicros(completed), observed(recorded)
		if err := json.Unmarshal([]byte(problems), &s.Problems); err != nil {
			return err
		}
		out = append(out, s)
		return nil
	}, `SELECT m.realm, s.path, o.name, o.kind, s.state, s.authority, s.observed_at, s.completed_at, s.recorded_at,
		s.facts, s.basis, s.problems, s.held_ends FROM scopes s JOIN realms m ON m.id = s.realm_id
		JOIN sources o ON o.id = s.source_id WHERE `+where+and(l.seesSource("o.id"))+` ORDER BY m.realm, s.path, o.id`, args...)
	if err != nil {
		return nil, fmt.Errorf("list scopes: %w", err)
	}
	return out, nil
}

// MissingBefore returns what the last run said a realm's access lacked, keyed
// as the caller keyed it, and false where no run is known.
func (tx *Tx) MissingBefore(realm retinue.Realm) ([]string, bool, error) {
	var v string
	err := tx.queryRow("SELECT value FROM meta WHERE name = $1", "missing:"+string(realm)).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	var out []string
	return out, true, json.Unmarshal([]byte(v), &out)
}

// SetMissing remembers what a realm's access lacks.
func (tx *Tx) SetMissing(realm retinue.Realm, missing []string) error {
	b, err := json.Marshal(orEmpty(missing))
	if err != nil {
		return err
	}
	return tx.SetMeta("missing:"+string(realm), string(b))
}

// Meta returns a setting of the installation, or "".
func (tx *Tx) Meta(name string) (string, error) {
	var v string
	err := tx.queryRow("SELECT value FROM meta WHERE name = $1", name).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return v, err
}

// SetMeta writes a setting of the installation.
func (tx *Tx) SetMeta(name, value string) error {
	return tx.exec(`INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
}
