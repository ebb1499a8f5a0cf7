package app

import (
	"context"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

const (
	// maxHandedStretches bounds how many stretches a record names.
	maxHandedStretches = 20
	// maxHandedSpots bounds the blind spots of a log that is handed in, and
	// maxHandedCoverage what is said of it, in bytes.
	maxHandedSpots    = 200
	maxHandedCoverage = 1 << 20
	// maxHandedText is how many characters of what is said of a log are kept.
	maxHandedText = 1000
)

// withoutSecrets cleans what is said beside the events, which a reader of this
// program writes without secrets and somebody else may not.
func (h *handing) withoutSecrets() error {
	var texts []string
	each := func(fn func(text *string)) {
		for i := range h.faults {
			f := &h.faults[i]
			fn(&f.Input)
			fn(&f.Label)
			fn(&f.Text)
		}
		for i := range h.coverage {
			c := &h.coverage[i]
			fn(&c.Proof)
			for j := range c.BlindSpots {
				s := &c.BlindSpots[j]
				fn(&s.Text)
				fn(&s.Raise)
				fn(&s.Cost)
			}
		}
	}
	each(func(text *string) {
		*text = clipWord(*text, maxHandedText)
		texts = append(texts, *text)
	})
	err := h.app.cleanTexts(texts)
	each(func(text *string) { *text, texts = texts[0], texts[1:] })
	return err
}

// noteFaults keeps what could not be read. The same again is the same fault.
func (h *handing) noteFaults(ctx context.Context) error {
	s := h.app.senders.of(h.sender())
	h.faults = h.faults[:s.keep(len(h.faults), h.app.DB.Now())]
	if len(h.faults) == 0 {
		return nil
	}
	return h.app.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		for _, f := range h.faults {
			label := f.Label
			if label == "" {
				label = f.Input
			}
			err := tx.AddFault(store.UsageFault{Log: h.spec.Kind, Input: label, Place: max(f.Line, f.Record), Count: max(1, f.Count), Message: f.Text, From: f.From, To: f.To})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// note keeps what is covered, behind the events, and puts what was handed in on
// record.
func (h *handing) note(ctx context.Context) error {
	a, s := h.app, h.app.senders.of(h.sender())
	if !s.due(&s.recorded, a.DB.Now(), refuseEvery) && len(h.coverage)+len(h.faults) == 0 {
		return nil
	}
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		stretches := []map[string]any{}
		for _, c := range h.coverage {
			if err := tx.AddCoverage(c.Coverage); err != nil {
				return err
			}
			if c.Proof == "" && c.Complete {
				w := store.Attestation{Log: c.Log, Realm: c.Realm, From: c.From, To: c.To, By: h.c.Actor, At: tx.At()}
				if err := attest(tx, h.c.Actor, h.source, w); err != nil {
					return err
				}
			}
			if len(stretches) < maxHandedStretches {
				stretches = append(stretches, map[string]any{"log": c.Log, "realm": c.Realm, "from": c.From.Format(time.RFC3339), "to": c.To.Format(time.RFC3339), "proof": c.Proof})
			}
		}
		tx.Record(h.c.Actor, retinue.RecordActivityHandedIn, h.source, map[string]any{"kind": h.spec.Kind, "events": h.out.Events, "new": h.out.New,
			"refused": h.out.Refused, "withheld": h.out.Withheld, "weak": h.standing.Weak, "stretches": len(h.coverage), "covers": stretches})
		return nil
	})
}
