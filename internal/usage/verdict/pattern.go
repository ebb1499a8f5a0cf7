package verdict

import "strings"

// meet reports whether two patterns (with * for any text and ? for one
// character) have a word in common, without regard to case.
func meet(a, b string) bool {
	if !strings.ContainsAny(a, "*?") && !strings.ContainsAny(b, "*?") {
		return strings.EqualFold(a, b)
	}
	if i, j := strings.IndexAny(a, "*?"), strings.IndexAny(b, "*?"); i != 0 && j != 0 {
		// Most pairs differ before the first wildcard of either.
		n := min(upTo(a, i), upTo(b, j))
		if !strings.EqualFold(a[:n], b[:n]) {
			return false
		}
	}
	a, b = strings.ToLower(a), strings.ToLower(b)
	// row[j] says whether the rest of a from i and the rest of b from j meet.
	row, next := make([]bool, len(b)+1), make([]bool, len(b)+1)
	for i := len(a); i >= 0; i-- {
		for j := len(b); j >= 0; j-- {
			row[j] = meetAt(a, b, i, j, row, next)
		}
		row, next = next, row
	}
	return next[0]
}

// meetAt decides for i and j from what is decided for later ones: row of the
// same i, next of i+1.
func meetAt(a, b string, i, j int, row, next []bool) bool {
	switch {
	case i == len(a) && j == len(b):
		return true
	case i == len(a):
		return b[j] == '*' && row[j+1]
	case j == len(b):
		return a[i] == '*' && next[j]
	case a[i] == '*':
		return next[j] || row[j+1]
	case b[j] == '*':
		return row[j+1] || next[j]
	case a[i] == '?' || b[j] == '?' || a[i] == b[j]:
		return next[j+1]
	}
	return false
}

func upTo(s string, i int) int {
	if i < 0 {
		return len(s)
	}
	return i
}

// meetAny reports whether any of the patterns meets any of the others.
func meetAny(as, bs []string) bool {
	for _, a := range as {
		for _, b := range bs {
			if meet(a, b) {
				return true
			}
		}
	}
	return false
}
