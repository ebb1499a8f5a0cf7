package pipelines

import (
	"strings"

	"github.com/retinue-id/retinue/internal/access/glob"
)

// gitlab makes the tokens of one project at GitLab ("OpenID Connect (OIDC)
// Authentication Using ID Tokens").
type gitlab struct {
	issuer, host, project string
}

func gitlabOf(repository string) (gitlab, bool) {
	host, project, ok := strings.Cut(repository, "/")
	if !ok || host == "" || !strings.Contains(project, "/") {
		return gitlab{}, false
	}
	return gitlab{issuer: "https://" + host, host: host, project: project}, true
}

// unreadComponents are what a project's settings can put into its subjects.
const unreadComponents = "the project's components of the subject"

// kinds returns the tokens of runs for branches, merge requests included, and
// for tags. They hold the name alone, without refs/heads.
func (g gitlab) kinds(job string) []Token {
	namespace := g.project[:strings.LastIndexByte(g.project, '/')]
	var out []Token
	for _, kind := range []struct{ name, path, sample string }{{"branch", branches, "main"}, {"tag", tags, "v1"}} {
		out = append(out, Token{Issuer: g.issuer, Job: job, Event: "a run for a " + kind.name,
			Fixed: map[string]string{"iss": g.issuer, "project_path": g.project, "namespace_path": namespace, "ref_type": kind.name},
			Follows: map[string]string{claimSubject: "project_path:" + g.project + ":ref_type:" + kind.name + ":ref:", claimRef: "",
				"ref_path": kind.path},
			Names:  Names{Within: []glob.Pattern{glob.Text("*")}, samples: []string{kind.sample}},
			Unread: []string{unreadComponents, unreadRules}})
	}
	return out
}

// job returns the tokens that a job's id_tokens ask for.
func (g gitlab) job(j *Job) []Token {
	var out []Token
	for _, id := range j.IDTokens {
		for _, t := range g.kinds(j.Name) {
			t.Audiences = append([]string{}, id.Audiences...)
			for _, a := range t.Audiences {
				if strings.Contains(a, "$") {
					t.Audiences = nil // a variable names it
					break
				}
			}
			switch {
			case j.Environment == "":
				t.Absent = []string{"environment"}
			case !strings.Contains(j.Environment, "$"):
				t.Fixed["environment"] = j.Environment
			}
			if j.Conditional {
				t.Unread = append(t.Unread, "the job's own rules")
			}
			out = append(out, t)
		}
	}
	return out
}

// anyRun returns the tokens that whoever can push to the project can be issued
// by a job of their own.
func (g gitlab) anyRun() []Token { return g.kinds("") }
