package logs

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// Part is a part of a log: what one realm wrote to it in one region.
type Part struct {
	Log    string
	Realm  retinue.Realm
	Region string
}

// Stretch is what was seen of a part.
type Stretch struct {
	First   time.Time
	Last    time.Time
	Events  int64
	Classes map[retinue.EventClass]int64
	// Faults are what could not be read in the inputs in which the part was seen.
	Faults int64
}

// maxParts bounds Seen: regions are the log's own words.
const maxParts = 10_000

// Seen is what a run read, by part.
type Seen map[Part]*Stretch

// Parts lists the parts in order.
func (s Seen) Parts() []Part {
	return slices.SortedFunc(maps.Keys(s), func(a, b Part) int {
		if c := strings.Compare(a.Log, b.Log); c != 0 {
			return c
		}
		if c := strings.Compare(string(a.Realm), string(b.Realm)); c != 0 {
			return c
		}
		return strings.Compare(a.Region, b.Region)
	})
}

// Coverage makes one Coverage of each log and realm, from the first event to the
// last, with the classes that were seen and the blind spots given. It claims no
// proof and no authenticated way in.
func (s Seen) Coverage(blind ...retinue.BlindSpot) []retinue.Coverage {
	var out []retinue.Coverage
	for _, p := range s.Parts() {
		st := s[p]
		if st.Events == 0 || p.Realm == "" {
			continue
		}
		n := len(out) - 1
		if n < 0 || out[n].Log != p.Log || out[n].Realm != p.Realm {
			out = append(out, retinue.Coverage{Log: p.Log, Realm: p.Realm, From: st.First, To: st.Last, BlindSpots: blind})
			n++
		}
		c := &out[n]
		if st.First.Before(c.From) {
			c.From = st.First
		}
		if st.Last.After(c.To) {
			c.To = st.Last
		}
		for class := range st.Classes {
			if class != retinue.EventUnknown && !slices.Contains(c.Classes, class) {
				c.Classes = append(c.Classes, class)
			}
		}
		slices.Sort(c.Classes)
	}
	return out
}

// add counts an event.
func (s Seen) add(e *retinue.Event) {
	p := Part{Log: e.Log, Realm: e.Realm, Region: e.Region}
	st := s[p]
	if st == nil {
		if len(s) >= maxParts {
			return
		}
		st = &Stretch{First: e.At, Last: e.At, Classes: map[retinue.EventClass]int64{}}
		s[p] = st
	}
	st.Events++
	st.Classes[e.Class]++
	if e.At.Before(st.First) {
		st.First = e.At
	}
	if e.At.After(st.Last) {
		st.Last = e.At
	}
}

// merge adds what was seen in one input.
func (s Seen) merge(o Seen, faults int64) {
	for p, st := range o {
		st.Faults += faults
		have := s[p]
		if have == nil {
			s[p] = st
			continue
		}
		have.Events += st.Events
		have.Faults += st.Faults
		for c, n := range st.Classes {
			have.Classes[c] += n
		}
		if st.First.Before(have.First) {
			have.First = st.First
		}
		if st.Last.After(have.Last) {
			have.Last = st.Last
		}
	}
}
