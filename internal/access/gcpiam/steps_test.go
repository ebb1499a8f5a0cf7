package gcpiam

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// book makes facts as the gcp connector states them.
type book struct {
	facts []retinue.Fact
	read  []retinue.Scope
}

func (b *book) project(id, number, parent string) {
	c := retinue.Container{Ref: retinue.NewRef(retinue.NewRealm("gcp", id), "project", "projects/"+id), Kind: retinue.ContainerProject, Attrs: retinue.Attrs{"number": number}}
	if parent == "" {
		c.Attrs["root"] = true
	} else {
		c.Parent = retinue.NewRef(retinue.NewRealm("gcp", parent), strings.TrimSuffix(strings.Split(parent, "/")[0], "s"), parent)
	}
	b.facts = append(b.facts, c)
}

func (b *book) node(name, parent string) {
	c := retinue.Container{Ref: retinue.NewRef(retinue.NewRealm("gcp", name), strings.TrimSuffix(strings.Split(name, "/")[0], "s"), name), Kind: retinue.ContainerFolder}
	if parent != "" {
		c.Parent = retinue.NewRef(retinue.NewRealm("gcp", parent), strings.TrimSuffix(strings.Split(parent, "/")[0], "s"), parent)
	}
	b.facts = append(b.facts, c)
}

func accountRef(email string) retinue.Ref {
	_, domain, _ := strings.Cut(email, "@")
	return retinue.NewRef(retinue.NewRealm("gcp", strings.TrimSuffix(domain, ".iam.gserviceaccount.com")), "service_account", email)
}

func (b *book) account(email string) retinue.Ref {
	ref := accountRef(email)
	b.facts = append(b.facts, retinue.Identity{Ref: ref, Name: email, Kind: retinue.IdentityServiceAccount, State: retinue.StateActive})
	return ref
}

func (b *book) role(name string, permissions ...string) {
	realm := Common
	if owner, _, custom := strings.Cut(name, "/roles/"); custom {
		realm = realmFor(owner)
	}
	b.facts = append(b.facts, retinue.Policy{Ref: retinue.NewRef(realm, "role", name), Language: retinue.LanguageGCPIAM,
		Document: fmt.Sprintf(`{"name":%q,"includedPermissions":["%s"]}`, name, strings.Join(permissions, `","`))})
}

func realmFor(node string) retinue.Realm {
	return retinue.NewRealm("gcp", strings.TrimPrefix(node, "projects/"))
}

// binds states an allow policy; each grant is "role member [condition]".
func (b *book) binds(home, resource, kind string, grants ...string) {
	realm := realmFor(home)
	var doc []string
	policy := retinue.NewRef(realm, "allow_policy", resource)
	target := retinue.NewRef(realm, kind, resource)
	for _, g := range grants {
		role, rest, _ := strings.Cut(g, " ")
		member, condition, _ := strings.Cut(rest, " ")
		text := fmt.Sprintf(`{"role":%q,"members":[%q]}`, role, member)
		if condition != "" {
			text = fmt.Sprintf(`{"role":%q,"members":[%q],"condition":{"expression":%q}}`, role, member, condition)
		}
		doc = append(doc, text)
		b.facts = append(b.facts, retinue.Attachment{Policy: retinue.NewRef(Common, "role", role), Target: memberRef(realm, member), Role: retinue.AttachIdentity, Within: target, Via: policy})
	}
	b.facts = append(b.facts, retinue.Policy{Ref: policy, Language: retinue.LanguageGCPIAM, Document: `{"bindings":[` + strings.Join(doc, ",") + `]}`},
		retinue.Attachment{Policy: policy, Target: target, Role: retinue.AttachResource})
}

func memberRef(realm retinue.Realm, member string) retinue.Ref {
	kind, name, _ := strings.Cut(member, ":")
	_, domain, _ := strings.Cut(name, "@")
	switch kind {
	case "user", "group":
		return retinue.NewRef(retinue.NewRealm("google", domain), kind, name)
	case "serviceAccount":
		return accountRef(name)
	case "principal":
		return retinue.NewRef(realm, "federated", member)
	}
	return retinue.NewRef(realm, "principal_set", member)
}

func (b *book) denies(node string, members, permissions string) {
	ref := retinue.NewRef(realmFor(node), "deny_policy", "policies/"+strings.ReplaceAll(node, "/", "%2F")+"/denypolicies/d")
	b.facts = append(b.facts, retinue.Policy{Ref: ref, Language: retinue.LanguageGCPIAM,
		Document: fmt.Sprintf(`{"name":%q,"rules":[{"denyRule":{"deniedPrincipals":[%q],"deniedPermissions":[%q]}}]}`, ref.Key, members, permissions)},
		retinue.Attachment{Policy: ref, Target: retinue.NewRef(realmFor(node), "project", node), Role: retinue.AttachDeny})
}

func (b *book) resource(project, name, asset string, runsAs ...retinue.Ref) retinue.Ref {
	ref := retinue.NewRef(retinue.NewRealm("gcp", project), "thing", name)
	b.facts = append(b.facts, retinue.Resource{Ref: ref, Name: name[strings.LastIndexByte(name, '/')+1:], Kind: "thing", RunsAs: runsAs,
		Container: retinue.NewRef(retinue.NewRealm("gcp", project), "project", "projects/"+project), Attrs: retinue.Attrs{"assetType": asset}})
	return ref
}

func (b *book) whole(node string) {
	b.read = append(b.read, retinue.NewScope(realmFor(node), "iam", "policies"), retinue.NewScope(realmFor(node), "iam", "deny-policies"))
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

// company is an organisation with two projects.
func company() *book {
	b := &book{}
	b.node("organizations/1", "")
	b.node("folders/2", "organizations/1")
	b.project("pay", "123", "folders/2")
	b.project("web", "456", "folders/2")
	b.whole("organizations/1")
	b.whole("folders/2")
	b.whole("projects/pay")
	b.whole("projects/web")
	b.role("roles/iam.serviceAccountTokenCreator", "iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.implicitDelegation")
	b.role("roles/iam.workloadIdentityUser", "iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.getOpenIdToken")
	b.role("roles/editor", "iam.serviceAccounts.actAs", "run.services.create", "run.services.update", "storage.objects.get", "storage.objects.create")
	b.role("roles/owner", "resourcemanager.projects.setIamPolicy", "iam.serviceAccounts.actAs")
	b.role("roles/storage.objectViewer", "storage.objects.get", "storage.objects.list")
	b.role("roles/secretmanager.secretAccessor", "secretmanager.versions.access")
	return b
}

func picture(t testing.TB, e *Engine) *graph.Graph {
	t.Helper()
	var b graph.Builder
	e.Steps(&b)
	return b.Build()
}

// reaches lists the keys that a principal comes to, by any number of steps.
func reaches(g *graph.Graph, from retinue.Ref) []string {
	start := g.Find(from)
	if start == graph.None {
		return nil
	}
	seen, queue := map[graph.NodeID]bool{start: true}, []graph.NodeID{start}
	for id := range graph.NodeID(g.Len()) {
		if g.Kind(id) == graph.Anyone { // what everybody may, each may
			seen[id] = true
			queue = append(queue, id)
		}
	}
	var out []string
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		for _, id := range g.From(n) {
			to := g.Step(id).To
			if !seen[to] {
				seen[to] = true
				queue = append(queue, to)
				if g.Node(to).Kind != graph.Set {
					out = append(out, g.Node(to).Ref.Key)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

const (
	deploy = "deploy@pay.iam.gserviceaccount.com"
	batch  = "batch@pay.iam.gserviceaccount.com"
	site   = "site@web.iam.gserviceaccount.com"
)

func TestSteps(t *testing.T) {
	user := retinue.NewRef("google:example.com", "user", "ann@example.com")
	secret := "//secretmanager.googleapis.com/projects/pay/secrets/db"
	for _, c := range []struct {
		name  string
		build func(*book)
		want  []string
	}{
		{"nothing", func(b *book) {
			b.binds("projects/pay", "projects/pay", "project", "roles/storage.objectViewer user:ann@example.com")
		}, nil},
		{"one account", func(b *book) {
			b.binds("projects/pay", "//iam.googleapis.com/projects/pay/serviceAccounts/"+deploy, "service_account", "roles/iam.serviceAccountTokenCreator user:ann@example.com")
		}, []string{deploy}},
		{"a project's accounts", func(b *book) {
			b.binds("projects/pay", "projects/pay", "project", "roles/iam.serviceAccountTokenCreator user:ann@example.com")
		}, []string{batch, deploy}},
		{"a folder's accounts", func(b *book) {
			b.binds("folders/2", "folders/2", "folder", "roles/iam.serviceAccountTokenCreator user:ann@example.com")
		}, []string{batch, deploy, site}},
		{"a folder's accounts but those of a project with a deny", func(b *book) {
			b.binds("folders/2", "folders/2", "folder", "roles/iam.serviceAccountTokenCreator user:ann@example.com")
			b.denies("projects/pay", "principal://goog/subject/ann@example.com", "iam.googleapis.com/serviceAccounts.getAccessToken")
		}, []string{site}},
		{"a condition on the resource", func(b *book) {
			b.binds("projects/pay", "projects/pay", "project", `roles/iam.serviceAccountTokenCreator user:ann@example.com resource.name.endsWith("`+batch+`")`)
		}, []string{batch}},
		{"through a group", func(b *book) {
			b.binds("projects/pay", "projects/pay", "project", "roles/iam.serviceAccountTokenCreator group:ops@example.com")
			b.facts = append(b.facts, retinue.Membership{Group: retinue.NewRef("google:example.com", "group", "ops@example.com"), Member: user})
		}, []string{batch, deploy, "ops@example.com"}},
		{"through a group, where something else is denied", func(b *book) {
			b.binds("projects/pay", "projects/pay", "project", "roles/iam.serviceAccountTokenCreator group:ops@example.com")
			b.facts = append(b.facts, retinue.Membership{Group: retinue.NewRef("google:example.com", "group", "ops@example.com"), Member: user})
			b.denies("projects/web", "principal://goog/subject/bob@example.com", "storage.googleapis.com/objects.get")
		}, []string{batch, deploy}},
		{"needs of one way through two groups", func(b *book) {
			b.role("roles/act", "iam.serviceAccounts.actAs")
			b.role("roles/run", "run.services.create")
			b.binds("projects/pay", "projects/pay", "project", "roles/act group:a@example.com", "roles/run group:b@example.com")
			for _, g := range []string{"a@example.com", "b@example.com"} {
				b.facts = append(b.facts, retinue.Membership{Group: retinue.NewRef("google:example.com", "group", g), Member: user})
			}
		}, []string{"a@example.com", "b@example.com", batch, deploy}},
		{"an owner", func(b *book) {
			b.binds("projects/pay", "projects/pay", "project", "roles/owner user:ann@example.com")
		}, []string{secret, batch, deploy, "projects/pay"}},
		{"an owner of the account's account", func(b *book) {
			b.binds("projects/web", "projects/web", "project", "roles/iam.serviceAccountTokenCreator user:ann@example.com")
			b.binds("projects/pay", "projects/pay", "project", "roles/secretmanager.secretAccessor serviceAccount:"+site)
		}, []string{secret, site}},
		{"updates what runs", func(b *book) {
			b.resource("pay", "//run.googleapis.com/projects/pay/locations/x/services/api", "run.googleapis.com/Service", accountRef(batch))
			b.role("roles/update", "run.services.update")
			b.role("roles/act", "iam.serviceAccounts.actAs")
			b.binds("projects/pay", "projects/pay", "project", "roles/update user:ann@example.com")
			b.binds("projects/pay", "//iam.googleapis.com/projects/pay/serviceAccounts/"+batch, "service_account", "roles/act user:ann@example.com")
		}, []string{batch}},
		{"updates what runs as an account that it may not act as", func(b *book) {
			b.resource("pay", "//run.googleapis.com/projects/pay/locations/x/services/api", "run.googleapis.com/Service", accountRef(batch))
			b.role("roles/update", "run.services.update")
			b.binds("projects/pay", "projects/pay", "project", "roles/update user:ann@example.com")
		}, nil},
		{"changes a role that it holds", func(b *book) {
			b.role("projects/pay/roles/mine", "iam.roles.update")
			b.binds("projects/pay", "projects/pay", "project", "projects/pay/roles/mine user:ann@example.com")
		}, []string{secret, batch, deploy, "projects/pay"}},
		{"delegates", func(b *book) {
			b.role("roles/delegate", "iam.serviceAccounts.implicitDelegation")
			b.role("roles/token", "iam.serviceAccounts.getAccessToken")
			b.binds("projects/pay", "//iam.googleapis.com/projects/pay/serviceAccounts/"+deploy, "service_account", "roles/delegate user:ann@example.com")
			b.binds("projects/web", "projects/web", "project", "roles/token serviceAccount:"+deploy)
		}, []string{site}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := company()
			b.account(deploy)
			b.account(batch)
			b.account(site)
			b.resource("pay", secret, "secretmanager.googleapis.com/Secret")
			c.build(b)
			g := picture(t, b.engine(t))
			if got := reaches(g, user); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
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

// TestStepsGrowWithGrants: a permission on a folder is one step, however many
// accounts there are and whoever else holds it.
func TestStepsGrowWithGrants(t *testing.T) {
	b := company()
	for i := range 200 {
		b.account(fmt.Sprintf("a%d@pay.iam.gserviceaccount.com", i))
		b.account(fmt.Sprintf("b%d@web.iam.gserviceaccount.com", i))
	}
	var grants []string
	for i := range 200 {
		grants = append(grants, fmt.Sprintf("roles/iam.serviceAccountTokenCreator user:u%d@example.com", i))
	}
	b.binds("folders/2", "folders/2", "folder", grants...)
	g := picture(t, b.engine(t))
	if n := g.Steps(); n > 1500 {
		t.Errorf("%d steps for 200 grants over 400 accounts", n)
	}
	if n := len(reaches(g, retinue.NewRef("google:example.com", "user", "u7@example.com"))); n != 400 {
		t.Errorf("reaches %d accounts", n)
	}
}

func TestAdministratorsAreMarked(t *testing.T) {
	b := company()
	b.account(deploy)
	b.binds("projects/pay", "projects/pay", "project", "roles/owner serviceAccount:"+deploy, `roles/owner user:bob@example.com request.time < timestamp("2027-01-01T00:00:00Z")`, "roles/editor user:ann@example.com")
	g := picture(t, b.engine(t))
	for ref, want := range map[retinue.Ref]bool{accountRef(deploy): true, retinue.NewRef("google:example.com", "user", "ann@example.com"): false, retinue.NewRef("google:example.com", "user", "bob@example.com"): false} {
		if got := g.Node(g.Find(ref)).Admin; got != want {
			t.Errorf("%s: administrator %t, want %t", ref, got, want)
		}
	}
}

func TestFederation(t *testing.T) {
	b := company()
	ref := b.account(deploy)
	const name = "projects/123/locations/global/workloadIdentityPools/github"
	b.facts = append(b.facts, retinue.Resource{Ref: retinue.NewRef("gcp:pay", "workload_identity_provider", name+"/providers/gh"), Kind: "workload_identity_provider",
		Attrs: retinue.Attrs{"type": "oidc", "issuer": "https://token.actions.githubusercontent.com", "attributeMapping": []any{"google.subject=assertion.sub", "attribute.repository=assertion.repository"},
			"attributeCondition": "assertion.repository_owner == 'o'"}})
	set := "principalSet://iam.googleapis.com/" + name + "/attribute.repository/o/r"
	b.binds("projects/pay", "//iam.googleapis.com/projects/pay/serviceAccounts/"+deploy, "service_account", "roles/iam.workloadIdentityUser "+set)
	b.binds("projects/pay", "projects/pay", "project", "roles/storage.objectViewer principal://iam.googleapis.com/"+name+"/subject/repo:o/r:ref:refs/heads/main")
	list := b.engine(t).Federation()
	if len(list) != 2 {
		t.Fatalf("%+v", list)
	}
	one, many := list[0], list[1]
	if one.Subject == "" {
		one, many = many, one
	}
	if one.Subject != "repo:o/r:ref:refs/heads/main" || len(one.Accounts) != 0 || many.Attribute != "attribute.repository" || many.Value != "o/r" || many.All {
		t.Errorf("%+v %+v", one, many)
	}
	if len(many.Accounts) != 1 || many.Accounts[0].Ref != ref || len(many.Accounts[0].Because) == 0 {
		t.Errorf("%+v", many.Accounts)
	}
	if len(many.Providers) != 1 || many.Providers[0].Audiences[0] != "https://iam.googleapis.com/"+name+"/providers/gh" || many.Providers[0].Mapping["attribute.repository"] != "assertion.repository" || many.Providers[0].Condition == "" {
		t.Errorf("%+v", many.Providers)
	}
}

func TestUnreadPolicies(t *testing.T) {
	b := company()
	b.binds("projects/pay", "projects/pay", "project", "roles/storage.objectViewer user:ann@example.com")
	ann, bob := retinue.NewRef("google:example.com", "user", "ann@example.com"), retinue.NewRef("google:example.com", "user", "bob@example.com")
	b.facts = append(b.facts, retinue.Identity{Ref: bob, Kind: retinue.IdentityUser})
	const bucket = "//storage.googleapis.com/projects/_/buckets/b"
	b.resource("pay", bucket, "storage.googleapis.com/Bucket")
	ask := func(who retinue.Ref) access.Outcome {
		return b.engine(t).Can(who, "storage.objects.get", bucket).Outcome
	}
	if a, d := ask(ann), ask(bob); a != access.Allowed || d != access.ImplicitlyDenied {
		t.Errorf("%s %s", a, d)
	}
	for drop := range b.read {
		less := *b
		less.read = slices.Delete(slices.Clone(b.read), drop, drop+1)
		e := less.engine(t)
		yes, no := e.Can(ann, "storage.objects.get", bucket), e.Can(bob, "storage.objects.get", bucket)
		path := b.read[drop]
		switch {
		case path.Realm == "gcp:web":
			if no.Outcome != access.ImplicitlyDenied {
				t.Errorf("without %s: %+v", path, no)
			}
		case path.Path == "iam/policies":
			if no.Outcome != access.Unknown || yes.Outcome != access.Allowed {
				t.Errorf("without %s: %+v", path, no)
			}
			if who := e.WhoCan("", "storage.objects.get", bucket); len(who) != 1 {
				t.Errorf("without %s: %+v", path, who)
			}
		default:
			if len(yes.Unread) != 2 || no.Outcome != access.ImplicitlyDenied {
				t.Errorf("without %s: %+v", path, yes)
			}
		}
	}
}
