package postgres

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// logLine is what is read of an entry of the server's log. The texts of
// statements, of details and of contexts are never looked at.
type logLine struct {
	at          time.Time
	user        string
	database    string
	remote      string // address, or "[local]"
	session     string
	number      int64 // of the line in its session, 0 where not known
	tag         string
	severity    string
	state       string // SQLSTATE
	message     string
	application string
	backend     string
	process     string // id of the process, in the text format
	// prefixed is true for the text format, and whole where its prefix names the
	// role, the database, the application and the client.
	prefixed bool
	whole    bool
}

// csvColumns is how many values a line of csvlog has: 23 up to version 12, 24 in
// 13, 26 since. (Manual, section "Using CSV-Format Log Output".)
const (
	csvMinColumns = 23
	csvMaxColumns = 40
)

// csvLine reads a line of csvlog.
func csvLine(fields []string, zone *time.Location) (logLine, error) {
	if len(fields) < csvMinColumns || len(fields) > csvMaxColumns {
		return logLine{}, fmt.Errorf("%w: not a line of csvlog: %d values, want %d to 26", retinue.ErrInvalid, len(fields), csvMinColumns)
	}
	at, err := logTime(fields[0], zone)
	if err != nil {
		return logLine{}, err
	}
	l := logLine{at: at, user: fields[1], database: fields[2], remote: hostOf(fields[4]), session: fields[5], tag: fields[7],
		severity: fields[11], state: fields[12], message: fields[13], application: fields[22]}
	l.number, _ = strconv.ParseInt(fields[6], 10, 64) // 0 where it is none: the digest names the line then
	if len(fields) > 23 {
		l.backend = fields[23]
	}
	return l, nil
}

// jsonLine reads an entry of jsonlog, of version 15 and later. (Manual, section
// "Using JSON-Format Log Output".)
func jsonLine(record []byte, zone *time.Location) (logLine, error) {
	var o struct {
		Timestamp   string `json:"timestamp"`
		User        string `json:"user"`
		Database    string `json:"dbname"`
		Host        string `json:"remote_host"`
		Session     string `json:"session_id"`
		Number      int64  `json:"line_num"`
		Tag         string `json:"ps"`
		Severity    string `json:"error_severity"`
		State       string `json:"state_code"`
		Message     string `json:"message"`
		Application string `json:"application_name"`
		Backend     string `json:"backend_type"`
	}
	if err := json.Unmarshal(record, &o); err != nil || o.Severity == "" {
		return logLine{}, fmt.Errorf("%w: not an entry of jsonlog", retinue.ErrInvalid)
	}
	at, err := logTime(o.Timestamp, zone)
	if err != nil {
		return logLine{}, err
	}
	return logLine{at: at, user: o.User, database: o.Database, remote: o.Host, session: o.Session, number: o.Number, tag: o.Tag,
		severity: o.Severity, state: o.State, message: o.Message, application: o.Application, backend: o.Backend}, nil
}

// hostOf cuts the port from "192.0.2.1:5432" and "::1:5432", as the server
// writes both.
func hostOf(from string) string {
	if i := strings.LastIndexByte(from, ':'); i >= 0 {
		return from[:i]
	}
	return from
}

func (l *logLine) address() netip.Addr {
	a, err := netip.ParseAddr(l.remote)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// logTime reads "2026-11-22 12:20:03.123 CET". The server writes the
// abbreviation of its setting log_timezone, which says little by itself: zone is
// that setting, nil where it is not known.
func logTime(text string, zone *time.Location) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil && t.Year() >= 1970 {
		return t.UTC(), nil
	}
	clock, name, _ := cutLast(text, ' ')
	offset, known := zoneOffset(name)
	for _, layout := range []string{"2006-01-02 15:04:05.999999", "2006-01-02 15:04:05"} {
		t, err := time.Parse(layout, clock)
		switch {
		case err != nil || t.Year() < 1970:
		case zone != nil && name != "UTC" && name != "GMT" && !numericZone(name):
			return inZone(t, name, zone), nil
		case known:
			return t.Add(-offset), nil
		default:
			return time.Time{}, fmt.Errorf("%w: time zone abbreviation %q: give timezone=, which `show log_timezone` prints", retinue.ErrInvalid, retinue.CleanName(clip(name, 16)))
		}
	}
	return time.Time{}, fmt.Errorf("%w: not a line of the server's log: it does not begin with a time", retinue.ErrInvalid)
}

func cutLast(s string, sep byte) (before, after string, ok bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// inZone reads a clock in a zone. In the hour that the clock runs through twice
// the abbreviation says which is meant.
func inZone(t time.Time, name string, zone *time.Location) time.Time {
	local := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone)
	for _, other := range []time.Time{local, local.Add(-time.Hour), local.Add(time.Hour)} {
		abbreviation, _ := other.Zone()
		if abbreviation == name && other.Hour() == t.Hour() && other.Minute() == t.Minute() {
			return other.UTC()
		}
	}
	return local.UTC()
}

func numericZone(name string) bool { return name != "" && (name[0] == '+' || name[0] == '-') }

// zoneOffset knows the abbreviations that mean one thing only among the zones of
// the tz database that are in use.
func zoneOffset(name string) (time.Duration, bool) {
	if numericZone(name) {
		digits := strings.ReplaceAll(name[1:], ":", "")
		n, err := strconv.Atoi(digits)
		if err != nil || n < 0 || len(digits) > 4 {
			return 0, false
		}
		offset := time.Duration(n) * time.Hour
		if len(digits) > 2 {
			offset = time.Duration(n/100)*time.Hour + time.Duration(n%100)*time.Minute
		}
		if name[0] == '-' {
			offset = -offset
		}
		return offset, true
	}
	hours, ok := map[string]int{"UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3,
		"EST": -5, "EDT": -4, "CDT": -5, "MDT": -6, "PDT": -7, "AEST": 10, "AEDT": 11, "JST": 9, "NZST": 12, "NZDT": 13}[name]
	return time.Duration(hours) * time.Hour, ok
}

// clip cuts text to a number of bytes, at a character.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "")
}

func eventText(s string) string {
	return clip(retinue.CleanName(clip(s, 4*retinue.MaxEventText)), retinue.MaxEventText)
}
