package store

import (
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
)

// RetentionClass is a sort of data that is kept for a time of its own.
type RetentionClass string

// The retention classes. Records of the audit log are no class: they are never
// deleted, since a log that was cut can no longer be told from one that was
// tampered with; what is personal about them is, as RetainPeople.
const (
	RetainHistory    RetentionClass = "history"    // versions of facts and rows that are no longer in force
	RetainRuns       RetentionClass = "runs"       // runs of sources that later ones replaced
	RetainUses       RetentionClass = "uses"       // observations of use but the latest of each kind
	RetainUsage      RetentionClass = "usage"      // the usage history: what logs told, by whole months
	RetainFindings   RetentionClass = "findings"   // resolved findings, and earlier states of the others
	RetainGovernance RetentionClass = "governance" // registrations, owners and ownership rules that were replaced
	RetainPeople     RetentionClass = "people"     // personal data beside records of the audit log
	RetainSessions   RetentionClass = "sessions"   // ended sessions, devices, tokens that were revoked or ran out
	RetainNotices    RetentionClass = "notices"    // resolved notices with their deliveries, closed tickets, hand-ins
	RetainPopulation RetentionClass = "population" // the daily counts
)

// PrunedEvents is what was deleted of the events themselves. They are no class:
// how long they are kept is said in the configuration.
const PrunedEvents RetentionClass = "events"

// RetentionClasses lists every class.
func RetentionClasses() []RetentionClass {
	return []RetentionClass{RetainHistory, RetainRuns, RetainUses, RetainUsage, RetainFindings, RetainGovernance, RetainPeople,
		RetainSessions, RetainNotices, RetainPopulation}
}

// Retention says for how many days each class is kept; 0 keeps it for ever.
type Retention map[RetentionClass]int

// MinRetention is the shortest time that a class is kept, in days.
const MinRetention = 7

// MaxRetention is the longest time that can be given, in days.
const MaxRetention = 36_500

// Validate reports classes that do not exist and times out of bounds.
func (r Retention) Validate() error {
	known := map[RetentionClass]bool{}
	for _, c := range RetentionClasses() {
		known[c] = true
	}
	for c, days := range r {
		if !known[c] {
			return &retinue.FieldError{Field: "body.days." + string(c), Err: fmt.Errorf("%w: there is no such class: want one of %v", retinue.ErrInvalid, RetentionClasses())}
		}
		if days != 0 && (days < MinRetention || days > MaxRetention) {
			return &retinue.FieldError{Field: "body.days." + string(c), Err: fmt.Errorf("%w: %d days: want 0 to keep for ever, or %d to %d", retinue.ErrInvalid, days, MinRetention, MaxRetention)}
		}
	}
	return nil
}

// Before returns the time before which a class is deleted; zero keeps it.
func (r Retention) Before(c RetentionClass, now time.Time) time.Time {
	if r[c] == 0 {
		return time.Time{}
	}
	return now.AddDate(0, 0, -r[c])
}

// RetentionPresets are the times that are offered by name. hipaa keeps six
// years, the time for which 45 CFR 164.316(b)(2)(i) has documentation kept;
// 400-days is a year and a month, so that a yearly review can look back.
func RetentionPresets() map[string]Retention {
	all := func(days int) Retention {
		r := Retention{}
		for _, c := range RetentionClasses() {
			r[c] = days
		}
		return r
	}
	year := all(400)
	year[RetainSessions] = 90
	year[RetainPopulation] = 0
	six := all(6*365 + 2)
	six[RetainSessions] = 400
	six[RetainPopulation] = 0
	return map[string]Retention{"400-days": year, "hipaa": six, "keep-all": all(0)}
}

// DefaultRetention is the preset of an installation that chose none.
const DefaultRetention = "keep-all"

// Pruned is what was deleted of a class.
type Pruned struct {
	Class RetentionClass `json:"class"`
	// Rows were deleted, all older than Until.
	Rows  int64     `json:"rows"`
	Until time.Time `json:"until"`
}
