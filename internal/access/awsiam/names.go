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

// appendLower appends what lower returns.
func appendLower(b []byte, s string) []byte {
	start := len(b)
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			return append(b[:start], strings.ToLower(s)...)
		}
		if c-'A' <= 'Z'-'A' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// keyName is the form in which names of condition keys are kept: as written, so
// that they cost no memory, or in lower case where they are not ASCII.
func keyName(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return strings.ToLower(s)
		}
	}
	return s
}

// sameKey reports whether two names, kept as keyName does, are of one key.
func sameKey(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := len(a) - 1; i >= 0; i-- { // they differ at the end more often
		c, d := a[i], b[i]
		if c == d {
			continue
		}
		if c |= 'a' - 'A'; c != d|('a'-'A') || c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}
