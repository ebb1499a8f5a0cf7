package awsiam

import (
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a string. Where it holds no escape it shares the document's
// memory.
func (p *scanner) text() (string, error) {
	if p.peek() != '"' {
		return "", p.fail("%s where a text is expected (byte %d)", p.kind(), p.i)
	}
	start := p.i + 1
	for i := start; i < len(p.s); i++ {
		if i+8 <= len(p.s) {
			ends := ending(eight(p.s[i:]))
			if ends == 0 {
				i += 7
				continue
			}
			i += bits.TrailingZeros64(ends) / 8
		}
		switch c := p.s[i]; {
		case c == '"':
			p.i = i + 1
			return p.s[start:i], nil
		case c == '\\':
			p.i = start
			return p.escaped()
		case c < 0x20:
			return "", p.fail("a control character in a text (byte %d)", i)
		}
	}
	return "", p.fail("a text does not end")
}

// eight returns the first eight bytes of a text, the first one lowest.
func eight(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// ending marks the lowest of eight bytes that is a quote, a backslash or a
// control character by its highest bit, and perhaps others above it; 0 is none
// ("Bit Twiddling Hacks", S. E. Anderson: determine if a word has a byte less
// than n).
func ending(bytes uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	quote, backslash := bytes^ones*'"', bytes^ones*'\\'
	return ((quote-ones)&^quote | (backslash-ones)&^backslash | (bytes-ones*0x20)&^bytes) & highs
}

// escaped reads the rest of a string that holds escapes.
func (p *scanner) escaped() (string, error) {
	var b strings.Builder
	for p.i < len(p.s) {
		c := p.s[p.i]
		p.i++
		switch {
		case c == '"':
			return b.String(), nil
		case c < 0x20:
			return "", p.fail("a control character in a text (byte %d)", p.i-1)
		case c != '\\':
			b.WriteByte(c)
		default:
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			b.WriteRune(r)
		}
	}
	return "", p.fail("a text does not end")
}

func (p *scanner) escape() (rune, error) {
	if p.i >= len(p.s) {
		return 0, p.fail("a text does not end")
	}
	c := p.s[p.i]
	p.i++
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		r, err := p.hex()
		if err != nil || !utf16.IsSurrogate(r) {
			return r, err
		}
		if strings.HasPrefix(p.s[p.i:], `\u`) {
			p.i += 2
			low, err := p.hex()
			if err != nil {
				return 0, err
			}
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				return r, nil
			}
		}
		return 0, p.fail("half of a surrogate pair (byte %d)", p.i)
	}
	return 0, p.fail("an unknown escape (byte %d)", p.i-1)
}

func (p *scanner) hex() (rune, error) {
	if p.i+4 > len(p.s) {
		return 0, p.fail("a text does not end")
	}
	n, err := strconv.ParseUint(p.s[p.i:p.i+4], 16, 16)
	if err != nil {
		return 0, p.fail("an unknown escape (byte %d)", p.i)
	}
	p.i += 4
	return rune(n), nil
}

// scalar reads a string, number or boolean as it is written.
func (p *scanner) scalar() (string, error) {
	start := p.i
	switch c := p.peek(); {
	case c == '"':
		return p.text()
	case c == 't' && p.word("true"):
		return "true", nil
	case c == 'f' && p.word("false"):
		return "false", nil
	case c == '-' || c >= '0' && c <= '9':
		start = p.i
		if p.number() {
			return p.s[start:p.i], nil
		}
	}
	return "", p.fail("%s where a text, number or boolean is expected (byte %d)", p.kind(), start)
}

func (p *scanner) word(w string) bool {
	if !strings.HasPrefix(p.s[p.i:], w) {
		return false
	}
	p.i += len(w)
	return true
}

func (p *scanner) digits() bool {
	start := p.i
	for p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '9' {
		p.i++
	}
	return p.i > start
}

func (p *scanner) at(chars string) bool {
	return p.i < len(p.s) && strings.IndexByte(chars, p.s[p.i]) >= 0
}

func (p *scanner) number() bool {
	if p.at("-") {
		p.i++
	}
	if p.at("0") {
		p.i++
	} else if !p.digits() {
		return false
	}
	if p.at(".") {
		p.i++
		if !p.digits() {
			return false
		}
	}
	if p.at("eE") {
		p.i++
		if p.at("+-") {
			p.i++
		}
		return p.digits()
	}
	return true
}
