package host

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/retinue-id/retinue"
)

// maxWords bounds the words read of one command line.
const maxWords = 2000

// splitWords splits a command line at blanks outside quotes, as a shell or
// systemd would. What it cannot know (expansion) stays as it is.
func splitWords(s string) []string {
	var out []string
	var b strings.Builder
	var quote byte
	in := false
	for i := 0; i < len(s) && len(out) < maxWords; i++ {
		switch c := s[i]; {
		case c == '\\' && quote != '\'' && i+1 < len(s):
			i++
			_ = b.WriteByte(s[i])
			in = true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			_ = b.WriteByte(c)
		case c == '"' || c == '\'':
			quote, in = c, true
		case c == ' ' || c == '\t' || c == '\n':
			if in {
				out = append(out, b.String())
				b.Reset()
				in = false
			}
		default:
			_ = b.WriteByte(c)
			in = true
		}
	}
	if in && len(out) < maxWords {
		out = append(out, b.String())
	}
	return out
}

// arguments finds the secrets in a command line: NAME=value words, --token=x,
// --token x, URLs with a password, vendors' formats anywhere.
func (r *recognizer) arguments(field string, words []string, line int) []found {
	var out []found
	for i := range words {
		name, v, ok := r.argument(words, i)
		if !ok {
			continue
		}
		out = append(out, found{field: fmt.Sprintf("%s[%d]", field, i), name: retinue.CleanName(strings.TrimLeft(name, "-")), line: line,
			value: v.secret, kind: v.kind, subtype: v.subtype, reference: v.reference})
	}
	return out
}

// argument judges one word, with the name that goes with it.
func (r *recognizer) argument(words []string, i int) (name string, v verdict, secret bool) {
	w := words[i]
	if i > 0 && r.flag.MatchString(words[i-1]) && !strings.HasPrefix(w, "-") {
		name := strings.TrimLeft(words[i-1], "-")
		if v, ok := r.value(name, w); ok {
			return name, v, true
		}
		if isPlaceholder(w) {
			return "", verdict{}, false
		}
		return name, verdict{kind: kindByName(name), secret: retinue.NewSecret(w)}, true
	}
	if v, ok := urlPassword(w); ok {
		return "url", v, true
	}
	if n, val, ok := strings.Cut(w, "="); ok && isVariable(strings.TrimLeft(n, "-")) {
		if v, is := r.value(strings.TrimLeft(n, "-"), val); is {
			return n, v, true
		}
	}
	if n, val, ok := strings.Cut(w, ":"); ok && isVariable(n) && !strings.HasPrefix(val, "//") { // "Authorization: Bearer x"
		if v, is := r.value(n, strings.TrimSpace(val)); is {
			return n, v, true
		}
	}
	if v, ok := r.format("argument", w); ok && !v.finding.Generic {
		return "argument", v, true
	}
	return r.urlQuery(w)
}

// urlQuery judges the query parameters of a URL.
func (r *recognizer) urlQuery(w string) (name string, v verdict, secret bool) {
	u, err := url.Parse(w)
	if err != nil || u.Host == "" {
		return "", verdict{}, false
	}
	q := u.Query()
	for _, name := range sortedKeys(q) {
		for _, val := range q[name] {
			if v, ok := r.value(name, val); ok {
				return name, v, true
			}
		}
	}
	return "", verdict{}, false
}

// cleanArguments returns a command line that may be shown: secrets, and words
// that look random, are replaced.
func (r *recognizer) cleanArguments(words []string) []string {
	out := make([]string, 0, len(words))
	for i, w := range words {
		out = append(out, r.cleanWord(words, i, w))
	}
	return out
}

func (r *recognizer) cleanWord(words []string, i int, w string) string {
	if len(w) > maxSecret {
		return redacted
	}
	_, v, is := r.argument(words, i)
	w = cleanURL(w)
	if is && !v.reference {
		value := v.secret.Reveal()
		switch {
		case value == "" || value == words[i]:
			return redacted
		case strings.Contains(w, value):
			w = strings.ReplaceAll(w, value, redacted)
		case w == words[i]:
			return redacted // the value stands in it in another form
		}
	}
	w, _ = r.redact(w)
	if looksRandom(w) {
		return redacted
	}
	if len(w) > 300 {
		w = strings.ToValidUTF8(w[:300], "") + "…"
	}
	return retinue.CleanName(w)
}

// looksRandom reports a word that may be a secret of an unknown format.
func looksRandom(w string) bool {
	if len(w) < 20 || strings.ContainsAny(w, "/@[ ") || entropy(w) < 3.7 {
		return false
	}
	digits, letters := 0, 0
	for _, c := range w {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'):
			letters++
		}
	}
	return digits >= 3 && letters >= 3
}

// cleanURL drops the user information and the query of a URL.
func cleanURL(w string) string {
	if !strings.Contains(w, "://") {
		return w
	}
	u, err := url.Parse(w)
	if err != nil {
		return redacted
	}
	if u.User != nil {
		u.User = url.User(redacted)
	}
	if u.RawQuery != "" {
		u.RawQuery = "redacted"
	}
	u.Fragment = ""
	s, err := url.PathUnescape(u.String())
	if err != nil {
		return u.String()
	}
	return s
}
