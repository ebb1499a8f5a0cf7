package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"math/bits"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/retinue-id/retinue"
)

// Change says what happened to a version.
type Change string

// The changes of a version.
const (
	ChangeAdded   Change = "added"
	ChangeChanged Change = "changed"
	ChangeEnded   Change = "ended"
)

// VersionChange is one change that completing a scope made: a leaf of the
// scope's Merkle tree.
type VersionChange struct {
	FactType retinue.FactType `json:"factType"`
	// RefHash names what changed: the first 20 bytes of the SHA-256 of realm,
	// kind and key of the fact's ref, separated by zero bytes, hexadecimal.
	RefHash string `json:"refHash"`
	Change  Change `json:"change"`
	// ContentHash is the new version's content hash, or the ended one's,
	// hexadecimal.
	ContentHash string `json:"contentHash"`
}

// Leaf returns the bytes whose RFC 6962 leaf hash enters the tree: netstrings
// (decimal length, colon, bytes, comma) of "retinue.version-change.v1", fact
// type, ref hash, change and content hash.
func (c VersionChange) Leaf() []byte {
	b := make([]byte, 0, 192)
	return netstrings(b, "retinue.version-change.v1", string(c.FactType), c.RefHash, string(c.Change), c.ContentHash)
}

// Tree computes the Merkle tree hash of RFC 6962, section 2.1, over leaves that
// come one after the other, in memory of the logarithm of their number. The
// zero Tree is empty and ready. It is not safe for concurrent use.
type Tree struct {
	// stack holds the roots of the complete subtrees of the leaves so far, the
	// largest first: one for each bit that is set in size.
	stack []tlog.Hash
	size  int64
}

// Add appends a leaf.
func (t *Tree) Add(leaf []byte) { t.add(tlog.RecordHash(leaf)) }

func (t *Tree) add(h tlog.Hash) {
	for n := t.size; n&1 == 1; n >>= 1 {
		last := len(t.stack) - 1
		h = tlog.NodeHash(t.stack[last], h)
		t.stack = t.stack[:last]
	}
	t.stack = append(t.stack, h)
	t.size++
}

// Size returns the number of leaves.
func (t *Tree) Size() int64 { return t.size }

// Root returns the tree hash, lower-case hexadecimal. The root of no leaves is
// the SHA-256 of nothing, as RFC 6962 says.
func (t *Tree) Root() string {
	h := t.hash()
	return hex.EncodeToString(h[:])
}

func (t *Tree) hash() tlog.Hash {
	if t.size == 0 {
		return emptyRoot()
	}
	h := t.stack[len(t.stack)-1]
	for i := len(t.stack) - 2; i >= 0; i-- {
		h = tlog.NodeHash(t.stack[i], h)
	}
	return h
}

// ScopeRoot returns the Merkle root over a scope's changes, in the order in
// which they come, and their number. The order is the store's (the order of
// their version numbers); the same order gives the same root.
func ScopeRoot(changes iter.Seq2[VersionChange, error]) (root string, size int64, err error) {
	var t Tree
	for c, err := range changes {
		if err != nil {
			return "", t.size, fmt.Errorf("compute scope root: change %d: %w", t.size, err)
		}
		t.Add(c.Leaf())
	}
	return t.Root(), t.size, nil
}

// Prove returns the proof that the change at index (from 0) is in the tree of
// the first size changes, reading them once and keeping the logarithm of their
// number in memory.
func Prove(changes iter.Seq2[VersionChange, error], index, size int64) (tlog.RecordProof, error) {
	if index < 0 || index >= size {
		return nil, fmt.Errorf("%w: prove change %d of %d: no such change", retinue.ErrInvalid, index, size)
	}
	spans := auditPath(index, size)
	trees := make([]Tree, len(spans))
	n := int64(0)
	for c, err := range changes {
		if err != nil {
			return nil, fmt.Errorf("prove change %d: %w", index, err)
		}
		if n == size {
			break
		}
		for i, s := range spans {
			if n >= s.lo && n < s.hi {
				trees[i].Add(c.Leaf())
			}
		}
		n++
	}
	if n < size {
		return nil, fmt.Errorf("%w: prove change %d of %d: only %d changes came", retinue.ErrInvalid, index, size, n)
	}
	proof := make(tlog.RecordProof, len(trees))
	for i := range trees {
		proof[i] = trees[i].hash()
	}
	return proof, nil
}

// CheckProof reports whether a proof shows that a change is the one at index in
// a tree of the given size and root.
func CheckProof(proof tlog.RecordProof, root string, size, index int64, change VersionChange) error {
	raw, err := hex.DecodeString(root)
	if err != nil || len(raw) != tlog.HashSize {
		return fmt.Errorf("%w: check proof: root %q: want 64 hexadecimal characters", retinue.ErrInvalid, root)
	}
	if index < 0 || index >= size {
		return fmt.Errorf("%w: check proof: no change %d in a tree of %d", retinue.ErrInvalid, index, size)
	}
	if err := tlog.CheckRecord(proof, size, tlog.Hash(raw), index, tlog.RecordHash(change.Leaf())); err != nil {
		return fmt.Errorf("%w: check proof of change %d: %w", retinue.ErrInvalid, index, err)
	}
	return nil
}

type span struct{ lo, hi int64 }

// auditPath returns the ranges of leaves whose subtree hashes make the path of
// RFC 6962, section 2.1.1, from the leaf upwards.
func auditPath(index, size int64) []span {
	var down []span
	lo, hi := int64(0), size
	for hi-lo > 1 {
		k := int64(1) << (bits.Len64(uint64(hi-lo-1)) - 1) // the largest power of two below the size
		if index < lo+k {
			down = append(down, span{lo + k, hi})
			hi = lo + k
		} else {
			down = append(down, span{lo, lo + k})
			lo += k
		}
	}
	for i, j := 0, len(down)-1; i < j; i, j = i+1, j-1 {
		down[i], down[j] = down[j], down[i]
	}
	return down
}

func netstrings(b []byte, fields ...string) []byte {
	for _, f := range fields {
		b = strconv.AppendInt(b, int64(len(f)), 10)
		b = append(b, ':')
		b = append(b, f...)
		b = append(b, ',')
	}
	return b
}

func emptyRoot() tlog.Hash { return sha256.Sum256(nil) }
