package notice

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// Timetable says when a channel sends.
type Timetable struct {
	// Zone is the time zone of the times here (IANA name); empty means UTC.
	Zone string `json:"zone,omitempty" doc:"IANA time zone, such as Europe/Berlin; empty means UTC"`
	// Digest collects notices: hourly, daily, or empty for at once.
	Digest string `json:"digest,omitempty" enum:"hourly,daily" doc:"collect notices into one message; empty sends at once"`
	// DigestAt is the time of day of a daily digest; empty means 09:00.
	DigestAt string  `json:"digestAt,omitempty" doc:"time of day of a daily digest, HH:MM; empty means 09:00"`
	Quiet    []Quiet `json:"quiet,omitempty" maxItems:"20" doc:"when nothing is sent"`
	// CriticalPasses sends critical notices at once, digest and quiet hours or
	// not.
	CriticalPasses bool `json:"criticalPasses,omitempty" doc:"critical notices are sent at once, digest and quiet hours or not"`
}

// Quiet is a time in which nothing is sent. One that ends before it begins goes
// on into the next day; equal times are a whole day.
type Quiet struct {
	Days []string `json:"days,omitempty" doc:"mon, tue, wed, thu, fri, sat, sun, on which it begins; empty means every day"`
	From string   `json:"from" doc:"HH:MM"`
	To   string   `json:"to" doc:"HH:MM"`
}

const defaultDigestAt = 9 * 60

// Validate reports what is wrong, a timetable that never sends included.
func (t Timetable) Validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: timetable: %s", retinue.ErrInvalid, fmt.Sprintf(format, args...))
	}
	if t.Zone == "Local" {
		return bad("zone %q: name a zone", t.Zone)
	}
	if _, err := time.LoadLocation(t.Zone); err != nil {
		return bad("zone %q is not known", t.Zone)
	}
	if t.Digest != "" && t.Digest != "hourly" && t.Digest != "daily" {
		return bad("digest %q: want hourly or daily", t.Digest)
	}
	if _, ok := clock(t.DigestAt, defaultDigestAt); !ok {
		return bad("digestAt %q: want HH:MM", t.DigestAt)
	}
	for i, q := range t.Quiet {
		_, from := clock(q.From, -1)
		_, to := clock(q.To, -1)
		if !from || !to {
			return bad("quiet[%d]: want from and to as HH:MM", i)
		}
		for _, d := range q.Days {
			if !slices.Contains(weekdays(), strings.ToLower(d)) {
				return bad("quiet[%d].days: %q: want mon, tue, wed, thu, fri, sat or sun", i, d)
			}
		}
	}
	if len(t.Quiet) > 0 {
		monday := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
		if end := t.afterQuiet(monday, time.UTC); end.Sub(monday) > 7*24*time.Hour {
			return bad("quiet hours leave no time to send")
		}
	}
	return nil
}

func weekdays() []string { return []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

// clock reads HH:MM as minutes of the day; empty text gives the default, which
// must not be negative.
func clock(text string, otherwise int) (int, bool) {
	if text == "" {
		return otherwise, otherwise >= 0
	}
	at, err := time.Parse("15:04", text)
	if err != nil {
		return 0, false
	}
	return at.Hour()*60 + at.Minute(), true
}

// Due returns when a notice of this severity that comes at a time is sent: at
// or after it, later notices never before earlier ones of the same severity.
func (t Timetable) Due(sev retinue.Severity, at time.Time) time.Time {
	if t.CriticalPasses && sev == retinue.SeverityCritical {
		return at
	}
	zone, err := time.LoadLocation(t.Zone)
	if err != nil {
		zone = time.UTC
	}
	due := at
	switch t.Digest {
	case "hourly":
		due = at.Truncate(time.Hour)
		if due.Before(at) {
			due = due.Add(time.Hour)
		}
	case "daily":
		due = t.daily(at, zone)
	}
	return t.afterQuiet(due, zone).UTC()
}

func (t Timetable) daily(at time.Time, zone *time.Location) time.Time {
	minutes, ok := clock(t.DigestAt, defaultDigestAt)
	if !ok {
		minutes = defaultDigestAt
	}
	local := at.In(zone)
	for day := range 3 {
		due := time.Date(local.Year(), local.Month(), local.Day()+day, 0, minutes, 0, 0, zone)
		if !due.Before(at) {
			return due
		}
	}
	return at
}

// afterQuiet returns the first time from at on that is in no quiet time, or
// one more than a week later when there is none.
func (t Timetable) afterQuiet(at time.Time, zone *time.Location) time.Time {
	limit := at.Add(8 * 24 * time.Hour)
	for at.Before(limit) {
		end := at
		for _, q := range t.Quiet {
			if e := q.end(at, zone); e.After(end) {
				end = e
			}
		}
		if end.Equal(at) {
			return at
		}
		at = end
	}
	return at
}

// end returns when the quiet time that at lies in ends, or the zero time.
func (q Quiet) end(at time.Time, zone *time.Location) time.Time {
	from, ok1 := clock(q.From, -1)
	to, ok2 := clock(q.To, -1)
	if !ok1 || !ok2 {
		return time.Time{}
	}
	if to <= from {
		to += 24 * 60
	}
	local := at.In(zone)
	var end time.Time
	for day := -1; day <= 0; day++ {
		begin := time.Date(local.Year(), local.Month(), local.Day()+day, 0, 0, 0, 0, zone)
		if len(q.Days) > 0 && !slices.ContainsFunc(q.Days, func(d string) bool {
			return strings.EqualFold(d, weekdays()[begin.Weekday()])
		}) {
			continue
		}
		start := time.Date(local.Year(), local.Month(), local.Day()+day, 0, from, 0, 0, zone)
		stop := time.Date(local.Year(), local.Month(), local.Day()+day, 0, to, 0, 0, zone)
		if !at.Before(start) && at.Before(stop) && stop.After(end) {
			end = stop
		}
	}
	return end
}
