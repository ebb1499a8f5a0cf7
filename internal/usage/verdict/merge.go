package verdict

import (
	"slices"
	"time"

	"github.com/retinue-id/retinue"
)

// Merge gives the verdict on an identity from those on all its credentials, for
// where a log names the credential and not the identity. It is active if one of
// them is, unknown if none is and of one it is not known, and else as little
// inactive as the least of them. Being silent, it is as sure as the least sure of
// them, and of the lowest grade. Without any it is unknown.
//
// Where a log names the identity as well, [Judge] with what all credentials did is
// stronger.
func Merge(of ...Verdict) Verdict {
	if len(of) == 0 {
		return Verdict{Status: StatusUnknown, Grade: retinue.GradeD, Reason: "It has no credential of which anything is known."}
	}
	order := []Status{StatusActive, StatusUnknown, StatusIdle, StatusDormant, StatusNeverUsed}
	lead := 0
	for i := range of {
		a, b := slices.Index(order, of[i].Status), slices.Index(order, of[lead].Status)
		if a < b || a == b && stronger(&of[i], &of[lead]) {
			lead = i
		}
	}
	v := of[lead]
	for i := range of {
		o := &of[i]
		if o.LastUsed.After(v.LastUsed) {
			v.LastUsed, v.Basis, v.Meaning = o.LastUsed, o.Basis, o.Meaning
		}
		v.LastDenied = later(v.LastDenied, o.LastDenied)
		if !o.NextChange.IsZero() && (v.NextChange.IsZero() || o.NextChange.Before(v.NextChange)) {
			v.NextChange = o.NextChange
		}
		if v.Status != StatusActive {
			v.weaken(o)
		}
		// Whichever is called dormant last; of what may never be, nothing is said.
		switch {
		case o.Status == StatusDormant || o.Status == StatusNeverUsed || v.DormantOn.IsZero():
		case o.DormantOn.IsZero():
			v.DormantOn, v.DormantConfidence = time.Time{}, 0
		case o.DormantOn.After(v.DormantOn):
			v.DormantOn, v.DormantConfidence = o.DormantOn, o.DormantConfidence
		}
	}
	return v
}

// stronger reports which of two verdicts of one status speaks for a whole: the
// best of the active, the weakest of the silent.
func stronger(a, b *Verdict) bool {
	if a.Status == StatusActive {
		return a.Grade < b.Grade
	}
	return a.Grade > b.Grade || a.Grade == b.Grade && a.Confidence < b.Confidence
}

// weaken takes from a verdict of silence what another does not bear out.
func (v *Verdict) weaken(o *Verdict) {
	v.Grade = max(v.Grade, o.Grade)
	v.SilentSince = later(v.SilentSince, o.SilentSince)
	v.SilentUntil = later(v.SilentSince, earlier(v.SilentUntil, o.SilentUntil))
	for _, b := range o.BlindSpots {
		if !slices.ContainsFunc(v.BlindSpots, func(h retinue.BlindSpot) bool { return h.Code == b.Code }) {
			v.BlindSpots = append(slices.Clone(v.BlindSpots), b)
		}
	}
}
