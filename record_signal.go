package retinue

import "time"

// DismissalID names that somebody said signals like one are all right: dsm_.
type DismissalID string

// NewDismissalID mints a dismissal's id.
func NewDismissalID(now time.Time) DismissalID { return DismissalID("dsm_" + newUUIDv7(now)) }

// The actions about what is unusual in use.
const (
	// RecordSignalDismissed: somebody said that signals like one are all right.
	RecordSignalDismissed RecordAction = "signal.dismissed"
	// RecordDismissalRevoked: that was taken back.
	RecordDismissalRevoked RecordAction = "signal.dismissal_revoked"
	// RecordPeopleShown: somebody was shown the names and addresses of people in a
	// usage history, for a reason that they gave.
	RecordPeopleShown RecordAction = "usage.people_shown"
	// RecordEventsKept: events are kept from now on, for another time, or no
	// longer.
	RecordEventsKept RecordAction = "usage.events_kept"
)
