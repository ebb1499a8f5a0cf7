package jobs

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// Cron is a parsed cron line. Each field is a set of numbers as bits.
type Cron struct {
	minute, hour, day, month, weekday uint64
	// anyDay and anyWeekday say that the field was "*": with both restricted,
	// either may match, as crontab(5) has it.
	anyDay, anyWeekday bool
}

// cronField is the name and range of one field.
type cronField struct {
	name     string
	min, max int
}

// ParseCron reads the five fields of crontab(5), minute, hour, day of month,
// month and day of week (0 and 7 are Sunday), each of "*", numbers, ranges,
// steps and lists of them. Times are UTC: there is no hour that happens twice.
func ParseCron(line string) (Cron, error) {
	fields := strings.Fields(line)
	if len(fields) != 5 {
		return Cron{}, fmt.Errorf("parse cron line %q: %w: it has %d fields; needed are minute, hour, day, month and weekday",
			line, retinue.ErrInvalid, len(fields))
	}
	var c Cron
	into := []*uint64{&c.minute, &c.hour, &c.day, &c.month, &c.weekday}
	ranges := []cronField{{"minute", 0, 59}, {"hour", 0, 23}, {"day", 1, 31}, {"month", 1, 12}, {"weekday", 0, 7}}
	for i, f := range ranges {
		set, err := f.parse(fields[i])
		if err != nil {
			return Cron{}, fmt.Errorf("parse cron line %q: %w", line, err)
		}
		*into[i] = set
	}
	const sunday, seventh = 1 << 0, 1 << 7
	if c.weekday&seventh != 0 {
		c.weekday = c.weekday&^seventh | sunday
	}
	c.anyDay, c.anyWeekday = strings.HasPrefix(fields[2], "*"), strings.HasPrefix(fields[4], "*")
	return c, nil
}

func (f cronField) parse(text string) (uint64, error) {
	var set uint64
	for part := range strings.SplitSeq(text, ",") {
		span, stepText, stepped := strings.Cut(part, "/")
		step := 1
		if stepped {
			var err error
			if step, err = strconv.Atoi(stepText); err != nil || step < 1 || step > f.max {
				return 0, f.invalid(part)
			}
		}
		low, high, err := f.span(span, stepped)
		if err != nil {
			return 0, err
		}
		for n := low; n <= high; n += step {
			set |= 1 << n
		}
	}
	return set, nil
}

// span reads "*", "n" or "n-m". A single number with a step runs to the end of
// the field's range.
func (f cronField) span(text string, stepped bool) (low, high int, err error) {
	if text == "*" {
		return f.min, f.max, nil
	}
	from, to, isRange := strings.Cut(text, "-")
	if low, err = strconv.Atoi(from); err != nil {
		return 0, 0, f.invalid(text)
	}
	high = low
	switch {
	case isRange:
		if high, err = strconv.Atoi(to); err != nil {
			return 0, 0, f.invalid(text)
		}
	case stepped:
		high = f.max
	}
	if low < f.min || high > f.max || low > high {
		return 0, 0, f.invalid(text)
	}
	return low, high, nil
}

func (f cronField) invalid(text string) error {
	return fmt.Errorf("%w: %s %q is not within %d-%d", retinue.ErrInvalid, f.name, text, f.min, f.max)
}

// Next is the first time after t that the line names. A line that names no day
// within the next nine years, such as the 30th of February, is an error; eight
// years can lie between two leap days.
func (c Cron) Next(t time.Time) (time.Time, error) {
	t = t.UTC().Truncate(time.Minute).Add(time.Minute)
	for limit := t.AddDate(9, 0, 0); t.Before(limit); {
		switch {
		case c.month&(1<<t.Month()) == 0:
			t = time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC)
		case !c.onDay(t):
			t = time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, time.UTC)
		case c.hour&(1<<t.Hour()) == 0:
			t = t.Truncate(time.Hour).Add(time.Hour)
		case c.minute&(1<<t.Minute()) == 0:
			t = t.Add(time.Minute)
		default:
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("find next run: %w: the cron line names no day that exists", retinue.ErrInvalid)
}

func (c Cron) onDay(t time.Time) bool {
	day := c.day&(1<<t.Day()) != 0
	weekday := c.weekday&(1<<int(t.Weekday())) != 0
	if c.anyDay || c.anyWeekday {
		return day && weekday
	}
	return day || weekday
}
