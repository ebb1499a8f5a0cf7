package bench

import (
	"path"
	"strings"
	"time"
)

// kubernetes writes what kubectl prints of a cluster, a file a kind.
func (x *exporter) kubernetes() error {
	lists := map[string][]any{}
	kinds := []string{"namespaces", "serviceaccounts", "clusterroles", "clusterrolebindings", "roles", "rolebindings",
		"certificatesigningrequests", "deployments", "statefulsets", "daemonsets", "cronjobs", "jobs", "pods"}
	add := func(kind string, object map[string]any) { lists[kind] = append(lists[kind], object) }
	born := x.e.from.AddDate(-4, 0, 0).Format(time.RFC3339)
	add("namespaces", object("v1", "Namespace", map[string]any{"name": "kube-system", "uid": x.s.id, "creationTimestamp": born}))
	seen := map[string]bool{}
	for _, id := range x.listed() {
		if namespace := id.app.id; !seen[namespace] {
			seen[namespace] = true
			add("namespaces", object("v1", "Namespace", map[string]any{"name": namespace, "uid": uuid(mix(mixText(x.s.id), mixText(namespace)), 1), "creationTimestamp": born,
				"labels": map[string]string{"team": x.e.teams[id.app.team].id}}))
		}
		x.account(id, add)
	}
	for _, kind := range kinds {
		items := lists[kind]
		if items == nil {
			items = []any{}
		}
		if err := x.json(kind+".json", map[string]any{"apiVersion": "v1", "kind": "List", "items": items}); err != nil {
			return err
		}
	}
	if err := x.json("retinue-export.json", map[string]any{"kind": "RetinueExport", "time": stamp(x.e.to), "resources": kinds}); err != nil {
		return err
	}
	x.scan(nil)
	policy := path.Join("logs", x.s.folder+"-policy.yaml")
	x.activity(path.Join("logs", x.s.folder), map[string]string{"cluster-uid": x.s.id, optionPolicy: policy})
	return x.e.writeText(policy, "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages:\n- RequestReceived\n- ResponseStarted\nrules:\n- level: Metadata\n")
}

func object(version, kind string, meta map[string]any) map[string]any {
	return map[string]any{"apiVersion": version, "kind": kind, "metadata": meta}
}

// account writes a service account with its role, its binding and what runs as
// it.
func (x *exporter) account(id *identity, add func(kind string, object map[string]any)) {
	namespace := id.app.id
	meta := func(name string) map[string]any {
		return map[string]any{"name": name, "namespace": namespace, "creationTimestamp": stamp(id.CreatedAt)}
	}
	m := meta(id.Name)
	m["uid"] = id.uid()
	if owner := id.signal(); owner != "" {
		m["annotations"] = map[string]string{"owner": owner}
	}
	add("serviceaccounts", object("v1", "ServiceAccount", m))
	role := object("rbac.authorization.k8s.io/v1", "Role", meta(id.Name))
	var rules []map[string]any
	for _, a := range id.granted() {
		resource, _, _ := strings.Cut(a.resource, "/")
		rules = append(rules, map[string]any{"apiGroups": []string{a.service}, "resources": []string{resource}, "verbs": []string{a.operation}})
	}
	role["rules"] = rules
	add("roles", role)
	binding := object("rbac.authorization.k8s.io/v1", "RoleBinding", meta(id.Name))
	binding["roleRef"] = map[string]string{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": id.Name}
	binding["subjects"] = []map[string]string{{"kind": "ServiceAccount", "name": id.Name, "namespace": namespace}}
	add("rolebindings", binding)
	for _, c := range id.live {
		if c.Workload == "" || (!c.to.IsZero() && c.to.Before(x.e.to)) {
			continue // it no longer runs
		}
		d := object("apps/v1", "Deployment", meta(c.Workload))
		labels := map[string]string{"app": c.Workload}
		d["spec"] = map[string]any{"replicas": 1, "selector": map[string]any{"matchLabels": labels}, "template": map[string]any{
			"metadata": map[string]any{"labels": labels},
			"spec":     map[string]any{"serviceAccountName": id.Name, "containers": []any{map[string]any{"name": "main", "image": "registry.northwind.example/" + namespace + ":1"}}}}}
		add("deployments", d)
	}
}
