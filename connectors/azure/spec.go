package azure

import "github.com/retinue-id/retinue/connector"

// Kind is the word for this connector on the command line.
const Kind = "azure"

// Spec describes the connector.
func Spec() connector.Spec {
	return connector.Spec{
		Kind:    Kind,
		Title:   "Azure and Microsoft Entra",
		Summary: "An Entra tenant and its Azure subscriptions from exported files: applications, service principals and managed identities with their secrets, roles and assignments, directory roles, application permissions and owners.",
		Target: []connector.TargetForm{
			{Form: "PATH", Help: "a file or a folder of JSON that az, Microsoft Graph or AzureHound printed, of one tenant"},
		},
		Options: []connector.Option{
			{Name: "tenant", Help: "Id of the tenant, where no file names it or several do.", Default: "the tenant that the files name", Reach: connector.ReachMachine},
			{Name: "client-id", Help: "The application with which live logs are read.", Default: "AZURE_CLIENT_ID", Reach: connector.ReachSystem},
			{Name: "client-secret", Help: "Its secret.", Default: "AZURE_CLIENT_SECRET", Secret: true, Reach: connector.ReachSystem},
		},
		Examples: []connector.TargetForm{
			{Form: "azure=./export", Help: "read every export in a folder"},
			{Form: "azure=azurehound.json", Help: "read what `azurehound list -o azurehound.json` wrote"},
			{Form: "azure=assignments.json,tenant=11111111-1111-1111-1111-111111111111", Help: "read `az role assignment list --all` output, which does not name its tenant"},
		},
		Privileges: []connector.Document{
			{Title: "Roles for whoever exports", Language: "sh", Body: privileges},
			{Title: "Export with az", Language: "sh", Body: exportScript},
		},
		Sees: []string{
			"App registrations, service principals and managed identities, with who publishes them and whether they can sign in.",
			"Client secrets and certificates with their ids, beginning and end. Neither the value nor Entra's hint of it is read.",
			"Federated credentials: which issuer's subjects may act as an application or managed identity.",
			"Role definitions, role assignments with their conditions, and deny assignments, whole.",
			"Directory roles and their assignments, application permissions, groups with members, and owners, who can add secrets.",
			"Subscriptions, management groups, and resources with the managed identities that they run as.",
			"Key vaults, storage accounts and Cosmos DB accounts, by name: who reads them is answered from the assignments.",
			"When each secret, certificate and service principal was last used, from Graph's reports of sign-in activity.",
		},
		BlindSpots: []string{
			"There is no live reader yet: what is not exported is not seen.",
			"Sign-ins are not in these files. Of when a secret, certificate or service principal was last used, what Graph's beta reports say is read (weak evidence: one time, of the global cloud only, and nothing where there is no entry): import the sign-in logs for more.",
			"`az ad sp list` and `az ad app list` stop at 100 without `--all`, and do not say that they did.",
			"Administrative units are named and their members are not read.",
			"Eligible assignments of Privileged Identity Management, access policies of key vaults, keys of storage accounts and conditional access are not read.",
			"Federated credentials that were exported for one application alone do not say whose they are; they are counted, not stated.",
			"AzureHound's lists of key vault access and of virtual machine administrators are not read.",
		},
		CouldRead: []string{
			"Reader shows the configuration of every resource, which can hold secrets in settings and tags; Directory Readers shows every user and group of the tenant.",
		},
		Open:     open,
		Activity: activity(),
		Script:   func(connector.Config) (string, error) { return "#!/bin/sh\n" + exportScript, nil },
	}
}

const privileges = `# Azure: read configuration, no data, at the root management group.
az role assignment create --assignee "$PRINCIPAL" --role Reader \
  --scope "/providers/Microsoft.Management/managementGroups/$TENANT"
# Entra: the directory role Directory Readers, or for an application the
# permissions Application.Read.All, GroupMember.Read.All and
# RoleManagement.Read.Directory of Microsoft Graph.
# For when secrets were last used: the directory role Reports Reader, or
# AuditLog.Read.All.
`

const exportScript = `# Exports the tenant that az is signed in to into the folder retinue-azure.
set -eu
mkdir -p retinue-azure && cd retinue-azure
az account list --all > subscriptions.json
az ad sp list --all > service-principals.json
az ad app list --all > applications.json
for subscription in $(az account list --query '[].id' -o tsv); do
  az role assignment list --all --include-inherited --subscription "$subscription" > "assignments-$subscription.json"
  az role definition list --subscription "$subscription" > "definitions-$subscription.json"
  az identity list --subscription "$subscription" > "identities-$subscription.json"
  az resource list --subscription "$subscription" > "resources-$subscription.json"
  az rest --url "/subscriptions/$subscription/providers/Microsoft.Authorization/denyAssignments?api-version=2022-04-01" > "deny-$subscription.json"
done
graph=https://graph.microsoft.com/v1.0
az rest --url "$graph/roleManagement/directory/roleDefinitions" > directory-roles.json
az rest --url "$graph/roleManagement/directory/roleAssignments?\$expand=principal" > directory-assignments.json
az rest --url "$graph/groups?\$expand=members&\$top=999" > groups.json
az rest --url "$graph/applications?\$expand=owners&\$top=999" > owners.json
msgraph=$(az ad sp show --id 00000003-0000-0000-c000-000000000000 --query id -o tsv)
az rest --url "$graph/servicePrincipals/$msgraph/appRoleAssignedTo?\$top=999" > app-roles.json
# The last sign-ins: beta, of the global cloud, and left out where it is refused.
for report in appCredentialSignInActivities servicePrincipalSignInActivities; do
  az rest --url "https://graph.microsoft.com/beta/reports/$report" > "$report.json" || rm -f "$report.json"
done
`
