package auth

import (
	"strings"
	"unicode"
)

func equalFold(a, b string) bool { return strings.EqualFold(a, b) }

// printable keeps the printable characters of foreign text, and at most n of
// them.
func printable(s string, n int) string {
	var b strings.Builder
	for _, r := range s {
		if n == 0 {
			break
		}
		if r != unicode.ReplacementChar && unicode.IsPrint(r) {
			b.WriteRune(r)
			n--
		}
	}
	return b.String()
}
