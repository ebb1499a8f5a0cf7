package verdict

import (
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/usage/rhythm"
)

// Status is what a verdict says.
type Status string

// The statuses. Idle, dormant and never used together are "inactive".
const (
	// StatusActive: used, and not silent for longer than its rhythm has it.
	StatusActive Status = "active"
	// StatusIdle: silent past its rhythm, and not yet long enough to be sure.
	StatusIdle Status = "idle"
	// StatusDormant: silent past its rhythm by so much that it is sure enough.
	StatusDormant Status = "dormant"
	// StatusNeverUsed: not used since it was made.
	StatusNeverUsed Status = "never_used"
	// StatusUnknown: the evidence does not say.
	StatusUnknown Status = "unknown"
)

// Statuses lists every status.
func Statuses() []Status {
	return []Status{StatusActive, StatusIdle, StatusDormant, StatusNeverUsed, StatusUnknown}
}

// Inactive reports whether the status counts as inactive.
func (s Status) Inactive() bool {
	return s == StatusIdle || s == StatusDormant || s == StatusNeverUsed
}

// Basis says what a last use rests on.
type Basis string

// The bases.
const (
	BasisLog   Basis = "log"   // an event of a log
	BasisField Basis = "field" // a last-used field of the source
)

// Verdict is whether a subject is used, and on what that rests.
type Verdict struct {
	Status Status        `json:"status"`
	Grade  retinue.Grade `json:"grade"`
	// Reason is one sentence in plain words.
	Reason string `json:"reason"`
	// Window is the stretch on which the verdict rests. Gaps are the parts of it
	// of which nothing is known; grades A and B have none.
	Window Window `json:"window"`
	Rhythm Rhythm `json:"rhythm"`
	// LastUsed is the last known use and Basis what that rests on; zero: none.
	LastUsed time.Time `json:"lastUsed,omitzero"`
	Basis    Basis     `json:"basis,omitempty"`
	// Meaning is the source's own word for the field, for BasisField.
	Meaning string `json:"meaning,omitempty"`
	// LastDenied is the last attempt that was refused. It is no use.
	LastDenied time.Time `json:"lastDenied,omitzero"`
	// SilentSince and SilentUntil bound the silence that is known: from the last
	// use, or the beginning of the window, to its end. Of grade A and B nothing was
	// done between them.
	SilentSince time.Time `json:"silentSince,omitzero"`
	SilentUntil time.Time `json:"silentUntil,omitzero"`
	// Confidence is how sure it is that the subject has stopped, 0 where that is
	// not known.
	Confidence float64 `json:"confidence,omitempty"`
	// WindowTooShort is true where the log does not reach far enough, or shows too
	// few uses, to know the rhythm. Needs is then about how long a log it takes.
	WindowTooShort bool          `json:"windowTooShort,omitempty"`
	Needs          time.Duration `json:"needs,omitempty"`
	// BlindSpots are those that concern this subject, of logs and of last-used
	// fields, and Untouched those that its grants do not touch.
	BlindSpots []retinue.BlindSpot `json:"blindSpots,omitempty"`
	Untouched  []retinue.BlindSpot `json:"untouched,omitempty"`
	// Caveats are what else is to be known, each a sentence: a field
	// that contradicts the log.
	Caveats []string `json:"caveats,omitempty"`
	// Raises are what would raise the grade, best first.
	Raises []Raise `json:"raises,omitempty"`
	// NextChange is the first moment at which the verdict could change by the
	// passing of time alone, if the logs go on and show nothing; zero: never.
	NextChange time.Time `json:"nextChange,omitzero"`
	// DormantOn is when the subject is called dormant, if it stays silent and the
	// logs go on as they are; zero: it is already, or that is not known.
	// DormantConfidence is how sure that is then, 0 where the installation's limit
	// for what has no rhythm, or too short a history of it, decides.
	DormantOn         time.Time `json:"dormantOn,omitzero"`
	DormantConfidence float64   `json:"dormantConfidence,omitempty"`
}

// Window is a stretch of time and what is missing in it.
type Window struct {
	From time.Time     `json:"from,omitzero"`
	To   time.Time     `json:"to,omitzero"`
	Gaps []rhythm.Span `json:"gaps,omitempty"`
}

// Rhythm is the rhythm in words.
type Rhythm struct {
	Class rhythm.Class `json:"class,omitempty"`
	Zone  string       `json:"zone,omitempty"`
	// ZonesAlike are zones whose clocks fit as well.
	ZonesAlike []string `json:"zonesAlike,omitempty"`
	// Words say it: "every day at 02:00 Europe/Berlin".
	Words string `json:"words,omitempty"`
	// Due is when it should act next after its last use, and Latest by when its
	// silence would leave the rhythm.
	Due    time.Time `json:"due,omitzero"`
	Latest time.Time `json:"latest,omitzero"`
}

// Raise is something that would raise the grade.
type Raise struct {
	// Code is the blind spot's, or one of "log.connect", "log.gap", "log.proof",
	// "log.authenticate", "log.resume", "log.earlier", "grants.unknown".
	Code string `json:"code"`
	// Text says what to do, and Cost what that is likely to cost.
	Text string `json:"text"`
	Cost string `json:"cost,omitempty"`
	// Grade is what the evidence would become, if nothing else stood in the way.
	Grade retinue.Grade `json:"grade"`
}
