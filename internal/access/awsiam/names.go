package awsiam

import (
	"strings"
	"unicode/utf8"
)

// lower lower-cases ASCII, which is all that actions, operators and condition
// keys are made of. It returns its argument where there is nothing to do.
func lower(s string) string {
	var buffer [64]byte
	upper := false
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf || i == len(buffer) {
			return strings.ToLower(s)
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
			upper = true
		}
		buffer[i] = c
	}
	if !upper {
		return s
	}
	return string(buffer[:len(s)])
}

// names lower-cases what is read of one text. The names that it makes lie
// together, so that a document costs few allocations; a nil names makes each by
// itself.
type names struct{ made strings.Builder }

func (n *names) lower(s string) string {
	const chunk = 512
	if n == nil {
		return lower(s)
	}
	upper := false
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return strings.ToLower(s)
		}
		upper = upper || s[i] >= 'A' && s[i] <= 'Z'
	}
	if !upper {
		return s
	}
	if n.made.Cap()-n.made.Len() < len(s) {
		n.made = strings.Builder{}
		n.made.Grow(max(chunk, len(s)))
	}
	start := n.made.Len()
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		_ = n.made.WriteByte(c)
	}
	return n.made.String()[start:]
}
