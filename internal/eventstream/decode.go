package eventstream

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/logs"
	"github.com/retinue-id/retinue/internal/usage"
)

// maxEventBytes bounds the decoded events that are held before they are counted,
// by a rough measure of what they take.
const maxEventBytes = 16 << 20

// maxMessageFaults is how many faults of one message are told one by one; the
// others are told as one.
const maxMessageFaults = 8

// records calls fn with each record of a message: one, or several one a line,
// one after another, in an array or under one of the names of envelopes; plain or
// compressed with gzip. fault is told what is no record.
func (s *Subject) records(data []byte, limit int, fn func(record []byte), fault func(error)) {
	var content io.Reader = bytes.NewReader(data)
	if len(data) > 2 && data[0] == 0x1f && data[1] == 0x8b {
		z, err := gzip.NewReader(content)
		if err != nil {
			fault(fmt.Errorf("%w: compressed message: %v", retinue.ErrInvalid, err))
			return
		}
		content = z
	}
	bounded := &bound{r: content, left: int64(limit)}
	r := logs.NewReader(bounded, logs.ReaderOptions{MaxRecord: limit, Envelopes: s.Envelopes})
	for {
		rec, err := r.Next()
		var bad *logs.RecordError
		switch {
		case bounded.over: // what came last may be cut
			fault(fmt.Errorf("%w: the message is larger than %d bytes", retinue.ErrInvalid, limit))
			return
		case errors.Is(err, io.EOF):
			return
		case errors.As(err, &bad):
			fault(bad.Err)
		case err != nil:
			fault(fmt.Errorf("%w: read message: %v", retinue.ErrInvalid, err))
			return
		case len(bytes.TrimSpace(rec.Data)) > 0:
			fn(rec.Data)
		}
	}
}

// bound ends a stream after so many bytes, and knows that there were more.
type bound struct {
	r    io.Reader
	left int64
	over bool
}

func (b *bound) Read(p []byte) (int, error) {
	if b.left < 0 {
		b.over = true
		return 0, io.EOF
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		b.over = true
		return n, io.EOF
	}
	return n, err
}

// decode gives the events of a message to add, which may pass them on at any
// time. What of it cannot be taken is reported with the message's place. It
// reports whether anything of it could be taken; a message of nothing is none.
func (s *Subject) decode(m *message, limit int, add func([]retinue.Event) error) (bool, error) {
	taken, empty := false, true
	faults := 0
	var last error
	fault := func(err error) {
		empty = false
		if faults++; faults <= maxMessageFaults {
			m.fault(err, 1)
		}
		last = err
	}
	var failed error
	s.records(m.data, limit, func(record []byte) {
		empty = false
		if failed != nil {
			return
		}
		events, err := s.decodeRecord(record)
		if err != nil {
			fault(err)
			return
		}
		taken = taken || len(events) == 0
		keep := events[:0]
		for i := range events {
			if err := s.takes(&events[i]); err != nil {
				fault(err)
				continue
			}
			for _, name := range usage.Withhold(&events[i], s.speaksFor, s.Homes) {
				fault(fmt.Errorf("%w: an event of %s names %s: it counts without the name, because subject %s speaks for %s only", retinue.ErrDenied, events[i].Realm, name, s.Filter, strings.Join(s.Realms, ", ")))
			}
			keep = append(keep, events[i])
		}
		taken = taken || len(keep) > 0
		failed = add(keep)
	}, fault)
	if faults > maxMessageFaults {
		m.fault(fmt.Errorf("and more of this message, the last: %w", last), int64(faults-maxMessageFaults))
	}
	if empty {
		m.fault(fmt.Errorf("%w: the message is empty", retinue.ErrInvalid), 1)
	}
	return taken, failed
}

// takes reports an event that the subject may not bring, or that is none.
func (s *Subject) takes(e *retinue.Event) error {
	if !s.speaksFor(e.Realm) {
		return fmt.Errorf("%w: event of realm %s: subject %s speaks for %s only", retinue.ErrDenied, retinue.CleanName(string(e.Realm)), s.Filter, strings.Join(s.Realms, ", "))
	}
	if s.Check != nil {
		return s.Check(e)
	}
	return nil
}

// decodeRecord decodes one record; a decoder that breaks on it costs that record
// and no more.
func (s *Subject) decodeRecord(record []byte) (events []retinue.Event, err error) {
	defer func() {
		if r := recover(); r != nil {
			events, err = nil, fmt.Errorf("%w: the record broke its decoder", retinue.ErrInvalid)
		}
	}()
	return s.Decode(record)
}

// weight is about what an event takes in memory.
func weight(e *retinue.Event) int {
	n := 1024 + len(e.Raw) + len(e.Origin.Agent) + len(e.Reason) + len(e.Resource.Key)
	for _, c := range e.Context {
		n += 64 + len(c.Key) + len(c.Value)
	}
	return n + 160*(len(e.Touches)+len(e.Via)) + 64*len(e.More)
}

// run is the events of one subject that wait to be counted.
type run struct {
	subject *Subject
	events  []retinue.Event
	places  []int64 // the sequence of the message of each
	weight  int
}

// full reports whether no further events should be added.
func (r *run) full() bool {
	return len(r.events) >= connector.MaxActivityBatch || r.weight >= maxEventBytes
}
