package secrets

import (
	"cmp"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// A plan says how to find the matches of an expression without running it over
// the whole text.
type plan struct {
	// literals are strings of which every match contains one; none means that
	// the expression sees the whole text.
	literals []literal
	// before and after bound how far a match reaches from such a string.
	before, after reach
	// assign narrows the places of a rule of the shape "name, operator, value";
	// nil for other rules.
	assign *assignment
	// byHand is set for the generic rule, whose matches are found without its
	// expression.
	byHand bool
}

// literal is an ASCII string that an expression must match, byte by byte with
// or without regard to case.
type literal struct {
	text string
	fold []bool // by byte: either case will do
	// next is what must follow the literal at once; nil where that is not known.
	next *following
}

// following is a run of certain bytes, of a least length.
type following struct {
	allowed [256]bool
	least   int
}

func (l literal) lower() string {
	b := []byte(l.text)
	for i := range b {
		b[i] = lowerByte(b[i])
	}
	return string(b)
}

// at reports whether the literal stands at the beginning of text, which is
// known to hold it but for its case, and what must follow it does. A byte
// outside ASCII may follow: it is left to the expression.
func (l *literal) at(text []byte) bool {
	for i, f := range l.fold {
		if !f && text[i] != l.text[i] {
			return false
		}
	}
	if l.next == nil {
		return true
	}
	rest := text[len(l.text):]
	for i := range l.next.least {
		if i >= len(rest) {
			return false
		}
		if rest[i] >= utf8.RuneSelf {
			return true
		}
		if !l.next.allowed[rest[i]] {
			return false
		}
	}
	return true
}

// The bounds on the literals of one plan: more, or shorter ones, would be found
// too often to help.
const (
	maxLiterals      = 64
	minLiteralLength = 2
)

// planRule analyses the expression of a rule.
func planRule(r *rule) plan {
	if r.expr == nil {
		return plan{}
	}
	tree, err := syntax.Parse(r.expr.String(), syntax.Perl)
	if err != nil {
		return plan{} // it compiled, so it parses; if not, the whole text is scanned
	}
	c := choose(tree)
	if !c.usable() {
		return plan{}
	}
	p := plan{literals: c.literals, before: c.before, after: c.after}
	p.assign = newAssignment(r.expr.String(), tree, p)
	p.byHand = isKnownGeneric(r.expr.String())
	return p
}

// choice is a set of literals of which every match of a part contains one.
type choice struct {
	literals      []literal
	before, after reach
}

func (c choice) shortest() int {
	if len(c.literals) == 0 || len(c.literals) > maxLiterals {
		return 0
	}
	n := len(c.literals[0].text)
	for _, l := range c.literals {
		n = min(n, len(l.text))
	}
	return n
}

func (c choice) usable() bool { return c.shortest() >= minLiteralLength }

// better reports whether c is the better choice: longer literals are rarer, and
// of equally long ones the one whose surroundings are limited.
func (c choice) better(o choice) bool {
	if a, b := c.shortest(), o.shortest(); a != b {
		return a > b
	}
	return c.after.plus(c.before).bytes != unlimited && o.after.plus(o.before).bytes == unlimited
}

// choose returns the best literals of an expression, or none.
func choose(re *syntax.Regexp) choice {
	if set, ok := spell(re); ok {
		return choice{literals: set}
	}
	switch re.Op {
	case syntax.OpCapture:
		return choose(re.Sub[0])
	case syntax.OpConcat:
		return chooseConcat(re.Sub)
	case syntax.OpAlternate:
		var all choice
		for _, sub := range re.Sub {
			c := choose(sub)
			if !c.usable() {
				return choice{}
			}
			all.literals = append(all.literals, c.literals...)
			all.before, all.after = all.before.max(c.before), all.after.max(c.after)
		}
		return all
	case syntax.OpPlus:
		return repeated(re.Sub[0], unlimited)
	case syntax.OpRepeat:
		if re.Min >= 1 {
			return repeated(re.Sub[0], re.Max)
		}
	}
	return choice{}
}

func repeated(sub *syntax.Regexp, most int) choice {
	c := choose(sub)
	others := unlimited
	if most != unlimited {
		others = most - 1
	}
	rest := measure(sub).times(others)
	c.before, c.after = c.before.plus(rest), c.after.plus(rest)
	return c
}

// chooseConcat looks at every run of parts that can be spelled out, and at the
// choices inside the other parts.
func chooseConcat(parts []*syntax.Regexp) choice {
	sizes := make([]reach, len(parts))
	for i, p := range parts {
		sizes[i] = measure(p)
	}
	sum := func(from, to int) reach {
		var r reach
		for _, s := range sizes[from:to] {
			r = r.plus(s)
		}
		return r
	}
	var best choice
	consider := func(c choice, from, to int) {
		if c.shortest() == 0 {
			return
		}
		c.before, c.after = sum(0, from).plus(c.before), c.after.plus(sum(to, len(parts)))
		if best.shortest() == 0 || c.better(best) {
			best = c
		}
	}
	for i := 0; i < len(parts); {
		set, ok := spell(parts[i])
		if !ok {
			consider(choose(parts[i]), i, i+1)
			i++
			continue
		}
		j := i + 1
		for ; j < len(parts); j++ {
			more, ok := spell(parts[j])
			if !ok || len(set)*len(more) > maxLiterals {
				break
			}
			set = product(set, more)
		}
		if j < len(parts) {
			set = followed(set, parts[j])
		}
		consider(choice{literals: set}, i, j)
		i = j
	}
	return best
}

// followed notes what must follow literals: a run of one class of characters.
func followed(set []literal, part *syntax.Regexp) []literal {
	for part.Op == syntax.OpCapture {
		part = part.Sub[0]
	}
	next := &following{}
	switch {
	case part.Op == syntax.OpRepeat && part.Sub[0].Op == syntax.OpCharClass:
		next.least = part.Min
	case part.Op == syntax.OpPlus && part.Sub[0].Op == syntax.OpCharClass:
		next.least = 1
	}
	if next.least == 0 {
		return set
	}
	class := part.Sub[0].Rune
	for i := 0; i+1 < len(class); i += 2 {
		for c := class[i]; c <= class[i+1] && c < utf8.RuneSelf; c++ {
			next.allowed[c] = true
		}
	}
	out := slices.Clone(set)
	for i := range out {
		out[i].next = next
	}
	return out
}

// spell returns all strings that an expression matches, if they are few and
// ASCII. Assertions match the empty string.
func spell(re *syntax.Regexp) ([]literal, bool) {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return []literal{{}}, true
	case syntax.OpLiteral:
		return spellLiteral(re)
	case syntax.OpCharClass:
		return spellClass(re)
	case syntax.OpCapture:
		return spell(re.Sub[0])
	case syntax.OpQuest:
		set, ok := spell(re.Sub[0])
		return append([]literal{{}}, set...), ok && len(set) < maxLiterals
	case syntax.OpConcat:
		set := []literal{{}}
		for _, sub := range re.Sub {
			more, ok := spell(sub)
			if !ok || len(set)*len(more) > maxLiterals {
				return nil, false
			}
			set = product(set, more)
		}
		return set, true
	case syntax.OpAlternate:
		var set []literal
		for _, sub := range re.Sub {
			more, ok := spell(sub)
			if !ok || len(set)+len(more) > maxLiterals {
				return nil, false
			}
			set = append(set, more...)
		}
		return set, true
	}
	return nil, false
}

func spellLiteral(re *syntax.Regexp) ([]literal, bool) {
	var l literal
	for _, c := range re.Rune {
		if c >= utf8.RuneSelf {
			return nil, false
		}
		l.text += string(c)
		l.fold = append(l.fold, re.Flags&syntax.FoldCase != 0)
	}
	return []literal{l}, true
}

// maxClassSpelled bounds the classes that are spelled out: [Aa], [_.-], [bp].
const maxClassSpelled = 6

func spellClass(re *syntax.Regexp) ([]literal, bool) {
	var set []literal
	has := map[rune]bool{}
	for i := 0; i+1 < len(re.Rune); i += 2 {
		lo, hi := re.Rune[i], re.Rune[i+1]
		if hi-lo >= 2*maxClassSpelled {
			return nil, false
		}
		for c := lo; c <= hi; c++ {
			has[c] = true
		}
	}
	for c := range has {
		switch {
		case foldsToASCII(c):
			// a text that holds it is scanned as a whole
		case c >= utf8.RuneSelf:
			return nil, false
		case c >= 'A' && c <= 'Z' && has[c+'a'-'A']:
			// stands with its lower case
		default:
			both := c >= 'a' && c <= 'z' && has[c-('a'-'A')]
			set = append(set, literal{text: string(c), fold: []bool{both}})
		}
	}
	slices.SortFunc(set, func(a, b literal) int { return cmp.Compare(a.text, b.text) })
	return set, len(set) > 0 && len(set) <= maxClassSpelled
}

// foldsToASCII reports the characters outside ASCII that equal an ASCII letter
// without regard to case: the long s and the Kelvin sign, and the dotted
// capital I, which lower-casing turns into i.
func foldsToASCII(c rune) bool { return c == '\u017f' || c == '\u212a' || c == '\u0130' }

func product(a, b []literal) []literal {
	out := make([]literal, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			fold := append(append(make([]bool, 0, len(x.fold)+len(y.fold)), x.fold...), y.fold...)
			out = append(out, literal{text: x.text + y.text, fold: fold})
		}
	}
	return out
}
