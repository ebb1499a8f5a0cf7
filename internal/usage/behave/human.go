package behave

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/usage"
	"github.com/retinue-id/retinue/internal/usage/rhythm"
)

const (
	// officeBegin and officeEnd bound office hours on the civil clock.
	officeBegin, officeEnd = 7, 20
	// keyboardDays is on how many days a tool of the keyboard must be used, and
	// officeDays on how many a place without one must be, to be a person's.
	keyboardDays, officeDays = 2, 5
	// officeSpread is how many different hours of the day these must be.
	officeSpread = 4
	// probing is the share of refusals from which on use is no work.
	probing = 0.2
)

// hand is one place and client from which a subject was used.
type hand struct {
	network, agent, consumer string
}

// human tells that a machine's credential was used by a person.
func (d *detector) human() {
	if d.subject.Person {
		return
	}
	hands := map[hand][]*observation{}
	everyone := 0
	for _, x := range d.history.all {
		if x.coarse || x.behaviour.Person {
			continue
		}
		everyone++
		c := &x.behaviour.Consumer
		if h := (hand{c.Network, c.Agent, c.Name}); x.behaviour.Interactive || !ran(c) && (usage.InteractiveAgent(c.Agent) || nameless(c.Agent)) {
			hands[h] = append(hands[h], x)
		}
	}
	order := slices.SortedFunc(maps.Keys(hands), func(a, b hand) int {
		return cmp.Or(cmp.Compare(a.network, b.network), cmp.Compare(a.agent, b.agent), cmp.Compare(a.consumer, b.consumer))
	})
	for _, h := range order {
		d.hand(h, hands[h], everyone)
	}
}

// hand judges one place and client. everyone is how many observations the
// subject has in all.
func (d *detector) hand(h hand, list []*observation, everyone int) {
	tool := usage.InteractiveAgent(h.agent)
	said := slices.ContainsFunc(list, func(x *observation) bool { return x.behaviour.Interactive && !x.denied() })
	zone, spread, count := d.office(list)
	switch {
	case said:
	case zone == nil || probes(list):
		return
	case tool && count >= keyboardDays:
	case !tool && list[0].first.Sub(d.history.start) >= d.options.Learn && nameless(h.agent) && count >= officeDays && spread >= officeSpread && d.machine(list, everyone):
	default:
		return
	}
	why := "with a terminal or browser, by the log's own word"
	if !said {
		why = fmt.Sprintf("on %s and only in office hours of %s", days(count), zone)
	}
	if tool {
		why += ", with a tool that people use at a keyboard"
	}
	s := Signal{Kind: HumanUse, Severity: retinue.SeverityMedium, What: h.network + " " + h.agent + " " + h.consumer,
		Compared: Comparison{From: d.history.start, To: list[0].first, Usual: []string{string(d.subject.Rhythm)}}}
	s.Sentence = fmt.Sprintf("%s looks used by a person from %s: %s.", d.name(), d.place(list[0]), why)
	d.add(s, list)
}

// nameless reports a client that does not say what it is.
func nameless(agent string) bool { return agent == "" || agent == "openssh" }

// probes reports whether so much was refused that it is no work.
func probes(list []*observation) bool {
	var refused, all int64
	for _, x := range list {
		all += x.n
		if x.denied() {
			refused += x.n
		}
	}
	return float64(refused) > probing*float64(all)
}

// machine reports whether the rest of a subject's use is a machine's: by its
// rhythm, and most of it from elsewhere.
func (d *detector) machine(list []*observation, everyone int) bool {
	switch d.subject.Rhythm {
	case rhythm.ClassContinuous, rhythm.ClassSeveral, rhythm.ClassDaily, rhythm.ClassMonthEnd, rhythm.ClassMonthly, rhythm.ClassQuarterly:
		return len(list)*2 < everyone
	}
	return false
}

// office returns the first zone in whose office hours all observations lie, nil
// where there is none; in how many hours of the day, and on how many days.
func (d *detector) office(list []*observation) (zone *time.Location, spread, count int) {
	for _, z := range d.options.Zones {
		hours, days := map[int]bool{}, map[int64]bool{}
		inside := true
		for _, x := range list {
			for _, t := range []time.Time{x.first.In(z), x.last.In(z)} {
				w := t.Weekday()
				inside = inside && w != time.Saturday && w != time.Sunday && t.Hour() >= officeBegin && t.Hour() < officeEnd
				hours[t.Hour()] = true
			}
			days[x.day()] = true
		}
		if inside {
			return z, len(hours), len(days)
		}
	}
	return nil, 0, 0
}
