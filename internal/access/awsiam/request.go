package awsiam

import "slices"

// Mode says what an absent condition key means.
type Mode uint8

const (
	// Closed says that the context is complete, and an absent key absent. Nothing is
	// filled in. The answer is never access.Conditional.
	Closed Mode = iota
	// Open says that an absent key may have any value or none, unless Request.Absent
	// names it, and the keys that follow from principal and resource are
	// filled in. The answer is access.Conditional where it hangs on open keys.
	Open
)

// Request is one question.
type Request struct {
	// Action is service:Name, in any case.
	Action string
	// Resource is the ARN acted on, or "*" for an action without a resource.
	Resource string
	// ResourceAccount is the account that owns the resource. Empty means the
	// account in the ARN, else the principal's.
	ResourceAccount string
	Principal       Principal
	Context         Context
	// Absent names the keys that a request of an Open question cannot carry,
	// such as "aws:PrincipalTag/*" for an identity without tags; a star at the
	// end covers all that start so.
	Absent []string

	prepared bool
}

// Prepare puts into the context what open questions derive from the principal
// and the resource's account, which each does for itself otherwise, and names
// what is absent in lower case. It is for who asks much of one principal: what
// follows from a resource in another account, and what else is absent, in lower
// case, is then for the caller to put.
func (r *Request) Prepare() {
	r.Context, r.Absent = *derive(r), slices.Clone(r.Absent)
	for i, a := range r.Absent {
		r.Absent[i] = lower(a)
	}
	r.prepared = true
}

// account is the account that owns the resource.
func (r *Request) account() string {
	if r.ResourceAccount != "" {
		return r.ResourceAccount
	}
	if s := cutARN(r.Resource, true); s.n == arnSegments && s.parts[4] != "" {
		return s.parts[4]
	}
	return r.Principal.account
}

// Level is the policies attached to one node on the way from an organisation's
// root to an account.
type Level struct {
	// Name is the root's, unit's or account's id.
	Name     string
	Policies []*Policy
}

// Layer is a kind of policy.
type Layer uint8

// The layers, in the order in which decisions name them.
const (
	LayerIdentity Layer = iota
	LayerResource
	LayerBoundary
	LayerSession
	LayerServiceControl
	LayerResourceControl
	LayerEndpoint
)

// String is the layer's name in decisions.
func (l Layer) String() string {
	return [...]string{"identity policy", "resource policy", "permissions boundary", "session policy",
		"service control policy", "resource control policy", "VPC endpoint policy"}[l]
}

// Layers are the policies that apply to a request, by the part that they play
// ("Policies and permissions in IAM"). It is the caller's to put in only those
// that apply: service control policies where the principal's account is a
// member of an organisation and not its management account, resource control
// policies where the resource's is and the service supports them, endpoint
// policies where the request comes through the endpoint.
type Layers struct {
	// Identity are the managed and inline policies of the identity and of its
	// groups.
	Identity []*Policy
	// Boundary is the permissions boundary. IAM knows one at most; several
	// allow what any allows.
	Boundary []*Policy
	// Session are the policies passed when the session was made; several
	// allow what any allows. A session that was given none has none here.
	Session []*Policy
	// Resource is the policy of the resource, for a role its trust policy.
	Resource []*Policy
	// ServiceControl and ResourceControl are the organisation's policies, from
	// the root down to the account. Each level must allow. Empty means that
	// the account is in no organisation. AWS's allow-all policy is implied on
	// each level of ResourceControl ("RCPFullAWSAccess").
	ServiceControl, ResourceControl []Level
	// Endpoint is the policy of the VPC endpoint.
	Endpoint []*Policy
	// Unread are the layers that may exist and were not read. One that could
	// forbid is named in the decision; one that could allow makes an implicit
	// denial Unknown.
	Unread []Layer
}
