package app

import (
	"cmp"
	"context"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/app/itself"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// standing is what the list of sources is made of beside their configuration.
type standing struct {
	runs   map[string]store.Run
	scopes map[string][]store.ScopeStatus
	open   map[int64]store.Scan
	logs   map[int64]store.SourceLogs
	next   map[string]time.Time
}

// ListSources implements api.Sources.
func (a *App) ListSources(ctx context.Context, scope store.RowScope) (out []api.Source, err error) {
	next, err := a.nextScans(ctx)
	if err != nil {
		return nil, err
	}
	err = a.viewSources(ctx, scope, func(tx *sqlstore.Tx) error {
		list, err := tx.SourceConfigs()
		if err != nil {
			return err
		}
		st, err := standingOf(tx)
		if err != nil {
			return err
		}
		st.next = next
		for _, c := range list {
			out = append(out, a.sourceView(c, st))
		}
		return nil
	})
	return out, err
}

// viewSources reads of the sources that a scope names. The scope is asked of
// each source; what is read of it is the installation's.
func (a *App) viewSources(ctx context.Context, scope store.RowScope, fn func(*sqlstore.Tx) error) error {
	return a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		return tx.Within(scope, func() error { return fn(tx) })
	})
}

// Source implements api.Sources.
func (a *App) Source(ctx context.Context, scope store.RowScope, name string) (out api.Source, err error) {
	next, err := a.nextScans(ctx)
	if err != nil {
		return out, err
	}
	err = a.viewSources(ctx, scope, func(tx *sqlstore.Tx) error {
		out, err = a.sourceDetail(tx, name, next)
		return err
	})
	return out, err
}

// sourceIn is Source in a transaction: schedules are the queue's, and do not
// change with the source.
func (a *App) sourceIn(_ context.Context, tx *sqlstore.Tx, name string) (api.Source, error) {
	return a.sourceDetail(tx, name, nil)
}

func (a *App) sourceDetail(tx *sqlstore.Tx, name string, next map[string]time.Time) (out api.Source, err error) {
	c, err := tx.SourceConfig(name)
	if err != nil {
		return out, err
	}
	st, err := standingOf(tx)
	if err != nil {
		return out, err
	}
	st.next = next
	out = a.sourceView(c, st)
	for _, s := range st.scopes[c.Source.Name] {
		out.Scopes = append(out.Scopes, api.SourceScope{Scope: s.Scope.String(), State: string(s.State), ObservedAt: s.ObservedAt, CompletedAt: s.CompletedAt,
			Facts: s.Facts, HeldEnds: s.HeldEnds, Basis: s.Basis, Problems: list(s.Problems)})
	}
	return out, nil
}

// nextScans returns when the schedules of sources come next.
func (a *App) nextScans(ctx context.Context) (map[string]time.Time, error) {
	all, err := a.queue.Schedules(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]time.Time{}
	for _, s := range all {
		out[s.Name] = s.NextRun
	}
	return out, nil
}

// standingOf reads how all sources stand; the caller asks of those that it may
// see.
func standingOf(tx *sqlstore.Tx) (st standing, err error) {
	err = tx.Within(store.Everything(), func() error {
		st = standing{runs: map[string]store.Run{}, scopes: map[string][]store.ScopeStatus{}}
		runs, err := tx.LastRuns()
		if err != nil {
			return err
		}
		for _, r := range runs {
			st.runs[r.Source.Name] = r
		}
		scopes, err := tx.Scopes()
		if err != nil {
			return err
		}
		for _, s := range scopes {
			st.scopes[s.Source] = append(st.scopes[s.Source], s)
		}
		st.logs = map[int64]store.SourceLogs{}
		logs, err := tx.SourceLogs()
		if err != nil {
			return err
		}
		for _, l := range logs {
			l.PausedBy = calledIn(tx, l.PausedBy)
			st.logs[l.Source.Key] = l
		}
		_, st.open, err = tx.LastScans()
		return err
	})
	return st, err
}

func (a *App) sourceView(c store.SourceConfig, st standing) api.Source {
	v := api.Source{ID: c.Source.ID, Name: c.Source.Name, Kind: c.Source.Kind, Target: c.Source.Target, Origin: originOf(c),
		Collector: c.Collector, Options: c.Options, Secrets: a.secretViews(c), Paused: c.Paused, Version: c.Version, State: "never_scanned",
		Next: st.next[scheduleName(c.Source.ID)], Checked: sourceCheck(c.Checked), Problems: []string{}, Missing: []api.MissingRight{},
		NotCovered: []string{}, BlindSpots: []string{}, CouldRead: []string{}}
	if c.Interval > 0 {
		v.Interval, v.Jitter = c.Interval.String(), c.Jitter.String()
	}
	if c.Hook != nil {
		v.Hook = &api.SourceHook{Path: hookURLPath(c.Source.ID), SetAt: c.Hook.SetAt, SetBy: c.Hook.SetBy.Name, LastUsed: c.Hook.LastUsed}
	}
	if spec, err := a.specOf(c); err == nil {
		v.BlindSpots, v.CouldRead = list(spec.BlindSpots), list(spec.CouldRead)
	}
	if r, ok := st.runs[c.Source.Name]; ok {
		lastRun(&v, r)
	}
	if l, ok := st.logs[c.Source.Key]; ok {
		v.Logs = api.NewSourceLogs(l)
	}
	v.Completeness = completeness(st.scopes[c.Source.Name])
	if s, ok := st.open[c.Source.Key]; ok {
		scan := scanView(s)
		v.Scan = &scan
	}
	return v
}

// originOf says where a source is configured.
func originOf(c store.SourceConfig) string {
	if c.Origin == "" && c.Source.Kind == itself.Kind {
		return "self"
	}
	return cmp.Or(string(c.Origin), "command")
}

func (a *App) secretViews(c store.SourceConfig) []api.SourceSecret {
	out := []api.SourceSecret{}
	for _, s := range c.Secrets {
		out = append(out, api.SourceSecret{Name: s.Name, Set: true, SetAt: s.SetAt, SetBy: s.SetBy.Name})
	}
	file, ok := a.fileSource(c)
	if !ok {
		return out
	}
	for name, p := range file.Secrets {
		from := "env"
		if p.File != "" {
			from = "file"
		}
		out = append(out, api.SourceSecret{Name: name, Set: true, From: from})
	}
	return out
}

// lastRun tells of the newest run of a source.
func lastRun(v *api.Source, r store.Run) {
	v.State, v.Realm, v.RealmName, v.Principal = string(r.State), r.Access.Realm, r.Access.Name, r.Access.Principal
	v.Missing, v.NotCovered = missingRights(r.Access.Missing), list(r.Access.NotCovered)
	if len(r.Access.CouldRead) > 0 {
		v.CouldRead = r.Access.CouldRead
	}
	l := &api.LastRun{Run: r.ID, State: string(r.State), StartedAt: r.StartedAt, FinishedAt: r.FinishedAt, By: r.Actor.Name, Error: r.Error, Notes: list(r.Notes)}
	for _, s := range r.Scopes {
		l.Counts.Facts += s.Counts.Facts
		l.Counts.Added += s.Counts.Added
		l.Counts.Changed += s.Counts.Changed
		l.Counts.Ended += s.Counts.Ended
		l.Counts.Unchanged += s.Counts.Unchanged
		l.Counts.Uses += s.Counts.Uses
		l.Counts.Held += s.Counts.Held
		for _, p := range s.Problems {
			v.Problems = append(v.Problems, s.Scope.String()+": "+p)
		}
	}
	if r.Error != "" {
		v.Problems = append(v.Problems, r.Error)
	}
	v.Last = l
}

func completeness(scopes []store.ScopeStatus) api.Completeness {
	var c api.Completeness
	for _, s := range scopes {
		if s.State == store.ScopeEnded {
			continue
		}
		c.Scopes++
		c.Facts += s.Facts
		switch s.State {
		case store.ScopeComplete, store.ScopeHistoric:
			c.Complete++
		case store.ScopePartial:
			c.Partial++
		case store.ScopeHeld:
			c.Held++
		default:
			c.Failed++
		}
		if c.Oldest.IsZero() || s.CompletedAt.Before(c.Oldest) {
			c.Oldest = s.CompletedAt
		}
	}
	return c
}

func missingRights(in []connector.Missing) []api.MissingRight {
	out := []api.MissingRight{}
	for _, m := range in {
		out = append(out, api.MissingRight{Permission: m.Permission, Scope: m.Scope.String(), Consequence: m.Consequence})
	}
	return out
}

func sourceCheck(c *store.Checked) *api.SourceCheck {
	if c == nil {
		return nil
	}
	x := c.Access
	return &api.SourceCheck{At: c.At, OK: c.OK, Error: c.Error, Realm: x.Realm, RealmName: x.Name, Principal: x.Principal, Missing: missingRights(x.Missing),
		NotCovered: list(x.NotCovered), CouldRead: list(x.CouldRead), Calls: x.Calls, Seconds: x.Duration.Seconds()}
}

// list is a list that is written as [] where it is empty.
func list[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}

func scanView(s store.Scan) api.Scan {
	v := api.Scan{ID: s.ID, Source: s.Source.Name, SourceID: s.Source.ID, Kind: s.Source.Kind, State: s.State, Reason: s.Reason, By: s.Actor.Name,
		RequestedAt: s.RequestedAt, DueAt: s.DueAt, StartedAt: s.StartedAt, FinishedAt: s.FinishedAt, Run: s.Run, Repeats: s.Repeats,
		Cancelling: s.State == store.ScanRunning && !s.CancelAt.IsZero(), Progress: list(s.Progress), Error: s.Error}
	if !s.CancelAt.IsZero() {
		v.CancelledBy = s.CancelBy.Name
	}
	return v
}

func hookURLPath(id retinue.SourceID) string { return api.Base + "/hooks/scan/" + string(id) }
