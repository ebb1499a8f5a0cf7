package kubernetes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
)

// labelBootstrapping marks the RBAC objects that the server itself makes and
// repairs.
const labelBootstrapping = "kubernetes.io/bootstrapping"

type roleObject struct {
	Rules           json.RawMessage `json:"rules"`
	AggregationRule json.RawMessage `json:"aggregationRule"`
}

type bindingObject struct {
	RoleRef struct {
		Kind string `json:"kind"`
		Name string `json:"name"`
	} `json:"roleRef"`
	Subjects []subject `json:"subjects"`
}

type subject struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
}

// role states a Role or ClusterRole. The document is its list of rules as it
// stands, in one spelling: the server and kubectl order the fields of a rule
// differently. Aggregation is an attribute, because the rules that it collects
// already stand among the rules.
func (m *mapper) role(k kind, h head, raw []byte) ([]batch, error) {
	var o roleObject
	if err := decode(raw, &o); err != nil {
		return nil, err
	}
	rules, err := canonical(o.Rules)
	if err != nil {
		return nil, err
	}
	if rules == "null" {
		rules = "[]"
	}
	if len(rules) > retinue.MaxDocument {
		return nil, fmt.Errorf("%w: %s %q: rules of %d bytes: the limit is %d", retinue.ErrInvalid, k.name, h.Metadata.key(), len(rules), retinue.MaxDocument)
	}
	p := retinue.Policy{
		Ref: m.ref(k.element, h.Metadata.key()), Name: h.Metadata.Name, Language: retinue.LanguageK8sRBAC,
		Document: rules, Container: m.containerOf(h.Metadata), Managed: managedRBAC(h.Metadata),
		CreatedAt: h.Metadata.created(), Labels: h.Metadata.labels(),
	}
	aggregation, err := canonical(o.AggregationRule)
	if err != nil {
		return nil, err
	}
	if aggregation != "null" {
		p.Attrs = retinue.Attrs{"aggregationRule": aggregation}
	}
	return []batch{{scope: k.scope(m.realm, h.Metadata.Namespace), facts: []retinue.Fact{p}}}, nil
}

func (m *mapper) containerOf(md meta) retinue.Ref {
	if md.Namespace == "" {
		return m.clusterRef()
	}
	return m.namespaceRef(md.Namespace)
}

// managedRBAC reports the objects that the server makes at start.
func managedRBAC(md meta) retinue.Management {
	if md.Labels[labelBootstrapping] != "" || strings.HasPrefix(md.Name, "system:") {
		return retinue.ManagedByProvider
	}
	return ""
}

// canonical spells JSON with sorted keys and no space.
func canonical(raw json.RawMessage) (string, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return "null", nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return "", fmt.Errorf("%w: object: %v", retinue.ErrInvalid, err)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", fmt.Errorf("%w: object: %v", retinue.ErrInvalid, err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// binding states one attachment for each subject of a binding. Users and
// groups exist only in bindings and in whatever authenticates them, so they are
// stated here too.
func (m *mapper) binding(k kind, h head, raw []byte) ([]batch, error) {
	var o bindingObject
	if err := decode(raw, &o); err != nil {
		return nil, err
	}
	policy, err := m.boundRole(k, h.Metadata, o)
	if err != nil {
		return nil, err
	}
	b := batch{scope: k.scope(m.realm, h.Metadata.Namespace)}
	seen := map[retinue.Ref]bool{}
	for _, s := range o.Subjects {
		target, role, fact, ok := m.subject(s, h.Metadata.Namespace)
		if !ok || seen[target] {
			continue
		}
		seen[target] = true
		b.facts = append(b.facts, retinue.Attachment{
			Policy: policy, Target: target, Role: role, Within: m.namespaceRef(h.Metadata.Namespace),
			Via: m.ref(k.element, h.Metadata.key()),
		})
		if fact != nil {
			b.shared = append(b.shared, fact)
		}
	}
	return []batch{b}, nil
}

func (m *mapper) boundRole(k kind, md meta, o bindingObject) (retinue.Ref, error) {
	name := retinue.CleanName(o.RoleRef.Name)
	if !validName(o.RoleRef.Name) {
		return retinue.Ref{}, fmt.Errorf("%w: %s %q: roleRef without a usable name", retinue.ErrInvalid, k.name, md.key())
	}
	switch {
	case o.RoleRef.Kind == "ClusterRole":
		return m.ref("cluster_role", name), nil
	case o.RoleRef.Kind == "Role" && md.Namespace != "":
		return m.ref("role", md.Namespace+"/"+name), nil
	}
	return retinue.Ref{}, fmt.Errorf("%w: %s %q: roleRef of kind %q", retinue.ErrInvalid, k.name, md.key(), o.RoleRef.Kind)
}

// subject returns what a subject names, and the fact about it where no other
// listing states it. Like the server, it takes the binding's namespace for a
// service account without one, and a user named as the server names service
// accounts for that account. A subject that matches nobody gives false.
func (m *mapper) subject(s subject, namespace string) (retinue.Ref, retinue.AttachmentRole, retinue.Fact, bool) {
	if !validName(s.Name) || len(s.Namespace) > maxName {
		return retinue.Ref{}, "", nil, false
	}
	name := retinue.CleanName(s.Name)
	switch s.Kind {
	case "ServiceAccount":
		if s.Namespace != "" {
			namespace = retinue.CleanName(s.Namespace)
		}
		if namespace == "" {
			return retinue.Ref{}, "", nil, false
		}
		return m.accountRef(namespace, name), retinue.AttachIdentity, nil, true
	case "User":
		ref := m.userRef(name)
		if ref.Kind == "service_account" {
			return ref, retinue.AttachIdentity, nil, true
		}
		return ref, retinue.AttachIdentity, m.user(name), true
	case "Group":
		return m.ref("group", name), retinue.AttachGroup, m.group(name), true
	}
	return retinue.Ref{}, "", nil, false
}
