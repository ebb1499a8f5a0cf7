package gcpiam

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/wording"
)

// consequence says what follows from a permission ("IAM permissions
// reference"). On a node of the hierarchy, setting its policy administers it.
func consequence(permission string, escalates map[string]string) access.Consequence {
	p := splitPermission(permission)
	verb := strings.ToLower(p.verb)
	switch {
	case slices.Contains(administering(), permission):
		return access.Administers
	case escalates[permission] != "":
		return access.Escalates
	case slices.Contains(secretReads(), permission):
		return access.ReadsSecrets
	case strings.HasPrefix(verb, "setiampolicy"), strings.Contains(verb, "updateacl"), permission == "compute.firewalls.create", permission == "compute.firewalls.update",
		strings.HasSuffix(permission, ".setAcl"), permission == "storage.buckets.update":
		return access.ExposesResources
	case p.resource == "sessions": // of Spanner, which hold nothing
		return access.Changes
	case strings.HasPrefix(verb, "delete"), strings.HasPrefix(verb, "destroy"), strings.HasPrefix(verb, "purge"), strings.HasPrefix(verb, "truncate"):
		return access.Destroys
	case slices.Contains(dataReads(), permission):
		return access.ReadsData
	}
	for _, look := range []string{"get", "list", "search", "check", "query", "view", "read", "lookup", "describe", "watch", "analyze"} {
		if strings.HasPrefix(verb, look) {
			return access.Looks
		}
	}
	return access.Changes
}

func administering() []string {
	return []string{"resourcemanager.projects.setIamPolicy", "resourcemanager.folders.setIamPolicy", "resourcemanager.organizations.setIamPolicy"}
}

// escalating are the permissions that alone, or with the right to start or change
// something, let their holder act as others, with what they let it do.
func escalating() map[string]string {
	return map[string]string{
		"iam.serviceAccounts.getAccessToken": "mints tokens of", "iam.serviceAccounts.signBlob": "mints tokens of", "iam.serviceAccounts.signJwt": "mints tokens of",
		"iam.serviceAccounts.getOpenIdToken": "mints identity tokens of", "iam.serviceAccounts.implicitDelegation": "delegates through",
		"iam.serviceAccounts.actAs": "starts things that run as", "iam.serviceAccounts.setIamPolicy": "lets itself act as", "iam.serviceAccountKeys.create": "creates keys of",
		"iam.roles.update": "changes custom roles, also those that it holds,", "iam.denypolicies.update": "lifts denials for", "orgpolicy.policy.set": "lifts organisation policies for",
		"deploymentmanager.deployments.create": "deploys as the Google APIs service agent, an editor, for", "deploymentmanager.deployments.update": "deploys as the Google APIs service agent, an editor, for",
		"cloudbuild.builds.create": "runs builds as Cloud Build's own account for", "storage.hmacKeys.create": "creates HMAC keys of",
		"iam.workloadIdentityPoolProviders.create": "lets other issuers in for", "iam.workloadIdentityPoolProviders.update": "lets other issuers in for",
		"container.pods.exec": "runs commands in the containers of", "compute.instances.setMetadata": "puts keys into the machines of", "compute.projects.setCommonInstanceMetadata": "puts keys into the machines of",
		"compute.instances.osAdminLogin": "signs in to the machines of",
	}
}

func secretReads() []string {
	return []string{"secretmanager.versions.access", "container.secrets.get", "container.secrets.list", "apikeys.keys.getKeyString", "cloudkms.cryptoKeyVersions.useToDecrypt",
		"composer.environments.executeAirflowCommand", "privateca.certificateAuthorities.get", "parametermanager.parameterVersions.render", "container.clusters.getCredentials"}
}

func dataReads() []string {
	return []string{"storage.objects.get", "bigquery.tables.getData", "bigquery.tables.export", "bigquery.models.getData", "bigtable.tables.readRows", "spanner.databases.read", "spanner.databases.select",
		"datastore.entities.get", "datastore.entities.list", "cloudsql.instances.export", "cloudsql.instances.connect", "cloudsql.instances.executeSql", "pubsub.subscriptions.consume", "logging.privateLogEntries.list",
		"logging.logEntries.list", "artifactregistry.repositories.downloadArtifacts", "firebaserealtimedatabase.data.get", "healthcare.fhirResources.get", "healthcare.dicomWebWeb.retrieve", "compute.disks.createSnapshot",
		"compute.snapshots.useReadOnly", "compute.images.useReadOnly", "alloydb.instances.connect", "source.repos.get", "file.backups.get"}
}

// kindIn is what a permission is about, in words: "storage objects".
func kindIn(permission string) string {
	service, rest, _ := strings.Cut(permission, ".")
	resource, _, _ := strings.Cut(rest, ".")
	switch service + "." + resource {
	case "secretmanager.versions":
		return "secrets"
	case "storage.objects":
		return "objects of buckets"
	}
	if service == "resourcemanager" || service == "iam" {
		return wording.Words(resource)
	}
	return service + " " + wording.Words(resource)
}

// placeIn names a node or resource in words.
func placeIn(name string) string {
	kind, id, _ := strings.Cut(name, "/")
	switch {
	case !inside(name):
		return "the " + map[string]string{"projects": "project", "folders": "folder", "organizations": "organisation"}[kind] + " " + id
	case strings.Contains(name, "/serviceAccounts/"):
		return "the service account " + name[strings.LastIndexByte(name, '/')+1:]
	}
	parts := strings.Split(name, "/")
	return "the " + wording.Words(strings.TrimSuffix(parts[len(parts)-2], "s")) + " " + parts[len(parts)-1]
}
