package sqlstore_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

func (w *world) change(fn func(*sqlstore.Tx) error) {
	w.t.Helper()
	if err := w.Update(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) look(fn func(*sqlstore.Tx) error) {
	w.t.Helper()
	if err := w.View(w.t.Context(), store.Everything(), fn); err != nil {
		w.t.Fatal(err)
	}
}

func TestOutletsKeepTheirVersionAndForgetSecretsWhenDeleted(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		o := store.Outlet{Purpose: store.PurposeChannel, Kind: "webhook", Name: "ops", Enabled: true, Settings: json.RawMessage(`{"url":"x"}`),
			Sealed: []byte{1, 2}, SecretNames: []string{"key"}}
		w.change(func(tx *sqlstore.Tx) error { return tx.CreateOutlet(&o) })
		same := o
		err := w.Update(t.Context(), func(tx *sqlstore.Tx) error { return tx.CreateOutlet(&same) })
		if !errors.Is(err, retinue.ErrConflict) {
			t.Errorf("second outlet of a name: %v", err)
		}
		stale := o
		o.Name = "operations"
		w.change(func(tx *sqlstore.Tx) error { return tx.ChangeOutlet(&o) })
		if err := w.Update(t.Context(), func(tx *sqlstore.Tx) error { return tx.ChangeOutlet(&stale) }); !errors.Is(err, retinue.ErrConflict) {
			t.Errorf("change of an old version: %v", err)
		}
		w.change(func(tx *sqlstore.Tx) error {
			if err := tx.OutletFailed(o.Key, "no route", tx.At().Add(time.Minute)); err != nil {
				return err
			}
			return tx.OutletWorked(o.Key, 7)
		})
		w.look(func(tx *sqlstore.Tx) error {
			got, err := tx.Outlet(store.PurposeChannel, o.ID)
			if err != nil {
				return err
			}
			if got.Name != "operations" || got.Version != 2 || got.Cursor != 7 || got.Failures != 0 || got.LastError != "" || string(got.Sealed) != "\x01\x02" || got.SecretNames[0] != "key" {
				t.Errorf("outlet: %+v", got)
			}
			if _, err := tx.Outlet(store.PurposeStream, o.ID); !errors.Is(err, retinue.ErrNotFound) {
				t.Errorf("channel read as a stream: %v", err)
			}
			return nil
		})
		w.change(func(tx *sqlstore.Tx) error { return tx.DeleteOutlet(o.Key) })
		w.look(func(tx *sqlstore.Tx) error {
			if _, err := tx.Outlet(store.PurposeChannel, o.ID); !errors.Is(err, retinue.ErrNotFound) {
				t.Errorf("deleted outlet: %v", err)
			}
			got, err := tx.OutletByKey(o.Key)
			if len(got.Sealed) != 0 || got.Enabled {
				t.Errorf("deleted outlet keeps %+v", got)
			}
			return err
		})
		again := store.Outlet{Purpose: store.PurposeChannel, Kind: "webhook", Name: "operations", Settings: json.RawMessage(`{}`)}
		w.change(func(tx *sqlstore.Tx) error { return tx.CreateOutlet(&again) })
	})
}

func TestNoticesOfOneCauseAreOne(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		raise := func(sev retinue.Severity, stage string) store.Notice {
			var n store.Notice
			w.change(func(tx *sqlstore.Tx) error {
				var err error
				n, err = tx.Raise(store.Notice{Key: "scan/aws", Kind: "scan.failed", Severity: sev, Source: "aws", Body: store.NoticeBody{Title: "t", Stage: stage}})
				return err
			})
			return n
		}
		first := raise(retinue.SeverityMedium, "")
		if !first.Body.News || first.Occasion != 1 || first.State != store.NoticeOpen {
			t.Errorf("first: %+v", first)
		}
		w.change(func(tx *sqlstore.Tx) error { return tx.Routed(first) })
		again := raise(retinue.SeverityMedium, "")
		if again.ID != first.ID || again.Body.News || again.Occasion != 2 {
			t.Errorf("again: %+v", again)
		}
		if worse := raise(retinue.SeverityHigh, ""); !worse.Body.News || worse.Occasion != 3 {
			t.Errorf("worse: %+v", worse)
		}
		w.change(func(tx *sqlstore.Tx) error {
			n, err := tx.NoticeByKey("scan/aws")
			if err != nil {
				return err
			}
			_, did, err := tx.Settle(n, store.NoticeAcknowledged, "ada")
			if !did {
				t.Error("not acknowledged")
			}
			return errors.Join(err, tx.Routed(n))
		})
		if quiet := raise(retinue.SeverityHigh, ""); quiet.State != store.NoticeAcknowledged || quiet.Body.News {
			t.Errorf("acknowledged and found again: %+v", quiet)
		}
		if staged := raise(retinue.SeverityHigh, "second"); staged.State != store.NoticeOpen || !staged.Body.News || staged.AcknowledgedBy != "" {
			t.Errorf("next stage: %+v", staged)
		}
		w.look(func(tx *sqlstore.Tx) error {
			list, err := tx.Notices(store.NoticeQuery{Severity: retinue.SeverityHigh, Kind: "scan.failed", Source: "aws", State: store.NoticeOpen})
			if len(list) != 1 || list[0].Occasion != 5 {
				t.Errorf("list: %+v", list)
			}
			waiting, err2 := tx.Unrouted(10)
			if len(waiting) != 1 {
				t.Errorf("unrouted: %+v", waiting)
			}
			return errors.Join(err, err2)
		})
	})
}

func TestOneTellingIsPlannedOnce(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		o := store.Outlet{Purpose: store.PurposeChannel, Kind: "webhook", Name: "ops", Enabled: true, Settings: json.RawMessage(`{}`)}
		var n store.Notice
		w.change(func(tx *sqlstore.Tx) error {
			var err error
			n, err = tx.Raise(store.Notice{Key: "k", Kind: "scan.failed", Severity: retinue.SeverityLow})
			return errors.Join(err, tx.CreateOutlet(&o))
		})
		plan := func(occasion int64) (added bool) {
			w.change(func(tx *sqlstore.Tx) error {
				var err error
				added, err = tx.Plan(store.Delivery{Notice: n.InternalKey, Occasion: occasion, Event: "raised", Outlet: o.Key, Address: "a@example.com", Route: "r", DueAt: tx.At()})
				return err
			})
			return added
		}
		if !plan(1) || plan(1) || !plan(2) {
			t.Error("a telling was planned twice, or not at all")
		}
		w.change(func(tx *sqlstore.Tx) error {
			due, err := tx.DueDeliveries(o.Key, tx.At(), 10)
			if err != nil || len(due) != 2 || due[0].Occasion != 1 {
				t.Errorf("due: %+v %v", due, err)
			}
			if err := tx.Sent(due[0].Key, "msg", "200"); err != nil {
				return err
			}
			return tx.NotSent(due[1], "refused", time.Time{})
		})
		w.look(func(tx *sqlstore.Tx) error {
			dead, err := tx.Deliveries(store.DeliveryQuery{State: store.DeliveryDead})
			if len(dead) != 1 || dead[0].Error != "refused" || dead[0].Attempts != 1 {
				t.Errorf("dead: %+v", dead)
			}
			told, err2 := tx.LastTold(n.InternalKey)
			if len(told) != 1 {
				t.Errorf("told: %v", told)
			}
			return errors.Join(err, err2)
		})
		w.change(func(tx *sqlstore.Tx) error {
			dead, err := tx.Deliveries(store.DeliveryQuery{State: store.DeliveryDead})
			if err != nil {
				return err
			}
			if err := tx.Revive(dead[0].Key); err != nil {
				return err
			}
			told, err := tx.CancelDeliveries(n.InternalKey, "resolved")
			if len(told) != 1 || told[0].Receipt != "200" {
				t.Errorf("told before the cancellation: %+v", told)
			}
			due, err2 := tx.OutletsDue()
			if len(due) != 0 {
				t.Errorf("waits after the cancellation: %v", due)
			}
			return errors.Join(err, err2)
		})
	})
}

func TestTicketsHoldTheirFindings(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		f := retinue.Finding{ID: retinue.NewFindingID(day0), Fingerprint: "fp", Rule: "r", Severity: retinue.SeverityHigh, State: retinue.FindingOpen, FirstSeen: day0, LastSeen: day0}
		tk := store.Ticket{Outlet: 1, Group: "fix/x", Title: "t"}
		w.change(func(tx *sqlstore.Tx) error {
			if err := tx.SaveFinding(0, f, true); err != nil {
				return err
			}
			saved, _ := tx.TakeSaved()
			if len(saved) != 1 || saved[0].Before != "" {
				t.Errorf("saved: %+v", saved)
			}
			return errors.Join(tx.AddTicket(&tk), tx.LinkTicket(tk.Key, f.ID, 0), tx.LinkTicket(tk.Key, f.ID, 0), tx.AddTicketEvent(tk.Key, "create", true, "made"))
		})
		w.change(func(tx *sqlstore.Tx) error {
			tk.External, tk.State = "OPS-1", store.TicketOpen
			return tx.SaveTicket(tk)
		})
		w.look(func(tx *sqlstore.Tx) error {
			got, err := tx.TicketOf(1, "fix/x")
			if got.External != "OPS-1" || got.Marker == "" {
				t.Errorf("ticket: %+v", got)
			}
			in, err2 := tx.TicketFindings(got.Key)
			if len(in) != 1 || in[0].ID != f.ID {
				t.Errorf("findings: %+v", in)
			}
			keys, err3 := tx.TicketsOfFinding(f.ID)
			if len(keys) != 1 {
				t.Errorf("tickets of the finding: %v", keys)
			}
			list, err4 := tx.Tickets(store.TicketQuery{Finding: f.ID})
			if len(list) != 1 {
				t.Errorf("list: %v", list)
			}
			ev, err5 := tx.TicketEvents(got.Key)
			if len(ev) != 1 || !ev[0].OK {
				t.Errorf("receipts: %v", ev)
			}
			vs, err6 := tx.FindingVersions(0, 10)
			if len(vs) != 1 {
				t.Errorf("versions: %v", vs)
			}
			return errors.Join(err, err2, err3, err4, err5, err6)
		})
	})
}
