package k8srbac_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/retinue-id/retinue/internal/access/k8srbac"
	"github.com/retinue-id/retinue/internal/testkit"
)

// TestLabelledCluster: the sample cluster has accounts that are named after the
// way in which they can bind more than they hold, and ones that end in "fail"
// because they nearly can.
func TestLabelledCluster(t *testing.T) {
	s := sampleState(t)
	w := newWorld(t, "v1.32.0").namespace("default", "")
	for _, r := range s.Roles {
		w.role(roleName(r.Namespace, r.Name), r.Rules...)
	}
	ways, misses := map[string]bool{}, map[string]bool{}
	for _, b := range s.Bindings {
		for _, subject := range b.Subjects {
			kind, name := "group", subject.Name
			switch subject.Kind {
			case k8srbac.ServiceAccount:
				kind, name = "service_account", subject.Namespace+"/"+subject.Name
			case k8srbac.User:
				kind = "user"
			}
			w.bind(roleName(b.Namespace, b.Name), roleName(b.RoleNamespace, b.RoleName), kind, name)
			switch {
			case !strings.HasPrefix(name, "default/") || name == "default/impersonate-sa":
				// The latter may impersonate users in a namespace, which is nothing: they lie in none.
			case strings.HasSuffix(name, "-fail"):
				misses[name] = true
			case strings.HasPrefix(name, "default/rolebind-") || strings.HasPrefix(name, "default/pod-"):
				ways[name] = true
			}
		}
	}
	samplePods(t, w)
	g := w.graph()
	reach := func(account string) ([]string, bool) {
		for _, admin := range g.Admins() {
			if way, ok := path(g, ref("service_account", account), g.Node(admin).Ref); ok {
				return way, true
			}
		}
		return nil, false
	}
	for account := range ways {
		if _, ok := reach(account); !ok {
			t.Errorf("%s has no way to an administrator", account)
		}
	}
	for account := range misses {
		if way, ok := reach(account); ok {
			t.Errorf("%s has a way: %v", account, way)
		}
	}
	if len(ways) < 9 || len(misses) < 3 {
		t.Errorf("%d ways and %d near misses", len(ways), len(misses))
	}
}

func roleName(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "/" + name
}

// samplePods states the bare pods of the sample.
func samplePods(t *testing.T, w *world) {
	text, err := os.ReadFile(testkit.Data(t, "access", "kubernetes", "cluster", "pods.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Items []struct {
			Metadata struct{ Namespace, Name string }
			Spec     struct{ ServiceAccountName string }
		}
	}
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	for _, p := range list.Items {
		w.workload("pod", p.Metadata.Namespace+"/"+p.Metadata.Name, p.Spec.ServiceAccountName, nil)
	}
}
