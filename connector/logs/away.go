package logs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// gap is a stretch of a file that is followed which is nowhere to be found.
type gap struct {
	label    string
	from, to time.Time
	why      string
	parts    []Part
}

// tell reports what of the file is nowhere, with the times between which it was
// written. What was replaced by content that reaches as far back is not missing.
func (w *followed) tell() {
	if len(w.lost) == 0 {
		return
	}
	from, to := w.lost[0].Last, w.begins
	if from.IsZero() {
		from = w.lost[0].Seen
	}
	if to.IsZero() {
		to = w.req.Now
	}
	from, to = from.UTC(), to.UTC()
	if !to.After(from) {
		return
	}
	g := gap{label: w.in.Label, from: from, to: to, why: strings.Join(w.why, "; ")}
	for part := range w.local {
		g.parts = append(g.parts, part)
	}
	w.mu.Lock()
	w.gaps = append(w.gaps, g)
	w.mu.Unlock()
	if w.req.Files == nil {
		w.sink.Note(connector.Note{Kind: connector.NoteNotCovered, Text: g.text(), Count: 1})
		return
	}
	w.fault(connector.Fault{From: from, To: to, Err: fmt.Errorf("%w: %s", retinue.ErrNotFound, g.text())})
}

func (g gap) text() string {
	text := fmt.Sprintf("what was written to %s between %s and %s is missing: the file was rotated or replaced, and the one before is not beside it as FILE.1, FILE-DATE or the like",
		g.label, g.from.Format(time.RFC3339), g.to.Format(time.RFC3339))
	if g.why != "" {
		text += " (" + g.why + ")"
	}
	return text
}

// rotatedAway names gaps in what a log covers.
func (r *run) rotatedAway(c *retinue.Coverage) {
	for _, g := range r.gaps {
		if slices.ContainsFunc(g.parts, func(p Part) bool { return p.Log == c.Log && p.Realm == c.Realm }) {
			c.BlindSpots = append(slices.Clip(c.BlindSpots), retinue.BlindSpot{Code: "log.rotated_away", From: g.from, To: g.to,
				Text:  "A file that is read by itself was rotated, and the rest of what it held is not there any more.",
				Raise: "Name the folder of the log, and keep rotated files, plain or as gzip, for longer than it may take to read them.", Cost: "The space of the files."})
		}
	}
}
