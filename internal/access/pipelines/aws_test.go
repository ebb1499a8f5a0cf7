package pipelines

import (
	"strings"
	"testing"

	"github.com/retinue-id/retinue/internal/access"
)

// TestRoles puts one workflow to the trust policies that people write, and to
// their near misses. outside is who else is admitted: "" for nobody, else a part
// of the name; whoever writes is "push" where only a workflow of their own is.
func TestRoles(t *testing.T) {
	in := func(environment string) func(*Definition) {
		return func(d *Definition) { d.Jobs[0].Environment = environment }
	}
	on := func(triggers ...Trigger) func(*Definition) { return func(d *Definition) { d.Triggers = triggers } }
	const (
		allowed     = access.Allowed
		conditional = access.Conditional
		never       = access.ImplicitlyDenied
	)
	for _, tt := range []struct {
		name    string
		trust   string
		change  func(*Definition)
		want    access.Outcome
		outside string
	}{
		{"its branch", subjects("StringEquals", `"repo:acme/shop:ref:refs/heads/main"`), nil, allowed, ""},
		{"another branch", subjects("StringEquals", `"repo:acme/shop:ref:refs/heads/dev"`), nil, never, "push"},
		{"any of the repository", subjects("StringLike", `"repo:acme/shop:*"`), nil, allowed, ""},
		{"the case of the owner", subjects("StringLike", `"repo:Acme/shop:*"`), nil, never, "push"},
		{"the case of the owner of many", subjects("StringLike", `"repo:ACME/*"`), nil, never, "push"},
		{"a star that is text", subjects("StringEquals", `"repo:acme/shop:*"`), nil, never, ""},
		{"another repository", subjects("StringLike", `"repo:acme/other:*"`), nil, never, "the repository acme/other at github.com"},
		{"the whole owner", subjects("StringLike", `"repo:acme/*"`), nil, allowed, "any other repository of acme"},
		{"a prefix of the owner", subjects("StringLike", `"repo:acme*"`), nil, allowed, "of an owner whose name begins with acme"},
		{"a prefix of the repository", subjects("StringLike", `"repo:acme/shop*"`), nil, allowed, "any other repository of acme"},
		{"any owner of that name", subjects("StringLike", `"repo:*/shop:*"`), nil, allowed, "any repository at github.com"},
		{"no subject", trusting(`{"StringEquals":{"token.actions.githubusercontent.com:aud":"sts.amazonaws.com"}}`), nil, allowed, "any repository at github.com"},
		{"no condition", trusting(""), nil, allowed, "any repository at github.com"},
		{"only if there", trusting(`{"StringLikeIfExists":{"token.actions.githubusercontent.com:sub":"repo:acme/shop:*"}}`), nil, allowed, ""},
		{"all of a key that is misspelt", trusting(`{"ForAllValues:StringLike":{"token.actions.githubusercontent.com:subject":"repo:acme/shop:*"}}`), nil, allowed, "any repository at github.com"},
		{"a key that is misspelt", trusting(`{"StringLike":{"token.actions.githubusercontent.com:subject":"repo:acme/shop:*"}}`), nil, never, ""},
		{"a claim that AWS does not look at", trusting(`{"StringEquals":{"token.actions.githubusercontent.com:repository_owner":"acme"}}`), nil, never, ""},
		{"the repository's name", trusting(`{"StringEquals":{"token.actions.githubusercontent.com:repository":"acme/shop"}}`), nil, allowed, ""},
		{"repository and branch", trusting(`{"StringEquals":{"token.actions.githubusercontent.com:repository":"acme/shop","token.actions.githubusercontent.com:ref":"refs/heads/main"}}`), nil, allowed, ""},
		{"subject and another branch", trusting(`{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:acme/shop:*"},"StringEquals":{"token.actions.githubusercontent.com:ref":"refs/heads/dev"}}`), nil, never, "push"},
		{"an id", trusting(`{"StringEquals":{"token.actions.githubusercontent.com:repository_id":"42"},"StringLike":{"token.actions.githubusercontent.com:sub":"repo:acme/shop:*"}}`), nil, conditional, ""},
		{"an actor", trusting(`{"StringEquals":{"token.actions.githubusercontent.com:actor":"ann"},"StringLike":{"token.actions.githubusercontent.com:sub":"repo:acme/shop:*"}}`), nil, conditional, ""},
		{"an address", trusting(`{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:acme/shop:*"},"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`), nil, conditional, ""},
		{"a session's name, which is chosen", trusting(`{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:acme/shop:*","sts:RoleSessionName":"ci-*"}}`), nil, allowed, ""},
		{"immutable ids", subjects("StringLike", `"repo:acme@123/shop@456:*"`), nil, conditional, ""},
		{"immutable ids of another", subjects("StringLike", `"repo:acme@123/other@456:*"`), nil, never, "the repository acme/other"},
		{"either subject", subjects("StringLike", `["repo:acme/shop:*","repo:acme@123/shop@456:*"]`), nil, allowed, ""},
		{"denied by name", `{"Statement":[` + inner(subjects("StringLike", `"repo:acme/*"`)) + `,{"Effect":"Deny","Principal":{"Federated":"` + provider +
			`"},"Action":"sts:*","Condition":{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:acme/shop:*"}}}]}`, nil, never, "any other repository of acme"},
		{"not those of the repository", trusting(`{"StringNotLike":{"token.actions.githubusercontent.com:sub":"repo:acme/shop:*"}}`), nil, conditional, "any repository at github.com"},
		{"its environment", subjects("StringEquals", `"repo:acme/shop:environment:production"`), in("production"), allowed, ""},
		{"another environment", subjects("StringEquals", `"repo:acme/shop:environment:production"`), in("staging"), never, "push"},
		{"a branch, but run in an environment", subjects("StringEquals", `"repo:acme/shop:ref:refs/heads/main"`), in("production"), never, "push"},
		{"an environment that an expression names", subjects("StringEquals", `"repo:acme/shop:environment:production"`), in("${{ inputs.where }}"), conditional, ""},
		{"any environment, and an expression names it", subjects("StringLike", `"repo:acme/shop:environment:*"`), in("${{ inputs.where }}"), allowed, ""},
		{"an environment with a colon", subjects("StringEquals", `"repo:acme/shop:environment:prod%3Aeu"`), in("prod:eu"), allowed, ""},
		{"pull requests", subjects("StringEquals", `"repo:acme/shop:pull_request"`), on(Trigger{Event: "pull_request"}), allowed, ""},
		{"pull requests, but run on pushes", subjects("StringEquals", `"repo:acme/shop:pull_request"`), nil, never, "push"},
		{"a tag", subjects("StringLike", `"repo:acme/shop:ref:refs/tags/v*"`), on(Trigger{Event: "push", Tags: []string{"v*"}}), allowed, ""},
		{"a tag that is filtered out", subjects("StringLike", `"repo:acme/shop:ref:refs/tags/v*"`), on(Trigger{Event: "push", Tags: []string{"release-*"}}), never, "push"},
		{"branches, but run on tags", subjects("StringLike", `"repo:acme/shop:ref:refs/heads/*"`), on(Trigger{Event: "push", Tags: []string{"v*"}}), never, "push"},
		{"a release branch", subjects("StringLike", `"repo:acme/shop:ref:refs/heads/release/*"`), on(Trigger{Event: "push", Branches: []string{"release/**"}}), allowed, ""},
		{"a release branch of another depth", subjects("StringLike", `"repo:acme/shop:ref:refs/heads/release/*/hot"`), on(Trigger{Event: "push", Branches: []string{"release/*"}}), never, "push"},
		{"an ignored branch", subjects("StringEquals", `"repo:acme/shop:ref:refs/heads/main"`), on(Trigger{Event: "push", BranchesIgnore: []string{"main"}}), never, "push"},
		{"beside an ignored branch", subjects("StringEquals", `"repo:acme/shop:ref:refs/heads/dev"`), on(Trigger{Event: "push", BranchesIgnore: []string{"main"}}), allowed, ""},
		{"taken out again", subjects("StringEquals", `"repo:acme/shop:ref:refs/heads/rel-x"`), on(Trigger{Event: "push", Branches: []string{"rel-*", "!rel-x"}}), never, "push"},
		{"started by hand from any branch", subjects("StringEquals", `"repo:acme/shop:ref:refs/heads/dev"`), on(Trigger{Event: "workflow_dispatch"}), allowed, ""},
		{"a call only", subjects("StringLike", `"repo:acme/shop:*"`), on(Trigger{Event: "workflow_call"}), never, "push"},
		{"no permission", subjects("StringLike", `"repo:acme/shop:*"`), func(d *Definition) { d.Jobs[0].Permissions = nil }, never, "push"},
		{"permission of the file", subjects("StringLike", `"repo:acme/shop:*"`), func(d *Definition) {
			d.Jobs[0].Permissions, d.Permissions = nil, &Permissions{All: "write-all"}
		}, allowed, ""},
		{"permission of the file, which the job gives up", subjects("StringLike", `"repo:acme/shop:*"`), func(d *Definition) {
			d.Jobs[0].Permissions, d.Permissions = &Permissions{}, &Permissions{All: "write-all"}
		}, never, "push"},
		{"reading of everything", subjects("StringLike", `"repo:acme/shop:*"`), func(d *Definition) { d.Jobs[0].Permissions = &Permissions{All: "read-all"} }, never, "push"},
		{"another provider", strings.ReplaceAll(subjects("StringLike", `"repo:acme/shop:*"`), "token.actions.githubusercontent.com", "gitlab.com"), nil, never, ""},
		{"an enterprise's provider", strings.ReplaceAll(subjects("StringLike", `"repo:acme/shop:*"`), "token.actions.githubusercontent.com", "token.actions.githubusercontent.com/acme"), nil, conditional, ""},
		{"another action", strings.ReplaceAll(subjects("StringLike", `"repo:acme/shop:*"`), "sts:AssumeRoleWithWebIdentity", "sts:AssumeRole"), nil, never, ""},
		{"the workflow's file", trusting(`{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:acme/*","token.actions.githubusercontent.com:job_workflow_ref":"acme/shop/.github/workflows/deploy.yml@refs/heads/*"}}`), nil, allowed, "any other repository of acme"},
		{"another workflow's file", trusting(`{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:acme/shop:*","token.actions.githubusercontent.com:job_workflow_ref":"acme/flows/*"}}`), nil, never, ""},
		{"a workflow's file elsewhere, which is called", trusting(`{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:acme/shop:*","token.actions.githubusercontent.com:job_workflow_ref":"acme/flows/*"}}`),
			func(d *Definition) { d.Jobs[0].Uses = "acme/flows/.github/workflows/b.yml@v1" }, conditional, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t)
			s.repository(shop, "github.com/acme/shop")
			flow := s.pipeline(shop, workflow(tt.change), nil)
			role := s.role("deploy", tt.trust)
			e := s.engine()
			d := e.Can(flow, ActionAssume, role.Key)
			if d.Outcome != tt.want {
				t.Errorf("the workflow is %s, want %s: %+v", d.Outcome, tt.want, d)
			}
			var others []string
			for _, h := range e.WhoCan("", ActionAssume, role.Key) {
				if h.Subject.IsZero() {
					others = append(others, h.Name)
				}
			}
			got := strings.Join(others, "; ")
			switch tt.outside {
			case "":
				if strings.Contains(got, "any ") || strings.Contains(got, "the repository") {
					t.Errorf("also admitted: %s", got)
				}
			case "push":
				if !strings.Contains(got, "whoever can write to github.com/acme/shop") {
					t.Errorf("whoever can push is not among %q", got)
				}
			default:
				if !strings.Contains(got, tt.outside) {
					t.Errorf("%q is not among %q", tt.outside, got)
				}
			}
		})
	}
}

// inner is the only statement of a document.
func inner(document string) string {
	_, rest, _ := strings.Cut(document, `"Statement":[`)
	return strings.TrimSuffix(rest, "]}")
}
