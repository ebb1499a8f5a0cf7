package rhythm

import (
	"math"
	"math/bits"
	"slices"
)

// ruled is how a day rule fits a view.
type ruled struct {
	rule DayRule
	// slots are the dates that the rule names and of which something is known;
	// on hits of them something was done. Extra are active dates besides.
	slots, hits, extra int
	// score is the logarithm of the probability of the view under the rule, with
	// the rule's own.
	score float64
}

func lnBeta(a, b float64) float64 {
	x, _ := math.Lgamma(a)
	y, _ := math.Lgamma(b)
	z, _ := math.Lgamma(a + b)
	return x + y - z
}

// weigh gives a rule its score: the dates that it names are mostly active, the
// others mostly not, and how much so is not known before.
func (r *ruled) weigh(acted, silent int, prior float64) {
	misses := r.slots - r.hits
	r.extra = acted - r.hits
	r.score = prior + lnBeta(float64(r.hits)+2, float64(misses)+0.5) - lnBeta(2, 0.5)
	if rest := silent - misses; rest+r.extra > 0 {
		r.score += lnBeta(float64(r.extra)+0.5, float64(rest)+4) - lnBeta(0.5, 4)
	}
}

// calm is the score of the view without any rule: each date is active with the
// same unknown probability.
func calm(acted, silent int) float64 { return lnBeta(float64(acted)+1, float64(silent)+1) }

// What a rule must reach to be believed.
const (
	leastHitShare = 0.6
	leastGain     = 2
)

// fitRule finds the rule that fits a view best, and false where none fits
// better than none.
func fitRule(v view) (ruled, bool) {
	acted, silent := v.counts()
	best := ruled{score: math.Inf(-1)}
	if acted >= 3 {
		best = fitWeek(v, acted, silent)
	}
	// The dearer search is for series as sparse as a month's rule makes them.
	weekly := best.slots > 0 && float64(best.hits) >= 0.7*float64(best.slots) && best.score > calm(acted, silent)+leastGain
	if !weekly && (acted+silent)/acted >= 10 {
		for _, r := range fitMonths(v, acted, silent) {
			if r.score > best.score {
				best = r
			}
		}
	}
	if best.slots == 0 || float64(best.hits) < leastHitShare*float64(best.slots) {
		return best, false
	}
	if best.rule.Kind == DaysEvery {
		return best, acted >= 4
	}
	return best, best.score > calm(acted, silent)+leastGain
}

// fitWeek tries every day, Monday to Friday, and the one to six busiest days of
// the week.
func fitWeek(v view, acted, silent int) ruled {
	var hits, slots [7]int
	w := weekday(v.base)
	for _, s := range v.status {
		if s != unseen {
			slots[w]++
		}
		if s == active {
			hits[w]++
		}
		if w++; w == 7 {
			w = 0
		}
	}
	order := [7]int{1, 2, 3, 4, 5, 6, 0}
	slices.SortStableFunc(order[:], func(a, b int) int { return hits[b]*max(slots[a], 1) - hits[a]*max(slots[b], 1) })
	best := ruled{score: math.Inf(-1)}
	var mask uint8
	try := func(rule DayRule, prior float64) {
		r := ruled{rule: rule}
		for d := range 7 {
			if rule.Kind == DaysEvery || rule.Weekdays&(1<<d) != 0 {
				r.slots += slots[d]
				r.hits += hits[d]
			}
		}
		if r.weigh(acted, silent, prior); r.score > best.score {
			best = r
		}
	}
	choose := [7]float64{0, 7, 21, 35, 35, 21, 7}
	for k := 1; k <= 6; k++ {
		mask |= 1 << order[k-1]
		if mask == mondayToFriday {
			try(DayRule{Kind: DaysWeek, Weekdays: mask}, -0.7)
			continue
		}
		try(DayRule{Kind: DaysWeek, Weekdays: mask}, -1-math.Log(choose[k]))
	}
	if mask |= 1 << order[6]; mask != 0 {
		try(DayRule{Kind: DaysWeek, Weekdays: mondayToFriday}, -0.7)
		try(DayRule{Kind: DaysEvery}, 0)
	}
	return best
}

// candidate is a rule and on how many active dates it could rest.
type candidate struct {
	rule  DayRule
	votes int
}

// fitMonths tries the rules of the month, for every month and for the month of
// the quarter and of the year in which most was done.
func fitMonths(v view, acted, silent int) []ruled {
	var byMonth [12]int
	for _, d := range v.dates {
		_, month, _ := civil(v.base + int64(d))
		byMonth[month-1]++
	}
	var quarter [3]int
	year := 0
	for m, n := range byMonth {
		quarter[m%3] += n
		if n > byMonth[year] {
			year = m
		}
	}
	q := 0
	for i, n := range quarter {
		if n > quarter[q] {
			q = i
		}
	}
	span := len(v.status)
	var out []ruled
	if span >= 2*28 {
		out = v.tryMonths(out, 0, 0, 3, acted, silent)
	}
	if span >= 2*89 {
		out = v.tryMonths(out, 0b001001001001<<q, -math.Log(3), 3, acted, silent)
	}
	if span >= 350 {
		out = v.tryMonths(out, 1<<year, -math.Log(12), 2, acted, silent)
	}
	return out
}

// tryMonths weighs the rules of the month on which most active dates could rest.
func (v view) tryMonths(out []ruled, months uint16, prior float64, least, acted, silent int) []ruled {
	var tally votes
	for _, d := range v.dates {
		tally.add(v.base+int64(d), months)
	}
	for _, c := range tally.best() {
		if c.votes < least {
			continue
		}
		c.rule.Months = months
		r := v.measure(c.rule)
		if r.hits < least {
			continue
		}
		r.weigh(acted, silent, prior+c.rule.prior())
		out = append(out, r)
	}
	return out
}

// prior is the logarithm of what is expected of a rule of the month before
// anything is seen: last and first days are what people choose.
func (r DayRule) prior() float64 {
	const kinds = -1.8 // one of six
	switch {
	case r.Kind == DaysOfMonth && (r.N == 1 || r.N == -1):
		return kinds - 1.5
	case r.Kind == DaysWorking && (r.N == 1 || r.N == -1):
		return kinds - 1.5
	case r.Kind == DaysOfMonthMoved:
		return kinds - 4
	case r.Kind == DaysOfMonth && r.N < -1:
		return kinds - 4
	}
	return kinds - 3.2
}

// measure counts the slots and hits of a rule of the month.
func (v view) measure(rule DayRule) ruled {
	r := ruled{rule: rule}
	end := v.base + int64(len(v.status))
	for day, ok := rule.next(v.base); ok && day < end; day, ok = rule.next(day + 1) {
		switch v.status[day-v.base] {
		case active:
			r.slots++
			r.hits++
		case quiet:
			r.slots++
		}
	}
	return r
}

// votes counts, for each rule of the month, the active dates that it names.
type votes struct {
	dom, moved [32]uint16
	end        [32]uint16 // day counted from the month's end
	work       [24]uint16
	workEnd    [24]uint16
	nth        [7][6]uint16
	nthEnd     [7][6]uint16
}

func (t *votes) add(day int64, months uint16) {
	year, month, dom := civil(day)
	if !(DayRule{Months: months}).has(month) {
		return
	}
	length, w := monthLength(year, month), weekday(day)
	left := length - dom
	t.dom[dom]++
	t.end[left+1]++
	t.nth[w][(dom-1)/7+1]++
	t.nthEnd[w][left/7+1]++
	if w == 0 || w == 6 {
		return
	}
	t.moved[dom]++
	if w == 1 {
		t.moved[max(dom-1, 1)]++
		t.moved[max(dom-2, 1)]++
	}
	t.work[workingDays(day-int64(dom)+1, day)]++
	t.workEnd[workingDays(day, day+int64(left))]++
}

// workingDays counts Monday to Friday from first to last.
func workingDays(first, last int64) int {
	n := int(last-first) + 1
	count := n / 7 * 5
	for d := first; d < first+int64(n%7); d++ {
		if w := weekday(d); w != 0 && w != 6 {
			count++
		}
	}
	return count
}

// best returns of each kind of rule the two with most votes.
func (t *votes) best() []candidate {
	out := make([]candidate, 0, 16)
	top := func(counts []uint16, rule func(n int) DayRule) {
		first, second := 0, 0
		for i, n := range counts {
			if n > counts[first] {
				first, second = i, first
			} else if i != first && (n > counts[second] || second == first) {
				second = i
			}
		}
		out = append(out, candidate{rule(first), int(counts[first])}, candidate{rule(second), int(counts[second])})
	}
	top(t.dom[:], func(n int) DayRule { return DayRule{Kind: DaysOfMonth, N: n} })
	top(t.end[:], func(n int) DayRule { return DayRule{Kind: DaysOfMonth, N: -n} })
	top(t.moved[:], func(n int) DayRule { return DayRule{Kind: DaysOfMonthMoved, N: n} })
	top(t.work[:], func(n int) DayRule { return DayRule{Kind: DaysWorking, N: n} })
	top(t.workEnd[:], func(n int) DayRule { return DayRule{Kind: DaysWorking, N: -n} })
	for w := range t.nth {
		mask := uint8(1) << w
		for n := 1; n <= 4; n++ {
			out = append(out, candidate{DayRule{Kind: DaysNth, Weekdays: mask, N: n}, int(t.nth[w][n])})
		}
		out = append(out, candidate{DayRule{Kind: DaysNth, Weekdays: mask, N: -1}, int(t.nthEnd[w][1])})
	}
	slices.SortStableFunc(out, func(a, b candidate) int { return b.votes - a.votes })
	return out[:min(len(out), 12)]
}

// onDays counts the bits of a mask of weekdays.
func onDays(mask uint8) int { return bits.OnesCount8(mask) }
