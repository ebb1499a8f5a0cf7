package behave

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
)

// expectedMeetings is how many hours in common two networks would have by chance
// that never had one, for their first to be told. With fewer it means nothing.
const expectedMeetings = 3

// pair is two networks, sorted.
type pair [2]string

// meetings are the networks from which a subject acted, and in which hours they
// met.
type meetings struct {
	hours map[string]int // hours in which it acted from a network
	met   map[pair]bool
	total int
	// told are the signals about places that were met with, by the rarer of both.
	told map[string]int
}

// places tells that two networks were used in one hour that never were before.
func (d *detector) places() {
	m := meetings{hours: map[string]int{}, met: map[pair]bool{}, told: map[string]int{}}
	days := map[int64]bool{}
	all := d.history.all
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].hour == all[i].hour && all[j].coarse == all[i].coarse {
			j++
		}
		now := byNetwork(all[i:j])
		if !all[i].coarse && len(now) > 1 && all[i].first.Sub(d.history.start) >= d.options.Learn && len(days) >= d.options.MinDays {
			d.meet(&m, now)
		}
		m.add(now)
		days[all[i].day()] = true
		i = j
	}
}

// byNetwork are the uses of an hour by network, sorted. What was refused was not
// done from there.
func byNetwork(hour []*observation) []*observation {
	var out []*observation
	for _, x := range hour {
		v := x.values[dimNetwork]
		if v == "" || x.denied() || slices.ContainsFunc(out, func(y *observation) bool { return y.values[dimNetwork] == v }) {
			continue
		}
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b *observation) int { return cmp.Compare(a.values[dimNetwork], b.values[dimNetwork]) })
	return out
}

func (m *meetings) add(now []*observation) {
	m.total++
	for i, x := range now {
		m.hours[x.values[dimNetwork]]++
		for _, y := range now[i+1:] {
			m.met[pair{x.values[dimNetwork], y.values[dimNetwork]}] = true
		}
	}
}

// meet tells those that meet for the first time, where that is a surprise.
func (d *detector) meet(m *meetings, now []*observation) {
	for i, x := range now {
		for _, y := range now[i+1:] {
			p := pair{x.values[dimNetwork], y.values[dimNetwork]}
			if m.met[p] || !m.surprising(p) || alike(x, y) {
				continue
			}
			odd := x
			if m.hours[p[1]] < m.hours[p[0]] {
				odd = y
			}
			if was, ok := m.told[odd.values[dimNetwork]]; ok && x.first.Sub(d.found[was].First) < episode {
				d.found[was].take(x)
				d.found[was].take(y)
				continue
			}
			s := Signal{Kind: TwoPlaces, Severity: retinue.SeverityHigh, What: p[0] + " and " + p[1],
				Compared: Comparison{From: d.history.start, To: x.first, Usual: m.usual()}}
			s.Sentence = fmt.Sprintf("%s was used in one hour, that of %s, from %s and from %s, which were never used together in %d hours since %s.",
				d.name(), minute(time.Unix(x.hour*3600, 0)), d.place(x), d.place(y), m.total, date(d.history.start))
			if d.add(s, []*observation{x, y}) {
				m.told[odd.values[dimNetwork]] = len(d.found) - 1
			}
		}
	}
}

// alike reports two places that are no surprise together: one workload that
// runs in several, or two that are both within private ranges, where what is
// rolled out runs in two for a while.
func alike(x, y *observation) bool {
	a, b := &x.behaviour.Consumer, &y.behaviour.Consumer
	sameRun := ran(a) && ran(b) && a.Kind == b.Kind && a.Name == b.Name
	px, py := private(a.Network), private(b.Network)
	return px && py || sameRun && px == py
}

// surprising reports whether two networks that never met are one of them new, or
// both so busy that they would have met by chance.
func (m *meetings) surprising(p pair) bool {
	a, b := float64(m.hours[p[0]]), float64(m.hours[p[1]])
	if a == 0 && b == 0 {
		return false
	}
	return a == 0 || b == 0 || a*b/float64(m.total) >= expectedMeetings
}

func (m *meetings) usual() []string {
	return mostUsual(slices.Collect(maps.Keys(m.hours)), func(v string) int { return m.hours[v] })
}
