package pipelines

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
)

// The levels of a permission.
const (
	levelNone  = "none"
	levelRead  = "read"
	levelWrite = "write"
)

const scopeIDToken = "id-token"

// scopes are the permissions of GITHUB_TOKEN ("Workflow syntax for GitHub
// Actions", permissions).
var scopes = [...]string{"actions", "artifact-metadata", "attestations", "checks", "contents", "deployments", "discussions",
	scopeIDToken, "issues", "models", "packages", "pages", "pull-requests", "repository-projects", "security-events", "statuses"}

// level is what the permissions give of a scope; what is not named is not given.
func (p *Permissions) level(scope string) string {
	switch {
	case p.All == "write-all":
		return levelWrite
	case p.All == "read-all" && scope != scopeIDToken:
		return levelRead
	case p.All != "":
		return levelNone
	}
	switch l := p.Scopes[scope]; l {
	case levelRead, levelWrite:
		return l
	}
	return levelNone
}

// permissions are those of a job's token: its own, else the file's; nil where the
// repository's settings decide.
func (d *Definition) permissions(j *Job) *Permissions {
	if j.Permissions != nil {
		return j.Permissions
	}
	return d.Permissions
}

// asks reports whether a job may ask for a token of its run. By the settings of a
// repository alone no job may.
func (d *Definition) asks(j *Job) bool {
	p := d.permissions(j)
	return p != nil && p.level(scopeIDToken) == levelWrite
}

// Tokens returns the tokens that the pipeline's jobs can be issued as the file
// stands. called returns the definition of a workflow of the same repository by
// its path, or nil.
func (d *Definition) Tokens(called func(file string) *Definition) []Token {
	switch d.System {
	case systemGitHub:
		g, ok := githubOf(d.Repository)
		if !ok {
			return nil
		}
		var out []Token
		for i := range d.Jobs {
			out = append(out, g.job(d, &d.Jobs[i], called)...)
		}
		return append(out, numbered(out)...)
	case systemGitLab:
		g, ok := gitlabOf(d.Repository)
		if !ok {
			return nil
		}
		var out []Token
		for i := range d.Jobs {
			out = append(out, g.job(&d.Jobs[i])...)
		}
		return out
	}
	return nil
}

// where is an environment that a job runs in.
type where struct {
	environment string
	// varies is true where an expression names it, unsure where it is not known
	// whether there is one.
	varies, unsure bool
}

// job returns the tokens of one job for every event that starts it.
func (g github) job(d *Definition, j *Job, called func(string) *Definition) []Token {
	if !d.asks(j) {
		return nil
	}
	var out []Token
	for _, place := range environments(j, called) {
		for i := range d.Triggers {
			for _, run := range d.Triggers[i].runs() {
				out = append(out, g.run(d, j, place, run))
			}
		}
	}
	return out
}

// environments returns where a job runs. One that calls a workflow runs where
// the jobs of that do; of a workflow elsewhere it is not known.
func environments(j *Job, called func(string) *Definition) []where {
	if j.Uses == "" {
		return []where{whereOf(j.Environment)}
	}
	file, ok := strings.CutPrefix(j.Uses, "./")
	if !ok {
		return []where{{unsure: true}, {varies: true}}
	}
	d := called(path.Clean(file))
	if d == nil {
		return []where{{unsure: true}, {varies: true}}
	}
	var out []where
	for i := range d.Jobs {
		if p := d.permissions(&d.Jobs[i]); p != nil && p.level(scopeIDToken) != levelWrite {
			continue // the called workflow gives up what its caller has
		}
		if w := whereOf(d.Jobs[i].Environment); !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

func whereOf(environment string) where {
	if strings.Contains(environment, expression) {
		return where{varies: true}
	}
	return where{environment: environment}
}

// run returns the tokens of one job, in one place, for one kind of event.
func (g github) run(d *Definition, j *Job, place where, run runKind) Token {
	t := g.token(j.Name, run.event)
	t.Unread = append(t.Unread, run.unread...)
	t.Fixed["event_name"] = run.event
	if t.Fixed["workflow"] = d.Name; d.Name == "" {
		t.Fixed["workflow"] = d.File
	}
	t.Fixed["runner_environment"] = "github-hosted"
	if j.SelfHosted {
		t.Fixed["runner_environment"] = "self-hosted"
	}
	if j.Conditional {
		t.Unread = append(t.Unread, "the job's own condition")
	}
	file := g.owner + "/" + g.name + "/" + d.File + "@"
	byRef := map[string]string{claimRef: "", "workflow_ref": file}
	if j.Uses == "" {
		byRef["job_workflow_ref"] = file
	} else if called, ok := strings.CutPrefix(j.Uses, "./"); ok {
		byRef["job_workflow_ref"] = g.owner + "/" + g.name + "/" + path.Clean(called) + "@"
	}
	t.Names = run.names
	maps.Copy(t.Follows, byRef)
	switch {
	case place.varies:
		// The environment is what varies then; which reference goes with it is
		// not said.
		t.Follows = map[string]string{claimSubject: g.prefix() + "environment:", "environment": ""}
		t.Names = Names{samples: []string{"production"}}
		t.Unread = append(t.Unread, unreadEnvironments)
		t.guess = &access.Condition{Key: "environment", Operator: "is", Values: []string{"the one asked for"}, Text: "the job runs in the environment that the trust asks for"}
	case place.environment != "":
		t.Fixed[claimSubject] = g.prefix() + "environment:" + strings.ReplaceAll(place.environment, ":", "%3A")
		t.Fixed["environment"] = place.environment
		t.Unread = append(t.Unread, unreadEnvironments)
	case run.pullRequest:
		t.Fixed[claimSubject] = g.prefix() + "pull_request"
		t.Absent = []string{"environment"}
	default:
		t.Follows[claimSubject] = g.prefix() + "ref:"
		t.Absent = []string{"environment"}
	}
	if place.unsure {
		t.guess = &access.Condition{Key: "environment", Operator: "is", Values: []string{"none"}, Text: "the workflow that the job calls names no environment"}
	}
	if run.pullRequest && !place.varies && place.environment == "" && run.event == "pull_request_target" {
		t.Remains = []access.Condition{{Key: claimSubject, Operator: "is", Values: []string{t.Fixed[claimSubject]},
			Text: "GitHub gives runs of pull_request_target the subject of pull requests"}}
	}
	return t
}
