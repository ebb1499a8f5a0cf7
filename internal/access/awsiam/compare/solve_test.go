package compare

import (
	"math/rand/v2"
	"testing"

	"github.com/retinue-id/retinue/internal/access/glob"
)

// TestSolveAgreesWithTryingEverything asks small random questions whose
// answers are also found by looking at every assignment.
func TestSolveAgreesWithTryingEverything(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 11))
	rules := func(domains []int, most int) []rule {
		out := make([]rule, random.IntN(most+1))
		for i := range out {
			for range random.IntN(4) {
				v := random.IntN(len(domains))
				values := glob.NewSet(domains[v])
				for n := range domains[v] {
					if random.IntN(2) == 0 {
						values.Add(n)
					}
				}
				out[i].clauses = append(out[i].clauses, clause{variable: v, values: values})
			}
		}
		return out
	}
	groups := func(domains []int) (out [][]rule) {
		for range 1 + random.IntN(3) {
			out = append(out, rules(domains, 3))
		}
		return out
	}
	yes := 0
	for range 20000 {
		domains := make([]int, 1+random.IntN(3))
		for i := range domains {
			domains[i] = 1 + random.IntN(4)
		}
		q := question{
			domains:  domains,
			newAllow: groups(domains), newDeny: rules(domains, 2),
			oldAllow: groups(domains), oldDeny: rules(domains, 2),
			budget: 100_000,
		}
		want := false
		each(domains, func(values []int) { want = want || grants(q, values) })
		got, decided := q.solve()
		if !decided {
			t.Fatal("ran out of steps")
		}
		if (got != nil) != want {
			t.Fatalf("solve found %v, want one: %t, of %+v", got, want, q)
		}
		if got == nil {
			continue
		}
		yes++
		values := make([]int, len(domains))
		for i, s := range got {
			for v := range s.All {
				values[i] = v
				break
			}
		}
		if !grants(q, values) {
			t.Fatalf("%v is no answer to %+v", values, q)
		}
	}
	if yes < 1000 {
		t.Errorf("only %d questions had an answer", yes)
	}
}

func TestSolveSaysWhenItGivesUp(t *testing.T) {
	q := question{domains: []int{2}, newAllow: [][]rule{{{}}}, oldAllow: [][]rule{nil}, budget: 0}
	if found, decided := q.solve(); found != nil || decided {
		t.Errorf("found %v, decided %t; want neither", found, decided)
	}
}

func each(domains []int, visit func([]int)) {
	values := make([]int, len(domains))
	for {
		visit(values)
		i := 0
		for ; i < len(domains); i++ {
			if values[i]++; values[i] < domains[i] {
				break
			}
			values[i] = 0
		}
		if i == len(domains) {
			return
		}
	}
}

func grants(q question, values []int) bool {
	return all(q.newAllow, values) && !holds(q.newDeny, values) &&
		(!all(q.oldAllow, values) || holds(q.oldDeny, values))
}

func all(groups [][]rule, values []int) bool {
	for _, g := range groups {
		if !holds(g, values) {
			return false
		}
	}
	return true
}

func holds(rules []rule, values []int) bool {
next:
	for _, r := range rules {
		for _, c := range r.clauses {
			if !c.values.Has(values[c.variable]) {
				continue next
			}
		}
		return true
	}
	return false
}
