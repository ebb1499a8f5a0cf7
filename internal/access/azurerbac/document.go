package azurerbac

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
)

// Document is a policy document of the inventory, verbatim as `az` or Microsoft
// Graph prints it: a role definition, a role assignment, a deny assignment, a
// directory role or its assignment, or an application permission's grant.
type Document struct {
	// Name names the document in errors.
	Name string `json:"name,omitempty"`
	Text string `json:"text"`
}

// UnmarshalJSON takes a document as text under "text", or the object itself.
func (d *Document) UnmarshalJSON(b []byte) error {
	var wrapped struct {
		Name string  `json:"name"`
		Text *string `json:"text"`
	}
	if err := json.Unmarshal(b, &wrapped); err != nil {
		return err
	}
	d.Name, d.Text = wrapped.Name, string(b)
	if wrapped.Text != nil {
		d.Text = *wrapped.Text
	}
	return nil
}

// raw has the fields of every kind of document. Azure's REST API nests them in
// "properties"; `az` does not.
type raw struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Properties json.RawMessage `json:"properties"`

	RoleName         string       `json:"roleName"`
	RoleType         string       `json:"roleType"`
	DisplayName      string       `json:"displayName"`
	Permissions      []Permission `json:"permissions"`
	DenyName         string       `json:"denyAssignmentName"`
	Principals       []Subject    `json:"principals"`
	Excluded         []Subject    `json:"excludePrincipals"`
	OnlyHere         bool         `json:"doNotApplyToChildScopes"`
	RoleDefinitionID string       `json:"roleDefinitionId"`
	PrincipalID      string       `json:"principalId"`
	PrincipalType    string       `json:"principalType"`
	Scope            string       `json:"scope"`
	Condition        *string      `json:"condition"`
	Eligible         bool         `json:"eligible"`

	RolePermissions  []DirectoryPermission `json:"rolePermissions"`
	TemplateID       string                `json:"templateId"`
	DirectoryScopeID *string               `json:"directoryScopeId"`
	AppRoleID        string                `json:"appRoleId"`
	AppRoleValue     string                `json:"appRoleValue"`
	ResourceID       string                `json:"resourceId"`
	Principal        struct {
		Type string `json:"@odata.type"`
	} `json:"principal"`
}

// AddDocument reads a document into the state, telling by its shape what it is.
// Errors wrap retinue.ErrInvalid and name the document.
func (s *State) AddDocument(d Document) error {
	fail := func(why string) error {
		return fmt.Errorf("%w: document %s: %s", retinue.ErrInvalid, retinue.CleanName(d.Name), retinue.CleanName(why))
	}
	if d.Text == "" {
		return nil // known by its name only
	}
	if len(d.Text) > retinue.MaxDocument {
		return fail(fmt.Sprintf("%d bytes: the limit is %d", len(d.Text), retinue.MaxDocument))
	}
	var in raw
	if err := json.Unmarshal([]byte(d.Text), &in); err != nil {
		return fail(err.Error())
	}
	if len(in.Properties) > 0 && string(in.Properties) != "null" {
		id, name := in.ID, in.Name
		if err := json.Unmarshal(in.Properties, &in); err != nil {
			return fail(err.Error())
		}
		in.ID, in.Name = id, name
	}
	condition := ""
	if in.Condition != nil {
		condition = *in.Condition
	}
	switch {
	case in.DenyName != "" || in.Principals != nil:
		s.Denies = append(s.Denies, DenyAssignment{ID: in.ID, Name: in.DenyName, Scope: in.Scope, Permissions: in.Permissions,
			Principals: in.Principals, Excluded: in.Excluded, OnlyHere: in.OnlyHere, Condition: condition})
	case in.RolePermissions != nil:
		s.DirectoryDefinitions = append(s.DirectoryDefinitions, directoryDefinitions(&in)...)
	case in.AppRoleID != "":
		s.AppRoles = append(s.AppRoles, AppRoleGrant{PrincipalID: in.PrincipalID, ResourceAppID: in.ResourceID, RoleID: in.AppRoleID, Value: in.AppRoleValue})
	case in.DirectoryScopeID != nil && in.RoleDefinitionID != "":
		s.DirectoryAssignments = append(s.DirectoryAssignments, DirectoryAssignment{ID: in.ID, DefinitionID: in.RoleDefinitionID,
			PrincipalID: in.PrincipalID, PrincipalType: strings.TrimPrefix(in.Principal.Type, "#microsoft.graph."), Scope: *in.DirectoryScopeID, Eligible: in.Eligible})
	case in.RoleDefinitionID != "" && in.PrincipalID != "":
		s.Assignments = append(s.Assignments, Assignment{ID: in.ID, DefinitionID: in.RoleDefinitionID, PrincipalID: in.PrincipalID,
			PrincipalType: in.PrincipalType, Scope: in.Scope, Condition: condition, Eligible: in.Eligible})
	case in.Permissions != nil:
		id := in.ID
		if id == "" {
			id = in.Name
		}
		s.Definitions = append(s.Definitions, RoleDefinition{ID: id, Name: in.RoleName, Custom: in.RoleType == "CustomRole", Permissions: in.Permissions})
	default:
		return fail("neither a role definition, an assignment, a deny assignment, a directory role nor an application permission")
	}
	return nil
}

// directoryDefinitions knows a role by its id and by its template's, which
// differ for roles that were activated in older tenants.
func directoryDefinitions(in *raw) []DirectoryDefinition {
	var out []DirectoryDefinition
	for _, id := range []string{in.ID, in.TemplateID} {
		if id != "" && (len(out) == 0 || id != out[0].TemplateID) {
			out = append(out, DirectoryDefinition{TemplateID: id, Name: in.DisplayName, Permissions: in.RolePermissions})
		}
	}
	return out
}

// StateOf builds a State from the inventory's documents; the caller adds
// scopes, groups and what else is no document. Documents that cannot be read
// are left out and reported; a caller must then treat the state as partial.
func StateOf(docs []Document) (State, []error) {
	var s State
	var errs []error
	for _, d := range docs {
		if err := s.AddDocument(d); err != nil {
			errs = append(errs, err)
		}
	}
	return s, errs
}
