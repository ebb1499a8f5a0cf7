package app

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/web/api"
)

// The bounds of a part that is handed in. A part is sent from so many events or
// bytes on, and may be larger by one batch.
const (
	partEvents = 8192
	partBytes  = 8 << 20
	// pieceBytes is from where on a batch is cut in two.
	pieceBytes = 4 << 20
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
		sink, err := newHandInSink(ctx, s, opt, to)
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
	ctx      context.Context //nolint:containedctx // that of the one import
	source   SourceConfig
	opt      ActivityOptions
	to       LogTaker
	standing api.ActivityStanding
	parts    chan []byte
	sent     chan struct{}

	// order is held while a part is written and handed on, so that parts are sent in
	// the order in which they were read.
	order  sync.Mutex
	buf    bytes.Buffer
	zip    *gzip.Writer
	events int
	bytes  int

	mu     sync.Mutex
	read   ActivityRead
	logs   map[string]bool
	inputs map[string]bool
	told   map[string]int64 // faults of each input
	err    error
}

func newHandInSink(ctx context.Context, s SourceConfig, opt ActivityOptions, to LogTaker) (*handInSink, error) {
	if opt.OnProgress == nil {
		opt.OnProgress = func(string, connector.Progress) {}
	}
	if opt.OnFault == nil {
		opt.OnFault = func(string, connector.Fault) {}
	}
	p, err := to.Position(ctx, s.Kind, "")
	if err != nil {
		return nil, err
	}
	if p.Weak && opt.Complete {
		return nil, fmt.Errorf("%w: --complete: what you hand in is weak evidence whatever the logs hold: it takes an account that manages sources", retinue.ErrDenied)
	}
	h := &handInSink{ctx: ctx, source: s, opt: opt, to: to, standing: p.ActivityStanding, parts: make(chan []byte, partsAhead), sent: make(chan struct{}),
		read: ActivityRead{Source: s.Name, Weak: p.Weak, HandedIn: true}, logs: map[string]bool{}, inputs: map[string]bool{}, told: map[string]int64{}}
	h.zip = gzip.NewWriter(&h.buf)
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
		got, err := h.to.Take(h.ctx, h.source.Kind, h.source.Name, part)
		h.mu.Lock()
		h.err = err
		r := &h.read
		r.Events += got.Events
		r.New += got.New
		r.Repeated += got.Repeated
		r.LateUnverified += got.LateUnverified
		r.Unknown += got.Unknown
		r.Refused += got.Refused
		r.Withheld += got.Withheld
		r.Faults += got.Faults
		r.OtherKeys += got.OtherKeys
		for _, p := range got.Places {
			if len(r.Places) < maxPlaces {
				r.Places = append(r.Places, p.Text)
			}
		}
		h.mu.Unlock()
	}
}

func (h *handInSink) failed() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
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
	p, err := h.to.Position(h.ctx, h.source.Kind, input)
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
	line, err := json.Marshal(item)
	if err != nil {
		return fmt.Errorf("write part: %w", err)
	}
	h.order.Lock()
	defer h.order.Unlock()
	if err := h.failed(); err != nil {
		return err
	}
	if _, err := h.zip.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write part: %w", err)
	}
	h.events, h.bytes = h.events+events, h.bytes+len(line)+1
	if h.events < partEvents && h.bytes < partBytes {
		return nil
	}
	select {
	case h.parts <- h.part():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Batch implements connector.ActivitySink. A batch of large records is cut into
// pieces; its position goes with the last.
func (h *handInSink) Batch(ctx context.Context, b connector.Batch) error {
	h.seen(b)
	piece := handedPiece{Input: b.Input, Label: b.Label, Events: []json.RawMessage{}}
	size := 0
	for _, e := range b.Events {
		text, err := json.Marshal(api.NewHandedEvent(e))
		if err != nil {
			return fmt.Errorf("write event: %w", err)
		}
		if size += len(text); size > pieceBytes && len(piece.Events) > 0 {
			if err := h.put(ctx, len(piece.Events), map[string]any{"batch": piece}); err != nil {
				return err
			}
			piece.Events, size = piece.Events[:0], len(text)
		}
		piece.Events = append(piece.Events, text)
	}
	piece.Position = b.Position
	return h.put(ctx, len(piece.Events), map[string]any{"batch": piece})
}

// handedPiece is an api.HandedBatch whose events are written already.
type handedPiece struct {
	Input    string             `json:"input"`
	Label    string             `json:"label,omitempty"`
	Position connector.Position `json:"position"`
	Events   []json.RawMessage  `json:"events"`
}

// seen notes what was read.
func (h *handInSink) seen(b connector.Batch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.inputs[b.Input] {
		h.inputs[b.Input] = true
		h.read.Inputs++
	}
	for i := range b.Events {
		e := &b.Events[i]
		h.logs[e.Log] = true
		h.read.From, h.read.To = earlierOf(h.read.From, e.At), laterOf(h.read.To, e.At)
	}
}

// Cover implements connector.ActivitySink.
func (h *handInSink) Cover(ctx context.Context, c retinue.Coverage) error {
	err := h.put(ctx, 0, api.HandedItem{Coverage: &api.HandedCoverage{Coverage: c, Complete: h.opt.Complete && c.Proof == ""}})
	switch {
	case h.standing.Weak:
		c.Proof, c.Authenticated = "", false
	case c.Proof == "" && h.opt.Complete:
		c.Proof = "you said that what was read is all that the log held"
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.read.Coverage = append(h.read.Coverage, c)
	h.logs[c.Log] = true
	return err
}

// Fault implements connector.ActivitySink.
func (h *handInSink) Fault(f connector.Fault) {
	h.mu.Lock()
	h.read.Faults += max(1, f.Count)
	before := h.told[f.Input]
	h.told[f.Input]++
	h.mu.Unlock()
	h.opt.OnFault(h.source.Name, f)
	if before >= maxKeptFaults {
		return
	}
	// What cannot be sent now fails the next batch.
	_ = h.put(h.ctx, 1, api.HandedItem{Fault: &api.HandedFault{Input: f.Input, Label: f.Label, Line: f.Line, Record: f.Record, Count: f.Count, From: f.From, To: f.To, Text: f.Err.Error()}})
}

// Note implements connector.ActivitySink.
func (h *handInSink) Note(n connector.Note) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.read.Notes) < maxReadNotes {
		h.read.Notes = append(h.read.Notes, n)
	}
}

// Progress implements connector.ActivitySink.
func (h *handInSink) Progress(p connector.Progress) { h.opt.OnProgress(h.source.Name, p) }

func (h *handInSink) result() ActivityRead {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.read.Logs = slices.Sorted(maps.Keys(h.logs))
	if h.read.Coverage == nil {
		h.read.Coverage = []retinue.Coverage{}
	}
	return h.read
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
