package awsiam

import (
	"strings"
	"unicode/utf8"

	globs "github.com/retinue-id/retinue/internal/access/glob"
)

// quick is the product of the lengths of pattern and text up to which they are
// compared as they are. What is longer is compiled first, so that it costs no
// more than their sum.
const quick = 1 << 12

// matchWild reports whether a text fits a pattern in which * stands for any
// text and ? for any one character.
func matchWild(pattern, text string) bool {
	if len(pattern)*len(text) <= quick {
		return globs.Match(pattern, text)
	}
	g := compileGlob(pattern)
	return g.match(text)
}

// onlyStars reports whether a pattern matches every text.
func onlyStars(pattern string) bool { return pattern != "" && strings.Trim(pattern, "*") == "" }

// glob is a compiled pattern in which * stands for any text and ? for any one
// character ("IAM JSON policy elements: Condition operators", StringLike).
// Matching takes time proportional to pattern and text, times one sixty-fourth
// of the longest run with a ?.
type glob struct {
	// literal is the pattern where it has no wildcard; pieces is nil then.
	literal string
	// pieces are the runs between stars: the first is at the start, the last
	// at the end, and those between follow each other. One piece is a pattern
	// without a star.
	pieces []piece
	// shortest is the length in bytes of the shortest text that matches.
	shortest int
}

// piece is text without a star. Where any is not nil it says which bytes of
// the text stand for any one character.
type piece struct {
	text string
	any  []bool
}

// globBuilder puts a pattern together from parts.
type globBuilder struct {
	pieces []piece
	text   []byte
	any    []bool
	wild   bool
}

// pattern adds text whose * and ? are wildcards.
func (b *globBuilder) pattern(s string) {
	for {
		i := strings.IndexAny(s, "*?")
		if i < 0 {
			b.literal(s)
			return
		}
		b.literal(s[:i])
		if s[i] == '*' {
			b.star()
		} else {
			b.text, b.any, b.wild = append(b.text, '?'), append(b.any, true), true
		}
		s = s[i+1:]
	}
}

// literal adds text that stands for itself.
func (b *globBuilder) literal(s string) {
	b.text = append(b.text, s...)
	for range len(s) {
		b.any = append(b.any, false)
	}
}

func (b *globBuilder) star() {
	b.flush(len(b.pieces) > 0)
}

// flush ends a piece. Empty pieces between stars say nothing.
func (b *globBuilder) flush(dropEmpty bool) {
	if dropEmpty && len(b.text) == 0 {
		return
	}
	p := piece{text: string(b.text)}
	if b.wild {
		p.any = append([]bool(nil), b.any...)
	}
	b.pieces = append(b.pieces, p)
	b.text, b.any, b.wild = b.text[:0], b.any[:0], false
}

func (b *globBuilder) done() glob {
	b.flush(false)
	g := glob{pieces: b.pieces}
	for i := range g.pieces {
		g.shortest += len(g.pieces[i].text)
	}
	return g
}

func compileGlob(pattern string) glob {
	stars := strings.Count(pattern, "*")
	if stars == 0 && !strings.Contains(pattern, "?") {
		return glob{literal: pattern, shortest: len(pattern)}
	}
	g := glob{pieces: make([]piece, 0, min(stars, 8)+1)}
	for more := true; more; {
		var text string
		text, pattern, more = strings.Cut(pattern, "*")
		if text == "" && len(g.pieces) > 0 && more {
			continue // stars that follow each other are one
		}
		g.pieces = append(g.pieces, newPiece(text))
		g.shortest += len(text)
	}
	return g
}

// newPiece is a piece of a pattern in which every ? is a wildcard.
func newPiece(text string) piece {
	if !strings.Contains(text, "?") {
		return piece{text: text}
	}
	wild := make([]bool, len(text))
	for i := range len(text) {
		wild[i] = text[i] == '?'
	}
	return piece{text: text, any: wild}
}

func (g *glob) match(s string) bool {
	if g.pieces == nil {
		return s == g.literal
	}
	if len(s) < g.shortest {
		return false
	}
	first := &g.pieces[0]
	end := first.prefix(s)
	if end < 0 {
		return false
	}
	if len(g.pieces) == 1 {
		return end == len(s)
	}
	s = s[end:]
	last := &g.pieces[len(g.pieces)-1]
	start := last.suffix(s)
	if start < 0 {
		return false
	}
	s = s[:start]
	for i := 1; i < len(g.pieces)-1; i++ {
		end := g.pieces[i].find(s)
		if end < 0 {
			return false
		}
		s = s[end:]
	}
	return true
}

// prefix returns where the piece ends if s starts with it, or -1.
func (p *piece) prefix(s string) int {
	if p.any == nil {
		if strings.HasPrefix(s, p.text) {
			return len(p.text)
		}
		return -1
	}
	at := 0
	for i := range len(p.text) {
		switch {
		case at >= len(s):
			return -1
		case p.any[i]:
			_, size := utf8.DecodeRuneInString(s[at:])
			at += size
		case s[at] != p.text[i]:
			return -1
		default:
			at++
		}
	}
	return at
}

// suffix returns where the piece starts if s ends with it, or -1.
func (p *piece) suffix(s string) int {
	if p.any == nil {
		if strings.HasSuffix(s, p.text) {
			return len(s) - len(p.text)
		}
		return -1
	}
	at := len(s)
	for i := len(p.text) - 1; i >= 0; i-- {
		switch {
		case at == 0:
			return -1
		case p.any[i]:
			_, size := utf8.DecodeLastRuneInString(s[:at])
			at -= size
		case s[at-1] != p.text[i]:
			return -1
		default:
			at--
		}
	}
	return at
}

// find returns where the first occurrence of the piece in s ends, or -1.
func (p *piece) find(s string) int {
	if p.any == nil {
		i := strings.Index(s, p.text)
		if i < 0 {
			return -1
		}
		return i + len(p.text)
	}
	const small = 1 << 12
	if len(p.text)*len(s) > small {
		return p.scan(s)
	}
	return p.search(s)
}

// search is find for short pieces and texts.
func (p *piece) search(s string) int {
	for start := 0; start < len(s); {
		if end := p.prefix(s[start:]); end >= 0 {
			return start + end
		}
		_, size := utf8.DecodeRuneInString(s[start:])
		start += size
	}
	return -1
}

// scan is find for long pieces and texts. It follows all starts at once, one
// bit for each character of the piece (the Shift-And method of Baeza-Yates and
// Gonnet).
func (p *piece) scan(s string) int {
	n := 0
	var anyone []uint64
	masks := make(map[rune][]uint64)
	words := (utf8.RuneCountInString(p.text) + 63) / 64
	anyone = make([]uint64, words)
	for i, r := range p.text {
		m := anyone
		if !p.any[i] {
			if m = masks[r]; m == nil {
				m = make([]uint64, words)
				masks[r] = m
			}
		}
		m[n/64] |= 1 << (n % 64)
		n++
	}
	state := make([]uint64, words)
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		mask, carry := masks[r], uint64(1)
		for w := range state {
			next := state[w]<<1 | carry
			carry = state[w] >> 63
			allowed := anyone[w]
			if mask != nil {
				allowed |= mask[w]
			}
			state[w] = next & allowed
		}
		if state[words-1]&(1<<((n-1)%64)) != 0 {
			return i
		}
	}
	return -1
}
