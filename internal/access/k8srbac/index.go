package k8srbac

import (
	"fmt"
	"slices"

	"github.com/retinue-id/retinue"
)

// The bounds of a state. A cluster that etcd can hold stays below them.
const (
	maxRoles    = 2_000_000
	maxBindings = 2_000_000
	maxSubjects = 20_000_000
)

// Index is a State made ready for questions. It is never changed after New:
// any number of goroutines may ask it.
type Index struct {
	vocabulary map[string]uint32
	roles      []Role
	compiled   []compiledRole
	bindings   []Binding
	users      map[string]*holdings
	groups     map[string]*holdings
	// byNamespace lists the bindings of a namespace, "" those of the cluster.
	byNamespace map[string][]int32
	roleOf      []int32 // by binding; -1: there is no such role
	byRole      map[string]int32
}

// holdings are the bindings that name one user or group.
type holdings struct {
	cluster    []int32
	namespaces map[string][]int32
}

func (h *holdings) in(namespace string) []int32 {
	if h == nil || h.namespaces == nil {
		return nil
	}
	return h.namespaces[namespace]
}

// New makes an Index. It keeps the slices of s, which must not be changed
// afterwards. Of two roles or bindings of one name the first counts. The time
// and the memory it takes are linear in the state. Errors wrap
// retinue.ErrInvalid.
func New(s State) (*Index, error) {
	if len(s.Roles) > maxRoles || len(s.Bindings) > maxBindings {
		return nil, fmt.Errorf("%w: compile RBAC: %d roles and %d bindings: the limits are %d and %d", retinue.ErrInvalid,
			len(s.Roles), len(s.Bindings), maxRoles, maxBindings)
	}
	x := &Index{vocabulary: map[string]uint32{}, roles: s.Roles, compiled: make([]compiledRole, len(s.Roles)), bindings: s.Bindings,
		users: map[string]*holdings{}, groups: map[string]*holdings{}, byNamespace: map[string][]int32{},
		roleOf: make([]int32, len(s.Bindings)), byRole: make(map[string]int32, len(s.Roles))}
	for i := range s.Roles {
		k := roleKey(s.Roles[i].Namespace, s.Roles[i].Name)
		if _, twice := x.byRole[k]; twice {
			continue
		}
		x.byRole[k] = int32(i)
		x.compiled[i] = x.compile(&s.Roles[i])
	}
	subjects := 0
	seen := make(map[string]bool, len(s.Bindings))
	for i := range s.Bindings {
		b := &s.Bindings[i]
		k := roleKey(b.Namespace, b.Name)
		if seen[k] {
			x.roleOf[i] = -1
			continue
		}
		seen[k] = true
		if subjects += len(b.Subjects); subjects > maxSubjects {
			return nil, fmt.Errorf("%w: compile RBAC: more than %d subjects", retinue.ErrInvalid, maxSubjects)
		}
		x.bind(int32(i), b)
	}
	return x, nil
}

// roleKey tells a ClusterRole from a Role, whose namespace is never empty.
func roleKey(namespace, name string) string { return namespace + "\x00" + name }

func (x *Index) bind(n int32, b *Binding) {
	role, ok := x.byRole[roleKey(b.RoleNamespace, b.RoleName)]
	if !ok || b.RoleNamespace != "" && b.RoleNamespace != b.Namespace {
		// Like the server, which passes over what is bound to nothing.
		x.roleOf[n] = -1
		return
	}
	x.roleOf[n] = role
	x.byNamespace[b.Namespace] = append(x.byNamespace[b.Namespace], n)
	for _, s := range b.Subjects {
		table, name := x.users, s.UserName()
		switch {
		case s.Kind == Group:
			table = x.groups
		case s.Kind == ServiceAccount && s.Namespace == "":
			continue // matches nobody
		case s.Kind != User && s.Kind != ServiceAccount:
			continue
		}
		h := table[name]
		if h == nil {
			h = &holdings{}
			table[name] = h
		}
		h.add(b.Namespace, n)
	}
}

func (h *holdings) add(namespace string, n int32) {
	list := h.cluster
	if namespace != "" {
		list = h.in(namespace)
	}
	if len(list) > 0 && list[len(list)-1] == n {
		return // the binding names it twice
	}
	list = append(list, n)
	if namespace == "" {
		h.cluster = list
		return
	}
	if h.namespaces == nil {
		h.namespaces = map[string][]int32{}
	}
	h.namespaces[namespace] = list
}

// Roles returns the roles of the state. The caller must not change them.
func (x *Index) Roles() []Role { return x.roles }

// Bindings returns the bindings of the state. The caller must not change them.
func (x *Index) Bindings() []Binding { return x.bindings }

// Role returns a role by name; an empty namespace is a ClusterRole.
func (x *Index) Role(namespace, name string) (*Role, bool) {
	n, ok := x.byRole[roleKey(namespace, name)]
	if !ok {
		return nil, false
	}
	return &x.roles[n], true
}

// Namespaces lists the namespaces with bindings, sorted.
func (x *Index) Namespaces() []string {
	var out []string
	for ns := range x.byNamespace {
		if ns != "" {
			out = append(out, ns)
		}
	}
	slices.Sort(out)
	return out
}
