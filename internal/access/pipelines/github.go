package pipelines

import (
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/glob"
)

// githubIssuer issues the tokens of github.com (GitHub, "OpenID Connect
// reference").
const githubIssuer = "https://token.actions.githubusercontent.com"

const (
	githubHost = "github.com"
	branches   = "refs/heads/"
	tags       = "refs/tags/"
	expression = "${{"
)

// What was not read of a repository at GitHub, for people.
const (
	unreadSubjects     = "the repository's settings of OIDC subjects"
	unreadEnvironments = "the protection rules of environments"
	unreadDefault      = "which branch is the repository's default"
	unreadTarget       = "which subject GitHub gives to pull_request_target"
	unreadRules        = "the protection of branches and tags"
)

// githubIssuerOf returns the issuer of a server: of github.com, of a company at
// ghe.com, or of a GitHub Enterprise Server ("OpenID Connect reference" of each).
func githubIssuerOf(host string) string {
	switch {
	case host == githubHost:
		return githubIssuer
	case strings.HasSuffix(host, ".ghe.com"):
		return "https://token.actions." + host
	}
	return "https://" + host + "/_services/token"
}

// github makes the tokens of one repository at GitHub.
type github struct {
	issuer, owner, name string
}

func githubOf(repository string) (github, bool) {
	host, path, _ := strings.Cut(repository, "/")
	owner, name, ok := strings.Cut(path, "/")
	if !ok || host == "" || owner == "" || name == "" || strings.Contains(name, "/") {
		return github{}, false
	}
	return github{issuer: githubIssuerOf(host), owner: owner, name: name}, true
}

// token returns a token with what is the same for all runs in a repository. The
// subject's first part is the one with names; numbered makes the other.
func (g github) token(job, event string) Token {
	return Token{Issuer: g.issuer, Job: job, Event: event, Follows: map[string]string{}, Unread: []string{unreadSubjects},
		Fixed: map[string]string{"iss": g.issuer, "repository": g.owner + "/" + g.name, "repository_owner": g.owner}}
}

func (g github) prefix() string { return "repo:" + g.owner + "/" + g.name + ":" }

// numbered returns the tokens with the subjects that repositories have which were
// made after 15 July 2026 or have chosen so ("Immutable subject claims").
func numbered(tokens []Token) []Token {
	out := make([]Token, 0, len(tokens))
	for _, t := range tokens {
		t.Fixed, t.Follows = maps.Clone(t.Fixed), maps.Clone(t.Follows)
		for _, claims := range []map[string]string{t.Fixed, t.Follows} {
			if s, ok := claims[claimSubject]; ok {
				claims[claimSubject] = withMarks(s)
			}
		}
		t.Fixed["repository_owner_id"], t.Fixed["repository_id"] = ownerMark, repositoryMark
		t.numbered = true
		t.Remains = append(slices.Clone(t.Remains), access.Condition{Key: claimSubject, Operator: "has the form",
			Values: []string{"repo:OWNER@ID/REPOSITORY@ID"}, Text: "the repository's subjects hold its immutable ids, and these are they"})
		out = append(out, t)
	}
	return out
}

func withMarks(subject string) string {
	rest, ok := strings.CutPrefix(subject, "repo:")
	if !ok {
		return subject
	}
	name, context, _ := strings.Cut(rest, ":")
	owner, repository, _ := strings.Cut(name, "/")
	return "repo:" + owner + "@" + ownerMark + "/" + repository + "@" + repositoryMark + ":" + context
}

// anyRun returns the tokens that whoever can write to the repository can be
// issued by a workflow of their own: of any branch and tag, in any environment.
func (g github) anyRun() []Token {
	ref := g.token("", "any workflow")
	ref.Follows[claimSubject], ref.Follows[claimRef] = g.prefix()+"ref:", ""
	ref.Names = refNames(branches+"*", tags+"*")
	ref.Absent = []string{"environment"}
	env := g.token("", "any workflow")
	env.Follows[claimSubject], env.Follows["environment"] = g.prefix()+"environment:", ""
	env.Names = Names{samples: []string{"production"}}
	env.Unread = append(env.Unread, unreadEnvironments)
	pr := g.token("", "any workflow")
	pr.Fixed[claimSubject], pr.Fixed["event_name"] = g.prefix()+"pull_request", "pull_request"
	pr.Follows[claimRef], pr.Names = "refs/pull/", Names{Within: []glob.Pattern{glob.Text(turned("*/merge"))}, samples: []string{"1/merge"}}
	pr.Absent = []string{"environment"}
	out := []Token{ref, env, pr}
	return append(out, numbered(out)...)
}

func refNames(patterns ...string) Names {
	var n Names
	for _, p := range patterns {
		n.Within = append(n.Within, glob.Text(turned(p)))
		switch {
		case strings.HasPrefix(p, branches):
			n.samples = append(n.samples, branches+"main")
		case strings.HasPrefix(p, tags):
			n.samples = append(n.samples, tags+"v1")
		}
	}
	return n
}

// runKind is one way in which an event runs a workflow: on which references, and
// whether as a pull request.
type runKind struct {
	names       Names
	pullRequest bool
	unread      []string
	event       string
}

// runs returns the ways in which a trigger runs a workflow ("Events that trigger
// workflows").
func (t *Trigger) runs() []runKind {
	switch t.Event {
	case "push":
		return []runKind{{names: t.refs(), event: t.Event}}
	case "pull_request", "pull_request_review", "pull_request_review_comment":
		// Runs for forks get no token; those for branches of the repository do.
		return []runKind{{pullRequest: true, event: t.Event,
			names: Names{Within: []glob.Pattern{glob.Text(turned("refs/pull/*/merge"))}, samples: []string{"refs/pull/1/merge"}}}}
	case "pull_request_target":
		base := t.only(branches, t.Branches, t.BranchesIgnore)
		return []runKind{{names: base, event: t.Event, unread: []string{unreadTarget}},
			{names: base, event: t.Event, pullRequest: true, unread: []string{unreadTarget}}}
	case "workflow_dispatch", "deployment", "deployment_status", "create":
		return []runKind{{names: refNames(branches+"*", tags+"*"), event: t.Event}}
	case "release":
		return []runKind{{names: refNames(tags + "*"), event: t.Event}}
	case "merge_group":
		return []runKind{{names: Names{Within: []glob.Pattern{glob.Text(turned(branches + "gh-readonly-queue/*"))}}, event: t.Event}}
	case "workflow_call":
		return nil // it runs as its callers
	}
	return []runKind{{names: refNames(branches + "*"), event: t.Event, unread: []string{unreadDefault}}}
}

// refs are the references whose pushes start the workflow: with filters of one
// kind only, the other kind starts nothing.
func (t *Trigger) refs() Names {
	byBranch := len(t.Branches)+len(t.BranchesIgnore) > 0
	byTag := len(t.Tags)+len(t.TagsIgnore) > 0
	switch {
	case byBranch && byTag:
		a, b := t.only(branches, t.Branches, t.BranchesIgnore), t.only(tags, t.Tags, t.TagsIgnore)
		return Names{Within: slices.Concat(a.Within, b.Within), parts: slices.Concat(a.parts, b.parts), samples: slices.Concat(a.samples, b.samples),
			accept: func(s string) bool { return a.accept(s) || b.accept(s) }}
	case byBranch:
		return t.only(branches, t.Branches, t.BranchesIgnore)
	case byTag:
		return t.only(tags, t.Tags, t.TagsIgnore)
	}
	return refNames(branches+"*", tags+"*")
}

// only returns the references of one kind that filters take.
func (t *Trigger) only(kind string, take, ignore []string) Names {
	taken, left := newFilters(take), newFilters(ignore)
	n := Names{accept: func(ref string) bool {
		name, ok := strings.CutPrefix(ref, kind)
		return ok && (len(take) == 0 || taken.match(name)) && !left.match(name)
	}}
	if len(take) == 0 {
		n = Names{Within: []glob.Pattern{glob.Text(turned(kind + "*"))}, accept: n.accept, samples: refNames(kind + "*").samples}
	}
	for _, f := range slices.Concat(taken, left) {
		n.parts = append(n.parts, below(kind, f))
	}
	for _, f := range taken {
		if !f.negated {
			n.Within = append(n.Within, below(kind, f))
			n.samples = append(n.samples, kind+f.sample)
		}
	}
	n.samples = slices.DeleteFunc(n.samples, func(s string) bool { return !n.accept(s) })
	return n
}

// below returns a filter's pattern behind the kind of reference.
func below(kind string, f filter) glob.Pattern {
	var all []element
	for _, r := range kind {
		all = append(all, element{literal: string(r)})
	}
	return covering(append(all, f.parts...))
}
