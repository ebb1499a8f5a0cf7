package behave

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
)

const (
	// volumeDays is how many days a baseline of volume has, at least and at most.
	volumeDays, volumeMost = 14, 60
	// A day is told that exceeds the median by volumeDeviations times the median
	// absolute deviation (made comparable to a standard deviation by 1.4826), the
	// highest day by volumeFactor, and that by at least volumeExcess events.
	volumeDeviations, volumeFactor, volumeExcess = 8, 3, 50
)

// volume tells days far above all days before, of those on which it acted.
func (d *detector) volume() {
	days := map[int64][]*observation{}
	for _, x := range d.history.all {
		days[x.day()] = append(days[x.day()], x)
	}
	var before []int64
	for _, day := range slices.Sorted(maps.Keys(days)) {
		of := days[day]
		var n, refused int64
		for _, x := range of {
			n += x.n
			if x.denied() {
				refused += x.n
			}
		}
		recent := before[max(0, len(before)-volumeMost):]
		if len(recent) >= volumeDays {
			c := spread(recent)
			limit := max(c.Median+volumeDeviations*1.4826*c.Deviation, volumeFactor*float64(c.Highest), float64(c.Highest)+volumeExcess)
			if float64(n-refused) > limit { // what refusals explain is told as such
				d.surge(day, n, c, len(recent), of)
				n = 2 * c.Highest // one surge makes the next no more usual than that
			}
		}
		before = append(before, n)
	}
}

// spread is the median, the median absolute deviation and the highest of counts.
func spread(counts []int64) Comparison {
	median := func(v []float64) float64 {
		slices.Sort(v)
		n := len(v)
		return (v[(n-1)/2] + v[n/2]) / 2
	}
	v := make([]float64, len(counts))
	for i, n := range counts {
		v[i] = float64(n)
	}
	c := Comparison{Median: median(v), Highest: slices.Max(counts)}
	for i, n := range counts {
		v[i] = max(float64(n)-c.Median, c.Median-float64(n))
	}
	c.Deviation = median(v)
	return c
}

func (d *detector) surge(day, n int64, c Comparison, of int, list []*observation) {
	at := time.Unix(day*86400, 0).UTC()
	c.From, c.To, c.Days = d.history.start, at, of
	s := Signal{Kind: Volume, Severity: retinue.SeverityMedium, What: date(at), Compared: c}
	s.Sentence = fmt.Sprintf("%s acted %d times on %s; on the %s before on which it acted it did so %.0f times in the median and at most %d times.",
		d.name(), n, date(at), days(of), c.Median, c.Highest)
	d.add(s, list)
}
