package pgacl_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// drawn is a random server: roles, memberships and grants on the tables of base.
type drawn struct {
	version     int
	attributes  map[string]string
	memberships [][3]string
	acl         []string
}

func drawServer(t *rapid.T, memberships int) drawn {
	d := drawn{version: rapid.SampledFrom([]int{15, 16, 18}).Draw(t, "version"), attributes: map[string]string{}}
	for _, r := range drawnRoles {
		d.attributes[r] = rapid.SampledFrom([]string{"login", "", "noinherit", "login createrole", "login replication", "bypassrls"}).Draw(t, "attributes")
	}
	for range memberships {
		d.memberships = append(d.memberships, drawMember(t, d.version))
	}
	d.acl = append([]string{"a=arwd/a"}, rapid.SliceOfN(rapid.Custom(drawItem), 0, 4).Draw(t, "acl")...)
	return d
}

// drawMember draws a membership that makes no loop, which the server refuses.
func drawMember(t *rapid.T, version int) [3]string {
	from := rapid.IntRange(1, len(drawnRoles)-1).Draw(t, "member")
	role := drawnRoles[rapid.IntRange(0, from-1).Draw(t, "role")]
	if rapid.IntRange(0, 5).Draw(t, "predefined") == 0 {
		role = rapid.SampledFrom([]string{"pg_read_all_data", "pg_execute_server_program", "pg_write_all_data", "pg_read_server_files"}).Draw(t, "name")
	}
	options := rapid.SampledFrom([]string{"", "admin", "noset", "noinherit", "noset noinherit", "admin noset noinherit"}).Draw(t, "options")
	if version < 16 {
		options = rapid.SampledFrom([]string{"old", "old admin"}).Draw(t, "options")
	}
	return [3]string{role, drawnRoles[from], options}
}

func (d *drawn) world(t testing.TB) *world {
	w := base(t, d.version)
	for _, r := range drawnRoles {
		w.role(r, d.attributes[r])
	}
	for _, m := range d.memberships {
		w.member(m[0], m[1], m[2])
	}
	return w.object("table", "app.public.t", "a", d.acl...).object("table", "app.closed.u", "b", append(slices.Clone(d.acl), "b=r/b")...)
}

func drawAsked(t *rapid.T) (string, string) {
	return rapid.SampledFrom([]string{"select", "insert", "usage", "set role", "use role", "member of", "administer", "select with grant option"}).Draw(t, "action"),
		rapid.SampledFrom([]string{"table app.public.t", "table app.closed.u", "role a", "role pg_read_all_data", "schema app.public", "database app", ""}).Draw(t, "resource")
}

// TestWhoCanIsCan: the list is that of the roles for which Can does not say no.
func TestWhoCanIsCan(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		d := drawServer(r, 6)
		e := d.world(t).engine()
		action, resource := drawAsked(r)
		if !e.Asks(action, resource) {
			return
		}
		var got []retinue.Ref
		for _, h := range e.WhoCan(testRealm, action, resource) {
			if h.Subject.IsZero() {
				continue // PUBLIC
			}
			if one := e.Can(h.Subject, action, resource); one.Outcome != h.Decision.Outcome || len(one.Because) == 0 {
				r.Fatalf("%s: %+v and %+v", h.Name, one, h.Decision)
			}
			got = append(got, h.Subject)
		}
		for _, name := range append([]string{"postgres", "pg_read_all_data"}, drawnRoles...) {
			one := e.Can(roleRef(name), action, resource)
			if yes := one.Outcome != access.ImplicitlyDenied; yes != slices.Contains(got, roleRef(name)) {
				r.Fatalf("%s %s %s: %+v, the list says %v", name, action, resource, one, !yes)
			}
		}
	})
}

// TestGrantsOnlyAdd: one more membership or grant takes no answer and no way
// away.
func TestGrantsOnlyAdd(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		d := drawServer(r, 4)
		before := d.world(t)
		more := d
		more.memberships = append(slices.Clone(d.memberships), drawMember(r, d.version))
		more.acl = append(slices.Clone(d.acl), drawItem(r))
		after := more.world(t)
		e1, e2 := before.engine(), after.engine()
		action, resource := drawAsked(r)
		for _, name := range drawnRoles {
			was, is := e1.Can(roleRef(name), action, resource).Outcome, e2.Can(roleRef(name), action, resource).Outcome
			if was == access.Allowed && is != access.Allowed {
				r.Fatalf("%s %s %s: %s, then %s", name, action, resource, was, is)
			}
		}
		g1, g2 := before.graph(), after.graph()
		for _, name := range drawnRoles {
			for _, to := range []retinue.Ref{roleRef("a"), system, tableRef("app.public.t"), roleRef("postgres")} {
				if way, ok := path(g1, roleRef(name), to, false); ok {
					if _, still := path(g2, roleRef(name), to, false); !still {
						r.Fatalf("%s to %s by %v is gone", name, to, way)
					}
				}
			}
		}
	})
}

// TestMembershipsAreTheServers: following memberships in the graph leads to a
// role exactly where SET ROLE would, and to its privileges exactly where they
// are inherited.
func TestMembershipsAreTheServers(t *testing.T) {
	yes := 0
	rapid.Check(t, func(r *rapid.T) {
		d := drawServer(r, 7)
		w := d.world(t)
		e, g := w.engine(), w.graph()
		for _, from := range drawnRoles {
			reached := follow(g, roleRef(from))
			for _, to := range append([]string{"pg_read_all_data", "pg_execute_server_program"}, drawnRoles...) {
				if from == to {
					continue
				}
				sets := e.Can(roleRef(from), "member of", "role "+to).Outcome == access.Allowed
				if d.version >= 16 {
					sets = e.Can(roleRef(from), "set role", "role "+to).Outcome == access.Allowed
				}
				if sets != reached[roleRef(to)] {
					r.Fatalf("%s set role %s: %v, the graph says %v: %v", from, to, sets, !sets, d.memberships)
				}
				uses := e.Can(roleRef(from), "use role", "role "+to).Outcome == access.Allowed
				if had := reached[roleRef(to)] || reached[ref("privileges_of", to)]; uses && !had {
					r.Fatalf("%s has the privileges of %s, and the graph says no: %v", from, to, d.memberships)
				}
				if reached[ref("privileges_of", to)] && !reached[roleRef(to)] && !uses && !throughSet(e, from, to) {
					r.Fatalf("the graph says that %s has the privileges of %s: %v", from, to, d.memberships)
				}
				if sets {
					yes++
				}
			}
		}
	})
	if yes < 50 {
		t.Errorf("only %d were members", yes)
	}
}

// throughSet reports whether somebody that a role can become has the privileges
// of another.
func throughSet(e interface {
	Can(retinue.Ref, string, string) access.Decision
}, from, to string) bool {
	return slices.ContainsFunc(drawnRoles, func(mid string) bool {
		return e.Can(roleRef(from), "set role", "role "+mid).Outcome == access.Allowed && e.Can(roleRef(mid), "use role", "role "+to).Outcome == access.Allowed
	})
}

// follow lists what memberships lead to.
func follow(g *graph.Graph, from retinue.Ref) map[retinue.Ref]bool {
	out := map[retinue.Ref]bool{}
	for queue := []graph.NodeID{g.Find(from)}; len(queue) > 0; queue = queue[1:] {
		for _, id := range g.From(queue[0]) {
			s := g.Step(id)
			to := g.Node(s.To).Ref
			if s.Verb != graph.MemberOf && (s.Verb != graph.Contains || to.Kind != "privileges_of") || out[to] || to.Kind == "every_role" {
				continue
			}
			out[to] = true
			queue = append(queue, s.To)
		}
	}
	return out
}

// TestStepsAreAllowed: what a step does its own source may do.
func TestStepsAreAllowed(t *testing.T) {
	seen := map[graph.Verb]int{}
	rapid.Check(t, func(r *rapid.T) {
		d := drawServer(r, 6)
		w := d.world(t)
		e, g := w.engine(), w.graph()
		for i := range g.Steps() {
			s := g.Step(graph.StepID(i))
			from, to := g.Node(s.From[0]).Ref, g.Node(s.To).Ref
			var d access.Decision
			switch {
			case from.Kind != "role" && from.Kind != "privileges_of":
				continue
			case to.Kind == "table" && (s.Verb == graph.Reads || s.Verb == graph.Writes):
				d = e.Can(roleRef(from.Key), s.Technique, "table "+to.Key)
			case s.Technique == "admin option":
				d = e.Can(roleRef(from.Key), "administer", "role "+to.Key)
			case s.Technique == "membership":
				d = e.Can(roleRef(from.Key), "member of", "role "+to.Key)
			default:
				continue
			}
			if d.Outcome != access.Allowed || len(s.Needs) == 0 || len(s.Because) == 0 {
				r.Fatalf("%s from %s to %s: %+v", s.Technique, from, to, d)
			}
			seen[s.Verb]++
		}
	})
	for _, v := range []graph.Verb{graph.Reads, graph.Writes, graph.Attaches, graph.MemberOf} {
		if seen[v] < 5 {
			t.Errorf("only %d steps that %s", seen[v], v)
		}
	}
}

// TestQuestions: how objects are written, and what is no question of the
// language.
func TestQuestions(t *testing.T) {
	w := base(t, 17).member("reader", "bot", "").member("boss", "bot", "noset").object("table", "shop.public.t", "app", "bot=r/app").
		object("schema", "shop.public", "postgres", "=U/postgres").objectWith("table", "app.public.log", "app", map[string]any{"rowSecurity": true}, "bot=r/app").
		object("function", "app.public.f(x integer)", "app", "app=X/app", "bot=X/app")
	e := w.engine()
	for _, c := range []struct {
		action, resource string
		want             access.Outcome
	}{
		{"select", "table app.public.invoices", access.Allowed},
		{"SELECT", "table app.Public.Invoices", access.Allowed},
		{"select", `table app."public"."invoices"`, access.Allowed},
		{"select", `table app.public."Invoices"`, access.Unknown},
		{"insert, select", "table app.public.invoices", access.Allowed},
		{"insert", "table app.public.invoices", access.ImplicitlyDenied},
		{"select", "table app.public.log", access.Conditional},
		{"select", "table shop.public.t", access.Allowed},
		{"select", "table public.t", access.Unknown},
		{"select", "column app.public.invoices.amount", access.Allowed},
		{"execute", "function app.public.f(int)", access.Allowed},
		{"usage", "schema app.public", access.Allowed},
		{"usage", "schema app.closed", access.Allowed},
		{"create", "schema app.public", access.ImplicitlyDenied},
		{"connect", "database app", access.Allowed},
		{"member of", "role boss", access.Allowed},
		{"set role", "role boss", access.ImplicitlyDenied},
		{"set role", "role reader", access.Allowed},
		{"select", "", access.Conditional},
		{"truncate", "", access.Conditional},
		{"alter system", "", access.ImplicitlyDenied},
		{"member of", "", access.Conditional},
	} {
		d := e.Can(bot, c.action, c.resource)
		if d.Outcome != c.want || len(d.Because) == 0 {
			t.Errorf("%s %s: %+v, want %s", c.action, c.resource, d, c.want)
		}
		if !e.Asks(c.action, c.resource) {
			t.Errorf("%s %s is no question", c.action, c.resource)
		}
		if d.Outcome == access.Allowed && !slices.Contains(d.Unread, "pg_hba.conf (who may connect from where)") {
			t.Errorf("%s %s: unread %v", c.action, c.resource, d.Unread)
		}
	}
	for _, q := range [][2]string{{"get", "pods"}, {"s3:GetObject", "*"}, {"select", "invoices"}, {"fly", "table a.b.c"}, {"member of", "table a.b.c"},
		{"select", "role boss"}, {"select", "table a.b.c.d"}, {"create", "pay/secrets"}, {"", ""}} {
		if e.Asks(q[0], q[1]) {
			t.Errorf("%q is a question", q)
		}
		if d := e.Can(bot, q[0], q[1]); d.Outcome != access.Unknown {
			t.Errorf("%q: %+v", q, d)
		}
	}
	if d := e.Can(roleRef("nobody"), "select", "table app.public.invoices"); d.Outcome != access.Unknown {
		t.Errorf("a role that is not there: %+v", d)
	}
	if h := e.WhoCan("", "select", "table app.public.absent"); len(h) != 1 || !h[0].Subject.IsZero() || h[0].Decision.Outcome != access.Unknown {
		t.Errorf("a table that is not there: %+v", h)
	}
}

// TestHeld: what is held is said by what follows from it, the worst first.
func TestHeld(t *testing.T) {
	e := base(t, 17).member("reader", "bot", "").member("boss", "bot", "admin noset noinherit").member("pg_execute_server_program", "bot", "").engine()
	var got []string
	for _, h := range e.Held(bot) {
		got = append(got, string(h.Consequence)+": "+h.Sentence)
		if h.Outcome != access.Allowed || len(h.Because) == 0 || len(h.Actions) == 0 {
			t.Errorf("%+v", h)
		}
	}
	want := []string{
		"escalates: grants role boss to itself and others",
		"escalates: runs programs as the account that the server runs as",
		"reads_data: reads every table of schema app.public (2)",
		"looks: has TEMPORARY, CONNECT on database app",
		"looks: has USAGE on schema public of database app",
		"looks: has what role reader has",
	}
	if slices.Sort(got); !slices.Equal(got, sorted(want)) {
		t.Errorf("%q", got)
	}
	if h := e.Held(roleRef("postgres")); len(h) == 0 || h[0].Consequence != access.Administers {
		t.Errorf("%+v", h)
	}
	if h := e.Held(boss); !slices.ContainsFunc(h, func(h access.Held) bool { return strings.HasPrefix(h.Sentence, "deletes from table salaries") }) {
		t.Errorf("%+v", h)
	}
}

func sorted(list []string) []string {
	out := slices.Clone(list)
	slices.Sort(out)
	return out
}

// TestSeveralServers: each answers for its own roles.
func TestSeveralServers(t *testing.T) {
	w := base(t, 17)
	other := retinue.NewRealm("postgres", "2")
	for _, name := range []string{"bot", "root"} {
		w.add(retinue.Policy{Ref: retinue.NewRef(other, "role_attributes", name), Language: retinue.LanguagePostgreSQL,
			Document: fmt.Sprintf(`{"kind":"role","name":%q,"superuser":true}`, name)})
	}
	e := w.engine()
	if known := e.Realms(); len(known) != 2 || known[0].Realm != other {
		t.Errorf("%+v", known)
	}
	if d := e.Can(retinue.NewRef(other, "role", "bot"), "select", ""); d.Outcome != access.Allowed {
		t.Errorf("%+v", d)
	}
	if d := e.Can(bot, "truncate", "table app.closed.salaries"); d.Outcome != access.ImplicitlyDenied {
		t.Errorf("%+v", d)
	}
	if h := e.WhoCan("", "select", "table app.closed.salaries"); len(h) != 3 {
		t.Errorf("%+v", h) // boss, postgres and pg_read_all_data
	}
}
