package graph

import (
	"cmp"
	"slices"
)

// hitting finds the cheapest grants that meet demands, by branch and bound. Its
// grants are numbered by place.
type hitting struct {
	ids     []GrantID
	cost    []int64
	demands [][]choice
	taken   []bool
	barred  []bool   // tried alone above, so that nothing with it is better
	counted []uint32 // in the bound of this round
	round   uint32

	best     []int32
	bestCost int64
	options  int // of all demands
	work     int // how many options may still be looked at
	out      bool
}

// choice is an option by places.
type choice []int32

func newHitting(demands []demand, cost func(GrantID) int64, work int) *hitting {
	h := &hitting{work: work}
	place := make(map[GrantID]int32)
	for _, d := range demands {
		var choices []choice
		for _, o := range d {
			var c choice
			for _, id := range o {
				p, ok := place[id]
				if !ok {
					p = int32(len(h.ids))
					place[id] = p
					h.ids, h.cost = append(h.ids, id), append(h.cost, cost(id))
				}
				c = append(c, p)
			}
			choices = append(choices, c)
		}
		h.demands = append(h.demands, choices)
		h.options += len(choices)
	}
	h.taken, h.barred, h.counted = make([]bool, len(h.ids)), make([]bool, len(h.ids)), make([]uint32, len(h.ids))
	return h
}

// greedy finds a first answer: again and again the option that meets most
// demands for its cost.
func (h *hitting) greedy() {
	left := slices.Clone(h.demands)
	met := make([]int64, len(h.ids))
	for len(left) > 0 {
		clear(met)
		for _, d := range left {
			for _, c := range d {
				met[c[0]]++
			}
		}
		var best choice
		for _, d := range left {
			for _, c := range d {
				// What is met for the cost is compared by products, exactly.
				if best == nil || met[c[0]]*(h.price(best)>>16) > met[best[0]]*(h.price(c)>>16) {
					best = c
				}
			}
		}
		for _, p := range best {
			h.taken[p] = true
		}
		left = slices.DeleteFunc(left, h.met)
	}
	h.keep()
	clear(h.taken)
}

// try makes some grants the best answer, if they are one and cheaper.
func (h *hitting) try(grants map[GrantID]bool) {
	sum := int64(0)
	for p, id := range h.ids {
		if h.taken[p] = grants[id]; h.taken[p] {
			sum += h.cost[p]
		}
	}
	unmet := func(d []choice) bool { return !h.met(d) }
	if sum < h.bestCost && !slices.ContainsFunc(h.demands, unmet) {
		h.keep()
	}
	clear(h.taken)
}

// answer is the best answer.
func (h *hitting) answer() (grants []GrantID) {
	for _, p := range h.best {
		grants = append(grants, h.ids[p])
	}
	return grants
}

// keep makes what is taken the best answer.
func (h *hitting) keep() {
	h.best, h.bestCost = h.best[:0], 0
	for p, taken := range h.taken {
		if taken {
			h.best = append(h.best, int32(p))
			h.bestCost += h.cost[p]
		}
	}
}

func (h *hitting) met(d []choice) bool {
	for _, c := range d {
		if h.price(c) == 0 {
			return true
		}
	}
	return false
}

// price is what an option costs besides what is taken.
func (h *hitting) price(c choice) (sum int64) {
	for _, p := range c {
		if !h.taken[p] {
			sum += h.cost[p]
		}
	}
	return sum
}

// branch tries every option of the demand that has fewest, given what is taken
// at a cost. What was tried alone is barred in the tries after it.
func (h *hitting) branch(cost int64) {
	least, bound := h.look()
	switch {
	case h.out || cost+bound >= h.bestCost:
		return
	case least == nil:
		h.keep()
		return
	}
	choices := slices.DeleteFunc(slices.Clone(least), h.isBarred)
	slices.SortStableFunc(choices, func(a, b choice) int { return cmp.Compare(h.price(a), h.price(b)) })
	var barred []int32
	for _, c := range choices {
		price := h.price(c)
		var added []int32
		for _, p := range c {
			if !h.taken[p] {
				h.taken[p] = true
				added = append(added, p)
			}
		}
		h.branch(cost + price)
		for _, p := range added {
			h.taken[p] = false
		}
		if len(added) == 1 {
			h.barred[added[0]] = true
			barred = append(barred, added[0])
		}
	}
	for _, p := range barred {
		h.barred[p] = false
	}
}

func (h *hitting) isBarred(c choice) bool {
	for _, p := range c {
		if h.barred[p] {
			return true
		}
	}
	return false
}

// look returns the open demand with the fewest options, nil where all are met,
// and what the rest costs at least: the cheapest options of demands that have no
// grant in common.
func (h *hitting) look() (least []choice, bound int64) {
	h.work -= h.options
	if h.work < 0 {
		h.out = true
		return nil, 0
	}
	h.round++
	fewest := 0
	for _, d := range h.demands {
		options, low, alone := h.open(d)
		if low == 0 {
			continue // met
		}
		if options == 0 {
			return d, endless // nothing is left to meet it
		}
		if least == nil || options < fewest {
			least, fewest = d, options
		}
		if !alone {
			continue
		}
		bound += low
		for _, c := range d {
			for _, p := range c {
				h.counted[p] = h.round
			}
		}
	}
	return least, bound
}

// open counts a demand's options that hold nothing barred, with the price of the
// cheapest, which is 0 where the demand is met, and whether none of them has a
// grant that this round counted.
func (h *hitting) open(d []choice) (options int, low int64, alone bool) {
	low, alone = endless, true
	for _, c := range d {
		price := h.price(c)
		if price == 0 {
			return 0, 0, false
		}
		if h.isBarred(c) {
			continue
		}
		options++
		low = min(low, price)
		for _, p := range c {
			alone = alone && (h.taken[p] || h.counted[p] != h.round)
		}
	}
	return options, low, alone
}
