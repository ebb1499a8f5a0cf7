package verdict

import "github.com/retinue-id/retinue/internal/usage/rhythm"

// Judge says whether the subject of the evidence is used. It asks f for the
// rhythm.
func Judge(f *rhythm.Fitter, e Evidence) Verdict {
	j := &judge{Evidence: e, fitter: f}
	j.Limits = e.Limits.withDefaults()
	return j.verdict()
}
