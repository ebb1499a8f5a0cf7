package awsiam

import (
	"strings"

	"github.com/retinue-id/retinue/internal/access"
)

// maxAlternatives bounds the alternatives of one remaining condition.
const maxAlternatives = 50

// remains are the conditions under which a conditional answer is a yes: for
// each layer that must allow, those of one of its allowing statements; and of
// each statement that may deny, that one of its open conditions does not hold.
func (q *question) remains(r *result) []access.Condition {
	var out []access.Condition
	if own := q.granting(r); own != nil {
		out = append(out, own...)
	}
	for _, layer := range [...]Layer{LayerServiceControl, LayerEndpoint} {
		if r.verdicts[layer].allow == open {
			out = append(out, q.layerRemains(layer)...)
		}
	}
	for i := range q.hits {
		h := &q.hits[i]
		if h.truth == open && h.statement != nil && h.statement.Effect == Deny {
			out = append(out, negate(q.statementRemains(h)))
		}
	}
	return unique(out)
}

// granting are the conditions of what grants.
func (q *question) granting(r *result) []access.Condition {
	if q.granted(r) != open {
		return nil
	}
	p := &q.request.Principal
	cross := p.signed() && p.account != q.account
	var own []access.Condition
	ownPossible := p.signed() && (r.verdicts[LayerIdentity].allow != no || p.kind == principalRoot)
	for _, layer := range [...]Layer{LayerIdentity, LayerBoundary, LayerSession} {
		ownPossible = ownPossible && (r.verdicts[layer].allow != no || layer == LayerIdentity)
		if r.verdicts[layer].allow == open && (layer != LayerIdentity || p.kind != principalRoot) {
			own = append(own, q.layerRemains(layer)...)
		}
	}
	if !p.signed() {
		return q.resourceRemains(func(grant) bool { return true })
	}
	if cross {
		return append(own, q.resourceRemains(func(grant) bool { return true })...)
	}
	return q.sameAccount(r, own, ownPossible)
}

// sameAccount joins the ways in which a grant can come about in one account.
func (q *question) sameAccount(r *result, own []access.Condition, ownPossible bool) []access.Condition {
	var ways [][]access.Condition
	if ownPossible {
		way := own
		if q.resourceMustAllow() {
			if r.grants[byAccount] == no {
				way = nil
			} else {
				way = append(way, q.resourceRemains(func(g grant) bool { return g == byAccount })...)
			}
		}
		if len(way) > 0 {
			ways = append(ways, way)
		}
	}
	limits := and(r.verdicts[LayerBoundary].allow, r.verdicts[LayerSession].allow)
	if r.grants[directly] != no {
		ways = append(ways, q.resourceRemains(func(g grant) bool { return g == directly }))
	}
	if r.grants[byIssuer] != no && limits != no {
		way := q.resourceRemains(func(g grant) bool { return g == byIssuer })
		for _, layer := range [...]Layer{LayerBoundary, LayerSession} {
			if r.verdicts[layer].allow == open {
				way = append(way, q.layerRemains(layer)...)
			}
		}
		ways = append(ways, way)
	}
	if c, ok := anyOf(ways); ok {
		return []access.Condition{c}
	}
	if len(ways) == 1 {
		return ways[0]
	}
	return nil
}

// layerRemains are the conditions under which a layer allows. Every level of an
// organisation is one requirement.
func (q *question) layerRemains(layer Layer) []access.Condition {
	var out []access.Condition
	levels := 1
	if layer == LayerServiceControl {
		levels = len(q.layers.ServiceControl)
	}
	for level := range levels {
		ways, free := q.ways(func(h *hit) bool { return h.layer == layer && h.level == level })
		if free {
			continue
		}
		out = append(out, oneOf(ways)...)
	}
	return out
}

// resourceRemains are the conditions under which the resource's policy allows
// by a kind of grant.
func (q *question) resourceRemains(want func(grant) bool) []access.Condition {
	ways, free := q.ways(func(h *hit) bool { return h.layer == LayerResource && want(h.grant) })
	if free {
		return nil
	}
	return oneOf(ways)
}

// ways are the conditions of each allowing statement; free says that one has
// none left.
func (q *question) ways(want func(*hit) bool) (ways [][]access.Condition, free bool) {
	for i := range q.hits {
		h := &q.hits[i]
		if h.statement == nil || h.statement.Effect != Allow || !want(h) {
			continue
		}
		if h.truth == yes {
			return nil, true
		}
		if h.truth == open && len(ways) < maxAlternatives {
			ways = append(ways, q.statementRemains(h))
		}
	}
	return ways, false
}

// statementRemains are the open parts of a statement.
func (q *question) statementRemains(h *hit) []access.Condition {
	var out []access.Condition
	st := h.statement
	if q.names(h.layer, st) == open {
		out = append(out, q.resourceOpen(st))
	}
	for i := range st.Conditions {
		c := &st.Conditions[i]
		if c.test.holds(q) == open {
			out = append(out, access.Condition{Key: c.Key, Operator: c.Operator, Values: c.Values})
		}
	}
	return out
}

// resourceOpen is the requirement that variables in a resource come out so that
// it names the resource of the question.
func (q *question) resourceOpen(st *Statement) access.Condition {
	c := access.Condition{Operator: "ArnLike", Negated: st.Resources == nil}
	var keys []string
	for i := range st.resources {
		if r := &st.resources[i]; r.segmented != nil && r.vars != nil && r.match(q) == open {
			c.Values = append(c.Values, r.raw)
			keys = append(keys, r.vars.variables()...)
		}
	}
	c.Key = strings.Join(keys, ", ")
	verb := " is such that "
	if c.Negated {
		verb = " is not such that "
	}
	c.Text = c.Key + verb + strings.Join(c.Values, " or ") + " is " + q.request.Resource
	return c
}

func negate(conditions []access.Condition) access.Condition {
	if len(conditions) == 1 && len(conditions[0].AllOf) == 0 && len(conditions[0].AnyOf) == 0 {
		c := conditions[0]
		c.Negated = !c.Negated
		if c.Text != "" {
			c.Text = "not (" + c.Text + ")"
		}
		return c
	}
	return access.Condition{AllOf: conditions, Negated: true, Values: []string{}}
}

// oneOf is the requirement that one of several ways holds.
func oneOf(ways [][]access.Condition) []access.Condition {
	if c, ok := anyOf(ways); ok {
		return []access.Condition{c}
	}
	if len(ways) == 1 {
		return ways[0]
	}
	return nil
}

func anyOf(ways [][]access.Condition) (access.Condition, bool) {
	if len(ways) < 2 {
		return access.Condition{}, false
	}
	out := access.Condition{Values: []string{}}
	for _, w := range ways {
		if len(w) == 1 {
			out.AnyOf = append(out.AnyOf, w[0])
			continue
		}
		out.AnyOf = append(out.AnyOf, access.Condition{AllOf: w, Values: []string{}})
	}
	return out, true
}

// unique drops conditions that say the same.
func unique(list []access.Condition) []access.Condition {
	seen := make(map[string]bool, len(list))
	out := list[:0]
	for _, c := range list {
		if s := c.String(); !seen[s] {
			seen[s] = true
			out = append(out, c)
		}
	}
	return out
}
