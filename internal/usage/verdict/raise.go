package verdict

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
)

// raises returns what would raise the grade, best first: by the grade that it
// would give, and what costs nothing before what costs something.
func (j *judge) raises(f *finding) []Raise {
	if f.grade == retinue.GradeA && !j.tooShort(f) {
		return nil
	}
	var out []Raise
	add := func(r Raise) {
		if !slices.ContainsFunc(out, func(o Raise) bool { return o.Code == r.Code && o.Text == r.Text }) {
			out = append(out, r)
		}
	}
	if len(j.cover.pieces) == 0 {
		add(Raise{Code: "log.connect", Grade: retinue.GradeB, Cost: "Depends on the system: its connector's page says.",
			Text: "Connect the log of " + j.place() + ", so that silence is seen and not guessed."})
	} else {
		j.raiseLog(f, add)
	}
	if j.tooShort(f) {
		add(Raise{Code: "log.earlier", Grade: f.grade, Cost: "None but storage.",
			Text: fmt.Sprintf("Keep or read the log for %s, so that the rhythm is known.", days(f.confidence.Needs))})
	}
	slices.SortStableFunc(out, func(a, b Raise) int {
		return cmp.Or(cmp.Compare(a.Grade, b.Grade), cmp.Compare(len(a.Cost), len(b.Cost)))
	})
	return out
}

func (j *judge) tooShort(f *finding) bool {
	return f.why == whyLimit && !j.uses.last.IsZero() && f.confidence.Needs > 0
}

func (j *judge) place() string {
	if r := j.Subject.Ref.Realm; r != "" {
		return string(r)
	}
	return "the system"
}

// raiseLog says what would make the logs that there are better.
func (j *judge) raiseLog(f *finding, add func(Raise)) {
	stretch := f.stretch()
	for _, g := range f.gaps {
		add(Raise{Code: "log.gap", Grade: retinue.GradeA,
			Text: fmt.Sprintf("Read the part of the log from %s to %s, which is missing.", moment(g.From), moment(g.To))})
	}
	if until := j.cover.until(); j.Now.Sub(until) > j.Limits.Fresh {
		add(Raise{Code: "log.resume", Grade: retinue.GradeA,
			Text: "Read the log on: what is known ends on " + day(until) + "."})
		if stretch.To.Before(until) {
			stretch.To = until
		}
	}
	if j.uses.last.IsZero() && f.why == whyLimit && !j.Subject.CreatedAt.IsZero() {
		if from := j.cover.known[weak][0].From; from.After(j.Subject.CreatedAt) {
			add(Raise{Code: "log.earlier", Grade: retinue.GradeA,
				Text: fmt.Sprintf("Read the log from %s on, when it was made.", day(j.Subject.CreatedAt))})
		}
	}
	for _, p := range j.cover.flaws(stretch, complete) {
		j.raisePiece(p, add)
	}
}

// raisePiece says what would make one stretch of a log better.
func (j *judge) raisePiece(p *piece, add func(Raise)) {
	top := retinue.GradeA
	if len(p.untouched) > 0 {
		top = retinue.GradeB
	}
	if !p.authentic {
		add(Raise{Code: "log.authenticate", Grade: top,
			Text: "Take the log by an authenticated way: from the system itself, or from a sender with a token of its own."})
	}
	if !p.proven {
		add(Raise{Code: "log.proof", Grade: top,
			Text: "Read the log in a way that proves that nothing is missing; its connector's page says how."})
	}
	for i := range p.applying {
		b := &p.applying[i]
		if len(b.Actions) > 0 && !j.GrantsKnown {
			add(Raise{Code: "grants.unknown", Grade: retinue.GradeB,
				Text: "Scan what it is granted: blind spots for actions that it may not do would not count."})
		}
		if b.Raise != "" {
			add(Raise{Code: b.Code, Text: b.Raise, Cost: b.Cost, Grade: top})
		}
	}
	for i := range p.untouched {
		if b := &p.untouched[i]; b.Raise != "" && p.level == good {
			add(Raise{Code: b.Code, Text: b.Raise, Cost: b.Cost, Grade: retinue.GradeA})
		}
	}
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }
