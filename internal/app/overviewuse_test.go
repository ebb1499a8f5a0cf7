package app

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

func (w *teller) overview(scope store.RowScope) api.Overview {
	w.t.Helper()
	o, err := w.Overview(w.t.Context(), auth.Caller{Kind: auth.KindToken, Bindings: []auth.Binding{{Role: auth.RoleViewer, Scope: scope}}}, api.OverviewQuery{TrendDays: 30})
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

// covers says that a log of the system covers so many days, up to so many days ago.
func (w *teller) covers(c retinue.Coverage, days, until int) {
	w.t.Helper()
	c.Log, c.Realm, c.From, c.To = "app.audit", seenRealm, day1.AddDate(0, 0, -days), day1.AddDate(0, 0, -until)
	err := w.DB.Update(w.t.Context(), func(tx *sqlstore.Tx) error { return tx.AddCoverage(c) })
	if err == nil {
		_, err = w.JudgeUsage(w.t.Context())
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// measuredWords writes what a metric says of use.
func measuredWords(o api.Overview, key string) string {
	for _, m := range o.Metrics {
		if m.Key != key {
			continue
		}
		s := "?"
		if m.Value != nil {
			s = fmt.Sprint(*m.Value)
		}
		s += fmt.Sprintf("/%d, %d unknown", m.Of, m.Unknown)
		for _, g := range m.ByEvidence {
			s += fmt.Sprintf(", %s %d/%d", g.Grade, g.Value, g.Of)
		}
		if m.Reason != "" {
			s += ": " + m.Reason
		}
		return s
	}
	return ""
}

func systemWords(c api.SourceCoverage) string {
	out := []string{fmt.Sprintf("%s %v", c.Use, c.UseSystems)}
	for _, u := range c.Systems {
		s := fmt.Sprintf("%s by %s %s %v", u.Realm, u.By, u.Grade, u.Judged)
		for _, x := range u.Coverage {
			s += fmt.Sprintf(", %s %s..%s", x.Grade, x.From.Format(time.DateOnly), x.To.Format(time.DateOnly))
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

var allClasses = []retinue.EventClass{retinue.EventManagement, retinue.EventData, retinue.EventSignIn}

// beside is a system of which no log is read: its fields tell of the use of one of
// its two identities.
type beside struct{}

const besideRealm = retinue.Realm("test:beside")

func (beside) Check(context.Context) (connector.Access, error) {
	return connector.Access{Realm: besideRealm}, nil
}
func (beside) Close() error { return nil }
func (beside) Discover(_ context.Context, _ connector.Request, sink connector.Sink) error {
	scope := retinue.NewScope(besideRealm, "part", "all")
	for _, name := range []string{"told", "untold"} {
		id := retinue.Identity{Ref: retinue.NewRef(besideRealm, "account", name), Name: name, Kind: retinue.IdentityServiceAccount, Class: retinue.ClassNonHuman, State: retinue.StateActive}
		if err := sink.Emit(scope, id); err != nil {
			return err
		}
	}
	used := retinue.Use{Subject: retinue.NewRef(besideRealm, "account", "told"), Meaning: "last_used", At: day1.AddDate(0, 0, -200), Grade: retinue.GradeC}
	if err := sink.Emit(scope, used); err != nil {
		return err
	}
	return sink.Complete(scope, connector.Completion{ObservedAt: day1, Basis: "the whole part"})
}

// TestOverviewKnowsTheUseThatLogsShow: the coverage table and the metrics of use say
// what logs prove and no more, and by last-used fields what no log is read of.
func TestOverviewKnowsTheUseThatLogsShow(t *testing.T) {
	eachSeen(t, seen{}, func(t *testing.T, w *teller) {
		w.Specs = append(w.Specs, connector.Spec{Kind: "beside", TargetOptional: true, Open: func(context.Context, connector.Config, connector.Env) (connector.Connector, error) {
			return beside{}, nil
		}})
		if _, err := w.Scan(t.Context(), []SourceConfig{{Name: "beside", Kind: "beside"}}, ScanOptions{Actor: Actor()}); err != nil {
			t.Fatal(err)
		}
		says := func(when string, want ...string) {
			t.Helper()
			o := w.overview(store.Everything())
			got := []string{measuredWords(o, "inactive_identities"), measuredWords(o, "unused_tokens")}
			for _, c := range o.Coverage {
				got = append(got, systemWords(c))
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s:\n  %s\nwant\n  %s", when, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
			}
		}
		whole := retinue.Coverage{Classes: allClasses, Proof: "it is whole", Authenticated: true}
		spot := whole
		spot.BlindSpots = []retinue.BlindSpot{{Code: "test.unseen", Text: "Some calls do not show.", Actions: []string{"docs:*"}}}
		const unsaid = "1 in systems of which no log is read (beside); 3 of which the logs that are read do not say it"
		const other = "C [{C 1}]; test:beside by field C [{C 1} {D 1}]"
		says("no log", "1/9, 8 unknown: no usage source for seen", "?/1, 1 unknown: no usage source for seen", "C []", "D []")
		weak := []string{"2/9, 4 unknown, C 2/5: " + unsaid, "0/1, 0 unknown, C 0/1", other}
		w.importSeen(strange())
		says("a log that proves nothing", append(slices.Clone(weak), "C [{C 1}]; test:seen by log C [{C 8}], C 2026-01-29..2026-03-02")...)
		w.covers(spot, 60, 0)
		says("a whole log with a blind spot that may concern each", append(slices.Clone(weak), "C [{C 1}]; test:seen by log C [{C 8}], B 2026-01-01..2026-03-02")...)
		w.covers(whole, 60, 20)
		says("a whole log that ended", append(slices.Clone(weak), "C [{C 1}]; test:seen by log C [{C 8}], A 2026-01-01..2026-02-10, B 2026-02-10..2026-03-02")...)
		w.covers(whole, 20, 0)
		says("a whole log", "2/9, 4 unknown, A 1/4, C 1/1: "+unsaid, "0/1, 0 unknown, A 0/1", other, "A [{A 1}]; test:seen by log A [{A 8}], A 2026-01-01..2026-03-02")
		part := w.overview(store.RowScope{Sources: []string{"beside"}})
		if text, _ := json.Marshal(part); strings.Contains(string(text), string(seenRealm)) || strings.Contains(string(text), "2026-01-01") {
			t.Errorf("who does not see a system is told of its logs: %s", text)
		}
	})
}
