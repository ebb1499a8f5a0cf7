package secrets

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"unicode/utf8"
)

// defaultDecodeDepth is how often encoded stretches are decoded and scanned
// again, as gitleaks does by default: a value in base64 in a percent-encoded
// URL takes two passes.
const defaultDecodeDepth = 5

// The shortest stretches that count as encoded.
const (
	minBase64 = 16
	minHex    = 32
)

// piece is an encoded stretch of a text and where its decoded form stands in the
// decoded text.
type piece struct {
	encoded, decoded span
	value            []byte
}

// decoded returns the text with its encoded stretches decoded in place, or
// false where there are none.
func (t *text) decoded() (*text, bool) {
	pieces := findEncoded(t.data)
	if len(pieces) == 0 {
		return nil, false
	}
	out := make([]byte, 0, len(t.data))
	from := 0
	for i := range pieces {
		p := &pieces[i]
		out = append(out, t.data[from:p.encoded.start]...)
		p.decoded.start = len(out)
		out = append(out, p.value...)
		p.decoded.end = len(out)
		p.value = nil
		from = p.encoded.end
	}
	out = append(out, t.data[from:]...)
	return &text{Text: t.Text, data: out, parent: t, pieces: pieces}, true
}

// touches reports whether a stretch of a decoded text holds something that was
// encoded; what does not was found before.
func (t *text) touches(s span) bool {
	for _, p := range t.pieces {
		if p.decoded.start < s.end && s.start < p.decoded.end {
			return true
		}
	}
	return false
}

// original maps a stretch of a decoded text to the text that was scanned: a
// decoded part stands for the whole of its encoded stretch.
func (t *text) original(s span) span {
	for ; t.parent != nil; t = t.parent {
		s = span{t.back(s.start, false), t.back(s.end, true)}
	}
	return s
}

func (t *text) back(at int, end bool) int {
	shift := 0
	for _, p := range t.pieces {
		if at <= p.decoded.start && (!end || at < p.decoded.start || at == 0) {
			break
		}
		if at < p.decoded.end || (end && at == p.decoded.end) {
			if end {
				return p.encoded.end
			}
			return p.encoded.start
		}
		shift = p.encoded.end - p.decoded.end
	}
	for _, p := range t.pieces { // the beginning of a piece is the beginning of its code
		if !end && at == p.decoded.start {
			return p.encoded.start
		}
	}
	return at + shift
}

// root is the text that was given.
func (t *text) root() *text {
	for t.parent != nil {
		t = t.parent
	}
	return t
}

// findEncoded finds, from left to right, percent-encoding, Unicode escapes,
// hexadecimal and base64, in this order of preference, whose decoded form is
// printable.
func findEncoded(data []byte) []piece {
	var out []piece
	for i := 0; i < len(data); {
		n, value := encodedAt(data, i)
		if len(value) > 0 {
			out = append(out, piece{encoded: span{i, i + n}, value: value})
		}
		i += max(n, 1)
	}
	return out
}

// encodedAt returns the length of the stretch that begins at i, 0 where none
// does, and its decoded form, empty where it decodes to nothing printable.
func encodedAt(data []byte, i int) (int, []byte) {
	c := data[i]
	switch {
	case c == '%':
		if !isEscape(data[i:], '%', 2) {
			return 0, nil
		}
		return percent(data[i:])
	case c == '\\' || c == 'U':
		if n, value := unicodeEscapes(data[i:]); n > 0 {
			return n, value
		}
	}
	if !inBase64(c) {
		return 0, nil
	}
	n := runOf(data[i:], isHexDigit, len(data))
	if n >= minHex {
		return n, unhex(data[i : i+n])
	}
	n = runOf(data[i:], inBase64, len(data))
	if n < minBase64 {
		return n, nil
	}
	for pad := 0; pad < 2 && i+n < len(data) && data[i+n] == '='; pad++ {
		n++
	}
	return n, unbase64(data[i : i+n])
}

// percent decodes from the first to the last escape of a line.
func percent(data []byte) (int, []byte) {
	line := data
	if end := bytes.IndexByte(data, '\n'); end >= 0 {
		line = data[:end]
	}
	last := 0
	for i := len(line) - 3; i > 0; i-- {
		if line[i] == '%' && isEscape(line[i:], '%', 2) {
			last = i
			break
		}
	}
	n := last + 3
	out := make([]byte, 0, n)
	for i := 0; i < n; i++ {
		if line[i] == '%' && isEscape(line[i:n], '%', 2) {
			b := unhexByte(line[i+1])<<4 | unhexByte(line[i+2])
			if !isPrintable(b) {
				return n, nil
			}
			out = append(out, b)
			i += 2
			continue
		}
		out = append(out, line[i])
	}
	return n, out
}

// unicodeEscapes decodes a sequence of \uXXXX, or of U+XXXX with white space
// after each.
func unicodeEscapes(data []byte) (int, []byte) {
	var out []byte
	n := 0
	for n < len(data) {
		rest := data[n:]
		at := 0
		switch {
		case isEscape(rest, 'U', 5) && rest[1] == '+' && (len(rest) == 6 || isSpace(rest[6])):
			at = min(7, len(rest))
			out = utf8.AppendRune(out, unhexRune(rest[2:6]))
		case len(rest) > 1 && rest[0] == '\\':
			skip := 1
			if rest[1] == '\\' {
				skip = 2
			}
			if len(rest) >= skip+5 && lowerByte(rest[skip]) == 'u' && runOf(rest[skip+1:], isHexDigit, 4) == 4 {
				at = skip + 5
				out = utf8.AppendRune(out, unhexRune(rest[skip+1:skip+5]))
			}
		}
		if at == 0 {
			break
		}
		n += at
	}
	return n, out
}

// isEscape reports a mark that hexadecimal digits follow, up to n bytes in all
// behind the mark.
func isEscape(data []byte, mark byte, n int) bool {
	if len(data) <= n || data[0] != mark {
		return false
	}
	digits := data[1 : n+1]
	if mark == 'U' {
		digits = data[2 : n+1]
	}
	return runOf(digits, isHexDigit, len(digits)) == len(digits)
}

func unhex(s []byte) []byte {
	if len(s)%2 != 0 || !holds(s, isDigit) {
		return nil
	}
	out := make([]byte, len(s)/2)
	if _, err := hex.Decode(out, s); err != nil || !allPrintable(out) {
		return nil
	}
	return out
}

// unbase64 decodes the standard and the URL alphabet. Four characters are tried
// first: most long words are not encoded text.
func unbase64(s []byte) []byte {
	if !holds(s, func(c byte) bool { return isDigit(c) || c == '+' || c == '/' || c == '-' || c == '_' }) {
		return nil
	}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
		var head [3]byte
		if n, err := enc.Decode(head[:], s[:4]); err != nil || !allPrintable(head[:n]) {
			continue
		}
		out := make([]byte, enc.DecodedLen(len(s)))
		if n, err := enc.Decode(out, s); err == nil && allPrintable(out[:n]) {
			return out[:n]
		}
	}
	return nil
}

func holds(s []byte, is func(byte) bool) bool {
	for _, c := range s {
		if is(c) {
			return true
		}
	}
	return false
}

func allPrintable(s []byte) bool {
	for _, c := range s {
		if !isPrintable(c) {
			return false
		}
	}
	return true
}

func isPrintable(c byte) bool { return c > 8 && c < 0x7f }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHexDigit(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

func inBase64(c byte) bool { return isWord(c) || c == '+' || c == '/' || c == '-' }

func unhexByte(c byte) byte {
	switch {
	case isDigit(c):
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	}
	return c - 'A' + 10
}

func unhexRune(s []byte) rune {
	var r rune
	for _, c := range s {
		r = r<<4 | rune(unhexByte(c))
	}
	return r
}
