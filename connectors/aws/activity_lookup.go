package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

const (
	// lookupDays is how far back the event history goes.
	lookupDays = 90
	// lookupLate is how late an event may appear in the history.
	lookupLate = 30 * time.Minute
	// lookupPace is the API's limit: two calls a second in an account and region.
	lookupPace = 500 * time.Millisecond
	// maxLookupPages bounds one run in one region: 50,000 events, 8 minutes.
	maxLookupPages = 1000
)

// historyError says that the event history of a region could not be read.
type historyError struct{ err error }

// Error says what kept it from being read.
func (e *historyError) Error() string { return e.err.Error() }

// Unwrap returns what kept it from being read.
func (e *historyError) Unwrap() error { return e.err }

// lookup reads the event history of each region. One that cannot be read, as it is
// not enabled, keeps none of the others from being read; it is an error where none
// can.
func (r *trailCall) lookup(ctx context.Context) error {
	regions := r.live.settings.regions
	if len(regions) == 0 {
		regions = []string{r.src.cfg.Region}
	}
	r.gone = true
	var failed []error
	for _, region := range regions {
		err := r.lookupRegion(ctx, region)
		var unread *historyError
		if !errors.As(err, &unread) || ctx.Err() != nil {
			if err != nil {
				return err
			}
			continue
		}
		failed = append(failed, err)
		r.sink.Fault(connector.Fault{Input: lookupInput(r.src.account, region), Label: "event history of " + region, Err: err})
	}
	if len(failed) == len(regions) {
		return errors.Join(failed...)
	}
	return nil
}

func lookupInput(account, region string) string { return "cloudtrail-lookup:" + account + "/" + region }

// lookupRegion reads from the end of the history to where the last run began.
func (r *trailCall) lookupRegion(ctx context.Context, region string) error {
	input := lookupInput(r.src.account, region)
	at, err := r.req.Position(input)
	if err != nil {
		return err
	}
	now := r.req.Now.UTC()
	from := now.AddDate(0, 0, -lookupDays)
	if last, err := time.Parse(time.RFC3339, at.Cursor); err == nil && last.Add(-lookupLate).After(from) {
		from = last.Add(-lookupLate)
	}
	if r.req.Since.After(from) {
		from = r.req.Since
	}
	cfg := r.src.cfg.Copy()
	cfg.Region = region
	client := newTrailClient(cfg)
	decoder := newTrailDecoder(r.tables)
	query := map[string]any{"StartTime": from.Unix(), "EndTime": now.Unix(), "MaxResults": 50}
	for page := range maxLookupPages {
		var answer struct {
			Events []struct {
				CloudTrailEvent string
			}
			NextToken string
		}
		if err := client.do(ctx, "LookupEvents", query, &answer); err != nil {
			return &historyError{fmt.Errorf("read the event history: %w", apiError(ctx, call{op: "cloudtrail lookup-events", region: region}, err))}
		}
		var events []retinue.Event
		for _, e := range answer.Events {
			if events, err = decoder.decode(events, json.RawMessage(e.CloudTrailEvent), maxNested); err != nil {
				r.sink.Fault(connector.Fault{Input: input, Label: "event history of " + region, Err: err})
			}
		}
		b := connector.Batch{Input: input, Label: "event history of " + region, Events: events, Position: at}
		last := answer.NextToken == ""
		if last {
			b.Position = connector.Position{Cursor: now.Format(time.RFC3339)}
		}
		if err := r.sink.Batch(ctx, b); err != nil {
			return err
		}
		if last {
			return r.sink.Cover(ctx, lookupCoverage(r.src.account, region, from, now))
		}
		r.sink.Progress(connector.Progress{Stage: "reading the event history of " + region, Done: int64(page + 1), Unit: "pages"})
		query["NextToken"] = answer.NextToken
		if err := wait(ctx, lookupPace); err != nil {
			return err
		}
	}
	r.sink.Fault(connector.Fault{Input: input, Label: "event history of " + region, From: from, To: now,
		Err: fmt.Errorf("%w: more than %d events: an account of this size needs a trail", retinue.ErrInvalid, maxLookupPages*50)})
	return nil
}

// lookupCoverage says what the event history of a region shows.
func lookupCoverage(account, region string, from, to time.Time) retinue.Coverage {
	c := retinue.Coverage{Log: trailLog, Realm: realmOf(account), From: from, To: to.Add(-lookupLate),
		Classes: []retinue.EventClass{retinue.EventManagement, retinue.EventSignIn}, Authenticated: true}
	c.BlindSpots = []retinue.BlindSpot{neverLogged(), {Code: blindLookup,
		Text:  "The event history of " + region + " was read: calls in other regions, and data events, do not show, and it ends 90 days back.",
		Raise: "make a trail for all regions", Cost: "none for the first copy of management events, and its storage"}}
	for _, s := range dataSources() {
		c.BlindSpots = append(c.BlindSpots, s.off())
	}
	return c
}
