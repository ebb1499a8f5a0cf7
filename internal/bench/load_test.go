package bench

import (
	"testing"
	"time"

	"github.com/retinue-id/retinue"
)

// TestLoadHasItsStatedShape: rows are counted rightly, and there are about 6.3
// events in one and at most a fifth as many rows as events.
func TestLoadHasItsStatedShape(t *testing.T) {
	type row struct {
		identity, resource retinue.Ref
		address, agent     string
		action             string
		outcome            retinue.Outcome
		hour               int64
	}
	l := NewLoad(LoadOptions{Seed: 3, Identities: 2000, Days: 30})
	rows := map[row]bool{}
	digests := map[[16]byte]bool{}
	var last time.Time
	for e := range l.Events() {
		if e.At.Before(last) {
			t.Fatalf("%s after %s", e.At, last)
		}
		last = e.At
		rows[row{e.Identity, e.Resource, e.Origin.Address.String(), e.Origin.Agent, e.Action, e.Outcome, e.At.Unix() / 3600}] = true
		digests[e.Digest] = true
	}
	if int64(len(rows)) != l.Rows() || int64(len(digests)) != l.Count() {
		t.Errorf("%d rows, counted %d; %d distinct events of %d", len(rows), l.Rows(), len(digests), l.Count())
	}
	mean := float64(l.Count()) / float64(l.Rows())
	t.Logf("%d events, %d rows, %.2f a row", l.Count(), l.Rows(), mean)
	if mean < 5 || mean > 7.5 {
		t.Errorf("%.2f events a row", mean)
	}
	// Scaled to the stated profile.
	if events, rows := l.Count()*50, l.Rows()*50; events < 90_000_000 || events > 125_000_000 || rows > 20_000_000 {
		t.Errorf("100,000 identities would make %d events in %d rows", events, rows)
	}
}

func TestLoadIsTheSameForTheSameSeed(t *testing.T) {
	sum := func(seed uint64) (n int64, last retinue.Event) {
		for e := range Events(LoadOptions{Seed: seed, Identities: 300, Days: 2, Events: 10_000}) {
			n, last = n+1, e
		}
		return n, last
	}
	n, a := sum(1)
	_, b := sum(1)
	_, c := sum(2)
	if n != 10_000 && n < 1000 {
		t.Errorf("%d events", n)
	}
	if a.At != b.At || a.Identity != b.Identity || a.Digest != b.Digest || a.Action != b.Action {
		t.Error("equal seeds make different loads")
	}
	if a.At == c.At && a.Identity == c.Identity {
		t.Error("different seeds make equal loads")
	}
}

func BenchmarkLoad(b *testing.B) {
	l := NewLoad(LoadOptions{Seed: 1, Identities: 100_000, Days: 30, Events: int64(b.N)})
	b.ResetTimer()
	for e := range l.Events() {
		_ = e.At
	}
}
