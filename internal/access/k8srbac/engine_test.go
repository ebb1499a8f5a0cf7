package k8srbac_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
	"github.com/retinue-id/retinue/internal/access/k8srbac"
)

// drawnGrant is one role bound once.
type drawnGrant struct {
	rules         []k8srbac.Rule
	binding, kind string
	name          string
}

// drawGrants draws roles made of what techniques call for.
func drawGrants(t *rapid.T, n int) []drawnGrant {
	var calls []k8srbac.Call
	for _, technique := range k8srbac.Techniques() {
		calls = append(calls, technique.Calls...)
	}
	pick := rapid.Custom(func(t *rapid.T) k8srbac.Rule {
		c := rapid.SampledFrom(calls).Draw(t, "call")
		r := k8srbac.Rule{Verbs: c.Verbs[:1], APIGroups: []string{c.APIGroup}, Resources: []string{c.Resource}}
		if c.Subresource != "" {
			r.Resources[0] += "/" + c.Subresource
		}
		switch rapid.IntRange(0, 9).Draw(t, "wide") {
		case 0:
			r.Verbs = []string{"*"}
		case 1:
			r.Resources = []string{"*"}
		case 2:
			r.ResourceNames = []string{rapid.SampledFrom([]string{"api", "api-token", "db-0", "cluster-admin", "ops", "robot", "own"}).Draw(t, "name")}
		case 3:
			r.APIGroups, r.Resources, r.Verbs = []string{"*"}, []string{"*"}, []string{"*"}
		}
		if len(c.Names) > 0 {
			r.ResourceNames = c.Names[:1]
		}
		return r
	})
	out := make([]drawnGrant, n)
	for i := range out {
		who := rapid.SampledFrom([][2]string{{"service_account", "tester/bot"}, {"group", "system:serviceaccounts:tester"}, {"group", "system:serviceaccounts"},
			{"group", "system:authenticated"}, {"user", "jane"}, {"group", "ops"}, {"service_account", "pay/api"}}).Draw(t, "who")
		out[i] = drawnGrant{rules: rapid.SliceOfN(pick, 1, 4).Draw(t, "rules"), kind: who[0], name: who[1],
			binding: rapid.SampledFrom([]string{"", "pay/", "shop/", "free/"}).Draw(t, "in") + fmt.Sprint("drawn", i)}
	}
	return out
}

func worldWith(t testing.TB, grants []drawnGrant, without func(binding string) bool) *world {
	w := base(t)
	for i, g := range grants {
		w.role(fmt.Sprint("role", i), g.rules...)
		if without == nil || !without(g.binding) {
			w.bind(g.binding, fmt.Sprint("role", i), g.kind, g.name)
		}
	}
	return w
}

// subjects are those of every drawn state.
func subjects() []retinue.Ref {
	return []retinue.Ref{bot, api, masters, ops, robot, ref("user", "jane"), ref("service_account", "shop/web")}
}

func drawAsked(t *rapid.T) (string, string) {
	return rapid.SampledFrom([]string{"get", "create", "patch", "impersonate", "bind", "*"}).Draw(t, "verb"),
		rapid.SampledFrom([]string{"", "pay/secrets", "secrets", "pay/secrets:api-token", "pods/exec", "shop/pods/exec:db-0", "users:robot", "pay/deployments.apps",
			"clusterroles.rbac.authorization.k8s.io:cluster-admin", "/metrics", "*.*"}).Draw(t, "resource")
}

// TestWhoCanIsCan: the list is that of those for whom Can does not say no, in
// both directions.
func TestWhoCanIsCan(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		e := worldWith(t, drawGrants(r, 4), nil).engine()
		action, resource := drawAsked(r)
		var got []retinue.Ref
		for _, h := range e.WhoCan(testRealm, action, resource) {
			if d := e.Can(h.Subject, action, resource); d.Outcome != h.Decision.Outcome || len(d.Because) == 0 {
				r.Fatalf("%s: %+v and %+v", h.Name, d, h.Decision)
			}
			got = append(got, h.Subject)
		}
		for _, s := range append(subjects(), ref("group", "system:serviceaccounts:tester")) {
			d := e.Can(s, action, resource)
			if d.Outcome == access.Unknown {
				continue // not a subject of this state
			}
			if yes := d.Outcome != access.ImplicitlyDenied; yes != slices.Contains(got, s) {
				r.Fatalf("%s %s %s: %+v, the list says %v", s, action, resource, d, !yes)
			}
		}
	})
}

// TestBindingsOnlyAdd: one more binding takes no answer and no way away.
func TestBindingsOnlyAdd(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		grants := drawGrants(r, 3)
		last := grants[len(grants)-1].binding
		before := worldWith(t, grants, func(b string) bool { return b == last })
		after := worldWith(t, grants, nil)
		less, more := before.engine(), after.engine()
		action, resource := drawAsked(r)
		for _, s := range subjects() {
			was, is := less.Can(s, action, resource).Outcome, more.Can(s, action, resource).Outcome
			if was == access.Allowed && is != access.Allowed || was == access.Conditional && is == access.ImplicitlyDenied {
				r.Fatalf("%s %s %s: %s, then %s", s, action, resource, was, is)
			}
		}
		g1, g2 := before.graph(), after.graph()
		for _, to := range []retinue.Ref{api, masters, robot, ref("secret", "pay/api-token")} {
			if way, ok := path(g1, bot, to); ok {
				if _, still := path(g2, bot, to); !still {
					r.Fatalf("%v to %s is gone", way, to)
				}
			}
		}
	})
}

// TestStepsAreAllowed: of every step of the catalogue, each call is allowed to
// whom it starts from, where it leads to.
func TestStepsAreAllowed(t *testing.T) {
	catalogue := map[string]k8srbac.Technique{}
	for _, technique := range k8srbac.Techniques() {
		catalogue[technique.ID] = technique
	}
	seen := 0
	rapid.Check(t, func(r *rapid.T) {
		w := worldWith(t, drawGrants(r, 4), nil)
		e, g := w.engine(), w.graph()
		for i := range g.Steps() {
			s := g.Step(graph.StepID(i))
			technique, ok := catalogue[s.Technique]
			from, to := g.Node(s.From[0]), g.Node(s.To)
			if !ok || from.Kind == graph.Set {
				continue
			}
			for n, c := range technique.Calls {
				if !callAllowed(e, from.Ref, &c, n == 0, to.Ref, s.Through) {
					r.Fatalf("%s: %s to %s: %+v is not allowed", s.Technique, from.Ref, to.Ref, c)
				}
			}
			if len(s.Needs) < len(technique.Calls) || len(s.Because) == 0 {
				r.Fatalf("%s: %d needs for %d calls", s.Technique, len(s.Needs), len(technique.Calls))
			}
			seen++
		}
	})
	if seen < 100 {
		t.Errorf("only %d steps were looked at", seen)
	}
}

// callAllowed asks for a call in the namespace and on the name that a step is
// about.
func callAllowed(e *k8srbac.Engine, who retinue.Ref, c *k8srbac.Call, first bool, to retinue.Ref, through string) bool {
	resource := c.Resource
	if c.APIGroup != "" {
		resource += "." + c.APIGroup
	}
	if c.Subresource != "" {
		resource += "/" + c.Subresource
	}
	ns, name, _ := strings.Cut(to.Key, "/")
	if _, in, ok := strings.Cut(to.Key, " in namespace "); ok {
		ns = in
	}
	if c.Cluster || strings.HasPrefix(to.Key, "system:") || to.Key == "*" || strings.HasSuffix(to.Key, " in the whole cluster") {
		ns = "*"
	}
	if in, ok := strings.CutPrefix(through, "namespace "); ok && !c.Cluster {
		ns = in
	}
	if c.Namespace != "" {
		ns = c.Namespace
	}
	names := append([]string{"", name, to.Key, name + "-0"}, c.Names...)
	if _, role, ok := strings.Cut(through, " "); ok {
		names = append(names, role, role[strings.IndexByte(role, '/')+1:])
	}
	_, named, _ := strings.Cut(through, "/")
	names = append(names, named)
	verbs := c.Verbs
	if c.Resource == "rolebindings" || c.Resource == "clusterrolebindings" {
		verbs = []string{"create", "patch", "update"}
	}
	if !first && len(c.Names) == 0 && c.Resource != "roles" && c.Resource != "clusterroles" {
		names = []string{""}
	}
	for _, verb := range verbs {
		for _, n := range names {
			q := ns + "/" + resource
			if n != "" {
				q += ":" + n
			}
			if e.Can(who, verb, q).Outcome == access.Allowed {
				return true
			}
		}
	}
	return false
}

// TestNeedsAreNeeded: without the bindings that one need of a step names, the
// step is gone.
func TestNeedsAreNeeded(t *testing.T) {
	tried := 0
	rapid.Check(t, func(r *rapid.T) {
		grants := drawGrants(r, 3)
		g := worldWith(t, grants, nil).graph()
		for i := range g.Steps() {
			s := g.Step(graph.StepID(i))
			from, to := g.Node(s.From[0]).Ref, g.Node(s.To).Ref
			if g.Node(s.From[0]).Kind == graph.Set || s.Verb == graph.MemberOf {
				continue
			}
			for _, need := range s.Needs {
				gone := map[string]bool{}
				for _, id := range need {
					document := g.Grant(id).Reason.Document
					_, name, _ := strings.Cut(document, " ")
					gone[name] = true
				}
				if gone["admins"] || gone["robot"] {
					continue
				}
				less := worldWith(t, grants, func(b string) bool { return gone[b] }).graph()
				tried++
				if has(less, from, to, s.Technique) {
					r.Fatalf("%s from %s to %s stands without %v", s.Technique, from, to, gone)
				}
			}
		}
	})
	if tried < 100 {
		t.Errorf("only %d needs were tried", tried)
	}
}

func has(g *graph.Graph, from, to retinue.Ref, technique string) bool {
	start := g.Find(from)
	if start == graph.None {
		return false
	}
	return slices.ContainsFunc(g.From(start), func(id graph.StepID) bool {
		s := g.Step(id)
		return s.Technique == technique && g.Node(s.To).Ref == to
	})
}

// TestQuestions: how resources are written, and what is no question of the
// language.
func TestQuestions(t *testing.T) {
	w := base(t).grant("pay", rule("apps", "deployments/scale", "patch"), only(rule("", "secrets", "get"), "a:b"))
	e := w.engine()
	for _, c := range []struct {
		verb, resource string
		want           access.Outcome
	}{
		{"patch", "pay/deployments.apps/scale", access.Allowed},
		{"patch", "pay/deployments.apps/scale:web", access.Allowed},
		{"patch", "deployments.apps/scale", access.ImplicitlyDenied},
		{"patch", "*/deployments.apps/scale", access.ImplicitlyDenied},
		{"patch", "pay/deployments.apps", access.ImplicitlyDenied},
		{"get", "pay/secrets:a:b", access.Allowed},
		{"get", "pay/secrets", access.ImplicitlyDenied},
		{"get", "", access.Conditional},
		{"watch", "", access.ImplicitlyDenied},
		{"get", "/api", access.ImplicitlyDenied},
		{"fly", "pods", access.Unknown},
		{"get", "a/b/c/d", access.Unknown},
		{"get", "pods:", access.Unknown},
		{"get", "table x.y", access.Unknown},
	} {
		d := e.Can(bot, c.verb, c.resource)
		if d.Outcome != c.want || len(d.Because) == 0 {
			t.Errorf("%s %q: %+v, want %s", c.verb, c.resource, d, c.want)
		}
		if asks := e.Asks(c.verb, c.resource); asks != (c.want != access.Unknown) {
			t.Errorf("asks %s %q: %v", c.verb, c.resource, asks)
		}
	}
	d := e.Can(bot, "patch", "deployments.apps/scale")
	if !strings.Contains(d.Because[0].Text, "there is one in pay") {
		t.Errorf("%s", d.Because[0].Text)
	}
	if d := e.Can(bot, "patch", "pay/deployments.apps/scale"); len(d.Unread) != 1 {
		t.Errorf("admission is not named: %+v", d)
	}
	if d := e.Can(ref("service_account", "no/body"), "get", "pods"); d.Outcome != access.Unknown {
		t.Errorf("unknown account: %+v", d)
	}
	if d := e.Can(retinue.NewRef("kubernetes:other", "user", "x"), "get", "pods"); d.Outcome != access.Unknown {
		t.Errorf("unknown cluster: %+v", d)
	}
}

// TestUnreadRoles: a role that was not read makes a no unknown, of those to whom
// it is bound only.
func TestUnreadRoles(t *testing.T) {
	w := newWorld(t, "v1.36.3").namespace("n", "").account("n/a").account("n/b").bind("n/x", "hidden", "service_account", "n/a").role("other", rule("", "pods", "get"))
	e, err := w.c.Engine(map[retinue.Realm][]string{testRealm: {"ClusterRoles could not be listed"}})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]access.Outcome{"n/a": access.Unknown, "n/b": access.ImplicitlyDenied} {
		if d := e.Can(ref("service_account", key), "get", "n/pods"); d.Outcome != want {
			t.Errorf("%s: %+v", key, d)
		}
	}
	if d := e.Can(ref("service_account", "n/a"), "get", "m/pods"); d.Outcome != access.ImplicitlyDenied {
		t.Errorf("in another namespace: %+v", d)
	}
	if known := e.Realms(); len(known) != 1 || len(known[0].Gaps) != 1 {
		t.Errorf("%+v", known)
	}
}

// TestHeld: what is held is said by what follows from it, the worst first.
func TestHeld(t *testing.T) {
	w := base(t).grant("pay", rule("", "secrets", "get", "list", "delete"), rule("", "pods/exec", "create"), rule("apps", "deployments", "get"), rule("", "configmaps", "get"),
		rule("", "services", "create"))
	e := w.engine()
	held := e.Held(bot)
	var got []string
	for _, h := range held {
		got = append(got, string(h.Consequence)+": "+h.Sentence)
		if h.Outcome != access.Allowed || len(h.Because) != 1 || len(h.Actions) == 0 || h.Within != "namespace pay" || len(h.Resources) == 0 {
			t.Errorf("%+v", h)
		}
	}
	want := []string{
		"escalates: runs commands in running pods of namespace pay, which run as pay/api",
		"reads_secrets: reads every Secret of namespace pay, with tokens of pay/api",
		"exposes_resources: creates services in namespace pay",
		"destroys: deletes secrets in namespace pay",
		"reads_data: reads configmaps in namespace pay",
		"looks: reads deployments in namespace pay",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if h := e.Held(ref("user", "jane")); len(h) == 0 || h[0].Consequence != access.Administers || !strings.Contains(h[0].Because[0].Text, "as a member of ops") {
		t.Errorf("%+v", h)
	}
	if h := e.Held(masters); len(h) != 1 || h[0].Consequence != access.Administers {
		t.Errorf("%+v", h)
	}
}

// FuzzQuestion: what is no question is refused by both, and what is answered
// says why.
func FuzzQuestion(f *testing.F) {
	for _, q := range [][2]string{{"get", "pay/secrets:a"}, {"create", "*/pods/exec"}, {"*", "*.*"}, {"get", "/api"}, {"bind", "a/b/c:d:e"}, {"get", ""}} {
		f.Add(q[0], q[1])
	}
	e := base(f).grant("pay", rule("", "secrets", "get")).engine()
	f.Fuzz(func(t *testing.T, action, resource string) {
		d := e.Can(bot, action, resource)
		if asks := e.Asks(action, resource); len(d.Because) == 0 || asks == (d.Outcome == access.Unknown) {
			t.Fatalf("%v and %+v", asks, d)
		}
		if got := len(e.WhoCan("", action, resource)); (got > 0) != (d.Outcome != access.Unknown) {
			t.Fatalf("%d holders, and %+v", got, d) // system:masters may do everything that can be asked
		}
	})
}
