package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/cli"
)

// TestRetentionCommands shows and sets how long things are kept: with a preview
// that changes nothing, on record, and at a server the same as here.
func TestRetentionCommands(t *testing.T) {
	m := newMachine(t)
	m.env["RETINUE_DATABASE"] = filepath.Join(m.home, "r.db")
	if err := os.WriteFile(filepath.Join(m.home, "account.json"), []byte(silencer), 0o600); err != nil {
		t.Fatal(err)
	}
	m.must("scan", "aws="+filepath.Join(m.home, "account.json"))
	if out := m.must("retention", "show"); !strings.Contains(out, "keep-all") || !strings.Contains(out, "usage        for ever") {
		t.Errorf("at first: %s", out)
	}
	out := m.must("retention", "set", "usage=800", "sessions=90", "--dry-run")
	if !strings.Contains(out, "usage        800 days, before for ever") || strings.Count(out, "the next pruning deletes what is older than ") != 2 {
		t.Errorf("preview: %s", out)
	}
	if out := m.must("retention", "show"); !strings.Contains(out, "keep-all") {
		t.Errorf("after a preview: %s", out)
	}
	m.must("retention", "set", "usage=800", "sessions=90")
	var s app.RetentionSettings
	here := m.must("retention", "show", "--format", "json")
	if err := json.Unmarshal([]byte(here), &s); err != nil {
		t.Fatal(err)
	}
	days := map[string]int{}
	for _, c := range s.Classes {
		days[string(c.Class)] = c.Days
	}
	if s.Preset != "" || days["usage"] != 800 || days["sessions"] != 90 || days["history"] != 0 {
		t.Errorf("set: %+v", s)
	}
	var o struct {
		Changes []app.RetentionChange
		DryRun  bool
	}
	text := m.must("retention", "set", "usage=900", "sessions=90", "--dry-run", "--format", "json")
	if err := json.Unmarshal([]byte(text), &o); err != nil || len(o.Changes) != 1 || o.Changes[0].From != 800 || o.Changes[0].To != 900 || !o.Changes[0].Before.IsZero() || !o.DryRun {
		t.Errorf("keeping longer: %v: %s", err, text)
	}
	for _, wrong := range [][]string{{}, {"usage"}, {"usage=soon"}, {"usage=1"}, {"usage=400", "usage=500"}, {"records=400"}, {"--preset", "short"}, {"--preset", "hipaa", "usage=400"}, {"--preset", "hipaa", "--format", "csv"}} {
		if r := m.run(append([]string{"retention", "set"}, wrong...)...); r.code != cli.ExitUsage {
			t.Errorf("%v: %+v", wrong, r)
		}
	}
	if got := m.must("retention", "show", "--format", "json"); got != here {
		t.Errorf("after mistakes: %s", got)
	}

	m.must("retention", "set", "--preset", "hipaa")
	if here = m.must("retention", "show", "--format", "json"); !strings.Contains(here, `"hipaa"`) {
		t.Errorf("a preset: %s", here)
	}
	if log := m.must("audit", "list", "--format", "json"); strings.Count(log, "retention.set") < 2 {
		t.Errorf("on record: %s", log)
	}

	srv := serveSite(t, configOf(m.env["RETINUE_DATABASE"], filepath.Join(m.home, "data", "retinue")), app.Options{})
	far := newMachine(t)
	far.env["RETINUE_SERVER"], far.env["RETINUE_TOKEN"] = srv.url, srv.token()
	if there := far.must("retention", "show", "--format", "json"); there != here {
		t.Errorf("at a server:\n%s\nhere:\n%s", there, here)
	}
	if r := far.run("retention", "set", "--preset", "hipaa", "--server", srv.url); r.code != cli.ExitUsage || !strings.Contains(r.err, "in its console") {
		t.Errorf("set at a server: %+v", r)
	}
}
