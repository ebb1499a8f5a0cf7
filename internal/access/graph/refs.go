package graph

import (
	"hash/maphash"

	"github.com/retinue-id/retinue"
)

// refTable numbers Refs in the order in which they come. It is a hash table
// that holds numbers only, so that a Ref's three texts stand once: a map of a
// million Refs takes five times its room.
type refTable struct {
	seed  maphash.Seed
	refs  []retinue.Ref
	slots []int32 // a Ref's number plus one, or 0; a power of two of them
}

// slot is where a Ref stands, or where it would be put.
func (t *refTable) slot(ref retinue.Ref) int {
	mask := len(t.slots) - 1
	i := int(maphash.Comparable(t.seed, ref)) & mask //nolint:gosec // only the low bits count
	for t.slots[i] != 0 && t.refs[t.slots[i]-1] != ref {
		i = (i + 1) & mask
	}
	return i
}

func (t *refTable) find(ref retinue.Ref) (int32, bool) {
	if len(t.slots) == 0 {
		return 0, false
	}
	n := t.slots[t.slot(ref)]
	return n - 1, n != 0
}

// number gives a Ref's number, a new one where it has none.
func (t *refTable) number(ref retinue.Ref) int32 {
	if 4*(len(t.refs)+1) > 3*len(t.slots) {
		t.grow()
	}
	i := t.slot(ref)
	if t.slots[i] == 0 {
		t.refs = append(t.refs, ref)
		t.slots[i] = int32(len(t.refs))
	}
	return t.slots[i] - 1
}

func (t *refTable) grow() {
	if t.slots == nil {
		t.seed = maphash.MakeSeed()
	}
	t.slots = make([]int32, max(16, 2*len(t.slots)))
	for i, ref := range t.refs {
		t.slots[t.slot(ref)] = int32(i) + 1
	}
}
