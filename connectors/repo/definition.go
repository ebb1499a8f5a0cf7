package repo

import (
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/retinue-id/retinue"
)

// definition is the document in the language retinue.LanguagePipeline that a
// pipeline file becomes: what starts it, and job by job what it may do and whose
// tokens it asks for. The file itself is not kept, as it may hold secret values;
// commands, variables and conditions are left out.
type definition struct {
	System string `json:"system"`
	// Repository is the address of the remote, host and path; empty where there
	// is none.
	Repository string    `json:"repository,omitempty"`
	File       string    `json:"file"`
	Name       string    `json:"name,omitempty"`
	Triggers   []trigger `json:"triggers,omitempty"`
	// Permissions are the whole file's; nil where it does not declare any.
	Permissions *permissions `json:"permissions,omitempty"`
	Jobs        []jobOf      `json:"jobs,omitempty"`
	// Includes says that other files add jobs which are not here.
	Includes bool `json:"includes,omitempty"`
	// Truncated says that something was left out for its number.
	Truncated bool `json:"truncated,omitempty"`
}

// trigger is an event that starts the pipeline, with its filters as written.
type trigger struct {
	Event          string   `json:"event"`
	Branches       []string `json:"branches,omitempty"`
	BranchesIgnore []string `json:"branchesIgnore,omitempty"`
	Tags           []string `json:"tags,omitempty"`
	TagsIgnore     []string `json:"tagsIgnore,omitempty"`
	Types          []string `json:"types,omitempty"`
}

// permissions are those of a token: one word for all scopes, or scope by scope.
// What is not named is not given.
type permissions struct {
	All    string            `json:"all,omitempty"`
	Scopes map[string]string `json:"scopes,omitempty"`
}

type jobOf struct {
	Name string `json:"name"`
	// Conditional is true where the job has a condition of its own.
	Conditional bool   `json:"conditional,omitempty"`
	Environment string `json:"environment,omitempty"`
	// Permissions replace the file's.
	Permissions *permissions `json:"permissions,omitempty"`
	Runners     []string     `json:"runners,omitempty"`
	SelfHosted  bool         `json:"selfHosted,omitempty"`
	// Uses is the workflow that the job calls in place of steps.
	Uses     string    `json:"uses,omitempty"`
	IDTokens []idToken `json:"idTokens,omitempty"`
	// Roles are the roles of AWS that it asks for, by ARN.
	Roles []string `json:"roles,omitempty"`
}

// idToken is a token that GitLab makes for a job.
type idToken struct {
	Name      string   `json:"name"`
	Audiences []string `json:"audiences"`
}

// maxJobs bounds the jobs of a definition.
const maxJobs = 500

// definitionFacts states the document and that it is the pipeline's.
func (r *run) definitionFacts(pipeline retinue.Ref, p *pipeline) ([]retinue.Fact, error) {
	text, err := json.Marshal(p.definition)
	if err != nil {
		return nil, fmt.Errorf("%w: write the definition of %s: %v", retinue.ErrInvalid, clean(p.path), err)
	}
	ref := retinue.NewRef(r.realm, "pipeline_definition", clean(p.path))
	return []retinue.Fact{
		retinue.Policy{Ref: ref, Name: clean(p.name), Language: retinue.LanguagePipeline, Document: string(text), Container: r.container},
		retinue.Attachment{Policy: ref, Target: pipeline, Role: retinue.AttachIdentity},
	}, nil
}

func githubDefinition(doc *yaml.Node, file, origin string) *definition {
	d := &definition{System: githubActions, Repository: origin, File: clean(file), Name: clean(textAt(doc, "name")),
		Triggers: githubTriggers(child(doc, "on")), Permissions: permissionsOf(child(doc, "permissions"))}
	for _, job := range pairs(child(doc, "jobs")) {
		j := jobOf{Name: clean(job.key), Conditional: child(job.value, "if") != nil, Environment: environmentOf(child(job.value, "environment")),
			Permissions: permissionsOf(child(job.value, "permissions")), Uses: clean(textAt(job.value, "uses")),
			Runners: tidy(runnerLabels(child(job.value, "runs-on")))}
		for _, label := range j.Runners {
			j.SelfHosted = j.SelfHosted || label == "self-hosted" || strings.HasPrefix(label, "group:")
		}
		for _, step := range items(child(job.value, "steps")) {
			if ref, ok := awsRole(textAt(child(step, "with"), "role-to-assume")); ok {
				j.Roles = append(j.Roles, ref.Key)
			}
		}
		j.Roles = tidy(j.Roles)
		d.add(j)
	}
	return d
}

// add adds a job, up to the bound.
func (d *definition) add(j jobOf) {
	if len(d.Jobs) >= maxJobs {
		d.Truncated = true
		return
	}
	d.Jobs = append(d.Jobs, j)
}

// githubTriggers reads "on" with the filters of branches, tags and types
// (GitHub's documentation, "Workflow syntax for GitHub Actions", section on).
func githubTriggers(on *yaml.Node) []trigger {
	var out []trigger
	if on != nil && on.Kind == yaml.MappingNode {
		for _, p := range pairs(on) {
			list := func(key string) []string { return cleaned(texts(child(p.value, key))) }
			out = append(out, trigger{Event: clean(p.key), Branches: list("branches"), BranchesIgnore: list("branches-ignore"),
				Tags: list("tags"), TagsIgnore: list("tags-ignore"), Types: list("types")})
		}
	} else {
		for _, event := range texts(on) {
			out = append(out, trigger{Event: clean(event)})
		}
	}
	return out[:min(len(out), maxListed)]
}

// cleaned cleans and bounds a list whose order means something.
func cleaned(list []string) []string {
	var out []string
	for _, s := range list[:min(len(list), maxListed)] {
		out = append(out, clean(s))
	}
	return out
}

func permissionsOf(n *yaml.Node) *permissions {
	if n == nil {
		return nil
	}
	p := &permissions{}
	if n.Kind == yaml.ScalarNode {
		p.All = clean(n.Value)
	}
	for _, s := range pairs(n) {
		if s.value == nil || s.value.Kind != yaml.ScalarNode || len(p.Scopes) >= maxListed {
			continue
		}
		if p.Scopes == nil {
			p.Scopes = make(map[string]string)
		}
		p.Scopes[clean(s.key)] = clean(s.value.Value)
	}
	return p
}

func environmentOf(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	if n.Kind == yaml.ScalarNode {
		return clean(n.Value)
	}
	return clean(textAt(n, "name"))
}

// gitlabDefinition reads the jobs with the tokens that GitLab makes for them
// (GitLab's documentation, "CI/CD YAML syntax reference", id_tokens). What a job
// inherits from default is written out; what it extends is not followed.
func gitlabDefinition(docs []*yaml.Node, file, origin string) *definition {
	d := &definition{System: gitlabCI, Repository: origin, File: clean(file)}
	for _, doc := range docs {
		d.Includes = d.Includes || child(doc, "include") != nil
		inherited := idTokens(child(doc, "default", "id_tokens"))
		for _, job := range pairs(doc) {
			if job.value == nil || job.value.Kind != yaml.MappingNode || reservedGitLab(job.key) || strings.HasPrefix(job.key, ".") {
				continue
			}
			d.Includes = d.Includes || child(job.value, "extends") != nil
			j := jobOf{Name: clean(job.key), Environment: environmentOf(child(job.value, "environment")), Runners: tidy(texts(child(job.value, "tags"))),
				Conditional: child(job.value, "rules") != nil || child(job.value, "only") != nil || child(job.value, "except") != nil,
				IDTokens:    idTokens(child(job.value, "id_tokens"))}
			if j.IDTokens == nil {
				j.IDTokens = inherited
			}
			for _, tag := range j.Runners {
				j.SelfHosted = j.SelfHosted || !strings.HasPrefix(tag, "saas-")
			}
			d.add(j)
		}
	}
	return d
}

func idTokens(n *yaml.Node) []idToken {
	var out []idToken
	for _, tok := range pairs(n) {
		if len(out) < maxListed {
			out = append(out, idToken{Name: clean(tok.key), Audiences: cleaned(texts(child(tok.value, "aud")))})
		}
	}
	return out
}
