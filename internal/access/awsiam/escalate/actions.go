package escalate

import (
	"math/bits"
	"strings"
)

// The actions that are asked beside the calls of techniques.
const (
	actionAssume     = "sts:AssumeRole"
	actionPass       = "iam:PassRole"
	actionDeleteKey  = "iam:DeleteAccessKey"
	actionDeleteTags = "ec2:DeleteTags"
)

// maxActions is how many actions an actionSet tells apart.
const maxActions = 128

// actionSet is a set of the actions that techniques call, by their numbers.
type actionSet [maxActions / 64]uint64

func (s *actionSet) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s *actionSet) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

func (s *actionSet) size() int {
	n := 0
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}

func (s *actionSet) join(o actionSet) {
	for i := range s {
		s[i] |= o[i]
	}
}

func (s *actionSet) keep(o *actionSet) {
	for i := range s {
		s[i] &= o[i]
	}
}

func (s *actionSet) meets(o *actionSet) bool {
	for i := range s {
		if s[i]&o[i] != 0 {
			return true
		}
	}
	return false
}

// holds reports whether s has all of o.
func (s *actionSet) holds(o *actionSet) bool {
	for i := range s {
		if o[i]&^s[i] != 0 {
			return false
		}
	}
	return true
}

func (s *actionSet) empty() bool { return *s == actionSet{} }

// book holds the techniques with their actions numbered.
type book struct {
	techniques []Technique
	actions    map[string]int // their numbers
	lower      []string       // the actions by number, in lower case
	tagged     []string       // the tags of what they are about, as condition keys
	every      actionSet
	// raising are the actions by which a principal comes to have more.
	raising actionSet
}

func newBook() *book {
	b := &book{techniques: Techniques(), actions: make(map[string]int)}
	for _, action := range []string{actionAssume, actionPass, actionDeleteKey, actionDeleteTags} {
		b.number(action)
	}
	for i := range b.techniques {
		t := &b.techniques[i]
		for _, c := range t.calls {
			t.set.add(b.number(c.action))
		}
		for _, action := range t.needs {
			b.number(action)
		}
		if t.gain == passRole {
			t.set.add(b.number(actionPass))
		}
		if t.raises() {
			b.raising.join(t.set)
		}
	}
	return b
}

func (b *book) number(action string) int {
	n, ok := b.actions[action]
	if !ok {
		n = len(b.actions)
		b.actions[action] = n
		b.lower = append(b.lower, strings.ToLower(action))
		service, _, _ := strings.Cut(b.lower[n], ":")
		b.tagged = append(b.tagged, service+":resourcetag/*")
		b.every.add(n)
	}
	return n
}

// raises reports whether a technique gives more to somebody who is held.
func (t *Technique) raises() bool {
	switch t.gain {
	case raiseUser, raiseRole, raiseGroup, raisePolicy, switchPolicy, joinGroup, unbindUser, unbindRole:
		return true
	}
	return false
}
