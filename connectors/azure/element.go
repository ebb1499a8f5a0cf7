package azure

import (
	"encoding/json"
	"strings"
)

// kind is what an object of an export is.
type kind int

const (
	kindUnknown kind = iota
	kindAssignment
	kindDefinition
	kindDeny
	kindSubscription
	kindManagementGroup
	kindManagedIdentity
	kindServicePrincipal
	kindApplication
	kindGroup
	kindUser
	kindDirectoryRole
	kindDirectoryAssignment
	kindAppRole
	kindFederated
	kindResource
	kindHound
	kindMembers
	kindOwners
	kindCredentialSignIn
	kindPrincipalSignIn
)

// element is one object, with the fields of every kind.
type element struct {
	raw json.RawMessage

	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Type       string          `json:"type"`
	Properties json.RawMessage `json:"properties"`
	TenantID   string          `json:"tenantId"`

	PrincipalID      string          `json:"principalId"`
	PrincipalType    string          `json:"principalType"`
	RoleDefinitionID string          `json:"roleDefinitionId"`
	Scope            string          `json:"scope"`
	Condition        *string         `json:"condition"`
	RoleName         string          `json:"roleName"`
	RoleType         string          `json:"roleType"`
	Permissions      json.RawMessage `json:"permissions"`
	AssignableScopes []string        `json:"assignableScopes"`
	DenyName         string          `json:"denyAssignmentName"`

	DisplayName   string `json:"displayName"`
	Description   string `json:"description"`
	AppID         string `json:"appId"`
	ClientID      string `json:"clientId"`
	SPType        string `json:"servicePrincipalType"`
	OwnerTenant   string `json:"appOwnerOrganizationId"`
	PublisherName string `json:"publisherName"`
	Enabled       *bool  `json:"accountEnabled"`
	Created       string `json:"createdDateTime"`
	Notes         string `json:"notes"`
	SignIn        string `json:"signInAudience"`

	AlternativeNames []string                 `json:"alternativeNames"`
	Passwords        []secret                 `json:"passwordCredentials"`
	Keys             []secret                 `json:"keyCredentials"`
	AppRoles         []appRole                `json:"appRoles"`
	Owners           []member                 `json:"owners"`
	Members          []member                 `json:"members"`
	Federated        []federated              `json:"federatedIdentityCredentials"`
	UPN              string                   `json:"userPrincipalName"`
	UserType         string                   `json:"userType"`
	SecurityEnabled  *bool                    `json:"securityEnabled"`
	Assignable       *bool                    `json:"isAssignableToRole"`
	RolePermissions  json.RawMessage          `json:"rolePermissions"`
	TemplateID       string                   `json:"templateId"`
	IsBuiltIn        *bool                    `json:"isBuiltIn"`
	DirectoryScope   *string                  `json:"directoryScopeId"`
	AppRoleID        string                   `json:"appRoleId"`
	ResourceID       string                   `json:"resourceId"`
	ResourceName     string                   `json:"resourceDisplayName"`
	Issuer           string                   `json:"issuer"`
	Subject          string                   `json:"subject"`
	Audiences        []string                 `json:"audiences"`
	Identity         *identity                `json:"identity"`
	Location         string                   `json:"location"`
	Tags             map[string]string        `json:"tags"`
	Children         []json.RawMessage        `json:"children"`
	Details          *struct{ Parent parent } `json:"details"`
	State            string                   `json:"state"`
	HomeTenant       string                   `json:"homeTenantId"`

	// Fields of Graph's reports of last sign-ins.
	KeyID           string  `json:"keyId"`
	KeyType         string  `json:"keyType"`
	SignInActivity  *signIn `json:"signInActivity"`
	AppClient       *signIn `json:"applicationAuthenticationClientSignInActivity"`
	DelegatedClient *signIn `json:"delegatedClientSignInActivity"`
	LastActivity    *signIn `json:"lastSignInActivity"`

	// Fields of AzureHound.
	Kind string          `json:"kind"`
	Data json.RawMessage `json:"data"`
}

type parent struct {
	ID string `json:"id"`
}

// secret is the metadata of a password or certificate. The password itself
// (secretText) and the hint of its beginning are never read.
type secret struct {
	KeyID         string `json:"keyId"`
	DisplayName   string `json:"displayName"`
	StartDateTime string `json:"startDateTime"`
	EndDateTime   string `json:"endDateTime"`
	Type          string `json:"type"`
	Usage         string `json:"usage"`
	Custom        string `json:"customKeyIdentifier"`
}

// signIn is when a sign-in of a kind happened last.
type signIn struct {
	Last string `json:"lastSignInDateTime"`
}

type appRole struct{ ID, Value string }

type member struct {
	ID   string `json:"id"`
	UPN  string `json:"userPrincipalName"`
	Name string `json:"displayName"`
	Type string `json:"@odata.type"`
}

type federated struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Issuer    string   `json:"issuer"`
	Subject   string   `json:"subject"`
	Audiences []string `json:"audiences"`
}

type identity struct {
	Type         string                     `json:"type"`
	PrincipalID  string                     `json:"principalId"`
	TenantID     string                     `json:"tenantId"`
	UserAssigned map[string]json.RawMessage `json:"userAssignedIdentities"`
}

// parse reads an object; a value of an unexpected type makes it unknown.
// Azure's REST API nests fields in "properties", which `az` does not.
func parse(raw json.RawMessage) (element, kind) {
	var e element
	if json.Unmarshal(raw, &e) != nil {
		return element{}, kindUnknown
	}
	if len(e.Properties) > 0 && e.Properties[0] == '{' {
		id, name, typ := e.ID, e.Name, e.Type
		if json.Unmarshal(e.Properties, &e) != nil {
			return element{}, kindUnknown
		}
		e.ID, e.Name = id, name
		if typ != "" {
			e.Type = typ
		}
	}
	e.raw = raw
	return e, e.kind()
}

// kind recognises an object by its shape.
func (e *element) kind() kind {
	id, typ := strings.ToLower(e.ID), strings.ToLower(e.Type)
	switch {
	case strings.HasPrefix(e.Kind, "AZ") && len(e.Data) > 0 && e.Data[0] == '{':
		return kindHound
	case strings.Contains(id, "/denyassignments/"), e.DenyName != "":
		return kindDeny
	case e.RolePermissions != nil && (e.TemplateID != "" || e.ID != ""):
		return kindDirectoryRole
	case e.AppRoleID != "" && e.PrincipalID != "" && e.ResourceID != "":
		return kindAppRole
	case e.DirectoryScope != nil && e.RoleDefinitionID != "" && e.PrincipalID != "":
		return kindDirectoryAssignment
	case e.RoleDefinitionID != "" && e.PrincipalID != "" && e.Scope != "":
		return kindAssignment
	case typ == "microsoft.authorization/roledefinitions" && e.Permissions != nil:
		return kindDefinition
	case strings.Contains(id, "/federatedidentitycredentials/") && e.Issuer != "":
		return kindFederated
	case typ == "microsoft.managedidentity/userassignedidentities":
		return kindManagedIdentity
	case typ == "microsoft.management/managementgroups" || typ == "/providers/microsoft.management/managementgroups":
		return kindManagementGroup
	case e.KeyID != "" && e.SignInActivity != nil:
		return kindCredentialSignIn
	case e.AppID != "" && (e.LastActivity != nil || e.AppClient != nil || e.DelegatedClient != nil):
		return kindPrincipalSignIn
	case e.SPType != "" && e.AppID != "":
		return kindServicePrincipal
	case e.AppID != "" && e.ID != "" && (e.SignIn != "" || e.Passwords != nil || e.Keys != nil):
		return kindApplication
	case e.UPN != "" && e.ID != "":
		return kindUser
	case e.SecurityEnabled != nil && e.ID != "":
		return kindGroup
	case e.TenantID != "" && e.State != "" && isGUID(e.ID):
		return kindSubscription
	case strings.HasPrefix(id, "/subscriptions/") && typ != "" && (e.Identity != nil || holdsData(typ)):
		return kindResource
	}
	return kindUnknown
}

// holdsData reports the types of resource, in lower case, that hold data or
// secrets, which are stated whether or not they act as an identity.
func holdsData(typ string) bool {
	switch typ {
	case "microsoft.keyvault/vaults", "microsoft.storage/storageaccounts", "microsoft.documentdb/databaseaccounts":
		return true
	}
	return false
}

func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range s {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && !strings.ContainsRune("0123456789abcdefABCDEF", c) {
			return false
		}
	}
	return true
}
