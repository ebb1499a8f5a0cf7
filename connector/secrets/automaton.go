package secrets

// automaton finds many words at once in one pass (Aho and Corasick, 1975), as a
// table of states over classes of bytes. ASCII letters are matched without
// regard to case; the words are given in lower case.
type automaton struct {
	class   [256]uint8
	classes int
	next    []int32   // state*classes + class
	words   [][]int32 // the words that end in a state, by state - first
	first   int32     // states from here on end a word
	length  []int32   // of each word
}

// newAutomaton builds the automaton of distinct words. An empty word is
// ignored.
func newAutomaton(words []string) *automaton {
	a := &automaton{length: make([]int32, len(words))}
	a.classify(words)
	t := newTrie(a.classes)
	for i, w := range words {
		a.length[i] = int32(len(w))
		if w != "" {
			t.add(a, w, int32(i))
		}
	}
	t.link()
	a.number(t)
	return a
}

// classify gives every byte that occurs in a word a class of its own, both
// cases of a letter the same one, and all others class 0.
func (a *automaton) classify(words []string) {
	n := 1
	for _, w := range words {
		for i := range len(w) {
			if c := lowerByte(w[i]); a.class[c] == 0 {
				if n == 256 {
					break // cannot happen: two cases share a class
				}
				a.class[c] = uint8(n)
				n++
			}
		}
	}
	for c := byte('A'); c <= 'Z'; c++ {
		a.class[c] = a.class[lowerByte(c)]
	}
	a.classes = n
}

// number copies the trie's states so that those that end a word come last,
// which makes the test in the inner loop one comparison.
func (a *automaton) number(t *trie) {
	states := len(t.out)
	id := make([]int32, states)
	plain := int32(0)
	for s := range states {
		if len(t.out[s]) == 0 {
			id[s] = plain
			plain++
		}
	}
	a.first = plain
	for s := range states {
		if len(t.out[s]) > 0 {
			id[s] = plain
			plain++
		}
	}
	a.next = make([]int32, states*a.classes)
	a.words = make([][]int32, plain-a.first)
	for s := range states {
		to := int(id[s]) * a.classes
		for c := range a.classes {
			a.next[to+c] = id[t.next[s*a.classes+c]] * int32(a.classes)
		}
		if len(t.out[s]) > 0 {
			a.words[id[s]-a.first] = t.out[s]
		}
	}
	a.first *= int32(a.classes)
}

// each calls found with every occurrence: the word and the offset at which it
// ends.
func (a *automaton) each(text []byte, found func(word int32, end int)) {
	class, next, first := &a.class, a.next, a.first
	s := int32(0)
	for i, c := range text {
		s = next[s+int32(class[c])]
		if s >= first {
			for _, w := range a.words[int(s-first)/a.classes] {
				found(w, i+1)
			}
		}
	}
}

// contains reports whether any word occurs in s.
func (a *automaton) contains(s string) bool {
	state := int32(0)
	for i := range len(s) {
		state = a.next[state+int32(a.class[s[i]])]
		if state >= a.first {
			return true
		}
	}
	return false
}

// trie is an automaton under construction.
type trie struct {
	classes int
	next    []int32
	out     [][]int32
}

func newTrie(classes int) *trie {
	t := &trie{classes: classes}
	t.grow()
	return t
}

func (t *trie) grow() int32 {
	for range t.classes {
		t.next = append(t.next, -1)
	}
	t.out = append(t.out, nil)
	return int32(len(t.out) - 1)
}

func (t *trie) add(a *automaton, word string, id int32) {
	s := int32(0)
	for i := range len(word) {
		at := int(s)*t.classes + int(a.class[lowerByte(word[i])])
		if t.next[at] < 0 {
			n := t.grow()
			t.next[at] = n
		}
		s = t.next[at]
	}
	t.out[s] = append(t.out[s], id)
}

// link completes the table breadth first: where a state has no way on, it goes
// where its longest proper suffix goes.
func (t *trie) link() {
	fail := make([]int32, len(t.out))
	var queue []int32
	for c := range t.classes {
		if n := t.next[c]; n < 0 {
			t.next[c] = 0
		} else {
			queue = append(queue, n)
		}
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		t.out[s] = append(t.out[s], t.out[fail[s]]...)
		for c := range t.classes {
			at := int(s)*t.classes + c
			back := t.next[int(fail[s])*t.classes+c]
			if t.next[at] < 0 {
				t.next[at] = back
				continue
			}
			fail[t.next[at]] = back
			queue = append(queue, t.next[at])
		}
	}
}

func lowerByte(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
