package behave

import (
	"slices"
	"time"

	"github.com/retinue-id/retinue/internal/store"
)

// explains is within which time a signal about a deed or a place explains that
// something was new.
const explains = 24 * time.Hour

// merged drops what a weightier signal says already, what was not asked for, and
// what people dismissed.
func (d *detector) merged() []Signal {
	dismissed := silencer(d.options.Dismissed)
	var out []Signal
	for i := range d.found {
		s := d.found[i]
		if d.explained(&s) || !d.options.wants(s.First) || dismissed.silences(&s) {
			continue
		}
		slices.SortFunc(s.Also, compareKinds)
		out = append(out, s)
	}
	return out
}

// explained reports whether what is new was told by a weightier signal, which
// then names the kind.
func (d *detector) explained(s *Signal) bool {
	if dimensionOf(s.Kind) < 0 {
		return false
	}
	for i := range d.found {
		o := &d.found[i]
		switch o.Kind {
		case TombstoneUse, LoggingDisabled, PrivilegeEdit, Exposure, DeniedBurst, TwoPlaces:
		default:
			continue
		}
		if within(s.First, o, explains) && shares(s, o) {
			for _, k := range append([]Kind{s.Kind}, s.Also...) {
				o.also(k)
			}
			return true
		}
	}
	return false
}

// within reports whether a moment lies in or near a signal's time.
func within(t time.Time, o *Signal, near time.Duration) bool {
	return !t.Before(o.First.Add(-near)) && !t.After(o.Last.Add(near))
}

// shares reports whether two signals are about the same ways of use.
func shares(a, b *Signal) bool {
	return slices.ContainsFunc(a.Behaviours, func(h store.BehaviourHash) bool { return slices.Contains(b.Behaviours, h) })
}
