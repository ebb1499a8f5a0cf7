package secrets

import (
	"regexp/syntax"
	"unicode/utf8"
)

// reach is how far a part of a match can extend: in bytes and in line feeds,
// unlimited where negative.
type reach struct{ bytes, lines int }

const unlimited = -1

func (r reach) plus(o reach) reach {
	return reach{addLimit(r.bytes, o.bytes), addLimit(r.lines, o.lines)}
}

func (r reach) max(o reach) reach {
	return reach{maxLimit(r.bytes, o.bytes), maxLimit(r.lines, o.lines)}
}

func (r reach) times(n int) reach {
	if n == unlimited {
		if r.bytes != 0 {
			r.bytes = unlimited
		}
		if r.lines != 0 {
			r.lines = unlimited
		}
		return r
	}
	if r.bytes != unlimited {
		r.bytes *= n
	}
	if r.lines != unlimited {
		r.lines *= n
	}
	return r
}

func addLimit(a, b int) int {
	if a == unlimited || b == unlimited {
		return unlimited
	}
	return a + b
}

func maxLimit(a, b int) int {
	if a == unlimited || b == unlimited {
		return unlimited
	}
	return max(a, b)
}

// measure bounds what an expression can match.
func measure(re *syntax.Regexp) reach {
	switch re.Op {
	case syntax.OpLiteral:
		var r reach
		for _, c := range re.Rune {
			n := max(utf8.RuneLen(c), 1)
			if c >= utf8.RuneSelf && re.Flags&syntax.FoldCase != 0 {
				n = utf8.UTFMax // another case may be longer
			}
			r = r.plus(reach{n, lines(c, c)})
		}
		return r
	case syntax.OpCharClass:
		r := reach{1, 0}
		for i := 0; i+1 < len(re.Rune); i += 2 {
			lo, hi := re.Rune[i], re.Rune[i+1]
			if lo == hi && foldsToASCII(hi) {
				continue // a text that holds it is scanned as a whole
			}
			r = r.max(reach{max(utf8.RuneLen(hi), 1), lines(lo, hi)})
		}
		return r
	case syntax.OpAnyCharNotNL:
		return reach{4, 0}
	case syntax.OpAnyChar:
		return reach{4, 1}
	case syntax.OpCapture, syntax.OpQuest:
		return measure(re.Sub[0])
	case syntax.OpStar, syntax.OpPlus:
		return measure(re.Sub[0]).times(unlimited)
	case syntax.OpRepeat:
		return measure(re.Sub[0]).times(re.Max)
	case syntax.OpConcat:
		var r reach
		for _, sub := range re.Sub {
			r = r.plus(measure(sub))
		}
		return r
	case syntax.OpAlternate:
		var r reach
		for _, sub := range re.Sub {
			r = r.max(measure(sub))
		}
		return r
	}
	return reach{}
}

func lines(lo, hi rune) int {
	if lo <= '\n' && '\n' <= hi {
		return 1
	}
	return 0
}
