package k8srbac

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// Collector builds a State from the facts that the kubernetes connector states
// of one cluster. It is used by one goroutine. The zero Collector is ready.
type Collector struct {
	roles    map[retinue.Ref]Role
	order    []retinue.Ref
	bindings map[retinue.Ref]*Binding
	made     []retinue.Ref
}

// The kinds of refs that the connector makes.
const (
	refClusterRole = "cluster_role"
	refRole        = "role"
	refUser        = "user"
	refGroup       = "group"
	refAccount     = "service_account"
)

// Add takes a Policy in the language of RBAC or an Attachment of one; other
// facts are left alone. Of two policies of one Ref the first counts. Errors
// wrap retinue.ErrInvalid and name the document.
func (c *Collector) Add(f retinue.Fact) error {
	switch f := f.(type) {
	case retinue.Policy:
		if f.Language == retinue.LanguageK8sRBAC {
			return c.policy(f)
		}
	case retinue.Attachment:
		c.attachment(f)
	}
	return nil
}

func (c *Collector) policy(p retinue.Policy) error {
	r, ok := roleNamed(p.Ref)
	if !ok {
		return nil
	}
	if _, have := c.roles[p.Ref]; have {
		return nil
	}
	var err error
	if r.Rules, err = ParseRules(p.Document); err != nil {
		return fmt.Errorf("read %s: %w", r.Title(), err)
	}
	if c.roles == nil {
		c.roles = map[retinue.Ref]Role{}
	}
	c.roles[p.Ref] = r
	c.order = append(c.order, p.Ref)
	return nil
}

func roleNamed(r retinue.Ref) (Role, bool) {
	switch r.Kind {
	case refClusterRole:
		return Role{Name: r.Key}, true
	case refRole:
		ns, name, ok := strings.Cut(r.Key, "/")
		return Role{Namespace: ns, Name: name}, ok
	}
	return Role{}, false
}

func (c *Collector) attachment(a retinue.Attachment) {
	role, ok := roleNamed(a.Policy)
	if !ok || a.Role != retinue.AttachIdentity && a.Role != retinue.AttachGroup {
		return
	}
	s, ok := subjectNamed(a.Target)
	if !ok {
		return
	}
	// One object binds one role, whatever an export says twice.
	via := a.Via
	b := c.bindings[via]
	if b == nil {
		b = &Binding{Namespace: a.Within.Key, Name: strings.TrimPrefix(via.Key, a.Within.Key+"/"), RoleNamespace: role.Namespace, RoleName: role.Name}
		if c.bindings == nil {
			c.bindings = map[retinue.Ref]*Binding{}
		}
		c.bindings[via] = b
		c.made = append(c.made, via)
	}
	if b.RoleNamespace == role.Namespace && b.RoleName == role.Name && !slices.Contains(b.Subjects, s) {
		b.Subjects = append(b.Subjects, s)
	}
}

func subjectNamed(r retinue.Ref) (Subject, bool) {
	switch r.Kind {
	case refUser:
		return Subject{Kind: User, Name: r.Key}, true
	case refGroup:
		return Subject{Kind: Group, Name: r.Key}, true
	case refAccount:
		ns, name, ok := strings.Cut(r.Key, "/")
		return Subject{Kind: ServiceAccount, Namespace: ns, Name: name}, ok
	}
	return Subject{}, false
}

// State returns what was added.
func (c *Collector) State() State {
	s := State{Roles: make([]Role, 0, len(c.order)), Bindings: make([]Binding, 0, len(c.made))}
	for _, r := range c.order {
		s.Roles = append(s.Roles, c.roles[r])
	}
	for _, r := range c.made {
		s.Bindings = append(s.Bindings, *c.bindings[r])
	}
	return s
}

// ParseRules reads the JSON list that stands under "rules" of a Role or
// ClusterRole. Errors wrap retinue.ErrInvalid.
func ParseRules(text string) ([]Rule, error) {
	if len(text) > retinue.MaxDocument {
		return nil, fmt.Errorf("%w: rules of %d bytes: the limit is %d", retinue.ErrInvalid, len(text), retinue.MaxDocument)
	}
	var rules []Rule
	if err := json.Unmarshal([]byte(text), &rules); err != nil {
		return nil, fmt.Errorf("%w: rules of a role: %s", retinue.ErrInvalid, retinue.CleanName(err.Error()))
	}
	return rules, nil
}
