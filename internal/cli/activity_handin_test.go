package cli_test

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/bench"
	"github.com/retinue-id/retinue/internal/cli"
)

// madeUpLogs makes up an enterprise and returns its logs as arguments of
// `activity import`.
func madeUpLogs(t *testing.T, m *machine) []string {
	t.Helper()
	dir := filepath.Join(m.home, "bench")
	m.must("bench", "generate", "--seed", "3", "--identities", "12", "--days", "12", "--out", dir)
	manifest, err := bench.ReadManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range manifest.Activity {
		arg := s.Kind + "=" + s.Target
		for _, name := range slices.Sorted(maps.Keys(s.Options)) {
			arg += "," + name + "=" + s.Options[name]
		}
		out = append(out, arg)
	}
	return out
}

func readsOf(t *testing.T, text string) []app.ActivityRead {
	t.Helper()
	var reads []app.ActivityRead
	if err := json.Unmarshal([]byte(text), &reads); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return reads
}

// coverageOf is what a machine is told of what logs cover, without how it came
// there.
func coverageOf(t *testing.T, m *machine) []retinue.Coverage {
	t.Helper()
	var kept app.KeptCoverage
	if err := json.Unmarshal([]byte(m.must("activity", "coverage", "--format", "json")), &kept); err != nil {
		t.Fatal(err)
	}
	for i := range kept.Coverage {
		kept.Coverage[i].Proof = strings.TrimSuffix(kept.Coverage[i].Proof, " (read elsewhere, and handed in)")
	}
	return kept.Coverage
}

// TestHandInLogs reads logs on a machine and has a server count them: the server
// then knows what it would had it read them itself, the proofs included, and the
// same again counts for nothing. What a collector hands in is weak, and of its
// own realms alone.
func TestHandInLogs(t *testing.T) {
	here := newMachine(t)
	here.env["RETINUE_DATABASE"] = filepath.Join(here.home, "r.db")
	logs := madeUpLogs(t, here)
	handIn := append([]string{"activity", "import", "--format", "json"}, logs...)
	want := readsOf(t, here.must(handIn...))

	dir := t.TempDir()
	s := serveSite(t, configOf(filepath.Join(dir, "r.db"), dir), app.Options{})
	there := newMachine(t)
	there.env["RETINUE_SERVER"], there.env["RETINUE_TOKEN"] = s.url, s.token("ingest.write", "sources.read", "sources.manage", "audit.read")
	got := readsOf(t, there.must(handIn...))
	proven := 0
	for i, w := range want {
		g := got[i]
		if g.Events != w.Events || g.New != w.New || g.Repeated != w.Repeated || g.LateUnverified != w.LateUnverified || g.Unknown != w.Unknown ||
			g.Faults != w.Faults || g.Inputs != w.Inputs || !g.From.Equal(w.From) || !g.To.Equal(w.To) || len(g.Coverage) != len(w.Coverage) || g.Weak || !g.HandedIn {
			t.Errorf("%s: %+v, want %+v", w.Source, g, w)
		}
		for _, c := range w.Coverage {
			if c.Proof != "" {
				proven++
			}
		}
	}
	if proven == 0 {
		t.Error("no log proves that it is whole: the test says nothing of proofs")
	}
	a, b := coverageOf(t, here), coverageOf(t, there)
	if x, y := asJSON(t, a), asJSON(t, b); x != y || len(a) == 0 {
		t.Errorf("a server knows other coverage:\n%s\n%s", y, x)
	}
	for _, r := range readsOf(t, there.must(handIn...)) {
		if r.New != 0 || r.LateUnverified != 0 {
			t.Errorf("handed in again: %+v", r)
		}
	}
	if out := there.must("audit", "list", "--format", "json"); !strings.Contains(out, "activity.handed_in") {
		t.Errorf("it is not on record: %s", out)
	}
	wordsAtAServer(t, there)

	t.Run("collector", func(t *testing.T) {
		made := s.post("/collectors", obj{"name": "dc", "realms": []string{"postgres:*"}})
		m := newMachine(t)
		m.env["RETINUE_SERVER"], m.env["RETINUE_TOKEN"] = s.url, made["token"].(string) //nolint:forcetypeassert // a test
		if r := m.run(append(handIn, "--complete")...); r.code != cli.ExitError || !strings.Contains(r.err, "weak evidence") {
			t.Errorf("a collector's word: %+v", r)
		}
		for i, r := range readsOf(t, m.must(handIn...)) {
			if !r.Weak || r.New != 0 || slices.ContainsFunc(r.Coverage, func(c retinue.Coverage) bool { return c.Proof != "" }) {
				t.Errorf("by a collector: %+v", r)
			}
			ours := strings.HasPrefix(logs[i], "postgres=")
			if !ours && (r.Events != 0 || r.Refused == 0 || len(r.Places) == 0 || !strings.Contains(r.Places[0], "speaks for [postgres:*] alone")) || ours && r.Refused != 0 {
				t.Errorf("of another's systems: %+v", r)
			}
		}
	})
}

// wordsAtAServer gives a word on a log at a server, and takes it back.
func wordsAtAServer(t *testing.T, m *machine) {
	t.Helper()
	open := coverageOf(t, m)
	i := slices.IndexFunc(open, func(c retinue.Coverage) bool { return c.Proof == "" })
	if i < 0 {
		t.Fatal("every log proves that it is whole")
	}
	log := open[i].Log
	if out := m.must("activity", "attest", log, "--reason", "the shipper blocks"); !strings.Contains(out, "You say that this is all that "+log) {
		t.Errorf("attest: %s", out)
	}
	if out := m.must("activity", "coverage", log); !strings.Contains(out, "Ada said on") || !strings.Contains(out, ": the shipper blocks") {
		t.Errorf("coverage: %s", out)
	}
	m.must("activity", "attest", log, "--withdraw")
	if r := m.run("activity", "attest", log, "--withdraw"); r.code != cli.ExitError || !strings.Contains(r.err, "not found") {
		t.Errorf("withdraw twice: %+v", r)
	}
	for _, action := range []string{"activity.attested", "activity.withdrawn"} {
		if out := m.must("audit", "list", "--format", "json"); !strings.Contains(out, action) {
			t.Errorf("%s is not on record", action)
		}
	}
	if r := m.run("activity", "streams"); r.code != cli.ExitDone || !strings.Contains(r.err, "names no stream") {
		t.Errorf("streams: %+v", r)
	}
	if r := m.run("activity", "streams", "--pause", "none"); r.code != cli.ExitError {
		t.Errorf("pause what is not there: %+v", r)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
