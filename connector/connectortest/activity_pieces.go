package connectortest

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/retinue-id/retinue/connector"
)

// InPieces has the content of a log grow in a file up to each of some lengths and
// read after each, every time by a new reader that goes on from what was kept. The
// last time, with all of it there, the file counts as left alone. It returns one
// Reading with the events of all.
func InPieces(t testing.TB, open func(testing.TB, connector.Env, string) connector.ActivityReader, file string, content []byte, lengths []int) *Reading {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, file)
	all := newReading(nil)
	for _, n := range lengths {
		ActivitySubject{}.file(t, path, content[:n], Epoch())
		all.add(Read(t, open(t, Env(t), dir), all))
	}
	ActivitySubject{}.file(t, path, content, Epoch().Add(-24*time.Hour))
	all.add(Read(t, open(t, Env(t), dir), all))
	return all
}

// Lengths are n lengths up to which content may grow, in order, by chance.
func Lengths(rng *rand.Rand, content []byte, n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = rng.IntN(len(content) + 1)
	}
	slices.Sort(out)
	return out
}

// SameEvents reports how the events of two readings differ, by everything that is
// in them, and events that one of them gave twice.
func SameEvents(t testing.TB, nameA string, a *Reading, nameB string, b *Reading) {
	t.Helper()
	sameEvents(t, nameA, a.Events, nameB, b.Events)
	for name, r := range map[string]*Reading{nameA: a, nameB: b} {
		if n := len(texts(r.Events, eventText)); n != len(r.Events) {
			t.Errorf("%s gave %d events for %d", name, len(r.Events), n)
		}
	}
}

// add appends what a later reading gave.
func (r *Reading) add(o *Reading) {
	r.Events = append(r.Events, o.Events...)
	r.Batches = append(r.Batches, o.Batches...)
	r.Coverage = append(r.Coverage, o.Coverage...)
	r.Faults = append(r.Faults, o.Faults...)
	r.Notes = append(r.Notes, o.Notes...)
	r.Positions = o.Positions
}

// checkActivityPieces reads a file at several lengths, at which its last record is
// mostly half written.
func checkActivityPieces(t testing.TB, s ActivitySubject) {
	content := s.content(t, span(0, 40))
	rng := rand.New(rand.NewPCG(1, 2))
	pieces := InPieces(t, s.Open, s.File, content, Lengths(rng, content, 12))
	for _, f := range pieces.Faults {
		t.Errorf("a log in pieces: %v", f)
	}
	SameEvents(t, "a log in one piece", s.read(t, s.folder(t, span(0, 40)), nil), "the log in pieces", pieces)
}
