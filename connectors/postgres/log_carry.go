package postgres

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/logs"
)

// numbered is how far the numbers of a session's lines had come.
type numbered struct {
	Last int64     `json:"n"`
	At   time.Time `json:"t"`
	Own  bool      `json:"o,omitempty"` // of a process of the server's own
}

// watch counts an entry among those of its session, from where the last reading
// ended.
func (d *logDecoder) watch(l *logLine) {
	if d.sessions == nil || l.session == "" || l.number <= 0 || len(l.session) > 64 {
		return
	}
	before, _ := d.lines.Get(l.session)
	d.sessions.see(l, before)
	d.lines.Put(l.session, numbered{Last: max(l.number, before.Last), At: later(l.at, before.At), Own: l.user == "" && (before.Last == 0 || before.Own)})
}

// carriedVersion is that of carried.
const carriedVersion = 1

// carried is what a decoder carries: names and numbers, and nothing of a
// statement.
type carried struct {
	Version int                         `json:"v"`
	Open    []logs.Carried[openSession] `json:"open,omitempty"`
	Lines   []logs.Carried[numbered]    `json:"lines,omitempty"`
}

// Carry implements logs.Carrier.
func (d *logDecoder) Carry(limit int) json.RawMessage {
	c := carried{Version: carriedVersion, Lines: d.lines.List(limit)}
	if d.open != nil {
		c.Open = d.open.List(limit)
	}
	if len(c.Open)+len(c.Lines) == 0 {
		return nil
	}
	enc, err := json.Marshal(c)
	if err != nil {
		return nil // a time beyond what JSON writes: what is open is forgotten
	}
	return enc
}

// Resume implements logs.Carrier.
func (d *logDecoder) Resume(state json.RawMessage) error {
	var c carried
	if err := json.Unmarshal(state, &c); err != nil {
		return fmt.Errorf("%w: resume: not what was carried", retinue.ErrInvalid)
	}
	if c.Version != carriedVersion {
		return fmt.Errorf("%w: resume: version %d", retinue.ErrUnsupported, c.Version)
	}
	if d.open != nil {
		d.open.Fill(c.Open)
	}
	d.lines.Fill(c.Lines)
	return nil
}

// Dropped implements logs.Carrier. Numbers of lines that are dropped prove less and
// change no event.
func (d *logDecoder) Dropped() int {
	if d.open == nil {
		return 0
	}
	return d.open.Dropped()
}
