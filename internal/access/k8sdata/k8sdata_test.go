package k8sdata

import (
	"strings"
	"testing"

	"github.com/retinue-id/retinue/internal/access/k8srbac"
)

func rulesOf(t *testing.T, d *Data, name string) []k8srbac.Rule {
	t.Helper()
	text, ok := d.Rules(name)
	if !ok {
		t.Fatalf("no role %s", name)
	}
	rules, err := k8srbac.ParseRules(text)
	if err != nil {
		t.Fatalf("role %s: %v", name, err)
	}
	return rules
}

// TestDefaultRoles reads every role, and holds those that users know against
// what the documentation says of them: view is less than edit, edit less than
// admin, and all less than cluster-admin.
func TestDefaultRoles(t *testing.T) {
	d, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(d.Version, "v1.") || len(d.Roles()) < 60 {
		t.Fatalf("version %q with %d roles", d.Version, len(d.Roles()))
	}
	for _, name := range d.Roles() {
		rulesOf(t, d, name)
	}
	chain := []string{"view", "edit", "admin", "cluster-admin"}
	for i, less := range chain[:len(chain)-1] {
		more := chain[i+1]
		if ok, missing, err := k8srbac.Covers(rulesOf(t, d, more), rulesOf(t, d, less)); err != nil || !ok {
			t.Errorf("%s lacks %v of %s, error %v", more, missing, less, err)
		}
		if ok, _, _ := k8srbac.Covers(rulesOf(t, d, less), rulesOf(t, d, more)); ok {
			t.Errorf("%s has all of %s", less, more)
		}
	}
	if _, ok := d.Rules("kube-system/system::leader-locking-kube-scheduler"); !ok {
		t.Error("no role of a namespace")
	}
	if _, ok := d.Rules("my-own"); ok {
		t.Error("a role that Kubernetes does not make")
	}
}
