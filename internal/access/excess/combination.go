package excess

import (
	"cmp"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/glob"
)

// Combination is grants that together allow what none of them does.
type Combination struct {
	// ID names the entry of the table ([Combinations]).
	ID       string           `json:"id"`
	Title    string           `json:"title"`
	Severity retinue.Severity `json:"severity"`
	// Grants are the sentences of the grants that meet it, one for each need.
	Grants []string `json:"grants"`
	Source string   `json:"source"`

	certainty float64
}

// Rule is an entry of the table of risky combinations.
type Rule struct {
	ID string
	// Title says what the holder can do, as the end of "it …".
	Title    string
	Severity retinue.Severity
	// Needs must all be met.
	Needs []Need
	// Source says where the danger is described.
	Source string
}

// Need is met by a grant of one of Consequences, or of one of Actions. Wide
// asks for resources that are not named one by one.
type Need struct {
	Consequences []access.Consequence
	Actions      []string
	Wide         bool
}

// combined finds the combinations that are held, worst first. To an
// administrator of everything none is worth telling.
func combined(list []held, administrator bool) []Combination {
	if administrator {
		return nil
	}
	meets := newIndex(list)
	var out []Combination
	for _, r := range combinationTable {
		c := Combination{ID: r.ID, Title: r.Title, Severity: r.Severity, Source: r.Source, certainty: 1}
		for _, n := range r.Needs {
			h, ok := meets.best(n)
			if !ok {
				c.Grants = nil
				break
			}
			c.certainty = min(c.certainty, certainty(h.Outcome))
			if !slices.Contains(c.Grants, h.Sentence) {
				c.Grants = append(c.Grants, h.Sentence)
			}
		}
		if c.Grants != nil {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b Combination) int {
		return cmp.Compare(severityWeight(b.Severity)*b.certainty, severityWeight(a.Severity)*a.certainty)
	})
	return out
}

// index finds grants by what they allow.
type index struct {
	list []held
	// exact are the grants by their words without wildcards; patterns are the
	// words that have some.
	exact    map[string][]int
	patterns []wordPattern
}

type wordPattern struct {
	text  string
	grant int
}

func newIndex(list []held) *index {
	x := &index{list: list, exact: make(map[string][]int)}
	for i, h := range list {
		if h.reach == 0 {
			continue
		}
		for _, w := range h.words() {
			if isPattern(w) {
				x.patterns = append(x.patterns, wordPattern{w, i})
			} else {
				x.exact[w] = append(x.exact[w], i)
			}
		}
	}
	return x
}

// best is the surest grant that meets the need; of equally sure ones the one of
// the lesser sentence, so that the order of the input does not matter.
func (x *index) best(n Need) (held, bool) {
	var best held
	found := false
	take := func(i int) {
		h := x.list[i]
		if n.Wide && h.breadth == Named {
			return
		}
		if !found || certainty(h.Outcome) > certainty(best.Outcome) || certainty(h.Outcome) == certainty(best.Outcome) && h.Sentence < best.Sentence {
			best, found = h, true
		}
	}
	if len(n.Consequences) > 0 {
		for i, h := range x.list {
			if h.reach > 0 && slices.Contains(n.Consequences, h.Consequence) {
				take(i)
			}
		}
	}
	for _, a := range n.Actions {
		for _, i := range x.exact[a] {
			take(i)
		}
		for _, p := range x.patterns {
			if glob.Match(p.text, a) {
				take(p.grant)
			}
		}
	}
	return best, found
}

// Combinations is the table of risky combinations.
func Combinations() []Rule { return slices.Clone(combinationTable) }
