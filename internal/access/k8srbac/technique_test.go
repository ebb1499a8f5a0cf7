package k8srbac_test

import (
	"slices"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/graph"
	"github.com/retinue-id/retinue/internal/access/k8srbac"
)

func rule(group, resource string, verbs ...string) k8srbac.Rule {
	return k8srbac.Rule{Verbs: verbs, APIGroups: []string{group}, Resources: []string{resource}}
}

func only(r k8srbac.Rule, names ...string) k8srbac.Rule {
	r.ResourceNames = names
	return r
}

const (
	rbacAPI  = "rbac.authorization.k8s.io"
	certAPI  = "certificates.k8s.io"
	admitAPI = "admissionregistration.k8s.io"
	signer   = "kubernetes.io/kube-apiserver-client"
)

// base is a cluster with something to gain in namespace pay, where Pod Security
// asks for restricted pods, and in free, where it asks for nothing.
func base(t testing.TB) *world {
	all := k8srbac.Rule{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}
	w := newWorld(t, "v1.36.3").namespace("tester", "restricted").namespace("pay", "restricted").namespace("shop", "restricted").namespace("free", "").namespace("kube-system", "").
		account("tester/bot").account("pay/api").account("shop/web").account("free/job").
		workload("deployment", "pay/api", "api", nil).workload("stateful_set", "shop/db", "web", nil).
		tokenSecret("pay/api-token", "api").
		role("cluster-admin", all, k8srbac.Rule{Verbs: []string{"*"}, NonResourceURLs: []string{"*"}}).
		role("view", rule("", "pods", "get", "list")).
		role("pay/own", rule("", "secrets", "get")).
		bind("admins", "cluster-admin", "group", "ops").
		bind("robot", "cluster-admin", "user", "robot").user("jane", "ops").user("robot")
	return w
}

var (
	bot     = ref("service_account", "tester/bot")
	api     = ref("service_account", "pay/api")
	masters = ref("group", "system:masters")
	ops     = ref("group", "ops")
	robot   = ref("user", "robot")
)

// techniqueCase is one use of a technique: with rules in a namespace or the
// cluster, the bot comes to the target or does not.
type techniqueCase struct {
	name      string
	namespace string
	rules     []k8srbac.Rule
	more      func(*world)
	to        retinue.Ref
	want      string // technique of the first step; empty: no way
	possible  bool   // the way is not certain
}

// TestTechniques has a case that fires and a near miss for every technique.
func TestTechniques(t *testing.T) {
	var cases []techniqueCase
	for _, list := range [][]techniqueCase{podCases(), workloadCases(), credentialCases(), rightsCases(), clusterCases()} {
		cases = append(cases, list...)
	}
	fired, missed := map[string]bool{}, 0
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := base(t)
			if c.more != nil {
				c.more(w)
			}
			g := w.grant(c.namespace, c.rules...).graph()
			way, ok := path(g, bot, c.to)
			if c.possible {
				if ok {
					t.Fatalf("%v is certain", way)
				}
				way, ok = possible(g, bot, c.to)
			}
			switch {
			case c.want == "" && !ok:
				missed++
			case c.want == "":
				t.Errorf("there is a way: %v", way)
			case !ok || len(way) == 0 || way[0] != c.want:
				t.Errorf("%v, want %s", way, c.want)
			default:
				fired[c.want] = true
			}
		})
	}
	for _, technique := range k8srbac.Techniques() {
		if !fired[technique.ID] {
			t.Errorf("no case fires %s", technique.ID)
		}
		if technique.Source == "" || technique.Title == "" || len(technique.Calls) == 0 {
			t.Errorf("%s has no source, title or calls", technique.ID)
		}
	}
	if missed < len(k8srbac.Techniques()) {
		t.Errorf("only %d near misses for %d techniques", missed, len(k8srbac.Techniques()))
	}
}

func podCases() []techniqueCase {
	old := func(w *world) {
		w.version = "v1.34.4"
	}
	noToken := func(w *world) { w.workload("deployment", "shop/plain", "web", retinue.Attrs{"automount": false}) }
	return []techniqueCase{
		{"exec", "pay", []k8srbac.Rule{rule("", "pods/exec", "create")}, nil, api, "pods/exec", false},
		{"exec by every subresource", "pay", []k8srbac.Rule{rule("", "*/exec", "*")}, nil, api, "pods/exec", false},
		{"exec in the whole cluster", "", []k8srbac.Rule{rule("", "pods/exec", "create")}, nil, api, "pods/exec", false},
		{"exec in another namespace", "shop", []k8srbac.Rule{rule("", "pods/exec", "create")}, nil, api, "", false},
		{"reading pods is not exec", "pay", []k8srbac.Rule{rule("", "pods", "get", "list"), rule("", "pods/log", "get")}, nil, api, "", false},
		{"exec into a pod without a token", "free", []k8srbac.Rule{rule("", "pods/exec", "create")},
			func(w *world) { w.workload("pod", "free/p", "job", retinue.Attrs{"automount": false}) }, ref("service_account", "free/job"), "", false},
		{"exec into what is suspended", "free", []k8srbac.Rule{rule("", "pods/exec", "create")},
			func(w *world) { w.workload("cron_job", "free/p", "job", retinue.Attrs{"suspended": true}) }, ref("service_account", "free/job"), "", false},
		{"exec into a named pod", "shop", []k8srbac.Rule{only(rule("", "pods/exec", "create"), "db-0")}, noToken, ref("service_account", "shop/web"), "pods/exec", false},
		{"exec into another name", "shop", []k8srbac.Rule{only(rule("", "pods/exec", "create"), "db-x", "plain")}, noToken, ref("service_account", "shop/web"), "", false},
		{"exec by get on an old server", "pay", []k8srbac.Rule{rule("", "pods/exec", "get")}, old, api, "pods/exec by get", false},
		{"exec by get on a new server", "pay", []k8srbac.Rule{rule("", "pods/exec", "get")}, nil, api, "", false},
		{"attach", "pay", []k8srbac.Rule{rule("", "pods/attach", "create")}, nil, api, "pods/attach", true},
		{"portforward gives no account", "pay", []k8srbac.Rule{rule("", "pods/portforward", "create")}, nil, api, "", false},
		{"ephemeral containers", "pay", []k8srbac.Rule{rule("", "pods/ephemeralcontainers", "patch")}, nil, api, "pods/ephemeralcontainers", false},
		{"looking at ephemeral containers", "pay", []k8srbac.Rule{rule("", "pods/ephemeralcontainers", "get")}, nil, api, "", false},
		{"patch pods", "pay", []k8srbac.Rule{rule("", "pods", "patch")}, nil, api, "patch pods", false},
		{"patch the status of pods", "pay", []k8srbac.Rule{rule("", "pods/status", "patch")}, nil, api, "", false},
		{"nodes/proxy", "", []k8srbac.Rule{rule("", "nodes/proxy", "create")}, nil, api, "nodes/proxy", false},
		{"nodes/proxy in a namespace is nothing", "pay", []k8srbac.Rule{rule("", "nodes/proxy", "create")}, nil, api, "", false},
		{"nodes/proxy by get", "", []k8srbac.Rule{rule("", "nodes/proxy", "get")}, nil, api, "nodes/proxy by get", true},
		{"looking at nodes", "", []k8srbac.Rule{rule("", "nodes", "get", "list"), rule("", "nodes/stats", "get")}, nil, api, "", false},
	}
}

func workloadCases() []techniqueCase {
	controlPlane := func(w *world) {
		w.workload("pod", "kube-system/kube-apiserver-cp1", "default", retinue.Attrs{"static": true, "automount": false})
	}
	var out []techniqueCase
	for _, r := range [][3]string{{"", "pods", ""}, {"", "replicationcontrollers", ""}, {"apps", "deployments", "deployment"}, {"apps", "daemonsets", "daemon_set"},
		{"apps", "statefulsets", "stateful_set"}, {"apps", "replicasets", "deployment"}, {"batch", "jobs", ""}, {"batch", "cronjobs", "cron_job"}} {
		one := func(verb string) []k8srbac.Rule { return []k8srbac.Rule{rule(r[0], r[1], verb)} }
		out = append(out, techniqueCase{"create " + r[1], "pay", one("create"), nil, api, "create " + r[1], false},
			techniqueCase{"create " + r[1] + " elsewhere", "shop", one("create"), nil, api, "", false},
			techniqueCase{"create " + r[1] + " of another group", "pay", []k8srbac.Rule{rule("other.example", r[1], "create")}, nil, api, "", false},
			techniqueCase{"delete " + r[1], "pay", one("delete"), nil, api, "", false})
		if r[2] == "" {
			continue
		}
		there := func(w *world) { w.workload(r[2], "free/there", "default", nil) }
		out = append(out, techniqueCase{"patch " + r[1], "free", one("patch"), there, ref("service_account", "free/job"), "patch " + r[1], false},
			techniqueCase{"patch " + r[1] + " that are not there", "free", one("patch"), nil, ref("service_account", "free/job"), "", false})
	}
	label := k8srbac.Rule{Verbs: []string{"patch"}, APIGroups: []string{""}, Resources: []string{"namespaces"}}
	pods, pvc, pv := rule("", "pods", "create"), rule("", "persistentvolumeclaims", "create"), rule("", "persistentvolumes", "create")
	return append(out,
		techniqueCase{"pods read the Secrets of their namespace", "pay", []k8srbac.Rule{pods}, nil, ref("secret", "pay/api-token"), "create pods", false},
		techniqueCase{"pods onto the node", "free", []k8srbac.Rule{pods}, nil, api, "create pods", false},
		techniqueCase{"pods onto the node of the control plane", "free", []k8srbac.Rule{pods}, controlPlane, masters, "create pods", false},
		techniqueCase{"pods onto a node without the control plane", "free", []k8srbac.Rule{pods}, nil, masters, "", false},
		techniqueCase{"Pod Security keeps pods from the node", "shop", []k8srbac.Rule{pods}, controlPlane, masters, "", false},
		techniqueCase{"whose label can be changed", "shop", []k8srbac.Rule{pods, only(label, "shop")}, controlPlane, masters, "create pods after patch namespaces", false},
		techniqueCase{"of another namespace", "shop", []k8srbac.Rule{pods, only(label, "pay")}, controlPlane, masters, "", false},
		techniqueCase{"persistent volumes", "", []k8srbac.Rule{pv}, func(w *world) {
			controlPlane(w)
			w.namespace("lax", "baseline").role("mounter", pvc, pods).bind("lax/m", "mounter", "service_account", "tester/bot")
		}, masters, "create persistentvolumes", false},
		techniqueCase{"persistent volumes in a restricted namespace", "", []k8srbac.Rule{pv}, func(w *world) {
			controlPlane(w)
			w.role("mounter", pvc, pods).bind("shop/m", "mounter", "service_account", "tester/bot")
		}, masters, "", false},
		techniqueCase{"persistent volumes without claims", "", []k8srbac.Rule{pv}, func(w *world) {
			controlPlane(w)
			w.namespace("lax", "baseline").role("mounter", pods).bind("lax/m", "mounter", "service_account", "tester/bot")
		}, masters, "", false})
}

func credentialCases() []techniqueCase {
	csr := func(names ...string) []k8srbac.Rule {
		return []k8srbac.Rule{rule(certAPI, "certificatesigningrequests", "create"), rule(certAPI, "certificatesigningrequests/approval", "update"),
			only(rule(certAPI, "signers", "approve"), names...)}
	}
	alone := func(w *world) {
		w.role("tokens", rule("", "serviceaccounts/token", "create")).bind("pay/tokens", "tokens", "user", "eve").user("eve", "ops")
	}
	return []techniqueCase{
		{"get secrets", "pay", []k8srbac.Rule{rule("", "secrets", "get")}, nil, api, "read secrets", false},
		{"list secrets", "pay", []k8srbac.Rule{rule("", "secrets", "list")}, nil, api, "read secrets", false},
		{"get the Secret by name", "pay", []k8srbac.Rule{only(rule("", "secrets", "get"), "api-token")}, nil, api, "read secrets", false},
		{"get another Secret", "pay", []k8srbac.Rule{only(rule("", "secrets", "get"), "other")}, nil, api, "", false},
		{"change secrets", "pay", []k8srbac.Rule{rule("", "secrets", "update", "delete")}, nil, api, "", false},
		{"create secrets and read them", "shop", []k8srbac.Rule{rule("", "secrets", "create", "get")}, nil, ref("service_account", "shop/web"), "create secrets", false},
		{"create secrets only", "shop", []k8srbac.Rule{rule("", "secrets", "create")}, nil, ref("service_account", "shop/web"), "", false},
		{"read secrets where there are none", "shop", []k8srbac.Rule{rule("", "secrets", "get")}, nil, ref("service_account", "shop/web"), "", false},
		{"tokens", "pay", []k8srbac.Rule{rule("", "serviceaccounts/token", "create")}, nil, api, "serviceaccounts/token", false},
		{"tokens by name", "pay", []k8srbac.Rule{only(rule("", "serviceaccounts/token", "create"), "api")}, nil, api, "serviceaccounts/token", false},
		{"tokens of another name", "pay", []k8srbac.Rule{only(rule("", "serviceaccounts/token", "create"), "default")}, nil, api, "", false},
		{"create accounts", "pay", []k8srbac.Rule{rule("", "serviceaccounts", "create")}, nil, api, "", false},
		{"impersonate accounts", "pay", []k8srbac.Rule{rule("", "serviceaccounts", "impersonate")}, nil, api, "impersonate serviceaccounts", false},
		{"impersonate accounts elsewhere", "shop", []k8srbac.Rule{rule("", "serviceaccounts", "impersonate")}, nil, api, "", false},
		{"impersonate users", "", []k8srbac.Rule{rule("", "users", "impersonate")}, nil, robot, "impersonate users", false},
		{"impersonate a user", "", []k8srbac.Rule{only(rule("", "users", "impersonate"), "robot")}, nil, robot, "impersonate users", false},
		{"impersonate another user", "", []k8srbac.Rule{only(rule("", "users", "impersonate"), "jane")}, nil, robot, "", false},
		{"impersonate users in a namespace is nothing", "pay", []k8srbac.Rule{rule("", "users", "impersonate")}, nil, robot, "", false},
		{"a user's name without its groups", "", []k8srbac.Rule{only(rule("", "users", "impersonate"), "eve")}, alone, api, "impersonate users", false},
		{"is not a member of them", "", []k8srbac.Rule{only(rule("", "users", "impersonate"), "eve")}, alone, masters, "", false},
		{"impersonate groups and a user", "", []k8srbac.Rule{only(rule("", "groups", "impersonate"), "system:masters"), only(rule("", "users", "impersonate"), "nobody")}, nil, masters, "impersonate groups", false},
		{"impersonate groups alone", "", []k8srbac.Rule{rule("", "groups", "impersonate")}, nil, masters, "", false},
		{"approve certificates", "", csr(signer), nil, ops, "approve certificatesigningrequests", false},
		{"approve by the signers of a domain", "", csr("kubernetes.io/*"), nil, api, "approve certificatesigningrequests", false},
		{"approve for another signer", "", csr("kubernetes.io/kubelet-serving"), nil, ops, "", false},
		{"approve without making requests", "", csr(signer)[1:], nil, ops, "", false},
	}
}

func rightsCases() []techniqueCase {
	bindings := func(verb string) k8srbac.Rule { return rule(rbacAPI, "rolebindings", verb) }
	clusterBindings := rule(rbacAPI, "clusterrolebindings", "create")
	bind := func(resource string, names ...string) k8srbac.Rule {
		return only(rule(rbacAPI, resource, "bind"), names...)
	}
	change := func(resource string, verbs ...string) k8srbac.Rule { return rule(rbacAPI, resource, verbs...) }
	holds := func(binding, role string) func(*world) {
		return func(w *world) { w.bind(binding, role, "service_account", "tester/bot") }
	}
	return []techniqueCase{
		{"bind cluster-admin", "", []k8srbac.Rule{bind("clusterroles", "cluster-admin"), clusterBindings}, nil, masters, "bind clusterroles", false},
		{"bind any ClusterRole", "", []k8srbac.Rule{bind("clusterroles"), clusterBindings}, nil, masters, "bind clusterroles", false},
		{"bind view only", "", []k8srbac.Rule{bind("clusterroles", "view"), clusterBindings}, nil, masters, "", false},
		{"bind without making bindings", "", []k8srbac.Rule{bind("clusterroles")}, nil, masters, "", false},
		{"make bindings without bind", "", []k8srbac.Rule{clusterBindings, bindings("create")}, nil, masters, "", false},
		{"bind cluster-admin in a namespace", "pay", []k8srbac.Rule{bind("clusterroles", "cluster-admin"), bindings("create")}, nil, api, "bind clusterroles in a namespace", false},
		{"that is not the cluster", "shop", []k8srbac.Rule{bind("clusterroles", "cluster-admin"), bindings("create")}, nil, masters, "", false},
		{"change a binding of the role", "pay", []k8srbac.Rule{bind("clusterroles", "cluster-admin"), bindings("patch")},
			func(w *world) { w.bind("pay/owners", "cluster-admin", "user", "owner") }, api, "bind clusterroles in a namespace", false},
		{"change a binding that is not there", "pay", []k8srbac.Rule{bind("clusterroles", "cluster-admin"), bindings("patch")}, nil, api, "", false},
		{"bind a Role", "pay", []k8srbac.Rule{bind("roles", "own"), bindings("create")}, nil, api, "bind roles", false},
		{"bind a Role that is not there", "pay", []k8srbac.Rule{bind("roles", "missing"), bindings("create")}, nil, api, "", false},
		{"escalate a ClusterRole that it holds", "", []k8srbac.Rule{change("clusterroles", "escalate", "patch")}, nil, masters, "escalate clusterroles", false},
		{"escalate without changing it", "", []k8srbac.Rule{change("clusterroles", "escalate")}, nil, masters, "", false},
		{"change without escalate", "", []k8srbac.Rule{change("clusterroles", "patch", "update")}, nil, masters, "", false},
		{"escalate a ClusterRole that others hold", "", []k8srbac.Rule{only(change("clusterroles", "escalate", "patch"), "view")}, nil, masters, "", false},
		{"escalate a Role that it holds", "pay", []k8srbac.Rule{change("roles", "escalate", "update")}, holds("pay/own", "pay/own"), ref("service_account", "pay/default"), "escalate roles", false},
		{"escalate a Role that others hold", "pay", []k8srbac.Rule{change("roles", "escalate", "update")}, nil, ref("service_account", "pay/default"), "", false},
		{"escalate an aggregated ClusterRole", "", []k8srbac.Rule{change("clusterroles", "escalate", "create")},
			func(w *world) {
				w.roleOf("collected", `{"clusterRoleSelectors":[{"matchLabels":{"x":"y"}}]}`, rule("", "events", "get")).bind("pay/collected", "collected", "service_account", "tester/bot")
			}, api, "escalate aggregated clusterroles", false},
		{"create ClusterRoles with nothing aggregated", "", []k8srbac.Rule{change("clusterroles", "escalate", "create")}, holds("pay/view", "view"), api, "", false},
	}
}

func clusterCases() []techniqueCase {
	config := func(resource string, verbs ...string) k8srbac.Rule { return rule(admitAPI, resource, verbs...) }
	both := []k8srbac.Rule{config("mutatingadmissionpolicies", "create"), config("mutatingadmissionpolicybindings", "create")}
	eks := func(w *world) {
		w.version = "v1.35.2-eks-1a2b3c4"
	}
	maps := func(names ...string) []k8srbac.Rule {
		return []k8srbac.Rule{only(rule("", "configmaps", "patch"), names...)}
	}
	return []techniqueCase{
		{"mutating webhooks", "", []k8srbac.Rule{config("mutatingwebhookconfigurations", "create")}, nil, api, "create mutatingwebhookconfigurations", true},
		{"change mutating webhooks", "", []k8srbac.Rule{config("mutatingwebhookconfigurations", "patch")}, nil, api, "patch mutatingwebhookconfigurations", true},
		{"look at webhooks", "", []k8srbac.Rule{config("mutatingwebhookconfigurations", "get", "list", "delete")}, nil, api, "", true},
		{"validating webhooks", "", []k8srbac.Rule{config("validatingwebhookconfigurations", "create")}, nil, api, "create validatingwebhookconfigurations", true},
		{"webhooks in a namespace are nothing", "pay", []k8srbac.Rule{config("*", "*")}, nil, api, "", true},
		{"mutating policies", "", both, nil, api, "create mutatingadmissionpolicies", true},
		{"mutating policies without bindings", "", both[:1], nil, api, "", true},
		{"mutating policies on an older server", "", both, func(w *world) {
			w.version = "v1.35.0"
		}, api, "", true},
		{"aws-auth", "kube-system", maps("aws-auth"), eks, masters, "patch configmap aws-auth", true},
		{"another ConfigMap", "kube-system", maps("coredns"), eks, masters, "", true},
		{"aws-auth of another namespace", "pay", maps("aws-auth"), eks, masters, "", true},
		{"aws-auth of a cluster that is not on EKS", "kube-system", maps("aws-auth"), nil, masters, "", true},
	}
}

// TestAdministrators: who is one, and who is nearly.
func TestAdministrators(t *testing.T) {
	all := k8srbac.Rule{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}
	paths := k8srbac.Rule{Verbs: []string{"*"}, NonResourceURLs: []string{"*"}}
	core := all
	core.APIGroups = []string{"", "apps", rbacAPI}
	named := all
	named.ResourceNames = []string{"x"}
	w := newWorld(t, "v1.36.3").namespace("n", "").user("member", "system:masters").user("certified", "ops")
	for name, rules := range map[string][]k8srbac.Rule{"yes": {all, paths}, "apart": {all}, "core": {core, paths}, "named": {named, paths}} {
		w.role(name, rules...).bind(name, name, "service_account", "n/"+name)
	}
	w.bind("n/local", "yes", "service_account", "n/local").bind("ops", "yes", "group", "ops")
	g := w.graph()
	for key, want := range map[string]bool{"n/yes": true, "n/apart": false, "n/core": false, "n/named": false, "n/local": false} {
		if got := g.Node(g.Find(ref("service_account", key))).Admin; got != want {
			t.Errorf("%s: %v", key, got)
		}
	}
	for _, u := range []string{"member", "certified"} {
		if !g.Node(g.Find(ref("user", u))).Admin {
			t.Errorf("%s is no administrator", u)
		}
	}
	if _, ok := path(g, ref("service_account", "n/local"), ref("service_account", "n/yes")); !ok {
		t.Error("who may do everything in a namespace does not reach its accounts")
	}
	if way, ok := path(g, ref("service_account", "n/named"), ref("service_account", "n/yes")); ok {
		t.Errorf("what is limited to a name leads on: %v", way)
	}
	if !slices.ContainsFunc(g.Admins(), func(n graph.NodeID) bool { return g.Node(n).Ref == masters }) {
		t.Error("system:masters is no administrator")
	}
}
