package logs

import (
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// AheadError says that an event is further ahead of the reader's clock than
// [connector.MaxAhead].
func AheadError(at, now time.Time) error {
	return fmt.Errorf("%w: it says that it happened at %s, and it is %s now: a clock is wrong", retinue.ErrInvalid, at.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
}

// withoutAhead takes out those of a record's events, which begin at from, that a
// wrong clock wrote, and reports them.
func (f *inputRun) withoutAhead(events []retinue.Event, from int, rec Record) []retinue.Event {
	limit := f.req.Now.Add(connector.MaxAhead)
	kept := events[:from]
	for i := from; i < len(events); i++ {
		if at := events[i].At; at.After(limit) {
			f.fault(connector.Fault{Line: rec.Line, Record: rec.Number, Err: AheadError(at, f.req.Now)})
			continue
		}
		kept = append(kept, events[i])
	}
	return kept
}
