package logs

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
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
	head    []byte // of the content, of a file that is followed or lies beside one
	went    bool   // it is what it was taken for: reading went on, or nothing was left
	putOff  bool   // it is read later in this run
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
	begun  time.Time // when the first event happened
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
	if f.in.missing != nil {
		return f.away()
	}
	opened, err := f.find()
	if err != nil || f.putOff {
		return err
	}
	if opened {
		defer f.content.close()
	}
	w, err := f.follow()
	if err == nil && w != nil {
		err = w.ready()
	}
	if err != nil {
		return err
	}
	f.local = Seen{}
	if opened && f.decoder != nil {
		if err := f.inherit(); err != nil {
			return err
		}
		err = f.records()
	}
	if err == nil && w != nil && f.ctx.Err() == nil {
		err = w.end()
	}
	return err
}

// find opens the input at the place where reading goes on, and reports false where
// nothing is to be read.
func (f *inputRun) find() (bool, error) {
	for alike := 1; ; alike *= 8 {
		state, err := f.open(alike)
		if err != nil || state == inputDone {
			return false, err
		}
		if state == inputFound {
			return true, nil
		}
		f.window = f.reader.w.buf
		f.content.close()
		if alike == maxAlike {
			return false, fmt.Errorf("%w: read %s: it begins like others of the run", retinue.ErrInvalid, f.in.Label)
		}
	}
}

// inherit has a new input go on with what the one before it carried.
func (f *inputRun) inherit() error {
	if f.in.after == "" || f.start != (connector.Position{}) {
		return nil
	}
	p, err := f.position(f.in.after)
	if err == nil {
		f.resume(p)
	}
	return err
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
	if f.in.named || f.in.beside {
		f.head = bytes.Clone(head[:min(len(head), maxImprint)])
	}
	if len(head) == 0 {
		c.close()
		return inputDone, f.reader.w.failure()
	}
	beginning, whole := firstLines(head, alike)
	if f.growing && !whole && alike == 1 && !closed(head) {
		f.went = true
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
		case err != nil && (f.growing || f.packing()) && Cut(err):
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
		if f.begun.IsZero() || e.At.Before(f.begun) {
			f.begun = e.At
		}
		f.places = append(f.places, max(rec.Line, rec.Number))
	}
}
