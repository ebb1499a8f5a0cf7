package sqlstore

import (
	"crypto/sha256"
	"encoding/hex"
	"math/bits"
)

// merkle computes the root of a Merkle tree over leaves that come one by one,
// as RFC 6962, section 2.1, defines it, in memory that grows with the tree's
// height only.
type merkle struct {
	count int64
	stack [][32]byte // roots of perfect subtrees, largest first
}

func (m *merkle) add(leaf []byte) {
	h := sha256.New()
	h.Write([]byte{0})
	h.Write(leaf)
	var node [32]byte
	h.Sum(node[:0])
	for range bits.TrailingZeros64(^uint64(m.count)) {
		top := m.stack[len(m.stack)-1]
		m.stack = m.stack[:len(m.stack)-1]
		node = hashChildren(top, node)
	}
	m.stack = append(m.stack, node)
	m.count++
}

// root returns the root, lower-case hexadecimal; of no leaves, the hash of the
// empty string.
func (m *merkle) root() string {
	if len(m.stack) == 0 {
		empty := sha256.Sum256(nil)
		return hex.EncodeToString(empty[:])
	}
	node := m.stack[len(m.stack)-1]
	for i := len(m.stack) - 2; i >= 0; i-- {
		node = hashChildren(m.stack[i], node)
	}
	return hex.EncodeToString(node[:])
}

func hashChildren(l, r [32]byte) [32]byte {
	var b [65]byte
	b[0] = 1
	copy(b[1:], l[:])
	copy(b[33:], r[:])
	return sha256.Sum256(b[:])
}
