package azurerbac

import (
	"strings"

	"github.com/retinue-id/retinue/internal/access"
)

// Question asks whether a principal may do something at a scope.
type Question struct {
	Principal Principal
	// Action is the operation, such as "Microsoft.Compute/virtualMachines/read".
	Action string
	// Data says that it is an action on data, which is weighed against
	// DataActions alone.
	Data bool
	// Scope is the resource's id, or a resource group, subscription or
	// management group.
	Scope string
	// Context holds attributes of conditions by their full name, such as
	// "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name]",
	// and "suboperation".
	Context map[string]any
	// Open says that the context is not complete.
	Open bool
}

// The layers that a decision speaks of.
const (
	layerAssignment = "role assignment"
	layerDeny       = "deny assignment"
	layerDirectory  = "directory role"
	layerAppRole    = "application permission"
	layerOwner      = "ownership"
	layerClassic    = "classic administrator"
	layerFederated  = "federated identity credential"
)

// weighing gathers what decides one question.
type weighing struct {
	x      *Index
	q      *Question
	who    *asker
	action string
	scope  string
	set    *setting
	// directory says that the question is about the directory.
	directory bool

	granted     *access.Reason
	conditional []access.Reason
	remains     []access.Condition
	doubts      []access.Reason
	about       about // what the doubts are about
	denied      *access.Reason
	denyDoubts  []access.Reason
	denyIf      []access.Condition
	denyReasons []access.Reason
}

// about says what leaves an answer open.
type about uint8

const (
	aboutRole      about = 1 << iota // a role without a definition
	aboutMember                      // whether the principal belongs to a group
	aboutPlace                       // whether the resource lies in a management group
	aboutCondition                   // a condition that is not understood or decided
	aboutDeny                        // whether a deny assignment applies
	aboutUnread                      // what was not read at all
)

// Decide answers a question about Azure resources: denied if a deny assignment
// applies, else allowed if any role assignment at the scope or above it grants
// the action ("What is Azure RBAC", section on how it determines access).
func (x *Index) Decide(q Question) access.Decision {
	d, _ := x.decide(&q, x.resolve(q.Principal))
	return d
}

func (x *Index) decide(q *Question, who *asker) (access.Decision, about) {
	w := &weighing{x: x, q: q, who: who, action: canonical(q.Action), scope: canonical(q.Scope)}
	if strings.Contains(w.action, "*") {
		return unknownBecause(access.Reason{Layer: "question", Effect: "none", Text: "an action with a wildcard is no single question"}), aboutCondition
	}
	w.set = newSetting(w.action, q.Context, q.Open)
	for i := range x.denies {
		if w.deny(&x.denies[i]); w.denied != nil {
			return access.Decision{Outcome: access.ExplicitlyDenied, Because: []access.Reason{*w.denied}}, 0
		}
	}
	for _, id := range who.ids {
		for _, a := range x.holders[id] {
			if w.assignment(a, yes); w.granted != nil {
				return w.result(w.answer())
			}
		}
	}
	if !who.complete {
		w.foreignGroups()
	}
	w.classicRoles()
	return w.result(w.answer())
}

// result says of an open answer what leaves it open.
func (w *weighing) result(d access.Decision) (access.Decision, about) {
	if d.Outcome != access.Unknown {
		return d, 0
	}
	return d, w.about
}

func unknownBecause(r ...access.Reason) access.Decision {
	return access.Decision{Outcome: access.Unknown, Because: r}
}

// foreignGroups looks at the assignments of groups whose members are not known.
func (w *weighing) foreignGroups() {
	for id, list := range w.x.holders {
		for _, a := range list {
			if w.who.is[id] {
				break
			}
			if w.x.among(w.who, id, a.a.PrincipalType) == maybe {
				w.assignment(a, maybe)
			}
		}
	}
}

func (w *weighing) assignment(a *assignment, held truth) {
	at := w.x.covers(a.scope, w.scope)
	if at == no {
		return
	}
	reason := access.Reason{Layer: layerAssignment, Document: a.a.ID, Effect: "allow"}
	if a.role == nil {
		reason.Effect, reason.Text = "none", "the definition of role "+guid(a.a.DefinitionID)+" is not known: import it from `az role definition list`"
		w.about |= aboutRole
		w.doubts = append(w.doubts, reason)
		return
	}
	best, by := no, (*condition)(nil)
	for i := range a.role.blocks {
		b := &a.role.blocks[i]
		if !b.covers(w.action, w.q.Data) {
			continue
		}
		if t, c := w.holds(b.condition, a.condition); t > best {
			best, by = t, c
		}
	}
	if best == no {
		return
	}
	reason.Statement = a.role.role.Name
	reason.Text = a.role.role.Name + " at " + a.scope + " grants " + w.q.Action
	w.weigh(reason, best, by, min(held, at), a)
}

// weigh files a grant under what is known of it.
func (w *weighing) weigh(reason access.Reason, best truth, by *condition, sure truth, a *assignment) {
	var doubt string
	switch {
	case sure == maybe && w.x.covers(a.scope, w.scope) == maybe:
		w.about |= aboutPlace
		doubt = "whether " + w.q.Scope + " lies in " + a.scope + " is not known; " + reason.Statement + " there would grant " + w.q.Action
	case sure == maybe:
		w.about |= aboutMember
		doubt = "whether " + w.q.Principal.ID + " belongs to group " + a.a.PrincipalID + " is not known; its " + reason.Statement + " would grant " + w.q.Action
	case a.a.Eligible && !w.q.Open:
		return
	case best == maybe && (by.broken != "" || !w.q.Open):
		w.about |= aboutCondition
		doubt = by.why()
	case best == maybe || a.a.Eligible:
		c := access.Condition{Key: "condition", Operator: "ABAC"}
		if a.a.Eligible {
			c = access.Condition{Key: "activation", Operator: "PIM", Text: "the eligible assignment is activated in Privileged Identity Management"}
		}
		if by != nil && best == maybe {
			c.Values, c.Text = []string{by.text}, strings.TrimPrefix(c.Text+" and `"+by.text+"`", " and ")
		}
		w.conditional = append(w.conditional, reason)
		w.remains = append(w.remains, c)
		return
	default:
		w.granted = &reason
		return
	}
	reason.Effect, reason.Text = "none", doubt
	w.doubts = append(w.doubts, reason)
}

func (c *condition) why() string {
	if c.broken != "" {
		return c.broken
	}
	return "the condition `" + c.text + "` hangs on what the context does not hold"
}

// holds evaluates conditions of which all must be true; it returns the one that
// is not decided.
func (w *weighing) holds(list ...*condition) (truth, *condition) {
	out, by := yes, (*condition)(nil)
	for _, c := range list {
		if c == nil {
			continue
		}
		t := maybe
		if c.broken == "" {
			t = c.root.eval(w.set)
		}
		if t < out {
			out, by = t, c
		}
	}
	return out, by
}

func (w *weighing) deny(d *deny) {
	at := w.x.covers(d.scope, w.scope)
	if d.d.OnlyHere && d.scope != w.scope {
		return
	}
	hit := w.anyOf(d.principals)
	sure := min(at, hit, w.anyOf(d.excluded).not())
	if sure == no {
		return
	}
	covered := false
	for i := range d.blocks {
		covered = covered || d.blocks[i].covers(w.action, w.q.Data)
	}
	if !covered {
		return
	}
	t, by := w.holds(d.condition)
	reason := access.Reason{Layer: layerDeny, Document: d.d.ID, Statement: d.d.Name, Effect: "deny", Text: "denies " + w.q.Action + " at " + d.scope}
	switch {
	case t == no:
	case sure == maybe:
		reason.Effect, reason.Text = "none", "whether it applies to "+w.q.Principal.ID+" at "+w.q.Scope+" is not known; it denies "+w.q.Action
		w.denyDoubts = append(w.denyDoubts, reason)
	case t == yes:
		w.denied = &reason
	case by.broken != "" || !w.q.Open:
		reason.Effect, reason.Text = "none", by.why()
		w.denyDoubts = append(w.denyDoubts, reason)
	default:
		w.denyReasons = append(w.denyReasons, reason)
		w.denyIf = append(w.denyIf, access.Condition{Key: "condition", Operator: "ABAC", Values: []string{by.text}, Negated: true, Text: "not `" + by.text + "`"})
	}
}

func (w *weighing) anyOf(list []Subject) truth {
	out := no
	for _, s := range list {
		out = max(out, w.x.among(w.who, s.ID, s.Type))
	}
	return out
}

// classicRoles leaves open what retired classic administrators can still do.
func (w *weighing) classicRoles() {
	for _, c := range w.x.classic[w.who.id] {
		if w.x.covers(canonical(c.Scope), w.scope) == yes && !w.q.Data {
			w.about |= aboutCondition
			w.doubts = append(w.doubts, access.Reason{Layer: layerClassic, Document: c.Scope, Statement: c.Role, Effect: "none",
				Text: "classic administrators were retired on 31 August 2024; whether this one still works is not known"})
		}
	}
}

// answer weighs what was found.
func (w *weighing) answer() access.Decision {
	remains := w.denyIf
	var because []access.Reason
	switch {
	case w.granted != nil:
		because = []access.Reason{*w.granted}
	case len(w.conditional) > 0:
		because = w.conditional
		remains = append([]access.Condition{either(w.remains)}, remains...)
	case len(w.doubts) > 0:
		return unknownBecause(w.doubts...)
	default:
		if at := w.unlisted(); at != "" {
			w.about = aboutUnread
			return unknownBecause(access.Reason{Layer: layerAssignment, Effect: "none",
				Text: "nothing read grants " + w.q.Action + ", and " + at + " were not listed"})
		}
		return access.Decision{Outcome: access.ImplicitlyDenied, Because: []access.Reason{{Layer: layerAssignment, Effect: "none",
			Text: "no assignment at " + w.q.Scope + " or above it grants " + w.q.Action + " to " + w.q.Principal.ID}}}
	}
	if len(w.denyDoubts) > 0 {
		w.about = aboutDeny
		return unknownBecause(append(w.denyDoubts, because...)...)
	}
	d := access.Decision{Outcome: access.Allowed, Because: append(because, w.denyReasons...), Remains: remains}
	if len(remains) > 0 {
		d.Outcome = access.Conditional
	}
	if !w.x.denyListed(w.scope) {
		d.Unread = []string{"deny assignments"}
	}
	return d
}

// place is the part of a tenant whose assignments are listed together.
func place(scope string) string {
	if rest, ok := strings.CutPrefix(scope, "/subscriptions/"); ok {
		id, _, _ := strings.Cut(rest, "/")
		return "subscription/" + id
	}
	if name, ok := strings.CutPrefix(scope, managementGroup); ok {
		return "management-group/" + name
	}
	return "root"
}

// unlisted is what would have to be listed to say that nothing grants what is
// asked; empty where it was.
func (w *weighing) unlisted() string {
	switch {
	case w.x.state.Read == nil:
	case w.directory && !w.x.state.Read.Directory["role-assignments"]:
		return "the assignments of directory roles"
	case !w.directory:
		if at := w.x.unlisted(w.scope); at != "" {
			return "the role assignments of " + at
		}
	}
	return ""
}

// unlisted is the place whose role assignments would have to be listed to say
// that nothing grants something at a scope; empty where they were.
func (x *Index) unlisted(scope string) string {
	at := place(scope)
	if x.state.Read.Assignments[at] {
		return ""
	}
	// The listing of a subscription holds what it inherits.
	for sub := range x.state.Read.Assignments {
		id, ok := strings.CutPrefix(sub, "subscription/")
		if ok && (at == "root" || strings.HasPrefix(scope, managementGroup) && x.covers(scope, "/subscriptions/"+id) == yes) {
			return ""
		}
	}
	return at
}

func (x *Index) denyListed(scope string) bool {
	if x.state.Read != nil {
		return x.state.Read.Denies[place(scope)]
	}
	return x.state.DenyRead
}

// either joins alternatives: one of the conditions is enough.
func either(list []access.Condition) access.Condition {
	if len(list) == 1 {
		return list[0]
	}
	c := access.Condition{Key: list[0].Key, Operator: list[0].Operator}
	texts := make([]string, 0, len(list))
	for _, r := range list {
		c.Values = append(c.Values, r.Values...)
		texts = append(texts, r.Text)
	}
	c.Text = strings.Join(texts, " or ")
	return c
}
