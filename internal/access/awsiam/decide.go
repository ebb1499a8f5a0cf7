package awsiam

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
)

// question is a request under evaluation.
type question struct {
	request *Request
	layers  *Layers
	context *Context
	mode    Mode
	action  string // lower case
	// resource is the request's, and account the one that owns it.
	resource, account string
	// hits are the statements that matter, where they are wanted.
	hits    []hit
	collect bool
}

// hit is a statement that applies, or may.
type hit struct {
	layer     Layer
	level     int
	policy    *Policy
	statement *Statement
	truth     truth
	grant     grant
	// why is the policy's reason where the whole document is not understood.
	why string
}

// verdict is what one layer says.
type verdict struct {
	allow, deny truth
}

// Decide answers a request with the statements that decide. Layers, request and
// policies are not changed.
func Decide(layers *Layers, request *Request, mode Mode) access.Decision {
	q := newQuestion(layers, request, mode)
	q.hits = make([]hit, 0, 8)
	return q.decide()
}

func (q *question) decide() access.Decision {
	q.collect = true
	r := q.evaluate()
	return q.explain(&r)
}

// Outcome is Decide without the reasons, which are most of its cost.
func Outcome(layers *Layers, request *Request, mode Mode) access.Outcome {
	q := newQuestion(layers, request, mode)
	r := q.evaluate()
	return r.outcome
}

func newQuestion(layers *Layers, request *Request, mode Mode) question {
	q := question{request: request, layers: layers, mode: mode, context: &request.Context,
		action: lower(request.Action), resource: request.Resource, account: request.account()}
	if q.resource == "*" && q.action == "s3:listallmybuckets" {
		// The service asks for this action on "arn:aws:s3:::*", as in the
		// examples of "IAM policy elements: Variables and tags".
		q.resource = "arn:aws:s3:::*"
	}
	if mode == Open && !request.prepared {
		q.context = derive(request)
	}
	return q
}

// result is an evaluated question.
type result struct {
	outcome access.Outcome
	// permitted is whether something allows it and nothing leaves it out;
	// denied whether something denies it explicitly.
	permitted, denied truth
	verdicts          [LayerEndpoint + 1]verdict
	// grants are what the resource policy allows, by how it names the
	// principal.
	grants [directly + 1]truth
	// levels are what each level of the organisation allows.
	level int // the first level of service control that does not allow
	// text is the reason where no statement is.
	text string
}

// evaluate applies "Policy evaluation logic": an explicit deny in any policy
// ends it; else every kind of policy that limits must allow, and something must
// grant.
func (q *question) evaluate() result {
	var r result
	if q.request.Principal.kind == principalUnknown || q.action == "" {
		r.outcome, r.text = access.Unknown, "the request names no principal or no action"
		return r
	}
	if q.action == "sts:getcalleridentity" && q.request.Principal.signed() {
		r.outcome = access.Allowed
		r.text = "no permissions are required for sts:GetCallerIdentity, and no policy can deny it"
		return r
	}
	p, l := &q.request.Principal, q.layers
	for layer := range r.verdicts {
		r.verdicts[layer] = verdict{allow: yes}
	}
	if p.signed() {
		r.verdicts[LayerIdentity] = q.union(LayerIdentity, l.Identity)
		if len(l.Boundary) > 0 && p.kind != principalRoot {
			r.verdicts[LayerBoundary] = q.union(LayerBoundary, l.Boundary)
		}
		if len(l.Session) > 0 {
			r.verdicts[LayerSession] = q.union(LayerSession, l.Session)
		} else if p.kind == principalFederatedUser && !slices.Contains(l.Unread, LayerSession) {
			// "If you do not pass a policy, the resulting federated user session
			// has no permissions" (GetFederationToken).
			r.verdicts[LayerSession].allow = no
		}
		if !p.serviceLinked() {
			r.verdicts[LayerServiceControl], r.level = q.tree(LayerServiceControl, l.ServiceControl)
		}
	}
	r.verdicts[LayerResource] = q.resourceVerdict(&r.grants)
	if !p.serviceLinked() {
		r.verdicts[LayerResourceControl], _ = q.tree(LayerResourceControl, l.ResourceControl)
		r.verdicts[LayerResourceControl].allow = yes // RCPFullAWSAccess cannot be detached
	}
	if len(l.Endpoint) > 0 {
		r.verdicts[LayerEndpoint] = q.union(LayerEndpoint, l.Endpoint)
	}
	for _, v := range r.verdicts {
		r.denied = or(r.denied, v.deny)
	}
	r.permitted = q.granted(&r)
	for _, layer := range [...]Layer{LayerServiceControl, LayerEndpoint} {
		r.permitted = and(r.permitted, r.verdicts[layer].allow)
	}
	r.outcome = q.outcome(&r)
	return r
}

func (q *question) outcome(r *result) access.Outcome {
	if r.denied == yes {
		return access.ExplicitlyDenied
	}
	switch and(r.permitted, not(r.denied)) {
	case yes:
		return access.Allowed
	case open:
		return access.Conditional
	case unclear:
		return access.Unknown
	}
	if q.mayBeGranted(r) {
		return access.Unknown
	}
	return access.ImplicitlyDenied
}

// mayBeGranted reports whether an unread layer could turn an implicit denial
// around.
func (q *question) mayBeGranted(r *result) bool {
	if len(q.layers.Unread) == 0 {
		return false
	}
	better := *r
	for _, layer := range q.layers.Unread {
		switch layer {
		case LayerIdentity:
			better.verdicts[LayerIdentity].allow = yes
		case LayerResource:
			better.grants[directly] = yes
		}
	}
	return and(and(q.granted(&better), r.verdicts[LayerServiceControl].allow), r.verdicts[LayerEndpoint].allow) != no
}

// granted decides what grants, and what of the identity's own account limits
// it.
func (q *question) granted(r *result) truth {
	p := &q.request.Principal
	byResource := or(or(r.grants[byAccount], r.grants[byIssuer]), or(r.grants[directly], r.grants[unsure]))
	if !p.signed() {
		return byResource
	}
	limits := and(r.verdicts[LayerBoundary].allow, r.verdicts[LayerSession].allow)
	own := r.verdicts[LayerIdentity].allow
	if p.kind == principalRoot {
		own = yes // "the AWS account root user, which has full access"
	}
	own = and(own, limits)
	if p.account != q.account {
		// "Cross-account policy evaluation logic": the account of the
		// principal and the account of the resource must both allow.
		return and(own, byResource)
	}
	// Within one account a grant to the identity or the session itself stands
	// alone; one to the role is limited by what limits the role; one to the
	// account leaves it to the identity's policies.
	fromResource := or(or(r.grants[directly], r.grants[unsure]), and(r.grants[byIssuer], limits))
	if q.resourceMustAllow() {
		return or(fromResource, and(r.grants[byAccount], own))
	}
	return or(fromResource, own)
}

// resourceMustAllow reports whether the resource is one of the exceptions to
// the rule that within an account either policy may grant: "IAM role trust
// policies and KMS key policies are exceptions to this logic, because they must
// explicitly allow access for principals."
func (q *question) resourceMustAllow() bool {
	service, name, _ := strings.Cut(q.action, ":")
	switch service {
	case "kms":
		return strings.Contains(q.resource, ":key/")
	case "sts":
		switch name {
		case "assumerole", "assumerolewithsaml", "assumerolewithwebidentity", "tagsession", "setsourceidentity", "setcontext", "assumeroot":
			return strings.Contains(q.resource, ":role/")
		}
	}
	return false
}

// union evaluates policies that are taken together.
func (q *question) union(layer Layer, policies []*Policy) verdict {
	var v verdict
	for _, p := range policies {
		q.policy(layer, 0, p, func(st *Statement, t truth, _ grant) {
			switch {
			case st == nil:
				v.allow, v.deny = or(v.allow, t), or(v.deny, t)
			case st.Effect == Deny:
				v.deny = or(v.deny, t)
			case st.Effect == Allow:
				v.allow = or(v.allow, t)
			default:
				v.allow, v.deny = or(v.allow, t), or(v.deny, t)
			}
		})
	}
	return v
}

// resourceVerdict evaluates the resource's policy, and keeps apart what it grants by
// how it names the principal.
func (q *question) resourceVerdict(grants *[directly + 1]truth) verdict {
	var v verdict
	for _, p := range q.layers.Resource {
		q.policy(LayerResource, 0, p, func(st *Statement, t truth, g grant) {
			if st == nil || st.Effect != Allow {
				v.deny = or(v.deny, t)
			}
			if st == nil || st.Effect != Deny {
				v.allow = or(v.allow, t)
				grants[g] = or(grants[g], t)
			}
		})
	}
	return v
}

// tree evaluates an organisation's policies: every level from the root to the
// account must allow ("SCP evaluation"). The second value is the first level
// that does not.
func (q *question) tree(layer Layer, levels []Level) (verdict, int) {
	out, first := verdict{allow: yes}, -1
	for i := range levels {
		var v verdict
		for _, p := range levels[i].Policies {
			q.policy(layer, i, p, func(st *Statement, t truth, _ grant) {
				if st == nil || st.Effect != Allow {
					v.deny = or(v.deny, t)
				}
				if st == nil || st.Effect != Deny {
					v.allow = or(v.allow, t)
				}
			})
		}
		if v.allow != yes && first < 0 {
			first = i
		}
		out.allow, out.deny = and(out.allow, v.allow), or(out.deny, v.deny)
	}
	return out, first
}
