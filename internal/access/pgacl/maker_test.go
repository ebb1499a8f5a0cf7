package pgacl_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/retinue-id/retinue/internal/access/pgacl"
)

// maker fills a database with random roles, objects and grants. Names are
// unlike those of other seeds, as roles belong to the whole server.
type maker struct {
	random
	t       testing.TB
	c       *pgx.Conn
	seed    uint64
	version int
	db      string
	roles   []string // as SQL writes them
	schemas []string
	// objects by what GRANT calls them.
	objects      map[string][]string
	done, failed int
}

func newMaker(t testing.TB, c *pgx.Conn, seed uint64) *maker {
	t.Helper()
	m := &maker{random: newRandom(seed), t: t, c: c, seed: seed, objects: map[string][]string{}}
	if err := c.QueryRow(t.Context(), "select current_setting('server_version_num')::int / 10000, current_database()").Scan(&m.version, &m.db); err != nil {
		t.Fatal(err)
	}
	return m
}

// sql runs a statement; that the server refuses some is part of the game.
func (m *maker) sql(format string, args ...any) bool {
	_, err := m.c.Exec(m.t.Context(), fmt.Sprintf(format, args...))
	if err != nil {
		m.failed++
		return false
	}
	m.done++
	return true
}

// as runs a statement as a role that the session takes on.
func (m *maker) as(role, format string, args ...any) bool {
	if !m.sql("set session authorization %s", role) {
		return false
	}
	ok := m.sql(format, args...)
	if _, err := m.c.Exec(context.Background(), "reset session authorization"); err != nil {
		m.t.Fatal(err)
	}
	return ok
}

func quoted(s string) string { return pgx.Identifier{s}.Sanitize() }

func (m *maker) make() {
	m.makeRoles()
	m.makeMemberships()
	m.makeObjects()
	for range 50 {
		m.defaultPrivileges()
	}
	m.makeMore()
	for range 500 {
		m.grant()
	}
}

func (m *maker) makeRoles() {
	odd := []string{"", " space", `"quote`, "=a/b", "Ünï", ".dot", "*star", ",comma", "'apostrophe", "UPPER"}
	for i := range 24 {
		name := fmt.Sprintf("r%d_%d%s", m.seed, i, odd[max(0, i-14)%len(odd)])
		if m.sql("create role %s %s %s %s %s %s", quoted(name), m.maybe(0.04, "superuser"), m.maybe(0.3, "noinherit"), m.maybe(0.7, "login"),
			m.maybe(0.15, "bypassrls"), m.maybe(0.2, "createrole")) {
			m.roles = append(m.roles, quoted(name))
		}
	}
}

func (m *maker) makeMemberships() {
	predefined := []string{"pg_read_all_data", "pg_write_all_data", "pg_monitor", "pg_read_all_stats", "pg_signal_backend", "pg_checkpoint",
		"pg_maintain", "pg_use_reserved_connections", "pg_create_subscription"}
	options := func() string {
		if m.version < 16 {
			return m.maybe(0.25, " with admin option")
		}
		var o []string
		for _, name := range []string{"admin", "inherit", "set"} {
			if m.Float64() < 0.4 {
				o = append(o, name+" "+m.one("true", "false"))
			}
		}
		if len(o) == 0 {
			return ""
		}
		return " with " + strings.Join(o, ", ")
	}
	for range 45 {
		role := m.one(m.roles...)
		if m.Float64() < 0.12 {
			role = m.one(predefined...)
		}
		m.sql("grant %s to %s%s", role, m.one(m.roles...), options())
	}
	for range 25 { // by members with the admin option
		m.as(m.one(m.roles...), "grant %s to %s%s", m.one(m.roles...), m.one(m.roles...), options())
	}
}

func (m *maker) makeObjects() {
	m.sql("alter database %s owner to %s", m.db, m.one(m.roles...))
	m.sql("set allow_in_place_tablespaces = on")
	m.sql("grant create on tablespace pg_default to %s", m.one(m.roles...))
	m.objects["database"] = []string{m.db, "postgres"}
	m.objects["language"] = []string{"plpgsql", "sql"}
	m.schemas = []string{"public"}
	for _, name := range []string{"s0", "s1", `"S 2"`, "s3"} {
		if m.sql("create schema %s authorization %s", name, m.one(m.roles...)) {
			m.schemas = append(m.schemas, name)
		}
	}
	m.objects["schema"] = m.schemas
	m.makeRelations(0, m.own)
	m.makeOthers()
}

// own makes an object and gives it to somebody.
func (m *maker) own(kind, create, name, alter string) {
	if m.sql(create, name) {
		m.objects[kind] = append(m.objects[kind], name)
		m.sql("alter %s %s owner to %s", alter, name, m.one(m.roles...))
	}
}

func (m *maker) makeRelations(from int, made func(kind, create, name, alter string)) {
	name := func(prefix string, i int) string { return m.one(m.schemas...) + "." + prefix + fmt.Sprint(from+i) }
	for i := range 8 {
		made("table", "create table %s (id int, a text, b text, \"S ecret\" text)", name("t", i), "table")
	}
	made("table", "create table %s (id int, a text, b text, \"S ecret\" text) partition by list (id)", name("p", 0), "table")
	made("table", "create view %s as select 1 as id, 2 as a, 3 as b, 4 as \"S ecret\"", name("v", 0), "view")
	made("table", "create materialized view %s as select 1 as id, 2 as a, 3 as b, 4 as \"S ecret\"", name("m", 0), "materialized view")
	for i := range 3 {
		made("sequence", "create sequence %s", name("q", i), "sequence")
	}
	for i, args := range []string{"x int", "x bigint, y text", "", "character varying, double precision", "x timestamptz, variadic int[]", "a bool, out b int"} {
		body := " returns int language sql as 'select 1'"
		if strings.Contains(args, "out") {
			body = " language sql as 'select 1'"
		}
		made("function", "create function %s"+body, name("f", i%3)+"("+args+")", "function")
	}
	made("procedure", "create procedure %s language sql as 'select 1'", name("proc", 0)+"(x int)", "procedure")
	made("type", "create type %s as enum ('a')", name("e", 0), "type")
	made("type", "create domain %s as int", name("d", 0), "domain")
	for _, t := range m.objects["table"] {
		if m.Float64() < 0.4 {
			m.sql("alter table %s enable row level security", t)
			m.sql("alter table %s %s row level security", t, m.one("force", "no force"))
		}
	}
}

func (m *maker) makeOthers() {
	for i := range 2 {
		n := fmt.Sprint(i)
		if m.sql("create foreign data wrapper w%s", n) {
			m.objects["foreign data wrapper"] = append(m.objects["foreign data wrapper"], "w"+n)
		}
		if m.sql("create server srv%s foreign data wrapper w%s", n, n) {
			m.objects["foreign server"] = append(m.objects["foreign server"], "srv"+n)
			m.sql("alter server srv%s owner to %s", n, m.one(m.roles...))
		}
		space := fmt.Sprintf("space%d_%d", m.seed, i)
		if m.sql("create tablespace %s owner %s location ''", space, m.one(m.roles...)) {
			m.objects["tablespace"] = append(m.objects["tablespace"], space)
		}
		lo := fmt.Sprint(9000 + i)
		if m.sql("select lo_create(%s)", lo) {
			m.objects["large object"] = append(m.objects["large object"], lo)
			m.sql("alter large object %s owner to %s", lo, m.one(m.roles...))
		}
	}
	m.objects["parameter"] = []string{"work_mem", "log_statement", "my.Own"}
}

func (m *maker) defaultPrivileges() {
	role := m.one(m.roles...)
	in := m.maybe(0.5, " in schema "+m.one(m.schemas...))
	what := m.one("tables", "sequences", "functions", "types", "schemas")
	verb, to := "grant", "to"
	if m.Float64() < 0.4 {
		verb, to = "revoke", "from"
	}
	m.sql("alter default privileges for role %s%s %s all on %s %s %s", role, in, verb, what, to, m.one(append(m.roles, "public", role)...))
}

// makeMore makes objects as roles with default privileges.
func (m *maker) makeMore() {
	for _, r := range m.roles {
		for _, s := range m.schemas {
			m.sql("grant all on schema %s to %s", s, r)
		}
	}
	from := 100
	for _, r := range m.roles[:12] {
		m.makeRelations(from, func(kind, create, name, _ string) {
			if m.Float64() < 0.3 && m.as(r, create, name) {
				m.objects[kind] = append(m.objects[kind], name)
			}
		})
		from += 10
	}
	for _, r := range m.roles {
		if m.Float64() < 0.7 {
			m.sql("revoke all on schema %s from %s", m.one(m.schemas...), r)
		}
	}
}

// privilegesOf are what GRANT takes for a kind of object.
func privilegesOf(kind string, version int) []string {
	switch kind {
	case "table":
		p := []string{"select", "insert", "update", "delete", "truncate", "references", "trigger"}
		if version >= 17 {
			p = append(p, "maintain")
		}
		return p
	case "sequence":
		return []string{"usage", "select", "update"}
	case "database":
		return []string{"create", "temporary", "connect", "temp"}
	case "schema":
		return []string{"create", "usage"}
	case "function", "procedure":
		return []string{"execute"}
	case "tablespace":
		return []string{"create"}
	case "parameter":
		return []string{"set", "alter system"}
	case "large object":
		return []string{"select", "update"}
	}
	return []string{"usage"}
}

func (m *maker) kind() string {
	return m.one("table", "table", "table", "table", "table", "sequence", "database", "schema", "schema", "function", "function", "procedure", "type", "language",
		"foreign data wrapper", "foreign server", "tablespace", "parameter", "large object")
}

// grant grants or revokes something, half of the time as somebody who may hold
// a grant option.
func (m *maker) grant() {
	kind := m.kind()
	if len(m.objects[kind]) == 0 {
		return
	}
	priv := m.some(privilegesOf(kind, m.version)...)
	if m.Float64() < 0.1 {
		priv = "all"
	}
	if kind == "table" && m.Float64() < 0.35 {
		priv = m.one("select", "insert", "update", "references", "all") + m.one("(id)", "(a, b)", `("S ecret")`)
	}
	who := m.one(append(m.roles, "public")...)
	text := fmt.Sprintf("grant %s on %s %s to %s", priv, kind, m.one(m.objects[kind]...), who)
	if m.Float64() < 0.3 {
		text += " with grant option"
	}
	if m.Float64() < 0.25 {
		text = fmt.Sprintf("revoke %s%s on %s %s from %s cascade", m.maybe(0.2, "grant option for "), priv, kind, m.one(m.objects[kind]...), who)
	}
	if m.Float64() < 0.5 {
		m.as(m.one(m.roles...), "%s", text)
		return
	}
	m.sql("%s", text)
}

// questions draws questions about what was made, and some about what was not.
func (m *maker) questions(s pgacl.State, n int) []pgacl.Question {
	out := make([]pgacl.Question, 0, n)
	for len(out) < n {
		role := s.Roles[m.IntN(len(s.Roles))].Name
		if m.Float64() < 0.05 {
			role = "public"
		}
		if m.Float64() < 0.005 {
			role = "absent"
		}
		if q, ok := m.question(s); ok {
			q.Role = role
			if (q.Effective || q.Kind == pgacl.KindRowSecurity) && (role == "public" || role == "absent") {
				continue
			}
			out = append(out, q)
		}
	}
	return out
}

func (m *maker) question(s pgacl.State) (pgacl.Question, bool) {
	if m.Float64() < 0.15 {
		p := []string{"member", "USAGE", "MEMBER WITH ADMIN OPTION", "usage with grant option", "member, usage", "set"}
		if m.version < 16 && m.Float64() < 0.9 {
			p = p[:5]
		}
		return pgacl.Question{Kind: pgacl.KindRole, Object: s.Roles[m.IntN(len(s.Roles))].Name, Privilege: m.one(p...)}, true
	}
	kind := m.kind()
	if len(m.objects[kind]) == 0 {
		return pgacl.Question{}, false
	}
	q := pgacl.Question{Object: m.one(m.objects[kind]...), Privilege: m.some(privilegesOf(kind, m.version)...)}
	if m.Float64() < 0.3 {
		q.Privilege = strings.ToUpper(m.one(privilegesOf(kind, m.version)...)) + " WITH GRANT OPTION"
	}
	if m.Float64() < 0.02 {
		q.Privilege = m.one("maintain", "rule", "nonsense", "select,", "")
	}
	switch kind {
	case "table":
		m.aboutTable(&q)
	case "function", "procedure":
		q.Kind = pgacl.Function
		q.Object = signature(q.Object)
	case "schema":
		q.Kind, q.Object = pgacl.Schema, strings.Trim(q.Object, `"`)
	case "parameter":
		q.Kind, q.Privilege = pgacl.Parameter, m.one("set", "ALTER SYSTEM", "set with grant option", "alter system, set")
	case "large object":
		if q.Kind = pgacl.LargeObject; m.version < 18 {
			return q, false
		}
	default:
		q.Kind = pgacl.Kind(strings.ReplaceAll(kind, " ", "_"))
	}
	return q, true
}

func (m *maker) aboutTable(q *pgacl.Question) {
	q.Kind = pgacl.Table
	switch d := m.Float64(); {
	case d < 0.4:
		q.Kind, q.Column, q.Privilege = pgacl.KindColumn, m.one("id", "a", "b", "S ecret"), m.some("select", "insert", "update", "references", "select with grant option")
	case d < 0.5:
		q.Kind, q.Privilege = pgacl.KindAnyColumn, m.some("select", "insert", "update", "references", "select with grant option")
	case d < 0.6:
		q.Kind, q.Privilege = pgacl.KindRowSecurity, ""
	case d < 0.7 && strings.Contains(q.Object, ".t"):
		q.Effective, q.Privilege = true, "delete"
	case d < 0.74:
		q.Object = m.one("pg_catalog.pg_class", "pg_catalog.pg_authid", "pg_catalog.pg_settings", "information_schema.tables", "public.absent", "absent.t", "information_schema.sql_features")
	case d < 0.76:
		q.Object = m.one(m.objects["sequence"]...)
	}
}

// signature leaves the names out of a function's arguments, and OUT arguments.
func signature(f string) string {
	name, args, _ := strings.Cut(f, "(")
	var types []string
	for a := range strings.SplitSeq(strings.TrimSuffix(args, ")"), ", ") {
		if strings.HasPrefix(a, "out ") {
			continue
		}
		a = strings.TrimPrefix(a, "variadic ")
		for _, n := range []string{"x ", "y ", "a "} {
			a = strings.TrimPrefix(a, n)
		}
		types = append(types, a)
	}
	return name + "(" + strings.Join(types, ", ") + ")"
}
