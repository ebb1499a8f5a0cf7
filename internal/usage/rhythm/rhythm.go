package rhythm

import "time"

// Class is the sort of rhythm.
type Class string

// The classes of rhythm.
const (
	// ClassNone: it was never seen to act.
	ClassNone Class = "none"
	// ClassUnknown: it acted too few times to know.
	ClassUnknown Class = "unknown"
	// ClassContinuous: every hour or nearly.
	ClassContinuous Class = "continuous"
	// ClassSeveral: several times a day, on every day.
	ClassSeveral Class = "several_a_day"
	// ClassDaily: once a day, nightly jobs among them.
	ClassDaily Class = "daily"
	// ClassWeekdays: on working days, once or often.
	ClassWeekdays Class = "weekdays"
	// ClassWeekly: on certain days of the week.
	ClassWeekly Class = "weekly"
	// ClassMonthly: on a certain day of the month, or a certain weekday of it.
	ClassMonthly Class = "monthly"
	// ClassMonthEnd: on the last days or the last working days of the month.
	ClassMonthEnd Class = "month_end"
	// ClassQuarterly: on a certain day of each third month, quarter's end among
	// them.
	ClassQuarterly Class = "quarterly"
	// ClassYearly: once a year.
	ClassYearly Class = "yearly"
	// ClassInterval: so and so many days after the last time, whatever the
	// calendar.
	ClassInterval Class = "interval"
	// ClassIrregular: at no fixed times; the silences between are known.
	ClassIrregular Class = "irregular"
	// ClassBurst: all at once, and not again.
	ClassBurst Class = "burst"
)

// Classes lists every class.
func Classes() []Class {
	return []Class{ClassNone, ClassUnknown, ClassContinuous, ClassSeveral, ClassDaily, ClassWeekdays, ClassWeekly,
		ClassMonthly, ClassMonthEnd, ClassQuarterly, ClassYearly, ClassInterval, ClassIrregular, ClassBurst}
}

// Rhythm is when an identity acts, as learned from what it did.
type Rhythm struct {
	Class Class
	// Zone is the zone in whose clock the rhythm is kept, "UTC" where that fits as
	// well as any, and empty where the rhythm has no clock. Alike are the other
	// zones of the Fitter that fit as well.
	Zone  string
	Alike []string
	// Days says on which days it is expected, and Hours at which hours of the
	// zone's clock it begins.
	Days  DayRule
	Hours []int
	// Every is the usual distance from one time to the next.
	Every time.Duration
	// Slots are the times at which it was expected and the log could have shown
	// it, from the first time it acted to the last; Missed are those at which it
	// did not act. Extra are days on which it acted unexpectedly.
	Slots  int
	Missed int
	Extra  int
	// Longest is the longest silence in which nothing is unknown.
	Longest time.Duration
	// First and Last are the hours in which it was first and last seen to act, and
	// Since is when it took up the present rhythm.
	First time.Time
	Last  time.Time
	Since time.Time

	model model
}

// Confidence is how sure it is that an identity has stopped.
type Confidence struct {
	// Known is false where too little was seen to say: Needs is then about how
	// long a log it takes to know, counted from the first time it acted.
	Known bool
	Needs time.Duration
	// Silence is how long it has been silent, without the gaps of the log.
	Silence time.Duration
	// Missed is how many expected times went by, where times can be expected.
	Missed int
	// Within is true while the silence is one that the rhythm has anyway.
	Within bool
	// Level is how sure it is that it has stopped, and Error what is missing to
	// certainty: an upper bound on the share of identities of such a history that
	// are in use and yet fall so silent at least once in a year.
	Level float64
	Error float64
	// Limit is the highest Level that a history of this length can give: what was
	// seen for a month may be one phase of something longer.
	Limit float64
}
