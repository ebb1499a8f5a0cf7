package verdict

import (
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/usage/rhythm"
)

// Subject is what is judged.
type Subject struct {
	Ref retinue.Ref
	// Kind is the kind of the identity, or of the identity whose credential it is.
	// Empty: not known, and every blind spot for some kind concerns it.
	Kind retinue.IdentityKind
	// Credentials are the kinds of credential by which it can act: all of an
	// identity's, or the one that is judged. Empty: not known.
	Credentials []retinue.CredentialKind
	// CreatedAt is zero where it is not known; never used can then not be said of
	// a log.
	CreatedAt time.Time
	// State is the identity's, or what corresponds to it of a credential.
	State retinue.State
}

// Evidence is all that bears on a verdict.
type Evidence struct {
	Subject Subject
	// Uses are the attempts that were not refused: successes, errors (the
	// credential itself worked) and those of which the log does not say. Its Window
	// and Gaps are not read: Coverage and Gaps say what is known.
	Uses rhythm.Series
	// FirstUse and LastUse are exact where the hours of Uses are not; zero means
	// taken from Uses.
	FirstUse time.Time
	LastUse  time.Time
	// FirstDenied, LastDenied and Denied are of the attempts that were refused.
	// They are no use.
	FirstDenied time.Time
	LastDenied  time.Time
	Denied      uint64
	// Fields are what the source's own last-used fields say.
	Fields []retinue.Use
	// FieldsAt is when the fields were read; zero means now.
	FieldsAt time.Time
	// Coverage is what the logs of the subject's realm cover, in any order. A log
	// of another realm says nothing about silence.
	Coverage []retinue.Coverage
	// Gaps are stretches of which nothing is known although Coverage has them: a
	// file that was cut short.
	Gaps []rhythm.Span
	// Grants are patterns (with * and ?) of the actions that the subject may do.
	// Where GrantsKnown is false, every blind spot for some action concerns it.
	Grants      []string
	GrantsKnown bool
	Limits      Limits
	Now         time.Time
}

// Limits are an installation's own. Zero fields take the values of
// [DefaultLimits].
type Limits struct {
	// Idle is the silence after which a subject without a known rhythm is idle.
	Idle time.Duration
	// Dormant is the silence after which a subject without a known rhythm is
	// dormant. A year and a month by default: a yearly job would have shown.
	Dormant time.Duration
	// Confidence is how sure it must be for dormant, where the rhythm is known.
	Confidence float64
	// Pauses is by what factor it is likelier here than is assumed that what seems
	// to have stopped goes on ([rhythm.Estate]); 0 where nothing is known of that.
	Pauses float64
	// New is the age up to which nothing is said of a subject that was not used.
	New time.Duration
	// Fresh is how far the log may lag behind now before the rest counts as a gap.
	Fresh time.Duration
}

// DefaultLimits returns the limits of an installation that has set none: idle
// after 90 days, dormant after 400, a confidence of 0.99, and a log that is at
// most 7 days behind; a subject is new for 7 days.
func DefaultLimits() Limits {
	const day = 24 * time.Hour
	return Limits{Idle: 90 * day, Dormant: 400 * day, Confidence: 0.99, New: 7 * day, Fresh: 7 * day}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	if l.Idle <= 0 {
		l.Idle = d.Idle
	}
	if l.Dormant <= 0 {
		l.Dormant = d.Dormant
	}
	l.Dormant = max(l.Dormant, l.Idle)
	if l.Confidence <= 0 || l.Confidence >= 1 {
		l.Confidence = d.Confidence
	}
	if l.New <= 0 {
		l.New = d.New
	}
	if l.Fresh <= 0 {
		l.Fresh = d.Fresh
	}
	return l
}
