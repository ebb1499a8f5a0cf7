package repo

import (
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/retinue-id/retinue"
)

// isCompose reports a Compose file, by its name and its services.
func isCompose(p string, doc *yaml.Node) bool {
	base := strings.ToLower(path.Base(p))
	return (strings.Contains(base, "compose") || strings.HasPrefix(base, "stack")) && child(doc, "services") != nil
}

// readCompose reads the services of a Compose file (the Compose Specification):
// each is a container with the secrets and variables that it is given.
func readCompose(file string, doc *yaml.Node) []declaration {
	var found []declaration
	for _, s := range pairs(child(doc, "services")) {
		if s.value == nil || s.value.Kind != yaml.MappingNode {
			continue
		}
		d := declaration{refKind: "compose_service", key: file + "#" + s.key, name: s.key, kind: retinue.IdentityContainer,
			subtype: "compose_service", line: s.line, reason: "A service of a Compose file is a container.", attrs: retinue.Attrs{}}
		if image := textAt(s.value, "image"); image != "" {
			d.attrs["image"] = clean(image)
		}
		if textAt(s.value, "privileged") == "true" {
			d.attrs["privileged"] = true
		}
		for _, v := range items(child(s.value, "volumes")) {
			if strings.Contains(v.Value, "/var/run/docker.sock") || strings.Contains(textAt(v, "source"), "/var/run/docker.sock") {
				d.attrs["dockerSocket"] = true
			}
		}
		for _, n := range items(child(s.value, "secrets")) {
			name := n.Value
			if n.Kind == yaml.MappingNode {
				name = textAt(n, "source")
			}
			d.secret("", name, "", n.Line)
		}
		scalars(child(s.value, "environment"), func(_ string, n *yaml.Node) {
			variables(n.Value, func(name string) {
				if soundsSecret(name) {
					d.secret("", name, "", n.Line)
				}
			})
		})
		found = append(found, d)
	}
	return found
}
