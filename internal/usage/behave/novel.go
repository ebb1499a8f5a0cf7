package behave

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/usage"
)

const (
	// surprise is how likely something new must be at most, by what was seen, to be
	// told: Good and Turing's estimate of the mass of what was not seen yet (I. J.
	// Good, Biometrika 40, 1953), with one added to both sides. For actions and
	// services it is lower: there are more of them, and rare ones among them.
	surprise, surpriseDeed = 0.04, 0.02
	// elsewhere is the same for a first public network with a first client where
	// all before came from private ranges, and elsewhereDays the days of use that
	// this needs: even a short baseline says that this is another place.
	elsewhere, elsewhereDays = 0.25, 3
	// episode is for how long new things from one place are one signal.
	episode = 7 * 24 * time.Hour
)

// known are the values of one dimension that were seen.
type known struct {
	values map[string]*knownValue
	once   int // values that were seen in one hour
	total  int
}

// knownValue is in how many hours a value was seen, and the last of them.
type knownValue struct {
	hours int
	last  int64
}

func (k *known) add(v string, hour int64) {
	x := k.values[v]
	if x == nil {
		if k.values == nil {
			k.values = map[string]*knownValue{}
		}
		x = &knownValue{}
		k.values[v] = x
	} else if x.last == hour {
		return
	}
	x.last = hour
	x.hours++
	k.total++
	switch x.hours {
	case 1:
		k.once++
	case 2:
		k.once--
	}
}

// met reports whether a value was seen.
func (k *known) met(v string) bool { return k.values[v] != nil }

// unseen is how likely the next value is one that was never seen.
func (k *known) unseen() float64 { return float64(k.once+1) / float64(k.total+1) }

// baseline is what was usual up to a moment.
type baseline struct {
	dims      [dimensions]known
	workloads map[string]bool
	days      map[int64]bool
	private   bool
	public    bool
}

func (b *baseline) add(x *observation) {
	for d, v := range x.values {
		if v != "" {
			b.dims[d].add(v, x.hour)
		}
	}
	if b.days == nil {
		b.days, b.workloads = map[int64]bool{}, map[string]bool{}
	}
	b.days[x.day()] = true
	if ran(&x.behaviour.Consumer) {
		b.workloads[x.behaviour.Consumer.Name] = true
	}
	if n := x.values[dimNetwork]; b.private && b.public {
		return
	} else if private(n) {
		b.private = true
	} else if n != "" {
		b.public = true
	}
}

// novelties tells what is new, once enough was seen. What was refused neither
// teaches nor is told here.
func (d *detector) novelties() {
	var base baseline
	for i, x := range d.history.all {
		if x.denied() {
			continue
		}
		if !x.coarse && x.first.Sub(d.history.start) >= d.options.Learn {
			if found := d.novel(&base, x); len(found) > 0 {
				d.novelty(&base, x, found, i)
			}
		}
		base.add(x)
	}
}

// novel returns the dimensions in which a use is new.
func (d *detector) novel(b *baseline, x *observation) []dimension {
	var out []dimension
	c := &x.behaviour.Consumer
	same := ran(c) && b.workloads[c.Name]
	far := b.elsewhere(x)
	for i := range dimensions {
		v, k := x.values[i], &b.dims[i]
		limit := surprise
		if i == dimAction || i == dimService {
			limit = surpriseDeed
		}
		enough := len(b.days) >= d.options.MinDays && k.unseen() <= limit
		if v == "" || k.met(v) || k.total == 0 || !enough && !(far && i <= dimAgent) {
			continue
		}
		switch {
		case i == dimNetwork && private(v) && b.private: // moved within what is the installation's own
		case i == dimNetwork && same && b.public:
		case i == dimAgent && same && !usage.InteractiveAgent(v): // a workload that changed its client
		case i == dimAction && x.vague():
		case i != dimNetwork && !far && d.options.Peers.usual(i, v, x.first, d.subject.Ref): // others of the group do it every day
		default:
			out = append(out, i)
		}
	}
	return out
}

// elsewhere reports whether a use came from the internet with a client that is
// new, where all before came from private ranges.
func (b *baseline) elsewhere(x *observation) bool {
	n, a := x.values[dimNetwork], x.values[dimAgent]
	return n != "" && !private(n) && b.private && !b.public && a != "" && !b.dims[dimAgent].met(a) &&
		len(b.days) >= elsewhereDays && b.dims[dimNetwork].total >= elsewhereDays && b.dims[dimNetwork].unseen() <= elsewhere
}

// novelty tells what is new of a use. New things from one network within an
// episode are one signal.
func (d *detector) novelty(base *baseline, x *observation, dims []dimension, at int) {
	main := dims[0]
	for i := range slices.Backward(d.found) {
		s := &d.found[i]
		near := x.first.Sub(s.First) < episode
		if near && dimensionOf(s.Kind) >= 0 && (s.Consumer.Network == x.values[dimNetwork] || s.Kind == FirstNetwork && s.What == x.values[dimNetwork]) {
			for _, i := range dims {
				s.also(i.kind())
			}
			s.take(x)
			return
		}
	}
	s := Signal{Kind: main.kind(), What: x.values[main], Severity: d.noveltySeverity(x, dims), Compared: d.compared(base, main, x)}
	for _, i := range dims[1:] {
		s.also(i.kind())
	}
	s.Sentence = d.noveltySentence(base, x, dims)
	if d.add(s, []*observation{x}) {
		d.followUp(len(d.found)-1, at)
	}
}

// followUp adds to a signal about a network or client what came from there in
// the same episode.
func (d *detector) followUp(i, at int) {
	s := &d.found[i]
	dim := dimensionOf(s.Kind)
	if dim != dimNetwork && dim != dimAgent {
		return
	}
	first := s.First
	for _, y := range d.history.all[at+1:] {
		if y.first.Sub(first) >= episode {
			break
		}
		if y.values[dim] == s.What {
			s.take(y)
		}
	}
}

func (s *Signal) also(k Kind) {
	if k != s.Kind && !slices.Contains(s.Also, k) {
		s.Also = append(s.Also, k)
	}
}

// dimensionOf is the dimension of a kind, -1 where it has none.
func dimensionOf(k Kind) dimension {
	for d := range dimensions {
		if d.kind() == k {
			return d
		}
	}
	return -1
}

// noveltySeverity: a new place and a new client, or new deeds from a new place,
// are what a stolen credential looks like.
func (d *detector) noveltySeverity(x *observation, dims []dimension) retinue.Severity {
	severity := retinue.SeverityLow
	if dims[0] == dimNetwork || dims[0] == dimService || usage.InteractiveAgent(x.values[dimAgent]) {
		severity = retinue.SeverityMedium
	}
	if dims[0] == dimNetwork && len(dims) > 1 && !private(x.values[dimNetwork]) {
		severity = retinue.SeverityHigh
	}
	if d.options.Peers.usual(dims[0], x.values[dims[0]], x.first, d.subject.Ref) && severity != retinue.SeverityHigh {
		severity = retinue.SeverityLow
	}
	return severity
}

func (d *detector) compared(base *baseline, dim dimension, x *observation) Comparison {
	return Comparison{From: d.history.start, To: x.first, Days: len(base.days), Usual: base.dims[dim].usual()}
}

// usual are the ten most usual values.
func (k *known) usual() []string {
	return mostUsual(slices.Collect(maps.Keys(k.values)), func(v string) int { return k.values[v].hours })
}

// mostUsual are the ten values that were seen in the most hours.
func mostUsual(all []string, hours func(string) int) []string {
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(hours(b)-hours(a), strings.Compare(a, b)) })
	return all[:min(10, len(all))]
}

func (d *detector) noveltySentence(base *baseline, x *observation, dims []dimension) string {
	parts := make([]string, len(dims))
	for i, dim := range dims {
		parts[i] = fmt.Sprintf("%s %s", dim.word(), d.options.Mask(dim.word(), x.values[dim]))
	}
	return fmt.Sprintf("%s did %s from %s: %s %s new to it. In %s on which it acted since %s it used %s.", d.name(), d.action(x), d.place(x),
		list(parts), verb(len(parts)), days(len(base.days)), date(d.history.start), d.usualWords(dims[0], base.dims[dims[0]].usual()))
}
