// Package glob reasons about sets of strings that policies write as patterns,
// in which * stands for any run of characters and ? for any single one.
//
// [Match] says whether one string fits one pattern. [Classes] says more: it
// divides all strings of a universe into the classes that a set of patterns
// can tell apart, each with a string that shows it. A [Pattern] may also ask
// for either case, and have wildcards that do not go over a colon. Whether a set of strings
// holds another, or two of them meet, is then a question about finitely many
// classes, answered exactly and without sampling. The idea is that of atomic
// predicates in network verification (Yang and Lam, IEEE/ACM Transactions on
// Networking 24(2), 2016), with a product of the patterns' automata in place
// of binary decision diagrams.
//
// Everything here is pure and safe for concurrent use.
package glob

// Match reports whether text fits pattern. It takes time in proportion to the
// product of their lengths at worst and allocates nothing, so that no pattern
// can make it slow beyond that.
func Match(pattern, text string) bool { return match(pattern, text, false) }

// MatchFold is Match for a text in lower case and a pattern in any: the ASCII
// capitals of the pattern stand for their small letters.
func MatchFold(pattern, text string) bool { return match(pattern, text, true) }

func match(pattern, text string, fold bool) bool {
	var p, t int
	star, mark := -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && pattern[p] == '?':
			p++
			t += width(text[t:])
		case p < len(pattern) && (pattern[p] == text[t] || fold && small(pattern[p]) == text[t]):
			p++
			t++
		case star >= 0:
			mark += width(text[mark:])
			p, t = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// small is the small letter of an ASCII capital; other bytes stay.
func small(c byte) byte {
	if c-'A' <= 'Z'-'A' {
		c += 'a' - 'A'
	}
	return c
}

// width is the length in bytes of the first character of text, which is not
// empty. Bytes that are no UTF-8 count as characters of one byte.
func width(text string) int {
	c := text[0]
	if c < 0x80 {
		return 1
	}
	n := 1
	switch {
	case c >= 0xf0:
		n = 4
	case c >= 0xe0:
		n = 3
	case c >= 0xc0:
		n = 2
	}
	if n > len(text) {
		return 1
	}
	for i := 1; i < n; i++ {
		if text[i]&0xc0 != 0x80 {
			return 1
		}
	}
	return n
}
