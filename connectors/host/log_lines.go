package host

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/logs"
)

// syslogDecoder reads lines of auth.log and secure.
type syslogDecoder struct {
	realm retinue.Realm
	zone  *time.Location
	// latest is when the file was last written: no line is later, which tells the
	// year of lines that name none.
	latest time.Time
	expr   *regexp.Regexp
}

func newSyslogDecoder(realm retinue.Realm, zone *time.Location, latest time.Time) *syslogDecoder {
	return &syslogDecoder{realm: realm, zone: zone, latest: latest, expr: regexp.MustCompile(
		`^(?:<\d{1,3}>)?(?:1 )?([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)?|\d{4}-\d\d-\d\dT\S+) (\S+) ([A-Za-z0-9_./-]+)(?:\[\d+\])?:? (?:\d+ - - )?(.*)$`)}
}

// maxRepeats bounds how many events "message repeated N times" stands for.
const maxRepeats = 64

// Decode implements logs.Decoder.
func (d *syslogDecoder) Decode(dst []retinue.Event, rec logs.Record) ([]retinue.Event, error) {
	if len(rec.Data) > maxLogLine {
		return dst, fmt.Errorf("%w: a line of %d bytes: the limit is %d", retinue.ErrInvalid, len(rec.Data), maxLogLine)
	}
	m := d.expr.FindStringSubmatch(string(rec.Data))
	if m == nil {
		return dst, fmt.Errorf("%w: not a line of syslog", retinue.ErrInvalid)
	}
	program := m[3][strings.LastIndexByte(m[3], '/')+1:]
	if !ours(program) {
		return dst, nil
	}
	at, err := d.time(m[1])
	if err != nil {
		return dst, err
	}
	l := entry{program: program, message: m[4], event: retinue.Event{Log: sshLog, Realm: d.realm, At: at}}
	sum := sha256.Sum256(rec.Data)
	copy(l.event.Digest[:], sum[:])
	if inner, n := repeated(l.message); n > 0 {
		l.message = inner
		for i := range n {
			sum := sha256.Sum256(fmt.Appendf(nil, "%x#%d", l.event.Digest, i))
			again := l
			copy(again.event.Digest[:], sum[:])
			dst = append(dst, again.events()...)
		}
		return dst, nil
	}
	return append(dst, l.events()...), nil
}

// maxLogLine bounds a line, in bytes. syslog's own limit is 8 KiB.
const maxLogLine = 16 << 10

// ours reports the programs whose lines are read.
func ours(program string) bool {
	return slices.Contains([]string{"sshd", "sshd-session", "sshd-auth", "sudo", "su"}, program)
}

// repeated reads what rsyslog makes of equal lines: "message repeated 2 times:
// [ Failed password … ]".
func repeated(message string) (string, int) {
	rest, ok := strings.CutPrefix(message, "message repeated ")
	if !ok {
		return "", 0
	}
	count, inner, ok := strings.Cut(rest, " times: [")
	n, err := strconv.Atoi(count)
	if !ok || err != nil || n < 1 {
		return "", 0
	}
	return strings.TrimSpace(strings.TrimSuffix(inner, "]")), min(n, maxRepeats)
}

// time reads a time with its zone, or one of RFC 3164 in the machine's.
func (d *syslogDecoder) time(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05-0700", "2006-01-02T15:04:05.999999-0700"} {
		if t, err := time.Parse(layout, text); err == nil && t.Year() >= 1970 {
			return t.UTC(), nil
		}
	}
	// A leap year, so that the 29th of February is a day.
	t, err := time.Parse("2006 Jan _2 15:04:05", "2000 "+text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: not a time of syslog", retinue.ErrInvalid)
	}
	for year := d.latest.Year() + 1; year > d.latest.Year()-8; year-- {
		at := time.Date(year, t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), d.zone)
		if at.Day() == t.Day() && !at.After(d.latest.Add(24*time.Hour)) {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%w: a day that no recent year has", retinue.ErrInvalid)
}

// journalEntry is what is read of an entry that journalctl printed. Fields that
// begin with one underscore were added by journald, not by who wrote the entry.
// (systemd.journal-fields(7).)
type journalEntry struct {
	Cursor     string          `json:"__CURSOR"`
	Time       string          `json:"__REALTIME_TIMESTAMP"`
	Machine    string          `json:"_MACHINE_ID"`
	Identifier string          `json:"SYSLOG_IDENTIFIER"`
	Command    string          `json:"_COMM"`
	UID        string          `json:"_UID"`
	Message    json.RawMessage `json:"MESSAGE"`
}

// journalDecoder reads entries as `journalctl -o json` prints them.
type journalDecoder struct {
	realm retinue.Realm // empty: that of the machine id in each entry
}

// decode states the events of one entry.
func (d *journalDecoder) decode(record []byte) ([]retinue.Event, error) {
	var j journalEntry
	if err := json.Unmarshal(record, &j); err != nil || j.Time == "" {
		return nil, fmt.Errorf("%w: not an entry of the journal", retinue.ErrInvalid)
	}
	if !ours(j.Identifier) {
		return nil, nil
	}
	micros, err := strconv.ParseInt(j.Time, 10, 64)
	realm := d.realm
	if raw, err := hex.DecodeString(j.Machine); realm == "" && err == nil && len(raw) == 16 {
		realm = retinue.NewRealm("host", appSpecific(raw))
	}
	switch {
	case err != nil || micros <= 0:
		return nil, fmt.Errorf("%w: an entry without a time", retinue.ErrInvalid)
	case realm == "":
		return nil, fmt.Errorf("%w: an entry without a machine id: print all fields, or give id=", retinue.ErrInvalid)
	case j.forged():
		return nil, fmt.Errorf("%w: an entry that says it is of %s and was written by another program", retinue.ErrInvalid, j.Identifier)
	}
	l := entry{program: j.Identifier, message: journalText(j.Message), event: retinue.Event{Log: sshLog, Realm: realm, At: time.UnixMicro(micros).UTC()}}
	if l.event.ID = retinue.CleanName(j.Cursor); l.event.ID == "" || len(l.event.ID) > retinue.MaxEventIDLength-16 {
		l.event.ID = ""
		sum := sha256.Sum256(bytes.TrimSpace(record))
		copy(l.event.Digest[:], sum[:])
	}
	return l.events(), nil
}

// forged reports an entry that names a program which did not write it: any account
// may write to the journal under any name.
func (j *journalEntry) forged() bool {
	if j.Command != "" && j.Command != j.Identifier && !(strings.HasPrefix(j.Command, "sshd") && strings.HasPrefix(j.Identifier, "sshd")) {
		return true
	}
	return strings.HasPrefix(j.Identifier, "sshd") && j.UID != "" && j.UID != "0"
}

// journalText reads a message, which is an array of bytes where it is not printable.
func journalText(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s[:min(len(s), maxLogLine)]
	}
	var numbers []int
	if json.Unmarshal(raw, &numbers) != nil {
		return ""
	}
	var b []byte
	for _, n := range numbers[:min(len(numbers), maxLogLine)] {
		b = append(b, byte(n&0xff))
	}
	return string(b)
}
