package graph

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestCheapestMeetsAllDemands(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := random(t)
		grants := rapid.IntRange(3, 9).Draw(t, "grants")
		cost := make([]int64, grants)
		for i := range cost {
			cost[i] = each + int64(rng.IntN(3))
			if rng.IntN(3) == 0 {
				cost[i] *= 2 // costs that differ much are sound too
			}
		}
		price := func(id GrantID) int64 { return cost[id] }
		var demands []demand
		for range rapid.IntRange(1, 14).Draw(t, "demands") {
			var d demand
			for range 1 + rng.IntN(4) {
				o := option{GrantID(rng.IntN(grants))}
				if rng.IntN(3) == 0 {
					o = slices.Compact(slices.Sorted(slices.Values(append(o, GrantID(rng.IntN(grants))))))
				}
				d = append(d, o)
			}
			demands = append(demands, d)
		}
		sum := func(set []GrantID) (total int64) {
			for _, id := range set {
				total += cost[id]
			}
			return total
		}
		best := int64(-1)
		for mask := range 1 << grants {
			var set []GrantID
			for i := range grants {
				if mask>>i&1 == 1 {
					set = append(set, GrantID(i))
				}
			}
			if c := sum(set); meetsAll(demands, set) && (best < 0 || c < best) {
				best = c
			}
		}
		work := DefaultWork
		got, least := cheapest(demands, price, nil, &work)
		if !meetsAll(demands, got) || sum(got) != best || least != best {
			t.Fatalf("%v costs %d, at least %d; the cheapest costs %d of %v", got, sum(got), least, best, demands)
		}
		if quick := quickly(demands, price); !meetsAll(demands, quick) {
			t.Fatalf("%v does not meet %v", quick, demands)
		}
		work = rapid.IntRange(0, 100).Draw(t, "work")
		if got, least := cheapest(demands, price, got, &work); !meetsAll(demands, got) || least > best {
			t.Fatalf("with little work %v costs at least %d, not %d", got, least, best)
		}
	})
}

func meetsAll(demands []demand, set []GrantID) bool {
	return !slices.ContainsFunc(demands, func(d demand) bool {
		return !slices.ContainsFunc(d, func(o option) bool { return subset(o, set) })
	})
}
