package pgacl_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
	"github.com/retinue-id/retinue/internal/access/pgacl"
	"github.com/retinue-id/retinue/internal/testkit"
)

// factsOf makes a world of what the catalogs of a server say.
func factsOf(t testing.TB, s pgacl.State) *world {
	w := &world{t: t}
	w.add(retinue.Container{Ref: ref("server", testRealm.ID()), Kind: retinue.ContainerServer, Attrs: retinue.Attrs{"major": s.Version}})
	for _, r := range s.Roles {
		w.document(ref("role_attributes", r.Name), map[string]any{"kind": "role", "name": r.Name, "superuser": r.Superuser, "inherit": r.Inherit, "createRole": r.CreateRole,
			"login": r.Login, "replication": r.Replication, "bypassRls": r.BypassRLS})
	}
	for _, m := range s.Memberships {
		o := retinue.Attrs{"admin": m.Admin}
		if m.Inherit != nil {
			o["inherit"], o["set"] = *m.Inherit, *m.Set
		}
		w.add(retinue.Membership{Group: roleRef(m.Role), Member: roleRef(m.Member), Grantor: roleRef(m.Grantor), Options: o})
	}
	for i, o := range s.Objects {
		w.document(ref("acl", fmt.Sprintf("%s:%s.%s.%s#%d", o.Kind, o.Database, o.Schema, o.Name, i)), map[string]any{"kind": o.Kind, "database": o.Database, "schema": o.Schema,
			"name": o.Name, "args": o.Args, "owner": o.Owner, "acl": o.ACL, "columns": o.Columns, "rowSecurity": o.RowSecurity, "forceRowSecurity": o.ForceRowSecurity})
	}
	return w
}

// TestStepsOfRealServers compares the graph with what roles of a real server
// manage to do.
func TestStepsOfRealServers(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	compareSteps(t, testkit.PrivatePostgres(t, testkit.PostgresConfig{}))
}

func compareSteps(t *testing.T, s *testkit.PostgresServer) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("random memberships ", seed), func(t *testing.T) { compareGrants(t, s, 100+seed) })
	}
	t.Run("techniques", func(t *testing.T) { compareTechniques(t, s) })
}

// connect makes a database and connects to it as the superuser.
func connect(t *testing.T, s *testkit.PostgresServer, db string) *pgx.Conn {
	t.Helper()
	exec(t, s.URL(), "create database "+db)
	c, err := pgx.Connect(t.Context(), s.DatabaseURL(db))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// try runs statements as a role and takes them back; it says how they ended.
func try(t *testing.T, c *pgx.Conn, role string, statements ...string) error {
	t.Helper()
	ctx := context.Background()
	if _, err := c.Exec(ctx, "begin"); err != nil {
		t.Fatal(err)
	}
	var err error
	for _, sql := range append([]string{"set session authorization " + quoted(role)}, statements...) {
		if _, err = c.Exec(ctx, sql); err != nil {
			break
		}
	}
	for _, sql := range []string{"rollback", "reset session authorization"} {
		if _, err := c.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	return err
}

// compareGrants has every role of a random server become every other one, grant
// itself every other one, and read tables.
func compareGrants(t *testing.T, s *testkit.PostgresServer, seed uint64) {
	c := connect(t, s, fmt.Sprintf("steps%d", seed))
	m := newMaker(t, c, seed)
	m.make()
	state := readCatalog(t, c)
	w := factsOf(t, state)
	e, g := w.engine(), w.graph()
	var roles []string
	super := map[string]bool{}
	for _, r := range state.Roles {
		super[r.Name] = r.Superuser
		for _, mine := range m.roles {
			if unquoted(mine) == r.Name {
				roles = append(roles, r.Name)
			}
		}
	}
	count := map[string][2]int{}
	compare := func(what string, want bool, err error, text string) {
		n := count[what]
		if n[0]++; want {
			n[1]++
		}
		count[what] = n
		if want != (err == nil) {
			t.Errorf("%s: %s: %v, the server says %v", what, text, want, err)
		}
	}
	for _, from := range roles {
		for _, to := range append([]string{"pg_read_all_data", "pg_monitor"}, roles...) {
			if from == to || super[from] {
				continue
			}
			text := from + " and " + to
			action := "set role"
			if state.Version < 16 {
				action = "member of"
			}
			sets := e.Can(roleRef(from), action, "role "+to).Outcome == access.Allowed
			compare("set role", sets, try(t, c, from, "set role "+quoted(to)), text)
			compare("grant", grants(e, g, state.Version, from, to), try(t, c, from, "grant "+quoted(to)+" to "+quoted(from)), text)
		}
		for _, table := range m.objects["table"] {
			d := e.Can(roleRef(from), "select", "table "+quoted(m.db)+"."+table)
			if !super[from] {
				want := d.Outcome == access.Allowed || d.Outcome == access.Conditional || everyColumn(e, from, quoted(m.db)+"."+table)
				compare("select", want, try(t, c, from, "select id, a, b, \"S ecret\" from "+table), from+" and "+table)
			}
		}
	}
	t.Logf("version %d: asked and allowed: %v", state.Version, count)
}

// everyColumn reports whether a role may read each column by itself.
func everyColumn(e *pgacl.Engine, role, table string) bool {
	return !slices.ContainsFunc([]string{"id", "a", "b", `"S ecret"`}, func(column string) bool {
		return e.Can(roleRef(role), "select", "column "+table+"."+column).Outcome != access.Allowed
	})
}

// grants reports whether the graph has a step by which a role grants itself
// another one, without becoming anybody first.
func grants(e *pgacl.Engine, g *graph.Graph, version int, from, to string) bool {
	may := func(action, role string) bool {
		return e.Can(roleRef(from), action, "role "+role).Outcome == access.Allowed
	}
	node := g.Find(roleRef(to))
	for _, id := range g.To(node) {
		s := g.Step(id)
		by := g.Node(s.From[0]).Ref.Key
		if s.Technique == "admin option" && (by == from || may("use role", by) || version < 16 && may("member of", by)) {
			return true
		}
	}
	// Before 16 CREATEROLE grants, but not what would make a loop: there it sets the password.
	makes := slices.ContainsFunc(g.From(g.Find(roleRef(from))), func(id graph.StepID) bool { return g.Step(id).Technique == "CREATEROLE" })
	grantable := slices.ContainsFunc(g.To(node), func(id graph.StepID) bool { return g.Node(g.Step(id).From[0]).Ref.Kind == "grantable_roles" })
	loop := e.Can(roleRef(to), "member of", "role "+from).Outcome == access.Allowed
	return makes && grantable && !loop
}

// exploit is something that a role manages on a server, or not.
type exploit struct {
	name  string
	since int
	// setup makes the role bot's rights, as the superuser.
	setup []string
	// steps are what bot does; the last must succeed or fail.
	steps []string
	to    retinue.Ref
	works func(version int) bool
	// possible is true where the graph calls it possible only.
	possible bool
}

func always(int) bool { return true }
func never(int) bool  { return false }

// compareTechniques does what the catalogue says can be done, on the server, and
// what nearly can; the graph must agree.
func compareTechniques(t *testing.T, s *testkit.PostgresServer) {
	var dir string
	c := connect(t, s, "exploits")
	if err := c.QueryRow(t.Context(), "show data_directory").Scan(&dir); err != nil {
		t.Fatal(err)
	}
	version := readCatalog(t, c).Version
	out, in := filepath.Join(dir, "written"), filepath.Join(dir, "PG_VERSION")
	older := func(v int) bool { return v < 16 }
	program, hashes := "copy (select 1) to program 'cat > /dev/null'", "select rolpassword from pg_authid limit 1"
	for _, x := range []exploit{
		{"run programs", 0, []string{"grant pg_execute_server_program to bot"}, []string{program}, system, always, false},
		{"run programs without it", 0, []string{"grant pg_monitor to bot"}, []string{program}, system, never, false},
		{"run programs without either option", 16, []string{"grant pg_execute_server_program to bot with inherit false, set false"}, []string{program}, system, never, false},
		{"become who runs programs", 16, []string{"grant pg_execute_server_program to bot with inherit false"}, []string{"set role pg_execute_server_program", program}, system, always, false},
		{"write files", 0, []string{"grant pg_write_server_files to bot"}, []string{"copy (select 1) to '" + out + "'"}, system, always, false},
		{"read files", 0, []string{"grant pg_read_server_files to bot"}, []string{"create temporary table lines (l text)", "copy lines from '" + in + "'"}, ref("files", testRealm.ID()), always, false},
		{"read files only", 0, []string{"grant pg_read_server_files to bot"}, []string{program}, system, never, false},
		{"read hashes with all data", 0, []string{"grant pg_read_all_data to bot"}, []string{hashes}, ref("password_hashes", testRealm.ID()), always, false},
		{"read hashes that are granted", 0, []string{"grant select (rolpassword) on pg_authid to bot"}, []string{hashes}, ref("password_hashes", testRealm.ID()), always, false},
		{"read hashes where names are granted", 0, []string{"grant select (rolname) on pg_authid to bot"}, []string{hashes}, ref("password_hashes", testRealm.ID()), never, false},
		{"attributes are not inherited", 16, []string{"create role super superuser", "grant super to bot with set false"}, []string{program}, system, never, false},
		{"attributes are become", 0, []string{"create role super superuser", "grant super to bot"}, []string{"set role super", program}, system, always, false},
		{"make roles", 0, []string{"alter role bot createrole"}, []string{"grant pg_execute_server_program to bot", program}, system, older, false},
		{"sets the password of a superuser", 16, []string{"create role super superuser login", "alter role bot createrole"}, []string{"alter role super password 'x'"},
			roleRef("super"), never, false},
		{"admin option", 0, []string{"create role boss", "grant boss to bot with admin option"}, []string{"grant boss to bot", "set role boss"}, roleRef("boss"), always, false},
		{"admin option on a superuser", 16, []string{"create role super superuser", "grant super to bot with admin true, inherit false, set false"},
			[]string{"grant super to bot", "set role super"}, roleRef("super"), never, false},
		{"alter system", 15, []string{"grant alter system on parameter archive_command to bot"}, []string{}, system, always, true},
		{"set", 15, []string{"grant set on parameter log_statement to bot"}, []string{"select 1 / 0"}, system, never, true},
		{"lo_export", 0, []string{"grant execute on function lo_export(oid, text) to bot"}, []string{"select lo_create(4711)", "select lo_export(4711, '" + out + "')"}, system, always, false},
		{"lo_export without the right", 0, nil, []string{"select lo_create(4711)", "select lo_export(4711, '" + out + "')"}, system, never, false},
		{"lo_import", 0, []string{"grant execute on function lo_import(text) to bot"}, []string{"select lo_import('" + in + "')"}, ref("files", testRealm.ID()), always, false},
		{"pg_read_file", 0, []string{"grant execute on function pg_read_file(text) to bot"}, []string{"select pg_read_file('PG_VERSION')"}, ref("files", testRealm.ID()), always, false},
		{"pg_ls_dir", 0, []string{"grant execute on function pg_ls_dir(text) to bot"}, []string{"select pg_read_file('PG_VERSION')"}, ref("files", testRealm.ID()), never, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			if version < x.since {
				return // the server does not have it
			}
			for _, sql := range append([]string{"create role bot login"}, x.setup...) {
				if _, err := c.Exec(t.Context(), sql); err != nil {
					t.Fatalf("%s: %v", sql, err)
				}
			}
			defer cleanRoles(t, c)
			_, ok := path(factsOf(t, readSystem(t, c)).graph(), roleRef("bot"), x.to, x.possible)
			err := try(t, c, "bot", x.steps...)
			if want := x.works(version); (err == nil) != want || ok != want {
				t.Errorf("version %d: the server says %v, the graph has a way: %v; want %v", version, err, ok, want)
			}
		})
	}
}

// readSystem is readCatalog with the functions of the system that somebody was
// granted.
func readSystem(t *testing.T, c *pgx.Conn) pgacl.State {
	state := readCatalog(t, c)
	rows, err := c.Query(t.Context(), `select current_database()::text, proname::text, pg_get_function_identity_arguments(oid), pg_get_userbyid(proowner)::text, proacl::text[]
		from pg_proc where pronamespace = 'pg_catalog'::regnamespace and proacl is not null`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		o := pgacl.Object{Kind: pgacl.Function, Schema: "pg_catalog"}
		if err := rows.Scan(&o.Database, &o.Name, &o.Args, &o.Owner, &o.ACL); err != nil {
			t.Fatal(err)
		}
		state.Objects = append(state.Objects, o)
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	return state
}

// cleanRoles drops the roles of one exploit.
func cleanRoles(t *testing.T, c *pgx.Conn) {
	for _, role := range []string{"bot", "boss", "super"} {
		var there bool
		if err := c.QueryRow(context.Background(), "select exists (select from pg_roles where rolname = $1)", role).Scan(&there); err != nil {
			t.Fatal(err)
		}
		if !there {
			continue
		}
		for _, sql := range []string{"drop owned by " + role + " cascade", "drop role " + role} {
			if _, err := c.Exec(context.Background(), sql); err != nil && !strings.Contains(err.Error(), "depend") {
				t.Fatalf("%s: %v", sql, err)
			}
		}
	}
}
