package behave

import (
	"cmp"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

const (
	// usualAmong is how many others must use a value, each on usualDays, for it to
	// be usual among them: an attacker who goes from one to the next is not.
	usualAmong, usualDays = 3, 5
	// peersKept is how many are remembered of each value.
	peersKept = 8
)

// Peers is what the identities of a group use: those of one realm, or of one
// consumer. It is filled first and then only read, by any number of goroutines.
type Peers struct {
	values map[peerValue][]peerUse
}

type peerValue struct {
	dim   dimension
	value string
}

type peerUse struct {
	ref   retinue.Ref
	first time.Time // the fifth day of use
}

// Habit is a value that somebody used on five days or more.
type Habit struct {
	// Side is network, agent, service, action or region.
	Side  string `json:"side"`
	Value string `json:"value"`
	// Since is the fifth day, in days since 1970.
	Since int64 `json:"since"`
}

// maxHabits is how many habits are told of one subject, the oldest first.
const maxHabits = 500

// Habits are what a subject does on many days: what makes a thing usual among
// its peers. They are sorted, the oldest first.
func Habits(used []store.Used) []Habit { return Replay(used).Habits() }

// dayCount counts the days on which something was seen, in order of time, up to
// usualDays.
type dayCount struct {
	n    int
	last int64
}

// Habits are those of the function of that name.
func (h *History) Habits() []Habit {
	var own [dimensions]map[string]*dayCount
	for d := range own {
		own[d] = map[string]*dayCount{}
	}
	for _, x := range h.all {
		if x.denied() {
			continue
		}
		day := x.day()
		for d, v := range x.values {
			c := own[d][v]
			if c == nil {
				c = &dayCount{n: 1, last: day}
				own[d][v] = c
			} else if c.n < usualDays && c.last != day {
				c.n, c.last = c.n+1, day
			}
		}
	}
	var out []Habit
	for d := range dimensions {
		for v, c := range own[d] {
			if v != "" && c.n == usualDays {
				out = append(out, Habit{Side: d.word(), Value: v, Since: c.last})
			}
		}
	}
	slices.SortFunc(out, func(a, b Habit) int {
		return cmp.Or(cmp.Compare(a.Since, b.Since), cmp.Compare(a.Side, b.Side), cmp.Compare(a.Value, b.Value))
	})
	return out[:min(len(out), maxHabits)]
}

// Add takes up what one of the group did.
func (p *Peers) Add(ref retinue.Ref, used []store.Used) { p.AddHabits(ref, Habits(used)) }

// AddHabits takes up the habits of one of the group, who must not be added
// twice.
func (p *Peers) AddHabits(ref retinue.Ref, habits []Habit) {
	if p.values == nil {
		p.values = map[peerValue][]peerUse{}
	}
	for _, h := range habits {
		for d := range dimensions {
			if d.word() == h.Side {
				k := peerValue{d, h.Value}
				p.values[k] = keepEarliest(p.values[k], peerUse{ref, seconds(h.Since * 86400)})
			}
		}
	}
}

// keepEarliest adds a use to those that are remembered, the latest going where
// there are too many.
func keepEarliest(list []peerUse, u peerUse) []peerUse {
	if len(list) < peersKept {
		return append(list, u)
	}
	late := 0
	for i := range list {
		if list[i].first.After(list[late].first) {
			late = i
		}
	}
	if u.first.Before(list[late].first) {
		list[late] = u
	}
	return list
}

// usual reports whether a value was usual among others before.
func (p *Peers) usual(d dimension, value string, before time.Time, self retinue.Ref) bool {
	if p == nil {
		return false
	}
	n := 0
	for _, u := range p.values[peerValue{d, value}] {
		if u.ref != self && u.first.Before(before) {
			n++
		}
	}
	return n >= usualAmong
}
