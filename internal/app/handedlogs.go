package app

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage"
	"github.com/retinue-id/retinue/internal/web/api"
)

// handedProof is said behind the proof of a log that was read elsewhere.
const handedProof = " (read elsewhere, and handed in)"

// ActivityPosition implements api.ActivityImporter.
func (a *App) ActivityPosition(ctx context.Context, c auth.Caller, kind, input string) (out api.ActivityPosition, err error) {
	h, err := a.newHanding(c, kind, "")
	if err != nil || input == "" {
		out.ActivityStanding = h.standing
		return out, err
	}
	out.ActivityStanding = h.standing
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		out.Position, err = tx.UsageInput(h.input(input))
		return err
	})
	return out, err
}

// ImportHanded implements api.ActivityImporter.
func (a *App) ImportHanded(ctx context.Context, c auth.Caller, in api.HandedActivity) (out api.TakenActivity, err error) {
	h, err := a.newHanding(c, in.Kind, in.Source)
	if err != nil {
		return out, err
	}
	h.homes = a.keyHomes(ctx)
	release, err := a.senders.enter(ctx, h.sender())
	if err != nil {
		return out, err
	}
	defer release()
	if err := h.read(in.Body); err != nil {
		return out, err
	}
	if err := h.withoutSecrets(); err != nil {
		return out, err
	}
	// Faults are kept before the events: where the reading stands is kept with
	// these, and what lies before it is not read again.
	if err := h.noteFaults(ctx); err != nil {
		return out, err
	}
	if err := h.count(ctx); err != nil {
		return out, err
	}
	return h.out, h.note(ctx)
}

// handing takes a part of what was read of logs elsewhere.
type handing struct {
	app      *App
	c        auth.Caller
	spec     connector.Spec
	source   string
	standing api.ActivityStanding
	homes    func(retinue.JoinKey) []retinue.Realm // see [usage.Withhold]

	batches  []handedBatch
	coverage []api.HandedCoverage
	faults   []api.HandedFault
	events   int
	line     int64
	out      api.TakenActivity
}

// handedBatch is a batch, and where the reading stood before it where that is
// known.
type handedBatch struct {
	connector.Batch
	from *connector.Position
}

// newHanding says how what a caller hands in is taken. Who manages sources could
// have this server read the same, and give their word on it; of everybody else
// nobody knows what they left out.
func (a *App) newHanding(c auth.Caller, kind, source string) (*handing, error) {
	h := &handing{app: a, c: c, source: retinue.CleanName(source)}
	switch {
	case c.Kind == auth.KindCollector:
		h.standing = api.ActivityStanding{Weak: true, Realms: c.Realms}
	case c.Can(auth.PermSourcesManage):
	case c.Scope(auth.PermIngestWrite).All:
		h.standing.Weak = true
	default:
		return h, fmt.Errorf("%w: hand in logs: they are of the installation as a whole, and you have a part of it", retinue.ErrDenied)
	}
	var err error
	if h.spec, err = a.Spec(kind); err != nil || h.spec.Activity == nil {
		return h, fmt.Errorf("%w: kind %q reads no logs", retinue.ErrInvalid, kind)
	}
	h.out.ActivityStanding, h.out.Places = h.standing, []api.PushPlace{}
	return h, nil
}

// sender is under what it is bounded how much is on its way.
func (h *handing) sender() store.CollectorID {
	return store.CollectorID("handed in by " + h.who())
}

// who names the caller among all that hand in.
func (h *handing) who() string { return h.c.Actor.Kind + " " + h.c.Actor.Name }

// input names an input. Who is not trusted to say where the reading of one stands
// has inputs of their own.
func (h *handing) input(name string) string {
	if h.standing.Weak {
		name = "handed:" + h.who() + "/" + name
	}
	return name
}

// speaksFor reports whether the caller may tell of a system.
func (h *handing) speaksFor(realm retinue.Realm) bool {
	return h.c.Kind != auth.KindCollector || mayState(store.Collector{Realms: h.standing.Realms}, realm)
}

// read reads the lines.
func (h *handing) read(body io.Reader) error {
	b := bufio.NewReaderSize(body, 64<<10)
	var from io.Reader = b
	if head, err := b.Peek(2); err == nil && bytes.Equal(head, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(b)
		if err != nil {
			return fmt.Errorf("%w: what was handed in is not gzip", retinue.ErrInvalid)
		}
		from = z
	}
	left := &io.LimitedReader{R: from, N: api.MaxHandedContent + 1}
	dec := json.NewDecoder(left)
	dec.DisallowUnknownFields()
	for h.line = 1; ; h.line++ {
		var item api.HandedItem
		err := dec.Decode(&item)
		switch {
		case left.N <= 0:
			return &api.PushSizeError{Text: fmt.Sprintf("what was handed in is larger than %d bytes once it is uncompressed", api.MaxHandedContent)}
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			if errors.Is(err, io.ErrUnexpectedEOF) {
				return &api.PushCutError{Text: fmt.Sprintf("what was handed in ends in its midst, on line %d", h.line)}
			}
			return fmt.Errorf("%w: line %d: %w", retinue.ErrInvalid, h.line, err)
		}
		if h.line > api.MaxHandedLines {
			return &api.PushSizeError{Text: fmt.Sprintf("more than %d lines were handed in at once", api.MaxHandedLines)}
		}
		if err := h.item(item); err != nil {
			return fmt.Errorf("line %d: %w", h.line, err)
		}
	}
}

func (h *handing) item(item api.HandedItem) error {
	switch {
	case item.Batch != nil && item.Coverage == nil && item.Fault == nil:
		return h.batch(item.Batch)
	case item.Coverage != nil && item.Batch == nil && item.Fault == nil:
		return h.cover(*item.Coverage)
	case item.Fault != nil && item.Batch == nil && item.Coverage == nil:
		if len(h.faults) < maxKeptFaults {
			h.faults = append(h.faults, *item.Fault)
		}
		return nil
	}
	return fmt.Errorf("%w: want one of batch, coverage and fault", retinue.ErrInvalid)
}

func (h *handing) batch(b *api.HandedBatch) error {
	if b.Input == "" || len(b.Input) > api.MaxInput || len(b.Label) > 4*api.MaxInput || len(b.Events) > connector.MaxActivityBatch {
		return fmt.Errorf("%w: a batch of %d events: want at most %d, and an input of at most %d bytes", retinue.ErrInvalid, len(b.Events), connector.MaxActivityBatch, api.MaxInput)
	}
	if h.events += len(b.Events); h.events > api.MaxHandedEvents {
		return &api.PushSizeError{Text: fmt.Sprintf("more than %d events were handed in at once", api.MaxHandedEvents)}
	}
	if len(b.Places) > 0 && len(b.Places) != len(b.Events) {
		return fmt.Errorf("%w: %d places of %d events", retinue.ErrInvalid, len(b.Places), len(b.Events))
	}
	out := handedBatch{Batch: connector.Batch{Input: h.input(b.Input), Label: retinue.CleanName(b.Label), Position: b.Position}, from: b.From}
	for i := range b.Events {
		e, err := b.Events[i].Read()
		if err != nil {
			return err
		}
		if !h.speaksFor(e.Realm) {
			h.refuse(fmt.Sprintf("%s: an event of %s at %s: this collector speaks for %s alone", out.Label, retinue.CleanName(string(e.Realm)), e.At.UTC().Format(time.RFC3339), realmsText(h.standing.Realms)))
			continue
		}
		for _, name := range usage.Withhold(&e, h.speaksFor, h.homes) {
			h.out.Withheld++
			h.place(fmt.Sprintf("%s: an event at %s names %s: it counts without the name, because this collector speaks for %s alone", out.Label, e.At.UTC().Format(time.RFC3339), name, realmsText(h.standing.Realms)))
		}
		e.Fingerprints = slices.DeleteFunc(e.Fingerprints, h.otherKey)
		out.Events = append(out.Events, e)
		if len(b.Places) > 0 {
			out.Places = append(out.Places, b.Places[i])
		}
	}
	h.batches = append(h.batches, out)
	return nil
}

// otherKey reports a fingerprint under a key that is not of this installation.
func (h *handing) otherKey(f retinue.Fingerprint) bool {
	if h.app.Keys != nil && slices.Contains(h.app.Keys.IDs(), f.KeyID) {
		return false
	}
	h.out.OtherKeys++
	return true
}

func (h *handing) cover(c api.HandedCoverage) error {
	var err error
	if c.Coverage, err = covered(c.Coverage, h.app.now()); err != nil {
		return err
	}
	if text, err := json.Marshal(c); err != nil || len(text) > maxHandedCoverage || len(c.BlindSpots) > maxHandedSpots || retinue.CleanName(c.Log) != c.Log {
		return fmt.Errorf("%w: coverage of log %.100q: want a clean name, and at most %d blind spots and %d bytes", retinue.ErrInvalid, c.Log, maxHandedSpots, maxHandedCoverage)
	}
	if c.Complete && h.standing.Weak {
		return fmt.Errorf("%w: say that a log is whole: it needs the permission %s", retinue.ErrDenied, auth.PermSourcesManage)
	}
	if !h.speaksFor(c.Realm) {
		h.refuse(fmt.Sprintf("what %s of %s covers: this collector speaks for %s alone", retinue.CleanName(c.Log), c.Realm, realmsText(h.standing.Realms)))
		return nil
	}
	switch {
	case h.standing.Weak:
		c.Proof, c.Authenticated = "", false
		c.BlindSpots = append(c.BlindSpots, pushSpot())
	case c.Proof != "":
		c.Proof += handedProof
	}
	h.coverage = append(h.coverage, c)
	return nil
}

func (h *handing) refuse(text string) {
	h.out.Refused++
	h.place(text)
}

func (h *handing) place(text string) { h.placeIn(&h.out, text) }

func (h *handing) placeIn(out *api.TakenActivity, text string) {
	if len(out.Places) < maxPlaces {
		out.Places = append(out.Places, api.PushPlace{Record: h.line, Text: text})
	}
}

// count counts what was read, in one transaction.
func (h *handing) count(ctx context.Context) error {
	err := h.countOnce(ctx)
	if errors.Is(err, retinue.ErrConflict) { // the same part may have been on its way twice
		err = h.countOnce(ctx)
	}
	return err
}

func (h *handing) countOnce(ctx context.Context) error {
	if err := h.dropCounted(ctx); err != nil {
		return err
	}
	out := h.out // as it is if this counts
	counter, err := h.app.eventCounter(ctx, h.spec.Kind, func(f connector.Fault) {
		out.Faults++
		h.placeIn(&out, f.Error())
	})
	if err != nil {
		return err
	}
	var batches []store.UsageBatch
	for _, b := range h.batches {
		folded, read, err := counter.batches(ctx, b.Batch)
		if err != nil {
			return err
		}
		for i := range folded {
			folded[i].From = b.from
		}
		batches = append(batches, folded...)
		out.Events, out.Unknown = out.Events+read.Events, out.Unknown+read.Unknown
	}
	if len(batches) == 0 {
		return nil
	}
	got, err := h.app.DB.CountUsage(ctx, batches...)
	if err != nil {
		return err
	}
	out.New, out.LateUnverified, out.Repeated = got.New, got.LateUnverified, out.Repeated+got.Repeated
	h.out = out
	return nil
}

// dropCounted drops the batches of inputs whose reading stands behind them
// already: this part was sent before, and the answer was lost.
func (h *handing) dropCounted(ctx context.Context) error {
	last := map[string]connector.Position{}
	for _, b := range h.batches {
		if b.Position != (connector.Position{}) {
			last[b.Input] = b.Position
		}
	}
	return h.app.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		counted := map[string]bool{}
		for input, at := range last {
			p, err := tx.UsageInput(input)
			if err != nil {
				return err
			}
			counted[input] = p == at
		}
		h.batches = slices.DeleteFunc(h.batches, func(b handedBatch) bool {
			if counted[b.Input] {
				h.out.Events += int64(len(b.Events))
				h.out.Repeated += int64(len(b.Events))
			}
			return counted[b.Input]
		})
		return nil
	})
}
