package rhythm

// DayKind says how the days of a rhythm are chosen.
type DayKind string

// The kinds of day rule.
const (
	// DaysNone: the rhythm has no calendar.
	DaysNone DayKind = ""
	// DaysEvery: every day.
	DaysEvery DayKind = "every"
	// DaysWeek: the days of Weekdays, a bit for each time.Weekday.
	DaysWeek DayKind = "weekdays"
	// DaysOfMonth: the Nth day of the month; counted from its end if negative.
	// Where the month is shorter it is the last.
	DaysOfMonth DayKind = "day_of_month"
	// DaysOfMonthMoved: the same, and the next Monday where that is a Saturday or
	// Sunday.
	DaysOfMonthMoved DayKind = "day_of_month_moved"
	// DaysWorking: the Nth day of the month from Monday to Friday; counted from
	// its end if negative. Public holidays are not known.
	DaysWorking DayKind = "working_day"
	// DaysNth: the Nth of a weekday in the month; counted from its end if
	// negative. Weekdays has its bit.
	DaysNth DayKind = "nth_weekday"
)

// DayRule says on which days something is expected.
type DayRule struct {
	Kind     DayKind
	Weekdays uint8
	N        int
	// Months has a bit for each month, January being bit 0; 0 means every month.
	// Rules of the week have none.
	Months uint16
}
