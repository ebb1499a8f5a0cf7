package app

import (
	"context"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage/replay"
)

// TestNoTimeLeftIsTold: a simulation whose time ran out says what it did not
// judge, and one whose caller went away says nothing.
func TestNoTimeLeftIsTold(t *testing.T) {
	month := store.Month{Grain: store.GrainHour, Hours: []store.Tally{{N: 3}}}
	month.Sum()
	for cause, told := range map[error]bool{errNoTime: true, context.Canceled: false} {
		ctx, end := context.WithCancelCause(t.Context())
		end(cause)
		s := &simulation{ctx: ctx, used: []store.Used{{Behaviour: store.Behaviour{Outcome: retinue.OutcomeSuccess}, Months: []store.Month{month}}}}
		got, err := s.run("disable x", replay.Disable{})
		if !told {
			if err == nil {
				t.Errorf("%v: it answers %+v", cause, got)
			}
			continue
		}
		if err != nil || got.Counts[replay.Unjudged] != 3 || got.Lines[0].Why != "there was no time left to judge it" {
			t.Errorf("%v: %+v, %v", cause, got.Result, err)
		}
	}
}
