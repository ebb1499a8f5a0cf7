package host

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/retinue-id/retinue/connector/connectortest"
)

// TestRotatedFile: auth.log, followed by its name alone, gives every sign-in however
// it is rotated.
func TestRotatedFile(t *testing.T) {
	open := connectortest.OpenActivity(Spec(), map[string]string{"id": "bastion"})
	for seed := range uint64(3) {
		var content bytes.Buffer
		for n := range 200 {
			content.Write(append(syslogSample(t, n), '\n'))
		}
		rng := rand.New(rand.NewPCG(seed, 11))
		connectortest.SameEvents(t, "one file", connectortest.InPieces(t, open, "auth.log", content.Bytes(), nil),
			"files that were rotated", connectortest.Rotated(t, open, "auth.log", content.Bytes(), rng))
	}
}
