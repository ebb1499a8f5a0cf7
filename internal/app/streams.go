package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/evidence/deliver"
	"github.com/retinue-id/retinue/internal/evidence/export"
	"github.com/retinue-id/retinue/internal/jobs"
	"github.com/retinue-id/retinue/internal/outlet"
	"github.com/retinue-id/retinue/internal/steward/notice"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// streamJob passes on what is new to one stream.
type streamJob struct {
	Outlet int64 `json:"outlet"`
}

// Kind implements jobs.Args.
func (streamJob) Kind() string { return "streams_run" }

// streamsJob looks which streams have something to pass on.
type streamsJob struct{}

// Kind implements jobs.Args.
func (streamsJob) Kind() string { return "streams_look" }

const (
	// streamEvery is how often streams are looked at.
	streamEvery = 15 * time.Second
	// streamPage is how many events a batch holds, and streamBytes how large
	// it is at most.
	streamPage  = 500
	streamBytes = 2 << 20
)

// startCursor has a new stream begin with the present: what was before is in
// exports.
func (a *App) startCursor(tx *sqlstore.Tx, o *store.Outlet) error {
	if o.Purpose != store.PurposeStream {
		return nil
	}
	s, err := settingsOf(*o)
	if err != nil {
		return err
	}
	if s.Options["content"] == "findings" {
		o.Cursor, err = tx.LastFindingVersion()
	} else {
		o.Cursor, _, err = tx.Head()
	}
	return err
}

// wakeOutlet has an outlet that was made or changed do what waits for it.
func (a *App) wakeOutlet(ctx context.Context, tx *sqlstore.Tx, o store.Outlet) error {
	if !o.Enabled {
		return nil
	}
	switch o.Purpose {
	case store.PurposeStream:
		return a.insert(ctx, tx, streamJob{o.Key}, jobs.Options{Key: fmt.Sprint(o.Key)})
	case store.PurposeChannel:
		return a.insert(ctx, tx, sendJob{o.Key}, jobs.Options{Key: fmt.Sprint(o.Key)})
	}
	return nil
}

// runStreams inserts the job of each stream that is not being held up.
func (a *App) runStreams(ctx context.Context) error {
	outlets, err := a.Outlets(ctx, store.PurposeStream)
	if err != nil {
		return err
	}
	for _, o := range outlets {
		if !o.Enabled || o.NextAt.After(a.DB.Now()) {
			continue
		}
		if err := a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
			return a.insert(ctx, tx, streamJob{o.Key}, jobs.Options{Key: fmt.Sprint(o.Key)})
		}); err != nil {
			return err
		}
	}
	return nil
}

// runStream passes on what is new, a batch at a time. The cursor moves only
// once a batch was taken, so that every event arrives at least once, in order.
func (a *App) runStream(ctx context.Context, key int64) error {
	return a.alone(ctx, fmt.Sprintf("stream/%d", key), func() error {
		until := time.Now().Add(sendTime)
		for time.Now().Before(until) {
			more, err := a.streamBatch(ctx, key)
			if err != nil || !more {
				return err
			}
		}
		return nil
	})
}

func (a *App) streamBatch(ctx context.Context, key int64) (more bool, err error) {
	var o store.Outlet
	var events []json.RawMessage
	var cursor int64
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		if o, err = tx.OutletByKey(key); err != nil {
			return err
		}
		if !o.Enabled || o.NextAt.After(a.DB.Now()) {
			return nil
		}
		s, err := settingsOf(o)
		if err != nil {
			return err
		}
		events, cursor, err = a.streamEvents(tx, s.Options["content"], o.Cursor)
		return err
	})
	if err != nil || len(events) == 0 {
		return false, err
	}
	receipt, err := a.sendBatch(ctx, o, deliver.Batch{ID: fmt.Sprintf("%s-%d-%d", o.ID, o.Cursor, cursor), Events: events})
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	_ = receipt // a stream's receipt is its cursor
	return err == nil, a.DB.Update(context.WithoutCancel(ctx), func(tx *sqlstore.Tx) error {
		if err == nil {
			return tx.OutletWorked(key, cursor)
		}
		// A batch that is refused for good holds the stream up all the same:
		// passing over it would lose evidence without a word.
		return tx.OutletFailed(key, outlet.Clean(err.Error(), 500), tx.At().Add(max(notice.Backoff(o.Failures+1), outlet.RetryAfter(err))))
	})
}

func (a *App) sendBatch(ctx context.Context, o store.Outlet, b deliver.Batch) (string, error) {
	k, ok := deliver.FindStream(o.Kind)
	if !ok {
		return "", fmt.Errorf("%w: there are no streams of kind %q", retinue.ErrUnsupported, o.Kind)
	}
	c, _, err := a.openConfig(ctx, o)
	if err != nil {
		return "", err
	}
	s, err := k.Open(c)
	if err != nil {
		return "", err
	}
	return s.Send(ctx, b)
}

var errBatchFull = errors.New("the batch is full")

// streamEvents reads the events after a cursor, and the cursor after them.
func (a *App) streamEvents(tx *sqlstore.Tx, content string, after int64) (events []json.RawMessage, cursor int64, err error) {
	ocsf := export.OCSF{Tool: export.Tool{Name: "Retinue", Version: Version}, Now: a.DB.Now()}
	cursor = after
	size := 0
	add := func(key int64, write func(*bytes.Buffer) error) error {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return err
		}
		if len(events) > 0 && size+b.Len() > streamBytes {
			return errBatchFull
		}
		size += b.Len()
		events, cursor = append(events, bytes.TrimSpace(b.Bytes())), key
		return nil
	}
	if content == "findings" {
		vs, err := tx.FindingVersions(after, streamPage)
		if err != nil {
			return nil, after, err
		}
		for _, v := range vs {
			if err := add(v.Key, func(b *bytes.Buffer) error {
				_, err := ocsf.WriteFindings(b, export.Each([]retinue.Finding{v.Finding}))
				return err
			}); err != nil {
				return events, cursor, ignoreFull(err)
			}
		}
		return events, cursor, nil
	}
	for r, err := range tx.Records(after + 1) {
		if err != nil {
			return nil, after, err
		}
		if err := add(r.Seq, func(b *bytes.Buffer) error {
			_, err := ocsf.WriteRecords(b, export.Each([]retinue.Record{r}))
			return err
		}); err != nil {
			return events, cursor, ignoreFull(err)
		}
		if len(events) >= streamPage {
			break
		}
	}
	return events, cursor, nil
}

func ignoreFull(err error) error {
	if errors.Is(err, errBatchFull) {
		return nil
	}
	return err
}
