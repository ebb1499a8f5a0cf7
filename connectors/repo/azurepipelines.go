package repo

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/retinue-id/retinue"
)

// readAzurePipelines reads a pipeline of Azure DevOps (Microsoft's
// documentation, "YAML schema reference for Azure Pipelines").
func readAzurePipelines(_ *tree, file string, data []byte) (*pipeline, error) {
	docs, err := parseYAML(data)
	if err != nil || len(docs) == 0 {
		return nil, err
	}
	doc := docs[0]
	p := &pipeline{system: azurePipelines, path: file, name: file, attrs: retinue.Attrs{}}
	if n := textAt(doc, "name"); n != "" && !strings.Contains(n, "$(") {
		p.name = n
	}
	for _, tr := range []string{"trigger", "pr", "schedules"} {
		if c := child(doc, tr); c != nil && c.Value != "none" {
			p.trigger = append(p.trigger, tr)
		}
	}
	for _, repo := range items(child(doc, "resources", "repositories")) {
		if name := textAt(repo, "name"); name != "" {
			ref := textAt(repo, "ref")
			p.uses = append(p.uses, name+"@"+ref)
			if !isHash(ref) && !strings.HasPrefix(ref, "refs/tags/") {
				p.unpinned = append(p.unpinned, name+"@"+ref)
			}
		}
	}
	defined := azureVariables(doc, p)
	var connections []string
	p.azurePools(doc, 0)
	scalars(doc, func(key string, n *yaml.Node) {
		switch {
		case strings.EqualFold(key, "azureSubscription"), strings.HasSuffix(strings.ToLower(key), "serviceconnection"),
			strings.EqualFold(key, "containerRegistry"), strings.EqualFold(key, "connectedServiceName"), strings.EqualFold(key, "awsCredentials"):
			if n.Value != "" {
				connections = append(connections, n.Value)
				p.addSecret("service connection/"+n.Value, n.Line)
			}
		}
		p.azureReferences(n, defined)
	})
	if connections = tidy(connections); len(connections) > 0 {
		p.attrs["serviceConnections"] = connections
	}
	return p, nil
}

// azureVariables returns the names that the file defines, and records variable
// groups, whose values lie in the settings.
func azureVariables(doc *yaml.Node, p *pipeline) map[string]bool {
	defined := map[string]bool{}
	vars := child(doc, "variables")
	for _, v := range pairs(vars) {
		defined[v.key] = true
	}
	if vars == nil || vars.Kind != yaml.SequenceNode {
		return defined
	}
	for _, v := range items(vars) {
		if g := textAt(v, "group"); g != "" {
			p.addSecret("variable group/"+g, v.Line)
		}
		if n := textAt(v, "name"); n != "" {
			defined[n] = true
		}
	}
	return defined
}

// azureReferences finds $(NAME) of secrets and the token of the run.
func (p *pipeline) azureReferences(n *yaml.Node, defined map[string]bool) {
	rest := n.Value
	for {
		_, after, ok := strings.Cut(rest, "$(")
		if !ok {
			return
		}
		name, tail, ok := strings.Cut(after, ")")
		if !ok {
			return
		}
		rest = tail
		if strings.EqualFold(name, "System.AccessToken") {
			p.attrs["usesOwnToken"] = true
		} else if len(name) <= 128 && !defined[name] && !strings.ContainsAny(name, " ${}") && soundsSecret(name) {
			p.addSecret(name, n.Line)
		}
	}
}

// azurePools records pools: a vmImage is Microsoft's machine, a name without
// one is a pool of one's own.
func (p *pipeline) azurePools(n *yaml.Node, depth int) {
	n = deref(n)
	if n == nil || depth > 12 {
		return
	}
	if n.Kind == yaml.SequenceNode {
		for _, c := range n.Content {
			p.azurePools(c, depth+1)
		}
		return
	}
	for _, e := range pairs(n) {
		if e.key != "pool" {
			switch e.key {
			case "stages", "jobs", "strategy", "deploy", "runOnce":
				p.azurePools(e.value, depth+1)
			}
			continue
		}
		name, image := textAt(e.value, "name"), textAt(e.value, "vmImage")
		if e.value != nil && e.value.Kind == yaml.ScalarNode {
			name = e.value.Value
		}
		switch {
		case name == "Azure Pipelines" || (name == "" && image != ""):
			p.runners = append(p.runners, image)
		case name != "":
			p.runners = append(p.runners, name)
			p.selfHosted = true
		}
	}
}
