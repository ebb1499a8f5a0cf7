package k8srbac_test

import (
	"fmt"
	"testing"

	"github.com/retinue-id/retinue/internal/access/graph"
	"github.com/retinue-id/retinue/internal/access/k8srbac"
)

// large is a cluster of many namespaces, each with accounts, workloads, Secrets
// and bindings, and some that hold in the whole cluster.
func large(t testing.TB, namespaces int) *world {
	w := newWorld(t, "v1.36.3").role("edit", rule("apps", "deployments", "create", "patch"), rule("", "secrets", "get", "list"), rule("", "pods/exec", "create")).
		role("view", rule("", "pods", "get")).role("cluster-admin", k8srbac.Rule{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}},
		k8srbac.Rule{Verbs: []string{"*"}, NonResourceURLs: []string{"*"}}).
		role("binder", rule(rbacAPI, "clusterroles", "bind"), rule(rbacAPI, "rolebindings", "create"))
	for i := range namespaces {
		ns := fmt.Sprint("ns", i)
		w.namespace(ns, "")
		for j := range 20 {
			w.account(fmt.Sprint(ns, "/sa", j)).workload("deployment", fmt.Sprint(ns, "/d", j), fmt.Sprint("sa", j), nil).tokenSecret(fmt.Sprint(ns, "/t", j), fmt.Sprint("sa", j))
		}
		w.bind(ns+"/edit", "edit", "service_account", ns+"/sa0").bind(ns+"/view", "view", "group", "system:serviceaccounts:"+ns)
		if i%50 == 0 {
			w.bind(fmt.Sprint("op", i), "binder", "service_account", ns+"/sa1")
		}
	}
	return w
}

// TestStepsGrowWithWhatIsWritten: four times the cluster has four times the
// steps, though some accounts reach every namespace.
func TestStepsGrowWithWhatIsWritten(t *testing.T) {
	count := func(namespaces int) int {
		var b graph.Builder
		large(t, namespaces).engine().Steps(&b)
		return b.Build().Steps()
	}
	small, big := count(100), count(400)
	if big > 5*small {
		t.Errorf("%d steps of 100 namespaces, %d of 400", small, big)
	}
}

func BenchmarkSteps(b *testing.B) {
	e := large(b, 1000).engine()
	b.ReportAllocs()
	for b.Loop() {
		var g graph.Builder
		e.Steps(&g)
		g.Build()
	}
}

func BenchmarkWhoCan(b *testing.B) {
	e := large(b, 1000).engine()
	b.ReportAllocs()
	for b.Loop() {
		if len(e.WhoCan(testRealm, "get", "ns7/secrets")) == 0 {
			b.Fatal("nobody")
		}
	}
}
