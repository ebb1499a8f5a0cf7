package repo

import (
	"path"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// pipeline is what a pipeline file of any system says.
type pipeline struct {
	system  string // "github_actions", …
	path    string
	name    string
	trigger []string
	// grants are the permissions of the pipeline's own token, and roles of other
	// systems that it takes.
	grants []grant
	// secrets are the names of secrets that it is given.
	secrets []secretName
	oidc    bool
	issuer  string
	subject string
	aud     string
	// uses are the actions, orbs, pipes, libraries and includes of others, and
	// unpinned those of third parties that can change under their name.
	uses, unpinned []string
	runners        []string
	selfHosted     bool
	environments   []string
	attrs          retinue.Attrs
	// definition says of triggers and jobs what the lists above lump together;
	// nil for systems whose tokens do not hang on them.
	definition *definition
}

// grant is one set of privileges.
type grant struct {
	privileges []string
	resource   retinue.Ref
	name       string
	condition  string
}

// secretName is a secret that a file names.
type secretName struct {
	name string
	line int
}

// The systems, and what their pipelines are called.
const (
	githubActions      = "github_actions"
	gitlabCI           = "gitlab_ci"
	jenkins            = "jenkins"
	circleCI           = "circleci"
	azurePipelines     = "azure_pipelines"
	bitbucketPipelines = "bitbucket_pipelines"
)

// pipelineReader returns the reader for a path, or nil where it is no pipeline.
func pipelineReader(p string) func(*tree, string, []byte) (*pipeline, error) {
	base, dir := strings.ToLower(path.Base(p)), path.Dir(p)
	yaml := strings.HasSuffix(base, ".yml") || strings.HasSuffix(base, ".yaml")
	switch {
	case yaml && (dir == ".github/workflows" || strings.HasSuffix(dir, "/.github/workflows")):
		return readGitHubWorkflow
	case yaml && (strings.HasSuffix(base, ".gitlab-ci.yml") || strings.HasSuffix(base, ".gitlab-ci.yaml") || strings.HasPrefix(p, ".gitlab/ci/")):
		return readGitLabCI
	case base == "jenkinsfile" || strings.HasPrefix(base, "jenkinsfile.") || strings.HasSuffix(base, ".jenkinsfile"):
		return readJenkinsfile
	case yaml && path.Base(dir) == ".circleci":
		return readCircleCI
	case yaml && (strings.HasPrefix(base, "azure-pipelines") || strings.HasPrefix(p, ".azure-pipelines/") || strings.HasPrefix(p, ".azuredevops/")):
		return readAzurePipelines
	case base == "bitbucket-pipelines.yml":
		return readBitbucket
	}
	return nil
}

// statePipeline states a pipeline as an identity, with what it may do and which
// secrets it is given.
func (r *run) statePipeline(p *pipeline) error {
	scope := r.scopeFor("pipelines")
	place := r.place(p.path, 0)
	ref := retinue.NewRef(r.realm, "pipeline", clean(p.path))
	id := retinue.Identity{
		Ref: ref, Name: clean(p.name), Kind: retinue.IdentityPipeline, Subtype: p.system,
		Class: retinue.ClassNonHuman, ClassReason: "A pipeline runs without a person.",
		State: retinue.StateDeclared, StateReason: "declared by a file of the repository", Container: r.container,
		Declared: []retinue.Place{place}, Attrs: p.attributes(),
	}
	if p.oidc {
		id.Federation = &retinue.Federation{Issuer: p.issuer, Subject: p.subject, Audience: clean(p.aud)}
	}
	facts := []retinue.Fact{id}
	if p.definition != nil {
		d, err := r.definitionFacts(ref, p)
		if err != nil {
			return err
		}
		facts = append(facts, d...)
	}
	for _, g := range p.grants {
		facts = append(facts, retinue.Grant{Subject: ref, Privileges: g.privileges, Resource: g.resource,
			ResourceName: clean(g.name), Condition: clean(g.condition)})
	}
	facts = append(facts, r.references(p.system, ref, p.path, p.secrets, retinue.PlaceCIVariable)...)
	r.own(ref, p.path)
	return r.emit(scope, facts...)
}

// references states secrets that a file names and somebody else keeps: the
// credential as far as its name goes, and that the consumer reads it.
func (r *run) references(system string, consumer retinue.Ref, file string, names []secretName, kind retinue.PlaceKind) []retinue.Fact {
	var facts []retinue.Fact
	for _, s := range names {
		name := clean(s.name)
		if name == "" {
			continue
		}
		ref := retinue.NewRef(r.realm, "named_secret", system+":"+name)
		facts = append(facts,
			retinue.Credential{Ref: ref, Name: name, Kind: retinue.CredentialGenericSecret, Subtype: system + "_secret", State: retinue.CredentialUnknown},
			retinue.Placement{Credential: ref, Consumer: consumer, Reference: true, Detector: system, Confidence: retinue.ConfidenceHigh,
				Place: retinue.Place{Kind: kind, Realm: r.realm, Container: r.container, Path: clean(file), Field: name, Line: s.line}})
	}
	return facts
}

// attributes are what the rules judge a pipeline by.
func (p *pipeline) attributes() retinue.Attrs {
	a := retinue.Attrs{"system": p.system}
	set := func(name string, list []string) {
		if list = tidy(list); len(list) > 0 {
			a[name] = list
		}
	}
	set("triggers", p.trigger)
	set("uses", p.uses)
	set("unpinnedActions", p.unpinned)
	set("runners", p.runners)
	set("environments", p.environments)
	var names []string
	for _, s := range p.secrets {
		names = append(names, s.name)
	}
	set("secrets", names)
	var privileges []string
	for _, g := range p.grants {
		if g.name == tokenName {
			privileges = append(privileges, g.privileges...)
		}
	}
	set("tokenPermissions", privileges)
	a["oidc"] = p.oidc
	a["selfHosted"] = p.selfHosted
	for k, v := range p.attrs {
		a[k] = v
	}
	return a
}

// tokenName is the resource of grants to a pipeline's own token.
const tokenName = "the pipeline's own token"

// maxListed bounds lists in attributes.
const maxListed = 200

// tidy sorts, cleans and bounds a list.
func tidy(list []string) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		if s = clean(s); s != "" {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return out[:min(len(out), maxListed)]
}

// name adds a secret once.
func (p *pipeline) addSecret(name string, line int) {
	if name == "" || len(p.secrets) >= maxListed || slices.ContainsFunc(p.secrets, func(s secretName) bool { return s.name == name }) {
		return
	}
	p.secrets = append(p.secrets, secretName{name, line})
}

// soundsSecret reports variable names that by their words hold a secret.
func soundsSecret(name string) bool {
	n := strings.ToUpper(name)
	for _, w := range []string{"SECRET", "TOKEN", "PASSWORD", "PASSWD", "API_KEY", "APIKEY", "ACCESS_KEY", "PRIVATE_KEY", "CREDENTIAL",
		"_PAT", "AUTH_KEY", "SSH_KEY", "SIGNING_KEY", "DEPLOY_KEY", "DATABASE_URL", "KUBECONFIG", "_PASS", "WEBHOOK"} {
		if strings.Contains(n, w) {
			return true
		}
	}
	return false
}

// variables calls each with the names in $NAME and ${NAME} of a text.
func variables(s string, each func(name string)) {
	for i := 0; i+1 < len(s); i++ {
		if s[i] != '$' {
			continue
		}
		j := i + 1
		if s[j] == '{' {
			j++
		}
		from := j
		for j < len(s) && (s[j] == '_' || s[j] >= 'A' && s[j] <= 'Z' || s[j] >= 'a' && s[j] <= 'z' || s[j] >= '0' && s[j] <= '9') {
			j++
		}
		if j > from && j-from <= 128 {
			each(s[from:j])
		}
		i = j - 1
	}
}

// place is a place in a file of the head.
func (r *run) place(file string, line int) retinue.Place {
	kind := retinue.PlaceGit
	if r.t.repo == nil {
		kind = retinue.PlaceFile
	}
	return retinue.Place{Kind: kind, Realm: r.realm, Container: r.container, Path: clean(file), Line: line}
}

// scopeFor returns the scope of a stage beside the secrets; where only a change
// is judged, all go into its scope.
func (r *run) scopeFor(stage string) retinue.Scope {
	if r.c.commits != "" {
		return r.secretScope
	}
	return retinue.NewScope(r.realm, stage)
}

// awsRole reads an ARN of a role as a reference into its account.
func awsRole(arn string) (retinue.Ref, bool) {
	parts := strings.SplitN(strings.TrimSpace(arn), ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "iam" || len(parts[4]) != 12 ||
		strings.Trim(parts[4], "0123456789") != "" || !strings.HasPrefix(parts[5], "role/") || strings.ContainsAny(arn, "${} \n") {
		return retinue.Ref{}, false
	}
	return retinue.NewRef(retinue.NewRealm("aws", parts[4]), "role", clean(strings.TrimSpace(arn))), true
}
