package logs

import (
	"encoding/hex"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

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
