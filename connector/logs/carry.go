package logs

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

const (
	// MaxCarried is how many things a decoder carries at most from one record to
	// later ones, so that a log that is read in pieces gives what it gives in one.
	MaxCarried = 1000
	// maxCarriedBytes bounds what of them stands in a position.
	maxCarriedBytes = 64 << 10
	// maxUnpacked bounds what is unpacked of a position.
	maxUnpacked = 4 << 20
)

// Carrier is a Decoder that carries something from earlier records to later ones:
// sessions that are open, requests that were not answered. What it carries is kept
// with the position, and reading goes on with it: later, in another process, and in
// the file that followed a file which was rotated.
type Carrier interface {
	Decoder
	// Carry returns what is carried behind the last record as a JSON object, nil for
	// nothing: of each sort no more than the newest limit things. It is kept in the
	// clear, and so holds names and times and never a secret or a statement's text.
	Carry(limit int) json.RawMessage
	// Resume takes what Carry returned, of this version or an older one. With an
	// error the decoder goes on with nothing.
	Resume(state json.RawMessage) error
	// Dropped is how many things were dropped because they were too many.
	Dropped() int
}

// Finisher is a Decoder that has events to give which no record brings: requests
// that nothing answered.
type Finisher interface {
	Decoder
	// Finish adds them to dst at the end of an input that is written no more, and
	// reports whether there will be more of them later than now.
	Finish(dst []retinue.Event, now time.Time) (events []retinue.Event, more bool)
}

// Pending are things that wait for a later record, by a key, at most MaxCarried:
// beyond that the oldest are dropped and counted. The zero Pending is empty and
// ready. It is used from one goroutine.
type Pending[T any] struct {
	entries map[string]*pendingEntry[T]
	// oldest and newest are the ends of the list in which the entries stand.
	oldest, newest *pendingEntry[T]
	dropped        int
}

type pendingEntry[T any] struct {
	key           string
	value         T
	before, after *pendingEntry[T]
}

// Put keeps a thing, as the newest.
func (p *Pending[T]) Put(key string, value T) {
	e := p.entries[key]
	switch {
	case e != nil:
		p.remove(e)
	case len(p.entries) >= MaxCarried:
		p.remove(p.oldest)
		p.dropped++
	}
	if p.entries == nil {
		p.entries = map[string]*pendingEntry[T]{}
	}
	if e == nil {
		e = &pendingEntry[T]{key: key}
	}
	e.value, e.before, e.after = value, p.newest, nil
	if p.newest != nil {
		p.newest.after = e
	} else {
		p.oldest = e
	}
	p.newest, p.entries[key] = e, e
}

// Get returns a thing and leaves it where it is.
func (p *Pending[T]) Get(key string) (value T, ok bool) {
	if e := p.entries[key]; e != nil {
		return e.value, true
	}
	return value, false
}

// Take returns a thing and drops it.
func (p *Pending[T]) Take(key string) (value T, ok bool) {
	e := p.entries[key]
	if e == nil {
		return value, false
	}
	p.remove(e)
	return e.value, true
}

// Oldest returns the oldest thing.
func (p *Pending[T]) Oldest() (key string, value T, ok bool) {
	if p.oldest == nil {
		return "", value, false
	}
	return p.oldest.key, p.oldest.value, true
}

// Len is how many there are.
func (p *Pending[T]) Len() int { return len(p.entries) }

// Dropped is how many were dropped because they were too many.
func (p *Pending[T]) Dropped() int { return p.dropped }

func (p *Pending[T]) remove(e *pendingEntry[T]) {
	if e == nil {
		return
	}
	delete(p.entries, e.key)
	if e.before != nil {
		e.before.after = e.after
	} else {
		p.oldest = e.after
	}
	if e.after != nil {
		e.after.before = e.before
	} else {
		p.newest = e.before
	}
}

// Carried is a thing as it stands in what a Carrier carries.
type Carried[T any] struct {
	Key   string `json:"k"`
	Value T      `json:"v"`
}

// List returns the newest limit things, the oldest of them first.
func (p *Pending[T]) List(limit int) []Carried[T] {
	skip := max(0, len(p.entries)-limit)
	var out []Carried[T]
	for e := p.oldest; e != nil; e = e.after {
		if skip--; skip < 0 {
			out = append(out, Carried[T]{e.key, e.value})
		}
	}
	return out
}

// Fill keeps the things of a List.
func (p *Pending[T]) Fill(list []Carried[T]) {
	for _, c := range list[max(0, len(list)-MaxCarried):] {
		p.Put(c.Key, c.Value)
	}
}

// carriedMark stands before what is carried in a position's cursor; the number is
// that of the way in which it is packed.
const carriedMark = " state=1:"

// carried is what the decoder carries as it stands behind a cursor.
func (f *inputRun) carried() string {
	c, ok := f.decoder.(Carrier)
	if !ok {
		return ""
	}
	for limit := MaxCarried; limit > 0; limit /= 2 {
		state := c.Carry(limit)
		if state == nil {
			return ""
		}
		if text := pack(state); len(text) <= maxCarriedBytes {
			f.cutShort = limit < MaxCarried
			return carriedMark + text
		}
	}
	f.cutShort = true
	return ""
}

// resume gives the decoder what was carried up to a position. Cursors of versions
// that carried nothing have nothing.
func (f *inputRun) resume(p connector.Position) {
	c, ok := f.decoder.(Carrier)
	_, text, found := strings.Cut(p.Cursor, carriedMark)
	if !ok || !found {
		return
	}
	text, _, _ = strings.Cut(text, " ")
	state, err := unpack(text)
	if err == nil {
		err = c.Resume(state)
	}
	if err != nil {
		f.sink.Note(connector.Note{Kind: connector.NoteNotCovered, Count: 1,
			Text: fmt.Sprintf("%s: what was open where the last reading ended is not known: %v", f.in.Label, err)})
	}
}

// forgotten says how much was open at once beyond what can be carried.
func (f *inputRun) forgotten() {
	c, ok := f.decoder.(Carrier)
	if !ok {
		return
	}
	n, why := c.Dropped(), fmt.Sprintf("more than %d were open at a time", MaxCarried)
	if n == 0 && f.cutShort {
		n, why = 1, fmt.Sprintf("what was open at the end takes more than %d bytes", maxCarriedBytes)
	}
	if n > 0 {
		f.sink.Note(connector.Note{Kind: connector.NoteNotCovered, Count: n, Text: fmt.Sprintf("%s: sessions or requests that were open longest were forgotten: %s", f.in.Label, why)})
	}
}

// finished adds the events that the end of an input brings, and reports whether
// there will be more.
func (f *inputRun) finished() (more bool, err error) {
	c, ok := f.decoder.(Finisher)
	if !ok || f.growing || f.in.beside { // the log goes on in the file beside which it lies
		return false, nil
	}
	if len(f.events) > 0 { // what the end brings may be as many as a batch holds
		if err := f.flush(false); err != nil {
			return false, err
		}
	}
	events, more := c.Finish(f.events, f.req.Now)
	f.keep(events, 0, Record{Line: f.reader.line, Number: f.reader.num})
	return more, nil
}

func pack(state []byte) string {
	var b bytes.Buffer
	z, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		panic(err) // the level is one of the package's
	}
	_, _ = z.Write(state) // a buffer takes everything
	_ = z.Close()
	return base64.RawURLEncoding.EncodeToString(b.Bytes())
}

func unpack(text string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: unpack what was carried: not base64", retinue.ErrInvalid)
	}
	state, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(raw)), maxUnpacked))
	if err != nil {
		return nil, fmt.Errorf("%w: unpack what was carried: %v", retinue.ErrInvalid, err)
	}
	return state, nil
}
