package k8srbac

// State is what the RBAC objects of one cluster say. Order means nothing but
// for which of several reasons is named first.
type State struct {
	Roles    []Role
	Bindings []Binding
}

// Role is a Role, or with an empty Namespace a ClusterRole, with its stored
// rules. Where a ClusterRole has an aggregation rule, the controller manager
// writes what it collects into the rules; the authorizer looks at the rules
// alone, and so does this package: an aggregated role whose rules were not yet
// filled in grants nothing.
type Role struct {
	Namespace string
	Name      string
	Rules     []Rule
}

// Rule is a PolicyRule of rbac.authorization.k8s.io/v1. The lists are
// alternatives; a rule for resources leaves NonResourceURLs empty and the other
// way round.
type Rule struct {
	Verbs           []string `json:"verbs"`
	APIGroups       []string `json:"apiGroups,omitempty"`
	Resources       []string `json:"resources,omitempty"`
	ResourceNames   []string `json:"resourceNames,omitempty"`
	NonResourceURLs []string `json:"nonResourceURLs,omitempty"`
}

// Binding is a RoleBinding, or with an empty Namespace a ClusterRoleBinding.
type Binding struct {
	Namespace string
	Name      string
	// RoleNamespace is empty where a ClusterRole is bound, else Namespace.
	RoleNamespace string
	RoleName      string
	Subjects      []Subject
}

// SubjectKind says what a binding's subject is.
type SubjectKind string

// The kinds of subject.
const (
	User           SubjectKind = "User"
	Group          SubjectKind = "Group"
	ServiceAccount SubjectKind = "ServiceAccount"
)

// Subject is who a binding names. Namespace is that of a service account.
type Subject struct {
	Kind      SubjectKind `json:"kind"`
	Namespace string      `json:"namespace,omitempty"`
	Name      string      `json:"name"`
}

// The names that the API server gives service accounts and their groups:
// Kubernetes documentation, "Authenticating", section "Service account tokens".
const (
	accountPrefix = "system:serviceaccount:"
	accountsGroup = "system:serviceaccounts"
	// mastersGroup is let through by an authorizer of its own that stands
	// before RBAC and cannot be turned off: Kubernetes documentation, "Role
	// Based Access Control Good Practices", section "Least privilege".
	mastersGroup = "system:masters"
)

// UserName is the name under which the API server knows a subject that is no
// group.
func (s Subject) UserName() string {
	if s.Kind == ServiceAccount {
		return accountPrefix + s.Namespace + ":" + s.Name
	}
	return s.Name
}

// String names a subject as people do.
func (s Subject) String() string {
	if s.Kind == ServiceAccount {
		return "ServiceAccount " + s.Namespace + "/" + s.Name
	}
	return string(s.Kind) + " " + s.Name
}

// AccountGroups are the groups that the API server puts every service account
// of a namespace into, system:authenticated among them.
func AccountGroups(namespace string) []string {
	return []string{accountsGroup, accountsGroup + ":" + namespace, "system:authenticated"}
}

// key names a role or binding: "namespace/name", or the name of one of the
// whole cluster.
func key(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "/" + name
}

// Title names a role as kubectl does, such as "ClusterRole view" or
// "Role pay/reader".
func (r *Role) Title() string {
	if r.Namespace == "" {
		return "ClusterRole " + r.Name
	}
	return "Role " + key(r.Namespace, r.Name)
}

// Title names a binding as kubectl does.
func (b *Binding) Title() string {
	if b.Namespace == "" {
		return "ClusterRoleBinding " + b.Name
	}
	return "RoleBinding " + key(b.Namespace, b.Name)
}
