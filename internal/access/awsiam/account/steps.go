package account

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/awsiam/escalate"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// Steps puts into a graph who can come to act as whom (escalate.State.Steps),
// and who reads, writes and administers the resources of the inventory that
// hold data or secrets. Resources that no statement tells apart are reached
// through one node of kind Set. An administrator reaches them through the node
// of its account's administrator (escalate.Administrator). What is Unknown is no
// step.
func (e *Engine) Steps(b *graph.Builder) {
	e.state.Steps(b)
	s := &stepper{Engine: e, b: b, askers: make(map[*principal]*asker), admins: make(map[*principal]bool),
		makers: make(map[string]*principal), sets: make(map[string]graph.NodeID)}
	kinds := ways()
	byKind := make(map[string][]*resource)
	for _, arn := range slices.Sorted(maps.Keys(e.resources)) {
		if r := e.resources[arn]; r.known && kinds[r.kind] != nil {
			byKind[r.kind] = append(byKind[r.kind], r)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(byKind)) {
		for _, w := range kinds[kind] {
			s.way(w, byKind[kind])
		}
	}
}

// stepper makes the steps to resources.
type stepper struct {
	*Engine
	b      *graph.Builder
	askers map[*principal]*asker
	admins map[*principal]bool
	makers map[string]*principal // by account
	sets   map[string]graph.NodeID
}

// way adds who goes one way to resources of one kind.
func (s *stepper) way(w way, resources []*resource) {
	d := s.divide(w.actions)
	var order []string
	classes := make(map[string][]*resource)
	for _, r := range resources {
		key := d.key(r.ref.Key+w.part, r)
		if classes[key] == nil {
			order = append(order, key)
		}
		classes[key] = append(classes[key], r)
	}
	texts := make([]heads, len(w.actions))
	for i, action := range w.actions {
		texts[i] = headed(s.index.texts(action, ""), action)
	}
	for _, key := range order {
		s.class(w, texts, classes[key])
	}
}

// class adds who goes one way to resources that are alike. texts are the
// documents that may allow each of its actions.
func (s *stepper) class(w way, texts []heads, resources []*resource) {
	first := resources[0]
	asked := first.ref.Key + w.part
	done := make(map[*principal]bool)
	to := graph.NodeID(graph.None)
	step := func(from graph.NodeID, action string, d *access.Decision, needs [][]graph.GrantID) {
		if to == graph.None {
			to = s.set(resources)
		}
		s.b.Step(graph.Step{From: []graph.NodeID{from}, To: to, Verb: w.verb, Technique: action, Remains: notChosen(d.Remains),
			Unread: d.Unread, Needs: needs, Because: allowing(d.Because)})
	}
	for i, action := range w.actions {
		if made := s.maker(first.account); !done[made] {
			if d := s.asker(made).decide(action, asked); holds(&d) {
				done[made] = true
				from := s.b.Node(graph.Node{Ref: escalate.Administrator(first.account.id), Kind: graph.Outside, Admin: true})
				step(from, action, &d, nil)
			}
		}
		for _, c := range s.alike(s.among(texts[i].on(asked), action, asked), action, first) {
			d := s.asker(c[0]).decide(action, asked)
			if !holds(&d) {
				continue
			}
			for _, p := range c {
				if !done[p] && !s.admin(p, first.account) {
					done[p] = true
					step(s.b.Node(graph.Node{Ref: p.ref, Kind: graph.Identity, Name: p.name}), action, &d, s.needs(p, first, action, &d))
				}
			}
		}
	}
	s.strangers(w, first, asked, step)
}

func holds(d *access.Decision) bool {
	return d.Outcome == access.Allowed || d.Outcome == access.Conditional
}

// strangers adds whom the policy of a resource admits from outside.
func (s *stepper) strangers(w way, r *resource, asked string, step func(graph.NodeID, string, *access.Decision, [][]graph.GrantID)) {
	done := make(map[string]bool)
	for _, action := range w.actions {
		t := s.thing(action, asked, &account{})
		for _, o := range strangers(t.policies, action) {
			n, ok := outside(o)
			if !ok || done[o.name] || s.principalOf(o.name) != nil || o.account != "" && len(s.membersOf(o.account)) > 0 {
				continue
			}
			if d := s.decideFor(o, action, &t); holds(&d) {
				done[o.name] = true
				d.Because = slices.DeleteFunc(d.Because, func(r access.Reason) bool { return r.Layer != awsiam.LayerResource.String() })
				step(s.b.Node(n), action, &d, [][]graph.GrantID{s.b.GrantsOf(r.ref, d.Because)})
			}
		}
	}
}

// outside is the node of somebody that no source lists. Package escalate gives
// them the same names.
func outside(o stranger) (graph.Node, bool) {
	name := o.as.String()
	switch {
	case o.unclear:
		return graph.Node{}, false
	case o.name == anyone:
		return graph.Node{Ref: retinue.NewRef("aws:aws", "anyone", "*"), Kind: graph.Anyone, Name: o.name}, true
	case o.account != "":
		return graph.Node{Ref: retinue.NewRef(retinue.NewRealm("aws", o.account), "account", o.account), Kind: graph.Outside, Name: o.name}, true
	case o.as.Account() == "":
		if !strings.Contains(name, ".amazonaws.com") {
			return graph.Node{}, false // who has tokens of another issuer is for whoever knows the issuer
		}
		return graph.Node{Ref: retinue.NewRef("aws:aws", "service", name), Kind: graph.Outside, Name: name}, true
	}
	_, rest, _ := strings.Cut(name, "::"+o.as.Account()+":")
	kind, _, ok := strings.Cut(rest, "/")
	return graph.Node{Ref: retinue.NewRef(retinue.NewRealm("aws", o.as.Account()), kind, name), Kind: graph.Outside}, ok && (kind == "user" || kind == "role")
}

// maker is a principal of an account that is allowed everything and that no
// policy names.
func (s *stepper) maker(a *account) *principal {
	if p, ok := s.makers[a.id]; ok {
		return p
	}
	ref := retinue.NewRef(retinue.NewRealm("aws", a.id), "role", "arn:aws:iam::"+a.id+":role/"+unheard)
	p := &principal{ref: ref, account: a, own: []*policy{{Policy: everything(), ref: ref}}}
	if as, err := awsiam.ParsePrincipal(ref.Key); err == nil {
		p.as = as // else nothing is answered for it
	}
	s.makers[a.id] = p
	return p
}

// asker keeps the asker of the last principals.
func (s *stepper) asker(p *principal) *asker {
	a, ok := s.askers[p]
	if !ok {
		a = s.Engine.asker(p)
		if len(s.askers) > maxAskers {
			clear(s.askers)
		}
		s.askers[p] = a
	}
	return a
}

const maxAskers = 10_000

// admin reports whether a principal administers the account of a resource, and
// so goes through its administrator's node.
func (s *stepper) admin(p *principal, a *account) bool {
	if p.account != a {
		return false
	}
	known, ok := s.admins[p]
	if !ok {
		known = s.asker(p).administrator()
		s.admins[p] = known
	}
	return known
}

// alike groups principals that have the same answer to a question.
func (s *stepper) alike(list []*principal, action string, r *resource) [][]*principal {
	byName := make(map[string]bool)
	single := false
	for _, d := range r.policies {
		if d.Policy == nil {
			continue
		}
		sts := d.Statements()
		for i := range sts {
			single = single || personal(&sts[i])
			if sts[i].Principals != nil {
				for _, name := range sts[i].Principals.AWS {
					byName[name] = true
				}
			}
		}
	}
	var out [][]*principal
	groups := make(map[string]int)
	alone := make(map[int]bool)
	for _, p := range list {
		key := p.likeness()
		i, ok := groups[key]
		if !ok {
			i = len(out)
			groups[key] = i
			out = append(out, nil)
			alone[i] = slices.ContainsFunc(s.asker(p).rules, func(x rule) bool { return x.MayApplyTo(action) && personal(x.Statement) })
		}
		if len(out[i]) > 0 && (single || alone[i] || byName[p.ref.Key]) {
			out = append(out, []*principal{p})
			continue
		}
		if byName[p.ref.Key] {
			// Not the one that speaks for the others.
			out = append(out, []*principal{p})
			continue
		}
		out[i] = append(out[i], p)
	}
	return slices.DeleteFunc(out, func(c []*principal) bool { return len(c) == 0 })
}

// likeness is the same for principals of the same policies, account and tags.
func (p *principal) likeness() string {
	var b []byte
	put := func(n int32) { b = binary.AppendVarint(b, int64(n)) }
	for _, list := range [][]*policy{p.own, p.boundary} {
		for _, d := range list {
			put(d.number)
		}
		put(-1)
	}
	for _, g := range p.groups {
		put(g.number)
	}
	b = append(b, p.account.id...)
	for _, k := range slices.Sorted(maps.Keys(p.tags)) {
		b = append(b, "\x00"+k+"\x00"+p.tags[k]...)
	}
	if p.as.IsRoot() {
		b = append(b, "root"...)
	}
	return string(b)
}

// needs are the grants that a step rests on. Within an account either the
// identity's or the resource's policies are enough, except where the resource's
// must allow.
func (s *stepper) needs(p *principal, r *resource, action string, d *access.Decision) [][]graph.GrantID {
	own, resource := s.own(p, d.Because), []graph.GrantID{}
	direct := false
	for _, reason := range d.Because {
		if reason.Layer == awsiam.LayerResource.String() && reason.Effect == "allow" {
			resource = append(resource, s.b.GrantsOf(r.ref, []access.Reason{reason})...)
			direct = direct || !strings.Contains(reason.Text, "to the principal's account")
		}
	}
	switch {
	case len(resource) == 0:
		return [][]graph.GrantID{own}
	case p.account != r.account, strings.HasPrefix(action, "kms:") && !direct:
		return [][]graph.GrantID{own, resource}
	case !direct:
		return [][]graph.GrantID{own}
	case strings.HasPrefix(action, "kms:"):
		return [][]graph.GrantID{resource}
	}
	return [][]graph.GrantID{append(own, resource...)}
}

// own are the grants that reasons of a principal's own policies name: its own
// and those of its groups.
func (s *stepper) own(p *principal, because []access.Reason) []graph.GrantID {
	var out []graph.GrantID
	has := func(list []*policy, name string) bool {
		return slices.ContainsFunc(list, func(d *policy) bool { return d.ref.Key == name })
	}
	for _, r := range because {
		if r.Effect != "allow" || r.Layer != awsiam.LayerIdentity.String() {
			continue
		}
		if has(p.own, r.Document) {
			out = append(out, s.b.GrantsOf(p.ref, []access.Reason{r})...)
		}
		for _, g := range p.groups {
			if has(g.own, r.Document) {
				out = append(out, s.b.GrantsOf(g.ref, []access.Reason{r})...)
			}
		}
	}
	return out
}

// set is the node of a resource, or of several, made once.
func (s *stepper) set(resources []*resource) graph.NodeID {
	nodes := make([]graph.NodeID, len(resources))
	for i, r := range resources {
		nodes[i] = s.b.Node(graph.Node{Ref: r.ref, Kind: graph.Resource, Name: r.name, DataClass: r.dataClass})
	}
	if len(nodes) == 1 {
		return nodes[0]
	}
	slices.SortFunc(nodes, func(a, b graph.NodeID) int { return cmp.Compare(a, b) })
	key := fmt.Sprint(nodes)
	id, ok := s.sets[key]
	if ok {
		return id
	}
	first := resources[0]
	id = s.b.Node(graph.Node{Ref: retinue.NewRef(first.ref.Realm, "resource_set", fmt.Sprintf("%s/%d", first.kind, len(s.sets)+1)), Kind: graph.Set,
		Name: fmt.Sprintf("%d of %s", len(nodes), strings.ReplaceAll(first.kind, "_", " "))})
	s.sets[key] = id
	for _, n := range nodes {
		s.b.Step(graph.Step{From: []graph.NodeID{id}, To: n, Verb: graph.Contains})
	}
	return id
}

func allowing(because []access.Reason) []access.Reason {
	return slices.DeleteFunc(slices.Clone(because), func(r access.Reason) bool { return r.Effect != "allow" })
}

// notChosen leaves out conditions on what the caller of an action chooses, such
// as the region or the tags of a request.
func notChosen(remains []access.Condition) []access.Condition {
	return slices.DeleteFunc(slices.Clone(remains), func(c access.Condition) bool {
		key := strings.ToLower(c.Key)
		return !c.Negated && (strings.HasPrefix(key, "aws:requestedregion") || strings.HasPrefix(key, "aws:requesttag/") || strings.HasPrefix(key, "aws:tagkeys") ||
			strings.HasPrefix(key, "aws:useragent") || strings.HasPrefix(key, "aws:referer"))
	})
}
