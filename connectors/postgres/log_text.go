package postgres

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// prefixParser reads lines of the text format by the setting log_line_prefix.
type prefixParser struct {
	expr   *regexp.Regexp
	fields []byte // the escape of each group
	// role is true where it names the role, and whole where it names the database,
	// the application and the client as well.
	role  bool
	whole bool
}

// maxPrefix bounds log_line_prefix, in bytes.
const maxPrefix = 256

// newPrefix understands a log_line_prefix that has a time. (Manual, section "What
// to Log".) Escapes may be padded (%-10u).
func newPrefix(prefix string) (*prefixParser, error) {
	if len(prefix) > maxPrefix {
		return nil, fmt.Errorf("%w: longer than %d bytes", retinue.ErrInvalid, maxPrefix)
	}
	p := &prefixParser{}
	var b strings.Builder
	b.WriteString("^")
	optional := false
	for i := 0; i < len(prefix); i++ {
		if prefix[i] != '%' || i+1 == len(prefix) {
			b.WriteString(regexp.QuoteMeta(prefix[i : i+1]))
			continue
		}
		for i++; i+1 < len(prefix) && (prefix[i] == '-' || prefix[i] >= '0' && prefix[i] <= '9'); i++ {
		}
		switch c := prefix[i]; {
		case c == '%':
			b.WriteString("%")
		case c == 'q':
			if !optional {
				b.WriteString("(?:")
			}
			optional = true
		default:
			pattern := escapePattern(c)
			if pattern == "" {
				return nil, fmt.Errorf("%w: %%%c is no escape of log_line_prefix", retinue.ErrInvalid, c)
			}
			p.fields = append(p.fields, c)
			b.WriteString(` *(` + pattern + `) *?`)
		}
	}
	if optional {
		b.WriteString(")?")
	}
	b.WriteString(`([A-Z]+[0-9]?):  (.*)$`)
	if !slices.ContainsFunc(p.fields, func(c byte) bool { return strings.IndexByte("tmn", c) >= 0 }) {
		return nil, fmt.Errorf("%w: a log_line_prefix without %%m, %%t or %%n says no time", retinue.ErrInvalid)
	}
	expr, err := regexp.Compile(b.String())
	if err != nil {
		return nil, fmt.Errorf("%w: log_line_prefix: not understood", retinue.ErrInvalid)
	}
	p.expr = expr
	has := func(escapes string) bool { return bytes.ContainsAny(p.fields, escapes) }
	p.role = has("u")
	p.whole = p.role && has("d") && has("a") && has("rh")
	return p, nil
}

func escapePattern(c byte) string {
	switch c {
	case 't', 'm', 's':
		return `\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? \S+`
	case 'n':
		return `\d{9,11}\.\d{3}`
	case 'p', 'P', 'l', 'x', 'Q':
		return `-?\d*`
	case 'c':
		return `[0-9a-f]+\.[0-9a-f]+`
	case 'e':
		return `[0-9A-Z]{5}`
	case 'u', 'd', 'a', 'r', 'h', 'L', 'b', 'i', 'v':
		return `.*?`
	}
	return ""
}

// textLine reads a line of the text format. It reports false for a line that goes
// on with the entry before (a statement, a detail), of which nothing is kept.
func (d *logDecoder) textLine(line []byte) (logLine, bool, error) {
	if len(line) == 0 || line[0] == '\t' || line[0] == ' ' {
		return logLine{}, false, nil
	}
	if d.prefix == nil {
		return logLine{}, false, fmt.Errorf("%w: lines of the text format need line-prefix=, which `show log_line_prefix` prints", retinue.ErrInvalid)
	}
	text := clip(string(line), 64<<10)
	m := d.prefix.expr.FindStringSubmatch(text)
	if m == nil {
		if len(line) < 20 || line[0] < '0' || line[0] > '9' {
			return logLine{}, false, nil // goes on with a text of several lines
		}
		return logLine{}, false, fmt.Errorf("%w: not a line of the log by log_line_prefix", retinue.ErrInvalid)
	}
	l := logLine{severity: m[len(m)-2], message: m[len(m)-1], prefixed: true, whole: d.prefix.whole}
	for i, c := range d.prefix.fields {
		if err := l.set(c, m[i+1], d); err != nil {
			return logLine{}, false, err
		}
	}
	if l.state == "" {
		l.state = stateOf(&l)
	}
	switch l.severity {
	case "LOG", "ERROR", "FATAL", "PANIC":
		return l, true, nil
	}
	return logLine{}, false, nil // DETAIL, HINT, STATEMENT, CONTEXT and notices
}

func (l *logLine) set(c byte, value string, d *logDecoder) error {
	if value == "[unknown]" {
		value = ""
	}
	switch c {
	case 't', 'm':
		at, err := logTime(value, d.zone)
		if err != nil {
			return err
		}
		l.at = at
	case 'n':
		at, err := epoch(value)
		if err != nil {
			return err
		}
		l.at = at
	case 'u':
		l.user = value
	case 'd':
		l.database = value
	case 'a':
		l.application = value
	case 'r', 'h':
		l.remote, _, _ = strings.Cut(value, "(")
	case 'i':
		l.tag = value
	case 'e':
		l.state = value
	case 'c':
		l.session = value
	case 'b':
		l.backend = value
	case 'p':
		l.process = value
	}
	return nil
}

func epoch(text string) (out time.Time, err error) {
	seconds, millis, ok := strings.Cut(text, ".")
	s, err1 := strconv.ParseInt(seconds, 10, 64)
	ms, err2 := strconv.ParseInt(millis, 10, 64)
	if !ok || err1 != nil || err2 != nil {
		return out, fmt.Errorf("%w: not a time", retinue.ErrInvalid)
	}
	return time.UnixMilli(s*1000 + ms).UTC(), nil
}

// stateOf tells the refusals of connections and permissions by their text, where
// the prefix has no %e. (Source file src/backend/libpq/auth.c and aclchk.c of
// PostgreSQL.)
func stateOf(l *logLine) string {
	m := l.message
	switch {
	case strings.Contains(m, " authentication failed for user "):
		return "28000"
	case strings.HasPrefix(m, "no pg_hba.conf entry"), strings.HasPrefix(m, "pg_hba.conf rejects"):
		return "28000"
	case l.severity == "FATAL" && strings.HasPrefix(m, `role "`) && (strings.HasSuffix(m, "does not exist") || strings.HasSuffix(m, "is not permitted to log in")):
		return "28000"
	case l.severity == "FATAL" && strings.HasPrefix(m, `database "`) && strings.HasSuffix(m, "does not exist"):
		return "3D000"
	case strings.HasPrefix(m, "permission denied "), strings.HasPrefix(m, "must be owner of "):
		return "42501"
	}
	return ""
}
