package gcpiam

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
	"github.com/retinue-id/retinue/internal/access/spread"
)

// pursuit is one principal on its ways. It is a spread.Asker.
type pursuit struct {
	s        *stepper
	steps    spread.Steps
	who      *asker
	way      *way
	bindings []*compiledBinding
	hot      map[string]bool // nodes where it holds something, and those above
	perms    map[int]bool    // what it holds anywhere
	cache    map[[2]string]found
}

// found is an answer for one permission at one place.
type found struct {
	ok      bool
	outcome access.Outcome
	remains []access.Condition
	unread  []string
	because []access.Reason
	need    []graph.GrantID
}

// collect finds what the principal holds for certain.
func (p *pursuit) collect() {
	seen := map[*compiledBinding]bool{}
	add := func(b *compiledBinding) {
		if seen[b] || b.role == nil || !b.role.role.inForce() {
			return
		}
		seen[b] = true
		p.bindings = append(p.bindings, b)
		for word, bits := range b.role.bits {
			for ; bits != 0; bits &= bits - 1 {
				p.perms[word<<6+trailing(bits)] = true
			}
		}
		chain, _ := p.s.e.x.chain(b.at.name)
		for _, n := range chain {
			p.hot[n.name] = true
		}
	}
	for key := range p.who.keys {
		if everybody(key) && key != p.who.self.key {
			continue // that leaves from the node for everybody
		}
		for _, b := range p.s.held[key] {
			add(b)
		}
	}
	for _, b := range p.s.open {
		if t, _ := p.s.e.x.holds(p.who, b); t == yes {
			add(b)
		}
	}
}

// everybody reports the members of policies that stand for all the world.
func everybody(key string) bool { return key == "allUsers" || key == "allAuthenticatedUsers" }

func (p *pursuit) may(permission string) bool {
	id, ok := p.s.e.x.perms[permission]
	return ok && p.perms[id]
}

// Near implements spread.Asker.
func (p *pursuit) Near(place string) bool { return p.hot[place] }

// At implements spread.Asker.
func (p *pursuit) At(place string) (spread.Answer, bool, bool) {
	chain, _ := p.s.e.x.chain(place)
	if p.varies(chain) {
		return spread.Answer{}, false, true
	}
	a, ok := p.all(place, place, place)
	return a, ok, false
}

// Of implements spread.Asker.
func (p *pursuit) Of(t *spread.Target) (spread.Answer, bool) {
	project := projectIn(t.Resource)
	chain, _ := p.s.e.x.chain(t.Resource)
	for _, n := range chain {
		if !inside(n.name) {
			project = n.name
			break
		}
	}
	return p.all(t.Resource, project, t.Second)
}

// varies reports whether a condition on what the principal holds, or is denied,
// speaks of the resource that is asked for.
func (p *pursuit) varies(chain []*node) bool {
	for _, n := range chain {
		for i := range n.denies {
			if d := &n.denies[i]; speaksOfResource(d.text) {
				return true
			}
		}
		for i := range n.bindings {
			if b := &n.bindings[i]; speaksOfResource(b.text) && p.gives(b) {
				return true
			}
		}
	}
	return false
}

// gives reports whether a binding that the principal may hold grants anything that
// the way needs.
func (p *pursuit) gives(b *compiledBinding) bool {
	if b.role == nil || !b.role.role.inForce() || !slices.ContainsFunc(p.way.needs, func(n Need) bool { return p.grants(b, n.Permission) }) {
		return false
	}
	held, _ := p.s.e.x.holds(p.who, b)
	return held != no
}

func (p *pursuit) grants(b *compiledBinding, permission string) bool {
	id, ok := p.s.e.x.perms[permission]
	return ok && b.role.has(id)
}

func speaksOfResource(e *Expr) bool { return e != nil && strings.Contains(e.Expression, "resource") }

// all asks for everything that the way needs.
func (p *pursuit) all(resource, project, account string) (spread.Answer, bool) {
	a := spread.Answer{Sure: true, Assumes: p.way.assumes}
	for _, n := range p.way.needs {
		at := resource
		switch n.On {
		case OnTargetProject:
			at = project
		case OnAccount:
			at = account
		}
		f := p.ask(n.Permission, at)
		if at == "" || !f.ok {
			return a, false
		}
		a.Take(f.outcome == access.Allowed, f.remains, f.unread, f.because, f.need)
	}
	if p.way.sort == sortDelegation && p.ask("iam.serviceAccounts.getAccessToken", resource).ok {
		return a, false // it acts as the account without a detour
	}
	return a, true
}

func (p *pursuit) ask(permission, at string) found {
	k := [2]string{permission, at}
	if f, ok := p.cache[k]; ok {
		return f
	}
	q := Question{Principal: Principal{ID: p.s.e.subjects[p.steps.Key].id}, Permission: permission, Resource: at, Open: true}
	chain, missing := p.s.e.x.chain(at)
	d, _ := p.s.e.x.decide(&q, p.who, chain, missing)
	f := found{ok: d.Outcome == access.Allowed || d.Outcome == access.Conditional, outcome: d.Outcome, remains: d.Remains, unread: d.Unread, because: d.Because}
	if f.ok {
		f.need = p.need(&q, chain, d.Outcome)
		f.ok = len(f.need) > 0 // else only everybody's grants give it
	}
	p.cache[k] = f
	return f
}

// need are the bindings of which any gives a permission.
func (p *pursuit) need(q *Question, chain []*node, outcome access.Outcome) []graph.GrantID {
	w := &weighing{x: p.s.e.x, q: q, who: p.who, perm: q.Permission}
	var out []graph.GrantID
	for _, b := range p.bindings {
		if !p.grants(b, q.Permission) || !slices.Contains(chain, b.at) {
			continue
		}
		if b.condition != nil {
			v := b.condition.eval(w.context())
			if v.value == no || v.text != "" || v.value == maybe && outcome == access.Allowed {
				continue
			}
		}
		_, by := p.s.e.x.holds(p.who, b)
		holder := p.s.e.subjects[by].ref
		if holder.IsZero() {
			holder = p.s.e.subjects[p.steps.Key].ref
		}
		out = append(out, p.s.b.Grant(graph.Grant{Subject: holder, Reason: access.Reason{Layer: layerAllow, Document: b.at.name,
			Statement: ordinal(b.n) + " " + b.roleName, Effect: "allow", Text: b.roleName + " for " + by + " on " + b.at.name}}))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Step implements spread.Asker.
func (p *pursuit) Step(to graph.NodeID, a spread.Answer) {
	if p.way.admin && a.Sure {
		p.s.b.Node(graph.Node{Ref: p.s.e.subjects[p.steps.Key].ref, Admin: true})
	}
	if step, ok := p.steps.Add(to, p.way.verb, p.way.technique(), a); ok {
		p.s.delegated(p.steps.Key, p.way, step)
	}
}

// roles finds the custom roles that the principal both holds and may change: it
// can put anything into them, and so administers where it holds them.
func (p *pursuit) roles() {
	p.way = &way{id: "role-update", needs: target("iam.roles.update"), verb: graph.Attaches}
	if !p.may("iam.roles.update") {
		return
	}
	for _, b := range p.bindings {
		owner, _, custom := strings.Cut(b.roleName, "/roles/")
		if !custom || b.condition != nil || inside(b.at.name) {
			continue
		}
		if a, ok := p.all(owner, owner, owner); ok {
			p.Step(p.s.nodeOf(b.at.name), a)
		}
	}
}
