package pipelines

import (
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// at puts a trust policy for github.com's tokens on another issuer's.
func at(host, condition string) string {
	return strings.ReplaceAll(trusting(condition), "token.actions.githubusercontent.com", host)
}

// TestGitLab puts a job of GitLab to roles: the audience is the file's, and the
// subject has no refs/heads.
func TestGitLab(t *testing.T) {
	for _, tt := range []struct {
		name, condition string
		audiences       []string
		environment     string
		want            access.Outcome
		outside         string
	}{
		{"its branch", `{"StringEquals":{"gitlab.example:sub":"project_path:acme/pay:ref_type:branch:ref:main"}}`, []string{"sts"}, "", access.Allowed, ""},
		{"a tag", `{"StringLike":{"gitlab.example:sub":"project_path:acme/pay:ref_type:tag:ref:v*"}}`, []string{"sts"}, "", access.Allowed, ""},
		{"the form of GitHub", `{"StringLike":{"gitlab.example:sub":"project_path:acme/pay:ref:refs/heads/*"}}`, []string{"sts"}, "", access.ImplicitlyDenied, ""},
		{"the group", `{"StringLike":{"gitlab.example:sub":"project_path:acme/*"}}`, []string{"sts"}, "", access.Allowed, "any other repository of acme at gitlab.example"},
		{"its audience", `{"StringEquals":{"gitlab.example:aud":"sts"},"StringLike":{"gitlab.example:sub":"project_path:acme/pay:*"}}`, []string{"sts"}, "", access.Allowed, ""},
		{"another audience", `{"StringEquals":{"gitlab.example:aud":"sts"},"StringLike":{"gitlab.example:sub":"project_path:acme/pay:*"}}`, []string{"https://vault.example"}, "", access.ImplicitlyDenied,
			"whoever can write to gitlab.example/acme/pay"},
		{"a claim that AWS does not look at", `{"StringEquals":{"gitlab.example:project_path":"acme/pay"}}`, []string{"sts"}, "", access.ImplicitlyDenied, ""},
		{"nothing", ``, []string{"sts"}, "", access.Allowed, "any repository at gitlab.example"},
		{"another project", `{"StringLike":{"gitlab.example:sub":"project_path:acme/pay2:*"}}`, []string{"sts"}, "", access.ImplicitlyDenied, "the repository acme/pay2 at gitlab.example"},
	} {
		s := newScene(t)
		s.repository(shop, "gitlab.example/acme/pay")
		job := s.pipeline(shop, Definition{System: systemGitLab, Repository: "gitlab.example/acme/pay", File: ".gitlab-ci.yml",
			Jobs: []Job{{Name: "deploy", Environment: tt.environment, IDTokens: []IDToken{{Name: "T", Audiences: tt.audiences}}}}}, nil)
		role := s.role("deploy", at("gitlab.example", tt.condition))
		e := s.engine()
		if d := e.Can(job, ActionAssume, role.Key); d.Outcome != tt.want {
			t.Errorf("%s: %s, want %s: %+v", tt.name, d.Outcome, tt.want, d)
		}
		var others []string
		for _, h := range e.WhoCan("", ActionAssume, role.Key) {
			if h.Subject.IsZero() {
				others = append(others, h.Name)
			}
		}
		if got := strings.Join(others, "; "); got != tt.outside {
			t.Errorf("%s: outside %q, want %q", tt.name, got, tt.outside)
		}
	}
}

// TestOtherSystems: subjects of CircleCI and Bitbucket hold ids that no file has.
func TestOtherSystems(t *testing.T) {
	s := newScene(t)
	circle, bucket := retinue.NewRef(shop, "pipeline", ".circleci/config.yml"), retinue.NewRef(other, "pipeline", "bitbucket-pipelines.yml")
	s.add(retinue.Identity{Ref: circle, Kind: retinue.IdentityPipeline, Subtype: "circleci", Class: retinue.ClassNonHuman, Federation: &retinue.Federation{Issuer: "https://oidc.circleci.com"}},
		retinue.Identity{Ref: bucket, Kind: retinue.IdentityPipeline, Subtype: "bitbucket_pipelines", Class: retinue.ClassNonHuman,
			Federation: &retinue.Federation{Issuer: "https://api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc"}})
	circles := s.role("circle", at("oidc.circleci.com/org/o1", `{"StringLike":{"oidc.circleci.com/org/o1:sub":"org/o1/project/p1/user/*"}}`))
	buckets := s.role("bucket", at("api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc", ""))
	theirs := s.role("theirs", at("api.bitbucket.org/2.0/workspaces/umbrella/pipelines-config/identity/oidc", ""))
	e := s.engine()
	for _, tt := range []struct {
		who, role retinue.Ref
		want      access.Outcome
		remains   int
	}{
		{circle, circles, access.Conditional, 2}, {circle, buckets, access.ImplicitlyDenied, 0},
		{bucket, buckets, access.Allowed, 0}, {bucket, theirs, access.ImplicitlyDenied, 0}, {bucket, circles, access.ImplicitlyDenied, 0},
	} {
		if d := e.Can(tt.who, ActionAssume, tt.role.Key); d.Outcome != tt.want || len(d.Remains) != tt.remains {
			t.Errorf("%s as %s: %+v, want %s", tt.who.Key, tt.role.Key, d, tt.want)
		}
	}
}

// TestCalledWorkflows: a job that calls a workflow runs in the environments of
// that one's jobs, and only with what both declare.
func TestCalledWorkflows(t *testing.T) {
	called := workflow(func(d *Definition) {
		d.File, d.Triggers = ".github/workflows/called.yml", []Trigger{{Event: "workflow_call"}}
		d.Jobs[0].Environment = "production"
		d.Jobs = append(d.Jobs, Job{Name: "lint", Environment: "testing", Permissions: &Permissions{}})
	})
	for _, tt := range []struct {
		uses, subject string
		want          access.Outcome
	}{
		{"./.github/workflows/called.yml", "repo:acme/shop:environment:production", access.Allowed},
		{"./.github/workflows/called.yml", "repo:acme/shop:environment:testing", access.ImplicitlyDenied},
		{"./.github/workflows/called.yml", "repo:acme/shop:ref:refs/heads/main", access.ImplicitlyDenied},
		{"./.github/workflows/gone.yml", "repo:acme/shop:environment:any", access.Conditional},
		{"./.github/workflows/gone.yml", "repo:acme/shop:environment:*", access.Conditional},
		{"acme/flows/.github/workflows/x.yml@v1", "repo:acme/shop:ref:refs/heads/main", access.Conditional},
		{"acme/flows/.github/workflows/x.yml@v1", "repo:acme/shop:*", access.Allowed},
		{"acme/flows/.github/workflows/x.yml@v1", "repo:acme/shop:pull_request", access.ImplicitlyDenied},
	} {
		s := newScene(t)
		s.repository(shop, "github.com/acme/shop")
		s.pipeline(shop, called, nil)
		flow := s.pipeline(shop, workflow(func(d *Definition) { d.Jobs[0].Uses = tt.uses }), nil)
		role := s.role("deploy", subjects("StringLike", `"`+tt.subject+`"`))
		if d := s.engine().Can(flow, ActionAssume, role.Key); d.Outcome != tt.want {
			t.Errorf("%s as %s: %s, want %s", tt.uses, tt.subject, d.Outcome, tt.want)
		}
	}
}

// TestProviders: a token needs an audience that the provider takes, and a server
// of one's own has an issuer of its own.
func TestProviders(t *testing.T) {
	for audiences, want := range map[string]access.Outcome{"sts.amazonaws.com": access.Allowed, "https://github.com/umbrella": access.ImplicitlyDenied} {
		s := newScene(t)
		s.repository(shop, "github.com/acme/shop")
		flow := s.pipeline(shop, workflow(nil), nil)
		s.add(retinue.Resource{Ref: retinue.NewRef(account, refOIDCProvider, provider), Kind: refOIDCProvider, Attrs: retinue.Attrs{"audiences": []string{audiences}}})
		role := s.role("deploy", subjects("StringLike", `"repo:acme/shop:*"`))
		if d := s.engine().Can(flow, ActionAssume, role.Key); d.Outcome != want {
			t.Errorf("the provider takes %s: %s, want %s", audiences, d.Outcome, want)
		}
	}
	for address, issuer := range map[string]string{"github.com/a/b": githubIssuer, "acme.ghe.com/a/b": "https://token.actions.acme.ghe.com", "git.acme.example/a/b": "https://git.acme.example/_services/token"} {
		g, ok := githubOf(address)
		if !ok || g.issuer != issuer {
			t.Errorf("%s has the issuer %q, want %q", address, g.issuer, issuer)
		}
	}
}
