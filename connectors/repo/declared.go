package repo

import (
	"fmt"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// declares reports paths that may hold a pipeline or declare identities.
func declares(p string) bool {
	if pipelineReader(p) != nil {
		return true
	}
	switch path.Ext(strings.ToLower(p)) {
	case ".yml", ".yaml", ".tf", ".template":
		return true
	case ".json":
		return looksLikeTemplate(p)
	}
	return false
}

// looksLikeTemplate reports JSON files that by their name hold a template: most
// JSON is data.
func looksLikeTemplate(p string) bool {
	p = strings.ToLower(p)
	for _, w := range []string{"cloudformation", "template", "cfn", "stack", "k8s", "kubernetes", "manifest", "deploy"} {
		if strings.Contains(p, w) {
			return true
		}
	}
	return false
}

// declarations states the pipelines and identities that a file declares.
func (r *run) declarations(f file) error {
	if !declares(f.path) || isBinary(f.data) || len(f.data) > maxYAML {
		return nil
	}
	if read := pipelineReader(f.path); read != nil {
		p, err := read(r.t, f.path, f.data)
		if err != nil {
			r.problem(r.scopeFor("pipelines"), fmt.Errorf("read pipeline %s: %w", clean(f.path), err))
			return nil
		}
		if p == nil {
			return nil
		}
		return r.statePipeline(p)
	}
	if strings.HasSuffix(f.path, ".tf") {
		return r.stateAll(f.path, readTerraform(f.path, f.data))
	}
	return r.documents(f)
}

// documents reads a YAML or JSON file by what is in it.
func (r *run) documents(f file) error {
	data := f.data
	template := isHelmTemplate(f.path) || strings.Contains(string(data), "{{")
	if template {
		data = plainTemplate(data)
	}
	docs, err := parseYAML(data)
	if err != nil && len(docs) == 0 {
		// Most YAML declares nothing; what is no YAML, or a template beyond
		// recognition, is counted and does not make the scope incomplete.
		r.count(connector.NoteFold, "%d YAML files could not be read for declarations (templates and files that are not YAML)", 1)
		return nil
	}
	var found []declaration
	for _, doc := range docs {
		switch {
		case child(doc, "apiVersion") != nil && child(doc, "kind") != nil:
			found = append(found, readManifest(doc, 0)...)
		case isCloudFormation(doc):
			found = append(found, readCloudFormation(doc)...)
		case isCompose(f.path, doc):
			found = append(found, readCompose(f.path, doc)...)
		case isHelmValues(f.path):
			found = append(found, readHelmValues(f.path, doc)...)
		}
	}
	return r.stateAll(f.path, found)
}

// declaration is one identity or workload that a file declares.
type declaration struct {
	refKind string
	key     string // within the repository
	name    string
	kind    retinue.IdentityKind // empty for a workload that only runs as one
	subtype string
	line    int
	reason  string // why it is no person
	bare    bool   // says something of a thing that another file declares
	runsAs  []ident
	grants  []grant
	secrets []secretName
	trust   []trustee
	// placeKind is where the named secrets are kept.
	placeKind retinue.PlaceKind
	attrs     retinue.Attrs
	labels    map[string]string
}

// ident names an identity of the repository.
type ident struct{ kind, key string }

// trustee is who may become the declared identity.
type trustee struct {
	kind retinue.TrusteeKind
	name string
}

// maxDeclarations bounds the declarations of one file.
const maxDeclarations = 5000

func (r *run) stateAll(file string, found []declaration) error {
	if len(found) > maxDeclarations {
		r.problem(r.scopeFor("declared"), fmt.Errorf("%w: %s declares %d things: the first %d are stated", retinue.ErrUnsupported, clean(file), len(found), maxDeclarations))
		found = found[:maxDeclarations]
	}
	for _, d := range found {
		if err := r.stateDeclaration(file, d); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) stateDeclaration(file string, d declaration) error {
	if d.key == "" {
		return nil
	}
	scope := r.scopeFor("declared")
	place := r.place(file, d.line)
	ref := retinue.NewRef(r.realm, d.refKind, clean(d.key))
	var facts []retinue.Fact
	switch {
	case d.bare:
	case d.kind != "":
		facts = append(facts, retinue.Identity{
			Ref: ref, Name: clean(d.name), Kind: d.kind, Subtype: d.subtype, Class: retinue.ClassNonHuman, ClassReason: d.reason,
			State: retinue.StateDeclared, StateReason: "declared by a file of the repository", Container: r.container,
			Declared: []retinue.Place{place}, Attrs: d.attrs, Labels: d.labels,
		})
		r.own(ref, file)
	default:
		res := retinue.Resource{Ref: ref, Name: clean(d.name), Kind: d.refKind, Container: r.container,
			Declared: []retinue.Place{place}, Attrs: d.attrs, Labels: d.labels}
		for _, as := range d.runsAs {
			res.RunsAs = append(res.RunsAs, retinue.NewRef(r.realm, as.kind, clean(as.key)))
		}
		facts = append(facts, res)
	}
	for _, g := range d.grants {
		facts = append(facts, retinue.Grant{Subject: ref, Privileges: g.privileges, Resource: g.resource,
			ResourceName: clean(g.name), Condition: clean(g.condition)})
	}
	for _, t := range d.trust {
		facts = append(facts, retinue.Trust{Subject: ref, Kind: t.kind, Name: clean(t.name)})
	}
	kind := d.placeKind
	if kind == "" {
		kind = retinue.PlaceEnvironment
	}
	consumer := ref
	facts = append(facts, r.references(d.system(), consumer, file, d.secrets, kind)...)
	return r.emit(scope, facts...)
}

// system names what keeps the secrets of a declaration.
func (d declaration) system() string {
	switch {
	case strings.HasPrefix(d.refKind, "k8s_"):
		return "kubernetes"
	case strings.HasPrefix(d.refKind, "compose_"):
		return "compose"
	}
	return "template"
}

// isHelmTemplate reports files of a chart that are templates.
func isHelmTemplate(p string) bool { return strings.Contains("/"+p, "/templates/") }

// plainTemplate makes YAML of a Helm template as far as its text goes: lines
// that hold only an action are dropped, and actions inside a line become a
// word. What the actions would yield is not known.
func plainTemplate(data []byte) []byte {
	var b strings.Builder
	for line := range strings.Lines(string(data)) {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "{{") && strings.HasSuffix(trimmed, "}}") {
			b.WriteByte('\n') // keeps the lines' numbers
			continue
		}
		for {
			before, rest, ok := strings.Cut(line, "{{")
			b.WriteString(before)
			if !ok {
				break
			}
			_, after, closed := strings.Cut(rest, "}}")
			if !closed {
				b.WriteByte('\n')
				break
			}
			b.WriteString(templated)
			line = after
		}
	}
	return []byte(b.String())
}

// templated stands for what a template would compute.
const templated = "TEMPLATED"

// isHelmValues reports values files of charts.
func isHelmValues(p string) bool {
	base := strings.ToLower(path.Base(p))
	return strings.HasPrefix(base, "values") && (strings.HasSuffix(base, ".yaml") || strings.HasSuffix(base, ".yml"))
}

// readHelmValues reads the convention of "helm create": serviceAccount with
// create, name and annotations, at any depth for charts in charts.
func readHelmValues(file string, doc *yaml.Node) []declaration {
	var found []declaration
	var visit func(n *yaml.Node, prefix string, depth int)
	visit = func(n *yaml.Node, prefix string, depth int) {
		if depth > 6 || len(found) > maxDeclarations {
			return
		}
		for _, p := range pairs(n) {
			if p.value == nil || p.value.Kind != yaml.MappingNode {
				continue
			}
			if p.key != "serviceAccount" {
				visit(p.value, prefix+p.key+"/", depth+1)
				continue
			}
			if textAt(p.value, "create") == "false" {
				continue
			}
			name := textAt(p.value, "name")
			d := declaration{refKind: "k8s_service_account", key: path.Dir(file) + "/" + prefix + "serviceAccount", name: name,
				kind: retinue.IdentityServiceAccount, subtype: "helm_values", line: p.line,
				reason: "A Kubernetes service account is made for workloads."}
			if name == "" {
				d.name = baseName(path.Dir(file)) + " (name from the release)"
			}
			d.annotations(child(p.value, "annotations"))
			found = append(found, d)
		}
	}
	visit(doc, "", 0)
	return found
}
