package cli

import (
	"testing"
	"time"

	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/usage"
	"github.com/retinue-id/retinue/internal/usage/verdict"
)

// TestOutlook: an idle one is told with how sure it is and the day on which it is
// called dormant, and by what.
func TestOutlook(t *testing.T) {
	on := time.Date(2026, 12, 3, 5, 0, 0, 0, time.UTC)
	answer := func(s verdict.Status, sure, then float64, on time.Time, short bool) app.UsageAnswer {
		u := app.UsageAnswer{Verdict: s}
		u.Confidence, u.DormantConfidence, u.DormantOn, u.WindowTooShort = sure, then, on, short
		return u
	}
	for _, c := range []struct {
		of   app.UsageAnswer
		want string
	}{
		{answer(verdict.StatusIdle, 0.9612, 0.99, on, false), "96.1 % sure that it has stopped; dormant on 2026-12-03 if it stays silent (99 % sure)"},
		{answer(verdict.StatusIdle, 0.95, 0, on, true), "95 % sure that it has stopped; dormant on 2026-12-03 if it stays silent, by the limit of the installation: its history is too short to be surer"},
		{answer(verdict.StatusActive, 0, 0.99, on, false), "dormant on 2026-12-03 if it stays silent (99 % sure)"},
		{answer(verdict.StatusIdle, 0, 0, on, false), "dormant on 2026-12-03 if it stays silent, by the limit of the installation"},
		{answer(verdict.StatusDormant, 0.99, 0, time.Time{}, false), ""},
	} {
		if got := outlook(c.of); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if got := changeWords(usage.Change{At: on, What: "network", From: "10.0.1.0/24", To: "10.0.2.0/24"}); got != "moved from 10.0.1.0/24 to 10.0.2.0/24 on 2026-12-03" {
		t.Error(got)
	}
	if got := changeWords(usage.Change{At: on, What: "agent", From: "boto3", To: "aws-sdk-go"}); got != "aws-sdk-go in place of boto3 since 2026-12-03" {
		t.Error(got)
	}
}
