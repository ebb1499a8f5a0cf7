package secrets

import (
	"bytes"
	"slices"
	"strings"
)

// span is a stretch of a text, in byte offsets.
type span struct{ start, end int }

// index finds, in one pass over a text, the keywords that are in it and the
// places where a rule's expression can match.
type index struct {
	words *automaton
	// uses says, by word, which rules take it as a literal.
	uses [][]use
	// keywords are, by rule, the words that gate it; byLiteral marks rules of
	// which every literal implies a keyword.
	keywords  [][]int32
	byLiteral []bool
	// unicode is set when a keyword is not ASCII: then every text is scanned as
	// a whole.
	unicode bool
}

// use is one literal of one rule.
type use struct {
	rule    int
	literal literal
}

func newIndex(set *ruleSet) *index {
	ids := map[string]int32{}
	var words []string
	word := func(w string) int32 {
		id, ok := ids[w]
		if !ok {
			id = int32(len(words))
			ids[w] = id
			words = append(words, w)
		}
		return id
	}
	x := &index{keywords: make([][]int32, len(set.rules)), byLiteral: make([]bool, len(set.rules))}
	var uses [][]use
	for i, r := range set.rules {
		for _, k := range r.keywords {
			x.keywords[i] = append(x.keywords[i], word(k))
			x.unicode = x.unicode || !isASCII(k)
		}
		x.byLiteral[i] = len(r.plan.literals) > 0
		for _, l := range r.plan.literals {
			id := word(l.lower())
			for len(uses) <= int(id) {
				uses = append(uses, nil)
			}
			uses[id] = append(uses[id], use{i, l})
			implied := slices.ContainsFunc(r.keywords, func(k string) bool { return strings.Contains(l.lower(), k) })
			x.byLiteral[i] = x.byLiteral[i] && implied
		}
	}
	for len(uses) < len(words) {
		uses = append(uses, nil)
	}
	x.uses = uses
	x.words = newAutomaton(words)
	return x
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// places is what the pass over a text found.
type places struct {
	seen []bool // by word
	// spans are, by rule, the stretches that can hold matches, or the names for
	// a rule that is matched by hand. They are sorted and apart.
	spans [][]span
	// whole is set when the text must be scanned as a whole by every rule.
	whole bool
}

// find makes the pass.
func (x *index) find(set *ruleSet, t *text) places {
	p := places{seen: make([]bool, len(x.uses)), spans: make([][]span, len(set.rules))}
	if x.unicode || holdsFolding(t.data) {
		p.whole = true
		x.words.each(bytes.ToLower(t.data), func(w int32, _ int) { p.seen[w] = true })
		return p
	}
	x.words.each(t.data, func(w int32, end int) {
		p.seen[w] = true
		start := end - int(x.words.length[w])
		for i := range x.uses[w] {
			u := &x.uses[w][i]
			if !u.literal.at(t.data[start:]) {
				continue
			}
			r := set.rules[u.rule]
			switch {
			case r.plan.byHand:
				p.spans[u.rule] = append(p.spans[u.rule], span{start, end})
			case r.plan.assign == nil || r.plan.assign.can(t.data, end):
				p.spans[u.rule] = join(p.spans[u.rule], t.around(start, end, r.plan))
			}
		}
	})
	return p
}

// admits reports whether a rule's keywords are in the text, or it has none.
func (x *index) admits(rule int, seen []bool) bool {
	if len(x.keywords[rule]) == 0 {
		return true
	}
	for _, k := range x.keywords[rule] {
		if seen[k] {
			return true
		}
	}
	return false
}

// join adds a span to spans that are sorted and apart, and keeps them so. A new
// span ends after all others or close to the last.
func join(spans []span, s span) []span {
	for len(spans) > 0 {
		last := spans[len(spans)-1]
		if s.start > last.end {
			break
		}
		s = span{min(s.start, last.start), max(s.end, last.end)}
		spans = spans[:len(spans)-1]
	}
	return append(spans, s)
}

// holdsFolding reports the characters outside ASCII that equal an ASCII letter
// without regard to case (U+017F, U+212A, U+0130): literals in ASCII would miss
// them.
func holdsFolding(data []byte) bool {
	return bytes.Contains(data, []byte("\u017f")) || bytes.Contains(data, []byte("\u212a")) ||
		bytes.Contains(data, []byte("\u0130"))
}

// text is a text under scan, with its line feeds indexed when first asked for.
type text struct {
	Text
	data []byte
	// parent is the text that this one is decoded from, by these pieces.
	parent *text
	pieces []piece

	feeds []int
	ready bool
}

// around returns the stretch that holds every match with a literal at
// [start, end), and at least one more character on each side, so that the edge
// of the stretch is never taken for the edge of the text.
func (t *text) around(start, end int, p plan) span {
	const margin = 8
	s := span{0, len(t.data)}
	if n := p.before.bytes; n != unlimited {
		s.start = max(0, start-n-margin)
	} else if n := p.before.lines; n != unlimited {
		s.start = t.linesBefore(start, n+1)
	}
	if n := p.after.bytes; n != unlimited {
		s.end = min(len(t.data), end+n+margin)
	} else if n := p.after.lines; n != unlimited {
		s.end = t.linesAfter(end, n+1)
	}
	// A character is not cut, or its rest would be taken for something else.
	for s.start > 0 && t.data[s.start]&0xc0 == 0x80 {
		s.start--
	}
	for s.end < len(t.data) && t.data[s.end]&0xc0 == 0x80 {
		s.end++
	}
	return s
}

func (t *text) lineFeeds() []int {
	if t.ready {
		return t.feeds
	}
	t.ready = true
	for i := 0; ; i++ {
		n := bytes.IndexByte(t.data[i:], '\n')
		if n < 0 {
			return t.feeds
		}
		i += n
		t.feeds = append(t.feeds, i)
	}
}

// linesBefore returns the offset of the n-th line feed before at, or 0.
func (t *text) linesBefore(at, n int) int {
	feeds := t.lineFeeds()
	i, _ := slices.BinarySearch(feeds, at)
	if i-n < 0 {
		return 0
	}
	return feeds[i-n]
}

// linesAfter returns the offset behind the n-th line feed from at on, and one
// character more, or the end of the text.
func (t *text) linesAfter(at, n int) int {
	feeds := t.lineFeeds()
	i, _ := slices.BinarySearch(feeds, at)
	if i+n-1 >= len(feeds) {
		return len(t.data)
	}
	return min(len(t.data), feeds[i+n-1]+1)
}

// line returns the number of the line that holds an offset, from 1, and the
// offset at which the line begins. A line feed counts to the line after it.
func (t *text) line(at int) (number, begin int) {
	feeds := t.lineFeeds()
	i, found := slices.BinarySearch(feeds, at)
	if found {
		return i + 2, at + 1
	}
	if i == 0 {
		return 1, 0
	}
	return i + 1, feeds[i-1] + 1
}
