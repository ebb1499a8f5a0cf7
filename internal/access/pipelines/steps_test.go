package pipelines

import (
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// picture is the graph of a scene.
func (s *scene) picture() *graph.Graph {
	s.t.Helper()
	var b graph.Builder
	s.engine().Steps(&b)
	return b.Build()
}

// step is the only step between two nodes.
func step(t *testing.T, g *graph.Graph, from, to retinue.Ref) (graph.Step, bool) {
	t.Helper()
	var out graph.Step
	n := 0
	a, z := g.Find(from), g.Find(to)
	if a == graph.None || z == graph.None {
		return out, false
	}
	for _, id := range g.From(a) {
		if s := g.Step(id); s.To == z {
			out = s
			n++
		}
	}
	if n > 1 {
		t.Errorf("%d steps from %s to %s", n, from, to)
	}
	return out, n > 0
}

// TestSteps draws who becomes what around one repository.
func TestSteps(t *testing.T) {
	s := newScene(t)
	s.repository(shop, "github.com/acme/shop")
	flow := s.pipeline(shop, workflow(func(d *Definition) {
		d.Jobs[0].Permissions.Scopes["contents"] = "write"
		d.Jobs[0].Runners, d.Jobs[0].SelfHosted = []string{"self-hosted"}, true
	}), retinue.Attrs{"checksOutForkCode": true, "unpinnedActions": []string{"someone/else@v1"}, "triggers": []string{"pull_request_target"}})
	quiet := s.pipeline(shop, workflow(func(d *Definition) {
		d.File, d.Jobs[0].Permissions = ".github/workflows/test.yml", nil
		d.Jobs[0].Runners, d.Jobs[0].SelfHosted = []string{"self-hosted"}, true
	}), retinue.Attrs{"scriptInjection": true, "triggers": []string{"push"}})
	main := s.role("main", subjects("StringEquals", `"repo:acme/shop:ref:refs/heads/main"`))
	dev := s.role("dev", subjects("StringEquals", `"repo:acme/shop:ref:refs/heads/dev"`))
	wide := s.role("wide", trusting(""))
	theirs := s.role("theirs", subjects("StringLike", `"repo:umbrella/deploy:*"`))
	perhaps := s.role("perhaps", trusting(`{"StringEquals":{"token.actions.githubusercontent.com:actor":"ann"},"StringLike":{"token.actions.githubusercontent.com:sub":"repo:acme/shop:*"}}`))
	unread := retinue.NewRef("aws:222222222222", "role", "arn:aws:iam::222222222222:role/unread")
	s.add(retinue.Grant{Subject: flow, Privileges: []string{actionWebIdentity}, Resource: unread, Condition: "job go"},
		retinue.Grant{Subject: flow, Privileges: []string{actionWebIdentity}, Resource: theirs, Condition: "job go"})
	key := retinue.NewRef(shop, "named_secret", "github_actions:KEY")
	s.add(retinue.Credential{Ref: key, Name: "KEY", Kind: retinue.CredentialGenericSecret},
		retinue.Placement{Credential: key, Consumer: quiet, Reference: true, Place: retinue.Place{Kind: retinue.PlaceCIVariable, Realm: shop, Path: quiet.Key, Field: "KEY"}})
	s.role("main", subjects("StringEquals", `"repo:acme/shop:ref:refs/heads/main"`)) // two sources state it
	g := s.picture()

	code := retinue.NewRef(shop, "repository", shop.ID())
	anyone := retinue.NewRef("anyone:anyone", "anyone", "anyone")
	stranger := retinue.NewRef("oidc:token.actions.githubusercontent.com", "repository", "umbrella/deploy")
	vendor := retinue.NewRef("forge:github.com", "action", "someone/else")
	runner := retinue.NewRef(shop, "runner", "self-hosted")
	for _, tt := range []struct {
		from, to retinue.Ref
		verb     graph.Verb
		possible bool // and not certain
	}{
		{code, flow, graph.ModifiesCode, false},
		{code, quiet, graph.ModifiesCode, false},
		{flow, code, graph.Writes, false},
		{flow, main, graph.Federates, false},
		{flow, perhaps, graph.Federates, true},
		{flow, wide, graph.Federates, false},
		{flow, unread, graph.Federates, true},
		{code, dev, graph.Federates, false},
		{anyone, wide, graph.Federates, false},
		{stranger, theirs, graph.Federates, false},
		{anyone, flow, graph.ModifiesCode, true},
		{vendor, flow, graph.ModifiesCode, false},
		{quiet, key, graph.ReadsSecret, false},
		{flow, runner, graph.ExecsInto, false},
		{runner, quiet, graph.ExecsInto, true},
	} {
		got, ok := step(t, g, tt.from, tt.to)
		if !ok || got.Verb != tt.verb || (got.Possible() || got.Assumes != "") != tt.possible {
			t.Errorf("%s to %s: %t %+v, want %s", tt.from, tt.to, ok, got, tt.verb)
		}
	}
	for _, tt := range [][2]retinue.Ref{{code, main}, {flow, dev}, {flow, theirs}, {quiet, main}, {anyone, quiet}, {anyone, main}, {quiet, code}} {
		if got, ok := step(t, g, tt[0], tt[1]); ok {
			t.Errorf("%s comes to %s: %+v", tt[0], tt[1], got)
		}
	}
	// The way rests on the trust and on the permission: either can be taken away.
	if got, _ := step(t, g, flow, main); len(got.Needs) != 2 || g.Grant(got.Needs[0][0]).Subject != main || g.Grant(got.Needs[1][0]).Subject != flow {
		t.Errorf("the way to %s rests on %v", main, got.Needs)
	}
	if got, _ := step(t, g, anyone, wide); got.Through != "any repository at github.com, such as repo:elsewhere/elsewhere:ref:refs/heads/main" {
		t.Errorf("everybody comes by %q", got.Through)
	}
	if g.Kind(g.Find(anyone)) != graph.Anyone || g.Kind(g.Find(stranger)) != graph.Outside || g.Kind(g.Find(code)) != graph.Place {
		t.Error("nodes are of other kinds")
	}
}

// TestHeld says what a pipeline holds, and what hangs on settings.
func TestHeld(t *testing.T) {
	s := newScene(t)
	s.repository(shop, "github.com/acme/shop")
	flow := s.pipeline(shop, workflow(nil), nil)
	bare := s.pipeline(shop, workflow(func(d *Definition) { d.File, d.Jobs[0].Permissions = ".github/workflows/bare.yml", nil }), nil)
	role := s.role("main", subjects("StringLike", `"repo:acme/shop:*"`))
	cred := retinue.NewRef(shop, "named_secret", "github_actions:KEY")
	s.add(retinue.Credential{Ref: cred, Name: "KEY", Kind: retinue.CredentialGenericSecret},
		retinue.Placement{Credential: cred, Consumer: flow, Reference: true, Place: retinue.Place{Kind: retinue.PlaceCIVariable, Realm: shop, Path: flow.Key, Field: "KEY"}})
	e := s.engine()
	sentences := func(ref retinue.Ref) (out []string) {
		for _, h := range e.Held(ref) {
			out = append(out, string(h.Consequence)+" "+string(h.Outcome)+": "+h.Sentence)
		}
		return out
	}
	for _, tt := range []struct {
		ref  retinue.Ref
		want []string
	}{
		{flow, []string{
			"escalates Allowed: acts as " + role.Key + " with a token of its run (job go), for the subject repo:acme/shop:ref:refs/heads/main, unless forbidden by " +
				"resource control policies, the identity provider " + provider + ", the repository's settings of OIDC subjects, which were not read",
			"reads_secrets Allowed: is given the secret KEY",
			"reads_data Allowed: reads the code of github.com/acme/shop",
			"changes Allowed: gets tokens that others can trust"}},
		{bare, []string{
			"reads_data Allowed: reads the code of github.com/acme/shop",
			"reads_data Allowed: reads packages of github.com/acme/shop",
			"changes Unknown: has the repository's default permissions, which may be writing of everything: the file declares none"}},
	} {
		got := sentences(tt.ref)
		if len(got) != len(tt.want) {
			t.Errorf("%s: %q", tt.ref, got)
			continue
		}
		for i := range got {
			if got[i] != tt.want[i] {
				t.Errorf("%s:\n got %s\nwant %s", tt.ref, got[i], tt.want[i])
			}
		}
	}
	for _, tt := range []struct {
		ref              retinue.Ref
		action, resource string
		want             string
	}{
		{flow, "contents:read", "", "Allowed"}, {flow, "contents:write", "", "ImplicitlyDenied"}, {flow, "contents:read", "github.com/acme/shop", "Allowed"},
		{flow, "contents:read", "acme/other", "ImplicitlyDenied"}, {flow, "packages:read", "", "ImplicitlyDenied"}, {flow, "id-token:write", "", "Allowed"},
		{flow, "secrets:read", "KEY", "Allowed"}, {flow, "secrets:read", "OTHER", "ImplicitlyDenied"}, {flow, "s3:GetObject", "", "Unknown"},
		{bare, "contents:read", "", "Allowed"}, {bare, "contents:write", "", "Unknown"}, {bare, "id-token:write", "", "ImplicitlyDenied"},
		{role, "contents:read", "", "Unknown"}, {flow, "sts:AssumeRoleWithWebIdentity", role.Key, "Allowed"},
	} {
		if d := e.Can(tt.ref, tt.action, tt.resource); string(d.Outcome) != tt.want || len(d.Because) == 0 {
			t.Errorf("%s %s %s: %+v, want %s", tt.ref, tt.action, tt.resource, d, tt.want)
		}
	}
	for action, want := range map[string]bool{"contents:read": true, "contents:own": false, "s3:GetObject": false, "assume": true, "get": false} {
		if e.Asks(action, "") != want {
			t.Errorf("%s is a word of the language: %t", action, !want)
		}
	}
	if e.Asks("assume", "arn:aws:iam::999999999999:role/x") || e.Language() != "pipelines" || len(e.Realms()) != 1 || len(e.Realms()[0].Gaps) == 0 {
		t.Errorf("realms %+v", e.Realms())
	}
	if got := e.WhoCan("", "contents:write", ""); len(got) != 1 || got[0].Subject != bare {
		t.Errorf("who may write: %+v", got)
	}
}
