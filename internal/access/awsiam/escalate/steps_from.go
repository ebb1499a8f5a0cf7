package escalate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// lead is what a technique of one principal leads to, by the same statements.
type lead struct {
	taking
	because []access.Reason
	to      []graph.NodeID
	// beside are those of whom one must be held as well.
	beside []graph.NodeID
	needs  [][]graph.GrantID
}

// from adds the steps that a principal can make by itself.
func (st *stepper) from(v *variant) {
	if st.can(v).empty() && !v.named && !st.homeOf(v.Principal).open {
		return
	}
	st.leadsOf(v, false, st.subjects(v)...)
}

// leadsOf adds the steps of a principal by itself; with raising only those that
// give more to the subjects, who are others.
func (st *stepper) leadsOf(v *variant, raising bool, subjects ...*node) {
	leads := make(map[string]*lead)
	r := st.single(v, subjects)
	if !raising {
		r.members = append(r.members, r.order[0])
	}
	r.report = func(t taking) { st.lead(leads, t) }
	for i := range r.techniques {
		if t := &r.techniques[i]; !raising || t.raises() {
			r.try(t)
		}
	}
	from := st.node(v)
	for _, key := range slices.Sorted(maps.Keys(leads)) {
		st.step(from, leads[key])
	}
}

// subjects are the members without one of them.
func (st *stepper) subjects(v *variant) []*node {
	var out []*node
	for _, n := range st.members {
		if n.Principal != v.Principal {
			out = append(out, n)
		}
	}
	return out
}

// lead sorts what can be taken by what it takes.
func (st *stepper) lead(leads map[string]*lead, t taking) {
	self := t.proof.by[0]
	to := st.variant(t.to)
	var beside *node
	if len(t.also) > 0 && t.also[0] != self {
		beside = t.also[0]
	}
	because := st.because(t.proof)
	admin := t.technique.raises() || t.technique.gain == newAdmin
	admin = admin && st.admin(to)
	single := t.through != "" || to.name != "" && !admin
	if beside != nil && !admin && !st.worth(beside, to) {
		return
	}
	key := t.technique.ID + "\x00" + t.assumes + "\x00" + strconv.FormatBool(admin) + "\x00" + strconv.FormatBool(beside != nil) + "\x00" + places(because)
	if single {
		key += "\x00" + t.through + "\x00" + to.ARN + to.name
	}
	var on *Principal
	if len(t.technique.calls) == 0 {
		on = t.to.Principal // what its trust policy says is its own
		key += "\x00" + on.ARN
	}
	l := leads[key]
	if l == nil {
		l = &lead{taking: t, because: because, needs: st.needs(t.proof, on)}
		leads[key] = l
	}
	if beside != nil {
		l.beside = append(l.beside, st.node(beside.variant))
	}
	if admin {
		l.to = append(l.to[:0], st.administrator())
		return
	}
	l.to = append(l.to, st.node(to))
	if id := to.held(); to.name != "" && !st.gained[id] {
		st.gained[id] = true
		st.waiting = append(st.waiting, to)
	}
}

// worth reports whether somebody else with more is worth a node: that can make
// a call that it could not make before, and it is not too many.
func (st *stepper) worth(n *node, to *variant) bool {
	return len(st.waiting) < maxVariants && (!n.allows.holds(&to.allows) || to.free)
}

func places(because []access.Reason) string {
	var b strings.Builder
	for _, r := range because {
		b.WriteString(r.Layer + "\x01" + r.Document + "\x01" + r.Statement + "\x01")
	}
	return b.String()
}

// step adds the step, or those through a set, of one lead.
func (st *stepper) step(from graph.NodeID, l *lead) {
	s := graph.Step{From: []graph.NodeID{from}, Verb: verb(l.technique), Technique: l.technique.ID, Through: l.through, Assumes: l.assumes,
		Unread: st.unread(), Needs: l.needs, Because: unique(l.because)}
	if len(l.beside) > 0 {
		s.From = append(s.From, st.anyOf(l.beside))
	}
	slices.Sort(l.to)
	l.to = slices.Compact(l.to)
	s.To = l.to[0]
	if len(l.to) > 1 {
		s.To = st.set(l.to, fmt.Sprintf("%d principals of %s", len(l.to), st.home.account))
	}
	st.b.Step(s)
}

func (st *stepper) unread() []string {
	var out []string
	for _, layer := range st.Unread {
		out = append(out, cmp.Or(map[string]string{"service control policy": "service control policies"}[layer.String()], layer.String()))
	}
	return out
}

func unique(because []access.Reason) []access.Reason {
	var out []access.Reason
	for _, r := range because {
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

// verb is what a technique does.
func verb(t *Technique) graph.Verb {
	switch t.gain {
	case takeUser:
		return graph.Mints
	case takeRole:
		return graph.Assumes
	case passRole:
		return graph.PassesRole
	case useCompute:
		if strings.HasPrefix(t.ID, "ssm:") || strings.HasPrefix(t.ID, "ec2-instance-connect:") {
			return graph.ExecsInto
		}
		return graph.ModifiesCode
	case newAdmin:
		return graph.Mints
	}
	return graph.Attaches
}
