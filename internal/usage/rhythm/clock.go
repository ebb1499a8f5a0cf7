package rhythm

import (
	"math"
	"math/bits"
)

// clock is a series seen on a zone's clock. A working day of the clock begins at
// Cut, the middle of the longest quiet stretch, so that a job around midnight
// falls into one day with all its runs.
type clock struct {
	zone *zone
	cut  int64
	// shift is what is added to the number of a working day for the date by which
	// people call it: that of its busiest hour.
	shift int64
	// days are the working days in which something was done, bit 0 of a mask being
	// the hour of the cut.
	days []dayMask
	// starts counts the working days by the hour of their first act, from the cut.
	starts [24]uint32
	// score is how well the starts gather in few hours: the logarithm of their
	// probability where every distribution over the hours was as likely before.
	score float64
}

// see lays a series out on a zone's clock, into the storage of days.
func see(z *zone, utc []dayMask, days []dayMask) clock {
	c := clock{zone: z}
	hist := c.histogram(utc)
	mode := 0
	for h, n := range hist {
		if n > hist[mode] {
			mode = h
		}
	}
	c.cut = quietest(&hist)
	if int64(mode) < c.cut {
		c.shift = 1
	}
	c.days = c.cutDays(utc, days[:0])
	for _, d := range c.days {
		c.starts[bits.TrailingZeros32(d.mask)]++
	}
	c.score = gathered(&c.starts)
	return c
}

// tickAlike reports whether two zones keep the same distance from each other while
// a series lasts. Such zones are told apart by their dates alone.
func tickAlike(a, b *zone, utc []dayMask) bool {
	first, last := utc[0].day*86400, (utc[len(utc)-1].day+1)*86400
	i, k := a.at(first), b.at(first)
	m, n := a.at(last), b.at(last)
	if m-i != n-k {
		return false
	}
	apart := a.offset[i] - b.offset[k]
	for d := 1; d <= m-i; d++ {
		if a.from[i+d] != b.from[k+d] || a.offset[i+d]-b.offset[k+d] != apart {
			return false
		}
	}
	return true
}

// keepsHours reports whether most working days start within four hours of each
// other: where they do not, the hours say nothing about the zone.
func (c *clock) keepsHours() bool {
	var most, total uint32
	for h := range 24 {
		var sum uint32
		for i := range 4 {
			sum += c.starts[(h+i)%24]
		}
		most = max(most, sum)
		total += c.starts[h]
	}
	return most*10 >= total*6
}

// histogram counts the hours of the zone's clock.
func (c *clock) histogram(utc []dayMask) (hist [24]uint32) {
	k := c.zone.at(utc[0].day * 86400)
	for _, d := range utc {
		off := c.offset(&k, d)
		for m := d.mask; m != 0; m &= m - 1 {
			h := (int64(bits.TrailingZeros32(m)) + off + 48) % 24
			hist[h]++
		}
	}
	return hist
}

// offset returns the whole hours by which the hours of a day are moved. k is the
// index of the offset that held for the day before.
func (c *clock) offset(k *int, d dayMask) int64 {
	sec := d.day*86400 + int64(bits.TrailingZeros32(d.mask))*3600
	for *k+1 < len(c.zone.from) && c.zone.from[*k+1] <= sec {
		*k++
	}
	return floorDiv(c.zone.offset[*k]+1800, 3600)
}

// cutDays divides the hours into working days.
func (c *clock) cutDays(utc, days []dayMask) []dayMask {
	k := c.zone.at(utc[0].day * 86400)
	add := func(day int64, mask uint32) {
		if mask == 0 {
			return
		}
		if n := len(days); n > 0 && days[n-1].day == day {
			days[n-1].mask |= mask
		} else {
			days = append(days, dayMask{day, mask})
		}
	}
	for _, d := range utc {
		start := d.day*24 + c.offset(&k, d) - c.cut
		day := floorDiv(start, 24)
		wide := uint64(d.mask) << (start - day*24)
		add(day, uint32(wide&(1<<24-1)))
		add(day+1, uint32(wide>>24))
	}
	return days
}

// quietest returns the middle of the longest stretch of the day in which next to
// nothing is done, and 0 where there is none.
func quietest(hist *[24]uint32) int64 {
	var total uint32
	for _, n := range hist {
		total += n
	}
	best, from := 0, 0
	for start := range hist {
		var sum uint32
		n := 0
		for n < 24 {
			sum += hist[(start+n)%24]
			if sum > total/50 {
				break
			}
			n++
		}
		if n > best && n < 24 {
			best, from = n, start
		}
	}
	if best == 0 {
		return 0
	}
	return int64((from + best/2) % 24)
}

// gathered is the logarithm of the probability of the starts under a Dirichlet
// prior of 1/4 an hour: the fewer hours they fall into, the higher.
func gathered(starts *[24]uint32) float64 {
	const prior = 0.25
	total, score := 0.0, 0.0
	single, _ := math.Lgamma(prior)
	for _, n := range starts {
		if n > 0 {
			v, _ := math.Lgamma(float64(n) + prior)
			score += v - single
			total += float64(n)
		}
	}
	a, _ := math.Lgamma(24 * prior)
	b, _ := math.Lgamma(24*prior + total)
	return score + a - b
}

// date is the date by which people call a working day.
func (c *clock) date(day int64) int64 { return day + c.shift }

// day returns the working day of a second.
func (c *clock) day(sec int64) int64 {
	return floorDiv(floorDiv(sec, 3600)+c.zone.hours(sec)-c.cut, 24)
}
