package azurerbac

import (
	"strings"
	"testing"

	"github.com/retinue-id/retinue/internal/access"
)

const (
	sub   = "/subscriptions/00000000-0000-0000-0000-00000000000a"
	sub2  = "/subscriptions/00000000-0000-0000-0000-00000000000b"
	rg    = sub + "/resourceGroups/Pay"
	blob  = rg + "/providers/Microsoft.Storage/storageAccounts/acc/blobServices/default/containers/c"
	user  = "11111111-0000-0000-0000-000000000001"
	other = "11111111-0000-0000-0000-000000000002"
	team  = "22222222-0000-0000-0000-000000000001"
	inner = "22222222-0000-0000-0000-000000000002"
	owner = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
	read  = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
	contr = "b24988ac-6180-42a0-ab88-20f7382dd24c"
	data  = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"

	readBlob = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
)

// world is a tenant with a management group over one of two subscriptions. The
// roles are written as "Azure built-in roles" has them, shortened.
func world() State {
	return State{DenyRead: true,
		Definitions: []RoleDefinition{
			{ID: "/providers/Microsoft.Authorization/roleDefinitions/" + owner, Name: "Owner", Permissions: []Permission{{Actions: []string{"*"}}}},
			{ID: read, Name: "Reader", Permissions: []Permission{{Actions: []string{"*/read"}}}},
			{ID: contr, Name: "Contributor", Permissions: []Permission{{Actions: []string{"*"}, NotActions: []string{"Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write", "Microsoft.Authorization/elevateAccess/Action"}}}},
			{ID: data, Name: "Storage Blob Data Reader", Permissions: []Permission{{Actions: []string{"Microsoft.Storage/storageAccounts/blobServices/containers/read"}, DataActions: []string{readBlob}}}},
		},
		Scopes: []Scope{{ID: managementGroup + "root", Root: true}, {ID: managementGroup + "prod", Parent: managementGroup + "root"}, {ID: sub, Parent: managementGroup + "prod"}},
		Groups: []Group{{ID: team, Members: []string{inner}}, {ID: inner, Members: []string{user}}},
	}
}

func assign(principal, role, scope, condition string) Assignment {
	return Assignment{ID: scope + "/a", DefinitionID: sub + "/providers/Microsoft.Authorization/roleDefinitions/" + strings.ToUpper(role), PrincipalID: principal, PrincipalType: "User", Scope: scope, Condition: condition}
}

func index(t testing.TB, s State) *Index {
	t.Helper()
	x, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestAssignments follows "Understand Azure role definitions" (Actions,
// NotActions, DataActions and their wildcards) and "Understand scope".
func TestAssignments(t *testing.T) {
	for _, c := range []struct {
		principal, role, at string
		action              string
		data                bool
		scope               string
		want                access.Outcome
	}{
		{user, owner, sub, "Microsoft.Compute/virtualMachines/delete", false, rg, access.Allowed},
		{user, owner, strings.ToUpper(sub), "microsoft.compute/VIRTUALMACHINES/delete", false, rg, access.Allowed},
		{user, owner, rg, "Microsoft.Compute/virtualMachines/delete", false, sub, access.ImplicitlyDenied},
		{user, owner, rg, "Microsoft.Compute/virtualMachines/delete", false, rg + "2", access.ImplicitlyDenied},
		{user, owner, "/", "Microsoft.Compute/virtualMachines/delete", false, sub2, access.Allowed},
		{user, owner, managementGroup + "prod", "Microsoft.Compute/virtualMachines/delete", false, rg, access.Allowed},
		{user, owner, managementGroup + "root", "Microsoft.Compute/virtualMachines/delete", false, rg, access.Allowed},
		{user, owner, managementGroup + "test", "Microsoft.Compute/virtualMachines/delete", false, rg, access.ImplicitlyDenied},
		{user, owner, managementGroup + "prod", "Microsoft.Compute/virtualMachines/delete", false, sub2, access.Unknown},
		{user, read, sub, "Microsoft.Compute/virtualMachines/read", false, rg, access.Allowed},
		{user, read, sub, "Microsoft.Compute/virtualMachines/write", false, rg, access.ImplicitlyDenied},
		{user, contr, sub, "Microsoft.Authorization/roleAssignments/read", false, rg, access.Allowed},
		{user, contr, sub, "Microsoft.Authorization/roleAssignments/write", false, rg, access.ImplicitlyDenied},
		{user, contr, sub, "Microsoft.Authorization/policyAssignments/delete", false, rg, access.ImplicitlyDenied},
		{user, owner, sub, readBlob, true, blob, access.ImplicitlyDenied}, // Actions * is not data
		{user, data, sub, readBlob, true, blob, access.Allowed},
		{user, data, sub, readBlob, false, blob, access.ImplicitlyDenied},
		{team, owner, sub, "x/y/z", false, rg, access.Allowed}, // a group in a group
		{other, owner, sub, "x/y/z", false, rg, access.ImplicitlyDenied},
		{user, "ffffffff-0000-0000-0000-000000000000", sub, "x/y/z", false, rg, access.Unknown},
		{user, owner, sub, "x/*", false, rg, access.Unknown},
	} {
		s := world()
		s.Assignments = []Assignment{assign(c.principal, c.role, c.at, "")}
		d := index(t, s).Decide(Question{Principal: Principal{ID: strings.ToUpper(user)}, Action: c.action, Data: c.data, Scope: c.scope})
		if d.Outcome != c.want {
			t.Errorf("%s at %s: %s on %s: %s, want %s: %+v", c.role, c.at, c.action, c.scope, d.Outcome, c.want, d.Because)
		}
	}
}

// TestNotActionsAreNoDeny: what one role takes out another may grant
// ("Understand Azure role definitions", NotActions).
func TestNotActionsAreNoDeny(t *testing.T) {
	s := world()
	s.Assignments = []Assignment{assign(user, contr, sub, ""), assign(team, owner, rg, "")}
	if d := index(t, s).Decide(Question{Principal: Principal{ID: user}, Action: "Microsoft.Authorization/roleAssignments/write", Scope: rg}); d.Outcome != access.Allowed {
		t.Errorf("%+v", d)
	}
}

func TestForeignGroups(t *testing.T) {
	s := world()
	a := assign("33333333-0000-0000-0000-000000000009", owner, sub, "")
	a.PrincipalType = "Group"
	s.Assignments = []Assignment{a}
	x := index(t, s)
	for _, c := range []struct {
		p    Principal
		want access.Outcome
	}{
		{Principal{ID: user}, access.Unknown}, {Principal{ID: user, GroupsComplete: true}, access.ImplicitlyDenied},
		{Principal{ID: user, Groups: []string{a.PrincipalID}}, access.Allowed},
	} {
		if d := x.Decide(Question{Principal: c.p, Action: "x/y/z", Scope: rg}); d.Outcome != c.want {
			t.Errorf("%+v: %+v", c.p, d)
		}
	}
}

// TestDenyAssignments follows "List Azure deny assignments".
func TestDenyAssignments(t *testing.T) {
	const action = "Microsoft.Storage/storageAccounts/write"
	all := []Permission{{Actions: []string{"*"}, NotActions: []string{"*/read"}}}
	for name, c := range map[string]struct {
		d          DenyAssignment
		want, open access.Outcome
	}{
		"everyone":          {DenyAssignment{Scope: rg, Permissions: all, Principals: []Subject{{ID: Everyone, Type: "SystemDefined"}}}, access.ExplicitlyDenied, access.ExplicitlyDenied},
		"inherited":         {DenyAssignment{Scope: sub, Permissions: all, Principals: []Subject{{ID: user}}}, access.ExplicitlyDenied, access.ExplicitlyDenied},
		"by group":          {DenyAssignment{Scope: sub, Permissions: all, Principals: []Subject{{ID: team, Type: "Group"}}}, access.ExplicitlyDenied, access.ExplicitlyDenied},
		"excluded":          {DenyAssignment{Scope: sub, Permissions: all, Principals: []Subject{{ID: Everyone}}, Excluded: []Subject{{ID: inner, Type: "Group"}}}, access.Allowed, access.Allowed},
		"not for children":  {DenyAssignment{Scope: sub, OnlyHere: true, Permissions: all, Principals: []Subject{{ID: Everyone}}}, access.Allowed, access.Allowed},
		"here":              {DenyAssignment{Scope: rg, OnlyHere: true, Permissions: all, Principals: []Subject{{ID: Everyone}}}, access.ExplicitlyDenied, access.ExplicitlyDenied},
		"other action":      {DenyAssignment{Scope: rg, Permissions: []Permission{{Actions: []string{"*/delete"}}}, Principals: []Subject{{ID: Everyone}}}, access.Allowed, access.Allowed},
		"its not actions":   {DenyAssignment{Scope: rg, Permissions: []Permission{{Actions: []string{"*"}, NotActions: []string{"*/write"}}}, Principals: []Subject{{ID: Everyone}}}, access.Allowed, access.Allowed},
		"unknown group":     {DenyAssignment{Scope: rg, Permissions: all, Principals: []Subject{{ID: "44444444-0", Type: "Group"}}}, access.Unknown, access.Unknown},
		"unknown exclusion": {DenyAssignment{Scope: rg, Permissions: all, Principals: []Subject{{ID: Everyone}}, Excluded: []Subject{{ID: "44444444-0", Type: "Group"}}}, access.Unknown, access.Unknown},
		"unread condition":  {DenyAssignment{Scope: rg, Permissions: all, Principals: []Subject{{ID: Everyone}}, Condition: "@Resource[a:b] StringEquals 'x'"}, access.Unknown, access.Conditional},
		"elsewhere":         {DenyAssignment{Scope: sub2, Permissions: all, Principals: []Subject{{ID: Everyone}}}, access.Allowed, access.Allowed},
	} {
		s := world()
		s.Assignments = []Assignment{assign(user, owner, sub, "")}
		s.Denies = []DenyAssignment{c.d}
		x := index(t, s)
		for _, open := range []bool{false, true} {
			want := c.want
			if open {
				want = c.open
			}
			if d := x.Decide(Question{Principal: Principal{ID: user}, Action: action, Scope: rg, Open: open}); d.Outcome != want {
				t.Errorf("%s open=%v: %s, want %s: %+v", name, open, d.Outcome, want, d.Because)
			}
		}
	}
}

// TestConditions uses the forms of "Azure role assignment condition format and
// syntax" and "Examples to delegate Azure role assignment management with
// conditions".
func TestConditions(t *testing.T) {
	const name = "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name]"
	simple := "((!(ActionMatches{'" + readBlob + "'})) OR (" + name + " StringEquals 'blobs-example-container'))"
	at := func(v any) map[string]any { return map[string]any{name: v} }
	for _, c := range []struct {
		condition    string
		context      map[string]any
		closed, open access.Outcome
	}{
		{simple, at("blobs-example-container"), access.Allowed, access.Allowed},
		{simple, at("other"), access.ImplicitlyDenied, access.ImplicitlyDenied},
		{simple, nil, access.Unknown, access.Conditional},
		{"!(ActionMatches{'Microsoft.Storage/*/write'})", nil, access.Allowed, access.Allowed},
		{"ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/*'} AND NOT SubOperationMatches{'Blob.List'}", nil, access.Allowed, access.Conditional},
		{"NOT SubOperationMatches{'Blob.List'}", map[string]any{"suboperation": "Blob.List"}, access.ImplicitlyDenied, access.ImplicitlyDenied},
		{name + " StringLike 'logs*'", at("logs-1"), access.Allowed, access.Allowed},
		{name + " StringNotLike 'logs*'", at("logs-1"), access.ImplicitlyDenied, access.ImplicitlyDenied},
		{name + " StringEqualsIgnoreCase 'LOGS'", at("logs"), access.Allowed, access.Allowed},
		{name + " StringStartsWith 'lo' && " + name + " StringNotEquals 'lox'", at("logs"), access.Allowed, access.Allowed},
		{"Exists " + name, at(nil), access.ImplicitlyDenied, access.ImplicitlyDenied},
		{"NOT Exists " + name, at(nil), access.Allowed, access.Allowed},
		{"@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {" + read + ", " + contr + "}", map[string]any{"@request[microsoft.authorization/roleAssignments:RoleDefinitionId]": strings.ToUpper(read)}, access.Allowed, access.Allowed},
		{"@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAllValues:GuidNotEquals {" + owner + ", " + contr + "}", map[string]any{"@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId]": owner}, access.ImplicitlyDenied, access.ImplicitlyDenied},
		{name + " ForAllOfAnyValues:StringEquals {'a', 'b'}", at([]any{"a", "b"}), access.Allowed, access.Allowed},
		{name + " ForAllOfAnyValues:StringEquals {'a', 'b'}", at([]any{"a", "c"}), access.ImplicitlyDenied, access.ImplicitlyDenied},
		{"@Principal[Microsoft.Directory/CustomSecurityAttributes/Id:Engineering_Project] StringEquals @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs/tags:Project<$key_case_sensitive$>]",
			map[string]any{"@Principal[Microsoft.Directory/CustomSecurityAttributes/Id:Engineering_Project]": "a", "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs/tags:Project<$key_case_sensitive$>]": "a"}, access.Allowed, access.Allowed},
		{"@Environment[UtcNow] DateTimeGreaterThan '2026-05-01T13:00:00Z'", map[string]any{"@Environment[UtcNow]": "2026-06-01T00:00:00Z"}, access.Allowed, access.Allowed},
		{"@Environment[isPrivateLink] BoolEquals true", map[string]any{"@Environment[isPrivateLink]": true}, access.Allowed, access.Allowed},
		{"@Request[a:n] NumericLessThanEquals 5", map[string]any{"@Request[a:n]": 5}, access.Allowed, access.Allowed},
		{"@Request[a:n] NumericLessThanEquals 5", map[string]any{"@Request[a:n]": "many"}, access.Unknown, access.Conditional},
		{name + " SoundsLike 'x'", at("x"), access.Unknown, access.Unknown},
		{"(((", nil, access.Unknown, access.Unknown},
		{name + " StringEquals", nil, access.Unknown, access.Unknown},
		{strings.Repeat("!", 30000) + "Exists " + name, nil, access.Unknown, access.Unknown},
		{strings.Repeat("(", 40000), nil, access.Unknown, access.Unknown},
	} {
		s := world()
		s.Assignments = []Assignment{assign(user, data, sub, c.condition)}
		x := index(t, s)
		for _, open := range []bool{false, true} {
			want := c.closed
			if open {
				want = c.open
			}
			d := x.Decide(Question{Principal: Principal{ID: user}, Action: readBlob, Data: true, Scope: blob, Context: c.context, Open: open})
			if d.Outcome != want {
				t.Errorf("%.80s open=%v: %s, want %s: %+v", c.condition, open, d.Outcome, want, d.Because)
			}
			if (d.Outcome == access.Conditional) != (len(d.Remains) > 0) {
				t.Errorf("%.80s: %s with remains %v", c.condition, d.Outcome, d.Remains)
			}
		}
	}
}

func TestEligibleAndClassic(t *testing.T) {
	s := world()
	a := assign(user, owner, sub, "")
	a.Eligible = true
	s.Assignments = []Assignment{a}
	s.Classic = []ClassicAdministrator{{PrincipalID: other, Scope: sub, Role: "CoAdministrator"}}
	x := index(t, s)
	for _, c := range []struct {
		id   string
		open bool
		want access.Outcome
	}{{user, true, access.Conditional}, {user, false, access.ImplicitlyDenied}, {other, false, access.Unknown}} {
		if d := x.Decide(Question{Principal: Principal{ID: c.id}, Action: "x/y/z", Scope: rg, Open: c.open}); d.Outcome != c.want {
			t.Errorf("%s open=%v: %+v", c.id, c.open, d)
		}
	}
}

// TestDirectory follows "Overview of role-based access control in Microsoft
// Entra ID" and "Microsoft Entra built-in roles".
func TestDirectory(t *testing.T) {
	const update = "microsoft.directory/applications/credentials/update"
	s := State{
		DirectoryDefinitions: []DirectoryDefinition{
			{TemplateID: RoleApplicationAdministrator, Name: "Application Administrator", Permissions: []DirectoryPermission{{AllowedResourceActions: []string{"microsoft.directory/applications/credentials/update", "microsoft.directory/servicePrincipals/create"}}}},
			{TemplateID: RoleGlobalAdministrator, Name: "Global Administrator", Permissions: []DirectoryPermission{{AllowedResourceActions: []string{"microsoft.directory/applications/allProperties/allTasks"}}}},
			{TemplateID: "self", Name: "User", Permissions: []DirectoryPermission{{AllowedResourceActions: []string{"microsoft.directory/applications/basic/update"}, Condition: "$SubjectIsOwner"}}},
		},
		Units:  []AdministrativeUnit{{ID: "unit", Members: []string{"app1"}}},
		Owners: []Ownership{{ObjectID: "app2", OwnerID: other}},
	}
	for _, c := range []struct {
		role, scope, action, target string
		want                        access.Outcome
	}{
		{RoleApplicationAdministrator, "/", update, "/app1", access.Allowed},
		{RoleApplicationAdministrator, "/", "microsoft.directory/users/password/update", "/u", access.ImplicitlyDenied},
		{RoleApplicationAdministrator, "/app1", update, "/app1", access.Allowed},
		{RoleApplicationAdministrator, "/app1", update, "/app9", access.ImplicitlyDenied},
		{RoleApplicationAdministrator, "/administrativeUnits/unit", update, "/app1", access.Allowed},
		{RoleApplicationAdministrator, "/administrativeUnits/unit", update, "/app9", access.ImplicitlyDenied},
		{RoleApplicationAdministrator, "/administrativeUnits/unit", "microsoft.directory/servicePrincipals/create", "/", access.ImplicitlyDenied},
		{RoleApplicationAdministrator, "/administrativeUnits/nobody-knows", update, "/app1", access.Unknown},
		{RoleGlobalAdministrator, "/", update, "/app1", access.Allowed},
		{RoleGlobalAdministrator, "/", "microsoft.directory/applications/create", "/", access.Allowed},
		{RoleGlobalAdministrator, "/", "microsoft.directory/groups/create", "/", access.ImplicitlyDenied},
		{"self", "/", "microsoft.directory/applications/basic/update", "/app1", access.ImplicitlyDenied},
		{"not imported", "/", update, "/app1", access.Unknown},
	} {
		s.DirectoryAssignments = []DirectoryAssignment{{ID: "d", DefinitionID: c.role, PrincipalID: user, Scope: c.scope}}
		x := index(t, s)
		if d := x.DecideDirectory(Question{Principal: Principal{ID: user}, Action: c.action, Scope: c.target}); d.Outcome != c.want {
			t.Errorf("%+v: %+v", c, d)
		}
		if d := x.DecideDirectory(Question{Principal: Principal{ID: other}, Action: update, Scope: "/app2"}); d.Outcome != access.Allowed {
			t.Errorf("owner: %+v", d)
		}
	}
	s.DirectoryAssignments = []DirectoryAssignment{{ID: "d", DefinitionID: RoleGlobalAdministrator, PrincipalID: "g", PrincipalType: "group", Scope: "/"}}
	if d := index(t, s).DecideDirectory(Question{Principal: Principal{ID: user}, Action: update, Scope: "/app1"}); d.Outcome != access.Unknown {
		t.Errorf("a group whose members are not known: %+v", d)
	}
}

func TestAppRoles(t *testing.T) {
	s := State{AppRoles: []AppRoleGrant{{PrincipalID: user, ResourceAppID: "graph-object", RoleID: "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9"}, {PrincipalID: other, ResourceAppID: graphAppID, RoleID: "nobody knows"}},
		ServicePrincipals: []ServicePrincipal{{ObjectID: "graph-object", AppID: graphAppID}}}
	x := index(t, s)
	for _, c := range []struct {
		id, permission string
		want           access.Outcome
	}{
		{user, "Application.ReadWrite.All", access.Allowed}, {user, "1BFEFB4E-E0B5-418B-A88F-73C46D2CC8E9", access.Allowed},
		{user, "Directory.Read.All", access.ImplicitlyDenied}, {other, "Application.ReadWrite.All", access.Unknown},
	} {
		if d := x.DecideAppRole(Principal{ID: c.id}, c.permission, ""); d.Outcome != c.want {
			t.Errorf("%+v: %+v", c, d)
		}
	}
}

func TestHostileStates(t *testing.T) {
	if _, err := New(State{Scopes: []Scope{{ID: managementGroup + "a", Parent: managementGroup + "b"}, {ID: managementGroup + "b", Parent: managementGroup + "a"}}}); err == nil {
		t.Error("a circle of management groups is no error")
	}
	s := world()
	s.Groups = []Group{{ID: "a", Members: []string{"b"}}, {ID: "b", Members: []string{"a", user}}}
	s.Assignments = []Assignment{assign("a", owner, sub, "")}
	if d := index(t, s).Decide(Question{Principal: Principal{ID: user}, Action: "x/y", Scope: sub}); d.Outcome != access.Allowed {
		t.Errorf("groups in a circle: %+v", d)
	}
	if matchAction(strings.Repeat("*a", 20000), strings.Repeat("a", 10000)) {
		t.Error("more letters than there are")
	}
}
