package app

import (
	"testing"

	"github.com/retinue-id/retinue/internal/usage/replay"
)

// TestUseOfGrants: a statement was used if anything that is held by it was; what
// the log cannot show, or what is too new, is not known.
func TestUseOfGrants(t *testing.T) {
	held := map[grantName]int{{"p", "used"}: 1, {"p", "idle"}: 2, {"p", "half"}: 2, {"p", "unseen"}: 1, {"p", "partly"}: 1, {"p", "recent"}: 1}
	got := grantUses(held, replay.UnusedGrants{
		Unused: []replay.UnusedGrant{{Document: "p", Statement: "idle", Whole: true}, {Document: "p", Statement: "idle", Whole: true},
			{Document: "p", Statement: "half", Whole: true}, {Document: "p", Statement: "partly"}},
		Unseen: []replay.UnusedGrant{{Document: "p", Statement: "unseen", Whole: true}},
		Recent: []replay.UnusedGrant{{Document: "p", Statement: "recent", Whole: true}},
	})
	for name, want := range map[string]string{"used": "yes", "idle": "no", "half": "yes", "unseen": "unknown", "partly": "yes", "recent": "unknown", "other": "unknown"} {
		have := "unknown"
		if used := got[grantName{"p", name}]; used != nil {
			if have = "no"; *used {
				have = "yes"
			}
		}
		if have != want {
			t.Errorf("%s: %s, want %s", name, have, want)
		}
	}
}
