package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/cli"
)

// TestSignInAtAServer signs a machine in by a code that the administrator
// approves in the browser, and out again.
func TestSignInAtAServer(t *testing.T) {
	dir := t.TempDir()
	s := serveSite(t, configOf(filepath.Join(dir, "r.db"), dir), app.Options{})
	m := newMachine(t)
	if r := m.run("whoami", "--server", s.url); r.code != cli.ExitError || !strings.Contains(r.err, "not signed in") {
		t.Errorf("before: %+v", r)
	}
	r, w := io.Pipe()
	ended := make(chan said, 1)
	go func() {
		ended <- m.start(t.Context(), strings.NewReader(""), w, "login", s.url)
		_ = w.Close()
	}()
	code := ""
	seen := make([]byte, 0, 1000)
	for buf := make([]byte, 200); code == ""; {
		n, err := r.Read(buf)
		if err != nil {
			t.Fatalf("login said no code: %s", seen)
		}
		seen = append(seen, buf[:n]...)
		if found := regexp.MustCompile(`the code  (\S+)\n`).FindSubmatch(seen); found != nil {
			code = string(found[1])
		}
	}
	s.post("/auth/device/approve", obj{"code": code, "allow": true})
	go func() { _, _ = io.Copy(io.Discard, r) }()
	if got := <-ended; got.code != cli.ExitDone || !strings.Contains(got.err, "signed in as Ada") {
		t.Fatalf("login: %+v", got)
	}
	if out := m.must("whoami", "--server", s.url); !strings.Contains(out, "Ada at "+s.url) || !strings.Contains(out, "admin") {
		t.Errorf("whoami: %s", out)
	}
	info, err := os.Stat(filepath.Join(m.home, "config", "retinue", "logins.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the sign-in is kept with %v, %v", info.Mode(), err)
	}
	text, err := os.ReadFile(filepath.Join(m.home, "config", "retinue", "logins.json"))
	if err != nil {
		t.Fatal(err)
	}
	var kept map[string]struct{ Token string }
	if err := json.Unmarshal(text, &kept); err != nil {
		t.Fatal(err)
	}
	m.env["RETINUE_SERVER"] = s.url
	m.must("identities", "list")
	m.must("logout")
	if r := m.run("identities", "list"); r.code != cli.ExitError || !strings.Contains(r.err, "not signed in") {
		t.Errorf("after: %+v", r)
	}
	// The token itself is no longer good.
	m.env["RETINUE_TOKEN"] = kept[s.url].Token
	if r := m.run("identities", "list"); r.code != cli.ExitError || !strings.Contains(r.err, "denied") || strings.Contains(r.err, m.env["RETINUE_TOKEN"]) {
		t.Errorf("with the token that was revoked: exit code %d", r.code)
	}
}

// eventually tries until it is right, for as long as a server may take for what
// it does behind an answer.
func eventually(t *testing.T, try func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		wrong := try()
		if wrong == "" {
			return
		}
		select {
		case <-ctx.Done():
			t.Error(wrong)
			return
		case <-time.After(100 * time.Millisecond): // the queue is other goroutines of the server
		}
	}
}

// servedOnce serves an installation until it knows itself, with a token that it
// returns: what a server adds by serving is then there already.
func servedOnce(t *testing.T, cfg app.Config) string {
	t.Helper()
	s := serveSite(t, cfg, app.Options{})
	token := s.token()
	m := newMachine(t)
	m.env["RETINUE_SERVER"], m.env["RETINUE_TOKEN"] = s.url, token
	eventually(t, func() string {
		people, tokens := m.must("identities", "list", "--text", "ada@example.org"), m.must("credentials", "list", "--text", "test ")
		if strings.Contains(people, "ada@example.org") && strings.Contains(tokens, "test ") {
			return ""
		}
		return "the server does not find itself: " + people + tokens
	})
	s.stop()
	return token
}

// withoutItself leaves out what a server finds of itself: that goes on changing
// as it is asked.
func withoutItself(text string) string {
	return regexp.MustCompile(`(?m)^.*(Retinue itself|retinue:).*\n`).ReplaceAllString(text, "")
}

// TestSameChangesHereAndAtAServer takes the same decisions on a database and at
// a server on a copy of it, and makes the same files: both say the same, and
// both are the same afterwards.
func TestSameChangesHereAndAtAServer(t *testing.T) {
	origin := t.TempDir()
	makeEstate(t, configOf(filepath.Join(origin, "retinue.db"), origin))
	token := servedOnce(t, configOf(filepath.Join(origin, "retinue.db"), origin))
	here, there := newMachine(t), newMachine(t)
	dir := copyFiles(t, origin)
	here.env["RETINUE_DATABASE"] = filepath.Join(dir, "retinue.db")
	dir = copyFiles(t, origin)
	s := startSite(t, configOf(filepath.Join(dir, "retinue.db"), dir), app.Options{}, nil)
	there.env["RETINUE_SERVER"], there.env["RETINUE_TOKEN"] = s.url, token

	list := ids(t, here.must("identities", "list", "--class", "non_human", "--format", "json"))
	findings := ids(t, here.must("findings", "list", "--format", "json"))
	rules := filepath.Join(here.home, "rules.yaml")
	if err := os.WriteFile(rules, []byte(`
rules:
  - id: own_01m7kzecz0ehk8qzxs84ma9es7
    title: what backs up
    match: {names: ["backup-*", "*-backup"]}
    owner: "@storage"
fallback: {owner: "@platform"}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	both := func(args ...string) said {
		t.Helper()
		a, b := here.run(args...), there.run(args...)
		if a.out != b.out || a.code != b.code {
			t.Errorf("retinue %s: exit codes %d and %d\n%s\n%s\n%s", strings.Join(args, " "), a.code, b.code, firstDifference(a.out, b.out), a.err, b.err)
		}
		return b
	}
	both("identities", "set", list[0], "--owner", "ann@example.org", "--purpose", "ships", "--end-date", "2030-01-01", "--data-class", "internal")
	both("identities", "set", list[0], "--environment", "nowhere")
	both("findings", "set", findings[0], "acknowledged")
	both("findings", "set", findings[1], "accepted", "--reason", "a test", "--until", "2030-01-01")
	both("findings", "set", findings[2], "accepted")
	both("owners", "assign", "@payments", list[1], list[2], "--reason", "they built it", "--backup", "@platform")
	both("owners", "assign", "@kraken", "--text", "backup", "--dry-run")
	both("owners", "assign", "@kraken", "--text", "backup", "--only-unowned", "--format", "text")
	both("owners", "assign", "@kraken")
	both("owners", "rules", "set", rules, "--dry-run")
	both("owners", "rules", "show")
	both("owners", "rules", "set", rules)
	both("owners", "rules", "show")
	same := func(args ...string) {
		t.Helper()
		eventually(t, func() string {
			a, b := here.run(args...), there.run(args...)
			a.out, b.out = withoutItself(a.out), withoutItself(b.out)
			if a.out == b.out && a.code == b.code && a.code == cli.ExitDone {
				return ""
			}
			return strings.Join(args, " ") + ": " + firstDifference(a.out, b.out) + a.err + b.err
		})
	}
	same("owners", "list", "--format", "csv")
	same("identities", "list", "--format", "csv")
	same("findings", "list", "--format", "csv", "--state", "acknowledged")
	same("findings", "list", "--format", "csv", "--state", "accepted")
	// What was assigned is taken back.
	word := regexp.MustCompile(`owners undo (\S+)`)
	for _, m := range []*machine{here, there} {
		r := m.run("owners", "assign", "@short", list[3])
		found := word.FindStringSubmatch(r.err)
		if r.code != cli.ExitDone || found == nil {
			t.Fatalf("assign: %+v", r)
		}
		if out := m.must("owners", "undo", found[1]); !strings.Contains(out, "1 taken back") {
			t.Errorf("undo: %s", out)
		}
		if out := m.must("owners", "history", list[3]); strings.Contains(strings.Split(out, "Before")[0], "@short") {
			t.Errorf("after the undo: %s", out)
		}
	}
	same("owners", "list", "--format", "csv")
	sameFiles(t, here, there)
}

// sameFiles makes the same exports and reports in both places.
func sameFiles(t *testing.T, here, there *machine) {
	t.Helper()
	read := func(m *machine, name string) []byte {
		b, err := os.ReadFile(filepath.Join(m.home, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, x := range []struct{ subject, format string }{{"identities", "json"}, {"identities", "csv"}, {"credentials", "csv"}, {"grants", "json"},
		{"findings", "json"}, {"findings", "csv"}, {"findings", "sarif"}} {
		name := x.subject + "." + x.format
		// A sample is drawn of one source: a server lists its own identities too.
		for _, sample := range [][]string{nil, {"--sample", "7", "--seed", "x", "--source", "k8s-production"}} {
			if sample != nil && x.format == "sarif" {
				continue
			}
			for _, m := range []*machine{here, there} {
				m.must(append([]string{"export", x.subject, "--format", x.format, "--out", filepath.Join(m.home, name)}, sample...)...)
			}
			a, b := []byte(withoutItself(string(read(here, name)))), []byte(withoutItself(string(read(there, name))))
			if !bytes.Equal(a, b) && x.subject != "findings" { // findings say when they were last looked at
				t.Errorf("%s %v: %s", name, sample, firstDifference(string(a), string(b)))
			}
			if lines(string(a)) != lines(string(b)) {
				t.Errorf("%s %v: %d and %d lines", name, sample, lines(string(a)), lines(string(b)))
			}
			if m := manifestOf(t, read(here, name+".manifest.json")); m != manifestOf(t, read(there, name+".manifest.json")) {
				t.Errorf("%s %v: the manifests differ: %s\n%s", name, sample, m, read(there, name+".manifest.json"))
			}
		}
	}
	for _, m := range []*machine{here, there} {
		m.must("report", "--html", filepath.Join(m.home, "report.html"))
		m.must("audit", "export", "--out", filepath.Join(m.home, "audit.ndjson"))
		if out := m.run("audit", "verify", "--archive", filepath.Join(m.home, "audit.ndjson"), "--db", "none.db"); out.code != cli.ExitDone {
			t.Errorf("the archive: %+v", out)
		}
	}
	if a, b := lines(string(read(here, "report.html"))), lines(string(read(there, "report.html"))); a < 100 || b < a-5 || b > a+5 {
		t.Errorf("the reports have %d and %d lines", a, b)
	}
}

// manifestOf is what two manifests of the same have in common.
func manifestOf(t *testing.T, text []byte) string {
	t.Helper()
	var m struct {
		Kind  string
		Tool  string
		Query struct{ Subject string }
		Rows  int64
		File  string
	}
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// ticketFacts is a program that states one bot of a system.
const ticketFacts = `#!/bin/sh
printf '{"op":"realm","protocol":1,"realm":"ticketing:REALM","name":"Tickets"}\n'
[ "${RETINUE_OP:-discover}" = discover ] || exit 0
printf '{"op":"fact","scope":{"realm":"ticketing:REALM","path":"bot"},"fact":{"type":"identity","ref":{"realm":"ticketing:REALM","kind":"bot","key":"import"},"name":"import-bot","kind":"bot","class":"non_human","classReason":"the system lists it as a bot","state":"active"}}\n'
printf '{"op":"complete","scope":{"realm":"ticketing:REALM","path":"bot"},"basis":"every bot"}\n'
`

// TestCollectorAtAServer pushes scans from a machine: with a token that is not
// good the scan waits, realms that are not the collector's are refused, and the
// fingerprint key is taken over once.
func TestCollectorAtAServer(t *testing.T) {
	dir := t.TempDir()
	s := serveSite(t, configOf(filepath.Join(dir, "r.db"), dir), app.Options{})
	reader := newMachine(t)
	reader.env["RETINUE_SERVER"], reader.env["RETINUE_TOKEN"] = s.url, s.token()
	made := s.post("/collectors", obj{"name": "dc", "realms": []string{"ticketing:ours"}, "fingerprints": true})
	token, _ := made["token"].(string)
	m := newMachine(t)
	for _, realm := range []string{"ours", "theirs"} {
		if err := os.WriteFile(filepath.Join(m.home, realm), []byte(strings.ReplaceAll(ticketFacts, "REALM", realm)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	ours, theirs := "exec="+filepath.Join(m.home, "ours"), "exec="+filepath.Join(m.home, "theirs")
	waiting := func() int {
		found, err := filepath.Glob(filepath.Join(m.home, "data", "retinue", "outbox", "*.handin.gz"))
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	m.env["RETINUE_TOKEN"] = token[:len(token)-4] + "aaaa"
	if r := m.run("scan", ours, "--server", s.url); r.code != cli.ExitError || !strings.Contains(r.err, "waits in") || waiting() != 1 {
		t.Errorf("with a wrong token: %+v, %d wait", r, waiting())
	}
	delete(m.env, "RETINUE_TOKEN")
	m.env["RETINUE_TOKEN_FILE"] = filepath.Join(m.home, "token")
	if err := os.WriteFile(m.env["RETINUE_TOKEN_FILE"], []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := m.must("scan", ours, "--server", s.url); strings.Count(out, "complete, 1 facts") != 2 || waiting() != 0 {
		t.Errorf("two scans were sent: %s, %d wait", out, waiting())
	}
	if out := reader.must("identities", "list"); !strings.Contains(out, "import-bot") {
		t.Errorf("what was pushed is not there: %s", out)
	}
	if r := m.run("scan", theirs, "--server", s.url); r.code != cli.ExitIncomplete || !strings.Contains(r.out, "were refused") {
		t.Errorf("a realm that is not its own: %+v", r)
	}
	m.must("scan", ours, "--out", filepath.Join(m.home, "scan.ndjson"))
	if out := m.must("ingest", filepath.Join(m.home, "scan.ndjson"), "--server", s.url); !strings.Contains(out, "complete, 1 facts") {
		t.Errorf("ingest: %s", out)
	}
	if r := m.run("scan", ours, "--server", s.url, "--fail-on", "high"); r.code != cli.ExitUsage {
		t.Errorf("--fail-on: %+v", r)
	}
	if r := m.run("identities", "list", "--server", s.url); r.code == cli.ExitDone {
		t.Errorf("a collector reads the inventory: %+v", r)
	}
	before := m.must("keys", "list")
	m.must("keys", "enroll", "--server", s.url)
	if after := m.must("keys", "list"); after == before {
		t.Errorf("the key is the one before: %s", after)
	}
	if r := m.run("keys", "enroll", "--server", s.url); r.code != cli.ExitError {
		t.Errorf("a second time: %+v", r)
	}
}
