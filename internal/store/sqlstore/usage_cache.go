package sqlstore

import (
	"crypto/rand"
	"encoding/binary"
	"maps"
	"sync"

	"github.com/retinue-id/retinue/internal/store"
)

// What a process remembers is bounded: of behaviours, which take about 100 bytes
// each, by their number in each of two halves, and of words.
const (
	usageCacheSize = 100_000
	wordCacheSize  = 50_000
)

// lanes is how many processes may count side by side before two are likely to
// write the same rows, which costs them time and nothing else.
const lanes = 1024

// usageCache remembers the keys of what was counted before. Nothing in it is
// ever wrong: what it names is never rewritten. What was not met while the young
// half filled up is forgotten with the old one.
type usageCache struct {
	lane int64

	mu         sync.Mutex
	young, old map[store.BehaviourHash]knownBehaviour
	words      map[string]int64
}

// knownBehaviour is the key of a behaviour, and those of whom it is about, 0
// where there is none.
type knownBehaviour struct {
	id                        int64
	identity, credential, via int64
}

// learnedBehaviour is one that is known once the transaction is committed.
type learnedBehaviour struct {
	hash store.BehaviourHash
	knownBehaviour
}

func newUsageCache(several bool) *usageCache {
	c := &usageCache{young: map[store.BehaviourHash]knownBehaviour{}, words: map[string]int64{}}
	if several {
		var b [8]byte
		_, _ = rand.Read(b[:]) // it never fails on supported systems
		c.lane = int64(binary.LittleEndian.Uint64(b[:]) % lanes)
	}
	return c
}

// know fills in the keys of what a batch names as far as they are known, and
// reports whether every one is.
func (c *usageCache) know(b *usageMerged) bool {
	b.names.behaviours = make([]knownBehaviour, len(b.names.hashes))
	all := c.find(&b.names)
	log, ok := c.word(b.Log)
	b.names.log = log
	return all && ok && len(b.Touches) == 0 // the targets of touches are looked up
}

// find fills in the keys of the behaviours that are known and reports whether
// all are.
func (c *usageCache) find(n *usageNames) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := true
	for i, h := range n.hashes {
		k, ok := c.young[h]
		if !ok {
			if k, ok = c.old[h]; ok {
				c.keep(h, k)
			}
		}
		n.behaviours[i] = k
		all = all && ok
	}
	return all
}

// keep puts a behaviour into the young half.
func (c *usageCache) keep(h store.BehaviourHash, k knownBehaviour) {
	if len(c.young) >= usageCacheSize {
		c.old, c.young = c.young, make(map[store.BehaviourHash]knownBehaviour, usageCacheSize)
	}
	c.young[h] = k
}

// learn takes for known what a committed transaction wrote or read.
func (c *usageCache) learn(merged []*usageMerged) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range merged {
		for _, l := range b.names.learned {
			c.keep(l.hash, l.knownBehaviour)
		}
		if len(c.words)+len(b.names.words) > wordCacheSize {
			clear(c.words)
		}
		maps.Copy(c.words, b.names.words)
	}
}

func (c *usageCache) word(w string) (int64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, ok := c.words[w]
	return id, ok
}
