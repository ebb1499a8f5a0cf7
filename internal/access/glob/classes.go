package glob

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// ErrTooMany is returned when the patterns tell more classes apart than the
// given bound, or when working them out would take more steps than that allows.
var ErrTooMany = errors.New("patterns divide their strings into too many classes")

// Class is one class of strings that no pattern of the list tells apart.
type Class struct {
	// Matches holds the places of the patterns that fit the strings of the
	// class.
	Matches Set
	// Witness is one of its strings, the shortest that was found.
	Witness string
}

// Universe is the set of strings that are looked at, as an automaton. States
// are small numbers; a negative one is a dead end.
type Universe interface {
	// Start is the state before the first character.
	Start() int
	// Step is the state after the character c.
	Step(state int, c rune) int
	// Accept reports whether a string that ends in the state is in the universe.
	Accept(state int) bool
	// Fresh lists characters in order of preference for witnesses. Characters
	// that Step tells apart need one representative each, better several: a
	// character that patterns name is not used where "any other" is meant.
	Fresh() []rune
}

// anyText is the universe of all strings of at least one character.
type anyText struct{}

// AnyText is the universe of all strings but the empty one.
func AnyText() Universe { return anyText{} }

func (anyText) Start() int         { return 0 }
func (anyText) Step(int, rune) int { return 1 }
func (anyText) Accept(s int) bool  { return s == 1 }
func (anyText) Fresh() []rune      { return freshText }

var freshText = []rune("xyzwvutsrqponmlkjihgfedcba0123456789XYZWVUTSRQPONMLKJIHGFEDCBA-_.~^éßñøλж中")

// Classes divides the strings of the universe into the classes that the
// patterns tell apart, each with a witness. The class of strings that fit no
// pattern is among them, if there are such strings. At most limit classes are
// returned; patterns that tell more apart give ErrTooMany, as do those whose
// automaton has more than 64 times as many states. Patterns are UTF-8, as every
// policy that came as JSON is.
//
// The order of the result is fixed by the arguments.
func Classes(patterns []string, universe Universe, limit int) ([]Class, error) {
	unique, places := index(patterns)
	var wild, literal []int
	for i, p := range unique {
		if Literal(p) {
			literal = append(literal, i)
		} else {
			wild = append(wild, i)
		}
	}
	if len(unique) > 64*limit {
		return nil, ErrTooMany
	}
	// A literal is a class of its own, or nothing. The other classes come from
	// the patterns with wildcards; where such a class's witness happens to be a
	// literal, the literal joins the automaton so that another one is found.
	product := slices.Clone(wild)
	isLiteral := make(map[string]int, len(literal))
	for _, i := range literal {
		isLiteral[unique[i]] = i
	}
	var found []Class
	for {
		var err error
		found, err = explore(unique, product, universe, limit)
		if err != nil {
			return nil, err
		}
		grown := false
		for _, c := range found {
			if i, ok := isLiteral[c.Witness]; ok && !c.Matches.Has(i) {
				product = append(product, i)
				grown = true
			}
		}
		if !grown {
			break
		}
	}
	inProduct := make(map[int]bool, len(product))
	for _, i := range product {
		inProduct[i] = true
	}
	for _, i := range literal {
		if inProduct[i] || !within(universe, unique[i]) {
			continue
		}
		m := NewSet(len(unique))
		m.Add(i)
		for _, j := range wild {
			if Match(unique[j], unique[i]) {
				m.Add(j)
			}
		}
		found = append(found, Class{Matches: m, Witness: unique[i]})
	}
	if len(found) > limit {
		return nil, ErrTooMany
	}
	for i := range found {
		m := NewSet(len(patterns))
		for u := range found[i].Matches.All {
			for _, place := range places[u] {
				m.Add(place)
			}
		}
		found[i].Matches = m
	}
	return found, nil
}

// index drops repeated patterns and says where each one stood.
func index(patterns []string) (unique []string, places [][]int) {
	at := make(map[string]int, len(patterns))
	for i, p := range patterns {
		p = collapse(p)
		u, ok := at[p]
		if !ok {
			u = len(unique)
			at[p] = u
			unique = append(unique, p)
			places = append(places, nil)
		}
		places[u] = append(places[u], i)
	}
	return unique, places
}

// collapse writes runs of * as one, which fits the same strings.
func collapse(pattern string) string {
	if !strings.Contains(pattern, "**") {
		return pattern
	}
	var b strings.Builder
	last := byte(0)
	for i := range len(pattern) {
		if c := pattern[i]; c != '*' || last != '*' {
			b.WriteByte(c)
		}
		last = pattern[i]
	}
	return b.String()
}

func within(u Universe, text string) bool {
	s := u.Start()
	for _, c := range text {
		if s = u.Step(s, c); s < 0 {
			return false
		}
	}
	return u.Accept(s)
}

// product is the product of the patterns' automata: one bit for each place in
// each pattern, set when the characters so far can have led there.
type product struct {
	runes []rune // of all patterns, one after another, each ended by end
	final []int  // the place after the last character, a pattern each
}

const end = utf8.MaxRune + 1

type node struct {
	places Set
	state  int
	from   int // index of the node before
	char   rune
}

// explore walks the product automaton of unique[i] for i in members, breadth
// first, and returns the classes it meets.
func explore(unique []string, members []int, universe Universe, limit int) ([]Class, error) {
	var p product
	var start []int
	for _, i := range members {
		start = append(start, len(p.runes))
		p.runes = append(p.runes, []rune(unique[i])...)
		p.final = append(p.final, len(p.runes))
		p.runes = append(p.runes, end)
	}
	first := NewSet(len(p.runes))
	for _, s := range start {
		p.enter(first, s)
	}
	nodes := []node{{places: first, state: universe.Start(), from: -1}}
	seen := map[string]bool{stateKey(first, universe.Start()): true}
	classes := make(map[string]bool)
	var out []Class
	fresh := universe.Fresh()
	next := NewSet(len(p.runes))
	for at := 0; at < len(nodes); at++ {
		n := nodes[at]
		if universe.Accept(n.state) {
			m := NewSet(len(unique))
			for k, f := range p.final {
				if n.places.Has(f) {
					m.Add(members[k])
				}
			}
			if key := m.key(); !classes[key] {
				if len(out) == limit {
					return nil, ErrTooMany
				}
				classes[key] = true
				out = append(out, Class{Matches: m, Witness: spell(nodes, at)})
			}
		}
		for _, c := range p.choices(n.places, n.state, universe, fresh) {
			state := universe.Step(n.state, c)
			if state < 0 {
				continue
			}
			clear(next)
			p.step(n.places, next, c)
			key := stateKey(next, state)
			if seen[key] {
				continue
			}
			if len(nodes) == 64*limit {
				return nil, ErrTooMany
			}
			seen[key] = true
			nodes = append(nodes, node{places: slices.Clone(next), state: state, from: at, char: c})
		}
	}
	return out, nil
}

// choices lists the characters worth taking from a state: those that some
// pattern waits for, and for each way that the universe goes on one character
// that none waits for.
func (p *product) choices(places Set, state int, universe Universe, fresh []rune) []rune {
	var out []rune
	for i := range places.All {
		if c := p.runes[i]; c != end && c != '*' && c != '?' && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	waited := len(out)
	slices.Sort(out)
	var ways []int
	for _, c := range fresh {
		if slices.Contains(out[:waited], c) {
			continue
		}
		way := universe.Step(state, c)
		if way < 0 || slices.Contains(ways, way) {
			continue
		}
		ways = append(ways, way)
		out = append(out, c)
	}
	// Fresh characters first: they make the plainer witnesses.
	return append(out[waited:len(out):len(out)], out[:waited]...)
}

// enter adds the place i, and with a * there also the one behind it.
func (p *product) enter(places Set, i int) {
	places.Add(i)
	if p.runes[i] == '*' {
		places.Add(i + 1)
	}
}

func (p *product) step(from, to Set, c rune) {
	for i := range from.All {
		switch r := p.runes[i]; r {
		case '*':
			p.enter(to, i)
		case end:
		case '?', c:
			p.enter(to, i+1)
		}
	}
}

func stateKey(places Set, state int) string {
	return places.key() + string(rune(state))
}

func spell(nodes []node, at int) string {
	var out []rune
	for ; nodes[at].from >= 0; at = nodes[at].from {
		out = append(out, nodes[at].char)
	}
	slices.Reverse(out)
	return string(out)
}
