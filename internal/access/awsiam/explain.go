package awsiam

import (
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
)

// maxReasons bounds the reasons of a decision.
const maxReasons = 20

// explain puts an evaluated question into the common form.
func (q *question) explain(r *result) access.Decision {
	d := access.Decision{Outcome: r.outcome, Because: []access.Reason{}}
	if r.text != "" {
		d.Because = append(d.Because, access.Reason{Effect: "none", Text: r.text})
		return d
	}
	switch r.outcome {
	case access.ExplicitlyDenied:
		d.Because = q.reasons(func(h *hit) bool { return h.statement != nil && h.statement.Effect == Deny && h.truth == yes })
	case access.ImplicitlyDenied:
		d.Because = q.missing(r)
	case access.Unknown:
		d.Because = q.misunderstood(r)
	case access.Allowed:
		d.Because = q.reasons(func(h *hit) bool { return h.truth == yes && q.carries(r, h) })
		if q.request.Principal.kind == principalRoot {
			d.Because = append(d.Because, access.Reason{Layer: LayerIdentity.String(), Effect: "allow",
				Text: "the account's root user has full access to the account"})
		}
	case access.Conditional:
		d.Because = q.reasons(func(h *hit) bool {
			return h.statement != nil && (h.truth == open || q.carries(r, h))
		})
		d.Remains = q.remains(r)
	}
	if r.outcome == access.Allowed || r.outcome == access.Conditional {
		d.Unread = q.unread()
	}
	return d
}

// carries reports whether an allowing statement is part of why the request is
// allowed: one that grants, or one of a layer that limits.
func (q *question) carries(r *result, h *hit) bool {
	if h.statement == nil || h.statement.Effect != Allow {
		return false
	}
	if h.layer == LayerResource && h.grant == byAccount && q.request.Principal.account == q.account {
		return q.resourceMustAllow() || r.verdicts[LayerIdentity].allow == yes
	}
	return true
}

// unread names the layers that could still forbid.
func (q *question) unread() []string {
	var out []string
	for _, l := range q.layers.Unread {
		name := [...]string{"identity policies", "resource policies", "permissions boundaries", "session policies",
			"service control policies", "resource control policies", "VPC endpoint policies"}[l]
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func (q *question) reasons(want func(*hit) bool) []access.Reason {
	n := 0
	for i := range q.hits {
		if want(&q.hits[i]) {
			n++
		}
	}
	out := make([]access.Reason, 0, min(n+1, maxReasons)) // one may be added
	for i := range q.hits {
		if h := &q.hits[i]; want(h) && len(out) < maxReasons {
			out = append(out, q.reason(h))
		}
	}
	return out
}

func (q *question) reason(h *hit) access.Reason {
	r := access.Reason{Layer: h.layer.String(), Document: h.policy.name, Effect: "none", Text: h.why}
	if h.statement == nil {
		return r
	}
	r.Statement = h.statement.Place()
	switch h.statement.Effect {
	case Allow:
		r.Effect = "allow"
	case Deny:
		r.Effect = "deny"
	}
	r.Text = q.sentence(h)
	return r
}

// sentence says what a statement contributes.
func (q *question) sentence(h *hit) string {
	var room [256]byte
	b := room[:0]
	if h.statement.Effect == Deny {
		b = append(b, "denies "...)
	} else {
		b = append(b, "allows "...)
	}
	b = append(b, q.request.Action...)
	if h.layer == LayerResource && h.statement.Effect == Allow {
		switch h.grant {
		case directly:
			b = append(b, " to the principal itself"...)
		case byIssuer:
			b = append(b, " to what the session came from"...)
		case byAccount:
			b = append(b, " to the principal's account"...)
		}
	}
	if name := q.levelName(h); name != "" {
		b = append(append(b, " at "...), name...)
	}
	for i := range h.statement.Conditions {
		joint := " and "
		if i == 0 {
			joint = ", under "
		}
		b = h.statement.Conditions[i].append(append(b, joint...))
	}
	return string(b)
}

// append adds the condition in the vendor's words.
func (c *Condition) append(b []byte) []byte {
	b = append(append(append(append(b, c.Key...), ' '), c.Operator...), ' ')
	for i, v := range c.Values {
		if i > 0 {
			b = append(b, " or "...)
		}
		b = append(b, v...)
	}
	return b
}

func (q *question) levelName(h *hit) string {
	levels := q.layers.ServiceControl
	switch h.layer {
	case LayerServiceControl:
	case LayerResourceControl:
		levels = q.layers.ResourceControl
	default:
		return ""
	}
	return levelName(levels, h.level)
}

func levelName(levels []Level, n int) string {
	if levels[n].Name != "" {
		return levels[n].Name
	}
	return fmt.Sprintf("level %d", n+1)
}

// missing says which layers did not allow.
func (q *question) missing(r *result) []access.Reason {
	out := make([]access.Reason, 0, 2)
	add := func(layer Layer, text string) {
		out = append(out, access.Reason{Layer: layer.String(), Effect: "none", Text: text})
	}
	action, p := q.request.Action, &q.request.Principal
	if r.verdicts[LayerServiceControl].allow != yes && r.level >= 0 {
		add(LayerServiceControl, "no policy at "+levelName(q.layers.ServiceControl, r.level)+" allows "+action)
	}
	if r.verdicts[LayerEndpoint].allow != yes {
		add(LayerEndpoint, "the endpoint's policy does not allow "+action)
	}
	byResource := r.verdicts[LayerResource].allow != no && len(q.layers.Resource) > 0
	switch {
	case !p.signed():
		if !byResource {
			add(LayerResource, "no resource policy allows "+action+" to "+p.String())
		}
		return out
	case p.account != q.account && !byResource:
		add(LayerResource, "the resource is of account "+q.account+", whose resource policy does not allow "+action)
	case q.resourceMustAllow() && !byResource:
		add(LayerResource, "a key policy or trust policy must itself allow "+action)
	}
	if r.verdicts[LayerIdentity].allow != yes && p.kind != principalRoot {
		add(LayerIdentity, "no identity policy allows "+action+" on "+q.request.Resource)
	}
	if r.verdicts[LayerBoundary].allow != yes {
		add(LayerBoundary, "the permissions boundary does not allow "+action)
	}
	if r.verdicts[LayerSession].allow != yes {
		add(LayerSession, "no session policy allows "+action)
	}
	return out
}

// misunderstood says what kept the question from being decided.
func (q *question) misunderstood(r *result) []access.Reason {
	out := []access.Reason{}
	for i := range q.hits {
		h := &q.hits[i]
		if h.truth != unclear || len(out) == maxReasons {
			continue
		}
		reason := q.reason(h)
		if h.statement != nil {
			reason.Text = "not understood: " + q.doubt(h)
		}
		out = append(out, reason)
	}
	if len(out) > 0 {
		return out
	}
	for _, l := range q.layers.Unread {
		if l == LayerIdentity || l == LayerResource {
			out = append(out, access.Reason{Layer: l.String(), Effect: "none", Text: "not read, and could allow it"})
		}
	}
	return append(out, q.missing(r)...)
}

// doubt says what of a statement is not understood.
func (q *question) doubt(h *hit) string {
	st := h.statement
	switch {
	case len(st.Unclear) > 0:
		return strings.Join(st.Unclear, "; ")
	case q.names(h.layer, st) == unclear:
		return "the statement has neither Resource nor NotResource"
	case h.grant == unsure && st.Principals == nil && st.NotPrincipals == nil:
		return "the statement has no Principal"
	case h.grant == unsure:
		return "whether a canonical user id or the user who federated stands for the principal"
	}
	return "a Principal element in a policy that takes none"
}
