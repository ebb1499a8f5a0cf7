// Package gcpiam answers what Google Cloud IAM allows: allow policies inherited
// down the resource hierarchy, deny policies, conditions, principal sets and
// predefined and custom roles. It is pure: a [State] in, answers out.
//
// The rules follow Google's documents "Policy evaluation" (deny before allow,
// the union of every allow policy from the resource up to the organisation),
// "Principal identifiers", "Deny policies", "Permissions in deny policies" and
// "Attribute reference for IAM Conditions".
//
// What the engine does not know makes an answer Unknown with the reason: a
// group whose members were not given, a role without a definition, a resource
// whose ancestors are not known, a condition that does not parse. Layers that
// can only forbid and were not given are named in the decision's Unread.
//
// VPC Service Controls, organisation policies and access control lists of
// Cloud Storage are no part of IAM and of this package.
package gcpiam

import "strings"

// State is what is known of one or several organisations or projects. Order
// means nothing but for which of several reasons is named first.
type State struct {
	Resources []Resource
	Policies  []AllowPolicy
	Denies    []DenyPolicy
	Roles     []Role
	Groups    []Group
	// ServiceAccounts are the targets of impersonation that Edges looks at.
	ServiceAccounts []ServiceAccount
	// Workloads are what runs as a service account.
	Workloads []Workload
	// DenyRead says that deny policies of every node were listed, none left
	// out; otherwise an Allowed names them as unread.
	DenyRead bool
	// Read says what was listed whole, where the state comes from an inventory;
	// nil says that it is whole.
	Read *Coverage
	// BoundariesRead says that principal access boundary policies were listed
	// and that there are none. This package does not evaluate them.
	BoundariesRead bool
}

// Resource is a node of the hierarchy.
type Resource struct {
	// Name is "organizations/N", "folders/N", "projects/ID" or a full resource
	// name "//service/path".
	Name string
	// Aliases are other names of the same node: a project's number.
	Aliases []string
	// Type is the asset type, such as "storage.googleapis.com/Bucket".
	Type string
	// Parent is the node above, by any of its names; empty where it is not
	// known.
	Parent string
	// Root says that there is nothing above: an organisation, or a project
	// outside of any.
	Root bool
	// Tags are the effective tags as "parent/key" to "value", with
	// TagsRead saying that they are all.
	Tags     map[string]string
	TagsRead bool
}

// AllowPolicy is the allow policy of one resource.
type AllowPolicy struct {
	Resource string    `json:"-"`
	Version  int       `json:"version,omitempty"`
	Bindings []Binding `json:"bindings"`
}

// Binding gives a role to members, under a condition or always.
type Binding struct {
	Role      string   `json:"role"`
	Members   []string `json:"members"`
	Condition *Expr    `json:"condition,omitempty"`
}

// Expr is a condition in Common Expression Language.
type Expr struct {
	Expression string `json:"expression"`
	Title      string `json:"title,omitempty"`
}

// DenyPolicy is a deny policy attached to an organisation, folder or project.
type DenyPolicy struct {
	Name     string
	Resource string
	Rules    []DenyRule
}

// DenyRule is one rule of a deny policy.
type DenyRule struct {
	DeniedPrincipals     []string `json:"deniedPrincipals"`
	ExceptionPrincipals  []string `json:"exceptionPrincipals,omitempty"`
	DeniedPermissions    []string `json:"deniedPermissions"`
	ExceptionPermissions []string `json:"exceptionPermissions,omitempty"`
	DenialCondition      *Expr    `json:"denialCondition,omitempty"`
}

// Role is a predefined or custom role.
type Role struct {
	Name        string   `json:"name"`
	Title       string   `json:"title,omitempty"`
	Stage       string   `json:"stage,omitempty"`
	Deleted     bool     `json:"deleted,omitempty"`
	Permissions []string `json:"includedPermissions"`
}

// inForce reports whether bindings to the role grant anything: those of a
// disabled or deleted custom role do not ("Creating and managing custom roles",
// sections on disabling and deleting).
func (r *Role) inForce() bool { return !r.Deleted && r.Stage != "DISABLED" }

// Group is a Google group with its direct members, in the form of members of a
// policy. Whatever it lists is all of them, unless it is Partial.
type Group struct {
	Email   string
	Members []string
	Partial bool
}

// ServiceAccount is a service account of a project.
type ServiceAccount struct {
	Email    string
	UniqueID string
	Project  string // "projects/ID"
	Disabled bool
}

// name is the account's full resource name.
func (s *ServiceAccount) name() string {
	project := strings.TrimPrefix(s.Project, "projects/")
	if project == "" {
		project = "-"
	}
	return "//iam.googleapis.com/projects/" + project + "/serviceAccounts/" + s.Email
}

// Workload is a resource that runs code as a service account.
type Workload struct {
	Name   string // full resource name
	Type   string // asset type, such as "compute.googleapis.com/Instance"
	RunsAs []string
}

const (
	crmPrefix       = "//cloudresourcemanager.googleapis.com/"
	crmService      = "cloudresourcemanager.googleapis.com"
	storageService  = "storage.googleapis.com"
	basicRoleOwner  = "roles/owner"
	basicRoleEditor = "roles/editor"
	basicRoleViewer = "roles/viewer"
)

// CanonicalName is the one spelling by which this package knows a resource: the
// hierarchy's nodes without their service ("projects/ID"), everything else as a
// full resource name. A bucket's short name of Cloud Asset Inventory
// ("//storage.googleapis.com/NAME") becomes the one that IAM uses.
func CanonicalName(name string) string {
	if rest, ok := strings.CutPrefix(name, "https://"); ok {
		name = "//" + strings.Replace(rest, "www.googleapis.com/compute/v1", "compute.googleapis.com", 1)
	}
	name = strings.TrimSuffix(name, "/")
	if rest, ok := strings.CutPrefix(name, crmPrefix); ok {
		return rest
	}
	if rest, ok := strings.CutPrefix(name, crmService+"/"); ok {
		return rest
	}
	if rest, ok := strings.CutPrefix(name, "//"+storageService+"/"); ok && !strings.HasPrefix(rest, "projects/") {
		bucket, object, deep := strings.Cut(rest, "/")
		name = "//" + storageService + "/projects/_/buckets/" + bucket
		if deep {
			name += "/objects/" + strings.TrimPrefix(object, "objects/")
		}
	}
	return name
}

// above is the node that contains a resource by its name alone: a path two
// segments shorter, or the project; empty where the name does not tell.
func above(name string) string {
	rest, ok := strings.CutPrefix(name, "//")
	if !ok {
		return ""
	}
	service, path, _ := strings.Cut(rest, "/")
	if service == storageService {
		if i := strings.Index(path, "/objects/"); i >= 0 {
			return "//" + service + "/" + path[:i]
		}
		return ""
	}
	parts := strings.Split(path, "/")
	if len(parts) < 4 {
		return ""
	}
	parts = parts[:len(parts)-2]
	if len(parts) == 2 || isPlace(parts[2]) && len(parts) <= 4 {
		if parts[0] == "projects" && (parts[1] == "_" || parts[1] == "-") {
			return ""
		}
		if parts[0] == "projects" || parts[0] == "folders" || parts[0] == "organizations" {
			return parts[0] + "/" + parts[1]
		}
	}
	if len(parts) == 3 && parts[2] == "global" {
		return parts[0] + "/" + parts[1]
	}
	return "//" + service + "/" + strings.Join(parts, "/")
}

// isPlace reports the path elements that say where a resource lies and are no
// resources with policies themselves.
func isPlace(s string) bool {
	return s == "zones" || s == "regions" || s == "locations" || s == "global"
}
