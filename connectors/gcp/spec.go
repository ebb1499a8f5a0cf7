package gcp

import (
	"github.com/retinue-id/retinue/connector"
)

// Kind is the word for this connector on the command line.
const Kind = "gcp"

// Spec describes the connector.
func Spec() connector.Spec {
	return connector.Spec{
		Kind:    Kind,
		Title:   "Google Cloud",
		Summary: "Google Cloud projects and organisations from exported files: service accounts and keys, allow and deny policies, roles, workload identity federation, and what runs as which account.",
		Target: []connector.TargetForm{
			{Form: "PATH", Help: "a file or a folder of JSON that gcloud printed, of one project or many"},
		},
		Options: []connector.Option{
			{Name: "resource", Help: "What the output of `get-iam-policy` is about, which it does not say: projects/ID, folders/NUMBER, organizations/NUMBER or a full resource name.", Default: "none; such files are then left out and named", Reach: connector.ReachMachine},
			{Name: "projects", Help: "Which project a number is, as NUMBER=ID, where the files do not say; addresses of Google's own accounts hold the number.", Default: "what the files say", List: true, Reach: connector.ReachSystem},
			{Name: "token", Help: "An access token with which live logs are read, as `gcloud auth print-access-token` prints it.", Default: "GOOGLE_OAUTH_ACCESS_TOKEN", Secret: true, Reach: connector.ReachSystem},
			{Name: "key", Help: "The key of a service account in JSON with which live logs are read, in place of a token.", Default: "what GOOGLE_APPLICATION_CREDENTIALS names", Secret: true, Reach: connector.ReachSystem},
		},
		Examples: []connector.TargetForm{
			{Form: "gcp=./export", Help: "read every export in a folder"},
			{Form: "gcp=assets.jsonl", Help: "read what `gcloud asset export` wrote"},
			{Form: "gcp=policy.json,resource=projects/my-project", Help: "read the output of `gcloud projects get-iam-policy my-project --format=json`"},
		},
		Privileges: []connector.Document{
			{Title: "Custom role for whoever exports", Language: "yaml", Body: roleYAML},
			{Title: "Export with gcloud", Language: "sh", Body: exportScript},
		},
		Sees: []string{
			"Service accounts with state and number; those that Google makes are marked as such.",
			"Keys of service accounts with age, end and who made them. A key found in a file elsewhere is joined by its id.",
			"On which day each service account and key last authenticated, from Activity Analyzer.",
			"Allow policies of projects, folders, organisations and single resources, whole, with who holds which role under which condition.",
			"Deny policies, and predefined and custom roles with their permissions.",
			"Who may become each service account: people, groups, other accounts, workloads of Kubernetes and subjects of other issuers.",
			"Workload identity pools and their providers with issuer, audiences, attribute mapping and condition.",
			"From Cloud Asset Inventory's resources: machines, functions, services, jobs, clusters, notebooks and workflows with the accounts that they run as.",
			"Buckets, secrets, BigQuery datasets and Cloud SQL instances, by name: who reads them is answered from the policies.",
		},
		BlindSpots: []string{
			"There is no live reader yet: what is not exported is not seen.",
			"Activity Analyzer says on which day a service account or key last authenticated, in the time that it watches: weak evidence. Attempts that failed count, listing a key while authenticating counts as its use, and HMAC keys, API keys of accounts and delegation to Workspace do not show. Import the audit logs for more.",
			"Members of Google groups are not in any of these files; what a group's members can do is answered for the group.",
			"Principal access boundary policies, VPC Service Controls, organisation policies and access control lists of Cloud Storage are not read.",
			"HMAC keys and API keys are not listed by these commands.",
			"An empty list does not say which project it is of, and completes nothing.",
			"`gcloud iam roles list` leaves out permissions; roles without them are listed and not evaluated.",
		},
		CouldRead: []string{
			"The role below reads configuration only. Cloud Asset Inventory's resources hold environment variables of functions and start-up scripts of machines, which can hold secrets; only the accounts are read from them.",
		},
		Open:     open,
		Activity: activity(),
		Script:   func(connector.Config) (string, error) { return "#!/bin/sh\n" + exportScript, nil },
	}
}

const roleYAML = `title: Retinue export
description: Reads identities, policies and roles. No data, no keys.
stage: GA
includedPermissions:
- cloudasset.assets.exportIamPolicy
- cloudasset.assets.exportResource
- cloudasset.assets.searchAllIamPolicies
- cloudasset.assets.searchAllResources
- iam.denypolicies.get
- iam.denypolicies.list
- iam.roles.get
- iam.roles.list
- iam.serviceAccountKeys.list
- iam.serviceAccounts.get
- iam.serviceAccounts.getIamPolicy
- iam.serviceAccounts.list
- iam.workloadIdentityPoolProviders.list
- iam.workloadIdentityPools.list
- policyanalyzer.serviceAccountKeyLastAuthenticationActivities.query
- policyanalyzer.serviceAccountLastAuthenticationActivities.query
- resourcemanager.folders.get
- resourcemanager.folders.list
- resourcemanager.organizations.get
- resourcemanager.projects.get
- resourcemanager.projects.list
`

const exportScript = `# Exports one project into the folder retinue-gcp. Usage: PROJECT=my-project sh export.sh
set -eu
: "${PROJECT:?set PROJECT to a project id}"
mkdir -p retinue-gcp && cd retinue-gcp
gcloud projects list --filter="projectId=$PROJECT" --format=json > project.json
gcloud asset search-all-iam-policies --scope="projects/$PROJECT" --format=json > policies.json
gcloud asset list --project="$PROJECT" --content-type=resource --format=json > resources.json
gcloud iam service-accounts list --project="$PROJECT" --format=json > accounts.json
for account in $(gcloud iam service-accounts list --project="$PROJECT" --format='value(email)'); do
  gcloud iam service-accounts keys list --iam-account="$account" --format=json > "keys-$account.json"
done
# Last use: needs the Policy Analyzer API, and is left out where it is refused.
for type in serviceAccountLastAuthentication serviceAccountKeyLastAuthentication; do
  gcloud policy-intelligence query-activity --activity-type="$type" --project="$PROJECT" --limit=unlimited --format=json > "$type.json" || rm -f "$type.json"
done
for role in $(gcloud iam roles list --project="$PROJECT" --format='value(name)'); do
  gcloud iam roles describe "${role##*/}" --project="$PROJECT" --format=json > "role-${role##*/}.json"
done
for role in $(gcloud asset search-all-iam-policies --scope="projects/$PROJECT" --flatten='policy.bindings[]' --format='value(policy.bindings.role)' | sort -u | grep '^roles/'); do
  gcloud iam roles describe "$role" --format=json > "role-$(echo "$role" | tr / -).json"
done
gcloud iam workload-identity-pools list --project="$PROJECT" --location=global --format=json > pools.json
for pool in $(gcloud iam workload-identity-pools list --project="$PROJECT" --location=global --format='value(name.basename())'); do
  gcloud iam workload-identity-pools providers list --project="$PROJECT" --location=global --workload-identity-pool="$pool" --format=json > "providers-$pool.json"
done
point="cloudresourcemanager.googleapis.com%2Fprojects%2F$PROJECT"
for policy in $(gcloud iam policies list --attachment-point="$point" --kind=denypolicies --format='value(name.basename())'); do
  gcloud iam policies get "$policy" --attachment-point="$point" --kind=denypolicies --format=json > "deny-$policy.json"
done
`
