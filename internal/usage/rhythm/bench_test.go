package rhythm

import "testing"

// BenchmarkFit measures what it costs to learn the rhythm of one identity from
// a year of hours.
func BenchmarkFit(b *testing.B) {
	f := NewFitter(DefaultZones()...)
	for k, g := range generators() {
		s := g.live(7, k, 366).series(epoch.AddDate(1, 0, 0))
		b.Run(g.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.Fit(s)
			}
		})
	}
}
