package azure

import "github.com/retinue-id/retinue"

const (
	codePrincipalsOff     = "azure.principal_sign_ins_missing"
	codeManagedOff        = "azure.managed_identity_sign_ins_missing"
	codeNonInteractiveOff = "azure.non_interactive_missing"
	licence               = "Entra ID P1 for every user whose sign-ins are kept, and storage of the export"
)

func activityBlind() []retinue.BlindSpot {
	return []retinue.BlindSpot{
		{Code: "azure.reads_not_logged", Text: "The Activity log has no reads of Resource Manager: listing and looking leave no trace.", Actions: []string{"*/read"}},
		{Code: "azure.data_plane_elsewhere", Text: "What is done with the data of a resource is in the resource's own log, where a diagnostic setting sends it anywhere.",
			Actions: []string{"*/blobs/*", "*/messages/*", "*/fileshares/*", "*/tables/*", "*/entities/*", "microsoft.keyvault/vaults/secrets/*", "microsoft.keyvault/vaults/keys/*", "microsoft.keyvault/vaults/certificates/*", "microsoft.documentdb/*/items/*"},
			Raise:   "A diagnostic setting for the category group audit on each storage account, key vault and database, by Azure Policy", Cost: "about the price of Log Analytics or storage for one record a request; busy storage accounts write gigabytes a day"},
		{Code: "azure.activity_no_key", Text: "The Activity log says that a service principal called and not with which of its secrets or certificates; its sign-in does.",
			Credentials: []retinue.CredentialKind{retinue.CredentialClientSecret, retinue.CredentialCertificate}, Raise: "Import the service principal sign-in log", Cost: licence},
		{Code: "azure.other_subscriptions", Text: "Each subscription has an Activity log of its own, and management groups have theirs; those that were not read do not show.",
			Raise: "Import every subscription", Cost: "none"},
	}
}

func signInBlind() []retinue.BlindSpot {
	apps := []retinue.IdentityKind{retinue.IdentityServicePrincipal, retinue.IdentityApp, retinue.IdentityOAuthApp}
	return []retinue.BlindSpot{
		{Code: codePrincipalsOff, Text: "No sign-in of a service principal is in the files: either none signed in, or that log is not exported.", Kinds: apps,
			Raise: "The category ServicePrincipalSignInLogs in Entra's diagnostic settings", Cost: licence},
		{Code: codeManagedOff, Text: "No sign-in of a managed identity is in the files: either none signed in, or that log is not exported.", Kinds: []retinue.IdentityKind{retinue.IdentityManagedIdentity},
			Raise: "The category ManagedIdentitySignInLogs in Entra's diagnostic settings", Cost: licence},
		{Code: codeNonInteractiveOff, Text: "No non-interactive sign-in of a user is in the files: the use of refresh tokens by applications does not show.",
			Credentials: []retinue.CredentialKind{retinue.CredentialRefreshToken, retinue.CredentialOAuthToken}, Raise: "The category NonInteractiveUserSignInLogs in Entra's diagnostic settings", Cost: licence + "; it is the largest of the four logs"},
		{Code: "azure.keys_sign_in_nowhere", Text: "Account keys, shared access signatures and function keys do not sign in: their use shows in resource logs only.",
			Credentials: []retinue.CredentialKind{retinue.CredentialAccessKey, retinue.CredentialSharedAccess, retinue.CredentialAPIKey, retinue.CredentialConnectionString},
			Raise:       "Diagnostic settings of the storage accounts, or shared key access switched off", Cost: "that of the resource logs"},
	}
}

func directoryBlind() []retinue.BlindSpot {
	return []retinue.BlindSpot{
		{Code: "azure.directory_changes_only", Text: "Entra's audit log shows changes of the directory; what was done elsewhere, in Azure or in applications, is in other logs.",
			Raise: "Import the sign-in logs, which show every identity that was used", Cost: licence},
		{Code: "azure.directory_reads_not_logged", Text: "Entra's audit log has changes only: reading the directory through Graph leaves no trace in it.", Actions: []string{"microsoft.directory/*/read", "*.Read.All", "*.Read"},
			Raise: "The category MicrosoftGraphActivityLogs in Entra's diagnostic settings, which is not read here yet", Cost: "Entra ID P1, and storage for one record a call of Graph"},
	}
}

func resourceBlind() []retinue.BlindSpot {
	return []retinue.BlindSpot{
		{Code: "azure.resource_logs_partial", Text: "Resource logs are switched on resource by resource: those of one say nothing of another.",
			Raise: "Diagnostic settings by Azure Policy on every storage account and key vault", Cost: "storage for one record a request"},
		{Code: "azure.sas_shares_a_key", Text: "A shared access signature shows the key that signed it; several signatures of one key are told apart by their hash only, which is not kept.",
			Credentials: []retinue.CredentialKind{retinue.CredentialSharedAccess}},
	}
}
