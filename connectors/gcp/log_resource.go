package gcp

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/entry"
)

// resource names what a call was about as the inventory lists it: accounts,
// nodes of the hierarchy, buckets, secrets and so on by their full names. What
// lies inside such a thing (an object, a version, a table) is named by the thing,
// so that the number of names does not grow with the data.
func (a *auditEntry) resource(service, name string) retinue.Ref {
	name = strings.TrimSpace(name)
	if rest, ok := strings.CutPrefix(name, "//"); ok && !strings.HasPrefix(name, crmPrefix) {
		service, name, _ = strings.Cut(rest, "/")
	}
	name = a.node(canonicalName(name))
	if name == "" || name == "..." {
		return retinue.Ref{}
	}
	if strings.Contains(name, "/serviceAccounts/") {
		return a.accountIn(name)
	}
	if strings.Count(name, "/") == 1 {
		if c := container(name); !c.IsZero() {
			return entry.Ref(c.Realm, c.Kind, c.Key)
		}
	}
	if bucket, ok := strings.CutPrefix(name, "projects/_/buckets/"); ok {
		bucket, _, _ = strings.Cut(bucket, "/")
		return entry.Ref(a.realm, "storage_bucket", "//storage.googleapis.com/projects/_/buckets/"+bucket)
	}
	realm := a.realm
	if p := a.projectIn(name); p != "" {
		realm = realmOf(p)
	}
	parts, at := a.thing(name)
	if at < 0 {
		return retinue.Ref{}
	}
	name = strings.Join(parts, "/")
	if len(parts) == 2 || strings.HasPrefix(name, "projects/") && len(parts) < 4 && container(name).Key == name {
		c := container(name)
		return entry.Ref(c.Realm, c.Kind, c.Key)
	}
	host, kind := resourceKind(service, parts[at], a.payload.Raw("methodName"))
	switch kind {
	case "role":
		return entry.Ref(realm, kind, name)
	case "workload_identity_pool":
		if provider, ok := strings.CutPrefix(canonicalName(a.payload.Raw("resourceName")), name+"/providers/"); ok {
			return entry.Ref(realm, "workload_identity_provider", name+"/providers/"+provider)
		}
		return entry.Ref(realm, kind, name)
	}
	if host == "" {
		return entry.Ref(realm, kind, name)
	}
	return entry.Ref(realm, kind, "//"+host+"/"+name)
}

// thing cuts a name behind the first collection and id below a project and its
// place, and says where the collection stands. Runs of things (operations,
// builds, jobs of BigQuery), which are new at each call, are the node above.
func (a *auditEntry) thing(name string) (parts []string, collection int) {
	parts = strings.Split(name, "/")
	i := 0
	for i < len(parts) {
		switch parts[i] {
		case "projects", "folders", "organizations", "locations", "zones", "regions", "namespaces", "apps":
			i += 2
			continue
		case "global":
			i++
			continue
		}
		break
	}
	if i >= len(parts) {
		if len(parts) < 2 {
			return nil, -1
		}
		return parts[:2], 0
	}
	runs := []string{"operations", "builds", "executions", "queries", "sessions"}
	if slices.Contains(runs, parts[i]) || parts[i] == "jobs" && strings.HasPrefix(a.payload.Raw("serviceName"), "bigquery") {
		if i < 2 {
			return nil, -1
		}
		return parts[:2], 0
	}
	if parts[i] == "keyRings" && len(parts) > i+3 { // keys are what is used, not their ring
		return parts[:i+4], i + 2
	}
	return parts[:min(len(parts), i+2)], i
}

// resourceKind is the host of a resource's full name and the kind under which
// the connector lists it.
func resourceKind(service, collection, method string) (host, kind string) {
	if service != "" && !strings.Contains(service, ".") {
		service += ".googleapis.com"
	}
	switch short, _, _ := strings.Cut(service, "."); short + "/" + collection {
	case "secretmanager/secrets":
		return service, "secretmanager_secret"
	case "bigquery/datasets":
		return service, "bigquery_dataset"
	case "cloudsql/instances", "sqladmin/instances":
		return "cloudsql.googleapis.com", "sqladmin_instance"
	case "compute/instances":
		return service, "compute_instance"
	case "cloudfunctions/functions":
		if strings.Contains(method, "functions.v1") {
			return service, "cloudfunctions_cloud_function"
		}
		return service, "cloudfunctions_function"
	case "run/services":
		return service, "run_service"
	case "run/jobs":
		return service, "run_job"
	case "container/clusters":
		return service, "container_cluster"
	case "dataproc/clusters":
		return service, "dataproc_cluster"
	case "composer/environments":
		return service, "composer_environment"
	case "notebooks/instances":
		return service, "notebooks_instance"
	case "workflows/workflows":
		return service, "workflows_workflow"
	case "iam/roles":
		return "", "role"
	case "iam/workloadIdentityPools":
		return "", "workload_identity_pool"
	}
	return service, "resource"
}

// accountIn is the service account in a resource's name. Where it stands by its
// number, the entry's labels tell its address.
func (a *auditEntry) accountIn(name string) retinue.Ref {
	_, account, _ := strings.Cut(name, "/serviceAccounts/")
	account, _, _ = strings.Cut(account, "/")
	if !strings.Contains(account, "@") {
		labels := a.entry.Object("resource.labels")
		if email := labels.Raw("email_id"); email != "" && (labels.Raw("unique_id") == account || labels.Raw("unique_id") == "") {
			return a.serviceAccount(strings.ToLower(email), name)
		}
		return entry.Ref(a.realm, "service_account", account)
	}
	return a.serviceAccount(strings.ToLower(account), name)
}
