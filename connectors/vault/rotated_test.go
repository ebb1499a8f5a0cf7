package vault

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/retinue-id/retinue/connector/connectortest"
)

// TestRotatedFile: of a device's file that is followed by its name alone, what waits
// for its answer where the file was rotated finds it in the next one.
func TestRotatedFile(t *testing.T) {
	for seed := range uint64(5) {
		rng := rand.New(rand.NewPCG(seed, 9))
		content := traffic(rng, 120)
		whole := connectortest.InPieces(t, connectortest.OpenActivity(Spec(), options()), "audit.log", content, nil)
		path := filepath.Join(t.TempDir(), "audit.log")
		var all connectortest.Reading
		var last *connectortest.Reading
		read := func(now time.Time) {
			last = connectortest.ReadAt(t, connectortest.OpenActivity(Spec(), options())(t, connectortest.Env(t), path), last, now)
			all.Events, all.Faults = append(all.Events, last.Events...), append(all.Faults, last.Faults...)
		}
		lines := bytes.SplitAfter(content, []byte("\n"))
		for n, line := range lines {
			out, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
			if err == nil {
				_, err = out.Write(line)
				err = errors.Join(err, out.Close())
			}
			if err != nil {
				t.Fatal(err)
			}
			if rng.IntN(12) == 0 {
				read(time.Now())
			}
			if n%60 == 59 { // twice or thrice
				_ = os.Rename(path+".1", path+".2")
				if err := os.Rename(path, path+".1"); err != nil {
					t.Fatal(err)
				}
			}
		}
		read(time.Now().Add(time.Hour))
		read(time.Now().Add(2 * time.Hour))
		for _, f := range all.Faults {
			t.Errorf("seed %d: %v", seed, f)
		}
		connectortest.SameEvents(t, "one file", whole, fmt.Sprintf("files of seed %d", seed), &all)
	}
}
