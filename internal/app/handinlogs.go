package app

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/web/api"
)

// The bounds of a part that is handed in. A part is sent from so many events or
// bytes on, and may be larger by one batch of as many bytes again.
const (
	partEvents = 8192
	partBytes  = 8 << 20
	// pieceBytes is from where on a batch is cut in two.
	pieceBytes = 4 << 20
	// eventBytes is what most events take at most.
	eventBytes = 1 << 10
	// partsAhead is how many parts wait while one is sent.
	partsAhead = 2
)

// LogTaker is a server that takes what was read of logs.
type LogTaker interface {
	// Position says where the reading of an input stands there, and how what is
	// handed in is taken.
	Position(ctx context.Context, kind, input string) (api.ActivityPosition, error)
	// Take hands in a part, compressed with gzip. It is tried again where the server
	// is busy or cannot be reached.
	Take(ctx context.Context, kind, source string, part []byte) (api.TakenActivity, error)
}

// HandInActivity reads the logs of sources on this machine and hands what they
// tell in to a server. Where it is cut short, the same again goes on where the
// server stands. A source that fails does not keep the others from being read.
func HandInActivity(ctx context.Context, specs []connector.Spec, keys *Keys, sources []SourceConfig, opt ActivityOptions, to LogTaker) ([]ActivityRead, error) {
	a := &App{Specs: specs, now: time.Now, log: discard(), Keys: keys}
	var out []ActivityRead
	for _, s := range sources {
		if s.Logs.Target != "" {
			s.Target = s.Logs.Target
		}
		sink, err := newHandInSink(ctx, s, opt, to, a.now)
		if err != nil {
			return out, err
		}
		err = a.handIn(ctx, s, opt, sink)
		read := sink.result()
		if err != nil {
			read.Error = err.Error()
		}
		if out = append(out, read); ctx.Err() != nil {
			return out, ctx.Err()
		}
	}
	return out, nil
}

func (a *App) handIn(ctx context.Context, s SourceConfig, opt ActivityOptions, sink *handInSink) error {
	reader, err := a.activityReader(ctx, s, opt)
	if err != nil {
		return errors.Join(err, sink.close())
	}
	err = reader.Activity(ctx, connector.ActivityRequest{Now: a.now(), Since: opt.Since, Position: sink.position}, sink)
	if sent := sink.close(); err == nil { // otherwise it is what the reader was told
		err = sent
	}
	return errors.Join(err, reader.Close())
}

// handInSink sends what a reader reads, in order and in parts, beside the
// reading. It is safe for concurrent use.
type handInSink struct {
	*readSoFar
	ctx    context.Context //nolint:containedctx // that of the one import
	kind   string
	to     LogTaker
	parts  chan []byte
	sent   chan struct{}
	weak   bool
	now    func() time.Time
	failMu sync.Mutex
	err    error

	// order is held while a part is written and handed on, so that parts are sent in
	// the order in which they were read.
	order  sync.Mutex
	buf    bytes.Buffer
	zip    *gzip.Writer
	events int
	bytes  int
	// stands is where the reading of each input stands once what was put is counted.
	stands map[string]connector.Position
}

func newHandInSink(ctx context.Context, s SourceConfig, opt ActivityOptions, to LogTaker, now func() time.Time) (*handInSink, error) {
	p, err := to.Position(ctx, s.Kind, "")
	if err != nil {
		return nil, err
	}
	if p.Weak && opt.Complete {
		return nil, fmt.Errorf("%w: --complete: what you hand in is weak evidence whatever the logs hold: it takes an account that manages sources", retinue.ErrDenied)
	}
	h := &handInSink{readSoFar: newReadSoFar(ActivityRead{Source: s.Name, Weak: p.Weak, HandedIn: true}, opt), ctx: ctx, kind: s.Kind, to: to, weak: p.Weak, now: now,
		parts: make(chan []byte, partsAhead), sent: make(chan struct{}), stands: map[string]connector.Position{}}
	h.zip, _ = gzip.NewWriterLevel(&h.buf, gzip.BestSpeed) // a level that there is; a better one takes longer than all else
	go h.send()
	return h, nil
}

// send hands in one part after another. After an error nothing is sent.
func (h *handInSink) send() {
	defer close(h.sent)
	for part := range h.parts {
		if h.failed() != nil {
			continue
		}
		got, err := h.to.Take(h.ctx, h.kind, h.read.Source, part)
		if err != nil {
			h.fail(err)
			continue
		}
		read := ActivityRead{Events: got.Events, New: got.New, Repeated: got.Repeated, LateUnverified: got.LateUnverified, Unknown: got.Unknown,
			Refused: got.Refused, Withheld: got.Withheld, Faults: got.Faults, OtherKeys: got.OtherKeys}
		for _, p := range got.Places {
			read.Places = append(read.Places, p.Text)
		}
		h.add("", read)
	}
}

func (h *handInSink) failed() error {
	h.failMu.Lock()
	defer h.failMu.Unlock()
	return h.err
}

// fail has nothing more be sent: a part that is missing must be followed by none,
// or where the reading stands would be moved past it.
func (h *handInSink) fail(err error) {
	h.failMu.Lock()
	defer h.failMu.Unlock()
	if h.err == nil {
		h.err = err
	}
}

// close sends what is left, waits for it, and says how that ended.
func (h *handInSink) close() error {
	h.order.Lock()
	if part := h.part(); part != nil {
		h.parts <- part
	}
	close(h.parts)
	h.order.Unlock()
	<-h.sent
	return h.failed()
}

func (h *handInSink) position(input string) (connector.Position, error) {
	h.order.Lock()
	at, ok := h.stands[input]
	h.order.Unlock()
	if ok {
		return at, nil
	}
	p, err := h.to.Position(h.ctx, h.kind, input)
	if err == nil {
		h.order.Lock()
		h.stands[input] = p.Position
		h.order.Unlock()
	}
	return p.Position, err
}

// part ends the part that is being written; nil: there is nothing in it.
func (h *handInSink) part() []byte {
	if h.bytes == 0 {
		return nil
	}
	_ = h.zip.Close() // a buffer takes everything
	out := bytes.Clone(h.buf.Bytes())
	h.buf.Reset()
	h.zip.Reset(&h.buf)
	h.events, h.bytes = 0, 0
	return out
}

// put writes a line of so many events, and hands the part on if it is full.
func (h *handInSink) put(ctx context.Context, events int, item any) error {
	h.order.Lock()
	defer h.order.Unlock()
	if err := h.write(events, item); err != nil {
		return err
	}
	return h.handOn(ctx, partBytes)
}

// write writes a line of so many events.
func (h *handInSink) write(events int, item any) error {
	line, err := json.Marshal(item)
	if err != nil {
		return fmt.Errorf("write part: %w", err)
	}
	return h.writeLine(events, line)
}

func (h *handInSink) writeLine(events int, line []byte) error {
	if err := h.failed(); err != nil {
		return err
	}
	if _, err := h.zip.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write part: %w", err)
	}
	h.events, h.bytes = h.events+max(1, events), h.bytes+len(line)+1 // a server bounds the lines as well
	return nil
}

// handOn hands the part on if it is full, with so many bytes or by its events.
func (h *handInSink) handOn(ctx context.Context, size int) error {
	if h.events < partEvents && h.bytes < size {
		return nil
	}
	select {
	case h.parts <- h.part():
		return nil
	case <-ctx.Done():
		h.fail(ctx.Err())
		return ctx.Err()
	}
}

// Batch implements connector.ActivitySink. A batch of large records is cut into
// pieces, which go in one part but where they are too much for one; its position
// goes with the last. An event that cannot be written is a fault.
func (h *handInSink) Batch(ctx context.Context, b connector.Batch) error {
	h.seen(b)
	texts, places := h.texts(b)
	h.order.Lock()
	defer h.order.Unlock()
	piece := handedPiece{Input: b.Input, Label: b.Label, Events: []json.RawMessage{}}
	if from, ok := h.stands[b.Input]; ok {
		piece.From = &from
	}
	size := 0
	for i, text := range texts {
		if size += len(text); size > pieceBytes && len(piece.Events) > 0 {
			if err := h.writePiece(piece); err != nil {
				return err
			}
			if err := h.handOn(ctx, 2*partBytes); err != nil {
				return err
			}
			piece.Events, piece.Places, size = piece.Events[:0], nil, len(text)
		}
		piece.Events = append(piece.Events, text)
		if places != nil {
			piece.Places = append(piece.Places, places[i])
		}
	}
	piece.Position = b.Position
	if err := h.writePiece(piece); err != nil {
		return err
	}
	if _, ok := h.stands[b.Input]; ok && b.Position != (connector.Position{}) {
		h.stands[b.Input] = b.Position
	}
	return h.handOn(ctx, partBytes)
}

// texts writes the events of a batch, with their places where these are known.
func (h *handInSink) texts(b connector.Batch) (texts []json.RawMessage, places []int64) {
	for i := range b.Events {
		var place int64
		if i < len(b.Places) {
			place = b.Places[i]
		}
		text, err := api.AppendHandedEvent(make([]byte, 0, eventBytes), &b.Events[i])
		if err != nil { // such as a time of a year that has five digits
			h.Fault(connector.Fault{Input: b.Input, Label: b.Label, Line: place, Err: fmt.Errorf("%w: hand in event: %v", retinue.ErrInvalid, err)})
			continue
		}
		texts = append(texts, text)
		if b.Places != nil {
			places = append(places, place)
		}
	}
	return texts, places
}

// handedPiece is an api.HandedBatch whose events are written already.
type handedPiece struct {
	Input    string              `json:"input"`
	Label    string              `json:"label,omitempty"`
	From     *connector.Position `json:"from,omitempty"`
	Position connector.Position  `json:"position"`
	Events   []json.RawMessage   `json:"-"`
	Places   []int64             `json:"places,omitempty"`
}

// writePiece writes a line of events that are written already, as they are.
func (h *handInSink) writePiece(p handedPiece) error {
	head, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("write part: %w", err)
	}
	line := append([]byte(`{"batch":`), head[:len(head)-1]...)
	line = append(line, `,"events":[`...)
	for i, text := range p.Events {
		if i > 0 {
			line = append(line, ',')
		}
		line = append(line, text...)
	}
	return h.writeLine(len(p.Events), append(line, "]}}"...))
}

// seen notes what was read; what it counts for, the server says.
func (h *handInSink) seen(b connector.Batch) {
	var read ActivityRead
	for i := range b.Events {
		e := &b.Events[i]
		if len(read.Logs) == 0 || read.Logs[len(read.Logs)-1] != e.Log {
			read.Logs = append(read.Logs, e.Log)
		}
		read.From, read.To = earlierOf(read.From, e.At), laterOf(read.To, e.At)
	}
	h.add(inputOf(b), read)
}

// Cover implements connector.ActivitySink.
func (h *handInSink) Cover(ctx context.Context, c retinue.Coverage) error {
	c, err := covered(c, h.now())
	if err != nil {
		return err
	}
	err = h.put(ctx, 0, api.HandedItem{Coverage: &api.HandedCoverage{Coverage: c, Complete: h.opt.Complete && c.Proof == ""}})
	switch {
	case h.weak:
		c.Proof, c.Authenticated = "", false
	case c.Proof == "" && h.opt.Complete:
		c.Proof = "you said that what was read is all that the log held"
	}
	h.cover(c)
	return err
}

// Fault implements connector.ActivitySink.
func (h *handInSink) Fault(f connector.Fault) {
	if !h.fault(f) {
		return
	}
	for _, at := range []*time.Time{&f.From, &f.To} {
		if y := at.Year(); y < 0 || y > 9999 { // such a time cannot be written
			*at = time.Time{}
		}
	}
	// What cannot be sent now fails the next batch.
	_ = h.put(h.ctx, 1, api.HandedItem{Fault: &api.HandedFault{Input: f.Input, Label: f.Label, Line: f.Line, Record: f.Record, Count: f.Count, From: f.From, To: f.To, Text: f.Err.Error()}})
}

// What a server says and is told of logs.
type (
	// ActivityPosition is where the reading of an input stands there.
	ActivityPosition = api.ActivityPosition
	// TakenActivity is what became of a part.
	TakenActivity = api.TakenActivity
	// LogWordInput is what a server is told of somebody's word on logs.
	LogWordInput = api.LogWordInput
	// EventStream is a stream that a server reads.
	EventStream = api.EventStream
	// EventStreamList are all of them.
	EventStreamList = api.EventStreams
)
