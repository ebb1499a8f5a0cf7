package app

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/seal"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage/record"
)

// metaEvents remembers whether events were kept when somebody last looked.
const metaEvents = "usage.events"

// eventsSetting is how events were kept when it was last noted.
type eventsSetting struct {
	Days      int `json:"days"`
	Megabytes int `json:"megabytesPerDay,omitempty"`
	// Was is for how many days they were kept before, where they are not: for as
	// long as that, the last of them stay.
	Was int       `json:"was,omitempty"`
	At  time.Time `json:"at,omitzero"` // when it was set
}

func eventsSettingOf(tx *sqlstore.Tx) (s eventsSetting, err error) {
	text, err := tx.Meta(metaEvents)
	if err != nil || text == "" {
		return s, err
	}
	return s, json.Unmarshal([]byte(text), &s)
}

// keepEvents has events kept beside their counts, if the configuration says so.
func (a *App) keepEvents() {
	c := a.Config.Usage
	if c.RawDays > 0 && a.sealer != nil {
		a.DB.KeepEvents(store.EventKeeping{Days: c.RawDays, DayBytes: int64(c.megabytes()) << 20, Seal: a.sealEvents})
	}
}

// noteKeeping puts on record that events are kept from now on, no longer, or
// for another time.
func (a *App) noteKeeping(ctx context.Context, by retinue.Actor) error {
	want := eventsSetting{Days: a.Config.Usage.RawDays}
	if want.Days > 0 {
		want.Megabytes = a.Config.Usage.megabytes()
	}
	same := func(have eventsSetting) bool { return have.Days == want.Days && have.Megabytes == want.Megabytes }
	var have eventsSetting
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) (err error) {
		have, err = eventsSettingOf(tx)
		return err
	})
	if err != nil || same(have) {
		return err
	}
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		have, err := eventsSettingOf(tx)
		if err != nil || same(have) {
			return err
		}
		want.At = tx.At()
		if want.Days == 0 {
			want.Was = max(have.Days, have.Was)
		}
		text, err := json.Marshal(want)
		if err != nil {
			return err
		}
		tx.Record(by, retinue.RecordEventsKept, "usage", map[string]any{"days": want.Days, "megabytesPerDay": want.Megabytes, "before": have.Days})
		return tx.SetMeta(metaEvents, string(text))
	})
}

// recordPlace is where the record of an event stands.
type recordPlace struct {
	label string
	place int64
}

// recordOf is what is kept of an event, which refers to nothing of it. The record
// of an unknown one is kept by itself.
func recordOf(e *retinue.Event, at recordPlace) store.EventRecord {
	r := store.EventRecord{Event: *e, Hash: store.EventHash(e.ID, e.Digest), Label: at.label, Place: at.place}
	x := &r.Event
	x.Raw = nil
	x.Joins, x.Fingerprints, x.Via, x.More = slices.Clone(e.Joins), slices.Clone(e.Fingerprints), slices.Clone(e.Via), slices.Clone(e.More)
	x.Context, x.Touches = slices.Clone(e.Context), slices.Clone(e.Touches)
	return r
}

// sealEvents makes sealed blocks of records of one log and day, without what
// looks like a secret.
func (a *App) sealEvents(ctx context.Context, records []store.EventRecord) (blocks []store.EventBlock, lost store.EventsLost) {
	slices.SortStableFunc(records, func(x, y store.EventRecord) int {
		return cmp.Or(x.Event.At.Compare(y.Event.At), cmp.Compare(x.Hash, y.Hash))
	})
	codec, err := a.codec()
	for len(records) > 0 && err == nil {
		p := codec.Packer()
		var b store.EventBlock
		ways := map[store.BehaviourHash]bool{}
		n := 0
		for ; n < len(records) && !p.Full(); n++ {
			r := &records[n]
			if !p.Add(r) {
				lost.TooLarge++
				continue
			}
			at := r.Event.At.Unix()
			if b.N == 0 {
				b.First, b.Last = at, at
			}
			b.N++
			b.First, b.Last = min(b.First, at), max(b.Last, at)
			b.Hashes = append(b.Hashes, uint32(r.Hash>>32))
			if !ways[r.Behaviour] {
				ways[r.Behaviour] = true
				b.Behaviours = append(b.Behaviours, r.Behaviour)
			}
		}
		if b.N > 0 {
			if err = a.sealBlock(ctx, p, &b); err == nil {
				blocks = append(blocks, b)
			}
		}
		if err == nil {
			records = records[n:]
		}
	}
	if err != nil {
		a.log.Warn("events were counted and not kept", "events", len(records), "error", err.Error())
		lost.Unsealed += int64(len(records))
	}
	return blocks, lost
}

func (a *App) sealBlock(ctx context.Context, p *record.Packer, b *store.EventBlock) error {
	var failed error
	packed := p.Pack(func(texts []string) { failed = a.cleanTexts(texts) })
	if failed != nil {
		return failed
	}
	slices.Sort(b.Hashes)
	b.Name = retinue.NewID("", a.now())
	var err error
	b.Sealed, err = a.sealer.Seal(ctx, packed, eventsAt(b.Name))
	return err
}

// eventsAt is where a block of events stands.
func eventsAt(name string) seal.Place {
	return seal.Place{Table: "usage_events", Row: name, Column: "sealed"}
}

// cleanTexts replaces what looks like a secret in texts, over which the detector
// passes at once.
func (a *App) cleanTexts(texts []string) error {
	scanner, err := a.detector()
	if err != nil {
		return err
	}
	var all []byte
	starts := make([]int, len(texts))
	for i, s := range texts {
		starts[i] = len(all)
		all = append(append(all, s...), '\n')
	}
	cuts := map[int][][2]int{} // of each text, in their order
	for _, f := range scanner.Scan(all) {
		if f.Secret.IsZero() {
			continue
		}
		i, ok := slices.BinarySearch(starts, f.Start)
		if !ok {
			i--
		}
		for ; i < len(texts) && starts[i] < f.End; i++ {
			from, to := max(f.Start-starts[i], 0), min(f.End-starts[i], len(texts[i]))
			if from < to {
				cuts[i] = append(cuts[i], [2]int{from, to})
			}
		}
	}
	for i, spans := range cuts {
		texts[i] = withoutSpans(texts[i], spans)
	}
	return nil
}

// withoutSpans replaces parts of a text, which come in the order of their
// beginnings and may overlap.
func withoutSpans(text string, spans [][2]int) string {
	var out strings.Builder
	at := 0
	for _, s := range spans {
		if s[0] >= at {
			out.WriteString(text[at:s[0]])
			out.WriteString(redactedSecret)
		}
		at = max(at, s[1])
	}
	out.WriteString(text[at:])
	return out.String()
}
