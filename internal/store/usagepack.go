package store

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/retinue-id/retinue"
)

// Tally is how often a behaviour was seen in an hour. First and Last are seconds
// since 1970.
type Tally struct {
	Hour  int64 `json:"hour"`
	N     int64 `json:"n"`
	First int64 `json:"first"`
	Last  int64 `json:"last"`
}

// Grain is how fine counts are.
type Grain byte

// The grains, the finest first.
const (
	GrainHour  Grain = 'h'
	GrainDay   Grain = 'd'
	GrainMonth Grain = 'm'
)

// Month is what is kept of a behaviour for a calendar month. By hour it has
// Hours alone. Coarser it has the rest: rhythm, heat map and simulation outlive
// the hours.
type Month struct {
	Month int64
	Grain Grain
	Hours []Tally // sorted
	// N is how often, First and Last when, in seconds since 1970.
	N     int64
	First int64
	Last  int64
	// Days has bit d-1 set for the day d on which it was seen; DayCounts are how
	// often on each of them, by day grain only.
	Days      uint32
	DayCounts []int64
	// Week is how often by hour of the week, Monday 00:00 UTC being 0.
	Week map[uint8]int64
}

// HourOfWeek is the hour of the week of an hour since 1970, in UTC, Monday 00:00
// being 0.
func HourOfWeek(hour int64) uint8 {
	h := (hour + 72) % 168 // 1970 began on a Thursday
	if h < 0 {
		h += 168
	}
	return uint8(h) //nolint:gosec // below 168
}

// Sum fills N, First and Last of a month by hour.
func (m *Month) Sum() {
	if m.Grain != GrainHour || len(m.Hours) == 0 {
		return
	}
	m.N, m.First, m.Last = 0, m.Hours[0].First, m.Hours[0].Last
	for _, t := range m.Hours {
		m.N += t.N
		m.First, m.Last = min(m.First, t.First), max(m.Last, t.Last)
	}
}

// Clone returns a copy that shares nothing with m.
func (m Month) Clone() Month {
	m.Hours, m.DayCounts, m.Week = slices.Clone(m.Hours), slices.Clone(m.DayCounts), maps.Clone(m.Week)
	return m
}

// Coarsen makes a month coarser; a finer grain than it has changes nothing.
func (m *Month) Coarsen(to Grain) {
	if m.Grain == GrainHour && to != GrainHour {
		m.Sum()
		start := MonthStart(m.Month)
		counts := map[int64]int64{}
		m.Week = map[uint8]int64{}
		for _, t := range m.Hours {
			d := (t.Hour - start) / 24
			m.Days |= 1 << d
			counts[d] += t.N
			m.Week[HourOfWeek(t.Hour)] += t.N
		}
		for d := range int64(31) {
			if m.Days&(1<<d) != 0 {
				m.DayCounts = append(m.DayCounts, counts[d])
			}
		}
		m.Hours, m.Grain = nil, GrainDay
	}
	if m.Grain == GrainDay && to == GrainMonth {
		m.DayCounts, m.Grain = nil, GrainMonth
	}
}

// Merge adds the counts of another part of the same month. The result is as
// coarse as the coarser of the two.
func (m *Month) Merge(o Month) {
	if len(m.Hours) == 0 && m.N == 0 {
		*m = o
		return
	}
	grain := max(m.Grain.rank(), o.Grain.rank())
	m.Coarsen(grains[grain])
	o.Coarsen(grains[grain])
	if m.Grain == GrainHour {
		m.Hours = mergeTallies(m.Hours, o.Hours)
		m.Sum()
		return
	}
	if m.Grain == GrainDay {
		m.DayCounts = mergeDays(*m, o)
	}
	m.Days |= o.Days
	for h, n := range o.Week {
		m.Week[h] += n
	}
	m.N += o.N
	m.First, m.Last = min(m.First, o.First), max(m.Last, o.Last)
}

var grains = [...]Grain{GrainHour, GrainDay, GrainMonth}

func (g Grain) rank() int { return max(0, slices.Index(grains[:], g)) }

func mergeDays(a, b Month) []int64 {
	var out []int64
	i, j := 0, 0
	for d := range 31 {
		var n int64
		bit := uint32(1) << d
		if a.Days&bit != 0 {
			n += a.DayCounts[i]
			i++
		}
		if b.Days&bit != 0 {
			n += b.DayCounts[j]
			j++
		}
		if (a.Days|b.Days)&bit != 0 {
			out = append(out, n)
		}
	}
	return out
}

// mergeTallies merges two sorted lists, adding what is of one hour.
func mergeTallies(a, b []Tally) []Tally {
	out := make([]Tally, 0, len(a)+len(b))
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Hour < b[0].Hour:
			out, a = append(out, a[0]), a[1:]
		case len(a) == 0 || b[0].Hour < a[0].Hour:
			out, b = append(out, b[0]), b[1:]
		default:
			out = append(out, Tally{Hour: a[0].Hour, N: a[0].N + b[0].N, First: min(a[0].First, b[0].First), Last: max(a[0].Last, b[0].Last)})
			a, b = a[1:], b[1:]
		}
	}
	return out
}

// Pack writes a month in few bytes: a byte for the grain, then numbers of
// variable length.
func (m Month) Pack() []byte {
	start := MonthStart(m.Month)
	out := []byte{byte(m.Grain)}
	put := func(v int64) { out = binary.AppendUvarint(out, uint64(v)) } //nolint:gosec // none is negative
	if m.Grain == GrainHour {
		at := start
		for _, t := range m.Hours {
			put(t.Hour - at)
			at = t.Hour + 1
			put(t.N)
			put(t.First - t.Hour*3600)
			put(t.Last - t.First)
		}
		return out
	}
	put(m.N)
	put(m.First - start*3600)
	put(m.Last - m.First)
	put(int64(m.Days))
	if m.Grain == GrainDay {
		for _, n := range m.DayCounts {
			put(n)
		}
	}
	for h := range uint8(168) {
		if n := m.Week[h]; n > 0 {
			put(int64(h))
			put(n)
		}
	}
	return out
}

// UnpackMonth reads what Pack wrote. It reports anything else as ErrInvalid.
func UnpackMonth(month int64, body []byte) (Month, error) {
	m := Month{Month: month}
	if len(body) == 0 || !slices.Contains(grains[:], Grain(body[0])) {
		return m, badMonth(month)
	}
	m.Grain = Grain(body[0])
	body = body[1:]
	var err error
	take := func() int64 {
		v, n := binary.Uvarint(body)
		if n <= 0 || v > 1<<50 {
			err = badMonth(month)
			body = nil
			return 0
		}
		body = body[n:]
		return int64(v) //nolint:gosec // bounded above
	}
	start := MonthStart(month)
	if m.Grain == GrainHour {
		for at := start; len(body) > 0; {
			t := Tally{Hour: at + take(), N: take()}
			if t.Hour >= start+31*24 || t.Hour < start {
				return m, badMonth(month)
			}
			t.First = t.Hour*3600 + take()
			t.Last = t.First + take()
			at = t.Hour + 1
			m.Hours = append(m.Hours, t)
		}
		m.Sum()
		return m, err
	}
	m.N = take()
	m.First = start*3600 + take()
	m.Last = m.First + take()
	days := take()
	if days >= 1<<31 {
		return m, badMonth(month)
	}
	m.Days = uint32(days) //nolint:gosec // 31 bits
	if m.Grain == GrainDay {
		for d := range 31 {
			if m.Days&(1<<d) != 0 {
				m.DayCounts = append(m.DayCounts, take())
			}
		}
	}
	m.Week = map[uint8]int64{}
	for len(body) > 0 && err == nil {
		h := take()
		if h >= 168 {
			return m, badMonth(month)
		}
		m.Week[uint8(h)] += take() //nolint:gosec // below 168
	}
	return m, err
}

func badMonth(month int64) error {
	return fmt.Errorf("%w: packed counts of month %d", retinue.ErrInvalid, month)
}
