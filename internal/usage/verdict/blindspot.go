package verdict

import (
	"slices"

	"github.com/retinue-id/retinue"
)

// bearing is what a blind spot means for a subject.
type bearing uint8

const (
	// elsewhere: it is about other kinds of identity or credential.
	elsewhere bearing = iota
	// untouched: it is about actions that the subject is not granted.
	untouched
	// applies: what the subject does may not show.
	applies
)

// bears says what a blind spot means for the subject. What is not known of the
// subject is taken to be what the blind spot is about.
func (e *Evidence) bears(b *retinue.BlindSpot) bearing {
	if len(b.Kinds) > 0 && e.Subject.Kind != "" && !slices.Contains(b.Kinds, e.Subject.Kind) {
		return elsewhere
	}
	if len(b.Credentials) > 0 && len(e.Subject.Credentials) > 0 {
		met := func(k retinue.CredentialKind) bool { return slices.Contains(b.Credentials, k) }
		if !slices.ContainsFunc(e.Subject.Credentials, met) {
			return elsewhere
		}
	}
	if len(b.Actions) > 0 && e.GrantsKnown && !meetAny(b.Actions, e.Grants) {
		return untouched
	}
	return applies
}

// ownSpots are the blind spots that a coverage has by what it does not say.
func ownSpots(c *retinue.Coverage) []retinue.BlindSpot {
	has := func(k retinue.EventClass) bool { return slices.Contains(c.Classes, k) }
	if !has(retinue.EventManagement) && !has(retinue.EventData) && !has(retinue.EventSignIn) {
		return []retinue.BlindSpot{{Code: "log.classes_unknown",
			Text:  "The log does not say which sorts of event it holds.",
			Raise: "Read the log with its configuration, so that it is known what it holds."}}
	}
	named := func(b retinue.BlindSpot) bool { return len(b.Actions) > 0 }
	if has(retinue.EventManagement) && !has(retinue.EventData) && !slices.ContainsFunc(c.BlindSpots, named) {
		return []retinue.BlindSpot{{Code: "log.no_data_events",
			Text:  "The log holds no calls on data, and does not say which actions those are.",
			Raise: "Let the log record calls on data as well.", Cost: "The log grows with every call."}}
	}
	return nil
}
