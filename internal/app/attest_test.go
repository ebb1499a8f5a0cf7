package app_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/web/api"
)

// TestAttest: somebody says after an import that the log was whole, for a part of
// it, and takes that back: what it covers says so, and so does the record.
func TestAttest(t *testing.T) {
	eachStore(t, func(t *testing.T, dir, db string) {
		a, err := app.Open(t.Context(), crashConfig(dir, db), app.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = a.Close() }()
		log := filepath.Join(dir, "app.ndjson")
		writeLog(t, log, logLines(0, 60))
		who := retinue.Actor{Kind: "os_user", Name: "ada"}
		if _, err := a.ImportActivity(t.Context(), []app.SourceConfig{{Name: "app", Kind: "ndjson", Target: log}}, app.ActivityOptions{Actor: who}); err != nil {
			t.Fatal(err)
		}
		begin := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
		proofs := func(want ...time.Duration) {
			t.Helper()
			kept, err := a.KeptCoverage(t.Context(), app.CoverageOf{Name: "app.audit"})
			if err != nil {
				t.Fatal(err)
			}
			var got []time.Duration
			for _, c := range kept.Coverage {
				if c.Proof != "" {
					got = append(got, c.From.Sub(begin), c.To.Sub(begin))
				}
			}
			if len(got) != len(want) || len(want) > 0 && (got[0] != want[0] || got[1] != want[1]) {
				t.Errorf("vouched for: %v, want %v", got, want)
			}
		}
		proofs()
		of := app.CoverageOf{Name: "app.audit", From: begin.Add(10 * time.Minute), To: begin.Add(1000 * time.Hour)}
		words, err := a.AttestFor(t.Context(), who, of, "the shipper stops the server when it cannot write")
		if err != nil || len(words) != 1 || words[0].To != begin.Add(59*time.Minute) {
			t.Fatalf("%+v, %v", words, err)
		}
		proofs(10*time.Minute, 59*time.Minute)
		if _, err := a.AttestFor(t.Context(), who, of, "the shipper stops the server when it cannot write"); !errors.Is(err, retinue.ErrNotFound) {
			t.Errorf("vouched for twice: %v", err)
		}
		if _, err := a.Withdraw(t.Context(), who, app.CoverageOf{Name: "app.audit"}, ""); err != nil {
			t.Fatal(err)
		}
		proofs()
		s := &readingServer{App: a, t: t}
		given, taken := s.records(retinue.RecordActivityAttested), s.records(retinue.RecordActivityWithdrawn)
		if len(given) != 1 || len(taken) != 1 || given[0].Actor.Name != "ada" {
			t.Errorf("%+v, %+v", given, taken)
		}
	})
}

// TestLogsThroughTheInterface: whoever configures sources through the interface
// names live logs, and never files of the server, neither at first nor later.
func TestLogsThroughTheInterface(t *testing.T) {
	dir := t.TempDir()
	a, err := app.Open(t.Context(), crashConfig(dir, filepath.Join(dir, "r.db")), app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	c := operator()
	for kind, target := range map[string]string{"aws": "/var/log", "ndjson": dir, "vault": "/etc/shadow", "host": "/var/log/auth.log", "kubernetes": "/etc/passwd"} {
		if _, err := a.CreateSource(t.Context(), c, api.SourceInput{Name: "x", Kind: kind, Logs: &api.SourceLogsInput{Target: target}}); !errors.Is(err, retinue.ErrDenied) {
			t.Errorf("%s with the logs %s: %v, want it denied", kind, target, err)
		}
	}
	s, err := a.CreateSource(t.Context(), c, api.SourceInput{Name: "trail", Kind: "aws", Logs: &api.SourceLogsInput{Target: "s3://org-trail/AWSLogs", Interval: "1m"}})
	if err != nil || s.Logs == nil || s.Logs.Interval != "1m0s" || s.Logs.State != "waiting" {
		t.Fatalf("%+v, %v", s.Logs, err)
	}
	if _, err := a.ChangeSource(t.Context(), c, "trail", api.SourceChange{Logs: &api.SourceLogsInput{Target: dir}}, func(api.Source) error { return nil }); !errors.Is(err, retinue.ErrDenied) {
		t.Errorf("changed to a folder of the server: %v", err)
	}
	options := map[string]string{"endpoint": "http://169.254.169.254"}
	if _, err := a.ChangeSource(t.Context(), c, "trail", api.SourceChange{Options: &options}, func(api.Source) error { return nil }); !errors.Is(err, retinue.ErrDenied) {
		t.Errorf("sent elsewhere: %v", err)
	}
	s, err = a.ChangeSource(t.Context(), c, "trail", api.SourceChange{Logs: &api.SourceLogsInput{Target: "lookup:env"}}, func(api.Source) error { return nil })
	if err != nil || s.Logs.Target != "lookup:env" || s.Logs.Interval != "1m0s" {
		t.Errorf("%+v, %v", s.Logs, err)
	}
}
