package behave

import (
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
)

// Less is borne of what is privileged, and what is told of it is more severe;
// what others are not told for in ordinary use, it is not either.
func TestPrivilegedIsWatchedCloser(t *testing.T) {
	detect := func(privileged bool, uses []use) []Signal {
		return Detect(Subject{Ref: self, Kind: retinue.IdentityUser, Since: begin, Privileged: privileged}, fold(uses...), Options{})
	}
	for name, c := range map[string]struct {
		uses             []use
		other, privilege retinue.Severity
	}{
		"ordinary":             {uses: hourly(40)},
		"twelve refusals":      {uses: append(hourly(40), burstOf(1, 12)...), privilege: retinue.SeverityHigh},
		"three actions":        {uses: append(hourly(40), burstOf(3, 1)...), privilege: retinue.SeverityHigh},
		"a few refusals":       {uses: append(hourly(40), burstOf(1, 9)...)},
		"many refusals of one": {uses: append(hourly(40), burstOf(1, 50)...), other: retinue.SeverityMedium, privilege: retinue.SeverityHigh},
		"a search":             {uses: append(hourly(40), burstOf(6, 1)...), other: retinue.SeverityHigh, privilege: retinue.SeverityHigh},
	} {
		for _, privileged := range []bool{false, true} {
			want := c.other
			if privileged {
				want = c.privilege
			}
			got := detect(privileged, c.uses)
			switch {
			case want == "" && len(got) == 0:
			case want == "" || len(got) != 1 || got[0].Severity != want || strings.HasSuffix(got[0].Sentence, "privileged.") != privileged:
				t.Errorf("%s, privileged %v: %+v, want one of severity %q", name, privileged, got, want)
			}
		}
	}
}
