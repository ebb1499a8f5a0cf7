package cli_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue/internal/app"
)

// ids returns the ids of a JSON list.
func ids(t *testing.T, text string) []string {
	t.Helper()
	var rows []struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range rows {
		out = append(out, r.ID)
	}
	return out
}

// TestSameAnswersHereAndAtAServer runs every command that reads, on a database
// and then at a server on the same database: what they print is the same to
// the byte, in every format.
func TestSameAnswersHereAndAtAServer(t *testing.T) {
	m := newMachine(t)
	dir := t.TempDir()
	db := filepath.Join(dir, "retinue.db")
	cfg := configOf(db, dir)
	makeEstate(t, cfg)
	token := servedOnce(t, cfg)
	m.env["RETINUE_DATABASE"] = db
	identities := ids(t, m.must("identities", "list", "--format", "json"))
	credentials := ids(t, m.must("credentials", "list", "--format", "json"))
	findings := ids(t, m.must("findings", "list", "--format", "json"))
	if len(identities) < 100 || len(credentials) < 100 || len(findings) < 100 {
		t.Fatalf("%d identities, %d credentials, %d findings: too few to compare", len(identities), len(credentials), len(findings))
	}
	var first []struct {
		Source, Realm string
		FirstSeen     time.Time
	}
	if err := json.Unmarshal([]byte(m.must("identities", "list", "--format", "json", "--limit", "1", "--source", "k8s-production")), &first); err != nil {
		t.Fatal(err)
	}
	source, realm := first[0].Source, first[0].Realm
	from, to := time.Now().AddDate(0, 0, -3).UTC().Format(time.RFC3339), time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	var commands [][]string
	add := func(formats string, words ...string) {
		for f := range strings.FieldsSeq(formats) {
			commands = append(commands, append(words[:len(words):len(words)], "--format", f))
		}
	}
	const lists = "table json csv"
	add(lists, "identities", "list")
	add(lists, "credentials", "list")
	add(lists, "grants", "list")
	add(lists, "findings", "list", "--source", "k8s-production")
	add("json", "identities", "list", "--as-of", "20d")
	add(lists, "findings", "list", "--source", "k8s-production", "--by", "fix")
	add("json", "findings", "list", "--source", "k8s-production", "--by", "family", "--severity", "high")
	add("json", "findings", "list", "--source", "k8s-production", "--resolved", "--suppressed", "--owasp", "nhi5")
	add("json", "findings", "list", "--source", "k8s-production", "--text", "admin", "--limit", "7")
	add("json", "findings", "list", "--source", "k8s-production", "--state", "resolved")
	add("json", "identities", "list", "--class", "non_human", "--owner", "none", "--environment", "production")
	add("json", "identities", "list", "--gone", "--limit", "1000")
	add("json", "identities", "list", "--text", "BACKUP", "--source", source)
	add("json", "identities", "list", "--realm", realm)
	add("json", "grants", "list", "--limit", "20", "--text", "a")
	add("json", "grants", "show", identities[0])
	add("json", "credentials", "list", "--kind", "access_key", "--gone")
	add(lists, "diff", from, to)
	add("json", "diff", from, to, "--type", "identity,credential")
	add(lists, "audit", "list", "--limit", "12")
	add(lists, "rules", "list")
	add(lists, "sources", "list")
	add(lists, "owners", "list")
	add(lists, "owners", "queue")
	add("json", "owners", "queue", "--limit", "5", "--source", source)
	add("text json", "owners", "show", "none")
	add("text json", "owners", "history", identities[0])
	add("text json", "owners", "rules", "show")
	m.must("verdicts", "list") // which judges here; a server judges after scans
	// Not of this installation's own things, which the server uses.
	add(lists, "verdicts", "list", "--status", "idle")
	add("json", "verdicts", "list", "--of", "credentials", "--status", "idle", "--grade", "C", "--limit", "7")
	add("text json", "usage", identities[1])
	add("text json", "usage", credentials[1])
	add("text json", "simulate", "disable", identities[2])
	add("json", "simulate", "disable", credentials[2])
	add("text json", "simulate", "split", identities[3])
	add("json", "simulate", "deny", identities[3], "--environment", "production")
	commands = append(commands, [][]string{{"usage", "nobody-is-called-so"}, {"simulate", "disable", "nobody-is-called-so"}, {"simulate", "deny", identities[0], "--environment", "moon"}}...)
	commands = append(commands, [][]string{{"identities", "show", "nobody-is-called-so"}, {"identities", "show", "backup"}, {"identities", "list", "--kind", "no-such"},
		{"credentials", "show", "crd_00000000000000000000000000"}, {"findings", "show", "fnd_00000000000000000000000000"}, {"identities", "list", "--class", "x"}}...)
	for i := 0; i < len(identities); i += len(identities) / 6 {
		add("text json", "identities", "show", identities[i])
		add("json", "identities", "show", identities[i], "--history")
	}
	for i := 0; i < len(credentials); i += len(credentials) / 4 {
		add("text json", "credentials", "show", credentials[i])
	}
	for i := 0; i < len(findings); i += len(findings) / 4 {
		add("text json", "findings", "show", findings[i])
	}
	if out := m.must("audit", "verify"); !strings.Contains(out, "hold") {
		t.Errorf("audit verify: %s", out)
	}
	here := make([]said, len(commands))
	for i, c := range commands {
		here[i] = m.run(c...)
	}
	s := startSite(t, cfg, app.Options{}, nil)
	m.env["RETINUE_TOKEN"] = token
	for i, c := range commands {
		there := m.run(append(c, "--server", s.url)...)
		here[i].out, there.out = withoutItself(here[i].out), withoutItself(there.out)
		if there != here[i] {
			t.Errorf("retinue %s: exit codes %d and %d, %d and %d lines\n%s\nstderr\n%s", strings.Join(c, " "), here[i].code, there.code, lines(here[i].out), lines(there.out),
				firstDifference(here[i].out, there.out), firstDifference(here[i].err, there.err))
		}
	}
	if out := m.must("audit", "verify", "--server", s.url); !strings.Contains(out, "hold") { // it has more records now
		t.Errorf("audit verify at the server: %s", out)
	}
}
