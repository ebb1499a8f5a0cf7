package verdict

import (
	"fmt"

	"github.com/retinue-id/retinue"
)

// fieldSpots are the blind spots of the last-used fields on which a verdict rests:
// what such a field cannot show, whatever it says.
func (u *uses) fieldSpots() []retinue.BlindSpot {
	const raise = "Connect the log of the system: it shows each use, by whom and how it ended."
	var out []retinue.BlindSpot
	if u.basis == BasisField {
		out = append(out, retinue.BlindSpot{Code: "field.last_use_only", Raise: raise,
			Text: fmt.Sprintf("The source's field %q keeps the last use alone: how often, by what and for what it was used does not show.", u.field.Meaning)})
		if ambiguous(u.field) {
			out = append(out, retinue.BlindSpot{Code: "field.counts_denied", Raise: raise,
				Text: fmt.Sprintf("The source's field %q counts attempts that were refused as well: the last real use may be earlier.", u.field.Meaning)})
		}
	}
	if u.never != nil {
		out = append(out, retinue.BlindSpot{Code: "field.not_kept", Raise: raise,
			Text: "A source's field can also be empty because the source did not keep it at the time."})
	}
	return out
}
