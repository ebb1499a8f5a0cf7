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
	for i, w := range words {
		name, value, isSecret := r.argument(words, i)
		if !isSecret {
			continue
		}
		f := found{field: fmt.Sprintf("%s[%d]", field, i), name: retinue.CleanName(strings.TrimLeft(name, "-")), line: line, value: retinue.NewSecret(value)}
		if v, ok := r.value(name, value); ok && v.reference {
			f.reference, f.value = true, retinue.Secret{}
		} else if ok {
			f.kind, f.subtype = v.kind, v.subtype
		}
		if f.name == "" || f.name == w {
			f.name = field
		}
		out = append(out, f)
	}
	return out
}

// argument judges one word: the name that goes with it, and its secret part.
func (r *recognizer) argument(words []string, i int) (name, value string, secret bool) {
	w := words[i]
	if i > 0 && r.flag.MatchString(words[i-1]) && !strings.HasPrefix(w, "-") {
		return words[i-1], w, !isPlaceholder(w)
	}
	if n, v, ok := strings.Cut(w, "="); ok && isVariable(strings.TrimLeft(n, "-")) {
		if _, is := r.value(strings.TrimLeft(n, "-"), v); is {
			return n, v, true
		}
	}
	if n, v, ok := strings.Cut(w, ":"); ok && isVariable(n) && !strings.HasPrefix(v, "//") { // "Authorization: Bearer x"
		if _, is := r.value(n, strings.TrimSpace(v)); is {
			return n, strings.TrimSpace(v), true
		}
	}
	if v, is := urlPassword(w); is {
		return "url", v.secret.Reveal(), true
	}
	if v, is := r.format("argument", w); is && (!v.finding.Generic) {
		return "argument", v.secret.Reveal(), true
	}
	if q := r.urlQuery(w); q != "" {
		return "url", q, true
	}
	return "", "", false
}

// urlQuery returns the value of a query parameter that is a secret, or "".
func (r *recognizer) urlQuery(w string) string {
	u, err := url.Parse(w)
	if err != nil || u.Host == "" {
		return ""
	}
	q := u.Query()
	for _, name := range sortedKeys(q) {
		for _, v := range q[name] {
			if got, ok := r.value(name, v); ok && !got.reference {
				return v
			}
		}
	}
	return ""
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
	if _, value, is := r.argument(words, i); is {
		if value == w || value == "" {
			return redacted
		}
		w = strings.ReplaceAll(w, value, redacted)
	}
	w, _ = r.redact(w)
	if looksRandom(w) {
		return redacted
	}
	w = cleanURL(w)
	if len(w) > 300 {
		w = w[:300] + "…"
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
