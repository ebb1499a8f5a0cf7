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

// earliest is when the first event can have happened: no log here is older.
func earliest() time.Time { return time.Date(1990, time.January, 1, 0, 0, 0, 0, time.UTC) }

// inTime takes out those of a record's events, which begin at from, that say no
// time or one at which they cannot have happened, and reports them.
func (f *inputRun) inTime(events []retinue.Event, from int, rec Record) []retinue.Event {
	first, last := earliest(), f.req.Now.Add(connector.MaxAhead)
	kept := events[:from]
	for i := from; i < len(events); i++ {
		at := events[i].At
		if !at.Before(first) && !at.After(last) {
			kept = append(kept, events[i])
			continue
		}
		err := AheadError(at, f.req.Now)
		if at.Before(first) {
			err = fmt.Errorf("%w: record says no time at which it happened, or an impossible one", retinue.ErrInvalid)
		}
		f.fault(connector.Fault{Line: rec.Line, Record: rec.Number, Err: err})
	}
	return kept
}
