package graph

import (
	"cmp"
	"maps"
	"slices"
)

// CutOptions say what to cut and how.
type CutOptions struct {
	Options
	// Sources are who must lose their ways, each alone; nil for everyone that
	// [Graph.Sources] lists.
	Sources []NodeID
	// Keep are grants that must stay, besides those that are fixed.
	Keep []GrantID
	// Used is asked whether a use is on record of a grant of which the graph does
	// not say; nil, as an answer too, means that it is not known.
	Used func(Grant) *bool
	// Work bounds the search for the smallest, in steps of the graph and of the
	// ways looked at; 0 is DefaultWork. When it is spent, the cut still cuts, but
	// may not be the smallest.
	Work int
}

// DefaultWork is what a few seconds suffice to look at.
const DefaultWork = 100_000_000

// Cut is a set of grants without which no source comes to a target.
type Cut struct {
	// Grants are what to take away, that which most sources depend on first.
	// Fewest come before cheapest: a grant without a recorded use is cheaper
	// than one of which it is not known, and that cheaper than a used one.
	Grants []GrantID
	// Alone says for each how many sources lose every way if nothing but it is
	// taken away, or None where there was no work left to find out.
	Alone []int
	// Exact is true where no fewer grants, and none as many but cheaper, would
	// do.
	Exact bool
	// AtLeast is the number of grants that every cut takes away, as far as was
	// proven; with Exact it is the number of Grants.
	AtLeast int
	// Before is the number of sources that come to a target now.
	Before int
	// Open are those of them that keep a way whatever is taken away, nearest
	// first, each with such a way. The cut is about all others.
	Open []Way
}

// Way is a source and its way to a target.
type Way struct {
	Source NodeID
	Path   Path
}

// Sources are who is asked about where nobody is named: identities, credentials,
// outsiders and anyone, but no administrators and none of the targets.
func (g *Graph) Sources(targets []NodeID) []NodeID {
	target := setOf(targets)
	var out []NodeID
	for i := range g.nodes {
		switch g.nodes[i].kind {
		case Identity, Credential, Outside, Anyone:
			if !g.nodes[i].admin && !target[NodeID(i)] {
				out = append(out, NodeID(i))
			}
		}
	}
	return out
}

// cutter searches for a cut.
type cutter struct {
	g       *Graph
	opt     CutOptions
	targets []NodeID
	back    *Backward
	kept    map[GrantID]bool
	gone    map[GrantID]bool // Options.Without
	sources []bool           // by node: whom the cut is about
	covered stamps           // nodes of which the way is cut by what was picked
	picked  map[GrantID]bool
	demands []demand
	asked   map[GrantID]int8 // what CutOptions.Used said
	// work is what may still be looked at, of the budget; thinning and ranking
	// the answer have half of it each besides.
	work, budget int
}

// Cuts finds the smallest set of grants whose removal puts the targets out of
// reach of every source, and of those the cheapest; see [Cut].
//
// Where no step on the way has several sources it is first solved as a largest
// flow, which settles it where every grant has one place; see sever. Else it
// collects ways that are still there and solves which grants cut all that were
// collected, until no way is left (implicit hitting sets). The result was
// searched once more: no source comes to a target without its grants, but those
// in Open. A step that several sources are needed for counts where one of the
// sources asked about comes to all of them alone.
func (g *Graph) Cuts(targets []NodeID, opt CutOptions) Cut {
	opt.Goals = nil
	c := &cutter{g: g, opt: opt, targets: targets, work: opt.Work, kept: setOf(opt.Keep), gone: setOf(opt.Without)}
	if c.work <= 0 {
		c.work = DefaultWork
	}
	c.budget = c.work
	c.back = g.Backward(opt.Options, targets...)
	cut := c.divide()
	if cut.Before > len(cut.Open) {
		c.search(&cut)
	} else {
		cut.Exact = true
	}
	c.rank(&cut)
	return cut
}

// divide finds the sources that have a way, and those that cannot lose it.
func (c *cutter) divide() Cut {
	g := c.g
	sources := c.opt.Sources
	if sources == nil {
		sources = g.Sources(c.targets)
	}
	target := setOf(c.targets)
	c.sources = make([]bool, g.Len())
	var cut Cut
	for _, n := range sources {
		if c.back.Reaches(n) && !target[n] && !c.sources[n] {
			c.sources[n] = true
			cut.Before++
		}
	}
	if cut.Before == 0 {
		return cut
	}
	all := slices.Clone(c.opt.Without)
	for id := range g.Grants() {
		if c.removable(GrantID(id)) {
			all = append(all, GrantID(id))
		}
	}
	c.try(all)
	for _, n := range c.back.Nodes() {
		if c.sources[n] {
			c.sources[n] = false
			cut.Open = append(cut.Open, Way{n, c.back.Path(n)})
		}
	}
	return cut
}

func (c *cutter) removable(id GrantID) bool { return !c.g.grants.grants[id].fixed && !c.kept[id] }

// try searches who still comes to a target without some grants.
func (c *cutter) try(without []GrantID) {
	c.back.filter.remove(without)
	c.back.run(c.targets)
	c.work -= c.back.looked()
}

// search finds the grants: first by a flow where one can say it, and for what it
// leaves open by ways.
func (c *cutter) search(cut *Cut) {
	var best []GrantID
	bestCost := int64(-1)
	better := func(grants []GrantID) {
		if cost := c.sum(grants); bestCost < 0 || cost < bestCost {
			best, bestCost = grants, cost
		}
	}
	c.try(c.opt.Without)
	if c.opt.Within == 0 && !c.back.joint {
		grants, least := c.sever()
		better(c.complete(grants))
		cut.AtLeast = fewest(least)
		cut.Exact = least == bestCost
	}
	var guess []GrantID
	for proven := true; bestCost < 0 || proven && !cut.Exact && c.work > 0; {
		known := len(c.demands)
		better(c.complete(guess))
		if len(c.demands) > known {
			guess = quickly(c.demands, c.cost)
			continue
		}
		// The guess cuts every way: only the cheapest answer to what was collected
		// can tell more, either that nothing is cheaper or which ways it leaves.
		var least int64
		guess, least = cheapest(c.demands, c.cost, best, &c.work)
		proven = least == c.sum(guess)
		cut.AtLeast = max(cut.AtLeast, fewest(least))
		cut.Exact = least == bestCost
	}
	if !cut.Exact {
		best = c.thin(best)
	}
	cut.Grants = best
}

// complete adds to some grants until no way is left, and notes the ways that it
// meets as demands.
func (c *cutter) complete(grants []GrantID) []GrantID {
	c.picked = make(map[GrantID]bool)
	for _, id := range grants {
		c.picked[id] = true
	}
	for {
		all := slices.Sorted(maps.Keys(c.picked))
		c.try(append(slices.Clone(c.opt.Without), all...))
		if !c.collect() {
			return all
		}
	}
}

// collect notes ways that are still there, each of which none of the grants
// picked for those before cuts, and picks for each. It reports whether there was
// one.
func (c *cutter) collect() bool {
	g, found := c.g, false
	c.covered.clear(g.Len())
	for _, n := range c.back.Nodes() {
		_, late := c.back.late[n]
		if s := c.back.plain.next; !late && s[n] != None && c.covered.has(int32(g.steps.to[s[n]])) {
			c.covered.add(int32(n)) // its way goes on as the next node's, which is cut
			continue
		}
		if !c.sources[n] {
			continue
		}
		if !late {
			c.covered.add(int32(n)) // now, or below
		}
		path := c.back.Path(n)
		if c.cutBy(path) {
			continue
		}
		d := c.demand(path)
		c.demands = append(c.demands, d)
		cheap := slices.MinFunc(d, func(a, b option) int { return cmp.Compare(c.sum(a), c.sum(b)) })
		for _, id := range cheap {
			c.picked[id] = true
		}
		found = true
	}
	return found
}

// cutBy reports whether a step of the path falls with what is picked.
func (c *cutter) cutBy(path Path) bool {
	return slices.ContainsFunc(path, func(s StepID) bool {
		return slices.ContainsFunc(c.g.needs(s), func(need []GrantID) bool {
			return !slices.ContainsFunc(need, func(id GrantID) bool { return !c.picked[id] && !c.gone[id] })
		})
	})
}

// demand is what cuts a path: the needs of its steps that can be taken away.
func (c *cutter) demand(path Path) demand {
	var d demand
	for _, s := range path {
		for _, need := range c.g.needs(s) {
			var o option
			for _, id := range need {
				if !c.gone[id] {
					o = append(o, id)
				}
			}
			if !slices.ContainsFunc(o, func(id GrantID) bool { return !c.removable(id) }) {
				d = append(d, o)
			}
		}
	}
	return d
}

// thin leaves out the grants that are not needed after all, dearest first.
func (c *cutter) thin(grants []GrantID) []GrantID {
	dear := slices.Clone(grants)
	slices.SortStableFunc(dear, func(a, b GrantID) int { return cmp.Compare(c.cost(b), c.cost(a)) })
	c.work = c.budget / 2
	for i := 0; i < len(dear) && c.work > 0; {
		fewer := slices.Delete(slices.Clone(dear), i, i+1)
		c.try(append(slices.Clone(c.opt.Without), fewer...))
		if slices.ContainsFunc(c.back.Nodes(), func(n NodeID) bool { return c.sources[n] }) {
			i++
		} else {
			dear = fewer
		}
	}
	return dear
}

// each is what a grant costs besides its weight of 0 to 2: grants are counted
// before they are weighed.
const each = 1 << 32

func (c *cutter) cost(id GrantID) int64 { return each + 1 + int64(c.used(id)) }

// used is 1 for a grant with a recorded use, -1 for one without, and 0 where
// that is not known.
func (c *cutter) used(id GrantID) int8 {
	have := c.g.grants.grants[id].used
	if have != 0 || c.opt.Used == nil {
		return have
	}
	if asked, ok := c.asked[id]; ok {
		return asked
	}
	if used := c.opt.Used(c.g.Grant(id)); used != nil {
		if have = -1; *used {
			have = 1
		}
	}
	if c.asked == nil {
		c.asked = map[GrantID]int8{}
	}
	c.asked[id] = have
	return have
}

// fewest is the number of grants that have at least a cost.
func fewest(cost int64) int { return int((cost + each + 1) / (each + 2)) }

func (c *cutter) sum(grants []GrantID) (sum int64) {
	for _, id := range grants {
		sum += c.cost(id)
	}
	return sum
}

// rank finds what each grant does alone and orders them by it.
func (c *cutter) rank(cut *Cut) {
	c.work = c.budget / 2
	c.try(c.opt.Without)
	loses := c.loses
	if c.opt.Within == 0 && !c.back.joint {
		l := newLosses(&c.back.plain, c.sources, c.opt.Without)
		loses = func(id GrantID) int {
			defer func() { c.work -= l.looked }()
			return l.of(id)
		}
	}
	alone := make(map[GrantID]int)
	for _, id := range cut.Grants {
		alone[id] = None
		if c.work > 0 {
			alone[id] = loses(id)
		}
	}
	slices.SortFunc(cut.Grants, func(a, b GrantID) int {
		return cmp.Or(cmp.Compare(alone[b], alone[a]), cmp.Compare(a, b))
	})
	for _, id := range cut.Grants {
		cut.Alone = append(cut.Alone, alone[id])
	}
}

// loses searches who loses every way without a grant.
func (c *cutter) loses(id GrantID) int {
	c.try(append(slices.Clone(c.opt.Without), id))
	count := 0
	for n, source := range c.sources {
		if source && !c.back.Reaches(NodeID(n)) {
			count++
		}
	}
	return count
}
