package host

import (
	"strings"
)

// logicalLine is a line after its continuations were joined.
type logicalLine struct {
	line int // of its beginning, from 1
	text string
}

// joinLines splits a text into lines, joining those that end in a backslash and
// leaving empty ones out.
func joinLines(text string) []logicalLine {
	var out []logicalLine
	var b strings.Builder
	start, n := 0, 0
	for raw := range strings.Lines(text) {
		n++
		line := strings.TrimRight(raw, "\r\n")
		if b.Len() == 0 {
			start = n
		}
		if strings.HasSuffix(line, `\`) && !strings.HasSuffix(line, `\\`) {
			_, _ = b.WriteString(strings.TrimSuffix(line, `\`) + " ")
			continue
		}
		_, _ = b.WriteString(line)
		if s := strings.TrimSpace(strings.ReplaceAll(b.String(), "\t", " ")); s != "" {
			out = append(out, logicalLine{start, s})
		}
		b.Reset()
	}
	if s := strings.TrimSpace(b.String()); s != "" {
		out = append(out, logicalLine{start, s})
	}
	return out
}

// outside walks the bytes of s that stand outside quotes and parentheses and
// are not escaped; each returns false to stop.
func outside(s string, each func(i int, c byte) bool) {
	quoted := false
	deep := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			deep++
		case c == ')':
			deep = max(0, deep-1)
		case deep == 0:
			if !each(i, c) {
				return
			}
		}
	}
}

// cutOutside is strings.Cut at the first such byte.
func cutOutside(s string, sep byte) (before, after string, ok bool) {
	at := -1
	outside(s, func(i int, c byte) bool {
		if c == sep {
			at = i
		}
		return at < 0
	})
	if at < 0 {
		return s, "", false
	}
	return s[:at], s[at+1:], true
}

// splitOutside is strings.Split at such bytes.
func splitOutside(s string, sep byte) []string {
	var out []string
	from := 0
	outside(s, func(i int, c byte) bool {
		if c == sep {
			out = append(out, s[from:i])
			from = i + 1
		}
		return true
	})
	return append(out, s[from:])
}

// splitList splits at commas and trims.
func splitList(s string) []string {
	var out []string
	for _, part := range splitOutside(s, ',') {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// joinCommas splits into words, where a comma binds what stands around it.
func joinCommas(s string) []string {
	var words []string
	from := -1
	flush := func(to int) {
		if from >= 0 {
			words = append(words, s[from:to])
			from = -1
		}
	}
	prev := 0
	outside(s+" ", func(i int, c byte) bool {
		for j := prev; j < i && j < len(s); j++ { // what was skipped is part of a word
			if from < 0 && s[j] != ' ' {
				from = j
			}
		}
		prev = i + 1
		if c != ' ' {
			if from < 0 {
				from = i
			}
			return true
		}
		flush(i)
		return true
	})
	if from >= 0 {
		flush(len(s))
	}
	var out []string
	for _, w := range words {
		if len(out) > 0 && (strings.HasSuffix(out[len(out)-1], ",") || strings.HasPrefix(w, ",")) {
			out[len(out)-1] += w
			continue
		}
		out = append(out, w)
	}
	return out
}
