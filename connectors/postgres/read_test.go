package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/internal/testkit"
)

// documents are the policy documents of a run by ref kind and key.
func documents(r *connectortest.Result) map[string]string {
	out := map[string]string{}
	for _, p := range connectortest.All[retinue.Policy](r) {
		out[p.Ref.Kind+" "+p.Ref.Key] = p.Document
	}
	return out
}

// TestSampleCatalog reads the sample's catalog, which lacks the format mark, and
// finds in it what a live scan of the same graph states.
func TestSampleCatalog(t *testing.T) {
	for _, seed := range []string{"1", "2"} {
		sample := connectortest.Discover(t, openTarget(t, connectortest.Env(t),
			testkit.Data(t, "access", "postgres", "seed"+seed+"-catalog.json"), nil))
		noProblems(t, sample)
		_, dsn := sampleServer(t, testkit.PostgresConfig{}, seed)
		live := connectortest.Discover(t, openTarget(t, connectortest.Env(t), dsn, nil))
		got, want := documents(sample), documents(live)
		compared := 0
		for k, doc := range got {
			compared++
			if want[k] != doc {
				t.Errorf("seed %s: %s:\nsample %s\nlive   %s", seed, k, doc, want[k])
			}
		}
		if compared < 80 {
			t.Errorf("seed %s: only %d documents", seed, compared)
		}
		if a, b := sample.Count(retinue.FactMembership), live.Count(retinue.FactMembership); a != b {
			t.Errorf("seed %s: %d memberships in the sample, %d live", seed, a, b)
		}
		for sc := range sample.Completed {
			if !strings.HasPrefix(sc.Path, "catalog/") {
				t.Errorf("seed %s: a poorer file completes %s", seed, sc)
			}
		}
		if len(sample.NotesOf(connector.NoteWarning)) != 1 || len(sample.NotesOf(connector.NoteNotCovered)) == 0 {
			t.Errorf("seed %s: notes %+v", seed, sample.Notes)
		}
	}
}

// readFiles writes files into a folder and reads it.
func readFiles(t testing.TB, files map[string]string, opts map[string]string) *connectortest.Result {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return connectortest.DiscoverWith(t.Context(), t, openTarget(t, connectortest.Env(t), dir, opts), connector.Request{Now: connectortest.Epoch()})
}

// globals16 is what pg_dumpall of version 16 and later writes.
func globals16() string {
	return `--
-- PostgreSQL database cluster dump
--

\restrict abc

SET default_transaction_read_only = off;
CREATE ROLE postgres;
ALTER ROLE postgres WITH SUPERUSER INHERIT CREATEROLE CREATEDB LOGIN REPLICATION BYPASSRLS;
CREATE ROLE app;
ALTER ROLE app WITH NOSUPERUSER NOINHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 5 PASSWORD '` +
		"SCRAM-SHA-256$" + `4096:c2FsdA==$a2V5:a2V5' VALID UNTIL '2020-01-01 00:00:00+00';
ALTER ROLE app SET search_path TO 'a', 'b';
ALTER ROLE app IN DATABASE x SET work_mem TO '1GB';
CREATE ROLE team;
ALTER ROLE team WITH NOSUPERUSER INHERIT NOLOGIN;
GRANT team TO app WITH ADMIN OPTION, INHERIT FALSE GRANTED BY postgres;
GRANT team TO app WITH INHERIT TRUE, SET FALSE GRANTED BY app;
CREATE TABLESPACE fast OWNER app LOCATION '/fast';
GRANT ALL ON TABLESPACE fast TO PUBLIC;
GRANT SET,ALTER SYSTEM ON PARAMETER work_mem TO app;

\unrestrict abc

--
-- PostgreSQL database cluster dump complete
--
`
}

func TestGlobalsAlone(t *testing.T) {
	r := readFiles(t, map[string]string{"globals.sql": globals16()}, nil)
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	noProblems(t, r)
	members := connectortest.All[retinue.Membership](r) // by grantor
	if len(members) != 2 || members[1].Grantor.Key != "postgres" || members[1].Options["admin"] != true ||
		members[1].Options["inherit"] != false || members[1].Options["set"] != true ||
		members[0].Grantor.Key != "app" || members[0].Options["inherit"] != true || members[0].Options["set"] != false {
		t.Errorf("memberships %+v", members)
	}
	c := connectortest.Get[retinue.Credential](t, r, "password", "app")
	if c.State != retinue.CredentialExpired || c.Attrs["method"] != "scram-sha-256" || c.Attrs["iterations"] != 4096 || c.ExpiresAt.Year() != 2020 {
		t.Errorf("password %+v", c)
	}
	p := connectortest.Get[retinue.Policy](t, r, "acl", "parameter:work_mem")
	if !strings.Contains(p.Document, `"acl":["app=sA/postgres","postgres=sA/postgres"]`) {
		t.Errorf("parameter %s", p.Document)
	}
	attrs := connectortest.Get[retinue.Identity](t, r, "role", "app").Attrs
	if attrs["connection_limit"] != 5 || attrs["inherit"] != false || attrs["login"] != true {
		t.Errorf("attributes %+v", attrs)
	}
	var said bool
	for _, n := range r.NotesOf(connector.NoteNotCovered) {
		said = said || strings.Contains(n.Text, "schemas, tables")
	}
	if !said {
		t.Errorf("what globals alone lack is not named: %+v", r.Notes)
	}
}

func TestFallbackRealmIsStable(t *testing.T) {
	realm := func(files map[string]string) retinue.Realm {
		r := readFiles(t, files, nil)
		if r.Err != nil || len(r.Scopes()) == 0 {
			t.Fatal(r.Err)
		}
		if len(r.NotesOf(connector.NoteWarning)) == 0 {
			t.Error("a fallback realm without a warning")
		}
		return r.Scopes()[0].Realm
	}
	a := realm(map[string]string{"globals.sql": globals16()})
	if b := realm(map[string]string{"renamed.sql": globals16()}); a != b {
		t.Errorf("%s under one name, %s under another", a, b)
	}
	more := strings.Replace(globals16(), "CREATE ROLE team;", "CREATE ROLE later;\nCREATE ROLE team;", 1)
	if b := realm(map[string]string{"globals.sql": more}); a != b {
		t.Errorf("%s, and %s with a role more", a, b)
	}
	if b := realm(map[string]string{"g.sql": strings.ReplaceAll(globals16(), "app", "other")}); a == b {
		t.Error("two servers have one realm")
	}
}

func TestPartialAndOwnerlessDumpsEndNothing(t *testing.T) {
	const text = `-- PostgreSQL database dump
-- Dumped from database version 15.4
CREATE TABLE public.t (id integer);
GRANT SELECT ON TABLE public.t TO app;
-- PostgreSQL database dump complete
`
	r := readFiles(t, map[string]string{"db.sql": text}, nil)
	db := retinue.NewScope(r.Scopes()[0].Realm, "databases", "db")
	if _, done := r.Completed[db]; done || len(r.Problems[db]) == 0 || r.Err != nil {
		t.Errorf("a dump without owners: completed %v, problems %v, %v", done, r.Problems[db], r.Err)
	}
	owned := strings.Replace(text, "GRANT", "ALTER TABLE public.t OWNER TO app;\nGRANT", 1)
	r = readFiles(t, map[string]string{"db.sql": owned}, map[string]string{"partial": "yes"})
	db.Realm = r.Scopes()[0].Realm
	if len(r.Completed[db].Basis) > 0 || len(r.Problems[db]) == 0 {
		t.Errorf("a partial dump completes %v", r.Completed)
	}
}

func TestRefusedFiles(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"custom.sql":  {"PGDMP\x01\x0e", retinue.ErrUnsupported},
		"packed.sql":  {"\x1f\x8b\x08", retinue.ErrUnsupported},
		"other.json":  {`{"a": 1}`, retinue.ErrInvalid},
		"newer.json":  {`{"format": "retinue-postgres-catalog/9", "database": "d", "roles": []}`, retinue.ErrUnsupported},
		"broken.json": {`{"database": "d", "roles": [`, retinue.ErrInvalid},
		"open.sql":    {`GRANT "`, retinue.ErrInvalid},
	} {
		if r := readFiles(t, map[string]string{name: c.text}, nil); !errors.Is(r.Err, c.want) {
			t.Errorf("%s: %v, want %v", name, r.Err, c.want)
		}
	}
}

func TestDumpIsBounded(t *testing.T) {
	names := make([]string, 3000)
	for i := range names {
		names[i] = fmt.Sprintf("n%d", i)
	}
	list := strings.Join(names, ",")
	d := newDump()
	d.limit = 10_000
	if err := d.read(strings.NewReader("GRANT SELECT ON " + list + " TO " + list + ";")); !errors.Is(err, retinue.ErrUnsupported) {
		t.Errorf("nine million privileges in one statement: %v", err)
	}
}

// sinkOf collects facts and fails the test on invalid ones.
type sinkOf struct{ t testing.TB }

func (s sinkOf) Emit(scope retinue.Scope, facts ...retinue.Fact) error {
	if err := scope.Validate(); err != nil {
		s.t.Error(err)
	}
	for _, f := range facts {
		if err := f.Validate(); err != nil {
			s.t.Error(err)
		}
	}
	return nil
}
func (s sinkOf) Complete(scope retinue.Scope, _ connector.Completion) error {
	if err := scope.Validate(); err != nil {
		s.t.Error(err)
	}
	return nil
}
func (sinkOf) Problem(retinue.Scope, error) {}
func (sinkOf) Note(connector.Note)          {}

func FuzzDump(f *testing.F) {
	f.Add(globals16())
	f.Add("CREATE FUNCTION a.f(x int DEFAULT $$;$$, y text = 'a,b') RETURNS int AS $b$ ; $b$;\nALTER FUNCTION a.f(x int, y text) OWNER TO o;")
	f.Add("COPY t (a) FROM stdin;\n1\n\\.\nGRANT SELECT(a, b) ON TABLE public.t TO PUBLIC, \"x\" WITH GRANT OPTION;")
	f.Add("CREATE POLICY p ON t AS RESTRICTIVE FOR ALL TO a, b USING ((x = '(')) WITH CHECK (true);\\connect db\nCREATE VIEW v WITH (security_invoker='true') AS SELECT 1;")
	f.Add("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END;/* /* */ */ ALTER DEFAULT PRIVILEGES FOR ROLE a REVOKE ALL ON FUNCTIONS FROM PUBLIC;")
	f.Fuzz(func(t *testing.T, text string) {
		d := newDump()
		d.database = "db"
		err := d.read(strings.NewReader(text))
		if err != nil && !errors.Is(err, retinue.ErrInvalid) && !errors.Is(err, retinue.ErrUnsupported) {
			t.Errorf("%v is no invalid input", err)
		}
		w := newWriter(realmOf("1"), 15, connectortest.Epoch(), sinkOf{t}, connectortest.Env(t))
		w.seen = map[seenKey]bool{}
		if err := d.write(w, options{}); err != nil {
			t.Error(err)
		}
	})
}

func FuzzCatalog(f *testing.F) {
	f.Add([]byte(`{"version":15,"database":"d","roles":[{"rolname":"a","rolvaliduntil":"infinity"}],"auth_members":[{"role":"a","member":"b"}],
"columns":[{"schema":"s","relname":"t","attname":"c","acl":["a=r/b"]}],"relations":[{"schema":"s","relname":"t","relkind":"r","owner":"b","acl":null}],
"default_acl":[{"role":"a","schema":null,"defaclobjtype":"r","acl":["a=r/b"]}],"passwords":null}`))
	f.Add([]byte(`{"format":"` + CatalogFormat + `","database":"d","roles":[],"sessions":[{"usename":"a","count":2,"last_active":"2026-01-01T00:00:00+00:00"}],"host_rules":[{"type":"host"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := readCatalogHead(context.Background(), bytes.NewReader(b))
		if err != nil {
			if !errors.Is(err, retinue.ErrInvalid) && !errors.Is(err, retinue.ErrUnsupported) {
				t.Errorf("%v is no invalid input", err)
			}
			return
		}
		w := newWriter(fallbackRealm([]string{h.Database}, h.roles), h.Version, connectortest.Epoch(), sinkOf{t}, connectortest.Env(t))
		w.seen = map[seenKey]bool{}
		c := catalogRun{w: w, head: h}
		if err := scanCatalog(context.Background(), bytes.NewReader(b), func(string, json.RawMessage) error { return nil }, c.row); err == nil {
			if err := c.finish(); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestFilesWithAndWithoutIdentifier are one server when the option says so.
func TestFilesWithAndWithoutIdentifier(t *testing.T) {
	const db = `-- retinue system-identifier 77
-- retinue database app
-- PostgreSQL database dump
-- Dumped from database version 15.4
CREATE TABLE public.t (id integer);
ALTER TABLE public.t OWNER TO app;
-- PostgreSQL database dump complete
`
	r := readFiles(t, map[string]string{"globals.sql": globals16(), "x.sql": db}, map[string]string{"system-identifier": "77"})
	noProblems(t, r)
	for _, path := range [][]string{{"roles"}, {"databases", "app"}} {
		if _, done := r.Completed[retinue.NewScope(realmOf("77"), path...)]; !done || r.Err != nil {
			t.Errorf("%v is not complete: %v, %v", path, slices.Collect(maps.Keys(r.Completed)), r.Err)
		}
	}
	if n := r.NotesOf(connector.NoteWarning); len(n) > 0 {
		t.Errorf("warnings %+v", n)
	}
}
