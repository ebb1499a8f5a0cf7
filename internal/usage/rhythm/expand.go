package rhythm

import (
	"math/bits"
	"slices"
	"time"
)

// dayMask is a day of UTC with a bit for each hour in which something was done.
type dayMask struct {
	day  int64
	mask uint32
}

// expand brings the three grains to one, sorted by day.
func expand(s Series) []dayMask {
	out := make([]dayMask, 0, len(s.Days)+len(s.Hours)/4+12*len(s.Months)+1)
	for i := range s.Months {
		out = s.Months[i].expand(out)
	}
	for i := range s.Days {
		d := &s.Days[i]
		var mask uint32
		for h, n := range d.Hours {
			if n > 0 {
				mask |= 1 << h
			}
		}
		if mask != 0 {
			out = append(out, dayMask{d.Day, mask})
		}
	}
	for _, h := range s.Hours {
		day := floorDiv(h.Hour, 24)
		bit := uint32(1) << (h.Hour - day*24)
		if n := len(out); n > 0 && out[n-1].day == day {
			out[n-1].mask |= bit
		} else {
			out = append(out, dayMask{day, bit})
		}
	}
	return sorted(slices.DeleteFunc(out, func(d dayMask) bool { return d.day < 0 || d.day >= farDay }))
}

// farDay is the first of 2100. What a log says was done then, or before 1970, is
// a mistake, and left out.
const farDay = 47482

// sorted puts days in order where the grains did not follow each other, and
// joins entries of one day.
func sorted(days []dayMask) []dayMask {
	byDay := func(a, b dayMask) int { return int(a.day - b.day) }
	if !slices.IsSortedFunc(days, byDay) {
		slices.SortFunc(days, byDay)
	}
	n := 0
	for i := range days {
		if n > 0 && days[n-1].day == days[i].day {
			days[n-1].mask |= days[i].mask
			continue
		}
		days[n] = days[i]
		n++
	}
	return days[:n]
}

// expand adds the active days of a month, each with the hours that are usual for
// its weekday: those seen at least once a day on average, else the commonest.
func (m *MonthCount) expand(out []dayMask) []dayMask {
	first := dayOf(m.Year, int(m.Month), 1)
	var days [7]uint32
	for b := m.Days; b != 0; b &= b - 1 {
		days[weekday(first+int64(bits.TrailingZeros32(b)))]++
	}
	var masks [7]uint32
	for w := range masks {
		masks[w] = usualHours(m.HourOfWeek[w*24:w*24+24], days[w])
	}
	for b := m.Days; b != 0; b &= b - 1 {
		day := first + int64(bits.TrailingZeros32(b))
		out = append(out, dayMask{day, masks[weekday(day)]})
	}
	return out
}

// usualHours returns a bit for each hour that is usual. Without any count it is
// noon: the day is known and the hour is not.
func usualHours(counts []uint32, days uint32) uint32 {
	best, mask := 0, uint32(0)
	for h, n := range counts {
		if n > counts[best] {
			best = h
		}
		if n > 0 && n >= days {
			mask |= 1 << h
		}
	}
	switch {
	case counts[best] == 0:
		return 1 << 12
	case mask == 0:
		return 1 << best
	}
	return mask
}

// ends returns the first and the last hour in which something was done.
func ends(days []dayMask) (first, last time.Time) {
	a, b := days[0], days[len(days)-1]
	return hourTime(a.day*24 + int64(bits.TrailingZeros32(a.mask))),
		hourTime(b.day*24 + int64(bits.Len32(b.mask)-1))
}

func hourTime(hour int64) time.Time { return time.Unix(hour*3600, 0).UTC() }
