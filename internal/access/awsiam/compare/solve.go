package compare

import "github.com/retinue-id/retinue/internal/access/glob"

// A variable is what a condition can look at: the value of a key, or a
// requirement that only equals itself. Its domain is the list of values worth
// trying, so that two values no test tells apart stand for each other.
//
// A clause says that the variable has one of some values.
type clause struct {
	variable int
	values   glob.Set
}

// rule is a statement once its action, resource and principal are settled: it
// applies where all its clauses hold, and everywhere if it has none.
type rule struct {
	clauses []clause
}

// question is what remains to be decided about one kind of request.
type question struct {
	domains []int // how many values each variable has
	// Of each group of allowing rules one must hold.
	newAllow, oldAllow [][]rule
	newDeny, oldDeny   []rule
	budget             int // how many steps may still be taken
	picks              int // how many rules of groups were tried
	exhausted          bool
}

// maxPicks bounds the ways to pick a rule of each group.
const maxPicks = 50_000

// solve looks for values of the variables for which the new statements allow
// and the old ones do not. It returns them, a set of equally good values each,
// or nil when there are none; decided is false when the budget ran out first.
func (q *question) solve() (values []glob.Set, decided bool) {
	full := make([]glob.Set, len(q.domains))
	for i, n := range q.domains {
		full[i] = glob.NewSet(n)
		for v := range n {
			full[i].Add(v)
		}
	}
	return q.allowed(full, q.newAllow), !q.exhausted
}

// allowed picks a rule of each group of the new side, and looks in what is left
// for values for which the old side does not allow.
func (q *question) allowed(state []glob.Set, groups [][]rule) []glob.Set {
	if len(groups) == 0 {
		return q.refused(state)
	}
	for _, allow := range groups[0] {
		if q.picks++; q.picks > maxPicks {
			q.exhausted = true
			return nil
		}
		next, ok := restrict(state, allow.clauses)
		if !ok {
			continue
		}
		if found := q.allowed(next, groups[1:]); found != nil {
			return found
		}
	}
	return nil
}

func (q *question) refused(state []glob.Set) []glob.Set {
	// Not allowed before because one group allowed nothing of it …
	for _, group := range q.oldAllow {
		if found := q.avoid(state, q.newDeny, group); found != nil {
			return found
		}
	}
	// … or because something denied it.
	for _, deny := range q.oldDeny {
		denied, ok := restrict(state, deny.clauses)
		if !ok {
			continue
		}
		if found := q.avoid(denied, q.newDeny); found != nil {
			return found
		}
	}
	return nil
}

// avoid narrows the state until none of the rules can hold, and returns it; or
// nil when one of them always holds.
func (q *question) avoid(state []glob.Set, groups ...[]rule) []glob.Set {
	if q.budget--; q.budget < 0 {
		q.exhausted = true
		return nil
	}
	pick, fewest := (*rule)(nil), 0
	for _, rules := range groups {
		for i := range rules {
			open, possible := openClauses(state, rules[i].clauses)
			if !possible {
				continue
			}
			if open == 0 {
				return nil
			}
			// The rule with the fewest ways out is settled first.
			if pick == nil || open < fewest {
				pick, fewest = &rules[i], open
			}
		}
	}
	if pick == nil {
		return state
	}
	// One of its clauses must fail. Each branch takes the first that does, so
	// that the earlier ones hold and no case is looked at twice.
	for i, c := range pick.clauses {
		holding, ok := restrict(state, pick.clauses[:i])
		if !ok {
			return nil
		}
		without := difference(holding[c.variable], c.values)
		if without.Empty() {
			continue
		}
		next := append([]glob.Set(nil), holding...)
		next[c.variable] = without
		if found := q.avoid(next, groups...); found != nil {
			return found
		}
		if q.exhausted {
			return nil
		}
	}
	return nil
}

// openClauses counts the clauses that may still hold or not; possible is false
// when one of them can no longer hold.
func openClauses(state []glob.Set, clauses []clause) (open int, possible bool) {
	for _, c := range clauses {
		in, out := false, false
		for i, w := range state[c.variable] {
			in = in || w&c.values[i] != 0
			out = out || w&^c.values[i] != 0
		}
		if !in {
			return 0, false
		}
		if out {
			open++
		}
	}
	return open, true
}

// restrict returns the state in which all clauses hold, and whether there is one.
func restrict(state []glob.Set, clauses []clause) ([]glob.Set, bool) {
	if len(clauses) == 0 {
		return state, true
	}
	out := append([]glob.Set(nil), state...)
	for _, c := range clauses {
		meet := make(glob.Set, len(c.values))
		some := false
		for i, w := range out[c.variable] {
			meet[i] = w & c.values[i]
			some = some || meet[i] != 0
		}
		if !some {
			return nil, false
		}
		out[c.variable] = meet
	}
	return out, true
}

func difference(a, b glob.Set) glob.Set {
	out := make(glob.Set, len(a))
	for i := range a {
		out[i] = a[i] &^ b[i]
	}
	return out
}
