package repo

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/retinue-id/retinue"
)

// readCircleCI reads a configuration of CircleCI (CircleCI's documentation,
// "Configuration reference").
func readCircleCI(_ *tree, file string, data []byte) (*pipeline, error) {
	docs, err := parseYAML(data)
	if err != nil || len(docs) == 0 {
		return nil, err
	}
	doc := docs[0]
	p := &pipeline{system: circleCI, path: file, name: file, attrs: retinue.Attrs{}}
	for _, orb := range pairs(child(doc, "orbs")) {
		if orb.value == nil || orb.value.Kind != yaml.ScalarNode {
			continue // written here
		}
		p.uses = append(p.uses, orb.value.Value)
		vendor, _, _ := strings.Cut(orb.value.Value, "/")
		_, version, _ := strings.Cut(orb.value.Value, "@")
		if vendor != "circleci" && strings.Count(version, ".") < 2 { // volatile, dev:…, 1, 1.2
			p.unpinned = append(p.unpinned, orb.value.Value)
		}
	}
	for _, job := range pairs(child(doc, "jobs")) {
		p.circleRunner(textAt(job.value, "resource_class"))
	}
	for _, ex := range pairs(child(doc, "executors")) {
		p.circleRunner(textAt(ex.value, "resource_class"))
	}
	p.circleWorkflows(doc)
	defined := map[string]bool{}
	scalars(doc, func(_ string, n *yaml.Node) {
		p.oidc = p.oidc || strings.Contains(n.Value, "CIRCLE_OIDC_TOKEN")
		p.namedVariables(n.Value, n.Line, defined)
	})
	if p.oidc {
		p.issuer = "https://oidc.circleci.com" // followed by the organisation's id, which the file does not hold
	}
	return p, nil
}

// circleWorkflows reads what starts jobs, and their contexts, which hold secrets.
func (p *pipeline) circleWorkflows(doc *yaml.Node) {
	var contexts []string
	for _, w := range pairs(child(doc, "workflows")) {
		for _, entry := range items(child(w.value, "jobs")) {
			for _, job := range pairs(entry) {
				for _, c := range texts(child(job.value, "context")) {
					contexts = append(contexts, c)
					p.addSecret("context/"+c, job.line)
				}
			}
		}
		for _, tr := range items(child(w.value, "triggers")) {
			for _, kind := range pairs(tr) {
				p.trigger = append(p.trigger, kind.key)
			}
		}
	}
	if contexts = tidy(contexts); len(contexts) > 0 {
		p.attrs["contexts"] = contexts
	}
}

// circleRunner records a machine of one's own: its class is "namespace/name".
func (p *pipeline) circleRunner(class string) {
	if class == "" {
		return
	}
	p.runners = append(p.runners, class)
	p.selfHosted = p.selfHosted || strings.Contains(class, "/")
}
