package repo

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/retinue-id/retinue"
)

// readManifest reads a Kubernetes object: service accounts, bindings, and
// workloads with what they run as and the Secrets they read.
func readManifest(doc *yaml.Node, depth int) []declaration {
	kind := textAt(doc, "kind")
	if kind == "List" && depth < 3 {
		var found []declaration
		for _, item := range items(child(doc, "items")) {
			found = append(found, readManifest(item, depth+1)...)
		}
		return found
	}
	name, ns := textAt(doc, "metadata", "name"), textAt(doc, "metadata", "namespace")
	if name == "" {
		return nil
	}
	switch kind {
	case "ServiceAccount":
		d := serviceAccount(ns, name)
		d.line = doc.Line
		d.annotations(child(doc, "metadata", "annotations"))
		if textAt(doc, "automountServiceAccountToken") == "false" {
			d.attrs["automountToken"] = false
		}
		return []declaration{d}
	case "RoleBinding", "ClusterRoleBinding":
		return binding(doc, kind, ns)
	case "Pod":
		return workload(doc, kind, ns, name, child(doc, "spec"))
	case "CronJob":
		return workload(doc, kind, ns, name, child(doc, "spec", "jobTemplate", "spec", "template", "spec"))
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "ReplicationController", "Rollout":
		return workload(doc, kind, ns, name, child(doc, "spec", "template", "spec"))
	case "ExternalSecret", "SealedSecret":
		return nil
	}
	return nil
}

func serviceAccount(ns, name string) declaration {
	return declaration{refKind: "k8s_service_account", key: namespaced(ns, name), name: name, kind: retinue.IdentityServiceAccount,
		subtype: "kubernetes_manifest", reason: "A Kubernetes service account is made for workloads.", attrs: retinue.Attrs{}}
}

func namespaced(ns, name string) string {
	if ns == "" {
		return name
	}
	return ns + "/" + name
}

// annotations reads by which identities of clouds a service account acts (EKS,
// Azure workload identity, GKE).
func (d *declaration) annotations(n *yaml.Node) {
	if d.attrs == nil {
		d.attrs = retinue.Attrs{}
	}
	for _, a := range pairs(n) {
		if a.value == nil || a.value.Value == "" || strings.Contains(a.value.Value, templated) {
			continue
		}
		switch a.key {
		case "eks.amazonaws.com/role-arn":
			if ref, ok := awsRole(a.value.Value); ok {
				d.grants = append(d.grants, grant{privileges: []string{"sts:AssumeRoleWithWebIdentity"}, resource: ref})
			}
		case "azure.workload.identity/client-id":
			d.attrs["azureClientId"] = clean(a.value.Value)
		case "iam.gke.io/gcp-service-account":
			d.attrs["gcpServiceAccount"] = clean(a.value.Value)
			d.grants = append(d.grants, grant{privileges: []string{"iam.workloadIdentityUser"}, name: a.value.Value})
		}
	}
}

// binding reads who gets which role: a grant to each service account.
func binding(doc *yaml.Node, kind, ns string) []declaration {
	role := textAt(doc, "roleRef", "kind") + "/" + textAt(doc, "roleRef", "name")
	var found []declaration
	for _, s := range items(child(doc, "subjects")) {
		if textAt(s, "kind") != "ServiceAccount" || textAt(s, "name") == "" {
			continue
		}
		sns := textAt(s, "namespace")
		if sns == "" {
			sns = ns
		}
		d := serviceAccount(sns, textAt(s, "name"))
		d.line, d.bare = s.Line, true
		g := grant{privileges: []string{clean(role)}, name: "the cluster"}
		if kind == "RoleBinding" {
			g.name = "namespace " + ns
		}
		d.grants = append(d.grants, g)
		found = append(found, d)
	}
	return found
}

// workload reads a pod template.
func workload(doc *yaml.Node, kind, ns, name string, pod *yaml.Node) []declaration {
	if pod == nil {
		return nil
	}
	as := textAt(pod, "serviceAccountName")
	if as == "" {
		as = "default"
	}
	d := declaration{refKind: "k8s_" + snake(kind), key: namespaced(ns, name), name: name, line: doc.Line,
		runsAs: []ident{{"k8s_service_account", namespaced(ns, as)}}, placeKind: retinue.PlaceKubernetes, attrs: retinue.Attrs{}}
	if textAt(pod, "hostNetwork") == "true" {
		d.attrs["hostNetwork"] = true
	}
	for _, list := range []string{"containers", "initContainers"} {
		for _, c := range items(child(pod, list)) {
			for _, e := range items(child(c, "env")) {
				ref := child(e, "valueFrom", "secretKeyRef")
				d.secret(ns, textAt(ref, "name"), textAt(ref, "key"), e.Line)
			}
			for _, e := range items(child(c, "envFrom")) {
				d.secret(ns, textAt(e, "secretRef", "name"), "", e.Line)
			}
			if textAt(c, "securityContext", "privileged") == "true" {
				d.attrs["privileged"] = true
			}
		}
	}
	for _, v := range items(child(pod, "volumes")) {
		d.secret(ns, textAt(v, "secret", "secretName"), "", v.Line)
	}
	for _, s := range items(child(pod, "imagePullSecrets")) {
		d.secret(ns, textAt(s, "name"), "", s.Line)
	}
	return []declaration{d}
}

func (d *declaration) secret(ns, name, key string, line int) {
	if name == "" || len(d.secrets) >= maxListed {
		return
	}
	full := namespaced(ns, name)
	if key != "" {
		full += "#" + key
	}
	for _, s := range d.secrets {
		if s.name == full {
			return
		}
	}
	d.secrets = append(d.secrets, secretName{full, line})
}

// snake turns CronJob into cron_job.
func snake(s string) string {
	var b strings.Builder
	for i, c := range s {
		if c >= 'A' && c <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}
