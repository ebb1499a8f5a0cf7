package kubernetes

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/retinue-id/retinue"
)

// factsOf reads objects, one JSON text each, as an export of a cluster "u".
func factsOf(t *testing.T, objects ...string) func(ft retinue.FactType, key string) []retinue.Fact {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.json")
	text := `{"kind":"List","items":[`
	for i, o := range objects {
		if i > 0 {
			text += ","
		}
		text += o
	}
	writeFile(t, path, text+`]}`)
	r := discoverExport(t, path, map[string]string{"cluster-uid": "u"})
	for s, p := range r.Problems {
		t.Errorf("scope %s: %v", s, p)
	}
	return func(ft retinue.FactType, key string) []retinue.Fact { return find(r, ft, key) }
}

func TestClassifyUser(t *testing.T) {
	for name, want := range map[string]struct {
		class   retinue.Class
		managed retinue.Management
	}{
		"system:kube-scheduler":                           {retinue.ClassNonHuman, retinue.ManagedByProvider},
		"system:node:worker-1":                            {retinue.ClassNonHuman, retinue.ManagedByProvider},
		"eks:node-manager":                                {retinue.ClassNonHuman, retinue.ManagedByProvider},
		"ann@example.com":                                 {retinue.ClassPerson, ""},
		"oidc:ann@example.com":                            {retinue.ClassPerson, ""},
		"robot@project.iam.gserviceaccount.com":           {retinue.ClassNonHuman, ""},
		"arn:aws:sts::111122223333:assumed-role/ops/ann@": {retinue.ClassUnclear, ""},
		"kubernetes-admin":                                {retinue.ClassUnclear, ""},
	} {
		class, reason, managed := classifyUser(name)
		if class != want.class || managed != want.managed || reason == "" {
			t.Errorf("%s: %s, managed %q, %q; want %s, %q and a reason", name, class, managed, reason, want.class, want.managed)
		}
	}
}

func TestSubjects(t *testing.T) {
	get := factsOf(t, `{"kind":"RoleBinding","metadata":{"name":"b","namespace":"pay"},"roleRef":{"kind":"ClusterRole","name":"view"},"subjects":[
		{"kind":"ServiceAccount","name":"here"},{"kind":"ServiceAccount","name":"there","namespace":"shop"},
		{"kind":"User","name":"system:serviceaccount:shop:there"},{"kind":"Group","name":"system:serviceaccounts:shop"},{"kind":"Robot","name":"x"}]}`,
		`{"kind":"ClusterRoleBinding","metadata":{"name":"cb"},"roleRef":{"kind":"ClusterRole","name":"view"},"subjects":[{"kind":"ServiceAccount","name":"nobody"}]}`)
	var got []string
	for _, f := range get(retinue.FactAttachment, "") {
		a := f.(retinue.Attachment)
		if a.Within.Key != "pay" || a.Via.Key != "pay/b" || a.Policy.Kind != "cluster_role" {
			t.Errorf("attachment: %+v", a)
		}
		got = append(got, a.Target.Kind+" "+a.Target.Key)
	}
	if want := []string{"service_account pay/here", "service_account shop/there", "group system:serviceaccounts:shop"}; !slices.Equal(got, want) {
		t.Errorf("targets %v, want %v", got, want)
	}
	if g := get(retinue.FactGroup, "serviceaccounts:shop"); len(g) != 1 || g[0].(retinue.Group).Container.Key != "shop" {
		t.Errorf("group: %+v", g)
	}
}

func TestCloudTrusts(t *testing.T) {
	account := func(name, annotation, value string) string {
		return `{"kind":"ServiceAccount","metadata":{"name":"` + name + `","namespace":"pay","annotations":{` + annotation + `:` + value + `}}}`
	}
	get := factsOf(t,
		account("a", `"eks.amazonaws.com/role-arn"`, `"arn:aws-cn:iam::111122223333:role/path/r"`),
		account("b", `"eks.amazonaws.com/role-arn"`, `"no arn"`),
		account("c", `"iam.gke.io/gcp-service-account"`, `"robot@project.iam.gserviceaccount.com"`),
		account("d", `"azure.workload.identity/client-id"`, `"ABC","azure.workload.identity/tenant-id":"TEN"`),
		account("e", `"azure.workload.identity/client-id"`, `"ABC"`))
	want := map[string]string{
		"pay/a": "aws:111122223333/role/arn:aws-cn:iam::111122223333:role/path/r",
		"pay/b": "kubernetes:u/aws_role/no arn",
		"pay/c": "gcp:project/service_account/robot@project.iam.gserviceaccount.com",
		"pay/d": "azure:ten/client/abc",
		"pay/e": "kubernetes:u/azure_client/abc",
	}
	got := get(retinue.FactTrust, "")
	if len(got) != len(want) {
		t.Errorf("%d trusts, want %d", len(got), len(want))
	}
	for _, f := range got {
		trust := f.(retinue.Trust)
		if trust.Subject.String() != want[trust.Trustee.Key] || trust.Federation.Subject != "system:serviceaccount:pay:"+trust.Trustee.Key[len("pay/"):] {
			t.Errorf("account %s: %+v, want subject %s", trust.Trustee.Key, trust, want[trust.Trustee.Key])
		}
	}
}

func TestAutomount(t *testing.T) {
	pod := func(name, account, automount string) string {
		return `{"kind":"Pod","metadata":{"name":"` + name + `","namespace":"pay"},"spec":{"serviceAccountName":"` + account + `"` + automount + `,"containers":[]}}`
	}
	get := factsOf(t, `{"kind":"ServiceAccount","metadata":{"name":"off","namespace":"pay"},"automountServiceAccountToken":false}`,
		`{"kind":"ServiceAccount","metadata":{"name":"plain","namespace":"pay"}}`,
		pod("p1", "off", ""), pod("p2", "off", `,"automountServiceAccountToken":true`), pod("p3", "plain", ""), pod("p4", "", ""),
		pod("p5", "plain", `,"automountServiceAccountToken":false`))
	for name, want := range map[string]struct {
		on        bool
		from, as  string
		isDefault any
	}{
		"p1": {false, "service account", "pay/off", nil}, "p2": {true, "pod", "pay/off", nil}, "p3": {true, "default", "pay/plain", nil},
		"p4": {true, "default", "pay/default", true}, "p5": {false, "pod", "pay/plain", nil},
	} {
		r := get(retinue.FactResource, "/pod/pay/"+name)[0].(retinue.Resource)
		if r.Attrs["automount"] != want.on || r.Attrs["automountFrom"] != want.from || r.RunsAs[0].Key != want.as || r.Attrs["defaultServiceAccount"] != want.isDefault {
			t.Errorf("%s: runs as %s, %v", name, r.RunsAs[0].Key, r.Attrs)
		}
	}
}

// TestControllers: what is controlled stands for its controller where that is
// not listed, and is left to it where it is.
func TestControllers(t *testing.T) {
	owned := func(name, labels, kind, owner string) string {
		return `{"kind":"Pod","metadata":{"name":"` + name + `","namespace":"pay","labels":{` + labels + `},"ownerReferences":[{"kind":"` + kind + `","name":"` + owner + `","controller":true}]},"spec":{"containers":[]}}`
	}
	get := factsOf(t,
		owned("a-1-x", `"pod-template-hash":"1"`, "ReplicaSet", "a-1"), owned("a-1-y", `"pod-template-hash":"1"`, "ReplicaSet", "a-1"),
		owned("b-2-x", `"rollouts-pod-template-hash":"2"`, "ReplicaSet", "b-2"), owned("c-x", "", "ReplicaSet", "c"),
		owned("d-0", "", "StatefulSet", "d"), owned("kube-proxy-node", "", "Node", "node"), owned("run-x", "", "TaskRun", "run"),
		`{"kind":"StatefulSet","metadata":{"name":"d","namespace":"pay","ownerReferences":[{"kind":"Prometheus","name":"p","controller":true}]},"spec":{"template":{"spec":{"containers":[]}}}}`)
	var got []string
	for _, f := range get(retinue.FactResource, "") {
		r := f.(retinue.Resource)
		got = append(got, r.Ref.Kind+" "+r.Ref.Key)
	}
	slices.Sort(got)
	want := []string{"deployment pay/a", "pod pay/kube-proxy-node", "replica_set pay/c", "rollout pay/b", "stateful_set pay/d", "task_run pay/run"}
	if !slices.Equal(got, want) {
		t.Errorf("workloads %v, want %v", got, want)
	}
}

func TestSecretReferences(t *testing.T) {
	get := factsOf(t, `{"kind":"Deployment","metadata":{"name":"web","namespace":"pay"},"spec":{"template":{"spec":{"serviceAccountName":"api",
		"imagePullSecrets":[{"name":"pull"}],
		"initContainers":[{"envFrom":[{"secretRef":{"name":"all"}}]}],
		"containers":[{"env":[{"name":"A","valueFrom":{"secretKeyRef":{"name":"db","key":"password"}}},{"name":"B","value":"literal"}]}],
		"volumes":[{"secret":{"secretName":"db","items":[{"key":"password","path":"p"}]}},{"secret":{"secretName":"api-token-x7k2p"}},
			{"projected":{"sources":[{"secret":{"name":"tls"}},{"serviceAccountToken":{"audience":"vault"}}]}},{"csi":{"nodePublishSecretRef":{"name":"csi"}}}]}}}}`)
	got := map[string]string{}
	for _, f := range get(retinue.FactPlacement, "") {
		p := f.(retinue.Placement)
		if !p.Reference || p.Consumer.Key != "pay/web" || p.Place.Container.Key != "pay" || p.Credential.Key != "pay/"+p.Place.Path {
			t.Errorf("placement: %+v", p)
		}
		how := p.Attrs["readBy"].([]string)
		got[p.Place.Path+"#"+p.Place.Field] = how[0]
		if len(how) > 1 {
			got[p.Place.Path+"#"+p.Place.Field] += "," + how[1]
		}
	}
	want := map[string]string{"db#password": "environment,volume", "all#": "environment", "pull#": "image pull", "tls#": "volume", "csi#": "csi driver", "api-token-x7k2p#": "volume"}
	if len(got) != len(want) {
		t.Errorf("placements %v, want %v", got, want)
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s is read by %q, want %q", k, got[k], v)
		}
	}
	token := get(retinue.FactCredential, "pay/api-token-x7k2p")[0].(retinue.Credential)
	if token.Kind != retinue.CredentialServiceToken || token.Identity.Key != "pay/api" {
		t.Errorf("mounted legacy token: %+v", token)
	}
	web := get(retinue.FactResource, "deployment/pay/web")[0].(retinue.Resource)
	if a, _ := web.Attrs["tokenAudiences"].([]string); !slices.Equal(a, []string{"vault"}) {
		t.Errorf("audiences: %v", web.Attrs)
	}
}

func TestLegacyTokens(t *testing.T) {
	secret := func(name, labels string) string {
		return `{"kind":"Secret","type":"kubernetes.io/service-account-token","metadata":{"name":"` + name + `","namespace":"pay","labels":{` + labels + `},"annotations":{"kubernetes.io/service-account.name":"api"}}}`
	}
	get := factsOf(t, secret("used", `"kubernetes.io/legacy-token-last-used":"2026-10-01"`),
		secret("dead", `"kubernetes.io/legacy-token-last-used":"2024-10-01","kubernetes.io/legacy-token-invalid-since":"2025-10-01","team":"pay"`), secret("new", ""),
		`{"kind":"Secret","type":"helm.sh/release.v1","metadata":{"name":"release","namespace":"pay"}}`)
	for name, want := range map[string]retinue.CredentialState{"used": retinue.CredentialActive, "dead": retinue.CredentialInactive, "new": retinue.CredentialActive} {
		c := get(retinue.FactCredential, "secret/pay/"+name)[0].(retinue.Credential)
		if c.State != want || !c.NeverExpires || c.Identity.Key != "pay/api" || c.Kind != retinue.CredentialServiceToken {
			t.Errorf("%s: %+v", name, c)
		}
		for label := range c.Labels {
			if label != "team" {
				t.Errorf("%s: label %s moves by itself and is part of the fact", name, label)
			}
		}
	}
	if n := len(get(retinue.FactUse, "")); n != 2 {
		t.Errorf("%d uses, want 2", n)
	}
	if len(get(retinue.FactCredential, "release")) > 0 {
		t.Error("the record of a Helm release is stated as a credential")
	}
}

func TestSnake(t *testing.T) {
	for in, want := range map[string]string{"Deployment": "deployment", "TaskRun": "task_run", "StatefulSet": "stateful_set", "APIService": "apiservice", "": "workload", "9": "workload", "Ünder": "nder", "X": "x"} {
		if got := snake(in); got != want {
			t.Errorf("snake(%q) = %q, want %q", in, got, want)
		}
	}
}
