package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// usageNames are the keys of what a batch names.
type usageNames struct {
	log        int64
	behaviours []knownBehaviour
	hashes     []store.BehaviourHash // of the behaviours
	targets    map[retinue.Ref]int64
	// What is known once the transaction is committed.
	learned []learnedBehaviour
	words   map[string]int64
}

// internUsage fills in the keys of what a batch names, writing what is new.
func (tx *Tx) internUsage(b *usageMerged) error {
	n := &b.names
	n.words = tx.words
	var err error
	if n.log, err = tx.word(b.Log); err != nil {
		return err
	}
	targets := make([]retinue.Ref, 0, len(b.Touches))
	for _, t := range b.Touches {
		targets = append(targets, t.Target)
	}
	if n.targets, err = tx.usageRefs(targets); err != nil {
		return err
	}
	learned, err := tx.internBehaviours(b)
	n.learned = append(n.learned, learned...)
	return err
}

// findUsage fills in the keys of what batches name as far as they are there, and
// reports whether all are. It writes nothing.
func (tx *Tx) findUsage(merged []*usageMerged) (bool, error) {
	tx.words = map[string]int64{}
	all := true
	for _, b := range merged {
		n := &b.names
		n.words = tx.words
		id, ok, err := tx.knownWord(b.Log)
		if err != nil {
			return false, err
		}
		n.log, all = id, all && ok
		targets := make([]retinue.Ref, 0, len(b.Touches))
		for _, t := range b.Touches {
			targets = append(targets, t.Target)
		}
		switch n.targets, err = tx.usageRefs(targets); {
		case errors.Is(err, retinue.ErrNotFound):
			all = false
		case err != nil:
			return false, err
		}
		missing, err := tx.learnBehaviours(n)
		if err != nil {
			return false, err
		}
		all = all && len(missing) == 0
	}
	return all, nil
}

// internBehaviours fills in the keys of a batch's behaviours that are not known
// yet, writes those that are new, and returns what is known of them once the
// transaction is committed.
func (tx *Tx) internBehaviours(b *usageMerged) ([]learnedBehaviour, error) {
	missing, err := tx.learnBehaviours(&b.names)
	if err != nil {
		return nil, err
	}
	var learned []learnedBehaviour
	for part := range slices.Chunk(missing, writtenAtOnce) {
		more, err := tx.writeBehaviours(b, part)
		if err != nil {
			return nil, err
		}
		learned = append(learned, more...)
	}
	return learned, nil
}

// learnBehaviours fills in the keys of behaviours that are there and were not
// known yet, and returns the places of those that are not there.
func (tx *Tx) learnBehaviours(n *usageNames) ([]int, error) {
	var ask [][]byte
	for i := range n.behaviours {
		if n.behaviours[i].id == 0 {
			ask = append(ask, n.hashes[i][:])
		}
	}
	if len(ask) == 0 {
		return nil, nil
	}
	found, err := tx.findBehaviours(ask)
	if err != nil {
		return nil, err
	}
	var missing []int
	for i, h := range n.hashes {
		if n.behaviours[i].id != 0 {
			continue
		}
		if k, ok := found[h]; ok {
			n.behaviours[i] = k
			n.learned = append(n.learned, learnedBehaviour{h, k})
		} else {
			missing = append(missing, i)
		}
	}
	return missing, nil
}

// writtenAtOnce is how many new behaviours are written at once, with all that
// they name.
const writtenAtOnce = 2048

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
func (tx *Tx) writeBehaviours(b *usageMerged, missing []int) ([]learnedBehaviour, error) {
	n := &b.names
	all := make([]retinue.Ref, 0, 6*len(missing))
	consumers := make([]store.Consumer, 0, len(missing))
	for _, i := range missing {
		consumers = append(consumers, b.Behaviours[i].Consumer)
		for _, r := range b.Behaviours[i].Refs() {
			all = append(all, r)
		}
	}
	refs, err := tx.usageRefs(all)
	if err != nil {
		return nil, err
	}
	served, err := tx.consumers(consumers, refs)
	if err != nil {
		return nil, err
	}
	next := &keys{tx: tx, table: "usage_behaviours"}
	rows := newBulk(tx, `usage_behaviours (id, hash, log, realm_id, class, identity, credential, via, behalf, resource, consumer,
		action, more, operation, region, context, outcome, flags, first_seen)`, "")
	out := make([]learnedBehaviour, 0, len(missing))
	for _, i := range missing {
		x := b.Behaviours[i]
		id, err := next.take()
		if err != nil {
			return nil, err
		}
		realm, err := tx.realmID(x.Realm)
		if err != nil {
			return nil, err
		}
		var words [6]int64
		for j, w := range []string{x.Log, x.Action, x.More, x.Operation, x.Region, x.Context} {
			if words[j], err = tx.word(w); err != nil {
				return nil, err
			}
		}
		err = rows.add(id, n.hashes[i][:], words[0], realm, string(x.Class), null(refs[x.Identity]), null(refs[x.Credential]), null(refs[x.Via]),
			null(refs[x.Behalf]), null(refs[x.Resource]), served[x.Consumer], words[1], words[2], words[3], words[4], words[5], string(x.Outcome), x.Flags(), tx.at.UnixMicro())
		if err != nil {
			return nil, err
		}
		n.behaviours[i] = knownBehaviour{id, refs[x.Identity], refs[x.Credential], refs[x.Via]}
		out = append(out, learnedBehaviour{n.hashes[i], n.behaviours[i]})
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

// consumers returns the keys of consumers, writing those that are new.
func (tx *Tx) consumers(list []store.Consumer, refs map[retinue.Ref]int64) (map[store.Consumer]int64, error) {
	out := make(map[store.Consumer]int64, len(list))
	byHash := make(map[store.BehaviourHash]store.Consumer, len(list))
	var ask [][]byte
	var order []store.BehaviourHash // the caller's, so that equal batches write equal rows
	for _, c := range list {
		h := c.Hash()
		if _, ok := byHash[h]; !ok {
			byHash[h] = c
			order, ask = append(order, h), append(ask, h[:])
		}
	}
	err := tx.query(func(rows *sql.Rows) error {
		var h []byte
		var id int64
		if err := rows.Scan(&h, &id); err != nil {
			return err
		}
		out[byHash[store.BehaviourHash(h)]] = id
		return nil
	}, "SELECT c.hash, c.id FROM "+tx.db.d.eachBytes("$1")+" j JOIN usage_consumers c ON c.hash = j.v", tx.db.d.bytesList(ask))
	if err != nil {
		return nil, fmt.Errorf("look up consumers: %w", err)
	}
	next := &keys{tx: tx, table: "usage_consumers"}
	rows := newBulk(tx, "usage_consumers (id, hash, kind, name, workload, network, agent)", "")
	for _, h := range order {
		c := byHash[h]
		if _, ok := out[c]; ok {
			continue
		}
		id, err := next.take()
		if err != nil {
			return nil, err
		}
		out[c] = id
		if err := rows.add(id, h[:], c.Kind, c.Name, null(refs[c.Workload]), c.Network, c.Agent); err != nil {
			return nil, err
		}
	}
	return out, rows.flush()
}

// word interns a word of the usage history. The process remembers it once the
// transaction is committed.
func (tx *Tx) word(w string) (int64, error) {
	id, ok, err := tx.knownWord(w)
	if err != nil || ok {
		return id, err
	}
	if id, err = tx.db.d.block(tx.ctx, tx.tx, "usage_words", 1); err == nil {
		err = tx.exec("INSERT INTO usage_words (id, word) VALUES ($1, $2)", id, w)
	}
	if err == nil && tx.words != nil {
		tx.words[w] = id
	}
	return id, err
}

// knownWord returns the key of a word, if it has one.
func (tx *Tx) knownWord(w string) (int64, bool, error) {
	if id, ok := tx.db.usage.word(w); ok {
		return id, true, nil
	}
	if id, ok := tx.words[w]; ok {
		return id, true, nil
	}
	var id int64
	err := tx.queryRow("SELECT id FROM usage_words WHERE word = $1", w).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	if err == nil && tx.words != nil {
		tx.words[w] = id
	}
	return id, err == nil, err
}

// null is the absence of a key.
func null(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

func isNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }
