package sqlstore

import (
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// usageCacheSize bounds what a process remembers of behaviours; a full cache is
// emptied. A behaviour takes about 100 bytes there.
const usageCacheSize = 400_000

// lanes is how many processes may count side by side before two are likely to
// write the same rows, which costs them time and nothing else.
const lanes = 1024

// usageCache remembers the keys of what was counted before. Nothing in it is
// ever wrong: what it names is never rewritten.
type usageCache struct {
	lane int64

	mu         sync.Mutex
	behaviours map[store.BehaviourHash]knownBehaviour
	byID       map[int64]store.BehaviourHash
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
	c := &usageCache{}
	if several {
		var b [8]byte
		_, _ = rand.Read(b[:]) // it never fails on supported systems
		c.lane = int64(binary.LittleEndian.Uint64(b[:]) % lanes)
	}
	c.clear()
	return c
}

func (c *usageCache) clear() {
	c.behaviours, c.byID = map[store.BehaviourHash]knownBehaviour{}, map[int64]store.BehaviourHash{}
	c.words = map[string]int64{}
}

// usageNames are the keys of what a batch names.
type usageNames struct {
	log        int64
	behaviours []int64
	targets    map[retinue.Ref]int64
	// What is known once the transaction is committed.
	learned []learnedBehaviour
	words   map[string]int64
}

// names returns the keys of a batch if every one is known.
func (c *usageCache) names(b store.UsageBatch) (usageNames, bool) {
	n := usageNames{behaviours: make([]int64, len(b.Behaviours))}
	if len(b.Touches) > 0 {
		return n, false // their targets are looked up
	}
	hashes := make([]store.BehaviourHash, len(b.Behaviours))
	for i := range b.Behaviours {
		hashes[i] = b.Behaviours[i].Hash()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, h := range hashes {
		k, ok := c.behaviours[h]
		if !ok {
			return n, false
		}
		n.behaviours[i] = k.id
	}
	var ok bool
	n.log, ok = c.words[b.Log]
	return n, ok
}

// learn takes for known what a committed transaction wrote or read.
func (c *usageCache) learn(n usageNames) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.behaviours)+len(n.learned) > usageCacheSize || len(c.words)+len(n.words) > usageCacheSize {
		c.clear()
	}
	for _, l := range n.learned {
		c.behaviours[l.hash] = l.knownBehaviour
		c.byID[l.id] = l.hash
	}
	for w, id := range n.words {
		c.words[w] = id
	}
}

func (c *usageCache) word(w string) (int64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, ok := c.words[w]
	return id, ok
}

// subjects returns the keys of whom behaviours are about, or nil where one of
// them is not known.
func (c *usageCache) subjects(behaviours map[int64]bool) []int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]int64, 0, len(behaviours))
	for id := range behaviours {
		h, ok := c.byID[id]
		if !ok {
			return nil
		}
		k := c.behaviours[h]
		for _, r := range []int64{k.identity, k.credential, k.via} {
			if r != 0 {
				out = append(out, r)
			}
		}
	}
	return out
}

// internUsage returns the keys of what a batch names, writing what is new.
func (tx *Tx) internUsage(b store.UsageBatch) (n usageNames, err error) {
	tx.words = map[string]int64{}
	n.words = tx.words
	if n.log, err = tx.word(b.Log); err != nil {
		return n, err
	}
	targets := make([]retinue.Ref, 0, len(b.Touches))
	for _, t := range b.Touches {
		targets = append(targets, t.Target)
	}
	if n.targets, err = tx.usageRefs(targets); err != nil {
		return n, err
	}
	n.behaviours, n.learned, err = tx.internBehaviours(b)
	return n, err
}

// internBehaviours returns the keys of a batch's behaviours, and those that are
// known once the transaction is committed.
func (tx *Tx) internBehaviours(b store.UsageBatch) ([]int64, []learnedBehaviour, error) {
	ids := make([]int64, len(b.Behaviours))
	hashes := make([]store.BehaviourHash, len(b.Behaviours))
	var ask [][]byte
	tx.db.usage.mu.Lock()
	for i := range b.Behaviours {
		hashes[i] = b.Behaviours[i].Hash()
		if k, ok := tx.db.usage.behaviours[hashes[i]]; ok {
			ids[i] = k.id
		} else {
			ask = append(ask, hashes[i][:])
		}
	}
	tx.db.usage.mu.Unlock()
	if len(ask) == 0 {
		return ids, nil, nil
	}
	found, err := tx.findBehaviours(ask)
	if err != nil {
		return nil, nil, err
	}
	var missing []int
	var learned []learnedBehaviour
	for i, h := range hashes {
		if ids[i] != 0 {
			continue
		}
		if k, ok := found[h]; ok {
			ids[i] = k.id
			learned = append(learned, learnedBehaviour{h, k})
		} else {
			missing = append(missing, i)
		}
	}
	if len(missing) == 0 {
		return ids, learned, nil
	}
	more, err := tx.writeBehaviours(b, hashes, missing, ids)
	return ids, append(learned, more...), err
}

func (tx *Tx) findBehaviours(hashes [][]byte) (map[store.BehaviourHash]knownBehaviour, error) {
	out := map[store.BehaviourHash]knownBehaviour{}
	err := tx.query(func(rows *sql.Rows) error {
		var h []byte
		var k knownBehaviour
		var identity, credential, via sql.NullInt64
		if err := rows.Scan(&h, &k.id, &identity, &credential, &via); err != nil {
			return err
		}
		k.identity, k.credential, k.via = identity.Int64, credential.Int64, via.Int64
		out[store.BehaviourHash(h)] = k
		return nil
	}, `SELECT b.hash, b.id, b.identity, b.credential, b.via FROM `+tx.db.d.eachBytes("$1")+` j JOIN usage_behaviours b ON b.hash = j.v`, tx.db.d.bytesList(hashes))
	if err != nil {
		return nil, fmt.Errorf("look up behaviours: %w", err)
	}
	return out, nil
}

// writeBehaviours writes the behaviours of a batch that are not there yet.
func (tx *Tx) writeBehaviours(b store.UsageBatch, hashes []store.BehaviourHash, missing []int, ids []int64) ([]learnedBehaviour, error) {
	var all []retinue.Ref
	for _, i := range missing {
		for _, r := range b.Behaviours[i].Refs() {
			all = append(all, r)
		}
	}
	refs, err := tx.usageRefs(all)
	if err != nil {
		return nil, err
	}
	next := &keys{tx: tx, table: "usage_behaviours"}
	rows := newBulk(tx, `usage_behaviours (id, hash, log, realm_id, class, identity, credential, via, behalf, resource, consumer,
		action, more, operation, region, context, outcome, flags, first_seen)`, "")
	var out []learnedBehaviour
	for _, i := range missing {
		x := &b.Behaviours[i]
		if ids[i], err = next.take(); err != nil {
			return nil, err
		}
		realm, err := tx.realmID(x.Realm)
		if err != nil {
			return nil, err
		}
		consumer, err := tx.consumer(x.Consumer, refs)
		if err != nil {
			return nil, err
		}
		var words [6]int64
		for j, w := range []string{x.Log, x.Action, x.More, x.Operation, x.Region, x.Context} {
			if words[j], err = tx.word(w); err != nil {
				return nil, err
			}
		}
		err = rows.add(ids[i], hashes[i][:], words[0], realm, string(x.Class), null(refs[x.Identity]), null(refs[x.Credential]), null(refs[x.Via]),
			null(refs[x.Behalf]), null(refs[x.Resource]), consumer, words[1], words[2], words[3], words[4], words[5], string(x.Outcome), x.Flags(), tx.at.UnixMicro())
		if err != nil {
			return nil, err
		}
		out = append(out, learnedBehaviour{hashes[i], knownBehaviour{ids[i], refs[x.Identity], refs[x.Credential], refs[x.Via]}})
	}
	return out, rows.flush()
}

// usageRefs returns the keys of refs, writing those that are new. They are the
// inventory's own: a thing that is listed later is the same.
func (tx *Tx) usageRefs(list []retinue.Ref) (map[retinue.Ref]int64, error) {
	out := make(map[retinue.Ref]int64, len(list))
	hashes := map[retinue.Ref]store.Hash{}
	var ask []store.Hash
	for _, r := range list {
		if _, ok := hashes[r]; r.IsZero() || ok {
			continue
		}
		hashes[r] = store.HashRef(r)
		ask = append(ask, hashes[r])
	}
	known, err := tx.lookupRefs(ask)
	if err != nil {
		return nil, err
	}
	next := &keys{tx: tx, table: "refs"}
	rows := newBulk(tx, `refs (id, hash, realm_id, kind, key, entity_id)`, "")
	for _, r := range list { // in the caller's order, so that equal batches write equal rows
		if _, ok := out[r]; ok || r.IsZero() {
			continue
		}
		h := hashes[r]
		if k, ok := known[h]; ok {
			out[r] = k.id
			continue
		}
		if !tx.write {
			return nil, fmt.Errorf("%w: ref %s", retinue.ErrNotFound, r)
		}
		id, err := next.take()
		if err != nil {
			return nil, err
		}
		realm, err := tx.realmID(r.Realm)
		if err != nil {
			return nil, err
		}
		if err := rows.add(id, h[:], realm, r.Kind, r.Key, nil); err != nil {
			return nil, err
		}
		out[r] = id
	}
	return out, rows.flush()
}

// consumer interns a consumer.
func (tx *Tx) consumer(c store.Consumer, refs map[retinue.Ref]int64) (int64, error) {
	h := c.Hash()
	var id int64
	err := tx.queryRow("SELECT id FROM usage_consumers WHERE hash = $1", h[:]).Scan(&id)
	if !errors.Is(err, sql.ErrNoRows) {
		return id, err
	}
	if id, err = tx.db.d.block(tx.ctx, tx.tx, "usage_consumers", 1); err != nil {
		return 0, err
	}
	return id, tx.exec("INSERT INTO usage_consumers (id, hash, kind, name, workload, network, agent) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		id, h[:], c.Kind, c.Name, null(refs[c.Workload]), c.Network, c.Agent)
}

// word interns a word of the usage history. The process remembers it once the
// transaction is committed.
func (tx *Tx) word(w string) (int64, error) {
	if id, ok := tx.db.usage.word(w); ok {
		return id, nil
	}
	if id, ok := tx.words[w]; ok {
		return id, nil
	}
	var id int64
	err := tx.queryRow("SELECT id FROM usage_words WHERE word = $1", w).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		if id, err = tx.db.d.block(tx.ctx, tx.tx, "usage_words", 1); err == nil {
			err = tx.exec("INSERT INTO usage_words (id, word) VALUES ($1, $2)", id, w)
		}
	}
	if err == nil && tx.words != nil {
		tx.words[w] = id
	}
	return id, err
}

// null is the absence of a key.
func null(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

func isNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }
