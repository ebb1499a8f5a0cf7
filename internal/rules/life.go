package rules

import (
	"regexp"
	"time"

	"github.com/retinue-id/retinue"
)

// Transition says what a judgement did to a finding.
type Transition string

// The transitions.
const (
	TransitionNone     Transition = ""         // nothing but times and counts of days
	TransitionOpened   Transition = "opened"   // seen for the first time
	TransitionChanged  Transition = "changed"  // still holds, and says something else
	TransitionReopened Transition = "reopened" // was resolved, holds again
	TransitionExpired  Transition = "expired"  // the acceptance ended and the condition holds: open again
	TransitionResolved Transition = "resolved" // no longer holds
)

// Next returns the finding after a judgement at now. Previous is nil where the
// finding was never seen; hit is nil where its condition does not hold. Both
// nil gives nil.
//
// A finding is opened once and keeps its id and the time it was first seen for
// ever. Acknowledged and accepted findings stay so while the condition holds;
// an acceptance whose end has come reopens the finding. Resolution drops the
// acceptance, which was about a condition that went away.
func Next(previous *retinue.Finding, hit *Hit, now time.Time) (*retinue.Finding, Transition) {
	now = now.UTC()
	switch {
	case previous == nil && hit == nil:
		return nil, TransitionNone
	case previous == nil:
		f := hit.Finding
		f.ID = retinue.NewFindingID(now)
		f.State = retinue.FindingOpen
		f.FirstSeen, f.LastSeen, f.ResolvedAt, f.Accepted = now, now, time.Time{}, nil
		return &f, TransitionOpened
	case hit == nil:
		return resolve(*previous, now)
	}
	return renew(*previous, hit.Finding, now)
}

func resolve(f retinue.Finding, now time.Time) (*retinue.Finding, Transition) {
	if f.State == retinue.FindingResolved {
		return &f, TransitionNone
	}
	f.State = retinue.FindingResolved
	f.ResolvedAt = now
	f.Accepted = nil
	return &f, TransitionResolved
}

func renew(old, f retinue.Finding, now time.Time) (*retinue.Finding, Transition) {
	f.ID, f.FirstSeen, f.State, f.Accepted = old.ID, old.FirstSeen, old.State, old.Accepted
	f.LastSeen = now
	if now.Before(old.LastSeen) {
		f.LastSeen = old.LastSeen
	}
	f.ResolvedAt = time.Time{}
	switch {
	case old.State == retinue.FindingResolved:
		f.State, f.Accepted = retinue.FindingReopened, nil
		return &f, TransitionReopened
	case old.State == retinue.FindingAccepted && (old.Accepted == nil || !now.Before(old.Accepted.Until)):
		f.State, f.Accepted = retinue.FindingReopened, nil
		return &f, TransitionExpired
	case says(old) != says(f):
		return &f, TransitionChanged
	}
	return &f, TransitionNone
}

// said is what a finding tells a person; a change of it is a change worth
// recording. Evidence and places follow from the message and move with it.
type said struct {
	severity                        retinue.Severity
	message, title, family, fix     string
	suppressed, subject, controlSum string
	priority                        int
}

func says(f retinue.Finding) said {
	return said{severity: f.Severity, message: days.ReplaceAllString(f.Message, "# days"), title: f.Title, family: f.Family, fix: f.Fix,
		suppressed: f.Suppressed, subject: f.Subject.String(), controlSum: join(f.Controls), priority: f.Priority}
}

// days matches counts of days, which grow by themselves: a finding that is a
// day older says nothing new.
var days = regexp.MustCompile(`\b\d+ days?\b`)
