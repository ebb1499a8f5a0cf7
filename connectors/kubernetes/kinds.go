package kubernetes

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// kind is one kind of object that is read, as the API server serves it.
type kind struct {
	name       string // of an object: "ServiceAccount"
	element    string // in refs and scopes: "service_account"
	group      string // API group, "" for the core group
	version    string
	resource   string // in URLs and rules: "serviceaccounts"
	namespaced bool
}

// The kinds that are read. ReplicaSets are not: a Deployment keeps ten old ones
// by default, and their pods name them.
var (
	kindNamespace   = kind{"Namespace", "namespace", "", "v1", "namespaces", false}
	kindAccount     = kind{"ServiceAccount", "service_account", "", "v1", "serviceaccounts", true}
	kindSecret      = kind{"Secret", "secret", "", "v1", "secrets", true}
	kindPod         = kind{"Pod", "pod", "", "v1", "pods", true}
	kindDeployment  = kind{"Deployment", "deployment", "apps", "v1", "deployments", true}
	kindStatefulSet = kind{"StatefulSet", "stateful_set", "apps", "v1", "statefulsets", true}
	kindDaemonSet   = kind{"DaemonSet", "daemon_set", "apps", "v1", "daemonsets", true}
	kindJob         = kind{"Job", "job", "batch", "v1", "jobs", true}
	kindCronJob     = kind{"CronJob", "cron_job", "batch", "v1", "cronjobs", true}
	kindRole        = kind{"Role", "role", rbacGroup, "v1", "roles", true}
	kindBinding     = kind{"RoleBinding", "role_binding", rbacGroup, "v1", "rolebindings", true}
	kindClusterRole = kind{"ClusterRole", "cluster_role", rbacGroup, "v1", "clusterroles", false}
	kindClusterBind = kind{"ClusterRoleBinding", "cluster_role_binding", rbacGroup, "v1", "clusterrolebindings", false}
	kindCSR         = kind{"CertificateSigningRequest", "certificate_signing_request", "certificates.k8s.io", "v1", "certificatesigningrequests", false}
)

const rbacGroup = "rbac.authorization.k8s.io"

// kinds lists every kind in the order in which they are read: what the meaning
// of later ones depends on comes first.
func kinds() []kind {
	return []kind{kindNamespace, kindAccount, kindClusterRole, kindClusterBind, kindRole, kindBinding, kindCSR,
		kindDeployment, kindStatefulSet, kindDaemonSet, kindCronJob, kindJob, kindPod, kindSecret}
}

// workloadKinds lists the kinds that hold a pod template.
func workloadKinds() []kind {
	return []kind{kindDeployment, kindStatefulSet, kindDaemonSet, kindCronJob, kindJob}
}

// namesSecrets reports the kinds whose objects name Secrets.
func namesSecrets(k kind) bool {
	return k == kindPod || k == kindAccount || slices.Contains(workloadKinds(), k)
}

// kindNamed finds a kind by the name that objects carry.
func kindNamed(name string) (kind, bool) {
	for _, k := range kinds() {
		if k.name == name {
			return k, true
		}
	}
	return kind{}, false
}

// kindOfResource finds a kind by its plural, as export files are named.
func kindOfResource(resource string) (kind, bool) {
	for _, k := range kinds() {
		if k.resource == strings.ToLower(resource) {
			return k, true
		}
	}
	return kind{}, false
}

// path returns where the API server serves the kind: in one namespace, or
// everywhere for the empty one.
func (k kind) path(namespace string) string {
	p := "/api/" + k.version
	if k.group != "" {
		p = "/apis/" + k.group + "/" + k.version
	}
	if namespace != "" {
		p += "/namespaces/" + namespace
	}
	return p + "/" + k.resource
}

// permission says in words what reading the kind takes.
func (k kind) permission(verb, namespace string) string {
	p := verb + " " + k.resource
	if k.group != "" {
		p += "." + k.group
	}
	switch {
	case !k.namespaced:
		return p
	case namespace == "":
		return p + " in all namespaces"
	}
	return p + " in namespace " + namespace
}

// scope returns the scope of the kind's listing; namespace is empty for kinds
// of the cluster.
func (k kind) scope(realm retinue.Realm, namespace string) retinue.Scope {
	switch {
	case k.name == kindNamespace.name:
		return retinue.NewScope(realm, "namespace")
	case !k.namespaced:
		return retinue.NewScope(realm, k.element)
	}
	return retinue.NewScope(realm, "namespace", namespace, k.element)
}

func namespaceScope(realm retinue.Realm, namespace string) retinue.Scope {
	return retinue.NewScope(realm, "namespace", namespace)
}

// referenceScope holds the Secrets that are known by name only, because objects
// of a kind in the namespace name them.
func referenceScope(realm retinue.Realm, namespace string, k kind) retinue.Scope {
	return retinue.NewScope(realm, "namespace", namespace, "secret_reference", k.element)
}

func clusterScope(realm retinue.Realm) retinue.Scope { return retinue.NewScope(realm, "cluster") }

// certificateScope holds one issued client certificate. The server deletes a
// request an hour after it was signed while the certificate stays valid, so a
// listing of requests must not end it.
func certificateScope(realm retinue.Realm, sum string) retinue.Scope {
	return retinue.NewScope(realm, "client_certificate", sum)
}
