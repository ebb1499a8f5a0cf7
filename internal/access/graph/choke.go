package graph

import (
	"cmp"
	"slices"
)

// ChokeOptions say about what choke points are asked.
type ChokeOptions struct {
	Options
	// Sources are who is counted; nil for everyone that [Graph.Sources] lists.
	Sources []NodeID
	// Most is how many nodes and how many grants are listed; 0 is 20.
	Most int
	// Work bounds the trials, in steps looked at; 0 is DefaultWork.
	Work int
}

// Chokes are the nodes and the grants through which most sources come to the
// targets.
type Chokes struct {
	// Sources is the number of sources that come to a target.
	Sources int
	// Nodes and Grants are ranked by how many sources lose every way with them.
	// Those with which none does are not listed.
	Nodes  []ChokeNode
	Grants []ChokeGrant
	// ExactNodes and ExactGrants are true where nothing that is missing has more
	// than what is listed. Where they are false the work was spent first: what is
	// listed is right, but another may be missing.
	ExactNodes, ExactGrants bool
}

// ChokeNode is a node without which sources come to no target.
type ChokeNode struct {
	Node NodeID
	// Loses is the number of sources, the node itself not counted, that lose
	// every way.
	Loses int
}

// ChokeGrant is a grant without which sources come to no target.
type ChokeGrant struct {
	Grant GrantID
	Loses int
}

// ChokePoints finds through what the sources' ways lead. Targets and Sets are no
// choke points; the grant of a Set's steps is.
//
// Nodes are counted by dominators, all at once, where no step towards the targets
// has several sources and no length is asked for. Else, and for grants, each is
// tried: a source that loses every way with something loses the shortest, so the
// number of shortest ways through it is a bound, and trials go by falling bound
// until no other can come into the list.
func (g *Graph) ChokePoints(targets []NodeID, opt ChokeOptions) Chokes {
	c := &choker{g: g, opt: opt, targets: targets, work: opt.Work, most: opt.Most}
	if c.work <= 0 {
		c.work = DefaultWork
	}
	if c.most <= 0 {
		c.most = 20
	}
	c.back = g.Backward(opt.Options, targets...)
	c.gone = setOf(opt.Without)
	c.target = make([]bool, g.Len())
	for _, n := range targets {
		c.target[n] = true
	}
	sources := opt.Sources
	if sources == nil {
		sources = g.Sources(targets)
	}
	c.counted = make([]bool, g.Len())
	for _, n := range sources {
		if c.back.Reaches(n) && !c.target[n] && !c.counted[n] {
			c.counted[n] = true
			c.sources++
		}
	}
	out := Chokes{Sources: c.sources}
	nodes, grants := c.bounds()
	if opt.Within == 0 && !c.back.joint {
		nodes, out.ExactNodes = c.dominated(), true
		l := newLosses(&c.back.plain, c.counted, opt.Without)
		grants, out.ExactGrants = c.trials(grants, func(id int32) int {
			loses := l.of(GrantID(id))
			c.work -= l.looked
			return loses
		})
	} else {
		nodes, out.ExactNodes = c.trials(nodes, func(n int32) int {
			c.back.filter.hide(append(slices.Clone(opt.Avoid), NodeID(n)))
			if c.counted[n] {
				return c.lost() - 1 // it is not counted itself
			}
			return c.lost()
		})
		c.back.filter.hide(opt.Avoid)
		grants, out.ExactGrants = c.trials(grants, func(id int32) int {
			c.back.filter.remove(append(slices.Clone(opt.Without), GrantID(id)))
			return c.lost()
		})
	}
	for _, n := range nodes {
		out.Nodes = append(out.Nodes, ChokeNode{NodeID(n.id), n.loses})
	}
	for _, n := range grants {
		out.Grants = append(out.Grants, ChokeGrant{GrantID(n.id), n.loses})
	}
	return out
}

// choker searches choke points.
type choker struct {
	g       *Graph
	opt     ChokeOptions
	targets []NodeID
	back    *Backward
	target  []bool
	counted []bool // by node: a source that comes to a target
	sources int
	gone    map[GrantID]bool // Options.Without
	most    int
	work    int
}

// suspect is a node or a grant, and how many sources lose every way with it, or
// at most do.
type suspect struct {
	id    int32
	loses int
}

// before ranks suspects.
func (s suspect) before(t suspect) int {
	return cmp.Or(cmp.Compare(t.loses, s.loses), cmp.Compare(s.id, t.id))
}

// bounds counts for every node and grant the sources whose shortest way needs it.
func (c *choker) bounds() (nodes, grants []suspect) {
	g, plain := c.g, &c.back.plain
	through := make([]int, g.Len()) // sources whose way leads through a node, itself included
	passed := make([]int, g.Len())  // the same, but by late ways
	needed := make([]int, g.Grants())
	for n := range c.back.late {
		if c.counted[n] {
			c.along(n, c.back.Path(n), passed, needed)
		}
	}
	for i := len(plain.order) - 1; i >= 0; i-- {
		n := plain.order[i]
		if _, late := c.back.late[n]; c.counted[n] && !late {
			through[n]++
		}
		s := plain.next[n]
		if s == None || through[n] == 0 {
			continue
		}
		through[g.steps.to[s]] += through[n]
		for _, id := range c.g.critical(nil, s, c.gone) {
			needed[id] += through[n]
		}
	}
	for n := range through {
		loses := through[n] + passed[n]
		if _, late := c.back.late[NodeID(n)]; c.counted[n] && !late {
			loses-- // itself
		}
		if loses > 0 && !c.target[n] && g.nodes[n].kind != Set {
			nodes = append(nodes, suspect{int32(n), loses})
		}
	}
	for id, loses := range needed {
		if loses > 0 {
			grants = append(grants, suspect{int32(id), min(loses, c.sources)})
		}
	}
	return nodes, grants
}

// along counts a way for the nodes and grants that it needs.
func (c *choker) along(from NodeID, path Path, passed, needed []int) {
	nodes, grants := map[NodeID]bool{from: true}, map[GrantID]bool{}
	for _, s := range path {
		if to := c.g.steps.to[s]; !nodes[to] {
			nodes[to] = true
			passed[to]++
		}
		for _, id := range c.g.critical(nil, s, c.gone) {
			if !grants[id] {
				grants[id] = true
				needed[id]++
			}
		}
	}
}

// dominated counts for every node the sources of which all ways lead through it.
func (c *choker) dominated() []suspect {
	d := dominatorsOf(&c.back.plain, c.targets)
	below := make([]int, len(d.order))
	var out []suspect
	for v := len(d.order) - 1; v > 0; v-- {
		n := d.order[v]
		if below[v] > 0 && !c.target[n] && c.g.nodes[n].kind != Set {
			out = append(out, suspect{int32(n), below[v]})
		}
		if c.counted[n] {
			below[v]++
		}
		below[d.idom[v]] += below[v]
	}
	slices.SortFunc(out, suspect.before)
	return out[:min(len(out), c.most)]
}

// trials finds of suspects with bounds those with which most sources lose every
// way, and whether the work sufficed to know that no other is before them.
func (c *choker) trials(list []suspect, loses func(int32) int) ([]suspect, bool) {
	slices.SortFunc(list, suspect.before)
	var found []suspect
	exact := true
	for _, s := range list {
		if len(found) == c.most && found[c.most-1].loses >= s.loses {
			break
		}
		if c.work <= 0 {
			exact = false
			break
		}
		if s.loses = loses(s.id); s.loses == 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(found, s, suspect.before)
		found = slices.Insert(found, at, s)
		found = found[:min(len(found), c.most)]
	}
	return found, exact
}

// lost searches again and counts the sources that come to no target any more.
func (c *choker) lost() int {
	c.back.run(c.targets)
	c.work -= c.back.looked()
	left := c.sources
	for _, n := range c.back.Nodes() {
		if c.counted[n] {
			left--
		}
	}
	return left
}
