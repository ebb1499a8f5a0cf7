package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/evidence/export"
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

// ExportThings implements api.Exporter.
func (a *App) ExportThings(ctx context.Context, c auth.Caller, w io.Writer, q store.ListQuery, as api.ExportAs) error {
	name := "identities"
	if q.Type == retinue.FactCredential {
		name = "credentials"
	}
	return a.exportTo(ctx, c, auth.PermInventoryRead, name, as, func(tx *sqlstore.Tx) (export.Written, error) {
		rows := func(yield func(store.Entity, error) bool) {
			for r, err := range listed(tx, q) {
				if !yield(r.Entity, err) {
					return
				}
			}
		}
		return writeTable(w, as.Format, entityTable(name, rows))
	})
}

// ExportGrants implements api.Exporter.
func (a *App) ExportGrants(ctx context.Context, c auth.Caller, w io.Writer, q store.ListQuery, as api.ExportAs) error {
	return a.exportTo(ctx, c, auth.PermInventoryRead, "grants", as, func(tx *sqlstore.Tx) (export.Written, error) {
		q.Limit, q.Count = store.MaxPage, store.CountNone
		rows := func(yield func(inventory.Grant, error) bool) {
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
		return writeTable(w, as.Format, grantTable(rows))
	})
}

// ExportFindings implements api.Exporter.
func (a *App) ExportFindings(ctx context.Context, c auth.Caller, w io.Writer, q store.FindingList, as api.ExportAs) error {
	return a.exportTo(ctx, c, auth.PermInventoryRead, "findings", as, func(tx *sqlstore.Tx) (export.Written, error) {
		q.Limit, q.Count = store.MaxPage, store.CountNone
		read := pages(func(cursor string) ([]store.FindingRow, string, error) {
			q.Cursor = cursor
			p, err := tx.ListFindings(q)
			return p.Items, p.Next, err
		})
		rows := func(yield func(retinue.Finding, error) bool) {
			for r, err := range read {
				if !yield(r.Finding, err) {
					return
				}
			}
		}
		switch as.Format {
		case "ocsf":
			return export.OCSF{Tool: tool()}.WriteFindings(w, rows)
		case "sarif":
			sources, _, err := coverage(tx)
			if err != nil {
				return export.Written{}, err
			}
			var skipped []export.SkippedScope
			for _, s := range sources {
				skipped = append(skipped, s.Skipped...)
			}
			return export.WriteSARIF(w, export.SARIF{Tool: tool(), Rules: a.exportRules(), Findings: rows, Skipped: skipped})
		}
		return writeTable(w, as.Format, findingTable(rows))
	})
}

// ExportRecords implements api.Exporter.
func (a *App) ExportRecords(ctx context.Context, c auth.Caller, w io.Writer, q store.RecordQuery, as api.ExportAs) error {
	return a.exportTo(ctx, c, auth.PermAuditRead, "records", as, func(tx *sqlstore.Tx) (export.Written, error) {
		q.Limit, q.Count = store.MaxPage, store.CountNone
		rows := func(yield func(retinue.Record, error) bool) {
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
		if as.Format == "ocsf" {
			return export.OCSF{Tool: tool()}.WriteRecords(w, rows)
		}
		return writeTable(w, as.Format, recordTable(rows))
	})
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
func (a *App) exportTo(ctx context.Context, c auth.Caller, p auth.Permission, subject string, as api.ExportAs, write func(*sqlstore.Tx) (export.Written, error)) error {
	scope := c.Scope(p)
	if p == auth.PermAuditRead { // whoever reads the log reads all of it
		scope = store.Everything()
	}
	var out export.Written
	err := a.DB.View(ctx, scope, func(tx *sqlstore.Tx) (err error) {
		out, err = write(tx)
		return err
	})
	details := map[string]any{"subject": subject, "format": as.Format, "rows": out.Rows, "filters": as.Filters, "complete": err == nil}
	return errors.Join(err, a.DB.Update(context.WithoutCancel(ctx), func(tx *sqlstore.Tx) error {
		tx.Record(c.Actor, retinue.RecordExported, subject, details)
		return nil
	}))
}
