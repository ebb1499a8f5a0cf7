package k8srbac

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// Collector takes the facts that the kubernetes connector states of any number
// of clusters, and makes a State of one or an Engine of all. It is used by one
// goroutine. The zero Collector is ready.
type Collector struct {
	realms map[retinue.Realm]*realmFacts
	order  []retinue.Realm
}

// realmFacts are those of one cluster.
type realmFacts struct {
	roles    map[retinue.Ref]Role
	order    []retinue.Ref
	bindings map[retinue.Ref]*Binding
	made     []retinue.Ref
	// aggregates are the ClusterRoles that collect the rules of others.
	aggregates map[string]bool
	inventory
}

// The kinds of refs that the connector makes.
const (
	realmKind      = "kubernetes"
	refClusterRole = "cluster_role"
	refRole        = "role"
	refUser        = "user"
	refGroup       = "group"
	refAccount     = "service_account"
	refNamespace   = "namespace"
	refSecret      = "secret"
	refCluster     = "cluster"
)

// Add takes a fact; those that say nothing about a cluster are left alone. Of
// two policies of one Ref the first counts. Errors wrap retinue.ErrInvalid and
// name the document, which then counts as a role whose rules were not read.
func (c *Collector) Add(f retinue.Fact) error {
	switch f := f.(type) {
	case retinue.Policy:
		if f.Language == retinue.LanguageK8sRBAC {
			return c.of(f.Ref.Realm).policy(f)
		}
	case retinue.Attachment:
		if f.Policy.Realm.Kind() == realmKind {
			c.of(f.Policy.Realm).attachment(f)
		}
	case retinue.Placement:
		if f.Place.Realm.Kind() == realmKind {
			c.of(f.Place.Realm).placement(f)
		}
	case retinue.Membership:
		if f.Group.Realm.Kind() == realmKind {
			c.of(f.Group.Realm).membership(f)
		}
	case retinue.Trust:
		if f.Trustee.Realm.Kind() == realmKind {
			c.of(f.Trustee.Realm).trust(f)
		}
	default:
		if r := f.FactRef().Realm; r.Kind() == realmKind {
			c.of(r).thing(f)
		}
	}
	return nil
}

func (c *Collector) of(r retinue.Realm) *realmFacts {
	f := c.realms[r]
	if f == nil {
		if c.realms == nil {
			c.realms = map[retinue.Realm]*realmFacts{}
		}
		f = &realmFacts{roles: map[retinue.Ref]Role{}, bindings: map[retinue.Ref]*Binding{}, aggregates: map[string]bool{}, inventory: newInventory()}
		c.realms[r] = f
		c.order = append(c.order, r)
	}
	return f
}

func (c *realmFacts) policy(p retinue.Policy) error {
	r, ok := roleNamed(p.Ref)
	if !ok {
		return nil
	}
	if _, have := c.roles[p.Ref]; have {
		return nil
	}
	var err error
	if r.Rules, err = ParseRules(p.Document); err != nil {
		c.unread[roleKey(r.Namespace, r.Name)] = true
		return fmt.Errorf("read %s: %w", r.Title(), err)
	}
	if text, ok := p.Attrs["aggregationRule"].(string); ok && text != "" && r.Namespace == "" {
		c.aggregates[r.Name] = true
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

func (c *realmFacts) attachment(a retinue.Attachment) {
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

// State returns what was added of the cluster that was named first: callers add
// the facts of one.
func (c *Collector) State() State {
	if len(c.order) == 0 {
		return State{}
	}
	return c.realms[c.order[0]].state()
}

func (c *realmFacts) state() State {
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
