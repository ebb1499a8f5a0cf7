package evidence

import (
	"testing"

	"github.com/retinue-id/retinue"
)

func BenchmarkVerify(b *testing.B) {
	log := testLog(b, 1000, "")
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if v, err := Verify(b.Context(), seq(log)); err != nil || !v.OK() {
			b.Fatal(v, err)
		}
	}
	b.ReportMetric(float64(b.N*len(log))/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkScopeRoot(b *testing.B) {
	var tree Tree
	c := change(1)
	b.ReportAllocs()
	for range b.N {
		tree.Add(c.Leaf())
	}
	_ = tree.Root()
}

func BenchmarkSeal(b *testing.B) {
	r := testLog(b, 1, "")[0]
	b.ReportAllocs()
	for range b.N {
		if _, err := r.Seal(retinue.RecordGenesis, 0); err != nil {
			b.Fatal(err)
		}
	}
}
