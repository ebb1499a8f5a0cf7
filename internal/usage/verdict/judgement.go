package verdict

import (
	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/usage/rhythm"
)

// judge is one judgement under way.
type judge struct {
	Evidence
	fitter *rhythm.Fitter
}

func (j *judge) verdict() Verdict {
	return Verdict{Status: StatusUnknown, Grade: retinue.GradeD, LastUsed: j.LastUse, LastDenied: j.LastDenied,
		Reason: "Nothing says whether it is used: no log is connected and its source has no last-used field."}
}
