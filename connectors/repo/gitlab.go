package repo

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/retinue-id/retinue"
)

// readGitLabCI reads a CI file of GitLab (GitLab's documentation, "CI/CD YAML
// syntax reference").
func readGitLabCI(t *tree, file string, data []byte) (*pipeline, error) {
	docs, err := parseYAML(data)
	if err != nil || len(docs) == 0 {
		return nil, err
	}
	p := &pipeline{system: gitlabCI, path: file, name: file, attrs: retinue.Attrs{}}
	defined := map[string]bool{}
	for _, doc := range docs {
		for _, v := range pairs(child(doc, "variables")) {
			defined[v.key] = true
		}
		p.includes(child(doc, "include"))
		for _, job := range pairs(doc) {
			if job.value == nil || job.value.Kind != yaml.MappingNode || reservedGitLab(job.key) {
				continue
			}
			p.gitlabJob(job, defined)
		}
		usesOwnToken := false
		scalars(doc, func(key string, n *yaml.Node) {
			usesOwnToken = usesOwnToken || strings.Contains(n.Value, "CI_JOB_TOKEN")
			if key != "image" {
				p.namedVariables(n.Value, n.Line, defined)
			}
		})
		if usesOwnToken {
			p.attrs["usesOwnToken"] = true
			p.grants = append(p.grants, grant{privileges: []string{"ci_job_token"}, name: tokenName})
		}
	}
	p.definition = gitlabDefinition(docs, file, t.origin())
	if p.oidc {
		host, project, _ := strings.Cut(t.origin(), "/")
		if host != "" && project != "" {
			p.issuer, p.subject = "https://"+host, "project_path:"+project+":*"
		} else {
			p.issuer = "https://gitlab.com"
		}
	}
	return p, nil
}

func reservedGitLab(key string) bool {
	switch key {
	case "default", "stages", "workflow", "variables", "include", "spec", "pages", "image", "services", "cache", "before_script", "after_script":
		return key != "pages"
	}
	return false
}

func (p *pipeline) gitlabJob(job pair, defined map[string]bool) {
	for _, v := range pairs(child(job.value, "variables")) {
		defined[v.key] = true
	}
	for _, tok := range pairs(child(job.value, "id_tokens")) {
		p.oidc = true
		defined[tok.key] = true
		if aud := texts(child(tok.value, "aud")); len(aud) > 0 {
			p.aud = aud[0]
		}
	}
	for _, s := range pairs(child(job.value, "secrets")) {
		p.addSecret(s.key, s.line)
		if v := child(s.value, "vault"); v != nil {
			p.oidc = true
			defined[s.key] = true
		}
	}
	for _, tag := range texts(child(job.value, "tags")) {
		p.runners = append(p.runners, tag)
		// GitLab's own runners carry tags that begin with saas- (its
		// documentation of hosted runners).
		p.selfHosted = p.selfHosted || !strings.HasPrefix(tag, "saas-")
	}
	if env := child(job.value, "environment"); env != nil {
		if env.Kind == yaml.ScalarNode {
			p.environments = append(p.environments, env.Value)
		} else {
			p.environments = append(p.environments, textAt(env, "name"))
		}
	}
	for _, r := range items(child(job.value, "rules")) {
		if strings.Contains(textAt(r, "if"), "merge_request_event") {
			p.trigger = append(p.trigger, "merge_request_event")
		}
	}
	p.trigger = append(p.trigger, texts(child(job.value, "only"))...)
}

// includes records files of other projects and addresses, which others can
// change unless a commit is named.
func (p *pipeline) includes(n *yaml.Node) {
	list := items(n)
	if n != nil && n.Kind == yaml.MappingNode {
		list = []*yaml.Node{n}
	}
	for _, inc := range list {
		switch {
		case inc.Kind == yaml.ScalarNode && strings.Contains(inc.Value, "://"):
			p.uses, p.unpinned = append(p.uses, inc.Value), append(p.unpinned, inc.Value)
		case textAt(inc, "remote") != "":
			u := textAt(inc, "remote")
			p.uses = append(p.uses, u)
			if textAt(inc, "integrity") == "" {
				p.unpinned = append(p.unpinned, u)
			}
		case textAt(inc, "project") != "":
			u := textAt(inc, "project") + "@" + textAt(inc, "ref")
			p.uses = append(p.uses, u)
			if !isHash(textAt(inc, "ref")) {
				p.unpinned = append(p.unpinned, u)
			}
		case textAt(inc, "component") != "":
			u := textAt(inc, "component")
			_, version, _ := strings.Cut(u, "@")
			p.uses = append(p.uses, u)
			if !isHash(version) {
				p.unpinned = append(p.unpinned, u)
			}
		}
	}
}

// namedVariables records variables that scripts read, that the file does not
// define and that by their name hold a secret.
func (p *pipeline) namedVariables(s string, line int, defined map[string]bool) {
	variables(s, func(name string) {
		if defined[name] || !soundsSecret(name) {
			return
		}
		for _, own := range []string{"CI_", "GITLAB_", "CIRCLE_", "BITBUCKET_", "BUILD_", "SYSTEM_", "RUNNER_"} {
			if strings.HasPrefix(name, own) {
				return
			}
		}
		p.addSecret(name, line)
	})
}
