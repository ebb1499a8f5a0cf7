package glob

import (
	"errors"
	"maps"
	"slices"
	"unicode"
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
func Classes(patterns []Pattern, universe Universe, limit int) ([]Class, error) {
	unique, places := index(patterns)
	if len(unique) > 64*limit {
		return nil, ErrTooMany
	}
	// A literal is a class of its own, or nothing. The other classes come from
	// the patterns with wildcards; where such a class's witness happens to be a
	// literal, the literal joins the automaton so that another one is found.
	var wild, members []int
	literals := make(map[string]int)
	for i, p := range unique {
		if text, ok := p.literal(); ok {
			literals[text] = i
		} else {
			wild = append(wild, i)
		}
	}
	members = slices.Clone(wild)
	var found []Class
	for grown := true; grown; {
		var err error
		if found, err = explore(unique, members, universe, limit); err != nil {
			return nil, err
		}
		grown = false
		for _, c := range found {
			if i, ok := literals[c.Witness]; ok && !c.Matches.Has(i) {
				members = append(members, i)
				delete(literals, c.Witness)
				grown = true
			}
		}
	}
	wildcards := newProduct(pick(unique, wild))
	for _, text := range slices.Sorted(maps.Keys(literals)) {
		if !within(universe, text) {
			continue
		}
		m := NewSet(len(unique))
		m.Add(literals[text])
		places := wildcards.run(text)
		for k, j := range wild {
			if places.Has(wildcards.final[k]) {
				m.Add(j)
			}
		}
		found = append(found, Class{Matches: m, Witness: text})
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
func index(patterns []Pattern) (unique []Pattern, places [][]int) {
	at := make(map[string]int, len(patterns))
	for i, p := range patterns {
		key := p.key()
		u, ok := at[key]
		if !ok {
			u = len(unique)
			at[key] = u
			unique = append(unique, p)
			places = append(places, nil)
		}
		places[u] = append(places[u], i)
	}
	return unique, places
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
	elements []element // of all patterns, one after another, each with an end
	first    []int     // the place before the first character, a pattern each
	final    []int     // the place behind the last
}

func newProduct(patterns []Pattern) *product {
	p := &product{}
	for _, pattern := range patterns {
		p.first = append(p.first, len(p.elements))
		p.elements = append(p.elements, pattern.elements...)
		p.final = append(p.final, len(p.elements))
		p.elements = append(p.elements, element{kind: end})
	}
	return p
}

func (p *product) start() Set {
	s := NewSet(len(p.elements))
	for _, i := range p.first {
		p.enter(s, i)
	}
	return s
}

// run returns the places that a whole text leads to.
func (p *product) run(text string) Set {
	places, next := p.start(), NewSet(len(p.elements))
	for _, r := range text {
		clear(next)
		p.step(places, next, r)
		places, next = next, places
	}
	return places
}

func pick(patterns []Pattern, which []int) []Pattern {
	out := make([]Pattern, len(which))
	for k, i := range which {
		out[k] = patterns[i]
	}
	return out
}

type node struct {
	places Set
	state  int
	from   int // index of the node before
	char   rune
}

// explore walks the product automaton of unique[i] for i in members, breadth
// first, and returns the classes it meets.
func explore(unique []Pattern, members []int, universe Universe, limit int) ([]Class, error) {
	p := newProduct(pick(unique, members))
	first := p.start()
	nodes := []node{{places: first, state: universe.Start(), from: -1}}
	seen := map[string]bool{stateKey(first, universe.Start()): true}
	classes := make(map[string]bool)
	var out []Class
	fresh := universe.Fresh()
	next := NewSet(len(p.elements))
	for at := 0; at < len(nodes); at++ {
		n := nodes[at]
		if universe.Accept(n.state) {
			m := NewSet(len(unique))
			for k, f := range p.final {
				if n.places.Has(f) {
					m.Add(members[k])
				}
			}
			if key := m.Key(); !classes[key] {
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
// that none waits for. Fresh characters come first: they make the plainer
// witnesses.
func (p *product) choices(places Set, state int, universe Universe, fresh []rune) []rune {
	var waited []rune
	wait := func(c rune) {
		if !slices.Contains(waited, c) {
			waited = append(waited, c)
		}
	}
	for i := range places.All {
		switch e := p.elements[i]; e.kind {
		case char:
			wait(e.char)
		case folded:
			wait(e.char)
			wait(unicode.ToUpper(e.char))
		case partChar, partRun:
			wait(':')
		}
	}
	slices.Sort(waited)
	var out []rune
	var ways []int
	for _, c := range fresh {
		if slices.Contains(waited, c) {
			continue
		}
		way := universe.Step(state, c)
		if way < 0 || slices.Contains(ways, way) {
			continue
		}
		ways = append(ways, way)
		out = append(out, c)
	}
	return append(out, waited...)
}

// enter adds the place i, and those behind it that need no character.
func (p *product) enter(places Set, i int) {
	for {
		places.Add(i)
		if k := p.elements[i].kind; k != anyRun && k != partRun {
			return
		}
		i++
	}
}

func (p *product) step(from, to Set, c rune) {
	for i := range from.All {
		ok, stays := p.elements[i].fits(c)
		switch {
		case stays:
			p.enter(to, i)
		case ok:
			p.enter(to, i+1)
		}
	}
}

func stateKey(places Set, state int) string {
	return places.Key() + string(rune(state))
}

func spell(nodes []node, at int) string {
	var out []rune
	for ; nodes[at].from >= 0; at = nodes[at].from {
		out = append(out, nodes[at].char)
	}
	slices.Reverse(out)
	return string(out)
}
