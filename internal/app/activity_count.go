package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage"
)

// eventCounter counts events of one kind of source, whichever way they come: as
// a log that is read, pushed by a system, or from a stream. It is safe for
// concurrent use.
type eventCounter struct {
	app      *App
	lateness map[string]time.Duration // by log
	tested   func(realm retinue.Realm, key string) bool
	fault    func(connector.Fault)
}

// eventCounter makes what counts events of a kind of source. fault is told which
// events could not be taken.
func (a *App) eventCounter(ctx context.Context, kind string, fault func(connector.Fault)) (*eventCounter, error) {
	spec, err := a.Spec(kind)
	if err != nil {
		return nil, err
	}
	c := &eventCounter{app: a, fault: fault, lateness: map[string]time.Duration{}}
	if spec.Activity != nil {
		for _, k := range spec.Activity.Logs {
			c.lateness[k.Name] = k.Lateness
		}
	}
	c.tested, err = a.testedConditions(ctx)
	return c, err
}

// Count counts a batch: the events and where the reading of their input stands
// are kept together or not at all, and an event that was counted before counts
// for nothing. Events that make no sense are told as faults. It forms no
// verdicts.
func (c *eventCounter) Count(ctx context.Context, b connector.Batch) (ActivityRead, error) {
	batches, read, err := c.batches(ctx, b)
	if err != nil {
		return read, err
	}
	got, err := c.app.DB.CountUsage(ctx, batches...)
	if err != nil {
		return read, err
	}
	read.New, read.Repeated, read.LateUnverified = got.New, got.Repeated, got.LateUnverified
	return read, nil
}

// batches makes what is counted of a batch, by log, and says what there was to
// count. Nothing of it refers to the batch.
func (c *eventCounter) batches(ctx context.Context, b connector.Batch) ([]store.UsageBatch, ActivityRead, error) {
	var read ActivityRead
	if len(b.Events) > connector.MaxActivityBatch || b.Input == "" {
		return nil, read, fmt.Errorf("%w: a batch of %d events of input %q: want at most %d, and the input named", retinue.ErrInvalid, len(b.Events), b.Input, connector.MaxActivityBatch)
	}
	folders, records := c.fold(ctx, b, &read)
	read.Logs = slices.Sorted(maps.Keys(folders))
	logs := read.Logs
	if len(logs) == 0 { // nothing but a position
		logs, folders = []string{""}, map[string]*usage.Folder{"": {}}
	}
	out := make([]store.UsageBatch, 0, len(logs))
	for i, log := range logs {
		u := folders[log].Take()
		u.Log, u.Input, u.Label, u.Position, u.Records = log, b.Input, b.Label, b.Position, records[log]
		// Where the way in keeps the position itself, nothing is kept here that others
		// would wait for.
		u.Keep = i == len(logs)-1 && b.Position != (connector.Position{})
		u.Horizon = c.lateness[log]
		out = append(out, u)
	}
	return out, read, nil
}

// fold adds a batch up by log, with records of its events where they are kept.
func (c *eventCounter) fold(ctx context.Context, b connector.Batch, read *ActivityRead) (map[string]*usage.Folder, map[string][]store.EventRecord) {
	folders, records := map[string]*usage.Folder{}, map[string][]store.EventRecord{}
	for i := range b.Events {
		e := &b.Events[i]
		f := folders[e.Log]
		if f == nil {
			f = &usage.Folder{Tested: c.tested, Networks: c.app.networks, Latest: c.app.now().Add(connector.MaxAhead), Seal: c.app.sealUnknown(ctx)}
			folders[e.Log] = f
		}
		at := recordPlace{b.Label, 0}
		if i < len(b.Places) {
			at.place = b.Places[i]
		}
		f.Label, f.Place = at.label, at.place
		if err := f.Add(e); err != nil {
			c.fault(connector.Fault{Input: b.Input, Label: b.Label, From: e.At, To: e.At, Err: err})
			continue
		}
		if c.app.Config.Usage.RawDays > 0 {
			records[e.Log] = append(records[e.Log], recordOf(e, at))
		}
		read.Events++
		if e.Class == retinue.EventUnknown {
			read.Unknown++
		}
		if read.From.IsZero() || e.At.Before(read.From) {
			read.From = e.At
		}
		if e.At.After(read.To) {
			read.To = e.At
		}
	}
	return folders, records
}

// sealUnknown keeps the record of an event that no reader understood: searched
// for secrets, and sealed to its place.
func (a *App) sealUnknown(ctx context.Context) func(*retinue.Event) []byte {
	if a.sealer == nil {
		return nil
	}
	return func(e *retinue.Event) []byte {
		raw, err := a.withoutSecrets(e.Raw)
		if err != nil {
			a.log.Warn("unknown event was not kept", "log", e.Log, "error", err.Error())
			return nil
		}
		sealed, err := a.sealer.Seal(ctx, raw, unknownAt(store.UnknownName(e.Log, store.EventHash(e.ID, e.Digest))))
		if err != nil {
			a.log.Warn("unknown event was not kept", "log", e.Log, "error", err.Error())
			return nil
		}
		return sealed
	}
}

// withoutSecrets replaces what looks like a secret.
func (a *App) withoutSecrets(raw []byte) ([]byte, error) {
	scanner, err := a.detector()
	if err != nil {
		return nil, err
	}
	var out []byte
	at := 0
	for _, f := range scanner.Scan(raw) {
		if f.Start < at || f.Secret.IsZero() {
			continue
		}
		out = append(append(out, raw[at:f.Start]...), redactedSecret...)
		at = f.End
	}
	return append(out, raw[at:]...), nil
}
