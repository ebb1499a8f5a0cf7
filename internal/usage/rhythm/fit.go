package rhythm

import "time"

// Fitter learns rhythms. It holds the clocks of the zones that it was made with
// and is safe for concurrent use.
type Fitter struct {
	zones []zone
}

// NewFitter returns a fitter that tries UTC and the zones, which are the caller's
// in order of preference: of zones that fit alike the first is named.
func NewFitter(zones ...*time.Location) *Fitter {
	f := &Fitter{zones: []zone{layOut(time.UTC)}}
	for _, l := range zones {
		if l != nil && l != time.UTC && l.String() != "UTC" {
			f.zones = append(f.zones, layOut(l))
		}
	}
	return f
}

// Fit learns the rhythm of a series. What lies outside of its Window is used as
// well; an empty Window means from the first to the last hour.
func (f *Fitter) Fit(s Series) Rhythm {
	days := expand(s)
	if len(days) == 0 {
		return Rhythm{Class: ClassNone}
	}
	first, last := ends(days)
	return Rhythm{Class: ClassUnknown, First: first, Last: last, Since: first}
}
