package graph

import (
	"cmp"
	"slices"
)

// demand is a way that must be cut: at least one of its options, each a set of
// grants in ascending order, must be taken away as a whole.
type demand []option

type option []GrantID

// cheapest returns the cheapest grants that meet some demands, and what all that
// meet them cost at least, which is less once the work is spent. Demands that
// have no grant in common with others are met on their own. Known is an answer
// that need not be found again.
func cheapest(demands []demand, cost func(GrantID) int64, known []GrantID, work *int) (grants []GrantID, least int64) {
	have := setOf(known)
	for _, part := range parts(reduced(demands, cost)) {
		h := newHitting(part, cost, *work)
		h.greedy()
		h.try(have)
		_, bound := h.look()
		h.branch(0)
		grants = append(grants, h.answer()...)
		if !h.out {
			bound = h.bestCost
		}
		least += bound
		*work = h.work
	}
	slices.Sort(grants)
	return grants, least
}

// quickly returns grants that meet some demands, few but not always the fewest.
func quickly(demands []demand, cost func(GrantID) int64) (grants []GrantID) {
	for _, part := range parts(reduced(demands, cost)) {
		h := newHitting(part, cost, 0)
		h.greedy()
		grants = append(grants, h.answer()...)
	}
	slices.Sort(grants)
	return grants
}

// reduced leaves out demands and options without which the cheapest answer is as
// cheap.
func reduced(demands []demand, cost func(GrantID) int64) []demand {
	for {
		demands = distinct(demands)
		if !dominated(demands, cost) {
			return demands
		}
	}
}

// dominated takes out options: a grant that is an option alone wherever it
// occurs, beside another such grant that meets all that it meets and is no
// dearer. It reports whether there were any.
func dominated(demands []demand, cost func(GrantID) int64) bool {
	uses, together := make(map[GrantID][]int), make(map[GrantID]bool)
	for i, d := range demands {
		for _, o := range d {
			for _, id := range o {
				uses[id] = append(uses[id], i)
				together[id] = together[id] || len(o) > 1
			}
		}
	}
	gone := make(map[GrantID]bool)
	worse := func(a, b GrantID) bool { // a than b
		if together[a] || together[b] || gone[a] || gone[b] || len(uses[a]) > len(uses[b]) || cost(a) < cost(b) {
			return false
		}
		if len(uses[a]) == len(uses[b]) && cost(a) == cost(b) && a < b {
			return false // the same both ways: the first stays
		}
		return subset(uses[a], uses[b])
	}
	for _, d := range demands {
		for _, o := range d {
			if !gone[o[0]] && slices.ContainsFunc(d, func(p option) bool { return p[0] != o[0] && worse(o[0], p[0]) }) {
				gone[o[0]] = true
			}
		}
	}
	for i, d := range demands {
		demands[i] = slices.DeleteFunc(d, func(o option) bool { return gone[o[0]] })
	}
	return len(gone) > 0
}

// subset reports whether every element of a is one of b, both ascending.
func subset[T cmp.Ordered](a, b []T) bool {
	for _, x := range a {
		i, ok := slices.BinarySearch(b, x)
		if !ok {
			return false
		}
		b = b[i+1:]
	}
	return true
}

// distinct leaves out what another demand implies: options that hold another
// option of the same demand, and demands that hold all options of another.
func distinct(demands []demand) []demand {
	var out []demand
	for _, d := range demands {
		var small demand
		for i, o := range d {
			if !slices.ContainsFunc(d, func(p option) bool { return len(p) < len(o) && subset(p, o) }) && !has(d[:i], o) {
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
