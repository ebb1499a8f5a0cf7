package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/retinue-id/retinue/internal/store"
)

const march = 2026*12 + 2

// months draws a month by hour.
func months() *rapid.Generator[store.Month] {
	return rapid.Custom(func(t *rapid.T) store.Month {
		start := store.MonthStart(march)
		m := store.Month{Month: march, Grain: store.GrainHour}
		for _, h := range rapid.SliceOfNDistinct(rapid.Int64Range(0, 31*24-1), 1, 40, rapid.ID[int64]).Draw(t, "hours") {
			first := rapid.Int64Range(0, 3599).Draw(t, "first")
			x := store.Month{Month: march, Grain: store.GrainHour, Hours: []store.Tally{{Hour: start + h, N: rapid.Int64Range(1, 1<<40).Draw(t, "n"),
				First: (start+h)*3600 + first, Last: (start+h)*3600 + rapid.Int64Range(first, 3599).Draw(t, "last")}}}
			x.Sum()
			m.Merge(x)
		}
		return m
	})
}

func TestPackedMonthsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := months().Draw(t, "month")
		m.Coarsen(rapid.SampledFrom([]store.Grain{store.GrainHour, store.GrainDay, store.GrainMonth}).Draw(t, "grain"))
		got, err := store.UnpackMonth(march, m.Pack())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(m, got); d != "" {
			t.Fatal(d)
		}
	})
}

// TestCoarseningAndMergingCommute: it does not matter whether counts are made
// coarser before late ones join them or after.
func TestCoarseningAndMergingCommute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := months().Draw(t, "a"), months().Draw(t, "b")
		grain := rapid.SampledFrom([]store.Grain{store.GrainDay, store.GrainMonth}).Draw(t, "grain")
		unpack := func(m store.Month) store.Month {
			c, err := store.UnpackMonth(march, m.Pack())
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		early, late := unpack(a), unpack(a)
		early.Coarsen(grain)
		early.Merge(unpack(b))
		late.Merge(unpack(b))
		late.Coarsen(grain)
		if d := cmp.Diff(late, early); d != "" {
			t.Fatal(d)
		}
		swapped := unpack(b)
		swapped.Merge(unpack(a))
		swapped.Coarsen(grain)
		if d := cmp.Diff(late, swapped); d != "" {
			t.Fatal(d)
		}
	})
}

func FuzzUnpackMonth(f *testing.F) {
	f.Add([]byte("h\x01\x01\x00\x00"))
	f.Add([]byte("d\x01\x00\x00\x01\x01\x03\x01"))
	f.Add([]byte("m\x01\x00\x00\x01\x03\x01"))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := store.UnpackMonth(march, body)
		if err != nil {
			return
		}
		again, err := store.UnpackMonth(march, m.Pack())
		if err != nil || again.N != m.N {
			t.Fatalf("%v: %d events, then %d", err, m.N, again.N)
		}
	})
}
