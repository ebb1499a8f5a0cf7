package escalate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// Administrator is the node of an account that stands for acting as an
// administrator of it, whoever that is: its administrators come to it, and so
// does who can give somebody every permission or make a principal that has it.
// From it everybody of the account is reached.
func Administrator(account string) retinue.Ref {
	return retinue.NewRef(retinue.NewRealm("aws", account), "administrator", "*")
}

// Steps puts into a graph who can come to act as whom by the techniques, by
// single steps that certainly work. Users and roles are nodes under the names
// of the inventory.
//
// What one permission gives over many principals goes through a node of kind
// Set. A technique that gives more to somebody leads to the account's
// [Administrator], where it makes one, from who calls and who is given more
// together; else to a node for that principal with more than it has. Principals
// of accounts that are not in the state, and services that roles trust, are
// nodes of kind Outside; who comes with a token of another issuer is left to
// whoever knows that issuer.
//
// Principals that were given every permission and are still no administrators
// make the same steps where nothing tells them apart: those leave from a node
// of kind Set that is reached from each of them.
func (s *State) Steps(b *graph.Builder) {
	s.judge()
	st := newStepper(s, b)
	for _, h := range st.list {
		if len(h.users)+len(h.roles) == 0 {
			continue
		}
		st.account(h)
		for _, n := range st.members {
			st.from(n.variant)
		}
		st.gaining()
	}
}

// stepper makes the steps of a state.
type stepper struct {
	*asker
	b      *graph.Builder
	sets   map[string]graph.NodeID
	gained map[held]bool // the variants that are in the graph
	// of the account in hand:
	home    *home
	members []*node // who is no administrator
	waiting []*variant
	tells   int // whether trust policies tell principals apart, 0 where not known
	// what is known of documents:
	regarded map[*awsiam.Statement]*regard
	numbers  map[namedDocument]int32
}

func newStepper(s *State, b *graph.Builder) *stepper {
	return &stepper{asker: newAsker(s), b: b, sets: make(map[string]graph.NodeID), gained: make(map[held]bool),
		regarded: make(map[*awsiam.Statement]*regard), numbers: make(map[namedDocument]int32)}
}

// maxVariants bounds how many principals with more than they have are put in
// for an account.
const maxVariants = 1000

// account begins with an account: with its administrators, and with whom it
// admits from outside.
func (st *stepper) account(h *home) {
	st.home, st.members, st.waiting, st.tells = h, nil, nil, 0
	st.reset()
	all := ordered(h.users, h.roles)
	for _, p := range all {
		v := st.as(p)
		if st.admin(v) {
			st.administers(v)
		} else {
			st.members = append(st.members, &node{variant: v})
		}
		st.outside(p)
	}
	st.everybody(all)
}

// gaining adds the steps of and to principals that have more than they had,
// those first that are one step away.
func (st *stepper) gaining() {
	var giving []*variant
	for _, n := range st.members {
		if st.can(n.variant).meets(&st.raising) {
			giving = append(giving, n.variant)
		}
	}
	for done := 0; done < min(len(st.waiting), maxVariants); {
		batch := st.waiting[done:min(len(st.waiting), maxVariants)]
		done += len(batch)
		var all, some []*variant
		for _, v := range batch {
			if v.all {
				all = append(all, v)
			} else {
				some = append(some, v)
				st.from(v)
			}
		}
		st.fromAlike(all)
		for _, n := range giving {
			var subjects []*node
			for _, v := range some { // who has every permission can be given no more
				if n.Principal != v.Principal {
					subjects = append(subjects, st.asker.node(v))
				}
			}
			if len(subjects) > 0 {
				st.leadsOf(n, true, subjects...)
			}
		}
	}
}

// node is the node of a principal, or of what it is after some steps.
func (st *stepper) node(v *variant) graph.NodeID {
	ref := refOf(v.Principal)
	if v.name == "" {
		return st.b.Node(graph.Node{Ref: ref, Kind: graph.Identity, Admin: st.admin(v)})
	}
	ref.Key += "#" + v.name
	return st.b.Node(graph.Node{Ref: ref, Kind: graph.Outside, Name: v.words(), Admin: st.admin(v)})
}

func refOf(p *Principal) retinue.Ref {
	if !p.Ref.IsZero() {
		return p.Ref
	}
	kind := "user"
	if p.Role {
		kind = "role"
	}
	return retinue.NewRef(retinue.NewRealm("aws", p.Account), kind, p.ARN)
}

// words name a principal with more than it has.
func (v *variant) words() string {
	name := v.ARN[strings.LastIndexByte(v.ARN, '/')+1:]
	var with []string
	if v.all {
		with = append(with, "every permission")
	}
	for _, m := range v.more {
		with = append(with, m.name[strings.LastIndexByte(m.name, '/')+1:])
	}
	if len(with) > 0 {
		name += " with " + strings.Join(with, " and ")
	}
	if v.free {
		return name + " without its boundary"
	}
	if v.all && len(v.Boundary) > 0 {
		name += " within its boundary"
	}
	return name
}

func (st *stepper) administrator() graph.NodeID {
	return st.b.Node(graph.Node{Ref: Administrator(st.home.account), Kind: graph.Outside, Name: "an administrator of " + st.home.account, Admin: true})
}

// administers leads an administrator to the account's.
func (st *stepper) administers(v *variant) {
	r := &awsiam.Request{Action: unheard + ":" + unheard, Resource: "*", ResourceAccount: v.Account, Principal: v.principal}
	d := awsiam.Decide(st.layers(v), r, awsiam.Open)
	st.b.Step(graph.Step{From: []graph.NodeID{st.node(v)}, To: st.administrator(), Verb: graph.Administers, Technique: "every action",
		Unread: d.Unread, Needs: [][]graph.GrantID{st.own(v.Principal, d.Because)}, Because: allowing(d.Because)})
}

func allowing(because []access.Reason) []access.Reason {
	return slices.DeleteFunc(slices.Clone(because), func(r access.Reason) bool { return r.Effect != "allow" })
}

// everybody leads from the administrator to all of the account. Only AWS can
// act as the roles that it makes for its services.
func (st *stepper) everybody(all []*Principal) {
	var to []graph.NodeID
	for _, p := range all {
		if !strings.Contains(p.ARN, ":role/aws-service-role/") {
			to = append(to, st.node(st.as(p)))
		}
	}
	if set := st.set(to, "everybody of "+st.home.account); set != graph.None {
		st.b.Step(graph.Step{From: []graph.NodeID{st.administrator()}, To: set, Verb: graph.Administers, Technique: "every action"})
	}
}

// own are the grants that reasons of a principal's own policies name: its own
// and those of its groups. There are none where what it gained allows it, which
// cannot be taken away.
func (st *stepper) own(p *Principal, because []access.Reason) []graph.GrantID {
	var out []graph.GrantID
	identity := awsiam.LayerIdentity.String()
	for _, r := range because {
		if r.Effect != "allow" || r.Layer != identity {
			continue
		}
		one := []access.Reason{r}
		gained := true
		if has(p.Own, r.Document) {
			gained = false
			out = append(out, st.b.GrantsOf(refOf(p), one)...)
		}
		for _, arn := range p.Groups {
			if g := st.Groups[arn]; g != nil && has(g.Policies, r.Document) {
				gained = false
				out = append(out, st.b.GrantsOf(g.Ref, one)...)
			}
		}
		if gained {
			return nil
		}
	}
	return out
}

func has(list []*awsiam.Policy, name string) bool {
	return slices.ContainsFunc(list, func(p *awsiam.Policy) bool { return p.Name() == name })
}

// needs are the grants of a proof, call by call; on is the role whose trust
// policy was asked, if any was.
func (st *stepper) needs(p proof, on *Principal) [][]graph.GrantID {
	var out [][]graph.GrantID
	resource := awsiam.LayerResource.String()
	for _, c := range p.calls {
		var trust []access.Reason
		because := st.reasons(c.by.variant, c.call, c.resource, c.about)
		for _, r := range because {
			if r.Layer == resource && r.Effect == "allow" {
				trust = append(trust, r)
			}
		}
		if on != nil && len(trust) > 0 {
			out = append(out, st.b.GrantsOf(refOf(on), trust))
			if on.Account == c.by.Account && st.admitsAlone(on, c.by.ARN) {
				continue // within an account that is enough
			}
		}
		if own := st.own(c.by.Principal, because); len(own) > 0 {
			out = append(out, own)
		}
	}
	return out
}

// admitsAlone reports whether a role's trust policy names a principal itself.
func (st *stepper) admitsAlone(role *Principal, arn string) bool {
	return slices.ContainsFunc(role.Trust, func(p *awsiam.Policy) bool {
		d := st.document(p)
		return d.trust.open || slices.Contains(d.trust.named, arn)
	})
}

// set is the node for all of a list, made once; None for an empty one.
func (st *stepper) set(nodes []graph.NodeID, name string) graph.NodeID {
	slices.Sort(nodes)
	nodes = slices.Compact(nodes)
	if len(nodes) == 0 {
		return graph.None
	}
	id, isNew := st.numbered("of", nodes, name)
	if isNew {
		for _, n := range nodes {
			st.b.Step(graph.Step{From: []graph.NodeID{id}, To: n, Verb: graph.Contains})
		}
	}
	return id
}

// anyOf is the node that is reached from each of a list, made once.
func (st *stepper) anyOf(nodes []graph.NodeID) graph.NodeID {
	slices.Sort(nodes)
	nodes = slices.Compact(nodes)
	if len(nodes) == 1 {
		return nodes[0]
	}
	id, isNew := st.numbered("any", nodes, fmt.Sprintf("any of %d principals of %s", len(nodes), st.home.account))
	if isNew {
		for _, n := range nodes {
			st.b.Step(graph.Step{From: []graph.NodeID{n}, To: id, Verb: graph.MemberOf})
		}
	}
	return id
}

// numbered is the node of a list. Its key counts the account's sets in the
// order in which they come, which depends on the state alone.
func (st *stepper) numbered(kind string, nodes []graph.NodeID, name string) (graph.NodeID, bool) {
	key := kind + fmt.Sprint(nodes)
	id, ok := st.sets[key]
	if !ok {
		ref := retinue.NewRef(retinue.NewRealm("aws", st.home.account), "principal_set", fmt.Sprintf("%s/%d", kind, len(st.sets)+1))
		id = st.b.Node(graph.Node{Ref: ref, Kind: graph.Set, Name: name})
		st.sets[key] = id
	}
	return id, !ok
}
