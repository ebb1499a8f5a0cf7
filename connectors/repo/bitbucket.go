package repo

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/retinue-id/retinue"
)

// readBitbucket reads a configuration of Bitbucket Pipelines (Atlassian's
// documentation, "Bitbucket Pipelines configuration reference").
func readBitbucket(t *tree, file string, data []byte) (*pipeline, error) {
	docs, err := parseYAML(data)
	if err != nil || len(docs) == 0 {
		return nil, err
	}
	doc := docs[0]
	p := &pipeline{system: bitbucketPipelines, path: file, name: file, attrs: retinue.Attrs{}}
	for _, tr := range pairs(child(doc, "pipelines")) {
		p.trigger = append(p.trigger, tr.key)
	}
	defined := map[string]bool{}
	scalars(doc, func(key string, n *yaml.Node) {
		switch key {
		case "oidc":
			p.oidc = p.oidc || n.Value == "true"
		case "pipe":
			p.pipe(n.Value)
		case "deployment":
			p.environments = append(p.environments, n.Value)
		case "runs-on":
			p.runners = append(p.runners, n.Value)
			p.selfHosted = p.selfHosted || strings.HasPrefix(n.Value, "self.hosted")
		}
		p.namedVariables(n.Value, n.Line, defined)
	})
	if p.oidc {
		workspace := owner(t.origin())
		if workspace == "" {
			workspace = "*"
		}
		p.issuer = "https://api.bitbucket.org/2.0/workspaces/" + workspace + "/pipelines-config/identity/oidc"
	}
	return p, nil
}

// pipe records a pipe: an image that its owner can change under its tag.
func (p *pipeline) pipe(name string) {
	p.uses = append(p.uses, name)
	if !strings.HasPrefix(name, "atlassian/") && !strings.Contains(name, "@sha256:") {
		p.unpinned = append(p.unpinned, name)
	}
}
