package repo

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/retinue-id/retinue"
)

// githubIssuer issues the tokens of GitHub Actions (GitHub's documentation,
// "OpenID Connect reference").
const githubIssuer = "https://token.actions.githubusercontent.com"

// readGitHubWorkflow reads a workflow file of GitHub Actions (GitHub's
// documentation, "Workflow syntax").
func readGitHubWorkflow(t *tree, file string, data []byte) (*pipeline, error) {
	docs, err := parseYAML(data)
	if err != nil || len(docs) == 0 {
		return nil, err
	}
	doc := docs[0]
	p := &pipeline{system: githubActions, path: file, name: textAt(doc, "name"), attrs: retinue.Attrs{}}
	if p.name == "" {
		p.name = file
	}
	p.trigger = triggers(child(doc, "on"))
	w := &workflow{pipeline: p, owner: owner(t.origin())}
	declared := w.permissions(child(doc, "permissions"), "")
	jobs := pairs(child(doc, "jobs"))
	for _, job := range jobs {
		declared = w.permissions(child(job.value, "permissions"), "job "+job.key) || declared
		w.job(job)
	}
	p.attrs["permissionsDeclared"] = declared
	scalars(doc, w.scalar)
	w.conclude(t)
	p.definition = githubDefinition(doc, file, t.origin())
	return p, nil
}

// workflow gathers what a workflow says.
type workflow struct {
	*pipeline
	owner      string // of the repository, to tell third parties
	ownToken   bool
	allSecrets bool
	checkout   bool // checks out the code of a pull request
	injection  bool // puts text of an event into a script
	writes     bool
}

func triggers(on *yaml.Node) []string {
	if on == nil {
		return nil
	}
	if on.Kind == yaml.MappingNode {
		var out []string
		for _, p := range pairs(on) {
			out = append(out, p.key)
		}
		return out
	}
	return texts(on)
}

// permissions reads the permissions of the token, and reports whether they are
// declared at all. Without them the repository's settings decide.
func (w *workflow) permissions(n *yaml.Node, condition string) bool {
	if n == nil {
		return false
	}
	var privileges []string
	if n.Kind == yaml.ScalarNode && n.Value != "" {
		privileges = append(privileges, n.Value) // read-all, write-all
		w.writes = w.writes || n.Value == "write-all"
		w.oidc = w.oidc || n.Value == "write-all"
	}
	for _, p := range pairs(n) {
		if p.value == nil || p.value.Value == "none" {
			continue
		}
		privileges = append(privileges, clean(p.key+":"+p.value.Value))
		if p.key == "id-token" {
			w.oidc = w.oidc || p.value.Value == "write"
		} else if p.value.Value == "write" {
			w.writes = true
		}
	}
	if privileges = tidy(privileges); len(privileges) > 0 {
		w.grants = append(w.grants, grant{privileges: privileges, name: tokenName, condition: condition})
	}
	return true
}

func (w *workflow) job(job pair) {
	for _, label := range runnerLabels(child(job.value, "runs-on")) {
		w.runners = append(w.runners, label)
		w.selfHosted = w.selfHosted || label == "self-hosted" || strings.HasPrefix(label, "group:")
	}
	if env := child(job.value, "environment"); env != nil {
		name := textAt(env, "name")
		if env.Kind == yaml.ScalarNode {
			name = env.Value
		}
		w.environments = append(w.environments, name)
	}
	w.action(textAt(job.value, "uses"))
	if textAt(job.value, "secrets") == "inherit" {
		w.allSecrets = true
	}
	for _, step := range items(child(job.value, "steps")) {
		w.action(textAt(step, "uses"))
		with := child(step, "with")
		if strings.HasPrefix(textAt(step, "uses"), "actions/checkout@") && strings.Contains(textAt(with, "ref"), "github.event.pull_request.head") {
			w.checkout = true
		}
		if ref, ok := awsRole(textAt(with, "role-to-assume")); ok {
			w.grants = append(w.grants, grant{privileges: []string{"sts:AssumeRoleWithWebIdentity"}, resource: ref, condition: "job " + job.key})
		}
		if run := textAt(step, "run"); strings.Contains(run, "${{") && untrusted(run) {
			w.injection = true
		}
	}
}

// runnerLabels reads runs-on: a label, labels, or a group with labels.
func runnerLabels(n *yaml.Node) []string {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		return texts(n)
	}
	labels := texts(child(n, "labels"))
	if g := textAt(n, "group"); g != "" {
		labels = append(labels, "group:"+g)
	}
	return labels
}

// action records what a job or step uses, and whether a third party can change
// it under its name: only a commit's hash, or an image's digest, cannot.
func (w *workflow) action(uses string) {
	if uses == "" || strings.HasPrefix(uses, "./") {
		return
	}
	w.uses = append(w.uses, uses)
	if image, ok := strings.CutPrefix(uses, "docker://"); ok {
		if !strings.Contains(image, "@sha256:") {
			w.unpinned = append(w.unpinned, uses)
		}
		return
	}
	name, version, _ := strings.Cut(uses, "@")
	vendor, _, _ := strings.Cut(strings.ToLower(name), "/")
	if vendor == "actions" || vendor == "github" || (w.owner != "" && vendor == w.owner) {
		return
	}
	if !isHash(version) {
		w.unpinned = append(w.unpinned, uses)
	}
}

// untrusted reports expressions whose value an outsider writes.
func untrusted(run string) bool {
	for _, e := range []string{"github.event.issue.title", "github.event.issue.body", "github.event.pull_request.title",
		"github.event.pull_request.body", "github.event.pull_request.head.ref", "github.event.comment.body",
		"github.event.review.body", "github.event.head_commit.message", "github.head_ref", "github.event.discussion."} {
		if strings.Contains(run, e) {
			return true
		}
	}
	return false
}

// scalar finds the secrets that an expression names.
func (w *workflow) scalar(_ string, n *yaml.Node) {
	s := n.Value
	for i := strings.Index(s, "secrets"); i >= 0; {
		rest := s[i+len("secrets"):]
		if i == 0 || !isNameChar(s[i-1]) && s[i-1] != '.' {
			w.secretAfter(s, rest, n.Line)
		}
		next := strings.Index(rest, "secrets")
		if next < 0 {
			break
		}
		i += len("secrets") + next
	}
	if strings.Contains(s, "github.token") {
		w.ownToken = true
	}
}

func (w *workflow) secretAfter(whole, rest string, line int) {
	if !strings.Contains(whole, "${{") && !strings.Contains(whole, "secrets.") {
		return
	}
	if name, ok := strings.CutPrefix(rest, "."); ok {
		end := 0
		for end < len(name) && isNameChar(name[end]) {
			end++
		}
		if name = name[:end]; name == "GITHUB_TOKEN" {
			w.ownToken = true
		} else {
			w.addSecret(name, line)
		}
		return
	}
	if strings.HasPrefix(rest, ")") || strings.HasPrefix(rest, "[") {
		w.allSecrets = true // toJSON(secrets), secrets[…]
	}
}

func isNameChar(c byte) bool {
	return c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
}

func (w *workflow) conclude(t *tree) {
	fromForks := false
	for _, tr := range w.trigger {
		fromForks = fromForks || tr == "pull_request_target" || tr == "workflow_run" || tr == "issue_comment"
		if tr == "pull_request_target" {
			w.attrs["pullRequestTarget"] = true
			w.attrs["pullRequestTargetWithSecrets"] = len(w.secrets) > 0 || w.allSecrets || w.writes
		}
	}
	w.attrs["allSecrets"] = w.allSecrets
	w.attrs["usesOwnToken"] = w.ownToken
	if w.checkout && fromForks {
		w.attrs["checksOutForkCode"] = true
	}
	if w.injection {
		w.attrs["scriptInjection"] = true
	}
	if !w.oidc {
		return
	}
	w.issuer = githubIssuer
	if name, ok := strings.CutPrefix(t.origin(), "github.com/"); ok {
		w.subject = "repo:" + name + ":*"
	}
}

// owner returns the account that a remote's address lies under.
func owner(origin string) string {
	parts := strings.Split(strings.ToLower(origin), "/")
	if len(parts) < 3 {
		return ""
	}
	return parts[1]
}
