package logs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

const (
	// headBytes is how much of a line counts in the beginning that names an input.
	headBytes = 4 << 10
	// maxAlike is by how much more of the content is looked at to tell files that
	// begin alike.
	maxAlike = 512
	// fullBatch is with how many events a batch is given, and batchBytes with those
	// of how many bytes of records.
	fullBatch  = connector.MaxActivityBatch - 256
	batchBytes = 16 << 20
)

// inputRun reads one input.
type inputRun struct {
	*run
	in    Input
	first bool // in the first round, in which an input is read by one worker only

	id      string
	start   connector.Position
	content *content
	reader  *Reader
	decoder Decoder
	growing bool
	hash    hash.Hash

	events []retinue.Event
	places []int64 // of the records of events
	held   int     // bytes of the records of events
	window []byte
	given  connector.Position
	last   time.Time
	local  Seen
	faults int64
	untold int64
	// cutShort is true where not all that is carried was kept.
	cutShort bool
}

func (f *inputRun) read() error {
	spare, ok := f.spare.Get().(*buffers)
	if !ok {
		spare = &buffers{}
	}
	f.events, f.window = spare.events[:0], spare.window
	defer func() {
		if f.reader != nil {
			f.window = f.reader.w.buf
		}
		*spare = buffers{events: f.events, window: f.window}
		f.spare.Put(spare)
	}()
	for alike := 1; ; alike *= 8 {
		state, err := f.open(alike)
		if err != nil || state == inputDone {
			return err
		}
		if state == inputFound {
			break
		}
		f.window = f.reader.w.buf
		f.content.close()
		if alike == maxAlike {
			return fmt.Errorf("%w: read %s: it begins like others of the run", retinue.ErrInvalid, f.in.Label)
		}
	}
	defer f.content.close()
	if f.decoder == nil {
		return nil
	}
	f.local = Seen{}
	return f.records()
}

// inputState is what opening an input led to.
type inputState int

const (
	inputOther inputState = iota // it begins like another
	inputFound                   // at the place where reading goes on
	inputDone                    // nothing is to be read, or not now
)

// open opens the input, tells which it is and goes to where its reading stands.
func (f *inputRun) open(alike int) (inputState, error) {
	if f.in.ID != "" {
		p, err := f.position(f.in.ID)
		if err != nil || p.Done {
			f.hashed(p)
			return inputDone, err
		}
	}
	c, err := openContent(f.ctx, f.in)
	if err != nil {
		return inputDone, err
	}
	f.content = c
	f.hash = nil
	if f.run.opts.Hash != nil && f.run.opts.Hash(f.in) {
		f.hash = sha256.New()
		c.Reader = io.TeeReader(c.Reader, f.hash)
		c.seeker = nil // all of it is read
	}
	f.growing = !c.compressed && f.in.ID == "" && f.req.Now.Sub(f.in.Modified) < settled
	f.reader = NewReader(c, f.run.opts.ReaderOptions)
	f.reader.w.buf = f.window
	f.reader.w.fill()
	head := f.reader.w.rest()
	if len(head) == 0 {
		c.close()
		return inputDone, f.reader.w.failure()
	}
	beginning, whole := firstLines(head, alike)
	if f.growing && !whole && alike == 1 && !closed(head) {
		f.tooShort(head)
		c.close()
		return inputDone, nil
	}
	if err := f.choose(head[:min(len(head), headBytes)]); err != nil {
		c.close()
		return inputDone, err
	}
	state, err := f.identify(beginning)
	if err != nil || state == inputDone {
		c.close()
	}
	return state, err
}

// choose finds the decoder.
func (f *inputRun) choose(head []byte) error {
	f.decoder = nil
	if f.run.opts.Open != nil {
		o := f.run.opts.ReaderOptions
		d, err := f.run.opts.Open(f.in, head, &o)
		if err != nil {
			return err
		}
		if o.MaxRecord <= 0 {
			o.MaxRecord = DefaultMaxRecord
		}
		f.decoder, f.reader.opts = d, o
	} else {
		f.decoder = DecoderFunc(func(dst []retinue.Event, rec Record) ([]retinue.Event, error) {
			events, err := f.run.opts.Decode(rec.Data)
			return append(dst, events...), err
		})
	}
	f.reader.begin()
	f.reader.whole = f.growing
	return nil
}

// firstLines returns the beginning that names an input: whole lines up to a
// length that grows with how many others begin alike, and of a line no more than
// 4 KiB. It reports false where the content is shorter, so that the beginning may
// still change.
func firstLines(head []byte, alike int) ([]byte, bool) {
	want := minBeginning
	if first, _, _ := bytes.Cut(head, []byte("\n")); len(first) < minBeginning && opensOnly(first) {
		want = 1 << 10 // JSON over many lines: the first say little
	}
	want *= alike
	at := 0
	for at < min(want, len(head)) {
		i := bytes.IndexByte(head[at:], '\n')
		if i < 0 || i >= headBytes*alike {
			end := at + min(headBytes*alike, len(head)-at)
			return head[:end], end-at == headBytes*alike
		}
		at += i + 1
	}
	return head[:at], at >= want
}

// minBeginning is how much names an input at least, in bytes.
const minBeginning = 128

// opensOnly reports a line that opens an array or object and does not close it.
func opensOnly(line []byte) bool {
	line = bytes.TrimSpace(line)
	return len(line) == 0 || (line[0] == '[' || line[0] == '{') && line[len(line)-1] != '}'
}

// identify names the input and goes to where its reading stands.
func (f *inputRun) identify(beginning []byte) (inputState, error) {
	f.id = f.in.ID
	if f.id == "" {
		sum := sha256.Sum256(beginning)
		f.id = "sha256:" + hex.EncodeToString(sum[:16])
	}
	if as := f.reader.opts.As; as != "" {
		f.id = bound(as + " " + f.id)
	}
	if !f.claim() {
		return inputDone, nil
	}
	p, err := f.position(f.id)
	if err != nil {
		return inputDone, err
	}
	f.start, f.given = p, p
	if p.Offset == 0 && p.Cursor == "" {
		return inputFound, nil
	}
	var mode jsonMode
	var line, num, size int64
	if _, err := fmt.Sscanf(p.Cursor, "mode=%d line=%d record=%d size=%d", &mode, &line, &num, &size); err != nil {
		return inputDone, fmt.Errorf("%w: go on in %s: position %q is not one of ours", retinue.ErrInvalid, f.in.Label, p.Cursor)
	}
	if p.Done && size == f.in.Size {
		f.ended(f.in)
		f.hashed(p)
		return inputDone, nil
	}
	if !f.seek(p) {
		if f.in.ID != "" {
			f.fault(connector.Fault{Err: fmt.Errorf("%w: the content changed since it was read: it is read from the beginning", retinue.ErrConflict)})
			f.in.ID, f.start, f.given = "", connector.Position{}, connector.Position{}
		}
		return inputOther, nil
	}
	f.reader.mode, f.reader.line, f.reader.num = mode, line, num
	f.resume(p)
	return inputFound, nil
}

// hashed tells the hash of an input that an earlier run read whole.
func (f *inputRun) hashed(p connector.Position) {
	_, text, ok := strings.Cut(p.Cursor, " sha256=")
	text, _, _ = strings.Cut(text, " ")
	if sum, err := hex.DecodeString(text); ok && err == nil && len(sum) == sha256.Size && f.run.opts.Hashed != nil {
		f.run.opts.Hashed(f.in, [sha256.Size]byte(sum))
	}
}

// claim reports whether this input may be read now. One that begins like one
// that is being read is put off.
func (f *inputRun) claim() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, taken := f.claimed[f.id]; taken && f.first {
		f.later = append(f.later, f.in)
		return false
	}
	if _, taken := f.claimed[f.id]; !taken {
		f.claimed[f.id] = connector.Position{Digest: unread}
	}
	return true
}

// unread marks an input that is claimed and of which nothing was read in this
// run.
const unread = "unread"

// position is where reading of an input stands, by this run or those before.
func (f *inputRun) position(id string) (connector.Position, error) {
	f.mu.Lock()
	p, ok := f.claimed[id]
	f.mu.Unlock()
	if ok && p.Digest != unread {
		return p, nil
	}
	if f.req.Position == nil {
		return connector.Position{}, nil
	}
	p, err := f.req.Position(id)
	if err != nil {
		return p, &stopError{fmt.Errorf("look up where %s stands: %w", f.in.Label, err)}
	}
	return p, nil
}

// seek goes to a position and reports whether the content is the one that it
// was taken in.
func (f *inputRun) seek(p connector.Position) bool {
	w := &f.reader.w
	if s := f.content.seeker; s != nil && p.Offset > w.base+int64(w.end) {
		at := p.Offset - tailBytes
		raw, ok := s.(io.Reader)
		if _, err := s.Seek(at, io.SeekStart); err != nil || !ok {
			return false
		}
		*w = window{r: raw, base: at, buf: w.buf}
	}
	return w.skipTo(p.Offset, p.Digest)
}

// records reads to the end.
func (f *inputRun) records() error {
	for n := 0; ; n++ {
		if n%1024 == 0 && f.ctx.Err() != nil {
			return f.flush(false) // what was read counts; the run tells why it ended
		}
		before := f.at()
		rec, err := f.reader.Next()
		var bad *RecordError
		switch {
		case errors.As(err, &bad):
			f.fault(connector.Fault{Line: bad.Line, Record: bad.Number, Err: bad.Err})
			continue
		case errors.Is(err, io.EOF):
			if f.hash != nil {
				f.run.opts.Hashed(f.in, [sha256.Size]byte(f.hash.Sum(nil)))
			}
			f.unfinished()
			more, err := f.finished()
			if err != nil {
				return err
			}
			err = f.flush((f.content.compressed || f.in.ID != "") && !more)
			if err == nil && !f.growing && !more {
				f.ended(f.in)
			}
			return err
		case err != nil && f.growing && Cut(err):
			f.unfinished()
			return f.flush(false) // the rest is being written
		case err != nil:
			f.fault(connector.Fault{Record: f.reader.num, From: f.last, Err: err})
			return f.flush(false)
		}
		if err := f.decode(rec, before); err != nil {
			return err
		}
	}
}

func (f *inputRun) decode(rec Record, before connector.Position) error {
	had := len(f.events)
	events, err := f.decoder.Decode(f.events, rec)
	if err != nil {
		f.events = events[:min(had, len(events))]
		f.fault(connector.Fault{Line: rec.Line, Record: rec.Number, Err: err})
		return nil //nolint:nilerr // a bad record is reported and never stops the rest
	}
	f.keep(events, had, rec)
	for len(f.events) > connector.MaxActivityBatch { // one record with very many
		if err := f.give(f.events[:connector.MaxActivityBatch], before); err != nil {
			return err
		}
		f.places = append(f.places[:0], f.places[connector.MaxActivityBatch:]...)
		f.events = append(f.events[:0], f.events[connector.MaxActivityBatch:]...)
	}
	if f.held += len(rec.Data); len(f.events) >= fullBatch || f.held >= batchBytes && len(f.events) > 0 {
		return f.flush(false)
	}
	return nil
}

// keep takes a record's events, which begin at had.
func (f *inputRun) keep(events []retinue.Event, had int, rec Record) {
	f.events = f.inTime(events, had, rec)
	for i := range f.events[had:] {
		e := &f.events[had+i]
		f.local.add(e)
		if e.At.After(f.last) {
			f.last = e.At
		}
		f.places = append(f.places, max(rec.Line, rec.Number))
	}
}

// at is the position behind the record that was read last. Its digest is made
// when it is given.
func (f *inputRun) at() connector.Position {
	return connector.Position{Offset: f.reader.w.offset()}
}

// flush gives the events that are held with the position behind them.
func (f *inputRun) flush(done bool) error {
	p := f.at()
	p.Digest = f.reader.w.digest()
	size := int64(0)
	if done {
		size = f.in.Size
	}
	p.Cursor = fmt.Sprintf("mode=%d line=%d record=%d size=%d", f.reader.mode, f.reader.line, f.reader.num, size)
	if done && f.hash != nil {
		p.Cursor += " sha256=" + hex.EncodeToString(f.hash.Sum(nil))
	}
	p.Cursor += f.carried()
	p.Done = done
	err := f.give(f.events, p)
	f.events, f.places, f.held = f.events[:0], f.places[:0], 0
	return err
}

func (f *inputRun) give(events []retinue.Event, p connector.Position) error {
	if p.Digest == "" { // within a record: as far as the batch before
		p = f.given
	}
	if len(events) == 0 && p == f.given {
		return nil
	}
	b := connector.Batch{Input: f.id, Label: f.in.Label, Events: events, Places: f.places[:len(events)], Position: p}
	if err := f.sink.Batch(f.ctx, b); err != nil {
		return &stopError{err}
	}
	f.given = p
	f.mu.Lock()
	f.claimed[f.id] = p
	f.mu.Unlock()
	return nil
}

// fault tells of something that could not be read; of very many, the first.
func (f *inputRun) fault(fault connector.Fault) {
	f.faults++
	if f.faults > maxFaults {
		f.untold++
		return
	}
	fault.Input, fault.Label = f.id, f.in.Label
	if fault.Input == "" {
		fault.Input = bound(f.in.Name)
	}
	f.sink.Fault(fault)
}

// finish counts what was seen, and the faults that were not told.
func (f *inputRun) finish() {
	f.forgotten()
	if f.untold > 0 {
		f.sink.Fault(connector.Fault{
			Input: f.id, Label: f.in.Label, Count: f.untold,
			Err: fmt.Errorf("%w: more records that could not be read", retinue.ErrInvalid),
		})
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen.merge(f.local, f.faults)
}
