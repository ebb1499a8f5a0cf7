package pgacl_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/graph"
	"github.com/retinue-id/retinue/internal/access/pgacl"
)

const testRealm = retinue.Realm("postgres:7300000000000000001")

func ref(kind, key string) retinue.Ref { return retinue.NewRef(testRealm, kind, key) }

func roleRef(name string) retinue.Ref { return ref("role", name) }

func tableRef(key string) retinue.Ref { return ref("table", key) }

// system is the account that the server runs as.
var system = ref("system_account", testRealm.ID())

// world collects facts as the connector states them.
type world struct {
	t testing.TB
	c pgacl.Collector
	// joins are the steps that are put in from the facts of all systems.
	joins [][2]retinue.Ref
}

// newWorld has a server of a version, with the roles that it brings along.
func newWorld(t testing.TB, version int) *world {
	w := &world{t: t}
	if version > 0 {
		w.add(retinue.Container{Ref: ref("server", testRealm.ID()), Kind: retinue.ContainerServer, Attrs: retinue.Attrs{"major": version}})
	}
	w.role("postgres", "superuser login")
	for _, name := range []string{"pg_execute_server_program", "pg_write_server_files", "pg_read_server_files", "pg_read_all_data", "pg_write_all_data", "pg_monitor", "pg_database_owner"} {
		w.role(name, "")
	}
	return w
}

func (w *world) add(f retinue.Fact) *world {
	w.t.Helper()
	if err := w.c.Add(f); err != nil {
		w.t.Fatal(err)
	}
	return w
}

func (w *world) document(r retinue.Ref, fields map[string]any) *world {
	w.t.Helper()
	text, err := json.Marshal(fields)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.add(retinue.Policy{Ref: r, Language: retinue.LanguagePostgreSQL, Document: string(text)})
}

// role states a role with attributes; it inherits unless it says noinherit.
func (w *world) role(name, attributes string) *world {
	has := func(a string) bool { return strings.Contains(" "+attributes+" ", " "+a+" ") }
	return w.document(ref("role_attributes", name), map[string]any{"kind": "role", "name": name, "superuser": has("superuser"), "inherit": !has("noinherit"),
		"createRole": has("createrole"), "login": has("login"), "replication": has("replication"), "bypassRls": has("bypassrls")})
}

// member makes a role a member of another, with options such as "admin" or
// "noset noinherit"; before 16 none but admin is stated.
func (w *world) member(role, member, options string) *world {
	has := func(o string) bool { return strings.Contains(" "+options+" ", " "+o+" ") }
	o := retinue.Attrs{"admin": has("admin")}
	if !has("old") {
		o["inherit"], o["set"] = !has("noinherit"), !has("noset")
	}
	return w.add(retinue.Membership{Group: roleRef(role), Member: roleRef(member), Grantor: roleRef("postgres"), Options: o})
}

// object states an object: its kind, its key as in "app.public.t", its owner
// and its access list, of which "default" is the built-in one.
func (w *world) object(kind, key, owner string, acl ...string) *world {
	return w.objectWith(kind, key, owner, nil, acl...)
}

func (w *world) objectWith(kind, key, owner string, more map[string]any, acl ...string) *world {
	f := map[string]any{"kind": kind, "owner": owner, "acl": append([]string{}, acl...)}
	if len(acl) == 1 && acl[0] == "default" {
		f["acl"] = nil
	}
	path, args, isFunction := strings.Cut(key, "(")
	parts := strings.Split(path, ".")
	names := []string{"database", "schema", "name"}
	switch kind {
	case "schema", "language", "foreign_server":
		names = []string{"database", "name"}
	case "database", "parameter", "tablespace":
		names = []string{"name"}
	}
	if len(parts) != len(names) {
		w.t.Fatalf("%s %s: want %v", kind, key, names)
	}
	for i, n := range names {
		f[n] = parts[i]
	}
	if isFunction {
		f["args"] = strings.TrimSuffix(args, ")")
	}
	for k, v := range more {
		f[k] = v
	}
	return w.document(ref("acl", kind+":"+key), f)
}

// password states how a role's password is kept.
func (w *world) password(role, method string) *world {
	w.joins = append(w.joins, [2]retinue.Ref{ref("password", role), roleRef(role)})
	return w.add(retinue.Credential{Ref: ref("password", role), Kind: retinue.CredentialPassword, Subtype: method, Identity: roleRef(role), State: retinue.CredentialActive})
}

// mapping states a password for another server in a user mapping.
func (w *world) mapping(db, server, role string) retinue.Ref {
	cred := ref("user_mapping", db+"."+server+"."+role+"#option")
	w.add(retinue.Credential{Ref: cred, Kind: retinue.CredentialPassword})
	w.add(retinue.Placement{Credential: cred, Place: retinue.Place{Kind: retinue.PlaceDatabase, Realm: testRealm, Container: ref("database", db),
		Path: "user_mapping/" + server + "." + role}})
	return cred
}

func (w *world) engine() *pgacl.Engine {
	w.t.Helper()
	e, err := w.c.Engine(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// graph is the picture, with what other facts join.
func (w *world) graph() *graph.Graph {
	var b graph.Builder
	w.engine().Steps(&b)
	for _, j := range w.joins {
		b.Step(graph.Step{From: []graph.NodeID{b.Node(graph.Node{Ref: j[0]})}, To: b.Node(graph.Node{Ref: j[1]}), Verb: graph.ActsAs})
	}
	return b.Build()
}

// path names the techniques of a way; uncertain takes steps that are only
// possible.
func path(g *graph.Graph, from, to retinue.Ref, uncertain bool) ([]string, bool) {
	start, end := g.Find(from), g.Find(to)
	if start == graph.None || end == graph.None {
		return nil, false
	}
	came := map[graph.NodeID]graph.StepID{start: graph.None}
	for queue := []graph.NodeID{start}; len(queue) > 0; queue = queue[1:] {
		for _, id := range g.From(queue[0]) {
			s := g.Step(id)
			if _, seen := came[s.To]; !seen && (uncertain || !s.Possible()) {
				came[s.To] = id
				queue = append(queue, s.To)
			}
		}
	}
	if _, ok := came[end]; !ok {
		return nil, false
	}
	var names []string
	for at := end; came[at] != graph.None; at = g.Step(came[at]).From[0] {
		if s := g.Step(came[at]); s.Verb != graph.Contains {
			names = append([]string{s.Technique}, names...)
		}
	}
	return names, true
}
