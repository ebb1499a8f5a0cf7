package app

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/steward/notice"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage/verdict"
)

// TestUnusedIdentitiesAreToldOncePeriod: what is not in use on good evidence is
// told once a period, with its status and evidence, and settled when it is used.
// What cannot act, and what only weak evidence calls unused, is not.
func TestUnusedIdentitiesAreToldOncePeriod(t *testing.T) {
	eachTeller(t, func(t *testing.T, w *teller) {
		w.time = time.Unix(0, 0).AddDate(0, 0, 30*700).Add(time.Hour) // a period begins
		s := &script{at: w.time}
		w.Specs = []connector.Spec{{Kind: "test", Title: "Test", Summary: "A scripted system.", TargetOptional: true,
			Open: func(context.Context, connector.Config, connector.Env) (connector.Connector, error) { return s, nil }}}
		o := w.webhook("ops", notice.Timetable{})
		w.route("unused", notice.Route{Match: notice.Match{Kinds: []notice.Kind{notice.IdentityUnused}}, To: to(o)})
		for _, name := range []string{"still", "quiet", "weak", "off", "busy"} {
			id := retinue.Identity{Ref: retinue.NewRef("test:1", "role", name), Name: name, Kind: retinue.IdentityRole, Class: retinue.ClassNonHuman, ClassReason: "a role", State: retinue.StateActive}
			if name == "off" {
				id.State = retinue.StateDisabled
			}
			s.facts = append(s.facts, id)
		}
		if _, err := w.Scan(t.Context(), []SourceConfig{{Name: "lab", Kind: "test"}}, ScanOptions{}); err != nil {
			t.Fatal(err)
		}
		judged := func(name, status string, grade retinue.Grade) {
			t.Helper()
			body, _ := json.Marshal(verdict.Verdict{Status: verdict.Status(status), Grade: grade, Reason: "Reason of " + name + "."})
			err := w.DB.Update(t.Context(), func(tx *sqlstore.Tx) error {
				key, err := tx.Resolve(retinue.NewRef("test:1", "role", name))
				if err != nil {
					return err
				}
				return tx.SetVerdicts([]int64{key}, []store.VerdictRow{{Status: status, Grade: grade, Body: body}})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		step := func(what string, pass time.Duration, want ...string) {
			t.Helper()
			w.pass(pass)
			if err := w.watch(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.work()
			got := titles(w.take())
			slices.Sort(got)
			if !slices.Equal(got, want) && len(got)+len(want) > 0 {
				t.Errorf("%s: received %q, want %q", what, got, want)
			}
		}
		judged("still", "dormant", "A")
		judged("quiet", "never_used", "B")
		judged("weak", "dormant", "C")
		judged("off", "dormant", "A")
		judged("busy", "active", "A")
		still, quiet := "Not in use: still (dormant, evidence complete)", "Not in use: quiet (never used, evidence good)"
		step("the first time", 0, "notice.raised "+quiet, "notice.raised "+still)
		step("in the same period", 20*day)
		step("in the next period", 11*day, "notice.raised "+quiet, "notice.raised "+still)
		judged("quiet", "active", "A")
		step("used again", day, "notice.resolved "+quiet)
	})
}

// TestUnusedCheckIsRead refuses settings of the check that mean nothing.
func TestUnusedCheckIsRead(t *testing.T) {
	for _, c := range []UnusedCheckConfig{{EveryDays: -1}, {EveryDays: 401}, {Statuses: []string{"active"}}, {Grade: "D"}, {Grade: "b"}} {
		if err := (Config{Usage: UsageConfig{UnusedCheck: c}}).Usage.check(); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if c := (UnusedCheckConfig{}).withDefaults(); c.check() != nil || c.EveryDays != 30 || c.Grade != "B" || len(c.Statuses) != 2 {
		t.Errorf("%+v", c)
	}
}
