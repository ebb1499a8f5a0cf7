package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/evidence"
	"github.com/retinue-id/retinue/internal/evidence/export"
	"github.com/retinue-id/retinue/internal/evidence/report"
	"github.com/retinue-id/retinue/internal/inventory"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// errEnough ends a walk whose reader has enough.
var errEnough = errors.New("enough")

// pages walks a list to its end.
func pages[T any](read func(cursor string) (items []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		cursor := ""
		for {
			items, next, err := read(cursor)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, it := range items {
				if !yield(it, nil) {
					return
				}
			}
			if cursor = next; cursor == "" {
				return
			}
		}
	}
}

func listed(tx *sqlstore.Tx, q store.ListQuery) iter.Seq2[store.ListRow, error] {
	q.Limit, q.Count = store.MaxPage, store.CountNone
	return pages(func(cursor string) ([]store.ListRow, string, error) {
		q.Cursor = cursor
		p, err := tx.List(q)
		return p.Items, p.Next, err
	})
}

func thingsOf(tx *sqlstore.Tx, q store.ListQuery) iter.Seq2[store.Entity, error] {
	return func(yield func(store.Entity, error) bool) {
		for r, err := range listed(tx, q) {
			if !yield(r.Entity, err) {
				return
			}
		}
	}
}

func findingsOf(tx *sqlstore.Tx, q store.FindingList) iter.Seq2[retinue.Finding, error] {
	q.Limit, q.Count = store.MaxPage, store.CountNone
	read := pages(func(cursor string) ([]store.FindingRow, string, error) {
		q.Cursor = cursor
		p, err := tx.ListFindings(q)
		return p.Items, p.Next, err
	})
	return func(yield func(retinue.Finding, error) bool) {
		for r, err := range read {
			if !yield(r.Finding, err) {
				return
			}
		}
	}
}

// grantsListed yields what the identities of a list are granted.
func grantsListed(tx *sqlstore.Tx, q store.ListQuery) iter.Seq2[inventory.Grant, error] {
	q.Limit, q.Count = store.MaxPage, store.CountNone
	return func(yield func(inventory.Grant, error) bool) {
		for q.Cursor = ""; ; {
			p, err := tx.List(q)
			if err == nil {
				err = grantsOf(tx, q.AsOf, p.Items, func(g inventory.Grant) error {
					if !yield(g, nil) {
						return errEnough
					}
					return nil
				})
			}
			if err != nil {
				if !errors.Is(err, errEnough) {
					yield(inventory.Grant{}, err)
				}
				return
			}
			if q.Cursor = p.Next; q.Cursor == "" {
				return
			}
		}
	}
}

func recordsOf(tx *sqlstore.Tx, q store.RecordQuery) iter.Seq2[retinue.Record, error] {
	q.Limit, q.Count = store.MaxPage, store.CountNone
	return func(yield func(retinue.Record, error) bool) {
		for {
			p, err := tx.ListRecords(q)
			if err != nil {
				yield(retinue.Record{}, err)
				return
			}
			for _, r := range p.Items {
				if !yield(r, nil) {
					return
				}
			}
			if q.After = p.Next; q.After == 0 {
				return
			}
		}
	}
}

// ExportThings implements api.Exporter.
func (a *App) ExportThings(ctx context.Context, c auth.Caller, w io.Writer, q store.ListQuery, as api.ExportAs) (export.Manifest, error) {
	subject := "identities"
	if q.Type == retinue.FactCredential {
		subject = "credentials"
	}
	return a.exportTo(ctx, c, w, ExportOptions{Subject: subject, Things: q, AsOf: q.AsOf}, as)
}

// ExportGrants implements api.Exporter.
func (a *App) ExportGrants(ctx context.Context, c auth.Caller, w io.Writer, q store.ListQuery, as api.ExportAs) (export.Manifest, error) {
	return a.exportTo(ctx, c, w, ExportOptions{Subject: "grants", Things: q, AsOf: q.AsOf}, as)
}

// ExportFindings implements api.Exporter.
func (a *App) ExportFindings(ctx context.Context, c auth.Caller, w io.Writer, q store.FindingList, as api.ExportAs) (export.Manifest, error) {
	return a.exportTo(ctx, c, w, ExportOptions{Subject: "findings", Findings: q, AsOf: q.AsOf}, as)
}

// ExportRecords implements api.Exporter.
func (a *App) ExportRecords(ctx context.Context, c auth.Caller, w io.Writer, q store.RecordQuery, as api.ExportAs) (export.Manifest, error) {
	return a.exportTo(ctx, c, w, ExportOptions{Subject: "records", Records: q}, as)
}

func recordTable(rows iter.Seq2[retinue.Record, error]) export.Table {
	return export.Table{Name: "records", Columns: columns("seq", "id", "at", "actorKind", "actor", "host", "action", "subject", "details", "prevHash", "hash"),
		Rows: mapRows(rows, func(r retinue.Record) export.Row {
			return export.Row{r.Seq, string(r.ID), r.At, r.Actor.Kind, r.Actor.Name, r.Actor.Host, string(r.Action), r.Subject, r.Details, r.PrevHash, r.Hash}
		})}
}

func writeTable(w io.Writer, format string, t export.Table) (export.Written, error) {
	switch format {
	case "json":
		return export.WriteJSON(w, t)
	case "csv":
		return export.WriteCSV(w, t)
	case "xlsx":
		return export.WriteXLSX(w, t)
	}
	return export.Written{}, fmt.Errorf("%w: export %s as %q", retinue.ErrInvalid, t.Name, format)
}

// exportTo writes an export of one moment as the caller sees it, and keeps on
// record who took what. An export that did not reach its end is on record too:
// what was sent was seen.
func (a *App) exportTo(ctx context.Context, c auth.Caller, w io.Writer, o ExportOptions, as api.ExportAs) (export.Manifest, error) {
	o.Format, o.Filters, o.Sample, o.Seed = as.Format, as.Filters, as.Sample, as.Seed
	scope := c.Scope(auth.PermInventoryRead)
	if o.Subject == "records" { // whoever reads the log reads all of it
		scope = store.Everything()
	}
	return a.exportOf(ctx, c, scope, o, as, func(tx *sqlstore.Tx, m *export.Manifest) (export.Written, error) { return a.write(tx, w, o, m) })
}

func (a *App) exportOf(ctx context.Context, c auth.Caller, scope store.RowScope, o ExportOptions, as api.ExportAs, write func(*sqlstore.Tx, *export.Manifest) (export.Written, error)) (export.Manifest, error) {
	var m export.Manifest
	var out export.Written
	err := a.DB.View(ctx, scope, func(tx *sqlstore.Tx) (err error) {
		if m, err = a.manifest(tx, c.Actor, o); err == nil {
			out, err = write(tx, &m)
		}
		return err
	})
	details := map[string]any{"subject": o.Subject, "format": o.Format, "rows": out.Rows, "filters": o.Filters, "complete": err == nil}
	if as.Digest != nil {
		m = as.Digest.Finish(m, out)
		details["sha256"] = m.SHA256
	}
	return m, errors.Join(err, a.DB.Update(context.WithoutCancel(ctx), func(tx *sqlstore.Tx) error {
		tx.Record(c.Actor, retinue.RecordExported, o.Subject, details)
		return nil
	}))
}

// ExportReport implements api.Exporter.
func (a *App) ExportReport(ctx context.Context, c auth.Caller, w io.Writer, at store.AsOf, as api.ExportAs) (export.Manifest, error) {
	scope := c.Scope(auth.PermInventoryRead)
	d, err := a.reportOf(ctx, scope, at)
	if err != nil {
		return export.Manifest{}, err
	}
	d.By, d.Database = c.Actor, "" // where the database lies is nobody's business
	o := ExportOptions{Subject: "report", Format: as.Format, AsOf: at}
	return a.exportOf(ctx, c, scope, o, as, func(*sqlstore.Tx, *export.Manifest) (export.Written, error) {
		out := export.Written{Rows: int64(d.WorstTotal)}
		if as.Format == "text" {
			return out, report.WriteText(w, d, report.TextOptions{Width: as.Width, Color: as.Color})
		}
		return out, report.Write(w, d)
	})
}

// ExportArchive implements api.Exporter.
func (a *App) ExportArchive(ctx context.Context, c auth.Caller, w io.Writer, as api.ExportAs) (export.Manifest, error) {
	key, err := a.signingKey(ctx)
	if err != nil {
		return export.Manifest{}, err
	}
	o := ExportOptions{Subject: "audit", Format: as.Format}
	return a.exportOf(ctx, c, store.Everything(), o, as, func(tx *sqlstore.Tx, _ *export.Manifest) (export.Written, error) {
		var n int64
		_, err := evidence.WriteArchive(ctx, w, evidence.ArchiveManifest{CreatedAt: a.DB.Now(), By: c.Actor, Tool: "retinue " + Version}, counted(tx.Records(1), &n), &key)
		return export.Written{Rows: n}, err
	})
}
