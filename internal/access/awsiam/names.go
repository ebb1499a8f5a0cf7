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
