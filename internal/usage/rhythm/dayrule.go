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

const mondayToFriday = 0b0111110

// has reports whether the rule holds in a month.
func (r DayRule) has(month int) bool { return r.Months == 0 || r.Months&(1<<(month-1)) != 0 }

// in returns the day of a month that the rule names; false if there is none.
func (r DayRule) in(year, month int) (int64, bool) {
	first, length := dayOf(year, month, 1), monthLength(year, month)
	switch r.Kind {
	case DaysOfMonth, DaysOfMonthMoved:
		dom := r.N
		if dom < 0 {
			dom = length + 1 + dom
		}
		day := first + int64(min(max(dom, 1), length)) - 1
		if r.Kind == DaysOfMonthMoved {
			switch weekday(day) {
			case 6:
				day += 2
			case 0:
				day++
			}
		}
		return day, true
	case DaysWorking:
		return workingDay(first, length, r.N)
	case DaysNth:
		return nthWeekday(first, length, r.N, r.Weekdays)
	}
	return 0, false
}

func workingDay(first int64, length, n int) (int64, bool) {
	step, day := int64(1), first
	if n < 0 {
		step, day, n = -1, first+int64(length)-1, -n
	}
	for ; day >= first && day < first+int64(length); day += step {
		if w := weekday(day); w != 0 && w != 6 {
			if n--; n == 0 {
				return day, true
			}
		}
	}
	return 0, false
}

func nthWeekday(first int64, length, n int, mask uint8) (int64, bool) {
	step, day := int64(1), first
	if n < 0 {
		step, day, n = -1, first+int64(length)-1, -n
	}
	for range 7 {
		if mask&(1<<weekday(day)) != 0 {
			break
		}
		day += step
	}
	day += step * 7 * int64(n-1)
	return day, day >= first && day < first+int64(length)
}

// next returns the first day from day on which the rule names, and false if it
// names none within ten years.
func (r DayRule) next(day int64) (int64, bool) {
	switch r.Kind {
	case DaysNone:
		return 0, false
	case DaysEvery:
		return day, true
	case DaysWeek:
		for range 7 {
			if r.Weekdays&(1<<weekday(day)) != 0 {
				return day, true
			}
			day++
		}
		return 0, false
	}
	year, month, _ := civil(day)
	// A moved day may lie in the month after the one that names it.
	for m := month - 1; m < month+121; m++ {
		if !r.has((m+11)%12 + 1) {
			continue
		}
		if d, ok := r.in(year, m); ok && d >= day {
			return d, true
		}
	}
	return 0, false
}
