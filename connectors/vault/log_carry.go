package vault

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/logs"
)

// fileDecoder decodes the entries of a file in their order. It is a logs.Carrier:
// requests that wait for their answer when reading stops wait on when it goes on.
type fileDecoder struct{ *decoder }

func newFileDecoder(realm retinue.Realm, g *gaps) fileDecoder {
	return fileDecoder{&decoder{realm: realm, pending: &logs.Pending[retinue.Event]{}, gaps: g}}
}

// Decode implements logs.Decoder.
func (d fileDecoder) Decode(dst []retinue.Event, rec logs.Record) ([]retinue.Event, error) {
	events, err := d.decode(rec.Data)
	return append(dst, events...), err
}

// carriedVersion is that of carried.
const carriedVersion = 1

// carried is what a decoder carries. Requests stand in it as the events that they
// are if nothing answers them: names, times and hashes, as the log has them.
type carried struct {
	Version int                           `json:"v"`
	Open    []logs.Carried[retinue.Event] `json:"open,omitempty"`
	Off     time.Time                     `json:"off,omitzero"`
}

// Carry implements logs.Carrier.
func (d fileDecoder) Carry(limit int) json.RawMessage {
	c := carried{Version: carriedVersion, Open: d.pending.List(limit), Off: d.off}
	if len(c.Open) == 0 && c.Off.IsZero() {
		return nil
	}
	enc, err := json.Marshal(c)
	if err != nil {
		return nil // an address that cannot be written: what is open is forgotten
	}
	return enc
}

// Resume implements logs.Carrier.
func (d fileDecoder) Resume(state json.RawMessage) error {
	var c carried
	if err := json.Unmarshal(state, &c); err != nil {
		return fmt.Errorf("%w: resume: not what was carried", retinue.ErrInvalid)
	}
	if c.Version != carriedVersion {
		return fmt.Errorf("%w: resume: version %d", retinue.ErrUnsupported, c.Version)
	}
	d.pending.Fill(c.Open)
	if d.off = c.Off; !d.off.IsZero() {
		d.gaps.add(d.off)
	}
	return nil
}

// Dropped implements logs.Carrier.
func (d fileDecoder) Dropped() int { return d.pending.Dropped() }

// Finish implements logs.Finisher. A log that is written no more answers nothing;
// twice the time is waited, since the log's clock may be another.
func (d fileDecoder) Finish(dst []retinue.Event, now time.Time) ([]retinue.Event, bool) {
	dst = d.unanswered(dst, now, 2*answerTime)
	return dst, d.pending.Len() > 0
}
