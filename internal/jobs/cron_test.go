package jobs_test

import (
	"errors"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/jobs"
)

func TestCronNext(t *testing.T) {
	from := time.Date(2026, 1, 31, 23, 59, 30, 0, time.UTC) // a Saturday
	at := func(y int, m time.Month, d, h, minute int) time.Time {
		return time.Date(y, m, d, h, minute, 0, 0, time.UTC)
	}
	for line, want := range map[string]time.Time{
		"* * * * *":       at(2026, 2, 1, 0, 0),
		"*/15 * * * *":    at(2026, 2, 1, 0, 0),
		"5/20 * * * *":    at(2026, 2, 1, 0, 5),
		"30 2 * * *":      at(2026, 2, 1, 2, 30),
		"0 9-17 * * 1-5":  at(2026, 2, 2, 9, 0),
		"0 0 1 */3 *":     at(2026, 4, 1, 0, 0),
		"0 0 29 2 *":      at(2028, 2, 29, 0, 0),
		"0 0 31 * *":      at(2026, 3, 31, 0, 0),
		"0 0 * * 7":       at(2026, 2, 1, 0, 0),
		"0 0 13 * 5":      at(2026, 2, 6, 0, 0), // the 13th or a Friday
		"0 0 */2 * 1":     at(2026, 2, 9, 0, 0), // an odd day that is a Monday
		"10,20 4 * 12 *":  at(2026, 12, 1, 4, 10),
		"59 23 31 12 *":   at(2026, 12, 31, 23, 59),
		"0 12-14/2 * * *": at(2026, 2, 1, 12, 0),
	} {
		c, err := jobs.ParseCron(line)
		if err != nil {
			t.Errorf("%q: %v", line, err)
			continue
		}
		if got, err := c.Next(from); err != nil || !got.Equal(want) {
			t.Errorf("%q after %s = %s, %v; want %s", line, from, got, err, want)
		}
	}
}

func TestCronRefuses(t *testing.T) {
	for _, line := range []string{
		"", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *",
		"* * * * 8", "a * * * *", "5-1 * * * *", "*/0 * * * *", "-1 * * * *", "1,,2 * * * *", "*/99999999999999999999 * * * *",
	} {
		if _, err := jobs.ParseCron(line); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("%q was taken: %v", line, err)
		}
	}
	c, err := jobs.ParseCron("0 0 30 2 *")
	if err != nil {
		t.Fatal(err)
	}
	if next, err := c.Next(time.Now()); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("the 30th of February is %s, %v", next, err)
	}
}

// Whatever parses has a next time that is later, on the minute, and matched
// again by the minute before it.
func FuzzParseCron(f *testing.F) {
	for _, line := range []string{"* * * * *", "*/5 1-3 1,15 * 0-7/2", "0 0 29 2 *", "59 23 31 12 7"} {
		f.Add(line, int64(1_770_000_000))
	}
	f.Fuzz(func(t *testing.T, line string, unix int64) {
		c, err := jobs.ParseCron(line)
		if err != nil {
			return
		}
		from := time.Unix(unix%4_000_000_000, 0).UTC()
		next, err := c.Next(from)
		if err != nil {
			return
		}
		if !next.After(from) || next.Second() != 0 {
			t.Fatalf("%q after %s = %s", line, from, next)
		}
		if again, err := c.Next(next.Add(-time.Second)); err != nil || !again.Equal(next) {
			t.Fatalf("%q just before %s = %s, %v", line, next, again, err)
		}
	})
}
