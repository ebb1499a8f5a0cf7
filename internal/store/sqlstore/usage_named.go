package sqlstore

import (
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// heardWords bounds how many words a reading transaction remembers.
const heardWords = 20_000

// nameUsed fills in what behaviours name.
func (tx *Tx) nameUsed(out []store.Used, rows []usedRow) error {
	words, realms := map[int64]struct{}{}, map[int64]struct{}{}
	consumers, refs := map[int64]struct{}{}, map[int64]struct{}{}
	for i := range rows {
		for _, w := range rows[i].words {
			words[w] = struct{}{}
		}
		realms[rows[i].realm], consumers[rows[i].consumer] = struct{}{}, struct{}{}
		for _, r := range rows[i].refs {
			if r != 0 {
				refs[r] = struct{}{}
			}
		}
	}
	word, err := tx.heard("usage_words", "word", words)
	if err != nil {
		return err
	}
	realm, err := tx.heard("realms", "realm", realms)
	if err != nil {
		return err
	}
	served, err := tx.namedConsumers(consumers, refs)
	if err != nil {
		return err
	}
	names, err := tx.namedRefs(refs)
	if err != nil {
		return err
	}
	for i := range rows {
		b, r := &out[i].Behaviour, &rows[i]
		b.Log, b.Action, b.More, b.Operation, b.Region, b.Context = word[r.words[0]], word[r.words[1]], word[r.words[2]], word[r.words[3]], word[r.words[4]], word[r.words[5]]
		b.Realm = retinue.Realm(realm[r.realm])
		c := served[r.consumer]
		b.Consumer = c.Consumer
		b.Consumer.Workload = names[c.workload]
		b.Identity, b.Credential, b.Via, b.Behalf, b.Resource = names[r.refs[0]], names[r.refs[1]], names[r.refs[2]], names[r.refs[3]], names[r.refs[4]]
	}
	return nil
}

// heard returns the texts of rows by their keys. A reading transaction remembers
// them: most behaviours share theirs with others.
func (tx *Tx) heard(table, column string, want map[int64]struct{}) (map[int64]string, error) {
	known := tx.texts[table]
	if known == nil || len(known) > heardWords {
		known = map[int64]string{}
	}
	var ask []int64
	for id := range want {
		if _, ok := known[id]; !ok {
			ask = append(ask, id)
		}
	}
	if len(ask) > 0 {
		slices.Sort(ask)
		err := tx.query(func(rows *sql.Rows) error {
			var id int64
			var text string
			err := rows.Scan(&id, &text)
			known[id] = text
			return err
		}, fmt.Sprintf("SELECT x.id, x.%s FROM %s j JOIN %s x ON x.id = j.v", column, tx.db.d.eachInt("$1"), table), tx.db.d.ints(ask))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", table, err)
		}
	}
	if !tx.write {
		if tx.texts == nil {
			tx.texts = map[string]map[int64]string{}
		}
		tx.texts[table] = known
	}
	return known, nil
}

// namedConsumer is a consumer with the key of the workload that it names, 0 for
// none.
type namedConsumer struct {
	store.Consumer
	workload int64
}

// namedConsumers reads consumers, and adds the workloads that they name to the
// refs to be read.
func (tx *Tx) namedConsumers(want, refs map[int64]struct{}) (map[int64]namedConsumer, error) {
	out := make(map[int64]namedConsumer, len(want))
	err := tx.query(func(rows *sql.Rows) error {
		var id int64
		var c namedConsumer
		err := rows.Scan(&id, &c.Kind, &c.Name, &c.Network, &c.Agent, &c.workload)
		if out[id] = c; c.workload != 0 {
			refs[c.workload] = struct{}{}
		}
		return err
	}, "SELECT c.id, c.kind, c.name, c.network, c.agent, COALESCE(c.workload, 0) FROM "+tx.db.d.eachInt("$1")+" j JOIN usage_consumers c ON c.id = j.v",
		tx.db.d.ints(slices.Sorted(maps.Keys(want))))
	if err != nil {
		return nil, fmt.Errorf("read consumers: %w", err)
	}
	return out, nil
}

func (tx *Tx) namedRefs(want map[int64]struct{}) (map[int64]retinue.Ref, error) {
	names := make(map[int64]retinue.Ref, len(want))
	err := tx.query(func(rows *sql.Rows) error {
		var id int64
		var r retinue.Ref
		err := rows.Scan(&id, &r.Realm, &r.Kind, &r.Key)
		names[id] = r
		return err
	}, "SELECT r.id, m.realm, r.kind, r.key FROM "+tx.db.d.eachInt("$1")+" j JOIN refs r ON r.id = j.v JOIN realms m ON m.id = r.realm_id",
		tx.db.d.ints(slices.Sorted(maps.Keys(want))))
	if err != nil {
		return nil, fmt.Errorf("read refs: %w", err)
	}
	return names, nil
}
