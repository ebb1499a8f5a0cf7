package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage/verdict"
)

// What is concluded about a use can be followed back: each change with the use,
// the log or the change of the thing that made it, in the usage, in the timeline,
// and as a list of that day.
func TestVerdictHistory(t *testing.T) {
	eachSeen(t, seen{}, func(t *testing.T, w *teller) {
		end := day1.Truncate(time.Hour)
		lines := func(from, to time.Time) (out []string) {
			for at := from; at.Before(to); at = at.Add(2 * time.Hour) {
				out = append(out, seenEvent(at.Format(time.RFC3339), "anna", at, "docs:read", "10.0.0.9", ""))
			}
			return out
		}
		id := w.seenEntity("anna").ID
		history := func() string {
			u, err := w.UsageOf(t.Context(), store.Everything(), id)
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, c := range u.History {
				var why []string
				for _, x := range c.Why {
					why = append(why, string(x.Kind))
				}
				out = append(out, fmt.Sprintf("%s<%s %s %s", c.Verdict, c.Before, c.Grade, strings.Join(why, "+")))
			}
			return strings.Join(out, ", ")
		}
		same := func(what, want string) {
			t.Helper()
			if got := history(); got != want {
				t.Errorf("%s: %s\nwant %s", what, got, want)
			}
		}
		judge := func(at time.Time) {
			t.Helper()
			w.time = at
			if _, err := w.JudgeUsage(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		judge(end)
		first := end.Add(time.Minute)
		same("before any log", "unknown< D first")
		w.time = end.Add(time.Hour)
		w.importSeen(lines(end.AddDate(0, 0, -32), end))
		same("after a log", "active<unknown C events+coverage, unknown< D first")
		w.time = end.Add(3 * time.Hour)
		w.importSeen(lines(end, end.Add(2*time.Hour)))
		same("used again", "active<unknown C events+coverage, unknown< D first")
		active := w.time.Add(time.Minute)
		later := end.AddDate(0, 0, 200)
		w.time = later
		w.importSeen([]string{seenEvent("bert", "bert", end, "docs:read", "10.0.0.9", ""), seenEvent("bert2", "bert", later.Add(-time.Hour), "docs:read", "10.0.0.9", "")})
		same("the log went on without", "idle<active C coverage, active<unknown C events+coverage, unknown< D first")
		w.time = later.Add(time.Hour)
		if _, err := w.Attest(t.Context(), Actor(), CoverageOf{Name: "app.audit"}); err != nil {
			t.Fatal(err)
		}
		judge(later.Add(2 * time.Hour))
		w.time = later.AddDate(0, 0, 1)
		w.importSeen([]string{seenEvent("again", "anna", later.AddDate(0, 0, 1).Add(-time.Hour), "docs:drop", "10.0.0.9", "")})
		got := history()
		if !strings.HasPrefix(got, "active<idle ") || !strings.Contains(got, "events") {
			t.Errorf("used once more: %s", got)
		}
		u, err := w.UsageOf(t.Context(), store.Everything(), id)
		if err != nil {
			t.Fatal(err)
		}
		if why := u.History[0].Why[0]; why.Kind != verdict.CauseEvents || !strings.Contains(why.Text, "app.audit: docs:drop") {
			t.Errorf("because of %+v, want the use of docs:drop", why)
		}
		w.sameThen(id, map[time.Time]verdict.Status{end.Add(-time.Hour): "", first: verdict.StatusUnknown, active: verdict.StatusActive,
			later.Add(time.Minute): verdict.StatusIdle, w.time.Add(time.Minute): verdict.StatusActive})
		timeline, err := w.History(t.Context(), store.Everything(), id)
		if err != nil {
			t.Fatal(err)
		}
		judged := 0
		for _, v := range timeline {
			if v.Change != "judged" {
				continue
			}
			if judged++; judged == 1 && (v.Fields[0].Before != "idle" || v.Fields[0].After != "active" || !strings.Contains(v.Summary, "docs:drop")) {
				t.Errorf("timeline begins with %+v", v)
			}
		}
		if judged != len(u.History) {
			t.Errorf("%d in the timeline, %d in the usage", judged, len(u.History))
		}
	})
}

// sameThen asks what was concluded of an identity at different times.
func (w *teller) sameThen(id retinue.EntityID, want map[time.Time]verdict.Status) {
	w.t.Helper()
	for at, status := range want {
		page, err := w.VerdictPage(w.t.Context(), store.Everything(), store.VerdictQuery{NonHuman: true, AsOf: at, Limit: 100})
		if err != nil {
			w.t.Fatal(err)
		}
		var got verdict.Status
		for _, v := range page {
			if v.ID == id {
				got = v.Status
			}
		}
		if got != status {
			w.t.Errorf("at %s it was %q, want %q", at, got, status)
		}
	}
}
