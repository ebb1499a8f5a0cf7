package glob

import (
	"encoding/binary"
	"math/bits"
)

// Set is a set of small numbers, here the places of patterns in a list.
type Set []uint64

// NewSet returns an empty set for the numbers below n.
func NewSet(n int) Set { return make(Set, (n+63)/64) }

// Add puts i into the set.
func (s Set) Add(i int) { s[i>>6] |= 1 << (i & 63) }

// Has reports whether i is in the set.
func (s Set) Has(i int) bool { return s[i>>6]&(1<<(i&63)) != 0 }

// Len is how many numbers are in the set.
func (s Set) Len() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// Empty reports whether nothing is in the set.
func (s Set) Empty() bool {
	for _, w := range s {
		if w != 0 {
			return false
		}
	}
	return true
}

// All calls yield for the numbers of the set in rising order.
func (s Set) All(yield func(int) bool) {
	for i, w := range s {
		for w != 0 {
			if !yield(i<<6 + bits.TrailingZeros64(w)) {
				return
			}
			w &= w - 1
		}
	}
}

// Key is the set as a string that is equal for equal sets of the same length,
// for use in maps. It is not meant to be read.
func (s Set) Key() string {
	b := make([]byte, 0, len(s)*8)
	for _, w := range s {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return string(b)
}
