package rhythm

import (
	"fmt"
	"math/bits"
	"strings"
	"time"
)

// String says the rhythm in words, such as "every day at 02:00 Europe/Berlin".
func (r Rhythm) String() string {
	switch r.Class {
	case ClassNone, "":
		return "never seen to act"
	case ClassUnknown:
		return "seen too few times to know a rhythm"
	case ClassBurst:
		return "all at once, and not again"
	case ClassContinuous:
		return "all the time"
	case ClassInterval:
		return "about every " + span(r.Every)
	case ClassIrregular:
		return "at no fixed times, mostly within " + span(r.Every)
	case ClassSeveral:
		if r.Every > 0 && r.Every < 12*time.Hour && len(r.Hours) != 1 {
			return "about every " + span(r.Every)
		}
		return "several times a day"
	}
	return r.Days.String() + r.clockWords()
}

func (r Rhythm) clockWords() string {
	if len(r.Hours) == 0 || len(r.Hours) > 4 {
		return ""
	}
	var at []string
	for _, h := range r.Hours {
		at = append(at, fmt.Sprintf("%02d:00", h))
	}
	return " from " + list(at) + " " + r.Zone
}

// String says on which days, such as "on the last working day of the month".
func (r DayRule) String() string {
	switch r.Kind {
	case DaysNone:
		return "on no fixed days"
	case DaysEvery:
		return "every day"
	case DaysWeek:
		if r.Weekdays == mondayToFriday {
			return "from Monday to Friday"
		}
		return "every " + list(r.weekdays())
	}
	return "on " + r.dayWords() + " of " + r.monthWords()
}

func (r DayRule) dayWords() string {
	switch r.Kind {
	case DaysWorking:
		return "the " + ordinal(r.N) + "working day"
	case DaysNth:
		return "the " + ordinal(r.N) + list(r.weekdays())
	}
	words := "the " + ordinal(r.N) + "day"
	if r.Kind == DaysOfMonthMoved {
		words += " (Monday after a weekend)"
	}
	return words
}

func (r DayRule) monthWords() string {
	switch n := bits.OnesCount16(r.Months); {
	case n == 0:
		return "the month"
	case n == 4 && r.Months == 0b100100100100 && r.N < 0:
		return "the quarter"
	}
	var months []string
	for m := time.January; m <= time.December; m++ {
		if r.Months&(1<<(m-1)) != 0 {
			months = append(months, m.String())
		}
	}
	return list(months)
}

func (r DayRule) weekdays() []string {
	var days []string
	for i := 1; i <= 7; i++ { // Monday first
		if r.Weekdays&(1<<(i%7)) != 0 {
			days = append(days, time.Weekday(i%7).String())
		}
	}
	return days
}

// ordinal says the place of a day from the beginning, or from the end if
// negative, with a space after it.
func ordinal(n int) string {
	suffix := func(n int) string {
		switch {
		case n%100/10 == 1:
			return "th"
		case n%10 == 1:
			return "st"
		case n%10 == 2:
			return "nd"
		case n%10 == 3:
			return "rd"
		}
		return "th"
	}
	switch {
	case n == -1:
		return "last "
	case n < 0:
		return fmt.Sprintf("%d%s last ", -n, suffix(-n))
	}
	return fmt.Sprintf("%d%s ", n, suffix(n))
}

func list(words []string) string {
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
}

// span says a length of time as people do.
func span(d time.Duration) string {
	hours := int(d.Round(time.Hour).Hours())
	days := (hours + 12) / 24
	switch {
	case hours == 1:
		return "hour"
	case hours < 24:
		return fmt.Sprintf("%d hours", hours)
	case hours < 36:
		return "day"
	case days%7 == 0 && days > 7 && days < 84:
		return fmt.Sprintf("%d weeks", days/7)
	case days == 7:
		return "week"
	}
	return fmt.Sprintf("%d days", days)
}
