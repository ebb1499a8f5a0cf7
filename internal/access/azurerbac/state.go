// Package azurerbac answers what Azure RBAC and Microsoft Entra allow: role
// definitions and assignments with their scopes and conditions, deny
// assignments, directory roles with administrative units, application
// permissions, and who owns applications. It is pure: a [State] in, answers
// out.
//
// The rules follow Microsoft's documents "What is Azure role-based access
// control", "Understand Azure role definitions", "Understand scope for Azure
// RBAC", "List Azure deny assignments", "Azure role assignment condition format
// and syntax", "Overview of role-based access control in Microsoft Entra ID"
// and the Microsoft Graph permissions reference.
//
// What the engine does not know makes an answer Unknown with the reason: a role
// without a definition, a group without members, a subscription whose
// management group is not known, a condition that does not parse.
//
// Access policies of key vaults, shared keys of storage accounts, Azure Policy
// and conditional access are no part of this package.
package azurerbac

import "strings"

// State is what is known of a tenant. Ids are compared without regard to case.
// Order means nothing but for which of several reasons is named first.
type State struct {
	Definitions []RoleDefinition
	Assignments []Assignment
	Denies      []DenyAssignment
	Scopes      []Scope
	Groups      []Group
	Classic     []ClassicAdministrator

	DirectoryDefinitions []DirectoryDefinition
	DirectoryAssignments []DirectoryAssignment
	Units                []AdministrativeUnit
	AppRoles             []AppRoleGrant
	Owners               []Ownership
	Applications         []Application
	ServicePrincipals    []ServicePrincipal
	// Workloads are what runs as a managed identity.
	Workloads []Workload
	// DenyRead says that deny assignments were listed, none left out.
	DenyRead bool
	// Read says what was listed whole, where the state comes from an inventory;
	// nil says that it is whole.
	Read *Coverage
}

// RoleDefinition is a built-in or custom role of Azure.
type RoleDefinition struct {
	// ID is the definition's id or its GUID alone.
	ID          string
	Name        string
	Custom      bool
	Permissions []Permission
}

// Permission is one block of a role definition. What the lists with Not name is
// taken out of this block only.
type Permission struct {
	Actions        []string `json:"actions"`
	NotActions     []string `json:"notActions"`
	DataActions    []string `json:"dataActions"`
	NotDataActions []string `json:"notDataActions"`
	Condition      string   `json:"condition,omitempty"`
}

// Assignment gives a role to a principal at a scope.
type Assignment struct {
	ID string
	// DefinitionID is the role definition's id or its GUID alone.
	DefinitionID  string
	PrincipalID   string
	PrincipalType string // User, Group, ServicePrincipal, ForeignGroup, Device
	Scope         string
	Condition     string
	// Eligible says that the assignment works only after it was activated in
	// Privileged Identity Management.
	Eligible bool
}

// DenyAssignment denies actions at a scope.
type DenyAssignment struct {
	ID          string
	Name        string
	Scope       string
	Permissions []Permission
	// Principals and Excluded are ids; Everyone stands for all.
	Principals []Subject
	Excluded   []Subject
	// OnlyHere says that it does not apply to child scopes.
	OnlyHere  bool
	Condition string
}

// Subject is a principal of a deny assignment.
type Subject struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

// Everyone is the id under which a deny assignment means all principals ("List
// Azure deny assignments").
const Everyone = "00000000-0000-0000-0000-000000000000"

// Scope is a management group or a subscription with what is above it.
type Scope struct {
	ID     string
	Parent string
	// Root says that nothing is above it but "/".
	Root bool
}

// Group is a group with its direct members, which are all of them unless it is
// Partial.
type Group struct {
	ID      string
	Members []string
	Partial bool
	// RoleAssignable groups can be changed by few only.
	RoleAssignable bool
}

// ClassicAdministrator is a service or co-administrator of a subscription.
// Microsoft retired them on 31 August 2024 ("Azure classic subscription
// administrators").
type ClassicAdministrator struct {
	PrincipalID string
	Scope       string
	Role        string
}

// DirectoryDefinition is a directory role.
type DirectoryDefinition struct {
	TemplateID  string
	Name        string
	Permissions []DirectoryPermission
}

// DirectoryPermission is a block of a directory role.
type DirectoryPermission struct {
	AllowedResourceActions []string `json:"allowedResourceActions"`
	Condition              string   `json:"condition,omitempty"`
}

// DirectoryAssignment gives a directory role to a principal.
type DirectoryAssignment struct {
	ID           string
	DefinitionID string
	PrincipalID  string
	// PrincipalType is "Group" for groups, where it is known.
	PrincipalType string
	// Scope is "/" for the tenant, "/administrativeUnits/ID" or "/OBJECT".
	Scope    string
	Eligible bool
}

// AdministrativeUnit is a part of the directory with its members, all of them.
type AdministrativeUnit struct {
	ID      string
	Members []string
}

// AppRoleGrant is an application permission that was granted to a principal.
type AppRoleGrant struct {
	PrincipalID string
	// ResourceAppID is the application that defines the permission, or the
	// object id of its service principal.
	ResourceAppID string
	// RoleID is the permission's id, Value its name such as
	// "Application.ReadWrite.All" where that is known.
	RoleID, Value string
}

// Ownership says that a principal owns an application, a service principal or a
// group.
type Ownership struct{ ObjectID, OwnerID string }

// Application is an app registration.
type Application struct{ ObjectID, AppID, Name string }

// ServicePrincipal is an application's identity in the tenant, or a managed
// identity.
type ServicePrincipal struct {
	ObjectID, AppID, Name string
	// ManagedIdentity is the id of the resource that it belongs to; empty for
	// others.
	ManagedIdentity string
	Disabled        bool
	// Locked says that no credentials can be added to it ("App instance
	// property lock").
	Locked bool
	// Managed says that it is Microsoft's own, Foreign that another tenant
	// publishes the application.
	Managed, Foreign bool
}

// Workload is a resource that runs code as managed identities.
type Workload struct {
	ID         string
	Type       string // such as "Microsoft.Compute/virtualMachines"
	Principals []string
}

// canonical is the one spelling of an id or scope.
func canonical(id string) string {
	id = strings.ToLower(strings.TrimSpace(id))
	if id == "/" {
		return id
	}
	return strings.TrimSuffix(id, "/")
}

// guid is the last part of an id.
func guid(id string) string {
	id = canonical(id)
	return id[strings.LastIndexByte(id, '/')+1:]
}

const managementGroup = "/providers/microsoft.management/managementgroups/"

// truth is a three-valued answer.
type truth int8

const (
	no truth = iota
	maybe
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

func (t truth) not() truth { return yes - t }
