package glob

import (
	"strings"
	"unicode"
)

// Pattern is a set of strings in one of the forms that policies use. The zero
// Pattern fits the empty string only.
type Pattern struct {
	elements []element
}

type kind uint8

const (
	char     kind = iota // the character itself
	folded               // the character in either case
	anyChar              // ?
	anyRun               // *
	partChar             // ? that is no colon
	partRun              // * that goes over no colon
	end                  // behind the last character
)

type element struct {
	kind kind
	char rune
}

// Exact is the pattern of one string.
func Exact(text string) Pattern { return Pattern{}.Literal(text) }

// Fold returns p followed by a text in any case.
func (p Pattern) Fold(text string) Pattern {
	out := p.clone(len(text))
	for _, r := range text {
		e := element{kind: char, char: r}
		if unicode.ToLower(r) != unicode.ToUpper(r) {
			e = element{kind: folded, char: unicode.ToLower(r)}
		}
		out.elements = append(out.elements, e)
	}
	return out
}

// Text is the pattern in which * stands for any run of characters and ? for
// any single one.
func Text(pattern string) Pattern { return Pattern{}.Wild(pattern) }

// Wild returns p followed by a pattern in which * and ? are wildcards.
func (p Pattern) Wild(pattern string) Pattern { return p.wild(pattern, anyRun, anyChar) }

// Part returns p followed by a pattern whose wildcards stand for no colon.
func (p Pattern) Part(pattern string) Pattern { return p.wild(pattern, partRun, partChar) }

// Literal returns p followed by a text that stands for itself.
func (p Pattern) Literal(text string) Pattern {
	out := p.clone(len(text))
	for _, r := range text {
		out.elements = append(out.elements, element{kind: char, char: r})
	}
	return out
}

func (p Pattern) wild(pattern string, run, one kind) Pattern {
	out := p.clone(len(pattern))
	for _, r := range pattern {
		e := element{kind: char, char: r}
		switch r {
		case '?':
			e = element{kind: one}
		case '*':
			e = element{kind: run}
			if n := len(out.elements); n > 0 && out.elements[n-1] == e {
				continue // two stars are as good as one
			}
		}
		out.elements = append(out.elements, e)
	}
	return out
}

func (p Pattern) clone(more int) Pattern {
	return Pattern{elements: append(make([]element, 0, len(p.elements)+more), p.elements...)}
}

// literal returns the one string that the pattern fits, if it is such.
func (p Pattern) literal() (string, bool) {
	var b strings.Builder
	for _, e := range p.elements {
		if e.kind != char {
			return "", false
		}
		b.WriteRune(e.char)
	}
	return b.String(), true
}

// key is equal for equal patterns.
func (p Pattern) key() string {
	var b strings.Builder
	for _, e := range p.elements {
		b.WriteByte(byte(e.kind))
		b.WriteRune(e.char)
	}
	return b.String()
}

// fits reports whether the element takes the character, and whether it goes on
// taking more.
func (e element) fits(r rune) (ok, stays bool) {
	switch e.kind {
	case char:
		return e.char == r, false
	case folded:
		return e.char == unicode.ToLower(r), false
	case anyChar:
		return true, false
	case anyRun:
		return true, true
	case partChar:
		return r != ':', false
	case partRun:
		return r != ':', r != ':'
	}
	return false, false
}

// Match reports whether the text fits the pattern, in time proportional to the
// product of their lengths at worst.
func (p Pattern) Match(text string) bool {
	m := newProduct([]Pattern{p})
	return m.run(text).Has(m.final[0])
}
