package summary

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/testkit"
)

func TestOf(t *testing.T) {
	for _, tt := range []struct {
		language retinue.PolicyLanguage
		doc      string
		admin    bool
		err      error
	}{
		{retinue.LanguageAWSIAM, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, true, nil},
		{retinue.LanguageK8sRBAC, `[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]`, true, nil},
		{retinue.LanguagePostgreSQL, `{"kind":"role","superuser":true}`, true, nil},
		{retinue.LanguageAWSIAM, "", false, nil},
		{retinue.LanguageAWSIAM, "{", false, retinue.ErrInvalid},
		{retinue.LanguageSudoers, "x", false, retinue.ErrUnsupported},
	} {
		s, err := Of(tt.language, tt.doc)
		if s.Admin != tt.admin || !errors.Is(err, tt.err) {
			t.Errorf("%s %.20q: admin %t, error %v", tt.language, tt.doc, s.Admin, err)
		}
	}
}

// TestClusterRoles reads the roles of a cluster with the defaults of Kubernetes
// and well-known add-ons. What their manifests say is checked by hand.
func TestClusterRoles(t *testing.T) {
	data, err := os.ReadFile(testkit.Data(t, "access/kubernetes/cluster/clusterroles.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Rules    json.RawMessage
		}
	}
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	got := map[string]access.Summary{}
	for _, r := range list.Items {
		rules := string(r.Rules)
		if rules == "" {
			rules = "null"
		}
		s, err := Of(retinue.LanguageK8sRBAC, rules)
		if err != nil {
			t.Errorf("%s: %v", r.Metadata.Name, err)
		}
		got[r.Metadata.Name] = s
	}
	var admins []string
	for name, s := range got {
		if s.Admin {
			admins = append(admins, name)
		}
	}
	slices.Sort(admins)
	t.Logf("%d roles, administrators %v", len(got), admins)
	if !slices.Contains(admins, "cluster-admin") || slices.Contains(admins, "admin") || slices.Contains(admins, "view") {
		t.Errorf("administrators are %v", admins)
	}
	if v := got["system:aggregate-to-view"]; len(v.Services) == 0 || v.Writes || v.ReadsSecrets || v.Privileged() {
		t.Errorf("what view is made of is %+v", v)
	}
	if e := got["system:aggregate-to-edit"]; !e.ReadsSecrets || !slices.Contains(e.Escalates, "run commands in pods") || slices.Contains(e.Escalates, "bind any role") {
		t.Errorf("what edit is made of is %+v", e)
	}
	if c := got["system:controller:clusterrole-aggregation-controller"]; !slices.Contains(c.Escalates, "escalate roles") {
		t.Errorf("the aggregation controller is %+v", c)
	}
}
