package secrets

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp/syntax"
	"slices"
	"strings"
)

// assignment checks by hand whether an expression of gitleaks' commonest shape
// can match at a name: the name, up to 20 characters of names, up to 3 quotes
// or spaces, an operator, up to 5 quotes, spaces or equals signs, and a value
// of certain characters. The check admits more than the expression and never
// less; what it admits is matched by the expression.
type assignment struct {
	// budget bounds the bytes between the literal and the operator.
	budget int
	// allowed are the bytes that a value can hold, least its length.
	allowed [256]bool
	least   int
}

// These are the parts that gitleaks' generator puts between name and value.
const (
	assignMiddle   = `(?:[ \t\w.-]{0,20})[\s'"]{0,3}`
	assignOperator = `(?:=|>|:{1,3}=|\|\||:|=>|\?=|,)[\x60'"\s=]{0,5}`
	middleLimit    = 23
	// valueSlack is how far from the first byte of the operator a value can
	// begin: the longest operator has 4 bytes, and 5 more may follow.
	valueSlack = 9
)

// newAssignment returns the check for an expression, or nil where it has
// another shape.
func newAssignment(expr string, tree *syntax.Regexp, p plan) *assignment {
	head, rest, ok := strings.Cut(expr, assignMiddle)
	if !ok || tree.Op == syntax.OpAlternate || p.after.bytes == unlimited {
		return nil
	}
	// The shape with two case regions closes a group before the operator.
	rest = strings.TrimPrefix(rest, ")")
	value, ok := strings.CutPrefix(rest, assignOperator)
	if !ok || !strings.HasPrefix(value, "(") {
		return nil
	}
	name, ok := cutName(head)
	if !ok {
		return nil
	}
	nameTree, err := syntax.Parse(name, syntax.Perl)
	if err != nil || !holdsOnly(nameTree, isMiddle) || !sameLiterals(choose(nameTree).literals, p.literals) {
		return nil // the literals may lie in the value
	}
	valueTree, err := syntax.Parse("(?i)"+value, syntax.Perl)
	if err != nil || valueTree.Op != syntax.OpConcat || valueTree.Sub[0].Op != syntax.OpCapture {
		return nil
	}
	a := &assignment{least: shortest(valueTree.Sub[0])}
	if !holdsOnly(valueTree.Sub[0], func(c byte) bool { a.allowed[c] = true; return true }) || a.least == 0 {
		return nil
	}
	size := measure(nameTree)
	if size.bytes == unlimited {
		return nil
	}
	a.budget = size.bytes + middleLimit
	return a
}

func sameLiterals(a, b []literal) bool {
	return slices.EqualFunc(a, b, func(x, y literal) bool { return x.text == y.text })
}

// cutName returns the part of the expression in front of the middle that
// stands for the name, which is the last group.
func cutName(head string) (string, bool) {
	for _, prefix := range []string{`(?i)[\w.-]{0,50}?`, `[\w.-]{0,50}?(?i:[\w.-]{0,50}?`} {
		if name, ok := strings.CutPrefix(head, prefix); ok {
			return "(?i)" + name, strings.HasPrefix(name, "(?:")
		}
	}
	return "", false
}

// can reports whether a name whose literal ends at end may be assigned a value.
func (a *assignment) can(text []byte, end int) bool {
	i := end
	for i < len(text) && isMiddle(text[i]) {
		i++
	}
	if i >= len(text) {
		return false
	}
	if text[i] >= 0x80 {
		return true
	}
	if i-end > a.budget || !isOperator(text[i]) {
		return false
	}
	last := i + valueSlack // the value begins here at the latest
	run := 0
	for j := i + 1; j < len(text); j++ {
		c := text[j]
		switch {
		case c >= 0x80:
			return true
		case a.allowed[c]:
			run++
			if run >= a.least {
				return true
			}
		default:
			run = 0
		}
		if run == 0 && j >= last {
			return false
		}
	}
	return false
}

// isMiddle reports what may stand between a name and the operator.
func isMiddle(c byte) bool { return isNameByte(c) || isSpace(c) || c == '\'' || c == '"' }

func isNameByte(c byte) bool { return isWord(c) || c == '.' || c == '-' }

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' }

func isOperator(c byte) bool {
	return c == '=' || c == '>' || c == ':' || c == '|' || c == '?' || c == ','
}

// holdsOnly reports whether every character that an expression can match is
// ASCII and satisfies ok. What equals an ASCII letter without regard to case is
// passed over: texts that hold it are scanned as a whole.
func holdsOnly(re *syntax.Regexp, ok func(byte) bool) bool {
	each := func(c rune) bool {
		if c >= 0x80 {
			return foldsToASCII(c)
		}
		return ok(byte(c))
	}
	switch re.Op {
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return false
	case syntax.OpLiteral:
		for _, c := range re.Rune {
			if !each(c) {
				return false
			}
			if re.Flags&syntax.FoldCase != 0 && c < 0x80 && isWord(byte(c)) &&
				(!each(rune(lowerByte(byte(c)))) || !each(rune(upperByte(byte(c))))) {
				return false
			}
		}
	case syntax.OpCharClass:
		for i := 0; i+1 < len(re.Rune); i += 2 {
			if re.Rune[i+1]-re.Rune[i] > 0x80 {
				return false
			}
			for c := re.Rune[i]; c <= re.Rune[i+1]; c++ {
				if !each(c) {
					return false
				}
			}
		}
	}
	for _, sub := range re.Sub {
		if !holdsOnly(sub, ok) {
			return false
		}
	}
	return true
}

func upperByte(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - ('a' - 'A')
	}
	return c
}

// shortest returns how many characters a match has at least.
func shortest(re *syntax.Regexp) int {
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1
	case syntax.OpCapture, syntax.OpPlus:
		return shortest(re.Sub[0])
	case syntax.OpRepeat:
		return re.Min * shortest(re.Sub[0])
	case syntax.OpConcat:
		n := 0
		for _, sub := range re.Sub {
			n += shortest(sub)
		}
		return n
	case syntax.OpAlternate:
		n := shortest(re.Sub[0])
		for _, sub := range re.Sub[1:] {
			n = min(n, shortest(sub))
		}
		return n
	}
	return 0
}

// knownGeneric is the SHA-256 of the expression of gitleaks' rule
// "generic-api-key" that matchGeneric stands for. Another expression under
// that id is run as an expression.
const knownGeneric = "7495022a38032a23021a467d3489c2092ffc4d38de187712c81413ef3cdbf7fa"

func isKnownGeneric(expr string) bool {
	sum := sha256.Sum256([]byte(expr))
	return hex.EncodeToString(sum[:]) == knownGeneric
}
