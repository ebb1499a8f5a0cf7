package connectortest

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue/connector"
)

// Rotated has the lines of a log written to one file, which is read by its name
// alone now and then and rotated three times between: renamed to FILE.1, copied to
// a dated name and truncated, and renamed and compressed. Each time the reader is a
// new one that goes on from what was kept. It returns one Reading with the events of
// all; entries must not be of several lines.
func Rotated(t testing.TB, open func(testing.TB, connector.Env, string) connector.ActivityReader, name string, content []byte, rng *rand.Rand) *Reading {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	all := newReading(nil)
	read := func(after time.Duration) {
		t.Helper()
		all.add(ReadAt(t, open(t, Env(t), path), all, time.Now().Add(after)))
	}
	must := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	lines := bytes.SplitAfter(content, []byte("\n"))
	rotations := []func(){
		func() { must(os.Rename(path, path+".1")) },
		func() {
			whole, err := os.ReadFile(path) //nolint:gosec // the test's own file
			must(err, os.WriteFile(path+"-20261122", whole, 0o600), os.Truncate(path, 0))
		},
		func() {
			whole, err := os.ReadFile(path) //nolint:gosec // the test's own file
			must(err, os.WriteFile(path+"-20261123.gz", compressed(t, whole), 0o600), os.Remove(path))
		},
	}
	for i, line := range lines {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // the test's own file
		must(err)
		_, err = f.Write(line)
		must(err, f.Close())
		if rng.IntN(12) == 0 || i == 9 {
			read(0)
		}
		if (i+1)%(len(lines)/4+1) == 0 {
			rotations[(i+1)/(len(lines)/4+1)-1]()
		}
	}
	read(time.Hour)
	read(2 * time.Hour)
	for _, f := range all.Faults {
		t.Errorf("%s: %v", name, f)
	}
	for _, n := range all.Notes {
		if n.Kind == connector.NoteNotCovered && strings.Contains(n.Text, "missing") {
			t.Errorf("%s: %s", name, n.Text)
		}
	}
	return all
}
