package gcpiam

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
)

// Question asks whether a principal has a permission on a resource.
type Question struct {
	Principal Principal
	// Permission is in the spelling of roles, "iam.roles.update", or of deny
	// rules, "iam.googleapis.com/roles.update".
	Permission string
	// Resource is a full resource name, or "projects/ID" and the like.
	Resource string
	// Context holds attributes of conditions by name, such as "request.time".
	Context map[string]any
	// Open says that the context is not complete: what a condition asks
	// beyond it remains as a condition. In a closed context it makes the
	// answer Unknown; nothing is filled in from the clock.
	Open bool
}

// The layers that a decision speaks of.
const (
	layerAllow    = "allow policy"
	layerDeny     = "deny policy"
	layerBoundary = "principal access boundary policies"
	layerAbove    = "hierarchy"
)

// weighing gathers what decides one question.
type weighing struct {
	x     *Index
	q     *Question
	who   *asker
	perm  string
	split pattern
	id    int
	known bool // some role's definition names the permission
	vars  map[string]any

	granted     *access.Reason
	conditional []access.Reason
	remains     []access.Condition
	doubts      []access.Reason // allowing layers that may grant
	about       about           // what the doubts are about
	denied      *access.Reason
	denyDoubts  []access.Reason // denying layers that may deny
	denyIf      []access.Condition
	denyReasons []access.Reason
}

// about says what leaves an answer open.
type about uint8

const (
	aboutRole      about = 1 << iota // a role without a definition
	aboutMember                      // whether the principal belongs to a group or set
	aboutCondition                   // a condition that is not understood or decided
	aboutDeny                        // whether a deny rule applies
	aboutUnread                      // what was not read at all
)

// Decide answers a question: denied if a deny rule applies, else allowed if any
// binding on the resource or above it grants the permission ("Policy
// evaluation").
func (x *Index) Decide(q Question) access.Decision {
	chain, missing := x.chain(q.Resource)
	d, _ := x.decide(&q, x.resolve(q.Principal), chain, missing)
	return d
}

func (x *Index) decide(q *Question, who *asker, chain []*node, missing string) (access.Decision, about) {
	w := &weighing{x: x, q: q, who: who, perm: plainPermission(q.Permission)}
	w.split = splitPermission(w.perm)
	w.id, w.known = x.perms[w.perm]
	if who.self.kind == memberOther {
		return unknownBecause(access.Reason{Layer: "principal", Effect: "none", Text: "the principal " + q.Principal.ID + " is not understood"}), aboutMember
	}
	for _, n := range chain {
		w.deny(n)
	}
	if w.denied != nil {
		return access.Decision{Outcome: access.ExplicitlyDenied, Because: []access.Reason{*w.denied}}, 0
	}
	for _, n := range chain {
		w.allow(n)
	}
	d := w.answer(chain, missing)
	if d.Outcome != access.Unknown {
		w.about = 0
	}
	return d, w.about
}

func unknownBecause(r ...access.Reason) access.Decision {
	return access.Decision{Outcome: access.Unknown, Because: r}
}

// context makes the variables of conditions once, where one needs them.
func (w *weighing) context() map[string]any {
	if w.vars == nil {
		name := CanonicalName(w.q.Resource)
		w.vars = w.x.setting(name, w.x.nodes[name], w.q.Context)
	}
	return w.vars
}

func (w *weighing) deny(n *node) {
	for i := range n.denies {
		if w.denied != nil {
			return
		}
		w.denyRule(&n.denies[i])
	}
}

func (w *weighing) denyRule(r *compiledDeny) {
	if !anyMatches(r.permissions, w.split) || anyMatches(r.exceptPermissions, w.split) {
		return
	}
	hit, by := w.among(r.principals)
	out, exceptBy := w.among(r.except)
	if hit == no || out == yes {
		return
	}
	reason := access.Reason{Layer: layerDeny, Document: r.policy, Statement: ordinal(r.n), Effect: "deny",
		Text: "denies " + w.perm + " to " + by + " on " + r.at.name}
	v := verdict{value: yes}
	if r.condition != nil {
		v = r.condition.eval(w.context())
	}
	if v.value == no {
		return
	}
	if v.failed {
		// A deny rule whose condition cannot be evaluated applies: Google's
		// "Deny policies", section "Deny policy conditions".
		v.value = yes
	}
	switch {
	case hit == maybe || out == maybe:
		if out == maybe {
			by = exceptBy
		}
		reason.Effect, reason.Text = "none", "whether "+w.q.Principal.ID+" is among "+by+" is not known; the rule denies "+w.perm
		w.denyDoubts = append(w.denyDoubts, reason)
	case v.value == yes:
		w.denied = &reason
	case v.text != "" || !w.q.Open:
		reason.Effect, reason.Text = "none", undecided(v, r.text, w.perm)
		w.denyDoubts = append(w.denyDoubts, reason)
	default:
		w.denyIf = append(w.denyIf, remaining(r.text, true))
		w.denyReasons = append(w.denyReasons, reason)
	}
}

func (w *weighing) among(list []member) (truth, string) {
	best, by := no, ""
	for i := range list {
		switch w.x.is(w.who, &list[i]) {
		case yes:
			return yes, list[i].key
		case maybe:
			if best == no {
				best, by = maybe, list[i].key
			}
		}
	}
	return best, by
}

func (w *weighing) allow(n *node) {
	for i := range n.bindings {
		if w.granted != nil {
			return
		}
		w.binding(&n.bindings[i])
	}
}

func (w *weighing) binding(b *compiledBinding) {
	if b.role != nil && (!w.known || !b.role.has(w.id) || !b.role.role.inForce()) {
		return
	}
	held, by := w.x.holds(w.who, b)
	if held == no {
		return
	}
	reason := access.Reason{Layer: layerAllow, Document: b.at.name, Statement: ordinal(b.n) + " " + b.roleName, Effect: "allow",
		Text: b.roleName + " for " + by + " grants " + w.perm}
	v := verdict{value: yes}
	if b.condition != nil {
		v = b.condition.eval(w.context())
	}
	if v.value == no {
		return
	}
	var doubt string
	switch {
	case b.role == nil:
		w.about |= aboutRole
		doubt = "the definition of " + b.roleName + " is not known: import it from `gcloud iam roles describe`"
	case held == maybe:
		w.about |= aboutMember
		doubt = "whether " + w.q.Principal.ID + " is among " + by + " is not known; " + b.roleName + " would grant " + w.perm
	case v.value == yes:
		w.granted = &reason
		return
	case v.failed && !w.q.Open:
		w.about |= aboutCondition
		doubt = v.text
	case v.text != "" || !w.q.Open:
		w.about |= aboutCondition
		doubt = undecided(v, b.text, w.perm)
	default:
		w.conditional = append(w.conditional, reason)
		w.remains = append(w.remains, remaining(b.text, false))
		return
	}
	reason.Effect, reason.Text = "none", doubt
	w.doubts = append(w.doubts, reason)
}

func undecided(v verdict, e *Expr, perm string) string {
	if v.text != "" {
		return v.text
	}
	return "the condition `" + e.Expression + "` on " + perm + " hangs on what the context does not hold"
}

func remaining(e *Expr, negated bool) access.Condition {
	text := "`" + e.Expression + "`"
	if negated {
		text = "not " + text
	}
	return access.Condition{Key: "condition", Operator: "CEL", Values: []string{e.Expression}, Negated: negated, Text: text}
}

// answer weighs what was found.
func (w *weighing) answer(chain []*node, missing string) access.Decision {
	var yesBecause []access.Reason
	remains := slices.Clone(w.denyIf)
	switch {
	case w.granted != nil:
		yesBecause = []access.Reason{*w.granted}
	case len(w.conditional) > 0:
		yesBecause = w.conditional
		remains = append([]access.Condition{either(w.remains)}, remains...)
	case len(w.doubts) > 0:
		return unknownBecause(w.doubts...)
	case missing != "":
		w.about = aboutUnread
		return unknownBecause(access.Reason{Layer: layerAbove, Document: missing, Effect: "none",
			Text: "nothing read grants " + w.perm + ", and what lies above " + missing + " is not known"})
	default:
		if at := w.x.unlisted(chain, w.q.Resource); at != "" {
			w.about = aboutUnread
			return unknownBecause(access.Reason{Layer: layerAllow, Document: at, Effect: "none",
				Text: "nothing read grants " + w.perm + ", and what the allow policies of " + at + " grant was not read"})
		}
		return access.Decision{Outcome: access.ImplicitlyDenied, Because: []access.Reason{{Layer: layerAllow, Effect: "none",
			Text: "no binding on " + names(chain, w.q.Resource) + " grants " + w.perm + " to " + w.q.Principal.ID}}}
	}
	if len(w.denyDoubts) > 0 {
		w.about = aboutDeny
		return unknownBecause(append(w.denyDoubts, yesBecause...)...)
	}
	d := access.Decision{Outcome: access.Allowed, Because: append(yesBecause, w.denyReasons...), Remains: remains, Unread: w.unread(chain, missing)}
	if len(remains) > 0 {
		d.Outcome = access.Conditional
	}
	return d
}

// either joins alternatives: one of the bindings' conditions is enough.
func either(list []access.Condition) access.Condition {
	if len(list) == 1 {
		return list[0]
	}
	c := access.Condition{Key: "condition", Operator: "CEL"}
	var texts []string
	for _, r := range list {
		if v := r.Values[0]; !slices.Contains(c.Values, v) {
			c.Values = append(c.Values, v)
			texts = append(texts, "`"+v+"`")
		}
	}
	c.Text = strings.Join(texts, " or ")
	return c
}

// unlisted is the first node of a chain whose allow policy was not read; empty
// where the state is whole. The policies of what lies in a node of the hierarchy
// are listed with that node.
func (x *Index) unlisted(chain []*node, resource string) string {
	if x.state.Read == nil {
		return ""
	}
	name := CanonicalName(resource)
	for _, n := range chain {
		if inside(n.name) {
			continue
		}
		listed := x.state.Read.Policies[n.name]
		if inside(name) && !listed && !x.readAlone(name) {
			return name
		}
		if name = ""; !listed && n.policies == 0 {
			return n.name
		}
	}
	return ""
}

// inside reports the names of what lies in a node of the hierarchy.
func inside(name string) bool { return strings.HasPrefix(name, "//") }

// readAlone reports whether the policy of a resource was read and nothing stands
// between it and the hierarchy.
func (x *Index) readAlone(name string) bool {
	n := x.nodes[name]
	if n == nil || n.policies == 0 {
		return false
	}
	if n.parent != nil {
		return !inside(n.parent.name)
	}
	return !inside(above(name))
}

// denyUnlisted is the first node of the hierarchy whose deny policies were not
// listed.
func (x *Index) denyUnlisted(chain []*node) string {
	for _, n := range chain {
		if !inside(n.name) && !x.state.Read.Denies[n.name] {
			return n.name
		}
	}
	return ""
}

func (w *weighing) unread(chain []*node, missing string) []string {
	var out []string
	switch {
	case w.x.state.Read != nil:
		if at := w.x.denyUnlisted(chain); at != "" {
			out = append(out, "deny policies of "+at)
		}
		if missing != "" {
			out = append(out, "deny policies above "+missing)
		}
	case !w.x.state.DenyRead:
		out = append(out, "deny policies")
	case missing != "":
		out = append(out, "deny policies above "+missing)
	}
	if !w.x.state.BoundariesRead {
		out = append(out, layerBoundary)
	}
	return out
}

func names(chain []*node, resource string) string {
	if len(chain) == 0 {
		return resource
	}
	list := make([]string, 0, len(chain))
	for _, n := range chain {
		list = append(list, n.name)
	}
	return strings.Join(list, ", ")
}

func ordinal(n int) string {
	const digits = "0123456789"
	if n < 10 {
		return "#" + digits[n:n+1]
	}
	return ordinal(n/10) + digits[n%10:n%10+1]
}
