package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// eventPlace is up to where a caller has heard: the revision of the inventory,
// the newest version of a finding, the head of the audit log, and how scans
// stand. It is the same on every server of an installation.
type eventPlace struct {
	revision, finding, record, scans int64
}

func (p eventPlace) String() string {
	return fmt.Sprintf("%d-%d-%d-%d", p.revision, p.finding, p.record, p.scans)
}

func parsePlace(s string) (p eventPlace, err error) {
	if n, scanErr := fmt.Sscanf(s, "%d-%d-%d-%d", &p.revision, &p.finding, &p.record, &p.scans); scanErr != nil || n != 4 || p.String() != s || strings.Contains(s, "--") {
		return p, badField("header.Last-Event-ID", "it is no id of an event of this server")
	}
	return p, nil
}

// Events implements api.Events.
func (a *App) Events(ctx context.Context, c auth.Caller, since string) (out []api.Event, now string, err error) {
	was := eventPlace{revision: -1, finding: -1, record: -1, scans: -1}
	if since != "" {
		if was, err = parsePlace(since); err != nil {
			return nil, "", err
		}
	}
	is := was
	err = a.DB.View(ctx, c.Scope(auth.PermInventoryRead), func(tx *sqlstore.Tx) error {
		m, err := tx.MovedSince(was.revision, was.finding)
		if err != nil {
			return err
		}
		is.revision, is.finding = max(m.Revision, 0), max(m.FindingAt, 0)
		if is.record, _, err = tx.Head(); err != nil {
			return err
		}
		if was.record >= 0 && is.record > was.record && !m.Inventory {
			if m.Inventory, err = tx.RegisteredSince(was.record); err != nil {
				return err
			}
		}
		if m.Inventory {
			out = append(out, api.Event{Topic: "inventory", Data: map[string]int64{"revision": is.revision}})
		}
		if m.Findings {
			out = append(out, api.Event{Topic: "findings"})
		}
		if was.record >= 0 && is.record > was.record && c.Can(auth.PermAuditRead) {
			out = append(out, api.Event{Topic: "records", Data: map[string]int64{"seq": is.record}})
		}
		if is.scans, err = tx.ScansMoved(); err != nil {
			return err
		}
		if was.scans >= 0 && is.scans != was.scans && c.Can(auth.PermSourcesRead) {
			out = append(out, api.Event{Topic: "scans"})
		}
		return nil
	})
	return out, is.String(), err
}
