package graph

import (
	"cmp"
	"slices"
)

// demand is a way that must be cut: at least one of its options, each a set of
// grants in ascending order, must be taken away as a whole.
type demand []option

type option []GrantID

// hitting finds the cheapest grants that meet a list of demands.
type hitting struct {
	cost func(GrantID) int64
	// work is how many demands may still be looked at.
	work int
	// taken counts grants that are chosen, barred those that are not to be.
	taken, barred map[GrantID]bool
	demands       []demand
	best          []GrantID
	bestCost      int64
	out           bool // of work
}

// cheapest returns the grants and whether nothing cheaper is possible. Demands
// that have no grant in common with others are met on their own.
func cheapest(demands []demand, cost func(GrantID) int64, work int) (grants []GrantID, proven bool) {
	proven = true
	for _, part := range parts(distinct(demands)) {
		h := hitting{cost: cost, work: work, demands: part, taken: map[GrantID]bool{}, barred: map[GrantID]bool{}}
		h.greedy()
		h.branch(0)
		grants = append(grants, h.best...)
		proven = proven && !h.out
		work = h.work
	}
	slices.Sort(grants)
	return grants, proven
}

// distinct leaves out what another demand implies: options that hold another
// option of the same demand, and demands that hold all options of another.
func distinct(demands []demand) []demand {
	var out []demand
	for _, d := range demands {
		var small demand
		for i, o := range d {
			if !slices.ContainsFunc(d, func(p option) bool { return len(p) < len(o) && within(p, o) }) && !has(d[:i], o) {
				small = append(small, o)
			}
		}
		out = append(out, small)
	}
	slices.SortStableFunc(out, func(a, b demand) int { return cmp.Compare(len(a), len(b)) })
	byGrant := make(map[GrantID][]int) // kept demands, by the first grant of each option
	var kept []demand
	for _, d := range out {
		if implied(d, kept, byGrant) {
			continue
		}
		for _, o := range d {
			byGrant[o[0]] = append(byGrant[o[0]], len(kept))
		}
		kept = append(kept, d)
	}
	return kept
}

// implied reports whether a kept demand has no option that d has not.
func implied(d demand, kept []demand, byGrant map[GrantID][]int) bool {
	for _, o := range d {
		for _, i := range byGrant[o[0]] {
			if !slices.ContainsFunc(kept[i], func(p option) bool { return !has(d, p) }) {
				return true
			}
		}
	}
	return false
}

func has(d demand, o option) bool {
	return slices.ContainsFunc(d, func(p option) bool { return slices.Equal(p, o) })
}

// within reports whether every grant of p is one of o.
func within(p, o option) bool {
	for _, g := range p {
		if _, ok := slices.BinarySearch(o, g); !ok {
			return false
		}
	}
	return true
}

// parts divides demands into those that have grants in common.
func parts(demands []demand) [][]demand {
	parent := make([]int, len(demands))
	root := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	first := make(map[GrantID]int)
	for i, d := range demands {
		parent[i] = i
		for _, o := range d {
			for _, g := range o {
				if j, ok := first[g]; ok {
					parent[root(i)] = root(j)
				} else {
					first[g] = i
				}
			}
		}
	}
	place := make(map[int]int)
	var out [][]demand
	for i, d := range demands {
		p, ok := place[root(i)]
		if !ok {
			p = len(out)
			place[root(i)] = p
			out = append(out, nil)
		}
		out[p] = append(out[p], d)
	}
	return out
}

// greedy finds a first answer: again and again the option that meets most
// demands for its cost.
func (h *hitting) greedy() {
	left := slices.Clone(h.demands)
	chosen := make(map[GrantID]bool)
	for len(left) > 0 {
		met := make(map[GrantID]int64)
		for _, d := range left {
			for _, o := range d {
				met[o[0]]++
			}
		}
		var best option
		for _, d := range left {
			for _, o := range d {
				// met/cost is compared by products, exactly.
				if best == nil || met[o[0]]*h.price(best, chosen) > met[best[0]]*h.price(o, chosen) {
					best = o
				}
			}
		}
		for _, g := range best {
			chosen[g] = true
		}
		left = slices.DeleteFunc(left, func(d demand) bool { return d.met(chosen) })
	}
	h.keep(chosen)
}

// keep makes the chosen grants the best answer.
func (h *hitting) keep(chosen map[GrantID]bool) {
	h.best, h.bestCost = h.best[:0], 0
	for g, yes := range chosen {
		if yes {
			h.best = append(h.best, g)
			h.bestCost += h.cost(g)
		}
	}
}

func (d demand) met(chosen map[GrantID]bool) bool {
	return slices.ContainsFunc(d, func(o option) bool {
		return !slices.ContainsFunc(o, func(g GrantID) bool { return !chosen[g] })
	})
}

// price is what an option costs besides what is chosen.
func (h *hitting) price(o option, chosen map[GrantID]bool) (sum int64) {
	for _, g := range o {
		if !chosen[g] {
			sum += h.cost(g)
		}
	}
	return sum
}

// branch tries every option of the demand that has fewest, given what is taken
// at a cost. What was tried alone is barred in the tries after it.
func (h *hitting) branch(cost int64) {
	least, bound, open := h.look()
	if h.out || cost+bound >= h.bestCost && open {
		return
	}
	if !open {
		if cost < h.bestCost {
			h.keep(h.taken)
		}
		return
	}
	options := h.viable(least)
	slices.SortStableFunc(options, func(a, b option) int {
		return cmp.Compare(h.price(a, h.taken), h.price(b, h.taken))
	})
	var barred []GrantID
	for _, o := range options {
		var added []GrantID
		price := h.price(o, h.taken)
		for _, g := range o {
			if !h.taken[g] {
				h.taken[g] = true
				added = append(added, g)
			}
		}
		h.branch(cost + price)
		for _, g := range added {
			delete(h.taken, g)
		}
		if len(added) == 1 {
			h.barred[added[0]] = true
			barred = append(barred, added[0])
		}
	}
	for _, g := range barred {
		delete(h.barred, g)
	}
}

// viable are the options of a demand that hold nothing barred.
func (h *hitting) viable(d demand) []option {
	var out []option
	for _, o := range d {
		if !slices.ContainsFunc(o, func(g GrantID) bool { return h.barred[g] }) {
			out = append(out, o)
		}
	}
	return out
}

// look returns the open demand with the fewest options, whether one is open, and
// what the rest costs at least: the cheapest options of demands that have no
// grant in common.
func (h *hitting) look() (least demand, bound int64, open bool) {
	h.work -= len(h.demands)
	if h.work < 0 {
		h.out = true
		return nil, 0, false
	}
	fewest := -1
	counted := make(map[GrantID]bool)
	for _, d := range h.demands {
		if d.met(h.taken) {
			continue
		}
		options := h.viable(d)
		if len(options) == 0 {
			return d, unlimited << 31, true // nothing is left to meet it
		}
		if fewest < 0 || len(options) < fewest {
			least, fewest = d, len(options)
		}
		alone, low := true, int64(-1)
		for _, o := range options {
			for _, g := range o {
				alone = alone && (h.taken[g] || !counted[g])
			}
			if p := h.price(o, h.taken); low < 0 || p < low {
				low = p
			}
		}
		if !alone {
			continue
		}
		bound += low
		for _, o := range options {
			for _, g := range o {
				counted[g] = true
			}
		}
	}
	return least, bound, fewest >= 0
}
