package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/eventpush"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage"
	"github.com/retinue-id/retinue/internal/web/api"
)

// maxPlaces is how many places of a push the sender is told one by one.
const maxPlaces = 20

// ReceiveEvents implements api.EventReceiver.
func (a *App) ReceiveEvents(ctx context.Context, c auth.Caller, p api.EventPush) (out api.Received, err error) {
	var col store.Collector
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		col, err = callingCollector(tx, c)
		return err
	})
	if err != nil {
		return out, err
	}
	return a.receive(ctx, col, p, func([]byte) error { return nil })
}

// receive takes a push of a collector. proof is asked of the whole body before
// anything of it counts.
func (a *App) receive(ctx context.Context, col store.Collector, p api.EventPush, proof func(body []byte) error) (out api.Received, err error) {
	release, err := a.senders.enter(ctx, col.ID)
	if err != nil {
		return out, err
	}
	defer release()
	body, err := io.ReadAll(p.Body)
	if err != nil {
		return out, fmt.Errorf("%w: read what was pushed: %w", retinue.ErrInvalid, err)
	}
	if err := proof(body); err != nil {
		return out, err
	}
	r, err := a.newPushRun(ctx, col, p, body)
	if err != nil {
		return out, err
	}
	err = r.run()
	// Also of what was counted before something failed.
	if err := a.notePush(context.WithoutCancel(ctx), r); err != nil {
		return r.out, err
	}
	var large *eventpush.SizeError
	var cut *eventpush.CutError
	switch {
	case errors.As(err, &large):
		return r.out, &api.PushSizeError{Text: large.Error(), Taken: r.out}
	case errors.As(err, &cut):
		return r.out, &api.PushCutError{Text: cut.Error(), Taken: r.out}
	}
	return r.out, err
}

// pushRun counts one push.
type pushRun struct {
	app     *App
	ctx     context.Context //nolint:containedctx // that of the one request
	col     store.Collector
	source  pushSource
	body    eventpush.Body
	decode  func([]byte) ([]retinue.Event, error)
	counter *eventCounter

	// input names the batch, and digest its content, where the sender gives it an id.
	input  string
	digest string
	// skip is up to which record the batch was counted before.
	skip int64
	// stopped is the first record that was not taken, 0 if there was none.
	stopped int64
	record  int64 // that is read
	events  []retinue.Event
	places  []int64 // of the records of events
	out     api.Received
	seen    pushSeen
	// refused are realms that the sender named and does not speak for: in events of
	// theirs, or withheld from events of others.
	refused map[retinue.Realm]int64
	kept    []connector.Fault
}

func (a *App) newPushRun(ctx context.Context, col store.Collector, p api.EventPush, body []byte) (*pushRun, error) {
	source, err := a.pushSource(ctx, col, p.Source)
	if err != nil {
		return nil, err
	}
	r := &pushRun{app: a, ctx: ctx, col: col, source: source, seen: pushSeen{}, refused: map[retinue.Realm]int64{},
		body: eventpush.Body{Data: body, Encoding: p.Encoding, Firehose: p.Firehose, Envelopes: source.spec.Activity.Envelopes}}
	r.out.Places = []api.PushPlace{}
	if r.decode, err = source.decoder(a); err != nil {
		return nil, err
	}
	if r.counter, err = a.eventCounter(ctx, source.spec.Kind, r.fault); err != nil {
		return nil, err
	}
	r.input = fmt.Sprintf("push:%s/%s", col.ID, source.name)
	if p.Batch == "" {
		return r, nil
	}
	if r.digest = contentDigest(r.body); r.digest == "" {
		return r, nil
	}
	r.input += "#" + p.Batch
	return r, r.resume()
}

// contentDigest names what a body holds once it is uncompressed: a sender may
// compress the same anew. What cannot be read to its end has no digest; reading
// its records says why.
func contentDigest(b eventpush.Body) string {
	content, err := b.Content()
	if err != nil {
		return ""
	}
	h := sha256.New()
	if _, err := io.Copy(h, content); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

// resume finds how much of the batch was counted before.
func (r *pushRun) resume() error {
	return r.app.DB.View(r.ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		p, err := tx.UsageInput(r.input)
		if err == nil && p.Digest == r.digest && p.Cursor == store.PushCursor {
			r.skip = p.Offset
		}
		return err
	})
}

// run reads the records and counts their events.
func (r *pushRun) run() error {
	err := r.body.Records(r.take, r.fault)
	if flushErr := r.flush(err == nil); flushErr != nil {
		return flushErr
	}
	return err
}

// take decodes a record.
func (r *pushRun) take(rec eventpush.Record) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	r.record, r.out.Records = rec.Number, rec.Number
	events, err := r.decode(rec.Data)
	if err != nil {
		r.fault(connector.Fault{Record: rec.Number, Line: rec.Line, Err: err})
		return nil //nolint:nilerr // it was told, and keeps nothing else from being counted
	}
	for i := range events {
		switch e := &events[i]; {
		case e.Realm == "":
			r.fault(connector.Fault{Record: rec.Number, Line: rec.Line, Err: fmt.Errorf("%w: the record does not say of which system it is", retinue.ErrInvalid)})
		case !mayState(r.col, e.Realm):
			r.refuse(rec, e.Realm)
		case rec.Number <= r.skip:
			r.out.Events++
			r.out.Repeated++
		default:
			r.withhold(rec, e)
			e.Raw = bytes.Clone(e.Raw)
			r.events, r.places = append(r.events, *e), append(r.places, rec.Number)
		}
	}
	for len(r.events) >= connector.MaxActivityBatch {
		if err := r.count(connector.MaxActivityBatch, false); err != nil {
			return err
		}
	}
	return nil
}

// flush counts the events that are left, and keeps that the batch came to its
// end.
func (r *pushRun) flush(done bool) error {
	if len(r.events) == 0 && (r.digest == "" || r.record <= r.skip) {
		return nil
	}
	return r.count(len(r.events), done)
}

// count counts the first n events. Reading stands before the record whose events
// are not all counted.
func (r *pushRun) count(n int, done bool) error {
	b := connector.Batch{Input: r.input, Label: "pushed by " + r.col.Name, Events: r.events[:n], Places: r.places[:n]}
	if r.digest != "" {
		at := r.record
		if !done {
			at--
		}
		if r.stopped > 0 { // what was not taken may be, when the batch is sent again
			at, done = min(at, r.stopped-1), false
		}
		b.Position = connector.Position{Offset: max(at, r.skip), Cursor: store.PushCursor, Digest: r.digest, Done: done}
	}
	read, err := r.counter.Count(r.ctx, b)
	if err != nil {
		return err
	}
	r.out.Events += read.Events
	r.out.Taken += read.New
	r.out.Repeated += read.Repeated
	r.out.LateUnverified += read.LateUnverified
	r.out.Unknown += read.Unknown
	r.seen.add(b.Events)
	r.events, r.places = append(r.events[:0], r.events[n:]...), append(r.places[:0], r.places[n:]...)
	return nil
}

// stop notes the first record that was not taken.
func (r *pushRun) stop(record int64) {
	if r.stopped == 0 {
		r.stopped = max(record, 1)
	}
}

// fault notes a record, or an event of one, that could not be taken.
func (r *pushRun) fault(f connector.Fault) {
	if f.Record > 0 && f.Record <= r.skip {
		return // it was told before
	}
	r.out.Faults++
	r.out.Records = max(r.out.Records, f.Record)
	r.stop(f.Record)
	r.place(api.PushPlace{Record: f.Record, Line: f.Line, Text: f.Err.Error()})
	if len(r.kept) < maxPlaces {
		r.kept = append(r.kept, f)
	}
}

// refuse notes an event of a system that the sender does not speak for.
func (r *pushRun) refuse(rec eventpush.Record, realm retinue.Realm) {
	r.out.Refused++
	r.stop(rec.Number)
	r.refusedOf(realm)
	r.place(api.PushPlace{Record: rec.Number, Line: rec.Line, Text: fmt.Sprintf("an event of %s: this sender speaks for %s alone", realm, realmsText(r.col.Realms))})
}

// withhold takes off an event the names of other systems' identities and
// credentials, for which the sender does not speak: it cannot make evidence for them.
func (r *pushRun) withhold(rec eventpush.Record, e *retinue.Event) {
	for _, name := range usage.Withhold(e, func(realm retinue.Realm) bool { return mayState(r.col, realm) }, r.app.keyHomes(r.ctx)) {
		r.out.Withheld++
		r.refusedOf(name.Realm)
		r.place(api.PushPlace{Record: rec.Number, Line: rec.Line,
			Text: fmt.Sprintf("it names %s: the event counts without the name, because this sender speaks for %s alone", name, realmsText(r.col.Realms))})
	}
}

// refusedOf counts a realm that the sender does not speak for.
func (r *pushRun) refusedOf(realm retinue.Realm) {
	if len(r.refused) < maxPlaces || r.refused[realm] > 0 {
		r.refused[realm]++
	}
}

func (r *pushRun) place(p api.PushPlace) {
	if len(r.out.Places) < maxPlaces {
		r.out.Places = append(r.out.Places, p)
	}
}

// realmsText lists the first of what a collector is bound to.
func realmsText(realms []retinue.Realm) string {
	const most = 5
	text := fmt.Sprint(realms[:min(len(realms), most)])
	if len(realms) > most {
		text += fmt.Sprintf(" and %d more", len(realms)-most)
	}
	return text
}

// refusedRealms lists the realms that were refused.
func (r *pushRun) refusedRealms() []retinue.Realm { return slices.Sorted(maps.Keys(r.refused)) }
