package azurerbac

import (
	"strings"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/wording"
)

// probe is an operation whose holder can do something worth a sentence of its
// own. Roles are written with wildcards, so that what a role gives is found by
// asking for it.
type probe struct {
	consequence access.Consequence
	action      string
	data        bool
	// text says what it does, to what lies in a place.
	text string
}

// probes are asked of every role, worst first ("Azure permissions" by service).
func probes() []probe {
	control := func(c access.Consequence, action, text string) probe { return probe{c, canonical(action), false, text} }
	data := func(c access.Consequence, action, text string) probe { return probe{c, canonical(action), true, text} }
	return []probe{
		control(access.Administers, "Microsoft.Authorization/roleAssignments/write", "grants itself any role"),
		control(access.Escalates, "Microsoft.Authorization/roleDefinitions/write", "changes custom roles, also those that it holds,"),
		control(access.Escalates, "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action", "gives managed identities to what it starts"),
		control(access.Escalates, "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write", "lets tokens of other issuers act as managed identities"),
		control(access.Escalates, "Microsoft.Compute/virtualMachines/runCommand/action", "runs commands on machines, as their managed identities,"),
		control(access.Escalates, "Microsoft.Compute/virtualMachines/extensions/write", "installs extensions on machines"),
		data(access.Escalates, "Microsoft.Compute/virtualMachines/loginAsAdmin/action", "signs in to machines as their administrator"),
		control(access.Escalates, "Microsoft.Web/sites/publishxml/action", "replaces the code of web and function apps"),
		control(access.Escalates, "Microsoft.Automation/automationAccounts/runbooks/write", "writes runbooks of automation accounts"),
		control(access.Escalates, "Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action", "fetches administrator credentials of clusters"),
		control(access.Escalates, "Microsoft.Resources/deploymentScripts/write", "runs deployment scripts"),
		data(access.ReadsSecrets, "Microsoft.KeyVault/vaults/secrets/getSecret/action", "reads the values of secrets in key vaults"),
		control(access.ReadsSecrets, "Microsoft.KeyVault/vaults/accessPolicies/write", "lets itself into key vaults that go by access policies"),
		control(access.ReadsSecrets, "Microsoft.Storage/storageAccounts/listKeys/action", "lists the keys of storage accounts"),
		control(access.ReadsSecrets, "Microsoft.DocumentDB/databaseAccounts/listKeys/action", "lists the keys of Cosmos DB accounts"),
		control(access.ReadsSecrets, "Microsoft.Web/sites/config/list/action", "reads the settings of web apps, with the secrets in them,"),
		control(access.ReadsSecrets, "Microsoft.ServiceBus/namespaces/authorizationRules/listKeys/action", "lists the keys of Service Bus"),
		control(access.ReadsSecrets, "Microsoft.ContainerRegistry/registries/listCredentials/action", "lists the credentials of container registries"),
		control(access.ExposesResources, "Microsoft.Storage/storageAccounts/write", "opens storage accounts to the network and to anyone"),
		control(access.ExposesResources, "Microsoft.Network/networkSecurityGroups/securityRules/write", "opens networks"),
		control(access.ExposesResources, "Microsoft.Sql/servers/firewallRules/write", "opens SQL servers to the network"),
		control(access.Destroys, "Microsoft.Resources/subscriptions/resourceGroups/delete", "deletes resource groups with all that is in them"),
		control(access.Destroys, "Microsoft.Storage/storageAccounts/delete", "deletes storage accounts"),
		control(access.Destroys, "Microsoft.KeyVault/vaults/delete", "deletes key vaults"),
		control(access.Destroys, "Microsoft.Sql/servers/databases/delete", "deletes databases"),
		control(access.Destroys, "Microsoft.Compute/virtualMachines/delete", "deletes machines"),
		data(access.Destroys, "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete", "deletes blobs"),
		data(access.ReadsData, "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read", "reads blobs"),
		data(access.ReadsData, "Microsoft.Storage/storageAccounts/queueServices/queues/messages/read", "reads queues"),
		data(access.ReadsData, "Microsoft.Storage/storageAccounts/tableServices/tables/entities/read", "reads tables"),
		data(access.ReadsData, "Microsoft.Storage/storageAccounts/fileServices/fileshares/files/read", "reads file shares"),
		data(access.ReadsData, "Microsoft.EventHub/namespaces/messages/receive/action", "receives events"),
		data(access.ReadsData, "Microsoft.ServiceBus/namespaces/messages/receive/action", "receives messages"),
		control(access.ReadsData, "Microsoft.OperationalInsights/workspaces/query/read", "queries logs"),
		control(access.Changes, "Microsoft.Compute/virtualMachines/write", "makes and changes machines"),
		control(access.Changes, "Microsoft.Web/sites/write", "makes and changes web and function apps"),
		data(access.Changes, "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write", "writes blobs"),
		data(access.Changes, "Microsoft.KeyVault/vaults/secrets/setSecret/action", "sets secrets in key vaults"),
		control(access.Looks, "Microsoft.Resources/subscriptions/resourceGroups/read", "lists and describes resources"),
	}
}

// ofPattern says what follows from an action of a role that no probe is about.
func ofPattern(action string) access.Consequence {
	switch last := action[strings.LastIndexByte(action, '/')+1:]; {
	case last == "read" || strings.HasPrefix(last, "list"):
		return access.Looks
	case last == "delete":
		return access.Destroys
	}
	return access.Changes
}

// kindIn is what an action is about, in words: "compute virtual machines".
func kindIn(action string) string {
	provider, rest, _ := strings.Cut(action, "/")
	resource, _, _ := strings.Cut(rest, "/")
	name := provider[strings.LastIndexByte(provider, '.')+1:]
	if resource == "*" || resource == "" || provider == "*" {
		return wording.Words(strings.ReplaceAll(name, "*", "all"))
	}
	return wording.Words(name) + " " + wording.Words(resource)
}

// placeIn names a scope in words.
func placeIn(scope string) string {
	name := scope[strings.LastIndexByte(scope, '/')+1:]
	switch kindOf(scope) {
	case refRoot:
		return "all of Azure"
	case refManagementGroup:
		return "the management group " + name
	case refSubscription:
		return "the subscription " + name
	case "resource_group":
		return "the resource group " + name
	}
	return "the resource " + name
}
