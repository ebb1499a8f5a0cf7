package k8srbac

import "github.com/retinue-id/retinue/internal/access/graph"

// Gain says what a technique takes.
type Gain string

// The gains. Those of a namespace hold in all of them where the calls are
// allowed in the whole cluster.
const (
	// GainPods: what runs in a namespace, and with it the accounts and Secrets
	// of those pods.
	GainPods Gain = "running pods"
	// GainWorkload: to run pods as any account of a namespace, which also read
	// any Secret of it.
	GainWorkload Gain = "new pods"
	// GainTokens: tokens of the service accounts of a namespace.
	GainTokens Gain = "service accounts"
	// GainSecrets: the values of the Secrets of a namespace.
	GainSecrets Gain = "secrets"
	// GainRunning: every pod of the cluster.
	GainRunning Gain = "every running pod"
	// GainNodes: the machines that pods run on.
	GainNodes Gain = "nodes"
	// GainPrincipals: every user, group and account but system:masters.
	GainPrincipals Gain = "principals"
	// GainUser and GainGroup: who is impersonated.
	GainUser  Gain = "user"
	GainGroup Gain = "group"
	// GainRole: the rights of a role, in a namespace or the cluster.
	GainRole Gain = "role"
	// GainNamespace: everything in a namespace or, for the whole cluster, its
	// administrator.
	GainNamespace Gain = "namespace"
	// GainAdministrator: the administrator of the cluster.
	GainAdministrator Gain = "administrator"
)

// Call is a request that a technique makes, by any one of the verbs.
type Call struct {
	Verbs       []string `json:"verbs"`
	APIGroup    string   `json:"apiGroup,omitempty"`
	Resource    string   `json:"resource"`
	Subresource string   `json:"subresource,omitempty"`
	// Names are those that the server asks for, where the technique needs a
	// certain object; any of them will do.
	Names []string `json:"names,omitempty"`
	// Namespace is the object's, where the technique needs one.
	Namespace string `json:"namespace,omitempty"`
	// Cluster says that the object lies in no namespace.
	Cluster bool `json:"cluster,omitempty"`
}

// Technique is a way to gain what somebody else has, with calls that must all
// be allowed.
type Technique struct {
	// ID is the permission that tells it.
	ID    string     `json:"id"`
	Title string     `json:"title"`
	Verb  graph.Verb `json:"verb"`
	Gain  Gain       `json:"gain"`
	Calls []Call     `json:"calls"`
	// Object is the kind of object that must exist, as the connector names it,
	// for techniques that change one.
	Object string `json:"object,omitempty"`
	// Baseline says that it does not work where the namespace asks for the Pod
	// Security Standard restricted.
	Baseline bool `json:"baseline,omitempty"`
	// Before and Since are versions of Kubernetes 1: the technique works before
	// one, and from the other on.
	Before int `json:"before,omitempty"`
	Since  int `json:"since,omitempty"`
	// Assumes says what is taken to be there and was not read, Remains what
	// must also hold and is not for the caller to choose.
	Assumes string `json:"assumes,omitempty"`
	// Platform is part of the version that a vendor's server has, for
	// techniques of one.
	Platform string `json:"platform,omitempty"`
	Remains  string `json:"remains,omitempty"`
	// Source is where Kubernetes documents it.
	Source string `json:"source"`
}

// Where techniques are documented.
const (
	docEscalation = "Kubernetes documentation, Role Based Access Control Good Practices, section Kubernetes RBAC - privilege escalation risks"
	docRestrict   = "Kubernetes documentation, Using RBAC Authorization, section Privilege escalation prevention and bootstrapping"
)

// Techniques are the known ways. Left out, because they give nobody's rights by
// themselves: pods/portforward and the proxies of pods and services (they reach
// what listens in a pod), pods/eviction and changes of nodes (they move pods
// about), sign (the signer needs the certificate authority's key as well) and
// create on serviceaccounts.
func Techniques() []Technique {
	out := podTechniques()
	out = append(out, workloadTechniques()...)
	out = append(out, credentialTechniques()...)
	out = append(out, rightsTechniques()...)
	return append(out, clusterTechniques()...)
}

func podTechniques() []Technique {
	pods := func(sub string, verbs ...string) []Call {
		return []Call{{Verbs: verbs, Resource: "pods", Subresource: sub}}
	}
	return []Technique{
		{ID: "pods/exec", Title: "runs commands in running pods", Verb: graph.ExecsInto, Gain: GainPods, Calls: pods("exec", "create"), Source: docEscalation},
		// A WebSocket begins with a GET; since 1.35 the server asks for create
		// as well (feature AuthorizePodWebsocketUpgradeCreatePermission).
		{ID: "pods/exec by get", Title: "runs commands in running pods over a WebSocket", Verb: graph.ExecsInto, Gain: GainPods,
			Calls: pods("exec", "get"), Before: 35, Source: "Kubernetes, feature gate AuthorizePodWebsocketUpgradeCreatePermission"},
		{ID: "pods/attach", Title: "types into what runs in pods", Verb: graph.ExecsInto, Gain: GainPods, Calls: pods("attach", "create"),
			Remains: "a container of the pod keeps its standard input open", Source: "kubectl attach"},
		{ID: "pods/ephemeralcontainers", Title: "adds a container to running pods", Verb: graph.ExecsInto, Gain: GainPods,
			Calls: pods("ephemeralcontainers", "patch", "update"), Source: "Kubernetes documentation, Ephemeral Containers"},
		{ID: "patch pods", Title: "replaces the image of running pods", Verb: graph.ModifiesCode, Gain: GainPods, Calls: pods("", "patch", "update"),
			Source: "Kubernetes documentation, Pods, section Pod update and replacement"},
		{ID: "nodes/proxy", Title: "runs commands in every pod through the kubelets", Verb: graph.ExecsInto, Gain: GainRunning,
			Calls: []Call{{Verbs: []string{"create"}, Resource: "nodes", Subresource: "proxy", Cluster: true}}, Source: docEscalation},
		{ID: "nodes/proxy by get", Title: "runs commands in every pod through the kubelets, over a WebSocket", Verb: graph.ExecsInto, Gain: GainRunning,
			Calls:   []Call{{Verbs: []string{"get"}, Resource: "nodes", Subresource: "proxy", Cluster: true}},
			Assumes: "the kubelets' port can be reached", Source: docEscalation},
	}
}

func workloadTechniques() []Technique {
	var out []Technique
	for _, r := range []struct{ group, resource, object, of string }{
		{"", "pods", "", ""}, {"", "replicationcontrollers", "", ""}, {"apps", "deployments", "deployment", ""},
		{"apps", "daemonsets", "daemon_set", ""}, {"apps", "statefulsets", "stateful_set", ""},
		{"apps", "replicasets", "deployment", " of a deployment"}, {"batch", "jobs", "", ""}, {"batch", "cronjobs", "cron_job", ""},
	} {
		call := func(verbs ...string) []Call { return []Call{{Verbs: verbs, APIGroup: r.group, Resource: r.resource}} }
		out = append(out, Technique{ID: "create " + r.resource, Title: "runs pods as any account of the namespace, with any of its Secrets",
			Verb: graph.PassesRole, Gain: GainWorkload, Calls: call("create"), Source: docEscalation})
		if r.object != "" { // the pods of a Job cannot be changed, and controllers of the old kind are not read
			out = append(out, Technique{ID: "patch " + r.resource, Title: "gives the pods" + r.of + " another account or image",
				Verb: graph.PassesRole, Gain: GainWorkload, Calls: call("patch", "update"), Object: r.object, Source: docEscalation})
		}
	}
	return append(out, Technique{ID: "create persistentvolumes", Title: "mounts the files of a node into a pod, also where Pod Security asks for baseline",
		Verb: graph.Writes, Gain: GainNodes, Baseline: true, Calls: []Call{{Verbs: []string{"create"}, Resource: "persistentvolumes", Cluster: true},
			{Verbs: []string{"create"}, Resource: "persistentvolumeclaims"}, {Verbs: []string{"create"}, Resource: "pods"}}, Source: docEscalation})
}

func credentialTechniques() []Technique {
	return []Technique{
		{ID: "read secrets", Title: "reads Secrets", Verb: graph.ReadsSecret, Gain: GainSecrets,
			Calls: []Call{{Verbs: []string{"get", "list", "watch"}, Resource: "secrets"}}, Source: docEscalation},
		{ID: "create secrets", Title: "makes a token Secret of any account of the namespace and reads it", Verb: graph.Mints, Gain: GainTokens,
			Calls:  []Call{{Verbs: []string{"create"}, Resource: "secrets"}, {Verbs: []string{"get", "list", "watch"}, Resource: "secrets"}},
			Source: "Kubernetes documentation, Managing Service Accounts, section Manually create a long-lived API token for a ServiceAccount"},
		{ID: "serviceaccounts/token", Title: "issues tokens of service accounts", Verb: graph.Mints, Gain: GainTokens,
			Calls: []Call{{Verbs: []string{"create"}, Resource: "serviceaccounts", Subresource: "token"}}, Source: docEscalation},
		{ID: "impersonate users", Title: "acts as a user", Verb: graph.Impersonates, Gain: GainUser,
			Calls: []Call{{Verbs: []string{"impersonate"}, Resource: "users", Cluster: true}}, Source: docEscalation},
		{ID: "impersonate serviceaccounts", Title: "acts as a service account", Verb: graph.Impersonates, Gain: GainTokens,
			Calls: []Call{{Verbs: []string{"impersonate"}, Resource: "serviceaccounts"}}, Source: docEscalation},
		{ID: "impersonate groups", Title: "acts as a member of a group", Verb: graph.Impersonates, Gain: GainGroup,
			Calls: []Call{{Verbs: []string{"impersonate"}, Resource: "groups", Cluster: true}}, Source: "Kubernetes documentation, User Impersonation"},
		{ID: "approve certificatesigningrequests", Title: "has a client certificate issued for any user and group", Verb: graph.Mints, Gain: GainPrincipals,
			Calls: []Call{
				{Verbs: []string{"create"}, APIGroup: certificatesGroup, Resource: "certificatesigningrequests", Cluster: true},
				{Verbs: []string{"update", "patch"}, APIGroup: certificatesGroup, Resource: "certificatesigningrequests", Subresource: "approval", Cluster: true},
				{Verbs: []string{"approve"}, APIGroup: certificatesGroup, Resource: "signers", Names: []string{clientSigner, "kubernetes.io/*"}, Cluster: true},
			}, Source: docEscalation},
	}
}

const (
	certificatesGroup = "certificates.k8s.io"
	clientSigner      = "kubernetes.io/kube-apiserver-client"
	admissionGroup    = "admissionregistration.k8s.io"
)

func rightsTechniques() []Technique {
	role := func(resource, verb string, cluster bool) Call {
		return Call{Verbs: []string{verb}, APIGroup: rbacGroup, Resource: resource, Cluster: cluster}
	}
	change := func(resource string, cluster bool) Call {
		return Call{Verbs: []string{"update", "patch"}, APIGroup: rbacGroup, Resource: resource, Cluster: cluster}
	}
	const docAggregated = "Kubernetes documentation, Using RBAC Authorization, section Aggregated ClusterRoles"
	return []Technique{
		{ID: "bind clusterroles", Title: "binds ClusterRoles to itself in the whole cluster", Verb: graph.Attaches, Gain: GainRole,
			Calls: []Call{role("clusterroles", "bind", true), role("clusterrolebindings", "create", true)}, Source: docRestrict},
		{ID: "bind clusterroles in a namespace", Title: "binds ClusterRoles to itself", Verb: graph.Attaches, Gain: GainRole,
			Calls: []Call{role("clusterroles", "bind", false), role("rolebindings", "create", false)}, Source: docRestrict},
		{ID: "bind roles", Title: "binds Roles to itself", Verb: graph.Attaches, Gain: GainRole,
			Calls: []Call{role("roles", "bind", false), role("rolebindings", "create", false)}, Source: docRestrict},
		{ID: "escalate clusterroles", Title: "puts rules into a ClusterRole that it holds", Verb: graph.Attaches, Gain: GainNamespace,
			Calls: []Call{role("clusterroles", "escalate", true), change("clusterroles", true)}, Source: docRestrict},
		{ID: "escalate roles", Title: "puts rules into a Role that it holds", Verb: graph.Attaches, Gain: GainNamespace,
			Calls: []Call{role("roles", "escalate", false), change("roles", false)}, Source: docRestrict},
		{ID: "escalate aggregated clusterroles", Title: "makes a ClusterRole whose rules go into an aggregated one that it holds", Verb: graph.Attaches, Gain: GainNamespace,
			Calls: []Call{role("clusterroles", "escalate", true), role("clusterroles", "create", true)}, Source: docAggregated},
	}
}

func clusterTechniques() []Technique {
	config := func(resource string, verbs ...string) Call {
		return Call{Verbs: verbs, APIGroup: admissionGroup, Resource: resource, Cluster: true}
	}
	return []Technique{
		{ID: "create mutatingwebhookconfigurations", Title: "changes every object that is written, pods among them", Verb: graph.ModifiesCode, Gain: GainRunning,
			Calls: []Call{config("mutatingwebhookconfigurations", "create")}, Assumes: "pods are made anew while the webhook is in place", Source: docEscalation},
		{ID: "patch mutatingwebhookconfigurations", Title: "changes every object that is written, pods among them", Verb: graph.ModifiesCode, Gain: GainRunning,
			Calls:   []Call{config("mutatingwebhookconfigurations", "patch", "update")},
			Assumes: "there is a mutating webhook, and pods are made anew", Source: docEscalation},
		{ID: "create mutatingadmissionpolicies", Title: "changes every object that is written, pods among them", Verb: graph.ModifiesCode, Gain: GainRunning, Since: 36,
			Calls:   []Call{config("mutatingadmissionpolicies", "create"), config("mutatingadmissionpolicybindings", "create")},
			Assumes: "pods are made anew while the policy is in place", Source: "Kubernetes documentation, Mutating Admission Policy"},
		{ID: "create validatingwebhookconfigurations", Title: "is shown every Secret that is written", Verb: graph.ReadsSecret, Gain: GainSecrets,
			Calls:   []Call{config("validatingwebhookconfigurations", "create")},
			Remains: "the Secret is written while the webhook is in place", Source: docEscalation},
		{ID: "patch configmap aws-auth", Title: "maps an AWS principal to system:masters", Verb: graph.Attaches, Gain: GainAdministrator, Platform: "-eks-",
			Calls:   []Call{{Verbs: []string{"patch", "update"}, Resource: "configmaps", Namespace: "kube-system", Names: []string{"aws-auth"}}},
			Assumes: "the cluster's authentication mode reads the ConfigMap aws-auth",
			Source:  "Amazon EKS User Guide, Grant IAM users access to Kubernetes with a ConfigMap"},
	}
}
