package postgres

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/internal/testkit"
)

func TestTargets(t *testing.T) {
	dir := t.TempDir()
	pw := plantedPassword()
	service := filepath.Join(dir, "services")
	if err := os.WriteFile(service, []byte("[prod]\nhost=db.example.org\nport=6000\ndbname=app\nuser=scan\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PGSERVICEFILE", service)
	for _, c := range []struct {
		target, place, user, database string
		given                         bool
	}{
		{"service:prod", "db.example.org:6000", "scan", "app", false},
		{"postgres://me@h.example:7000/d?sslmode=verify-full", "h.example:7000", "me", "d", false},
		{"postgres://me@h.example:7000/d", "h.example:7000", "me", "d", false},
		{"postgres://me:" + pw + "@h.example:7000/d", "h.example:7000", "me", "d", true},
		{"postgres://me@h.example:7000/d?password=" + pw, "h.example:7000", "me", "d", true},
		{"host=h.example port=7000 user=me dbname=d password = " + pw, "h.example:7000", "me", "d", true},
	} {
		conn := openTarget(t, connectortest.Env(t), c.target, nil)
		l, ok := conn.(*live)
		if !ok {
			t.Fatalf("%T for a server", conn)
		}
		if l.place() != c.place || l.conf.User != c.user || l.conf.Database != c.database || l.passwordGiven != c.given {
			t.Errorf("%s as %s to %s, password %v", l.place(), l.conf.User, l.conf.Database, l.passwordGiven)
		}
		r := connectortest.DiscoverWith(t.Context(), t, conn, connector.Request{DryRun: true})
		warned := ""
		for _, n := range r.NotesOf(connector.NoteWarning) {
			warned += n.Text
		}
		if got := strings.Contains(warned, "password"); got != c.given || len(r.Emitted) > 0 {
			t.Errorf("warned %q, facts %d", warned, len(r.Emitted))
		}
		if got := strings.Contains(warned, "unencrypted"); got == strings.Contains(c.target, "verify-full") {
			t.Errorf("%s: warned %q", l.place(), warned)
		}
		if strings.Contains(r.Dump(), pw) {
			t.Error("a note holds the password")
		}
	}
	t.Setenv("PGHOST", "env.example")
	if l := openTarget(t, connectortest.Env(t), "", nil).(*live); l.conf.Host != "env.example" {
		t.Errorf("host %s, want the environment's", l.conf.Host)
	}
}

func TestBadTargets(t *testing.T) {
	pw := plantedPassword()
	for _, c := range []connector.Config{
		{Target: "postgres://me:" + pw + "@h:port/d"},
		{Target: "host=h password=" + pw + " sslmode=wrong"},
		{Target: "service:nothing"},
		{Options: map[string]string{"timeout": "soon"}},
		{Options: map[string]string{"timeout": "100h"}},
		{Options: map[string]string{"system-identifier": "prod"}},
		{Options: map[string]string{"databases": "all;app"}},
	} {
		_, err := Spec().Open(t.Context(), c, connectortest.Env(t))
		if err == nil || !strings.Contains(err.Error(), "invalid") {
			t.Errorf("%v: %v", c.Options, err)
		}
		if err != nil && strings.Contains(err.Error(), pw) {
			t.Error("the error holds the password")
		}
	}
}

// TestScript runs the export script and compares the files with a live scan.
func TestScript(t *testing.T) {
	s, dsn := sampleServer(t, testkit.PostgresConfig{}, "1")
	execSQL(t, s.URL(), `create database "we""ird name"`)
	testkit.Need(t, "psql", "postgresql-client")
	text, err := Script(connector.Config{Target: dsn, Options: map[string]string{"databases": "all"}})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", text)
	cmd.Dir = t.TempDir()
	if out, err := cmd.CombinedOutput(); err != nil || strings.Count(string(out), "\n") != 3 {
		t.Fatalf("%v: %s", err, out)
	}
	live := connectortest.Discover(t, openTarget(t, connectortest.Env(t), dsn, map[string]string{"databases": "all"}))
	files := connectortest.Discover(t, openTarget(t, connectortest.Env(t), filepath.Join(cmd.Dir, "retinue-postgres"), nil))
	noProblems(t, files)
	for sc := range live.Completed {
		if sc.Path != "connections" {
			sameScope(t, sc, "live", live, "script", files)
		}
	}
	if len(files.NotesOf(connector.NoteWarning)) > 0 {
		t.Errorf("warnings %+v", files.NotesOf(connector.NoteWarning))
	}
	if _, err := Script(connector.Config{Target: "postgres://me:" + plantedPassword() + "@h/d"}); err == nil {
		t.Error("a script with a password in it")
	}
}

// TestPrivilegesSuffice runs the privilege documents and scans as the login
// that they make.
func TestPrivilegesSuffice(t *testing.T) {
	_, dsn := sampleServer(t, testkit.PostgresConfig{}, "1")
	execSQL(t, dsn, "grant connect on database db1 to public")
	for i, want := range []string{"passwords authentication databases", "authentication databases", "databases"} {
		execSQL(t, dsn, Spec().Privileges[i].Body)
		c := openTarget(t, connectortest.Env(t), strings.Replace(dsn, "postgres@", "retinue@", 1), nil)
		a, err := c.Check(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var missing []string
		for _, m := range a.Missing {
			missing = append(missing, m.Scope.Path)
		}
		if got := strings.Join(missing, " "); got != want {
			t.Errorf("with %d documents %q is missing, want %q", i+1, got, want)
		}
		r := connectortest.Discover(t, c)
		noProblems(t, r)
		if _, done := r.Completed[retinue.NewScope(a.Realm, "databases", "db1")]; !done {
			t.Error("the database is not complete")
		}
	}
}

// TestPage holds the page and the Spec in step.
func TestPage(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "connectors", "postgres.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	spec := Spec()
	var want []string
	for _, o := range spec.Options {
		want = append(want, fmt.Sprintf("| `%s` | %s | %s |", o.Name, o.Help, o.Default))
	}
	for _, f := range spec.Target {
		want = append(want, "`"+f.Form+"`", f.Help)
	}
	for _, f := range spec.Examples {
		want = append(want, f.Form, f.Help)
	}
	for _, d := range spec.Privileges {
		want = append(want, d.Title, d.Body)
	}
	want = append(append(append(want, spec.Sees...), spec.BlindSpots...), spec.CouldRead...)
	for _, w := range want {
		if !strings.Contains(page, strings.TrimSpace(w)) {
			t.Errorf("docs/connectors/postgres.md lacks %q", w)
		}
	}
}
