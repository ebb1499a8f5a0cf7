package pipelines

import (
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

const (
	project = retinue.Realm("gcp:acme-prod")
	pool    = "projects/123/locations/global/workloadIdentityPools/ci"
)

// wif states a provider of a pool, and a member of a policy.
func (s *scene) wif(member, condition string, mapping ...string) retinue.Ref {
	s.t.Helper()
	attrs := retinue.Attrs{"type": "oidc", "issuer": githubIssuer, "attributeMapping": mapping, "audiences": []string{}}
	if condition != "" {
		attrs["attributeCondition"] = condition
	}
	s.add(retinue.Resource{Ref: retinue.NewRef(project, refProvider, pool+"/providers/github"), Kind: refProvider, Attrs: attrs})
	ref := retinue.NewRef(project, refSet, member)
	if member[len("principal")] == ':' {
		ref = retinue.NewRef(project, refFederated, member)
		s.add(retinue.Identity{Ref: ref, Kind: retinue.IdentityFederated, Class: retinue.ClassNonHuman})
		return ref
	}
	s.add(retinue.Group{Ref: ref})
	return ref
}

// TestPools puts one workflow to providers and members of Google Cloud.
func TestPools(t *testing.T) {
	const (
		subject = "principal://iam.googleapis.com/" + pool + "/subject/"
		set     = "principalSet://iam.googleapis.com/" + pool + "/"
	)
	usual := []string{"google.subject=assertion.sub", "attribute.repository=assertion.repository", "attribute.owner=assertion.repository_owner",
		"attribute.actor=assertion.actor", "attribute.short=assertion.repository.extract('acme/{name}')"}
	const never = access.ImplicitlyDenied
	for _, tt := range []struct {
		name, member, condition string
		want                    access.Outcome
		outside                 string
	}{
		{"its repository", set + "attribute.repository/acme/shop", "assertion.repository_owner == 'acme'", access.Allowed, ""},
		{"another repository", set + "attribute.repository/acme/other", "assertion.repository_owner == 'acme'", never, "the repository acme/other at github.com"},
		{"its owner", set + "attribute.owner/acme", "", access.Allowed, "any other repository of acme at github.com"},
		{"another owner", set + "attribute.owner/umbrella", "", never, "any other repository of umbrella at github.com"},
		{"everybody", set + "*", "", access.Allowed, "any repository at github.com"},
		{"everybody of the owner", set + "*", "assertion.repository_owner == 'acme'", access.Allowed, "any other repository of acme at github.com"},
		{"everybody of another owner", set + "*", "assertion.repository_owner == 'umbrella'", never, "any other repository of umbrella at github.com"},
		{"whose name begins so", set + "*", "assertion.sub.startsWith('repo:acme')", access.Allowed, "any repository at github.com of an owner whose name begins with acme"},
		{"its branch", subject + "repo:acme/shop:ref:refs/heads/main", "", access.Allowed, ""},
		{"another branch", subject + "repo:acme/shop:ref:refs/heads/dev", "", never, "whoever can write to github.com/acme/shop"},
		{"a branch that the condition asks for", set + "attribute.repository/acme/shop", "assertion.ref == 'refs/heads/main'", access.Allowed, ""},
		{"another that the condition asks for", set + "attribute.repository/acme/shop", "assertion.ref == 'refs/heads/dev'", never, "whoever can write to github.com/acme/shop"},
		{"an expression", set + "attribute.repository/acme/shop", "assertion.ref.matches('^refs/heads/(main|dev)$')", access.Allowed, ""},
		{"a list", set + "attribute.repository/acme/shop", "assertion.repository in ['acme/shop', 'acme/other']", access.Allowed, ""},
		{"a claim that is not known", set + "attribute.repository/acme/shop", "assertion.repository_id == '42'", access.Conditional, ""},
		{"an attribute that is not known", set + "attribute.actor/ann", "", access.Conditional, "any repository at github.com"},
		{"an attribute that is not mapped", set + "attribute.team/x", "", never, ""},
		{"a claim that there is not", set + "*", "assertion.nonsense == 'x'", never, ""},
		{"a part", set + "attribute.short/shop", "", access.Allowed, ""},
		{"not understood", set + "*", "assertion.(", access.Unknown, ""},
		{"another pool", "principalSet://iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/people/*", "", never, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t)
			s.repository(shop, "github.com/acme/shop")
			flow := s.pipeline(shop, workflow(nil), nil)
			member := s.wif(tt.member, tt.condition, usual...)
			e := s.engine()
			if d := e.Can(flow, ActionAssume, member.Key); d.Outcome != tt.want {
				t.Errorf("the workflow is %s, want %s: %+v", d.Outcome, tt.want, d)
			}
			var names []string
			for _, h := range e.WhoCan("", ActionAssume, member.Key) {
				if h.Subject.IsZero() && h.Decision.Outcome != access.Unknown {
					names = append(names, h.Name)
				}
			}
			if got := first(names); got != tt.outside {
				t.Errorf("outside %q, want %q", names, tt.outside)
			}
		})
	}
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// TestPoolAudience: a token of GitLab has the audience that its file names.
func TestPoolAudience(t *testing.T) {
	for audience, want := range map[string]access.Outcome{
		"https://iam.googleapis.com/" + pool + "/providers/gitlab": access.Allowed,
		"sts.amazonaws.com": access.ImplicitlyDenied,
		"$POOL":             access.Allowed, // whoever sets the variable chooses
	} {
		s := newScene(t)
		s.repository(shop, "gitlab.example/acme/pay")
		flow := s.pipeline(shop, Definition{System: systemGitLab, Repository: "gitlab.example/acme/pay", File: ".gitlab-ci.yml",
			Jobs: []Job{{Name: "deploy", IDTokens: []IDToken{{Name: "T", Audiences: []string{audience}}}}}}, nil)
		s.add(retinue.Resource{Ref: retinue.NewRef(project, refProvider, pool+"/providers/gitlab"), Kind: refProvider, Attrs: retinue.Attrs{
			"issuer": "https://gitlab.example", "attributeMapping": []string{"google.subject=assertion.sub", "attribute.project=assertion.project_path"},
			"attributeCondition": "assertion.namespace_path == 'acme'"}})
		member := retinue.NewRef(project, refSet, "principalSet://iam.googleapis.com/"+pool+"/attribute.project/acme/pay")
		s.add(retinue.Group{Ref: member})
		if d := s.engine().Can(flow, ActionAssume, member.Key); d.Outcome != want {
			t.Errorf("the audience %s is %s, want %s", audience, d.Outcome, want)
		}
	}
}

// TestEntra compares federated credentials, which know no patterns.
func TestEntra(t *testing.T) {
	app := retinue.NewRef("azure:t1", "application", "app-1")
	for _, tt := range []struct {
		issuer, subject, audience string
		want                      access.Outcome
		outside                   string
	}{
		{githubIssuer, "repo:acme/shop:ref:refs/heads/main", "api://AzureADTokenExchange", access.Allowed, ""},
		{githubIssuer, "repo:acme/shop:ref:refs/heads/dev", "", access.ImplicitlyDenied, "whoever can write to github.com/acme/shop"},
		{githubIssuer, "repo:acme/shop:*", "", access.ImplicitlyDenied, ""},
		{githubIssuer, "repo:acme/shop:environment:production", "", access.ImplicitlyDenied, "whoever can write to github.com/acme/shop"},
		{githubIssuer, "repo:umbrella/x:ref:refs/heads/main", "", access.ImplicitlyDenied, "the repository umbrella/x at github.com"},
		{"https://gitlab.com", "repo:acme/shop:ref:refs/heads/main", "", access.ImplicitlyDenied, ""},
		{githubIssuer, "repo:acme@7/shop@8:ref:refs/heads/main", "", access.Conditional, ""},
	} {
		s := newScene(t)
		s.repository(shop, "github.com/acme/shop")
		flow := s.pipeline(shop, workflow(nil), nil)
		s.add(retinue.Trust{Subject: app, Kind: retinue.TrusteeFederated, Name: tt.issuer, Attrs: retinue.Attrs{"credential": "ci"},
			Federation: &retinue.Federation{Issuer: tt.issuer, Subject: tt.subject, Audience: tt.audience}})
		e := s.engine()
		if d := e.Can(flow, ActionAssume, app.Key); d.Outcome != tt.want {
			t.Errorf("%s is %s, want %s: %+v", tt.subject, d.Outcome, tt.want, d)
		}
		var names []string
		for _, h := range e.WhoCan("", ActionAssume, app.Key) {
			if h.Subject.IsZero() {
				names = append(names, h.Name)
			}
		}
		if got := first(names); got != tt.outside {
			t.Errorf("%s: outside %q, want %q", tt.subject, names, tt.outside)
		}
	}
}

// TestWorkloads: a service account of a cluster is issued tokens of its own.
func TestWorkloads(t *testing.T) {
	const issuer = "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC"
	oidc := "arn:aws:iam::111111111111:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABC"
	s := newScene(t)
	account := retinue.NewRef("kubernetes:k1", "service_account", "pay/payer")
	s.add(retinue.Identity{Ref: account, Kind: retinue.IdentityServiceAccount, Class: retinue.ClassNonHuman,
		Federation: &retinue.Federation{Issuer: issuer, Subject: "system:serviceaccount:pay:payer"}})
	cond := func(sub string) string {
		return `{"Statement":[{"Effect":"Allow","Principal":{"Federated":"` + oidc + `"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringLike":{"` +
			oidc[len("arn:aws:iam::111111111111:oidc-provider/"):] + `:sub":"` + sub + `"}}}]}`
	}
	one, all, gone := s.role("one", cond("system:serviceaccount:pay:payer")), s.role("all", cond("system:serviceaccount:*")), s.role("gone", cond("system:serviceaccount:pay:old"))
	e := s.engine()
	for ref, want := range map[retinue.Ref]access.Outcome{one: access.Allowed, all: access.Allowed, gone: access.ImplicitlyDenied} {
		if d := e.Can(account, ActionAssume, ref.Key); d.Outcome != want {
			t.Errorf("%s is %s, want %s", ref.Key, d.Outcome, want)
		}
	}
	if held := e.Held(account); len(held) != 2 {
		t.Errorf("held: %+v", held)
	}
	for ref, want := range map[retinue.Ref]int{one: 1, all: 2, gone: 1} {
		if got := e.WhoCan("", ActionAssume, ref.Key); len(got) != want {
			t.Errorf("%s: %+v, want %d", ref.Key, got, want)
		}
	}
}
