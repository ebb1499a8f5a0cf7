package app

import (
	"context"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// ListScans implements api.Scans.
func (a *App) ListScans(ctx context.Context, scope store.RowScope, q store.ScanQuery) (items []api.Scan, next int64, err error) {
	limit := q.Limit
	q.Limit++
	err = a.viewSources(ctx, scope, func(tx *sqlstore.Tx) error {
		list, err := tx.Scans(q)
		if err != nil {
			return err
		}
		if len(list) > limit {
			list = list[:limit]
			next = list[limit-1].Key
		}
		for _, s := range list {
			items = append(items, scanView(s))
		}
		return nil
	})
	return items, next, err
}

// Scan implements api.Scans. It is not the Scan of the command line, which
// reads sources at once.
func (s scansAPI) Scan(ctx context.Context, scope store.RowScope, id store.ScanID) (out api.Scan, err error) {
	err = s.viewSources(ctx, scope, func(tx *sqlstore.Tx) error {
		v, err := tx.Scan(id)
		out = scanView(v)
		return err
	})
	return out, err
}

// scansAPI is the App as api.Scans: the name Scan is taken by the command
// line's.
type scansAPI struct{ *App }

// RequestScan implements api.Scans.
func (a *App) RequestScan(ctx context.Context, c auth.Caller, source string) (out api.Scan, err error) {
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		cfg, err := a.scannable(tx, c.Scope(auth.PermScansRun), source)
		if err != nil {
			return err
		}
		s, _, err := a.requestScan(ctx, tx, store.Scan{Source: cfg.Source, Reason: store.ScanDemanded, Actor: c.Actor, DueAt: tx.At()})
		out = scanView(s)
		return err
	})
	return out, err
}

// scannable returns a source that this installation can scan by itself.
func (a *App) scannable(tx *sqlstore.Tx, scope store.RowScope, source string) (c store.SourceConfig, err error) {
	err = tx.Within(scope, func() error {
		c, err = tx.SourceConfig(source)
		return err
	})
	if err != nil {
		return c, err
	}
	if c.Origin != store.OriginAPI && c.Origin != store.OriginFile {
		return c, fmt.Errorf("%w: scan source %s: it is read by a collector or from the command line", retinue.ErrConflict, c.Source.Name)
	}
	return c, nil
}

// CancelScan implements api.Scans.
func (a *App) CancelScan(ctx context.Context, c auth.Caller, id store.ScanID) (out api.Scan, err error) {
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		var s store.Scan
		err := tx.Within(c.Scope(auth.PermScansRun), func() error {
			s, err = tx.Scan(id)
			return err
		})
		if err != nil {
			return err
		}
		asked := s.CancelAt.IsZero()
		if s, err = tx.CancelScan(s, c.Actor); err != nil {
			return err
		}
		if asked {
			tx.Record(c.Actor, retinue.RecordScanCancelled, s.Source.Name, map[string]any{"scan": s.ID, "source": s.Source.ID})
		}
		out = scanView(s)
		return nil
	})
	if err != nil {
		return out, err
	}
	a.fleet.cancel(id) // at once where it runs here; elsewhere within a second
	return out, nil
}

// cancel stops a scan that this process runs.
func (f *fleet) cancel(id store.ScanID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range f.live[id] {
		l.cancel(errCancelled)
	}
}
