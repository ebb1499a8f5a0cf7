package kubernetes

import (
	_ "embed" // the documents of privileges
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// readRole is the manifest that grants what a scan needs: a ClusterRole, and a
// service account bound to it.
//
//go:embed privileges/read.yaml
var readRole string

// secretsRole is the manifest that grants listing Secrets, for the opt-in.
//
//go:embed privileges/secrets.yaml
var secretsRole string

// Spec describes the connector.
func Spec() connector.Spec {
	return connector.Spec{
		Kind:    "kubernetes",
		Title:   "Kubernetes",
		Summary: "Service accounts, RBAC, workloads and the credentials they use, from API servers or from files that kubectl wrote.",
		Target: []connector.TargetForm{
			{Form: "PATH", Help: "a kubeconfig (its current context unless contexts= says otherwise); or a folder or file of objects that kubectl printed as JSON: lists, lists of one kind, or one object a line. Empty: $KUBECONFIG, else ~/.kube/config"},
			{Form: "context:NAME", Help: "one context of $KUBECONFIG or ~/.kube/config"},
			{Form: "in-cluster", Help: "the cluster that Retinue itself runs in, as its pod's service account", Remote: true},
		},
		TargetOptional: true,
		Options: []connector.Option{
			{Name: "contexts", Help: "contexts of the kubeconfig to read, or all. Contexts that lead to one cluster are read once", Default: "the current context", List: true, Reach: connector.ReachMachine},
			{Name: "namespaces", Help: "namespaces to read; cluster-wide objects are read all the same. A namespace that is deleted is then not noticed", Default: "all", List: true, Reach: connector.ReachSystem},
			{Name: "secrets", Help: "none: Secrets are not listed. metadata: names, types, labels and the last use of legacy tokens. fingerprint: values too, fingerprinted and dropped", Default: "none for a live cluster, metadata for files", Values: []string{"none", "metadata", "fingerprint"}, Reach: connector.ReachSystem},
			{Name: "page-size", Help: "objects a page, 1 to 5000", Default: "500", Reach: connector.ReachSystem},
			{Name: "cluster-uid", Help: "uid of the namespace kube-system, where it cannot be read or an export lacks it", Default: "read from the cluster or export", Reach: connector.ReachSystem},
			{Name: "audit-policy", Help: "the API server's audit policy file (--audit-policy-file), where its log is read: says what is not in the log", Default: "none: which requests are left out is not known", Reach: connector.ReachMachine},
			{Name: "token-issuer", Help: "issuer of the cluster's service account tokens, where its log is read: a token found elsewhere is then known to be the one that was used", Default: "none", Reach: connector.ReachSystem},
			{Name: "gke-cluster", Help: "the cluster of which entries of Cloud Logging are taken, where they are of several: its name, or projects/ID/locations/PLACE/clusters/NAME", Default: "that of all entries, which must be of one", Reach: connector.ReachSystem},
		},
		Examples: []connector.TargetForm{
			{Form: "kubernetes", Help: "the current context of the default kubeconfig"},
			{Form: "kubernetes=~/.kube/config,contexts=all", Help: "every context, each cluster once"},
			{Form: "kubernetes=context:prod,secrets=metadata", Help: "one context, with the metadata of Secrets"},
			{Form: "kubernetes=context:prod,namespaces=pay;shop", Help: "two namespaces and what belongs to the whole cluster"},
			{Form: "kubernetes=./export", Help: "a folder that the export script wrote"},
		},
		Privileges: []connector.Document{
			{Title: "ClusterRole for a scan, with a service account (no access to Secrets)", Language: "yaml", Body: readRole},
			{Title: "ClusterRole for secrets=metadata and secrets=fingerprint", Language: "yaml", Body: secretsRole},
		},
		Sees:       sees(),
		BlindSpots: blindSpots(),
		CouldRead: []string{
			"With the first role: the specification of every pod, with the literal values of its environment variables, which Retinue does not look at.",
			"With the second role: the value of every Secret. Kubernetes has no permission for names alone.",
		},
		Open:   open,
		Remote: remote,
		Script: script,

		Activity: activity(),
	}
}

// remote allows the cluster that Retinue runs in. A kubeconfig is a file of the
// server and can name programs to run (exec plugins).
func remote(cfg connector.Config) error {
	if cfg.Target == "in-cluster" {
		return nil
	}
	return fmt.Errorf("%w: source kubernetes: a kubeconfig or a path is configured in retinue.yaml only: want in-cluster", retinue.ErrDenied)
}

func sees() []string {
	return []string{
		"Service accounts with their token mounting, the groups that the server puts them in, and the subject that other systems federate them by.",
		"Roles and ClusterRoles with their rules as they stand, RoleBindings and ClusterRoleBindings as attachments, and the users and groups that they name.",
		"Deployments, StatefulSets, DaemonSets, Jobs, CronJobs, bare pods and what other controllers run, with the account they run as, whether its token is mounted and who decided that, and use of the default account.",
		"Secrets that workloads and service accounts name, with the key and the way they are read; image pull Secrets.",
		"Client certificates that the cluster's signers issued, with their subject and expiry.",
		"Cloud identities that annotations of service accounts claim: AWS roles (IRSA), Google Cloud service accounts, Azure clients.",
		"With secrets=metadata: Secrets with their type and age, legacy service account tokens with their last use by day.",
		"With secrets=fingerprint: keyed fingerprints of values, the vendor's own id where a value tells it (so that a key joins the one that its own system lists), certificates in TLS Secrets, registries of pull Secrets.",
	}
}

func blindSpots() []string {
	return []string{
		"Secrets that nothing names, and the last use of legacy tokens, unless secrets= asks for them.",
		"Short-lived tokens that were issued by the TokenRequest API: the server keeps no list.",
		"Users and groups themselves, and who belongs to a group: they live in whatever authenticates people.",
		"Client certificates whose signing request was deleted before the first scan (the server deletes signed requests after an hour), or that were signed outside the cluster. The server cannot revoke any of them.",
		"EKS Pod Identity and other bindings that only the cloud knows; the cloud's own trust policy, which decides.",
		"Literal values of environment variables, ConfigMaps and files in images.",
		"Authorization other than RBAC: node authorization, webhooks, admission policies.",
		"What a ReplicaSet without pods would run as.",
	}
}
