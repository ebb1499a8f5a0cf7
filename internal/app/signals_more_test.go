package app

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// seenEntity finds an identity of the test's source.
func (w *teller) seenEntity(name string) (e store.Entity) {
	w.t.Helper()
	err := w.DB.View(w.t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
		for x, err := range tx.Entities(store.EntityQuery{Type: retinue.FactIdentity, Key: name, Gone: true}) {
			e = x
			return err
		}
		return retinue.ErrNotFound
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

func (w *teller) registerSeen(name string, g retinue.Registration) {
	w.t.Helper()
	all := func(string) bool { return true }
	if err := w.Register(w.t.Context(), Actor(), w.seenEntity(name), RegistrationChange{Registration: g, Changed: all}); err != nil {
		w.t.Fatal(err)
	}
}

// seenEvent is a line of a log.
func seenEvent(id, who string, at time.Time, action, address, more string) string {
	return fmt.Sprintf(`{"log":"app.audit","id":%q,"at":%q,"realm":"test:seen","class":"data","identity":{"realm":"test:seen","kind":"account","key":%q},"action":%q,"outcome":"success","origin":{"address":%q,"agent":"worker/1.0"}%s}`,
		id, at.Format(time.RFC3339), who, action, address, more)
}

// TestPeersQuietWhatOthersDo: what three of the same application do each day is
// not told of a fourth, also where their logs come after its own.
func TestPeersQuietWhatOthersDo(t *testing.T) {
	eachSeen(t, seen{}, func(t *testing.T, w *teller) {
		for _, name := range []string{"anna", "p1", "p2", "p3"} {
			w.registerSeen(name, retinue.Registration{Application: "shop"})
		}
		end := day1.Truncate(time.Hour)
		var own, others []string
		for at := end.AddDate(0, 0, -32); at.Before(end); at = at.Add(2 * time.Hour) {
			own = append(own, seenEvent(fmt.Sprint("a", at.Unix()), "anna", at, "docs:read", "10.0.0.9", ""))
		}
		own = append(own, seenEvent("new", "anna", end.Add(-6*time.Hour), "docs:archive", "10.0.0.9", ""))
		for d := 1; d <= 10; d++ {
			for _, p := range []string{"p1", "p2", "p3"} {
				others = append(others, seenEvent(fmt.Sprint(p, d), p, end.AddDate(0, 0, -d-2), "docs:archive", "10.0.0.8", ""))
			}
		}
		w.importSeen(own)
		sameTold(t, "alone", told(t, w.App), "signal-first-action anna open")
		w.importSeen(others)
		sameTold(t, "among others", told(t, w.App))
		list, err := w.Signals(t.Context(), store.Everything(), store.SignalQuery{Entity: w.seenEntity("anna").ID})
		if err != nil || len(list) != 1 || list[0].State != store.SignalWithdrawn || list[0].FindingState != retinue.FindingResolved {
			t.Errorf("kept are %+v, %v", list, err)
		}
	})
}

// TestAKeyOfOneUserIsToldOfThatUser: what is unusual about a key of which the
// inventory does not say whose it is, is told of the one as which logs show it
// used; where there are several, of the key as well.
func TestAKeyOfOneUserIsToldOfThatUser(t *testing.T) {
	joins := `,"joins":[{"kind":"provider_id","value":"test:carl-1"}]`
	lines := func(others ...string) []string {
		var out []string
		end := day1.Truncate(time.Hour)
		for i := range 40 * 12 {
			at := end.AddDate(0, 0, -40).Add(time.Duration(i) * 2 * time.Hour)
			out = append(out, seenEvent(fmt.Sprint("k", i), "carl", at, "docs:read", "10.0.1.9", joins))
			for _, o := range others {
				out = append(out, seenEvent(fmt.Sprint("k", o, i), o, at, "docs:read", "10.0.1.9", joins))
			}
		}
		return append(out, seenEvent("strange", "carl", end.Add(-time.Hour), "docs:read", "203.0.113.7", joins))
	}
	t.Run("one", func(t *testing.T) {
		w := openSeen(t, filepath.Join(t.TempDir(), "r.db"), seen{loose: true})
		w.importSeen(lines())
		sameTold(t, "of one user", told(t, w.App), "signal-first-network carl open")
		for s, err := range w.EverySignal(t.Context()) {
			if err != nil || s.Identity.Key != "carl" {
				t.Errorf("told of %s, %v", s.Identity, err)
			}
		}
	})
	t.Run("several", func(t *testing.T) {
		w := openSeen(t, filepath.Join(t.TempDir(), "r.db"), seen{loose: true})
		w.importSeen(lines("bert"))
		sameTold(t, "of several users", told(t, w.App), "signal-first-network carl open", "signal-first-network carl-1 open")
	})
}

// TestARetirementIsATombstone: an identity that was to end by its registration,
// and is used on, is told, though its source knows nothing of it.
func TestARetirementIsATombstone(t *testing.T) {
	eachSeen(t, seen{}, func(t *testing.T, w *teller) {
		end := day1.Truncate(time.Hour)
		var lines []string
		for at := end.AddDate(0, 0, -6); at.Before(end); at = at.Add(2 * time.Hour) {
			lines = append(lines, seenEvent(fmt.Sprint("b", at.Unix()), "bert", at, "docs:read", "10.0.1.9", ""))
		}
		w.importSeen(lines)
		sameTold(t, "alive", told(t, w.App))
		w.registerSeen("bert", retinue.Registration{EndDate: end.AddDate(0, 0, -3)})
		if _, err := w.JudgeUsage(t.Context()); err != nil {
			t.Fatal(err)
		}
		sameTold(t, "retired", told(t, w.App), "signal-tombstone-use bert open")
	})
}

// TestSignalsCanBeResolvedByHand: what was dealt with is closed until it goes on;
// other findings are resolved by fixing them.
func TestSignalsCanBeResolvedByHand(t *testing.T) {
	eachSeen(t, seen{}, func(t *testing.T, w *teller) {
		w.importSeen(strange())
		id := w.signalFinding("signal-first-network")
		if _, err := w.Decide(t.Context(), Actor(), Decision{What: string(id), State: retinue.FindingResolved, Reason: "the key was replaced"}); err != nil {
			t.Fatal(err)
		}
		w.importSeen(strange())
		if _, err := w.JudgeUsage(t.Context()); err != nil {
			t.Fatal(err)
		}
		sameTold(t, "dealt with", told(t, w.App), "signal-denied-burst bert open")
		w.pass(3 * time.Hour)
		w.importSeen([]string{strings.Replace(seenEvent("more", "anna", day1.Add(2*time.Hour), "docs:export", "203.0.113.7", ""), "worker/1.0", "curl/8.5", 1)})
		sameTold(t, "it goes on", told(t, w.App), "signal-denied-burst bert open", "signal-first-network anna open")
		other := retinue.Finding{ID: retinue.NewFindingID(day1), Fingerprint: "x", Rule: "rule-x", Title: "x", Severity: retinue.SeverityLow, State: retinue.FindingOpen,
			Subject: w.seenEntity("p1").Ref(), FirstSeen: day1, LastSeen: day1}
		w.change(func(tx *sqlstore.Tx) error { return tx.SaveFinding(w.seenEntity("p1").InternalKey, other, true) })
		if _, err := w.Decide(t.Context(), Actor(), Decision{What: string(other.ID), State: retinue.FindingResolved}); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("another finding was resolved by hand: %v", err)
		}
	})
}

// TestPeopleAreShownForAReason: who uses what is a pseudonym, until somebody asks
// for it with a reason; that is put on record without the name.
func TestPeopleAreShownForAReason(t *testing.T) {
	eachSeen(t, seen{}, func(t *testing.T, w *teller) {
		at := day1.Add(-time.Hour)
		w.importSeen([]string{strings.Replace(seenEvent("p", "anna", at, "docs:read", "192.0.2.77", `,"person":true`), `"agent":"worker/1.0"`, `"agent":"psql","host":"laptop-of-grace"`, 1)})
		id := w.seenEntity("anna").ID
		names := func(u UsageAnswer) string { return fmt.Sprintf("%+v", u.Consumers) }
		u, err := w.MaskedUsage(t.Context(), store.Everything(), id)
		if err != nil || strings.Contains(names(u), "grace") || strings.Contains(names(u), "192.0.2") || !strings.Contains(names(u), "person ") {
			t.Fatalf("masked: %s, %v", names(u), err)
		}
		if _, err := w.UnmaskUsage(t.Context(), admin(), id, " no "); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("shown without a reason: %v", err)
		}
		u, err = w.UnmaskUsage(t.Context(), admin(), id, "Incident 12: who used it at night")
		if err != nil || !strings.Contains(names(u), "grace") {
			t.Errorf("shown: %s, %v", names(u), err)
		}
		var records []string
		err = w.DB.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
			for r, err := range tx.Records(0) {
				if err != nil {
					return err
				}
				if r.Action == retinue.RecordPeopleShown {
					records = append(records, fmt.Sprintf("%s %s %s", r.Actor.Name, r.Subject, r.Details))
				}
			}
			return nil
		})
		if err != nil || len(records) != 1 || !strings.HasPrefix(records[0], "ann "+string(id)) || !strings.Contains(records[0], "Incident 12") || strings.Contains(records[0], "grace") {
			t.Errorf("on record: %q, %v", records, err)
		}
	})
}
