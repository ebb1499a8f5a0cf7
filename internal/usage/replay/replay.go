package replay

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage"
)

// Fate is what becomes of a use.
type Fate string

// The fates. Refused and GoesOn are judged, the other two are not.
const (
	Refused  Fate = "refused"
	GoesOn   Fate = "goes_on"
	Unjudged Fate = "unjudged"
	// Unexplained is a use that succeeded although it is denied by what is known
	// of access as it stands: the inventory or the engine lacks something.
	Unexplained Fate = "unexplained"
)

// Fates lists every fate, those that people must see first.
func Fates() []Fate { return []Fate{Refused, Unjudged, Unexplained, GoesOn} }

// Judge says what a change makes of a behaviour, and why. It is asked about uses
// only; see [Use].
type Judge interface {
	Judge(b *store.Behaviour) (Fate, string)
}

// Line are uses of one kind by one consumer with one fate.
type Line struct {
	Fate Fate `json:"fate"`
	// Action is the permission, empty where none is known for Operation.
	Action    string   `json:"action,omitempty"`
	Operation string   `json:"operation,omitempty"`
	Resource  string   `json:"resource,omitempty"`
	Log       string   `json:"log"`
	Consumer  Consumer `json:"consumer"`
	// Why is a sentence; empty where it goes on without more to say.
	Why string `json:"why,omitempty"`
	// AllowedThen is true of what is unexplained where it was allowed by what was
	// granted when it was last done, and that has been taken away since.
	AllowedThen bool      `json:"allowedThen,omitempty"`
	Uses        int64     `json:"uses"`
	First       time.Time `json:"first"`
	Last        time.Time `json:"last"`
}

// Consumer names what used the identity.
type Consumer struct {
	Kind   string `json:"kind"`
	Name   string `json:"name,omitempty"`
	Person bool   `json:"person,omitempty"`
}

// Affected is a consumer with the uses that it would lose.
type Affected struct {
	Consumer
	Uses  int64     `json:"uses"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	// Actions are the permissions, or the log's words where none is known.
	Actions []string `json:"actions"`
}

// Coverage says how much of the history was judged, by count and by behaviour.
// Judged and not judged add up to all.
type Coverage struct {
	Uses             int64 `json:"uses"`
	Judged           int64 `json:"judged"`
	Behaviours       int   `json:"behaviours"`
	JudgedBehaviours int   `json:"judgedBehaviours"`
	// Denied are attempts that were refused when they were made: no uses.
	Denied int64 `json:"denied,omitempty"`
}

// Result is what a change would have done.
type Result struct {
	// Lines are the uses, latest first within a fate, in the order of Fates.
	Lines []Line `json:"lines"`
	// Counts are uses by fate.
	Counts map[Fate]int64 `json:"counts"`
	// RefusedBy are the consumers that would be refused something, latest first.
	RefusedBy []Affected `json:"refusedBy"`
	Coverage  Coverage   `json:"coverage"`
	// First and Last are of the uses, zero where there is none.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
}

// Use reports whether a behaviour is, or may be, a use of the identity.
func Use(b *store.Behaviour) bool {
	return b.Outcome != retinue.OutcomeDenied && b.Class != retinue.EventInsight
}

// Run judges every use of a history. Nothing of used is changed.
func Run(used []store.Used, judge Judge) Result {
	out := Result{Counts: map[Fate]int64{}, RefusedBy: []Affected{}, Lines: []Line{}}
	lines := map[Line]*Line{}
	who, of := usage.Recognise(used)
	for i := range used {
		b := &used[i].Behaviour
		n, first, last := sum(used[i].Months)
		if !Use(b) {
			if b.Outcome == retinue.OutcomeDenied {
				out.Coverage.Denied += n
			}
			continue
		}
		key := Line{Action: b.Action, Operation: b.Operation, Resource: b.Resource.Key, Log: b.Log, Consumer: consumer(b, who, of[i])}
		if b.Class == retinue.EventUnknown {
			key.Fate, key.Why = Unjudged, "no reader understood the log's entry"
		} else {
			key.Fate, key.Why = judge.Judge(b)
		}
		out.add(key, n, first, last)
		l := lines[key]
		if l == nil {
			l = &Line{}
			*l = key
			lines[key] = l
		}
		l.Uses += n
		l.First, l.Last = span(l.First, l.Last, first, last)
	}
	for _, l := range lines {
		out.Lines = append(out.Lines, *l)
	}
	order := Fates()
	slices.SortFunc(out.Lines, func(a, b Line) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Fate), slices.Index(order, b.Fate)), b.Last.Compare(a.Last), a.Consumer.compare(b.Consumer),
			strings.Compare(a.Action, b.Action), strings.Compare(a.Operation, b.Operation), strings.Compare(a.Resource, b.Resource),
			strings.Compare(a.Log, b.Log), strings.Compare(a.Why, b.Why))
	})
	out.RefusedBy = affected(out.Lines, Refused)
	return out
}

// add counts uses of a fate.
func (r *Result) add(l Line, n int64, first, last time.Time) {
	r.Counts[l.Fate] += n
	r.Coverage.Uses += n
	r.Coverage.Behaviours++
	if l.Fate == Refused || l.Fate == GoesOn {
		r.Coverage.Judged += n
		r.Coverage.JudgedBehaviours++
	}
	r.First, r.Last = span(r.First, r.Last, first, last)
}

// Of returns the lines of a fate.
func (r *Result) Of(f Fate) []Line {
	var out []Line
	for _, l := range r.Lines {
		if l.Fate == f {
			out = append(out, l)
		}
	}
	return out
}

// affected sums lines of a fate up by consumer.
func affected(lines []Line, f Fate) []Affected {
	by := map[Consumer]*Affected{}
	for _, l := range lines {
		if l.Fate != f {
			continue
		}
		a := by[l.Consumer]
		if a == nil {
			a = &Affected{Consumer: l.Consumer}
			by[l.Consumer] = a
		}
		a.Uses += l.Uses
		a.First, a.Last = span(a.First, a.Last, l.First, l.Last)
		if word := cmp.Or(l.Action, l.Operation); word != "" && !slices.Contains(a.Actions, word) {
			a.Actions = append(a.Actions, word)
		}
	}
	out := []Affected{}
	for _, a := range slices.Collect(maps.Values(by)) {
		slices.Sort(a.Actions)
		out = append(out, *a)
	}
	slices.SortFunc(out, func(a, b Affected) int { return cmp.Or(b.Last.Compare(a.Last), a.Consumer.compare(b.Consumer)) })
	return out
}

func (c Consumer) compare(o Consumer) int {
	return cmp.Or(strings.Compare(c.Kind, o.Kind), strings.Compare(c.Name, o.Name))
}

// consumer is who a behaviour is of, among those who were recognised.
func consumer(b *store.Behaviour, who []usage.Recognised, i int) Consumer {
	if i >= 0 {
		return Consumer{Kind: who[i].Kind, Name: who[i].Name, Person: who[i].Person}
	}
	return Consumer{Kind: b.Consumer.Kind, Name: b.Consumer.Name, Person: b.Person}
}

// sum is how often a behaviour was seen, and from when to when.
func sum(months []store.Month) (n int64, first, last time.Time) {
	for _, m := range months {
		m.Sum()
		n += m.N
		first, last = span(first, last, time.Unix(m.First, 0).UTC(), time.Unix(m.Last, 0).UTC())
	}
	return n, first, last
}

// span is the stretch from the earlier first to the later last.
func span(first, last, first2, last2 time.Time) (time.Time, time.Time) {
	if first.IsZero() || !first2.IsZero() && first2.Before(first) {
		first = first2
	}
	if last2.After(last) {
		last = last2
	}
	return first, last
}
