package postgres

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/internal/testkit"
)

// run runs a program and returns its output.
func run(t testing.TB, stdin, program string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(testkit.Need(t, program, "postgresql-client"), args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", program, err, stderr.String())
	}
	return out
}

// dumpServer writes the globals and the schemas of databases into a folder.
func dumpServer(t testing.TB, s *testkit.PostgresServer, databases ...string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("globals.sql", run(t, "", "pg_dumpall", "--globals-only", "--dbname="+s.URL()))
	for _, db := range databases {
		write(db+".sql", run(t, "", "pg_dump", "--schema-only", "--create", "--dbname="+s.DatabaseURL(db)))
	}
	return dir
}

// catalogFile writes the catalog JSON of a database.
func catalogFile(t testing.TB, dsn string) string {
	t.Helper()
	out := run(t, CatalogScript(), "psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--dbname="+dsn)
	path := filepath.Join(t.TempDir(), "catalog.json")
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// facts are those of a scope, as JSON by type and ref.
func facts(t testing.TB, r *connectortest.Result, s retinue.Scope) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, f := range r.In(s) {
		b, err := retinue.MarshalFact(f)
		if err != nil {
			t.Fatal(err)
		}
		out[string(f.FactType())+" "+f.FactRef().String()] = string(b)
	}
	return out
}

// sameScope fails where two runs state different facts in a scope.
func sameScope(t testing.TB, s retinue.Scope, nameA string, a *connectortest.Result, nameB string, b *connectortest.Result) {
	t.Helper()
	fa, fb := facts(t, a, s), facts(t, b, s)
	shown := 0
	for k, v := range fa {
		if fb[k] != v && shown < 10 {
			shown++
			t.Errorf("%s: %s:\n%s: %s\n%s: %s", s, k, nameA, v, nameB, fb[k])
		}
	}
	for k, v := range fb {
		if _, ok := fa[k]; !ok && shown < 20 {
			shown++
			t.Errorf("%s: only in %s: %s", s, nameB, v)
		}
	}
}

// TestSameFactsHoweverRead reads one server live, from dumps and from the
// catalog JSON.
func TestSameFactsHoweverRead(t *testing.T) {
	for _, seed := range []string{"1", "2"} {
		t.Run("seed"+seed, func(t *testing.T) {
			s, dsn := sampleServer(t, testkit.PostgresConfig{}, seed)
			execSQL(t, dsn, extraSQL())
			live := compareCatalog(t, dsn)
			compareDump(t, live, "db"+seed, dumpServer(t, s, "db"+seed))
			whole := filepath.Join(t.TempDir(), "all.sql")
			if err := os.WriteFile(whole, run(t, "", "pg_dumpall", "--schema-only", "--dbname="+s.URL()), 0o600); err != nil {
				t.Fatal(err)
			}
			compareDump(t, live, "db"+seed, whole)
		})
	}
}

// compareCatalog reads a server live and from the catalog JSON, and returns the
// live run.
func compareCatalog(t *testing.T, dsn string) *connectortest.Result {
	env := connectortest.Env(t)
	live := connectortest.Discover(t, openTarget(t, env, dsn, nil))
	noProblems(t, live)
	catalog := connectortest.Discover(t, openTarget(t, env, catalogFile(t, dsn), nil))
	noProblems(t, catalog)
	for sc := range live.Completed {
		if sc.Path == "connections" {
			continue // the program that wrote the file is connected
		}
		sameScope(t, sc, "live", live, "catalog", catalog)
		if _, ok := catalog.Completed[sc]; !ok {
			t.Errorf("catalog does not complete %s", sc)
		}
	}
	return live
}

// compareDump reads dumps of a server and compares them with a live run.
func compareDump(t *testing.T, live *connectortest.Result, db, path string) {
	id := live.Scopes()[0].Realm.ID()
	dump := connectortest.Discover(t, openTarget(t, connectortest.Env(t), path, map[string]string{"system-identifier": id}))
	noProblems(t, dump)
	for _, path := range [][]string{{"server"}, {"roles"}, {"memberships"}, {"passwords"}, {"tablespaces"}, {"parameters"},
		{"databases", db}, {"databases", db, "stored-credentials"}} {
		sc := retinue.NewScope(realmOf(id), path...)
		if len(live.In(sc)) == 0 && path[0] != "tablespaces" {
			t.Errorf("%s is empty: the comparison shows nothing", sc)
		}
		sameScope(t, sc, "live", live, "dump", dump)
		if _, ok := dump.Completed[sc]; !ok {
			t.Errorf("dump does not complete %s", sc)
		}
	}
	for sc := range dump.Completed {
		if _, ok := live.Completed[sc]; !ok && !strings.HasPrefix(sc.Path, "dump/") && !strings.HasPrefix(sc.Path, "databases/") {
			t.Errorf("only the dump completes %s", sc)
		}
	}
}

func noProblems(t testing.TB, r *connectortest.Result) {
	t.Helper()
	for s, errs := range r.Problems {
		t.Errorf("%s: %v", s, errs)
	}
}

// extraSQL makes what the random graph lacks.
func extraSQL() string {
	pw := plantedPassword()
	return `
create role "Odd-Name.x" login password '` + pw + `' valid until '2031-02-03 04:05:06+00' connection limit 4;
create role replica login replication password '` + pw + `';
alter role replica set search_path = app, public;
alter role replica set role = s_group;
create role s_group;
comment on role replica is 'streams to the standby';
set password_encryption = md5;
create role old_md5 login password '` + pw + `' valid until 'infinity';
reset password_encryption;
grant s_group to "Odd-Name.x" with admin option;
create schema app authorization s_group;
grant usage on schema app to public;
create table app.doc (id bigint generated always as identity, "Mixed Col" text, owner text default current_user, "x;y" int);
alter table app.doc owner to s_group;
alter table app.doc enable row level security;
alter table app.doc force row level security;
create policy mine on app.doc for select to "Odd-Name.x", replica using (owner = current_user and "x;y" > (1 + 2));
create policy nobody on app.doc as restrictive for all to public using (true) with check (owner <> 'it''s');
grant select ("Mixed Col", id), update (owner) on app.doc to replica with grant option;
revoke all on app.doc from s_group;
grant select on app.doc to s_group;
create table app.part (id int) partition by range (id);
create table app.part_1 partition of app.part for values from (0) to (10);
create view app.v with (security_invoker = true) as select id from app.doc;
create view app.v2 with (security_barrier) as select id from app.doc;
create materialized view app.mv as select 1 as one;
grant all on app.mv to public;
create function app.f(a int, b text default 'x,(y'';', variadic c numeric(10,2)[] default '{}') returns int
  language sql security definer set search_path = pg_catalog, app as $body$ select 1; $body$;
revoke all on function app.f(int, text, numeric[]) from public;
grant execute on function app.f(int, text, numeric[]) to replica;
create function app.atomic(x int) returns int language sql begin atomic select case when x > 1 then 2 else 3 end; select 4; end;
create function app.outs(in a int, out b int, out c text) language sql as 'select 1, ''x''';
create procedure app.p(inout a int) language sql as 'select 1';
create aggregate app.agg(int) (sfunc = int4pl, stype = int);
create type app.mood as enum ('sad', 'ok');
revoke usage on type app.mood from public;
grant usage on type app.mood to replica;
create domain app.pos as int check (value > 0);
alter domain app.pos owner to s_group;
create type app.pair as (a int, b app.mood);
create type app.span as range (subtype = int);
create function app.moody(m app.mood, r app.pair default null) returns int language sql as 'select 1';
alter default privileges for role replica grant select on tables to s_group with grant option;
alter default privileges for role replica revoke execute on functions from public;
alter default privileges for role s_group in schema app grant usage on sequences to replica;
alter default privileges for role replica grant usage on schemas to s_group;
create foreign data wrapper fdw;
create server other foreign data wrapper fdw;
grant usage on foreign server other to replica;
create subscription feed connection 'host=other.example password=` + pw + `' publication p with (connect = false);
create user mapping for replica server other options (user 'u', password '` + pw + `');
grant set on parameter log_statement to replica;
grant execute on function pg_catalog.pg_read_file(text) to replica;
grant select on pg_catalog.pg_authid to replica;
set session authorization "Odd-Name.x";
reset session authorization;
grant s_group to replica granted by postgres;
set role s_group;
grant select on app.doc to replica with grant option;
reset role;
set session authorization replica;
reset role;
grant select on app.doc to old_md5;
reset session authorization;
create table app.copied (a text);
insert into app.copied values ('grant all on app.doc to old_md5;');
`
}
