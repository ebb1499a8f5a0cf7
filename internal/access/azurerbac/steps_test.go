package azurerbac

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
)

const (
	tenantRealm = retinue.Realm("azure:99999999-0000-0000-0000-000000000000")
	billing     = "/subscriptions/aaaaaaaa-0000-0000-0000-000000000000"
	webshop     = "/subscriptions/bbbbbbbb-0000-0000-0000-000000000000"
	prodGroup   = managementGroup + "prod"
	vault       = billing + "/resourcegroups/r/providers/microsoft.keyvault/vaults/v"
	machine     = billing + "/resourcegroups/r/providers/microsoft.compute/virtualmachines/m"
	uami        = webshop + "/resourcegroups/r/providers/microsoft.managedidentity/userassignedidentities/u"
)

func object(kind, name string) retinue.Ref { return retinue.NewRef(tenantRealm, kind, name) }

// book makes facts as the azure connector states them.
type book struct {
	facts []retinue.Fact
	read  []retinue.Scope
	n     int
}

func (b *book) add(facts ...retinue.Fact) { b.facts = append(b.facts, facts...) }

func (b *book) definition(id string, custom bool, permission string) {
	kind, realm := "BuiltInRole", microsoftRealm
	if custom {
		kind, realm = "CustomRole", tenantRealm
	}
	b.add(retinue.Policy{Ref: retinue.NewRef(realm, "role_definition", id), Language: retinue.LanguageAzureRBAC,
		Document: fmt.Sprintf(`{"id":"/x/%s","roleName":%q,"roleType":%q,"permissions":[%s]}`, id, id, kind, permission)})
}

func (b *book) assign(principal retinue.Ref, role, scope, condition string) {
	b.n++
	id := fmt.Sprintf("%s/assignments/%d", scope, b.n)
	typ := map[string]string{"group": "Group", "user": "User"}[principal.Kind]
	b.add(retinue.Policy{Ref: object("role_assignment", id), Language: retinue.LanguageAzureRBAC,
		Document: fmt.Sprintf(`{"id":%q,"principalId":%q,"principalType":%q,"roleDefinitionId":"/x/%s","scope":%q,"condition":%q}`, id, principal.Key, typ, role, scope, condition)},
		retinue.Attachment{Policy: retinue.NewRef(microsoftRealm, "role_definition", role), Target: principal, Role: retinue.AttachIdentity, Within: object("subscription", scope)})
}

func (b *book) directed(principal retinue.Ref, template, scope string) {
	b.n++
	id := fmt.Sprintf("directed-%d", b.n)
	b.add(retinue.Policy{Ref: object("directory_role_assignment", id), Language: retinue.LanguageAzureRBAC,
		Document: fmt.Sprintf(`{"id":%q,"principalId":%q,"roleDefinitionId":%q,"directoryScopeId":%q}`, id, principal.Key, template, scope)},
		retinue.Attachment{Policy: retinue.NewRef(microsoftRealm, "directory_role", template), Target: principal, Role: retinue.AttachIdentity})
}

func (b *book) engine(t testing.TB) *Engine {
	t.Helper()
	var c Collector
	for _, f := range b.facts {
		if err := c.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	e, err := c.Engine(nil, b.read)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

var (
	ann     = object("user", "ann")
	team1   = object("group", "team1")
	bot     = object("service_principal", "bot")
	botApp  = object("application", "bot-app")
	uamiSP  = object("service_principal", "uami-sp")
	vmSP    = object("service_principal", "vm-sp")
	secrets = object("keyvault_vaults", vault)
)

// company is a tenant with a management group, two subscriptions, a vault, a
// machine, a managed identity and an application.
func company() *book {
	b := &book{}
	root := object("management_group", managementGroup+tenantRealm.ID())
	b.add(retinue.Container{Ref: root, Kind: retinue.ContainerFolder}, retinue.Container{Ref: object("management_group", prodGroup), Parent: root},
		retinue.Container{Ref: object("subscription", billing), Parent: object("management_group", prodGroup)},
		retinue.Container{Ref: object("subscription", webshop), Parent: root},
		retinue.Identity{Ref: ann, Name: "Ann", Kind: retinue.IdentityUser}, retinue.Group{Ref: team1, Name: "Team"},
		retinue.Identity{Ref: bot, Name: "Bot", Kind: retinue.IdentityServicePrincipal, Attrs: retinue.Attrs{"appId": "bot-id"}},
		retinue.Identity{Ref: botApp, Name: "Bot", Kind: retinue.IdentityApp, Attrs: retinue.Attrs{"appId": "bot-id"}},
		retinue.Identity{Ref: uamiSP, Name: "u", Kind: retinue.IdentityManagedIdentity, Attrs: retinue.Attrs{"resource": uami}},
		retinue.Identity{Ref: vmSP, Name: "m", Kind: retinue.IdentityManagedIdentity},
		retinue.Resource{Ref: object("managed_identity", uami), Kind: "managed_identity", RunsAs: []retinue.Ref{uamiSP}},
		retinue.Resource{Ref: object("compute_virtual_machines", machine), Kind: "compute_virtual_machines", RunsAs: []retinue.Ref{vmSP}, Attrs: retinue.Attrs{"type": "Microsoft.Compute/virtualMachines"}},
		retinue.Resource{Ref: secrets, Name: "v", Kind: "keyvault_vaults", Attrs: retinue.Attrs{"type": "Microsoft.KeyVault/vaults"}})
	b.definition("owner", false, `{"actions":["*"]}`)
	b.definition("reader", false, `{"actions":["*/read"]}`)
	b.definition("contributor", false, `{"actions":["*"],"notActions":["Microsoft.Authorization/*/Write","Microsoft.Authorization/*/Delete"]}`)
	b.definition("secrets-user", false, `{"dataActions":["Microsoft.KeyVault/vaults/secrets/getSecret/action"]}`)
	for _, p := range [][]string{{"rbac", "role-assignments", "subscription", strings.TrimPrefix(billing, "/subscriptions/")}, {"rbac", "role-assignments", "subscription", strings.TrimPrefix(webshop, "/subscriptions/")},
		{"rbac", "deny-assignments", "subscription", strings.TrimPrefix(billing, "/subscriptions/")}, {"directory", "role-assignments"}, {"directory", "app-role-assignments"}, {"directory", "group-members", "team1"}} {
		b.read = append(b.read, retinue.NewScope(tenantRealm, p...))
	}
	return b
}

func picture(t testing.TB, e *Engine) *graph.Graph {
	t.Helper()
	var b graph.Builder
	e.Steps(&b)
	return b.Build()
}

// reaches lists the keys that a principal comes to by any number of steps that
// are sure.
func reaches(g *graph.Graph, from retinue.Ref) []string {
	start := g.Find(from)
	if start == graph.None {
		return nil
	}
	seen, queue := map[graph.NodeID]bool{start: true}, []graph.NodeID{start}
	var out []string
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		for _, id := range g.From(n) {
			s := g.Step(id)
			if seen[s.To] || len(s.Remains) > 0 || s.Assumes != "" {
				continue
			}
			seen[s.To] = true
			queue = append(queue, s.To)
			if g.Node(s.To).Kind != graph.Set {
				out = append(out, g.Node(s.To).Ref.Key)
			}
		}
	}
	slices.Sort(out)
	return out
}

func TestSteps(t *testing.T) {
	rgOf := func(id string) string { return strings.Join(strings.Split(id, "/")[:5], "/") }
	root := managementGroup + tenantRealm.ID()
	for _, c := range []struct {
		name  string
		build func(*book)
		want  []string
	}{
		{"reader", func(b *book) { b.assign(ann, "reader", billing, "") }, nil},
		{"owner of a subscription", func(b *book) { b.assign(ann, "owner", billing, "") }, []string{vault, machine, rgOf(vault), billing, "vm-sp"}},
		{"owner of a management group", func(b *book) { b.assign(ann, "owner", prodGroup, "") }, []string{vault, machine, rgOf(vault), billing, prodGroup, "vm-sp"}},
		{"contributor", func(b *book) { b.assign(ann, "contributor", billing, "") }, []string{"vm-sp"}},
		{"contributor through a group", func(b *book) {
			b.assign(team1, "contributor", billing, "")
			b.add(retinue.Membership{Group: team1, Member: ann})
		}, []string{"team1", "vm-sp"}},
		{"contributor through a group, where something else is denied", func(b *book) {
			first := object("group", "a-team") // whose steps are looked for before hers
			b.assign(first, "contributor", billing, "")
			b.add(retinue.Group{Ref: first, Name: "A team"})
			b.add(retinue.Membership{Group: first, Member: ann})
			b.add(retinue.Policy{Ref: object("deny_assignment", "d"), Language: retinue.LanguageAzureRBAC,
				Document: fmt.Sprintf(`{"denyAssignmentName":"d","scope":%q,"permissions":[{"actions":["Microsoft.Compute/*"]}],"principals":[{"id":%q}]}`, webshop, Everyone)})
		}, []string{"vm-sp"}},
		{"contributor above", func(b *book) { b.assign(ann, "contributor", root, "") }, []string{"uami-sp", "vm-sp"}},
		{"contributor above, denied below", func(b *book) {
			b.assign(ann, "contributor", root, "")
			b.add(retinue.Policy{Ref: object("deny_assignment", "d"), Language: retinue.LanguageAzureRBAC,
				Document: fmt.Sprintf(`{"denyAssignmentName":"d","scope":%q,"permissions":[{"actions":["Microsoft.Compute/*"]}],"principals":[{"id":%q}]}`, billing, Everyone)})
		}, []string{"uami-sp"}},
		{"secrets of one vault", func(b *book) { b.assign(ann, "secrets-user", vault, "") }, []string{vault}},
		{"secrets of a vault, by a managed identity of a machine", func(b *book) {
			b.assign(ann, "contributor", machine, "")
			b.assign(vmSP, "secrets-user", billing, "")
		}, []string{vault, "vm-sp"}},
		{"owner of an application", func(b *book) {
			b.add(retinue.Trust{Subject: botApp, Kind: retinue.TrusteePrincipal, Trustee: ann, Name: "owner", Attrs: retinue.Attrs{"ownership": true}})
		}, []string{"bot"}},
		{"application administrator", func(b *book) { b.directed(ann, RoleApplicationAdministrator, "/") }, []string{"bot"}},
		{"application administrator of one", func(b *book) { b.directed(ann, RoleApplicationAdministrator, "/bot-app") }, []string{"bot"}},
		{"application administrator of another", func(b *book) { b.directed(ann, RoleApplicationAdministrator, "/other") }, nil},
		{"global administrator", func(b *book) { b.directed(ann, RoleGlobalAdministrator, "/") },
			[]string{"/", root, prodGroup, vault, machine, rgOf(vault), billing, webshop, rgOf(uami), tenantRealm.ID(), "bot", "team1", "uami-sp", "vm-sp"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := company()
			c.build(b)
			g := picture(t, b.engine(t))
			want := slices.Clone(c.want)
			want = slices.DeleteFunc(want, func(s string) bool { return s == machine })
			slices.Sort(want)
			if got := reaches(g, ann); !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			for i := range g.Steps() {
				s := g.Step(graph.StepID(i))
				if s.Verb != graph.Contains && (len(s.Needs) == 0 || slices.ContainsFunc(s.Needs, func(n []graph.GrantID) bool { return len(n) == 0 })) {
					t.Errorf("%s to %s rests on nothing", s.Technique, g.Node(s.To).Ref)
				}
			}
		})
	}
}

func TestAdministratorsAreMarked(t *testing.T) {
	b := company()
	b.assign(ann, "owner", billing, "")
	b.assign(bot, "owner", billing+"/resourcegroups/r", "")
	b.assign(uamiSP, "owner", billing, "@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {x}")
	b.directed(vmSP, RolePrivilegedRoleAdministrator, "/")
	g := picture(t, b.engine(t))
	for ref, want := range map[retinue.Ref]bool{ann: true, bot: false, uamiSP: false, vmSP: true} {
		if got := g.Node(g.Find(ref)).Admin; got != want {
			t.Errorf("%s: administrator %t, want %t", ref, got, want)
		}
	}
}

func TestFederation(t *testing.T) {
	b := company()
	federated := func(of retinue.Ref) {
		b.add(retinue.Trust{Subject: of, Kind: retinue.TrusteeFederated, Name: "x", Attrs: retinue.Attrs{"credential": "gh"},
			Federation: &retinue.Federation{Issuer: "https://token.actions.githubusercontent.com", Subject: "repo:o/r:environment:prod", Audience: "api://AzureADTokenExchange"}})
	}
	federated(botApp)
	federated(object("managed_identity", uami))
	list := b.engine(t).Federation()
	if len(list) != 2 || list[0].Ref != bot || list[1].Ref != uamiSP || list[0].Subject != "repo:o/r:environment:prod" || list[0].Audience == "" || list[0].Because.Text == "" {
		t.Errorf("%+v", list)
	}
}

func TestCan(t *testing.T) {
	b := company()
	b.assign(ann, "secrets-user", billing, "")
	b.assign(bot, "owner", webshop, "")
	b.assign(object("group", "strangers"), "owner", billing, "")
	e := b.engine(t)
	const get, start = "Microsoft.KeyVault/vaults/secrets/getSecret/action", "Microsoft.Compute/virtualMachines/start/action"
	for _, c := range []struct {
		who              retinue.Ref
		action, resource string
		want             access.Outcome
	}{
		{ann, get, vault, access.Allowed},
		{ann, "data:" + get, "", access.Allowed},
		{bot, get, webshop, access.ImplicitlyDenied}, // an owner reads no data
		{bot, start, webshop, access.Allowed},
		{bot, start, "", access.Allowed},
		{bot, start, billing, access.Unknown}, // as may this
		{ann, start, billing, access.Unknown}, // may be one of strangers
		{bot, "Application.ReadWrite.All", "", access.ImplicitlyDenied},
		{bot, "microsoft.directory/applications/credentials/update", "", access.ImplicitlyDenied},
		{object("user", "nobody"), start, billing, access.Unknown},
	} {
		if d := e.Can(c.who, c.action, c.resource); d.Outcome != c.want || !e.Asks(c.action, c.resource) {
			t.Errorf("%s %s %s: %s, want %s: %+v", c.who.Key, c.action, c.resource, d.Outcome, c.want, d.Because)
		}
	}
	if who := e.WhoCan("", start, billing); len(who) != 1 || who[0].Subject.Key != "strangers" {
		t.Errorf("%+v", who)
	}
	for _, foreign := range []string{"s3:GetObject", "get pods", "storage.objects.get", "iam.googleapis.com/roles.get", "SELECT"} {
		if e.Asks(foreign, "") {
			t.Errorf("takes %s for its own", foreign)
		}
	}
}
