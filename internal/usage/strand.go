package usage

import (
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// strand is the use of a credential or identity by one client from one place: the
// smallest part that a consumer can be made of.
type strand struct {
	key    strandKey
	public bool // of its addresses
	// hours are those in which it acted, sorted, refusals among them; coarse is
	// true where of some of its use only days are kept.
	hours       []int64
	coarse      bool
	uses        int64
	denied      int64
	first, last int64 // seconds
	person      bool
	interactive bool
	networks    []string
	agents      []string
	name        string
	of          []int // the uses, by their place
}

// strandKey is what is known of a client without regard to its history.
type strandKey struct {
	kind    string
	name    string // where the log names the client
	program string // else its program, "" where the log does not say
	network string
	// away is true of what is named and comes from the internet.
	away   bool
	person bool
}

// keyOf says which strand a behaviour belongs to.
func keyOf(b *store.Behaviour) strandKey {
	c := &b.Consumer
	k := strandKey{kind: c.Kind, person: b.Person}
	switch c.Kind {
	case ConsumerApplication:
		k.program, k.network = c.Name, c.Network
	case ConsumerNetwork:
		if k.program, k.network = c.Agent, c.Network; k.program == "" && k.network == "" {
			k.name = c.Name
		}
	default:
		k.name = c.Name
		k.away = publicNetwork(c.Network)
	}
	return k
}

// placed reports whether a strand is known by program and place alone.
func (s *strand) placed() bool {
	return s.key.kind == ConsumerApplication || s.key.kind == ConsumerNetwork
}

func (s *strand) add(i int, u *store.Used) {
	b := &u.Behaviour
	s.of = append(s.of, i)
	s.person = s.person || b.Person
	s.interactive = s.interactive || b.Interactive
	s.networks, s.agents = withWord(s.networks, b.Consumer.Network), withWord(s.agents, b.Consumer.Agent)
	for _, m := range u.Months {
		if b.Outcome == retinue.OutcomeDenied {
			s.denied += m.N
		} else {
			s.uses += m.N
		}
		if s.first == 0 || m.First < s.first {
			s.first = m.First
		}
		s.last = max(s.last, m.Last)
		s.coarse = s.coarse || len(m.Hours) == 0
		for _, t := range m.Hours {
			s.hours = append(s.hours, t.Hour)
		}
	}
}

// strands takes all use apart, in the order in which it began.
func strands(used []store.Used) []*strand {
	byKey := map[strandKey]*strand{}
	var out []*strand
	for i := range used {
		b := &used[i].Behaviour
		if b.Class == retinue.EventUnknown || b.Class == retinue.EventInsight {
			continue
		}
		k := keyOf(b)
		s := byKey[k]
		if s == nil {
			s = &strand{key: k, public: publicNetwork(k.network), name: b.Consumer.Name}
			byKey[k] = s
			out = append(out, s)
		}
		s.add(i, &used[i])
	}
	for _, s := range out {
		slices.Sort(s.hours)
		s.hours = slices.Compact(s.hours)
	}
	slices.SortStableFunc(out, func(a, b *strand) int { return int(a.first - b.first) })
	return carried(out)
}

// carried tells the use of a workload's credential by another program from the
// internet from that of the workload, which is inside: what names it there is its
// token and not who has it.
func carried(all []*strand) []*strand {
	home := map[strandKey]*strand{}
	for _, s := range all {
		if !s.key.away && !s.placed() {
			home[s.key] = s
		}
	}
	for _, s := range all {
		if !s.key.away {
			continue
		}
		k := s.key
		k.away = false
		h := home[k]
		if h == nil || len(s.agents) == 0 || len(h.agents) == 0 || common(h.agents, s.agents) {
			continue
		}
		s.key = strandKey{kind: ConsumerNetwork, program: s.agents[0], network: strings.Join(s.networks, ", "), person: s.person}
		s.public, s.name = true, s.agents[0]+" from "+s.networks[0]
	}
	return all
}

// publicNetwork reports whether a block of addresses is of the internet. One that
// the installation has given a name is not taken to be.
func publicNetwork(block string) bool {
	p, err := netip.ParsePrefix(block)
	if err != nil {
		return false
	}
	a := p.Addr()
	return !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast()
}

// Clocks are compared by the hours of the day and the days of the week at which
// two strands acted while both were there.
const (
	// clockHours is how many hours each must have acted in to be told apart by its
	// clock, and clockLeast to be told alike, which chance does not make two that
	// act seldom.
	clockHours = 8
	clockLeast = 3
	// clockFar is from what share of their hours on two clocks are two.
	clockFar = 0.3
	// clockNear is up to what share of their hours they are one.
	clockNear = 0.35
	// clockSure is by how many standard deviations their difference must be beyond
	// chance.
	clockSure = 6.0
)

// clock is when something acted: in how many hours of each hour of the day, and
// of each day of the week.
type clock struct {
	day  [24]float64
	week [7]float64
	n    float64
	days int // on how many days
}

// clockOf is the clock of the hours from one up to another.
func clockOf(hours []int64, from, to int64) clock {
	var c clock
	day := int64(-1)
	for _, h := range hours {
		if h < from || h > to {
			continue
		}
		if h/24 != day {
			day = h / 24
			c.days++
		}
		w := store.HourOfWeek(h)
		c.day[w%24]++
		c.week[w/24]++
		c.n++
	}
	return c
}

// apart reports whether two strands that act side by side keep different hours, by
// far more than chance would have one that is now here and now there do.
func apart(a, b *strand) bool {
	if a.coarse || b.coarse {
		return false
	}
	x, y := sideClocks(a, b)
	return x.n >= clockHours && y.n >= clockHours && (differ(x.day[:], y.day[:]) || differ(x.week[:], y.week[:]))
}

// alike reports whether two strands keep the same hours: side by side, or one
// after the other.
func alike(a, b *strand) bool {
	if a.coarse || b.coarse {
		return false
	}
	x, y := sideClocks(a, b)
	if a.last <= b.first || b.last <= a.first {
		x, y = clockOf(a.hours, 0, 1<<62), clockOf(b.hours, 0, 1<<62)
	}
	if x.n < clockLeast || y.n < clockLeast || differ(x.day[:], y.day[:]) || differ(x.week[:], y.week[:]) {
		return false
	}
	return distance(blur(x.day), blur(y.day)) <= clockNear
}

// sideClocks are the clocks of the time in which both were there.
func sideClocks(a, b *strand) (x, y clock) {
	from, to := max(a.first, b.first)/3600, min(a.last, b.last)/3600
	return clockOf(a.hours, from, to), clockOf(b.hours, from, to)
}

// blur spreads each hour to its neighbours: clocks change in spring, and work is
// late.
func blur(day [24]float64) []float64 {
	out := make([]float64, len(day))
	for h, n := range day {
		out[h] += n / 2
		out[(h+1)%24] += n / 4
		out[(h+23)%24] += n / 4
	}
	return out
}

// distance is the share of their hours in which two clocks do not agree.
func distance(x, y []float64) float64 {
	nx, ny := sumOf(x), sumOf(y)
	var d float64
	for i := range x {
		d += max(x[i]/nx-y[i]/ny, 0)
	}
	return d
}

// differ reports whether two counts are of two distributions, by Pearson's
// chi-squared in the normal approximation of Wilson and Hilferty (1931).
func differ(x, y []float64) bool {
	nx, ny := sumOf(x), sumOf(y)
	var chi, cells float64
	for i := range x {
		if both := x[i] + y[i]; both > 0 {
			cells++
			ex, ey := both*nx/(nx+ny), both*ny/(nx+ny)
			chi += (x[i]-ex)*(x[i]-ex)/ex + (y[i]-ey)*(y[i]-ey)/ey
		}
	}
	return cells > 1 && distance(x, y) >= clockFar && beyond(chi, cells-1) >= clockSure
}

func sumOf(x []float64) (n float64) {
	for _, v := range x {
		n += v
	}
	return n
}

// beyond is by how many standard deviations a chi-squared of some degrees of
// freedom is beyond its mean.
func beyond(chi, degrees float64) float64 {
	v := 2 / (9 * degrees)
	return (math.Cbrt(chi/degrees) - (1 - v)) / math.Sqrt(v)
}
