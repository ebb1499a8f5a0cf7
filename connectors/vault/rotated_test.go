package vault

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/retinue-id/retinue/connector/connectortest"
)

// TestRotatedFile: of a device's file that is followed by its name alone, what waits
// for its answer where the file was rotated finds it in the next one.
func TestRotatedFile(t *testing.T) {
	open := connectortest.OpenActivity(Spec(), options())
	for seed := range uint64(5) {
		rng := rand.New(rand.NewPCG(seed, 9))
		content := traffic(rng, 120)
		connectortest.SameEvents(t, "one file", connectortest.InPieces(t, open, "audit.log", content, nil),
			fmt.Sprintf("files of seed %d", seed), connectortest.Rotated(t, open, "audit.log", content, rng))
	}
}
