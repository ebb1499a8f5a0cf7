// Package azure reads what Azure's and Entra's own tools export about a tenant:
// app registrations, service principals and managed identities with their
// secrets and certificates, role definitions and assignments, deny assignments,
// directory roles, application permissions, groups and owners. It reads files
// of `az`, of Microsoft Graph and of AzureHound; a live reader is not part of
// it yet.
//
// # Realms and scopes
//
// A tenant is the realm "azure:TENANT_ID". Built-in roles are the same
// everywhere and have the realm "azure:microsoft". Few outputs name the tenant;
// it is taken from those that do, or from the option tenant.
//
// Objects of the directory are named by their object id, resources by their
// resource id, both in lower case, as Azure compares them without regard to it.
package azure
