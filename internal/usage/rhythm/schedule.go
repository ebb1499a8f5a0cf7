package rhythm

import (
	"math/bits"
	"slices"
	"time"
)

// schedule turns the rule that fits into a rhythm: its class, its hours, and what
// is expected from it.
func (t *fit) schedule(c *clock, v view, fitted ruled) {
	b := beginnings(c, v)
	r := &t.r
	r.Days = fitted.rule
	r.slotsOf(fitted)
	r.Class = b.class(fitted.rule)
	for _, w := range b.windows {
		r.Hours = append(r.Hours, int((c.cut+w)%24))
	}
	slices.Sort(r.Hours)
	r.Every = t.every(fitted.rule, len(b.windows))
	r.model = calendarModel(c, v, fitted, b.deadline)
	r.model.windows = b.windows
	if r.Class == ClassWeekdays {
		r.model.learnYearEnd(v)
	}
}

// begun says at which hours of the working day something begins.
type begun struct {
	days int
	// runs is how many times a day something begins, on average.
	runs float64
	// windows are hours from the cut at which something begins on most days.
	windows []int64
	// deadline is the hour from the cut by which the day's first act is over, with
	// two hours' grace.
	deadline int64
}

func beginnings(c *clock, v view) begun {
	var first, all [24]int
	b := begun{}
	total := 0
	for _, d := range c.days {
		if c.date(d.day) < v.base {
			continue
		}
		b.days++
		first[bits.TrailingZeros32(d.mask)]++
		for m := d.mask &^ (d.mask << 1); m != 0; m &= m - 1 {
			all[bits.TrailingZeros32(m)]++
			total++
		}
	}
	b.runs = float64(total) / float64(b.days)
	b.windows = windows(&all, b.days)
	if len(b.windows) == 0 {
		b.windows = []int64{int64(quantile(&first, b.days, 0.05))}
	}
	b.deadline = min(int64(quantile(&first, b.days, 0.99))+3, 24)
	return b
}

// windows returns the hours at which something begins on at least half of the
// days, hours next to each other counting as one.
func windows(counts *[24]int, days int) []int64 {
	var out []int64
	for h := 0; h < 24; h++ {
		start, sum := h, 0
		for h < 24 && counts[h]*20 > days {
			sum += counts[h]
			h++
		}
		if sum*2 >= days {
			out = append(out, int64(start))
		}
	}
	return out
}

// quantile returns the hour by which a share of n counts has come.
func quantile(counts *[24]int, n int, share float64) int {
	sum := 0
	for h, k := range counts {
		if sum += k; float64(sum) >= share*float64(n) {
			return h
		}
	}
	return 23
}

// severalRuns is from how many beginnings a day on something is done several
// times a day.
const severalRuns = 1.7

func (b begun) class(rule DayRule) Class {
	switch rule.Kind {
	case DaysEvery:
		if b.runs >= severalRuns {
			return ClassSeveral
		}
		return ClassDaily
	case DaysWeek:
		if rule.Weekdays == mondayToFriday {
			return ClassWeekdays
		}
		return ClassWeekly
	}
	switch n := bits.OnesCount16(rule.Months); {
	case n == 1:
		return ClassYearly
	case n > 1:
		return ClassQuarterly
	case rule.N < 0 && rule.Kind != DaysNth:
		return ClassMonthEnd
	}
	return ClassMonthly
}

// every is the usual distance between two times.
func (t *fit) every(rule DayRule, windows int) time.Duration {
	const day = 24 * time.Hour
	switch rule.Kind {
	case DaysEvery:
		if windows <= 1 && t.r.Class == ClassDaily {
			return day
		}
		step, n := 0, 0
		for i := 2; i < len(t.steps); i++ {
			n += t.steps[i]
			if t.steps[i] > t.steps[step] {
				step = i
			}
		}
		if step > 0 && t.steps[step]*10 >= n*6 {
			return time.Duration(step) * time.Hour
		}
		return day / time.Duration(max(windows, 1))
	case DaysWeek:
		return 7 * day / time.Duration(onDays(rule.Weekdays))
	}
	if n := bits.OnesCount16(rule.Months); n > 0 {
		return 365 * day / time.Duration(n)
	}
	return 365 * day / 12
}
