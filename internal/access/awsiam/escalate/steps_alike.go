package escalate

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// regard is which actions of techniques a document says something of.
type regard struct {
	// speaks are those that a statement covers or may cover, save those that
	// allow something of the caller's own user alone; personal are those of which
	// one looks at who calls.
	speaks, personal actionSet
}

// regards takes a document apart, once.
func (st *stepper) regards(p *awsiam.Policy) *regard {
	at := placeOf(p)
	if known := st.regarded[at]; known != nil && at != nil {
		return known
	}
	out := &regard{}
	if len(p.Problems()) > 0 {
		out.speaks = st.every // what of it counts is not known
	}
	list := p.Statements()
	for i := range list {
		s := &list[i]
		if s.Effect == awsiam.Allow && ownOnly(s) {
			continue
		}
		looks := personal(s)
		for n, action := range st.lower {
			if s.MayApplyTo(action) {
				out.speaks.add(n)
				if looks {
					out.personal.add(n)
				}
			}
		}
	}
	if at != nil {
		st.regarded[at] = out
	}
	return out
}

// personal reports whether a statement may say of one caller what it does not
// say of another, other than by name.
func personal(s *awsiam.Statement) bool {
	if s.NotPrincipals != nil {
		return true
	}
	variable := func(text string) bool { return strings.Contains(text, "${") }
	if slices.ContainsFunc(s.Resources, variable) || slices.ContainsFunc(s.NotResources, variable) {
		return true
	}
	for i := range s.Conditions {
		key := strings.ToLower(s.Conditions[i].Key)
		if strings.HasPrefix(key, "aws:principal") || strings.HasPrefix(key, "aws:user") || slices.ContainsFunc(s.Conditions[i].Values, variable) {
			return true
		}
	}
	return false
}

// calling are the actions of which one may be asked for a technique.
func (st *stepper) calling(t *Technique) actionSet {
	set := t.set
	switch {
	case len(t.calls) == 0:
		set.add(st.actions[actionAssume])
	case t.gain == takeUser:
		set.add(st.actions[actionDeleteKey])
	case t.gain == useCompute:
		set.add(st.actions[actionDeleteTags])
	}
	return set
}

// alike divides principals that have every permission by what allows and limits
// them in what a technique calls: of those of one class the engine says the same,
// for the same reasons, save of calls about themselves.
func (st *stepper) alike(t *Technique, list []*variant) [][]*variant {
	set := st.calling(t)
	var out [][]*variant
	at := make(map[string]int)
	var key []byte
	for _, v := range list {
		var shared bool
		if key, shared = st.likeness(key[:0], v, &set); !shared || len(t.calls) == 0 && (v.Principal.named || st.particular()) {
			out = append(out, []*variant{v})
			continue
		}
		i, ok := at[string(key)]
		if !ok {
			i = len(out)
			at[string(key)] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], v)
	}
	return out
}

// likeness appends the class of a principal for some actions, and reports
// whether there may be others in it.
func (st *stepper) likeness(key []byte, v *variant, set *actionSet) ([]byte, bool) {
	key = append(key, 'u')
	if v.Role {
		key[0] = 'r'
	}
	if strings.Contains(v.ARN, ":role/aws-service-role/") {
		return key, false
	}
	shared := true
	put := func(list []*awsiam.Policy, all bool) {
		for _, p := range list {
			r := st.regards(p)
			shared = shared && !r.personal.meets(set)
			if all || r.speaks.meets(set) {
				key = binary.AppendVarint(key, int64(st.policyNumber(p)))
			}
		}
		key = append(key, 0)
	}
	l := st.layers(v)
	put(l.Identity, false)
	put(l.Boundary, true)
	for _, level := range l.ServiceControl {
		put(level.Policies, true)
	}
	return key, shared
}

// policyNumber numbers documents under their names, from 1.
func (st *stepper) policyNumber(p *awsiam.Policy) int32 {
	key := namedDocument{p.Name(), placeOf(p)}
	n, ok := st.numbers[key]
	if !ok {
		n = int32(len(st.numbers)) + 1 //nolint:gosec // few documents
		st.numbers[key] = n
	}
	return n
}

// namedDocument is a document under a name.
type namedDocument struct {
	name string
	at   *awsiam.Statement
}

// particular reports whether a trust policy that may admit principals of the
// account in hand tells them apart other than by naming some.
func (st *stepper) particular() bool {
	if st.tells == 0 {
		st.tells = 1
		for _, role := range slices.Concat(st.home.trusting, st.open) {
			if slices.ContainsFunc(role.Trust, tells) {
				st.tells = 2
				break
			}
		}
	}
	return st.tells == 2
}

func tells(p *awsiam.Policy) bool {
	list := p.Statements()
	for i := range list {
		if personal(&list[i]) || list[i].Effect != awsiam.Allow && list[i].Principals != nil {
			return true
		}
	}
	return false
}

// fromAlike adds the steps of principals that have every permission, those that
// are alike together.
func (st *stepper) fromAlike(list []*variant) {
	runs := make(map[*variant]*run)
	for i := range st.techniques {
		t := &st.techniques[i]
		for _, class := range st.alike(t, list) {
			st.ofClass(t, class, runs)
		}
	}
}

// ofClass adds the steps of a class by one technique, from the node of any of
// them. One speaks for the others, and another for them where it is about the
// first. Whoever is one of them comes by that to itself as well, as it does
// anyhow; but none takes its own boundary away.
func (st *stepper) ofClass(t *Technique, class []*variant, runs map[*variant]*run) {
	first, several := class[0], len(class) > 1
	apart := several && (t.gain == unbindUser || t.gain == unbindRole)
	all := make(map[*Principal]map[string]*lead) // by whom they are about, where they are kept apart
	report := func(t taking) {
		var of *Principal
		if apart {
			of = t.to.Principal
		}
		if all[of] == nil {
			all[of] = make(map[string]*lead)
		}
		st.lead(all[of], t)
	}
	st.ask(st.runOf(first, runs), t, nil, func(t taking) {
		if !several || t.to.Principal != first.Principal {
			report(t)
		}
	})
	if several {
		st.ask(st.runOf(class[1], runs), t, first.Principal, func(t taking) {
			if t.to.Principal == first.Principal {
				report(t)
			}
		})
	}
	for _, of := range slices.SortedFunc(maps.Keys(all), byARN) {
		from := st.others(class, of)
		for _, key := range slices.Sorted(maps.Keys(all[of])) {
			for _, n := range from {
				st.step(n, all[of][key])
			}
		}
	}
}

func byARN(a, b *Principal) int {
	if a == nil || b == nil {
		return 0 // it is the only one
	}
	return cmp.Compare(a.ARN, b.ARN)
}

// others are the nodes of any of a class, but for what is of one principal; that
// may be nil. So that there need not be a node for each principal, there are
// two for each binary digit of the places: of any with 0, and of any with 1.
// Whoever is not at the principal's place is in one that the principal is not.
func (st *stepper) others(class []*variant, but *Principal) []graph.NodeID {
	nodes, place, in := make([]graph.NodeID, len(class)), make([]int, len(class)), -1
	at := make(map[*Principal]int)
	for i, v := range class {
		n, ok := at[v.Principal]
		if !ok {
			n = len(at)
			at[v.Principal] = n
		}
		nodes[i], place[i] = st.node(v), n
		if v.Principal == but {
			in = n
		}
	}
	if in < 0 {
		return []graph.NodeID{st.anyOf(nodes)}
	}
	var out []graph.NodeID
	for bit := 1; bit < len(at); bit *= 2 {
		var some []graph.NodeID
		for i, n := range nodes {
			if place[i]&bit != in&bit {
				some = append(some, n)
			}
		}
		if len(some) > 0 {
			out = append(out, st.anyOf(some))
		}
	}
	return out
}

// ask applies a technique from a principal to all, or to one of them alone.
func (st *stepper) ask(r *run, t *Technique, only *Principal, report func(taking)) {
	self := r.order[0]
	r.only, r.members = only, st.members
	if only != nil {
		r.members = nil
		if i, ok := slices.BinarySearchFunc(st.members, only.ARN, func(n *node, arn string) int { return cmp.Compare(n.ARN, arn) }); ok {
			r.members = st.members[i : i+1]
		}
		if r.members == nil {
			r.members = []*node{}
		}
	}
	r.report = func(t taking) {
		if len(t.also) == 0 || t.also[0].Principal != self.Principal {
			report(t)
		}
	}
	r.try(t)
}

// runOf is the search of one principal, in its first round.
func (st *stepper) runOf(v *variant, runs map[*variant]*run) *run {
	r := runs[v]
	if r == nil {
		r = st.single(v, st.members)
		runs[v] = r
	}
	return r
}
