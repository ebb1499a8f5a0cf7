package k8srbac_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/graph"
	"github.com/retinue-id/retinue/internal/access/k8srbac"
)

const testRealm = retinue.Realm("kubernetes:11111111-2222-3333-4444-555555555555")

func ref(kind, key string) retinue.Ref { return retinue.NewRef(testRealm, kind, key) }

// world collects facts as the connector states them.
type world struct {
	t       testing.TB
	c       k8srbac.Collector
	version string
	// joins are the steps that are put in from the facts of all systems.
	joins [][2]retinue.Ref
}

func newWorld(t testing.TB, version string) *world {
	return &world{t: t, version: version}
}

func (w *world) add(f retinue.Fact) *world {
	w.t.Helper()
	if err := w.c.Add(f); err != nil {
		w.t.Fatal(err)
	}
	return w
}

// namespace states a namespace with its account default, and what Pod Security
// is told of it.
func (w *world) namespace(name, enforce string) *world {
	var labels map[string]string
	if enforce != "" {
		labels = map[string]string{"pod-security.kubernetes.io/enforce": enforce}
	}
	return w.add(retinue.Container{Ref: ref("namespace", name), Kind: retinue.ContainerNamespace, Labels: labels}).account(name + "/default")
}

func (w *world) account(key string) *world {
	ns, _, _ := strings.Cut(key, "/")
	for _, g := range []string{"system:serviceaccounts:" + ns, "system:serviceaccounts", "system:authenticated"} {
		w.add(retinue.Group{Ref: ref("group", g)})
	}
	return w.add(retinue.Identity{Ref: ref("service_account", key), Kind: retinue.IdentityServiceAccount})
}

func (w *world) user(name string, groups ...string) *world {
	w.add(retinue.Identity{Ref: ref("user", name), Kind: retinue.IdentityUser})
	for _, g := range groups {
		w.add(retinue.Membership{Group: ref("group", g), Member: ref("user", name)})
	}
	return w
}

func refOfRole(name string) retinue.Ref {
	if strings.Contains(name, "/") {
		return ref("role", name)
	}
	return ref("cluster_role", name)
}

func (w *world) role(name string, rules ...k8srbac.Rule) *world {
	return w.roleOf(name, "", rules...)
}

func (w *world) roleOf(name, aggregation string, rules ...k8srbac.Rule) *world {
	text, err := json.Marshal(rules)
	if err != nil {
		w.t.Fatal(err)
	}
	p := retinue.Policy{Ref: refOfRole(name), Language: retinue.LanguageK8sRBAC, Document: string(text)}
	if aggregation != "" {
		p.Attrs = retinue.Attrs{"aggregationRule": aggregation}
	}
	return w.add(p)
}

// bind binds a role to a subject, in a namespace where the binding's name has
// one.
func (w *world) bind(binding, role, kind, name string) *world {
	a := retinue.Attachment{Policy: refOfRole(role), Target: ref(kind, name), Role: retinue.AttachIdentity, Via: ref("cluster_role_binding", binding)}
	if kind == "group" {
		a.Role = retinue.AttachGroup
	}
	if ns, _, ok := strings.Cut(binding, "/"); ok {
		a.Within, a.Via = ref("namespace", ns), ref("role_binding", binding)
	}
	return w.add(a)
}

// grant gives the account tester/bot a role of its own with rules, in a
// namespace or the cluster.
func (w *world) grant(namespace string, rules ...k8srbac.Rule) *world {
	name := "granted-" + namespace
	binding := name
	if namespace != "" {
		binding = namespace + "/" + name
	}
	return w.role(name, rules...).bind(binding, name, "service_account", "tester/bot")
}

func (w *world) workload(kind, key, account string, attrs retinue.Attrs) *world {
	ns, _, _ := strings.Cut(key, "/")
	if attrs == nil {
		attrs = retinue.Attrs{}
	}
	if _, said := attrs["automount"]; !said {
		attrs["automount"] = true
	}
	as := ref("service_account", ns+"/"+account)
	if attrs["automount"] == true {
		w.joins = append(w.joins, [2]retinue.Ref{ref(kind, key), as})
	}
	return w.add(retinue.Resource{Ref: ref(kind, key), Kind: kind, RunsAs: []retinue.Ref{as}, Attrs: attrs})
}

func (w *world) tokenSecret(key, account string) *world {
	ns, _, _ := strings.Cut(key, "/")
	as := ref("service_account", ns+"/"+account)
	w.joins = append(w.joins, [2]retinue.Ref{ref("secret", key), as})
	return w.add(retinue.Credential{Ref: ref("secret", key), Kind: retinue.CredentialServiceToken, Identity: as, State: retinue.CredentialActive, Subtype: "kubernetes.io/service-account-token"})
}

func (w *world) engine() *k8srbac.Engine {
	w.t.Helper()
	w.add(retinue.Container{Ref: ref("cluster", testRealm.ID()), Kind: retinue.ContainerCluster, Attrs: retinue.Attrs{"version": w.version}})
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

// path names the techniques of a path that is certain, or says that there is
// none.
func path(g *graph.Graph, from, to retinue.Ref) ([]string, bool) { return pathOf(g, from, to, false) }

// possible is path with steps that are not certain.
func possible(g *graph.Graph, from, to retinue.Ref) ([]string, bool) {
	return pathOf(g, from, to, true)
}

func pathOf(g *graph.Graph, from, to retinue.Ref, uncertain bool) ([]string, bool) {
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
