package azure

import (
	"encoding/json"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/export"
)

// maxGroups bounds how deep management groups nest; Azure allows six levels.
const maxGroups = 16

const managementGroup = "/providers/microsoft.management/managementgroups/"

func subscriptionOf(id string) string {
	rest, ok := strings.CutPrefix(lower(id), "/subscriptions/")
	if !ok {
		return "none"
	}
	sub, _, _ := strings.Cut(rest, "/")
	return sub
}

// place is the part of a tenant that a scope belongs to, as elements of a path.
func place(scope string) []string {
	scope = lower(scope)
	if name, ok := strings.CutPrefix(scope, managementGroup); ok {
		return []string{"management-group", name}
	}
	if sub := subscriptionOf(scope); sub != "none" {
		return []string{"subscription", sub}
	}
	return []string{"root"}
}

// atScope names what stands at a scope.
func (m *mapper) atScope(scope string) retinue.Ref {
	scope = lower(scope)
	switch parts := strings.Split(scope, "/"); {
	case scope == "" || scope == "/":
		return m.tenantRef()
	case strings.HasPrefix(scope, managementGroup):
		return m.ref("management_group", scope)
	case strings.HasPrefix(scope, "/subscriptions/") && len(parts) == 3:
		return m.ref("subscription", scope)
	case strings.HasPrefix(scope, "/subscriptions/") && len(parts) == 5:
		return m.ref("resource_group", scope)
	case strings.Contains(scope, "/userassignedidentities/"):
		return m.ref("managed_identity", scope)
	}
	return m.ref("resource", scope)
}

// groupOf is the resource group that a resource lies in.
func (m *mapper) groupOf(id string) retinue.Ref {
	parts := strings.Split(lower(id), "/")
	if len(parts) >= 5 && parts[1] == "subscriptions" && parts[3] == "resourcegroups" {
		return m.ref("resource_group", strings.Join(parts[:5], "/"))
	}
	return m.atScope("/subscriptions/" + subscriptionOf(id))
}

func guid(id string) string {
	id = lower(id)
	return id[strings.LastIndexByte(id, '/')+1:]
}

// policy states the kinds that are documents, kept whole.
func (m *mapper) policy(e *element, k kind) error {
	switch k {
	case kindDefinition:
		return m.definition(e)
	case kindAssignment:
		return m.assignment(e)
	case kindDeny:
		return m.deny(e)
	case kindDirectoryRole:
		return m.directoryRole(e)
	case kindDirectoryAssignment:
		return m.directoryAssignment(e)
	case kindAppRole:
		return m.appRole(e)
	}
	return nil
}

// document makes a policy of an object; ok is false where it is no JSON that
// can be kept, which is a problem of the scope.
func (m *mapper) document(sc retinue.Scope, ref retinue.Ref, name string, raw json.RawMessage) (retinue.Policy, bool) {
	doc, err := export.Canonical(raw)
	if err != nil {
		m.w.Fail(sc, err)
		return retinue.Policy{}, false
	}
	return retinue.Policy{Ref: ref, Name: retinue.CleanName(name), Language: retinue.LanguageAzureRBAC, Document: doc}, true
}

func (m *mapper) definitionRef(id string, builtIn bool) retinue.Ref {
	if builtIn {
		return retinue.NewRef(microsoft, "role_definition", guid(id))
	}
	return m.ref("role_definition", guid(id))
}

func (m *mapper) definition(e *element) error {
	builtIn := e.RoleType == "BuiltInRole"
	path := []string{"rbac", "role-definitions", "built-in"}
	if !builtIn {
		scope := "/"
		if len(e.AssignableScopes) > 0 {
			scope = e.AssignableScopes[0]
		}
		path = append([]string{"rbac", "role-definitions"}, place(scope)...)
	}
	sc := m.covers("az role definition list", path...)
	id := e.ID
	if id == "" {
		id = e.Name
	}
	p, ok := m.document(sc, m.definitionRef(id, builtIn), e.RoleName, e.raw)
	if !ok {
		return nil
	}
	if builtIn {
		p.Managed = retinue.ManagedByProvider
	}
	return m.w.Emit(sc, p)
}

// assignment states a role assignment and whom it gives which role where.
func (m *mapper) assignment(e *element) error {
	sc := m.covers("az role assignment list --all", append([]string{"rbac", "role-assignments"}, place(e.Scope)...)...)
	ref, within := m.ref("role_assignment", e.ID), m.atScope(e.Scope)
	p, ok := m.document(sc, ref, e.Name, e.raw)
	if !ok {
		return nil
	}
	role := retinue.AttachIdentity
	target := m.object(e.PrincipalID, e.PrincipalType)
	if target.Kind == "group" {
		role = retinue.AttachGroup
	}
	a := retinue.Attachment{Policy: m.definitionRef(e.RoleDefinitionID, !m.custom(e.RoleDefinitionID)), Target: target, Role: role, Within: within, Via: ref}
	if e.Condition != nil && *e.Condition != "" {
		a.Options = retinue.Attrs{"condition": *e.Condition}
	}
	return m.w.Emit(sc, p, retinue.Attachment{Policy: ref, Target: within, Role: retinue.AttachResource}, a)
}

// custom reports whether the export defines a role as a custom one.
func (m *mapper) custom(id string) bool { return m.kinds["role:"+guid(id)] == "custom" }

func (m *mapper) deny(e *element) error {
	sc := m.covers("the listing of deny assignments", append([]string{"rbac", "deny-assignments"}, place(e.Scope)...)...)
	ref := m.ref("deny_assignment", e.ID)
	p, ok := m.document(sc, ref, e.DenyName, e.raw)
	if !ok {
		return nil
	}
	return m.w.Emit(sc, p, retinue.Attachment{Policy: ref, Target: m.atScope(e.Scope), Role: retinue.AttachDeny})
}

func (m *mapper) directoryRef(id string, builtIn bool) retinue.Ref {
	if builtIn {
		return retinue.NewRef(microsoft, "directory_role", lower(id))
	}
	return m.ref("directory_role", id)
}

func (m *mapper) directoryRole(e *element) error {
	sc := m.covers("the listing of directory roles", "directory", "roles")
	id := e.TemplateID
	builtIn := e.IsBuiltIn == nil || *e.IsBuiltIn
	if id == "" || !builtIn {
		id = e.ID
	}
	p, ok := m.document(sc, m.directoryRef(id, builtIn), e.DisplayName, e.raw)
	if !ok {
		return nil
	}
	if builtIn {
		p.Managed = retinue.ManagedByProvider
	}
	return m.w.Emit(sc, p)
}

func (m *mapper) directoryAssignment(e *element) error {
	sc := m.covers("the listing of directory role assignments", "directory", "role-assignments")
	key := e.ID
	if key == "" {
		key = lower(e.RoleDefinitionID + "/" + e.PrincipalID + *e.DirectoryScope)
	}
	// The ids of these assignments tell upper from lower case.
	ref := retinue.NewRef(m.realm, "directory_role_assignment", retinue.CleanName(key))
	p, ok := m.document(sc, ref, "", e.raw)
	if !ok {
		return nil
	}
	within := m.tenantRef()
	if unit, ok := strings.CutPrefix(lower(*e.DirectoryScope), "/administrativeunits/"); ok {
		within = m.ref("administrative_unit", unit)
	} else if object := strings.TrimPrefix(lower(*e.DirectoryScope), "/"); object != "" {
		within = m.object(object, "")
	}
	role, target := retinue.AttachIdentity, m.object(e.PrincipalID, e.PrincipalType)
	if target.Kind == "group" {
		role = retinue.AttachGroup
	}
	builtIn := m.kinds["directory-role:"+lower(e.RoleDefinitionID)] != "custom"
	return m.w.Emit(sc, p, retinue.Attachment{Policy: ref, Target: within, Role: retinue.AttachResource},
		retinue.Attachment{Policy: m.directoryRef(e.RoleDefinitionID, builtIn), Target: target, Role: role, Within: within, Via: ref})
}

// appRole states an application permission. Its name stands with the API that
// defines it; where that is in the export, it is put beside the id.
func (m *mapper) appRole(e *element) error {
	sc := m.covers("the listing of application permissions", "directory", "app-role-assignments")
	raw, value := e.raw, m.roles[lower(e.ResourceID)][lower(e.AppRoleID)]
	if value != "" {
		var fields map[string]any
		if json.Unmarshal(raw, &fields) == nil {
			fields["appRoleValue"] = value
			raw, _ = json.Marshal(fields) // it was JSON a moment ago
		}
	}
	key := e.ID
	if key == "" {
		key = lower(e.PrincipalID + "/" + e.ResourceID + "/" + e.AppRoleID)
	}
	ref, api := retinue.NewRef(m.realm, "app_role_assignment", retinue.CleanName(key)), m.ref("service_principal", e.ResourceID)
	p, ok := m.document(sc, ref, value, raw)
	if !ok {
		return nil
	}
	if value == "" {
		value = lower(e.AppRoleID)
	}
	return m.w.Emit(sc, p, retinue.Attachment{Policy: ref, Target: m.object(e.PrincipalID, e.PrincipalType), Role: retinue.AttachIdentity},
		retinue.Grant{Subject: m.object(e.PrincipalID, e.PrincipalType), Privileges: []string{value}, Resource: api, ResourceName: retinue.CleanName(e.ResourceName), Via: ref})
}

func (m *mapper) subscription(e *element) error {
	if !isGUID(e.ID) {
		return nil
	}
	sc := m.covers("az account list", "subscription", lower(e.ID))
	c := retinue.Container{Ref: m.ref("subscription", "/subscriptions/"+e.ID), Name: retinue.CleanName(e.Name + e.DisplayName), Kind: retinue.ContainerAccount, State: retinue.StateActive}
	if e.State != "Enabled" {
		c.State = retinue.StateDisabled
	}
	return m.w.Emit(sc, c)
}

// managementGroup states a management group and what lies directly in it.
func (m *mapper) managementGroup(e *element, above string, depth int) error {
	sc := m.covers("az account management-group show --expand", "management-group", guid(e.ID))
	c := retinue.Container{Ref: m.ref("management_group", e.ID), Name: retinue.CleanName(e.DisplayName), Kind: retinue.ContainerFolder}
	if e.Details != nil && e.Details.Parent.ID != "" {
		above = e.Details.Parent.ID
	}
	if above != "" {
		c.Parent = m.atScope(above)
	}
	facts := []retinue.Fact{c}
	for _, raw := range e.Children {
		child, k := parse(raw)
		switch {
		case k == kindManagementGroup && child.Children != nil && depth < maxGroups:
			if err := m.managementGroup(&child, e.ID, depth+1); err != nil {
				return err
			}
		case strings.HasPrefix(lower(child.ID), "/subscriptions/"):
			facts = append(facts, retinue.Container{Ref: m.ref("subscription", child.ID), Name: retinue.CleanName(child.DisplayName), Kind: retinue.ContainerAccount, Parent: c.Ref})
		case strings.HasPrefix(lower(child.ID), managementGroup):
			facts = append(facts, retinue.Container{Ref: m.ref("management_group", child.ID), Name: retinue.CleanName(child.DisplayName), Kind: retinue.ContainerFolder, Parent: c.Ref})
		}
	}
	return m.w.Emit(sc, facts...)
}

// resource states a resource that acts as managed identities or holds data.
func (m *mapper) resource(e *element) error {
	kind := resourceKind(e.Type)
	sc := m.covers("the listing of "+retinue.CleanName(e.Type), "resources", subscriptionOf(e.ID), kind)
	r := retinue.Resource{Ref: m.ref(kind, e.ID), Name: retinue.CleanName(e.Name), Kind: kind, Container: m.groupOf(e.ID), Region: e.Location, Labels: e.Tags,
		Attrs: retinue.Attrs{"type": retinue.CleanName(e.Type)}}
	r.RunsAs = m.identities(e.Identity)
	return m.w.Emit(sc, append([]retinue.Fact{r}, tagOwners(r.Ref, e.Tags)...)...)
}

// identities are the service principals of what a resource runs as.
func (m *mapper) identities(i *identity) []retinue.Ref {
	if i == nil {
		return nil
	}
	var out []retinue.Ref
	if i.PrincipalID != "" {
		out = append(out, m.ref("service_principal", i.PrincipalID))
	}
	for _, id := range sorted(i.UserAssigned) {
		var u struct {
			PrincipalID string `json:"principalId"`
		}
		if json.Unmarshal(i.UserAssigned[id], &u) == nil && u.PrincipalID != "" {
			out = append(out, m.ref("service_principal", u.PrincipalID))
		}
	}
	return out
}

// resourceKind turns "Microsoft.Compute/virtualMachines" into
// "compute_virtual_machines".
func resourceKind(typ string) string {
	typ = strings.TrimPrefix(strings.TrimPrefix(typ, "Microsoft."), "microsoft.")
	var b strings.Builder
	for i, c := range typ {
		switch {
		case c >= 'A' && c <= 'Z':
			if i > 0 && typ[i-1] >= 'a' && typ[i-1] <= 'z' {
				b.WriteByte('_')
			}
			b.WriteRune(c - 'A' + 'a')
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			b.WriteRune(c)
		default:
			b.WriteByte('_')
		}
	}
	s := b.String()
	if s == "" || len(s) > 60 || s[0] < 'a' || s[0] > 'z' {
		return "resource"
	}
	return s
}
