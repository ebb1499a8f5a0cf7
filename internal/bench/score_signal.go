package bench

import (
	"slices"
	"time"

	"github.com/retinue-id/retinue"
)

// Alerts is about signals. A signal is right that speaks of an identity's
// incident, in its time and in a way that fits it; or that a credential is used
// from two places where it is shared.
type Alerts struct {
	Count     int64 `json:"count"`
	Precision Rate  `json:"precision"`
	Recall    Rate  `json:"recall"`
	// PerIdentityDay is how many there were for an identity and day, False how
	// many wrong ones.
	PerIdentityDay float64 `json:"perIdentityDay"`
	False          float64 `json:"falsePerIdentityDay"`
	// ByIncident is the recall by kind of incident, ByKind the precision by kind of
	// signal.
	ByIncident []NamedRate `json:"byIncident"`
	ByKind     []NamedRate `json:"byKind"`
}

// NamedRate is the rate of one part.
type NamedRate struct {
	Name string `json:"name"`
	Rate
}

// How far from an incident a signal may be: its hour's beginning before, a day
// of delay after.
const (
	signalEarly = time.Hour
	signalLate  = 24 * time.Hour
)

// matches reports whether a signal is right about an incident.
func (i *Incident) matches(s Signal) bool {
	return s.Identity == i.Identity && slices.Contains(i.Signals, s.Kind) &&
		!s.At.Before(i.From.Add(-signalEarly)) && !s.At.After(i.To.Add(signalLate))
}

func (s *scorer) signals(said []Signal) Alerts {
	byIdentity := map[retinue.Ref][]int{}
	for i := range s.truth.Incidents {
		ref := s.truth.Incidents[i].Identity
		byIdentity[ref] = append(byIdentity[ref], i)
	}
	shared := map[retinue.Ref]bool{}
	for i := range s.truth.Identities {
		if s.truth.Identities[i].Shared {
			shared[s.truth.Identities[i].Ref] = true
		}
	}
	noticed := make([]bool, len(s.truth.Incidents))
	var precision tally
	kinds := map[SignalKind]*tally{}
	for _, g := range said {
		right := g.Kind == SignalTwoPlaces && shared[g.Identity]
		for _, i := range byIdentity[g.Identity] {
			if s.truth.Incidents[i].matches(g) {
				noticed[i], right = true, true
			}
		}
		precision.add(right)
		tallyOf(kinds, g.Kind).add(right)
	}
	a := Alerts{Count: precision.of, Precision: precision.rate()}
	days := s.truth.To.Sub(s.truth.From).Hours() / 24
	if n := float64(len(s.truth.Identities)) * days; n > 0 {
		a.PerIdentityDay = float64(precision.of) / n
		a.False = float64(precision.of-precision.hits) / n
	}
	s.recallByIncident(&a, noticed)
	for _, k := range sortedKeys(kinds) {
		a.ByKind = append(a.ByKind, NamedRate{string(k), kinds[k].rate()})
	}
	return a
}

// recallByIncident counts the incidents of which the log shows something.
func (s *scorer) recallByIncident(a *Alerts, noticed []bool) {
	var all tally
	kinds := map[IncidentKind]*tally{}
	for i, in := range s.truth.Incidents {
		if in.Seen > 0 {
			all.add(noticed[i])
			tallyOf(kinds, in.Kind).add(noticed[i])
		}
	}
	a.Recall = all.rate()
	for _, k := range sortedKeys(kinds) {
		a.ByIncident = append(a.ByIncident, NamedRate{string(k), kinds[k].rate()})
	}
}

func tallyOf[K comparable](m map[K]*tally, k K) *tally {
	if m[k] == nil {
		m[k] = &tally{}
	}
	return m[k]
}

func sortedKeys[K ~string, V any](m map[K]V) []K {
	out := make([]K, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
