package verdict

import (
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/usage/rhythm"
)

// BenchmarkJudge measures one verdict from a year of uses, the log having been
// read in a day's parts.
func BenchmarkJudge(b *testing.B) {
	var parts []retinue.Coverage
	for d := 365; d > 0; d-- {
		c := full(ago(d), dataEventsOff)
		c.To = ago(d - 1)
		parts = append(parts, c)
	}
	f := rhythm.NewFitter(rhythm.DefaultZones()...)
	hourly := rhythm.Series{}
	for h := noon.AddDate(-1, 0, 0); h.Before(noon); h = h.Add(time.Hour) {
		hourly.Hours = append(hourly.Hours, rhythm.HourCount{Hour: h.Unix() / 3600, Count: 1})
	}
	for name, e := range map[string]Evidence{
		"active":   given(nightly(365, 0), MergeCoverage(parts)),
		"idle":     given(nightly(365, 5), MergeCoverage(parts)),
		"dormant":  given(nightly(365, 60), MergeCoverage(parts)),
		"hourly":   given(hourly, MergeCoverage(parts)),
		"unused":   given(rhythm.Series{}, MergeCoverage(parts)),
		"in parts": given(nightly(365, 0), parts),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Judge(f, e)
			}
		})
	}
}
