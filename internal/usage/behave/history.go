package behave

import (
	"bytes"
	"cmp"
	"math/bits"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// dimension is a side of a use that can be new.
type dimension int

const (
	dimNetwork dimension = iota
	dimAgent
	dimService
	dimAction
	dimRegion
	dimensions
)

// kind is the signal about something new of a dimension.
func (d dimension) kind() Kind {
	return [...]Kind{FirstNetwork, FirstAgent, FirstService, FirstAction, FirstRegion}[d]
}

// word names a dimension in sentences and masks.
func (d dimension) word() string {
	return [...]string{"network", "agent", "service", "action", "region"}[d]
}

// observation is that a behaviour was seen in an hour; or on a day or in a month
// of which the hours are no longer known.
type observation struct {
	behaviour *store.Behaviour
	hash      store.BehaviourHash
	values    [dimensions]string
	hour      int64
	n         int64
	first     time.Time
	last      time.Time
	coarse    bool
}

func (x *observation) denied() bool { return x.behaviour.Outcome == retinue.OutcomeDenied }
func (x *observation) day() int64   { return floor(x.hour, 24) }

// vague reports whether the log says what was done, but not to what sort of
// thing, though the action is a verb.
func (x *observation) vague() bool { return x.values[dimService] == "" }

// History is what a subject did, in order of time. It is only read once it was
// made, by any number of goroutines, and refers to the uses that it was made of.
type History struct {
	all []*observation
	// start is when it was first seen to act.
	start time.Time
}

// Replay puts uses into the order of time.
func Replay(used []store.Used) *History {
	h := &History{}
	n := 0
	for i := range used {
		for j := range used[i].Months {
			n += moments(&used[i].Months[j])
		}
	}
	kept := make([]observation, 0, n)
	for i := range used {
		b := &used[i].Behaviour
		if b.Class == retinue.EventUnknown || b.Class == retinue.EventInsight {
			continue
		}
		x := observation{behaviour: b, hash: b.Hash(), values: valuesOf(b)}
		for j := range used[i].Months {
			kept = expand(kept, x, &used[i].Months[j])
		}
	}
	h.all = make([]*observation, len(kept))
	for i := range kept {
		h.all[i] = &kept[i]
	}
	slices.SortStableFunc(h.all, func(a, b *observation) int {
		if c := a.first.Compare(b.first); c != 0 {
			return c
		}
		return bytes.Compare(a.hash[:], b.hash[:])
	})
	if len(h.all) > 0 {
		h.start = h.all[0].first
	}
	return h
}

// moments is how many observations a month holds.
func moments(m *store.Month) int {
	if m.Grain == store.GrainHour || m.Grain == 0 {
		return len(m.Hours)
	}
	return len(m.Hours) + bits.OnesCount32(m.Days)
}

// expand adds the observations of a month of a behaviour.
func expand(kept []observation, x observation, m *store.Month) []observation {
	put := func(hour, n int64, first, last time.Time, coarse bool) {
		x.hour, x.n, x.first, x.last, x.coarse = hour, n, first, last, coarse
		kept = append(kept, x)
	}
	for _, t := range m.Hours {
		put(t.Hour, t.N, seconds(t.First), seconds(t.Last), false)
	}
	if m.Grain == store.GrainHour || m.Grain == 0 {
		return kept
	}
	days, start := 0, store.MonthStart(m.Month)
	for d := range int64(31) {
		if m.Days&(1<<d) == 0 {
			continue
		}
		n := max(1, m.N/int64(bits.OnesCount32(m.Days))) // in the mean
		if days < len(m.DayCounts) {
			n = m.DayCounts[days]
		}
		days++
		hour := start + d*24
		put(hour, n, seconds(hour*3600), seconds(hour*3600+86399), true)
	}
	return kept
}

func seconds(s int64) time.Time { return time.Unix(s, 0).UTC() }

func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// valuesOf are the sides of a behaviour.
func valuesOf(b *store.Behaviour) [dimensions]string {
	var v [dimensions]string
	v[dimNetwork], v[dimAgent], v[dimRegion] = b.Consumer.Network, b.Consumer.Agent, b.Region
	v[dimAction] = cmp.Or(b.Action, b.Operation)
	if i := strings.IndexAny(v[dimAction], ":."); i > 0 {
		v[dimService] = v[dimAction][:i]
	} else if b.Resource.Kind != "" && v[dimAction] != "" {
		// A verb says little without what it is done to.
		v[dimService] = b.Resource.Kind
		v[dimAction] += " " + b.Resource.Kind
	}
	return v
}

// private reports whether a network lies in a range that is not routed in the
// internet: RFC 1918, RFC 4193, RFC 6598, loopback, link-local.
func private(network string) bool {
	p, err := netip.ParsePrefix(network)
	if err != nil {
		return false
	}
	a := p.Addr()
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, 0, 0}), 10).Contains(a)
}

// ran reports whether the log itself names what ran the client.
func ran(c *store.Consumer) bool {
	return c.Name != "" && (c.Kind == "workload" || c.Kind == "pipeline" || c.Kind == "service")
}
