package pgacl_test

import (
	"slices"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/graph"
	"github.com/retinue-id/retinue/internal/access/pgacl"
)

// base is a server with a database, data, a role to gain and the bot, which has
// nothing.
func base(t testing.TB, version int) *world {
	return newWorld(t, version).role("bot", "login").role("group", "").role("boss", "login").role("app", "login").role("reader", "").
		object("database", "app", "postgres", "default").object("schema", "app.public", "postgres", "=U/postgres", "postgres=UC/postgres").
		object("schema", "app.closed", "boss", "boss=UC/boss").
		object("table", "app.public.invoices", "app", "app=arwdDxt/app", "reader=r/app").
		object("table", "app.public.orders", "app", "app=arwdDxt/app", "reader=r/app").
		object("table", "app.closed.salaries", "boss", "boss=arwdDxt/boss", "reader=r/boss").
		password("boss", "md5").password("app", "scram-sha-256")
}

var (
	bot      = roleRef("bot")
	boss     = roleRef("boss")
	invoices = tableRef("app.public.invoices")
)

type techniqueCase struct {
	name     string
	version  int
	set      func(*world)
	to       retinue.Ref
	want     string // technique of the last step that is no part; empty: no way
	possible bool
}

// TestTechniques has a case that fires and a near miss for every technique.
func TestTechniques(t *testing.T) {
	fired, missed := map[string]bool{}, 0
	for _, c := range slices.Concat(predefinedCases(), optionCases(), privilegeCases(), dataCases()) {
		t.Run(c.name, func(t *testing.T) {
			w := base(t, c.version)
			c.set(w)
			g := w.graph()
			way, ok := path(g, bot, c.to, false)
			if c.possible {
				if ok {
					t.Fatalf("%v is certain", way)
				}
				way, ok = path(g, bot, c.to, true)
			}
			switch {
			case c.want == "" && !ok:
				missed++
			case c.want == "":
				t.Errorf("there is a way: %v", way)
			case !ok || !slices.Contains(way, c.want):
				t.Errorf("%v, want %s", way, c.want)
			default:
				fired[c.want] = true
			}
		})
	}
	for _, technique := range pgacl.Techniques() {
		if !fired[technique.ID] {
			t.Errorf("no case fires %s", technique.ID)
		}
		if technique.Source == "" || technique.Title == "" {
			t.Errorf("%s has no source or title", technique.ID)
		}
	}
	if missed < len(pgacl.Techniques()) {
		t.Errorf("only %d near misses for %d techniques", missed, len(pgacl.Techniques()))
	}
}

func predefinedCases() []techniqueCase {
	in := func(role, options string) func(*world) { return func(w *world) { w.member(role, "bot", options) } }
	is := func(attributes string) func(*world) {
		return func(w *world) { w.role("robot", attributes).member("robot", "bot", "") }
	}
	unable := func(attributes string) func(*world) {
		return func(w *world) { w.role("robot", attributes).member("robot", "bot", "noset") }
	}
	return []techniqueCase{
		{"run programs", 17, in("pg_execute_server_program", ""), system, "pg_execute_server_program", false},
		{"run programs by what is inherited", 17, in("pg_execute_server_program", "noset"), system, "pg_execute_server_program", false},
		{"run programs without either option", 17, in("pg_execute_server_program", "noset noinherit"), system, "", false},
		{"write files", 17, in("pg_write_server_files", ""), system, "pg_write_server_files", false},
		{"read files", 17, in("pg_read_server_files", ""), invoices, "pg_read_server_files", false},
		{"read files is not to run", 17, in("pg_read_server_files", ""), roleRef("app"), "", false},
		{"monitor", 17, in("pg_monitor", ""), system, "", false},
		{"read all data", 17, in("pg_read_all_data", ""), invoices, "pg_read_all_data", false},
		{"read all data: MD5 hashes let their reader in", 17, in("pg_read_all_data", ""), boss, "pg_read_all_data of pg_authid", false},
		{"read all data: SCRAM verifiers do not", 17, in("pg_read_all_data", ""), roleRef("app"), "", false},
		{"write all data", 17, in("pg_write_all_data", ""), invoices, "pg_write_all_data", false},
		{"write all data reads no hashes", 17, in("pg_write_all_data", ""), boss, "", false},
		{"become a superuser", 17, is("superuser"), system, "SUPERUSER", false},
		{"attributes are not inherited", 17, unable("superuser"), system, "", false},
		{"attributes before 16 are become", 15, func(w *world) { w.role("robot", "superuser").member("robot", "bot", "old") }, system, "SUPERUSER", false},
		{"replication", 17, is("replication login"), invoices, "REPLICATION", false},
		{"replication without login", 17, is("replication"), invoices, "", false},
		{"replication is not inherited", 17, unable("replication login"), invoices, "", false},
		{"CREATEROLE before 16", 15, is("createrole"), system, "CREATEROLE", false},
		{"CREATEDB", 15, is("createdb"), boss, "", false},
		{"CREATEROLE since 16", 17, is("createrole"), boss, "", false},
	}
}

func optionCases() []techniqueCase {
	return []techniqueCase{
		{"admin option", 17, func(w *world) { w.member("boss", "bot", "admin noset noinherit") }, boss, "admin option", false},
		{"admin option of a group", 17, func(w *world) { w.member("boss", "group", "admin noset noinherit").member("group", "bot", "noset") }, boss, "admin option", false},
		{"admin option of a group whose privileges are not had", 17,
			func(w *world) {
				w.member("boss", "group", "admin noset noinherit").member("group", "bot", "noset noinherit")
			}, boss, "", false},
		{"membership without options", 17, func(w *world) { w.member("boss", "bot", "noset noinherit") }, boss, "", false},
		{"admin option on a superuser", 17, func(w *world) { w.role("super", "superuser").member("super", "bot", "admin noset noinherit") }, roleRef("super"), "", false},
		{"set role", 17, func(w *world) { w.member("boss", "bot", "noinherit") }, boss, "membership", false},
		{"privileges without the role", 17, func(w *world) { w.member("boss", "bot", "noset") }, boss, "", false},
		{"privileges of what they bring", 17, func(w *world) { w.member("group", "bot", "noset").member("reader", "group", "") }, invoices, "membership, without SET ROLE", false},
		{"are not the role of what they bring", 17, func(w *world) { w.member("group", "bot", "noset").member("boss", "group", "") }, boss, "", false},
		{"NOINHERIT before 16", 15, func(w *world) { w.role("shy", "noinherit").member("shy", "bot", "old").member("boss", "shy", "old") }, boss, "membership", false},
	}
}

func privilegeCases() []techniqueCase {
	return []techniqueCase{
		{"select on pg_authid", 17, func(w *world) {
			w.object("table", "app.pg_catalog.pg_authid", "postgres", "postgres=r/postgres", "bot=r/postgres")
		}, boss, "select on pg_authid", false},
		{"select on its hashes", 17, func(w *world) {
			w.objectWith("table", "app.pg_catalog.pg_authid", "postgres", map[string]any{"columns": []any{map[string]any{"name": "rolpassword", "acl": []string{"bot=r/postgres"}}}}, "postgres=r/postgres")
		}, boss, "select on pg_authid", false},
		{"select on its names", 17, func(w *world) {
			w.objectWith("table", "app.pg_catalog.pg_authid", "postgres", map[string]any{"columns": []any{map[string]any{"name": "rolname", "acl": []string{"bot=r/postgres"}}}}, "postgres=r/postgres")
		}, boss, "", false},
		{"select on pg_authid of a role with SCRAM", 17, func(w *world) { w.object("table", "app.pg_catalog.pg_authid", "postgres", "bot=r/postgres") }, roleRef("app"), "", false},
		{"a table of that name elsewhere", 17, func(w *world) { w.object("table", "app.public.pg_authid", "app", "bot=r/app") }, boss, "", false},
		{"alter system of a command", 17, func(w *world) { w.object("parameter", "archive_command", "postgres", "bot=A/postgres") }, system, "alter system", true},
		{"set of a command", 17, func(w *world) { w.object("parameter", "archive_command", "postgres", "bot=s/postgres") }, system, "", true},
		{"alter system of something else", 17, func(w *world) { w.object("parameter", "work_mem", "postgres", "bot=A/postgres") }, system, "", true},
		{"lo_export", 17, func(w *world) {
			w.object("function", "app.pg_catalog.lo_export(oid, text)", "postgres", "bot=X/postgres")
		}, system, "lo_export", false},
		{"a function of that name elsewhere", 17, func(w *world) {
			w.object("function", "app.public.lo_export(oid, text)", "app", "bot=X/app")
		}, system, "", false},
		{"pg_read_file", 17, func(w *world) {
			w.object("function", "app.pg_catalog.pg_read_file(text)", "postgres", "bot=X/postgres")
		}, invoices, "pg_read_file", false},
		{"lo_import", 17, func(w *world) { w.object("function", "app.pg_catalog.lo_import(text)", "postgres", "=X/postgres") }, invoices, "lo_import", false},
		{"pg_ls_dir", 17, func(w *world) { w.object("function", "app.pg_catalog.pg_ls_dir(text)", "postgres", "bot=X/postgres") }, invoices, "", false},
		{"user mapping", 17, func(w *world) {
			w.object("foreign_server", "app.other", "app", "bot=U/app")
			w.mapping("app", "other", "bot")
		}, ref("user_mapping", "app.other.bot#option"), "user mapping", false},
		{"user mapping without USAGE", 17, func(w *world) {
			w.object("foreign_server", "app.other", "app", "app=U/app")
			w.mapping("app", "other", "bot")
		}, ref("user_mapping", "app.other.bot#option"), "", false},
		{"user mapping of somebody else", 17, func(w *world) {
			w.object("foreign_server", "app.other", "app", "bot=U/app", "boss=U/app")
			w.mapping("app", "other", "boss")
		}, ref("user_mapping", "app.other.boss#option"), "", false},
		{"mapping of PUBLIC belongs to the server's owner", 17, func(w *world) {
			w.object("foreign_server", "app.other", "bot", "default")
			w.mapping("app", "other", "public")
		}, ref("user_mapping", "app.other.public#option"), "user mapping", false},
		{"and to nobody else", 17, func(w *world) {
			w.object("foreign_server", "app.other", "app", "bot=U/app")
			w.mapping("app", "other", "public")
		}, ref("user_mapping", "app.other.public#option"), "", false},
	}
}

func dataCases() []techniqueCase {
	rows := map[string]any{"rowSecurity": true, "rowPolicies": []any{map[string]any{"name": "own", "command": "all", "permissive": true, "roles": []string{"public"}}}}
	return []techniqueCase{
		{"read by a role", 17, func(w *world) { w.member("reader", "bot", "") }, invoices, "select", false},
		{"read what lies with it", 17, func(w *world) { w.member("reader", "bot", "") }, tableRef("app.public.orders"), "select", false},
		{"a closed schema", 17, func(w *world) { w.member("reader", "bot", "") }, tableRef("app.closed.salaries"), "", false},
		{"own", 17, func(w *world) { w.member("app", "bot", "noset") }, invoices, "ownership", false},
		{"write", 17, func(w *world) { w.object("table", "app.public.log", "app", "bot=a/app") }, tableRef("app.public.log"), "insert", false},
		{"PUBLIC", 17, func(w *world) { w.object("table", "app.public.log", "app", "=r/app") }, tableRef("app.public.log"), "select", false},
		{"no grant", 17, func(w *world) { w.object("table", "app.public.log", "app", "=x/app") }, tableRef("app.public.log"), "", false},
		{"row security", 17, func(w *world) { w.objectWith("table", "app.public.log", "app", rows, "bot=r/app") }, tableRef("app.public.log"), "select", true},
		{"row security that is passed over", 17, func(w *world) {
			w.role("auditor", "bypassrls").member("auditor", "bot", "").objectWith("table", "app.public.log", "app", rows, "auditor=r/app")
		}, tableRef("app.public.log"), "select", false},
	}
}

// TestGrantable: before 16, CREATEROLE grants every role but superusers.
func TestGrantable(t *testing.T) {
	g := base(t, 15).role("super", "superuser").role("robot", "createrole").graph()
	set := g.Find(ref("grantable_roles", testRealm.ID()))
	if set == graph.None {
		t.Fatal("no set of roles")
	}
	var got []string
	for _, id := range g.From(set) {
		got = append(got, g.Node(g.Step(id).To).Ref.Key)
	}
	if slices.Contains(got, "super") || slices.Contains(got, "postgres") || !slices.Contains(got, "boss") || !slices.Contains(got, "pg_read_all_data") {
		t.Errorf("%v", got)
	}
}

// TestAdministrators: superusers are, and so is the account of the server.
func TestAdministrators(t *testing.T) {
	g := base(t, 17).role("creator", "createrole createdb").graph()
	for _, n := range g.Admins() {
		if r := g.Node(n).Ref; r != roleRef("postgres") && r != system {
			t.Errorf("%s is an administrator", r)
		}
	}
	for _, to := range []retinue.Ref{boss, invoices, system, ref("password", "boss")} {
		if _, ok := path(g, roleRef("postgres"), to, false); !ok {
			t.Errorf("a superuser does not reach %s", to)
		}
	}
	if g.Node(g.Find(system)).Kind != graph.Outside {
		t.Error("the server's account is taken for one of the inventory")
	}
}
