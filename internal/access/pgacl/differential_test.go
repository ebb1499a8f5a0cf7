package pgacl_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/pgacl"
	"github.com/retinue-id/retinue/internal/testkit"
)

// roundsEnv sets how many random databases are made on each server.
const roundsEnv = "RETINUE_PGACL_ROUNDS"

// TestAnswersOfRealServers makes random roles, memberships, objects and grants
// on a real server and compares every answer with that of the server's own
// has_*_privilege functions.
func TestAnswersOfRealServers(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	compareRounds(t, testkit.PrivatePostgres(t, testkit.PostgresConfig{}), rounds())
}

// rounds is how many random databases a server gets.
func rounds() int {
	if n, err := strconv.Atoi(os.Getenv(roundsEnv)); err == nil {
		return n
	}
	return 1
}

func compareRounds(t *testing.T, s *testkit.PostgresServer, rounds int) {
	for i := range rounds {
		compareServer(t, s, uint64(i+1))
	}
}

func compareServer(t *testing.T, s *testkit.PostgresServer, seed uint64) {
	t.Helper()
	ctx := t.Context()
	db := fmt.Sprintf("d%d", seed)
	exec(t, s.URL(), "create database "+db)
	c, err := pgx.Connect(ctx, s.DatabaseURL(db))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	g := newMaker(t, c, seed)
	g.make()
	state := readCatalog(t, c)
	x, err := pgacl.New(state)
	if err != nil {
		t.Fatal(err)
	}
	questions := g.questions(state, 6000)
	wrong, yes, refused := 0, 0, 0
	for i, answer := range askServer(t, c, questions) {
		got, err := x.Can(questions[i])
		text := "false"
		switch {
		case err != nil:
			text = "error"
			refused++
		case got:
			text = "true"
			yes++
		}
		if want, why, _ := strings.Cut(answer, ":"); text != want {
			if wrong++; wrong <= 10 {
				t.Errorf("seed %d: %+v: %s (%v), the server says %s %s\n%+v", seed, questions[i], text, err, want, why, x.Decide(questions[i]).Because)
			}
		}
	}
	if yes < 500 || refused > len(questions)/4 || refused < 5 {
		t.Errorf("%d yes and %d refused of %d", yes, refused, len(questions))
	}
	compareNew(t, c, x, g, state.Defaults)
	t.Logf("version %d, seed %d: %d statements took effect, %d refused; %d questions, %d yes, %d refused alike, %d wrong",
		state.Version, seed, g.done, g.failed, len(questions), yes, refused, wrong)
}

func exec(t testing.TB, url string, sql string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// catalogSQL reads a State as JSON, straight from the catalogs.
const catalogSQL = `
with rel as (
  select n.nspname, c.* from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind in ('r','p','v','m','S','f') and n.nspname !~ '^pg_toast' and (n.nspname not in ('pg_catalog', 'information_schema')
      or c.relname in ('pg_class', 'pg_authid', 'pg_settings', 'pg_roles', 'tables', 'sql_features'))),
objects as (
  select case when relkind = 'S' then 'sequence' else 'table' end as "Kind", current_database()::text as "Database", nspname::text as "Schema",
         relname::text as "Name", '' as "Args", relowner as o, relacl as a, relrowsecurity as "RowSecurity", relforcerowsecurity as "ForceRowSecurity",
         relkind = 'v' as "View",
         (select json_agg(json_build_object('Name', attname, 'ACL', attacl::text[])) from pg_attribute x
           where x.attrelid = rel.oid and attacl is not null and not attisdropped) as "Columns" from rel
  union all select 'database', '', '', datname, '', datdba, datacl, false, false, false, null from pg_database
  union all select 'schema', current_database(), '', nspname, '', nspowner, nspacl, false, false, false, null from pg_namespace
  union all select 'function', current_database(), nspname, proname, pg_get_function_identity_arguments(p.oid), proowner, proacl, false, false, false, null
    from pg_proc p join pg_namespace n on n.oid = pronamespace where nspname <> 'pg_catalog' and nspname <> 'information_schema'
  union all select 'type', current_database(), nspname, typname, '', typowner, typacl, false, false, false, null
    from pg_type p join pg_namespace n on n.oid = typnamespace where nspname !~ '^(pg_|information_schema)' and typtype in ('d', 'e', 'r')
  union all select 'language', current_database(), '', lanname, '', lanowner, lanacl, false, false, false, null from pg_language
  union all select 'foreign_data_wrapper', current_database(), '', fdwname, '', fdwowner, fdwacl, false, false, false, null from pg_foreign_data_wrapper
  union all select 'foreign_server', current_database(), '', srvname, '', srvowner, srvacl, false, false, false, null from pg_foreign_server
  union all select 'tablespace', '', '', spcname, '', spcowner, spcacl, false, false, false, null from pg_tablespace
  union all select 'parameter', '', '', parname, '', 10, paracl, false, false, false, null from pg_parameter_acl
  union all select 'large_object', current_database(), '', oid::text, '', lomowner, lomacl, false, false, false, null from pg_largeobject_metadata)
select json_build_object(
  'Version', current_setting('server_version_num')::int / 10000,
  'Roles', (select json_agg(json_build_object('Name', rolname, 'Superuser', rolsuper, 'Inherit', rolinherit, 'BypassRLS', rolbypassrls,
       'Login', rolcanlogin, 'CreateRole', rolcreaterole, 'Replication', rolreplication)) from pg_roles),
  'Memberships', (select json_agg(json_build_object('Role', r.rolname, 'Member', m.rolname, 'Grantor', g.rolname, 'Admin', admin_option,
       'Inherit', to_jsonb(a) -> 'inherit_option', 'Set', to_jsonb(a) -> 'set_option'))
     from pg_auth_members a join pg_roles r on r.oid = roleid join pg_roles m on m.oid = member left join pg_roles g on g.oid = grantor),
  'Objects', (select json_agg(row_to_json(q)) from (select "Kind", "Database", "Schema", "Name", "Args", pg_get_userbyid(o) as "Owner", a::text[] as "ACL",
       "RowSecurity", "ForceRowSecurity", "View", "Columns" from objects) q),
  'Defaults', (select json_agg(json_build_object('Database', current_database(), 'Role', pg_get_userbyid(defaclrole), 'Schema', coalesce(nspname, ''),
       'Kind', case defaclobjtype when 'r' then 'table' when 'S' then 'sequence' when 'f' then 'function' when 'T' then 'type' when 'n' then 'schema' else 'large_object' end,
       'ACL', defaclacl::text[])) from pg_default_acl left join pg_namespace n on n.oid = defaclnamespace))`

func readCatalog(t testing.TB, c *pgx.Conn) pgacl.State {
	t.Helper()
	var text []byte
	if err := c.QueryRow(t.Context(), catalogSQL).Scan(&text); err != nil {
		t.Fatal(err)
	}
	var s pgacl.State
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// oracleSQL makes a function that asks the server, and answers true, false, or
// error with the reason.
const oracleSQL = `
create or replace function pg_temp.oracle(role name, kind text, object text, col text, priv text, effective bool) returns text language plpgsql as $$
declare ok bool; id oid;
begin
  if effective then
    perform set_config('role', role, true);
    begin
      execute 'delete from ' || object || ' where false';
      ok := true;
    exception when insufficient_privilege then ok := false;
    end;
    perform set_config('role', 'none', true);
    return ok;
  end if;
  case kind
    when 'table' then ok := has_table_privilege(role, object, priv);
    when 'column' then ok := has_column_privilege(role, object, col, priv);
    when 'any_column' then ok := has_any_column_privilege(role, object, priv);
    when 'sequence' then ok := has_sequence_privilege(role, object, priv);
    when 'schema' then ok := has_schema_privilege(role, object, priv);
    when 'database' then ok := has_database_privilege(role, object, priv);
    when 'function' then ok := has_function_privilege(role, object, priv);
    when 'type' then ok := has_type_privilege(role, object, priv);
    when 'language' then ok := has_language_privilege(role, object, priv);
    when 'foreign_data_wrapper' then ok := has_foreign_data_wrapper_privilege(role, object, priv);
    when 'foreign_server' then ok := has_server_privilege(role, object, priv);
    when 'tablespace' then ok := has_tablespace_privilege(role, object, priv);
    when 'parameter' then execute 'select has_parameter_privilege($1, $2, $3)' into ok using role, object, priv;
    when 'large_object' then execute 'select has_largeobject_privilege($1, $2::oid, $3)' into ok using role, object, priv;
    when 'role' then ok := pg_has_role(role, object::name, priv);
    when 'row_security' then
      id := object::regclass; -- as the superuser: finding it is no part of the question
      perform set_config('role', role, true);
      ok := not row_security_active(id);
      perform set_config('role', 'none', true);
  end case;
  return ok;
exception when others then
  return 'error:' || sqlerrm;
end $$`

func askServer(t testing.TB, c *pgx.Conn, questions []pgacl.Question) []string {
	t.Helper()
	if _, err := c.Exec(t.Context(), oracleSQL); err != nil {
		t.Fatal(err)
	}
	var out []string
	for len(questions) > 0 {
		n := min(len(questions), 2000)
		b := &pgx.Batch{}
		for _, q := range questions[:n] {
			b.Queue("select pg_temp.oracle($1::text::name, $2, $3, $4, $5, $6)", q.Role, string(q.Kind), q.Object, q.Column, q.Privilege, q.Effective)
		}
		r := c.SendBatch(t.Context(), b)
		for range n {
			var answer *string
			if err := r.QueryRow().Scan(&answer); err != nil {
				t.Fatal(err)
			}
			if answer == nil {
				null := "null"
				answer = &null
			}
			out = append(out, *answer)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		questions = questions[n:]
	}
	return out
}

// random draws.
type random struct{ *rand.Rand }

func newRandom(seed uint64) random {
	return random{rand.New(rand.NewPCG(seed, 7))} //nolint:gosec // a test wants the same draws again
}

func (r random) one(list ...string) string { return list[r.IntN(len(list))] }

// some joins one to three of a list.
func (r random) some(list ...string) string {
	n := 1 + r.IntN(min(3, len(list)))
	out := make([]string, n)
	for i, at := range r.Perm(len(list))[:n] {
		out[i] = list[at]
	}
	return strings.Join(out, ", ")
}

func (r random) maybe(share float64, text string) string {
	if r.Float64() < share {
		return text
	}
	return ""
}

// compareNew makes objects as roles with default privileges, and compares what
// roles hold on them with what was foretold.
func compareNew(t *testing.T, c *pgx.Conn, x *pgacl.Index, g *maker, defaults []pgacl.Default) {
	t.Helper()
	made := 0
	for i, d := range defaults {
		for _, schema := range g.schemas[:2] {
			if d.Schema != "" {
				schema = quoted(d.Schema)
			}
			o, name := g.makeNew(x, d, schema, i)
			if name == "" {
				continue
			}
			made++
			var questions []pgacl.Question
			for _, r := range append(g.roles, "public") {
				for _, priv := range privilegesOf(string(d.Kind), g.version) {
					q := pgacl.Question{Role: unquoted(r), Kind: d.Kind, Object: name, Privilege: priv}
					questions = append(questions, q)
					q.Privilege += " with grant option"
					questions = append(questions, q)
				}
			}
			for j, want := range askServer(t, c, questions) {
				if got := x.DecideOn(questions[j], o); (got.Outcome == access.Allowed) != (want == "true") || want != "true" && want != "false" {
					t.Errorf("new %s of %s: %+v: %+v, the server says %s; %v", d.Kind, d.Role, questions[j], got, want, o.ACL)
				}
			}
		}
	}
	if made < 10 {
		t.Errorf("only %d objects with default privileges were made", made)
	}
}

// makeNew makes an object under default privileges, and returns it as foretold
// and its name, which is empty where it could not be made.
func (m *maker) makeNew(x *pgacl.Index, d pgacl.Default, schema string, n int) (pgacl.Object, string) {
	create := map[pgacl.Kind]string{pgacl.Table: "create table %s (id int)", pgacl.Sequence: "create sequence %s",
		pgacl.Function: "create function %s returns int language sql as 'select 1'", pgacl.Type: "create type %s as enum ('a')"}[d.Kind]
	name := fmt.Sprintf("%s.new%d", schema, n)
	if d.Kind == pgacl.Function {
		name += "()"
	}
	if create == "" || !m.sql("grant create, usage on schema %s to %s", schema, quoted(d.Role)) || !m.as(quoted(d.Role), create, name) {
		return pgacl.Object{}, ""
	}
	return x.NewObject(d.Kind, m.db, unquoted(schema), d.Role), name
}

// unquoted undoes quoted.
func unquoted(s string) string {
	if strings.HasPrefix(s, `"`) {
		s = strings.ReplaceAll(s[1:len(s)-1], `""`, `"`)
	}
	return s
}
