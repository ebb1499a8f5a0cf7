package app

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage/rhythm"
	"github.com/retinue-id/retinue/internal/usage/verdict"
)

// seriesInto fills the uses and refusals of the evidence.
func seriesInto(e *verdict.Evidence, used []store.Used) {
	merged := map[int64]*store.Month{}
	for _, u := range used {
		if u.Behaviour.Class == retinue.EventUnknown || u.Behaviour.Class == retinue.EventInsight {
			continue
		}
		for _, m := range u.Months {
			first, last := time.Unix(m.First, 0).UTC(), time.Unix(m.Last, 0).UTC()
			if u.Behaviour.Outcome == retinue.OutcomeDenied {
				e.Denied += uint64(m.N) //nolint:gosec // a count
				e.FirstDenied, e.LastDenied = earlierOf(e.FirstDenied, first), laterOf(e.LastDenied, last)
				continue
			}
			e.FirstUse, e.LastUse = earlierOf(e.FirstUse, first), laterOf(e.LastUse, last)
			addMonth(merged, m)
		}
	}
	e.Uses = seriesOf(merged)
}

// addMonth adds the counts of a behaviour to those of others of its month.
func addMonth(merged map[int64]*store.Month, m store.Month) {
	if was := merged[m.Month]; was != nil {
		was.Merge(m.Clone())
		return
	}
	c := m.Clone()
	merged[m.Month] = &c
}

// seriesOf is what rhythm learns from.
func seriesOf(merged map[int64]*store.Month) rhythm.Series {
	var s rhythm.Series
	for _, m := range slices.SortedFunc(maps.Values(merged), func(a, b *store.Month) int { return cmp.Compare(a.Month, b.Month) }) {
		if m.Grain == store.GrainHour {
			for _, t := range m.Hours {
				s.Hours = append(s.Hours, rhythm.HourCount{Hour: t.Hour, Count: uint64(t.N)}) //nolint:gosec // a count
			}
			continue
		}
		c := rhythm.MonthCount{Year: int(m.Month / 12), Month: time.Month(m.Month%12 + 1), Days: m.Days}
		for h, n := range m.Week {
			day := (int(h)/24 + 1) % 7 // the week of the store begins on Monday, that of package time on Sunday
			c.HourOfWeek[day*24+int(h)%24] = uint32(min(n, 1<<32-1))
		}
		s.Months = append(s.Months, c)
	}
	return s
}

func earlierOf(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

func laterOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
