package sqlstore

import (
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/store"
)

// UsageInput returns where the reading of an input stands, the zero Position
// where it was never read.
func (tx *Tx) UsageInput(input string) (connector.Position, error) {
	var p connector.Position
	var done int64
	err := tx.queryRow("SELECT pos, cursor, digest, done FROM usage_inputs WHERE hash = $1", inputHash(input)).Scan(&p.Offset, &p.Cursor, &p.Digest, &done)
	if isNoRows(err) {
		return connector.Position{}, nil
	}
	if err != nil {
		return p, fmt.Errorf("read position: %w", err)
	}
	p.Done = done == 1
	return p, nil
}

// subjectRefs are the keys of all refs by which a log may have named a thing:
// its own, those joined to it, for a thing of a repository those by the
// repository's address, and for a credential the ids and hashes that logs give in
// place of a name.
func (tx *Tx) subjectRefs(entity int64) ([]int64, error) {
	refs, err := tx.refsOfSubjects([]int64{entity})
	return refs[entity], err
}

// refsOfSubjects are the subjectRefs of several things.
func (tx *Tx) refsOfSubjects(entities []int64) (map[int64][]int64, error) {
	out := make(map[int64][]int64, len(entities))
	owner := make(map[int64]int64, len(entities))
	var ids []int64
	repository := map[int64][]retinue.Ref{}
	err := tx.query(func(rows *sql.Rows) error {
		var entity, id int64
		var r retinue.Ref
		if err := rows.Scan(&entity, &id, &r.Realm, &r.Kind, &r.Key); err != nil {
			return err
		}
		ids, owner[id], out[entity] = append(ids, id), entity, append(out[entity], id)
		if r.Realm.Kind() == "git" {
			repository[entity] = append(repository[entity], r)
		}
		return nil
	}, "SELECT r.entity_id, r.id, m.realm, r.kind, r.key FROM "+tx.db.d.eachInt("$1")+" j JOIN refs r ON r.entity_id = j.v JOIN realms m ON m.id = r.realm_id ORDER BY r.id", tx.db.d.ints(entities))
	if err != nil {
		return nil, err
	}
	named := map[store.Hash][]int64{} // whom a ref names besides
	for entity, list := range repository {
		addresses, err := tx.byAddress(list)
		if err != nil {
			return nil, err
		}
		for _, r := range addresses {
			h := store.HashRef(r)
			named[h] = append(named[h], entity)
		}
	}
	err = tx.query(func(rows *sql.Rows) error {
		var ref int64
		var kind, value string
		err := rows.Scan(&ref, &kind, &value)
		h := store.HashRef(store.KeyRef(kind, value))
		named[h] = append(named[h], owner[ref])
		return err
	}, "SELECT k.ref_id, k.kind, k.value FROM "+tx.db.d.eachInt("$1")+" j JOIN credential_keys k ON k.ref_id = j.v", tx.db.d.ints(ids))
	if err != nil {
		return nil, err
	}
	known, err := tx.lookupRefs(slices.Collect(maps.Keys(named)))
	if err != nil {
		return nil, err
	}
	for h, r := range known {
		for _, entity := range named[h] {
			out[entity] = append(out[entity], r.id)
		}
	}
	for entity, list := range out {
		slices.Sort(list)
		out[entity] = slices.Compact(list)
	}
	return out, nil
}

// Usage returns everything that was counted of an identity or credential, or of
// what went through it, by behaviour, the whole of its history.
func (tx *Tx) Usage(id retinue.EntityID) ([]store.Used, error) {
	if a := tx.ahead.of(id); a != nil {
		return a.used, nil
	}
	entity, err := tx.EntityKey(id)
	if err != nil {
		return nil, err
	}
	refs, err := tx.refsOfSubjects([]int64{entity})
	if err != nil {
		return nil, fmt.Errorf("read usage: %w", err)
	}
	ways, err := tx.waysOf(refs)
	if err != nil {
		return nil, err
	}
	return tx.usedOf(ways[entity].ids)
}

// ways are the keys of the behaviours of a thing: all, sorted, and those in which
// it acted itself, not merely what went through it.
type ways struct {
	ids    []int64
	direct map[int64]bool
}

// waysOf finds the behaviours of things by their refs.
func (tx *Tx) waysOf(refs map[int64][]int64) (map[int64]ways, error) {
	owners := map[int64][]int64{}
	for entity, list := range refs {
		for _, r := range list {
			owners[r] = append(owners[r], entity)
		}
	}
	list := tx.db.d.ints(slices.Sorted(maps.Keys(owners)))
	out := make(map[int64]ways, len(refs))
	one := func(direct int64, column string) string {
		return fmt.Sprintf("SELECT j.v AS ref, b.id, %d AS direct FROM %s j JOIN usage_behaviours b ON b.%s = j.v", direct, tx.db.d.eachInt("$1"), column)
	}
	err := tx.query(func(rows *sql.Rows) error {
		var ref, id, direct int64
		if err := rows.Scan(&ref, &id, &direct); err != nil {
			return err
		}
		for _, entity := range owners[ref] {
			w := out[entity]
			if w.direct == nil {
				w.direct = map[int64]bool{}
			}
			if was, known := w.direct[id]; !known || !was {
				w.direct[id] = direct == 1
			}
			out[entity] = w
		}
		return nil
	}, one(1, "identity")+" UNION ALL "+one(1, "credential")+" UNION ALL "+one(0, "via"), list)
	if err != nil {
		return nil, fmt.Errorf("find behaviours: %w", err)
	}
	for entity, w := range out {
		w.ids = slices.Sorted(maps.Keys(w.direct))
		out[entity] = w
	}
	return out, nil
}

// usedOf reads behaviours with their counts, in the order of their keys.
func (tx *Tx) usedOf(ids []int64) ([]store.Used, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return tx.usedFrom(tx.db.d.eachInt("$1")+" j JOIN usage_behaviours b ON b.id = j.v", tx.db.d.ints(ids))
}

// usedRow are the keys of what a behaviour names.
type usedRow struct {
	words    [6]int64 // log, action, more, operation, region, context
	realm    int64
	consumer int64
	refs     [5]int64 // identity, credential, via, behalf, resource; 0 for none
}

const usedColumns = `b.id, b.log, b.action, b.more, b.operation, b.region, b.context, b.realm_id, b.consumer, COALESCE(b.identity, 0), COALESCE(b.credential, 0),
	COALESCE(b.via, 0), COALESCE(b.behalf, 0), COALESCE(b.resource, 0), b.class, b.outcome, b.flags, b.first_seen`

// usedFrom reads the behaviours b of tables, with their counts. What they name is
// read apart, since many name the same.
func (tx *Tx) usedFrom(tables string, args ...any) ([]store.Used, error) {
	var out []store.Used
	var named []usedRow
	err := tx.query(func(rows *sql.Rows) error {
		var u store.Used
		var r usedRow
		var flags, first int64
		b, w := &u.Behaviour, &r.words
		err := rows.Scan(&u.Key, &w[0], &w[1], &w[2], &w[3], &w[4], &w[5], &r.realm, &r.consumer, &r.refs[0], &r.refs[1], &r.refs[2], &r.refs[3], &r.refs[4],
			&b.Class, &b.Outcome, &flags, &first)
		b.SetFlags(flags)
		u.FirstSeen = observed(first)
		out, named = append(out, u), append(named, r)
		return err
	}, "SELECT "+usedColumns+" FROM "+tables+" ORDER BY b.id", args...)
	if err != nil {
		return nil, fmt.Errorf("read behaviours: %w", err)
	}
	if err := tx.nameUsed(out, named); err != nil {
		return nil, err
	}
	err = tx.countUsed(out)
	// Ways of use outlive their counts, which are deleted with age.
	return slices.DeleteFunc(out, func(u store.Used) bool { return len(u.Months) == 0 }), err
}

// countUsed fills the months of behaviours, from what is packed and what is not.
func (tx *Tx) countUsed(out []store.Used) error {
	ids, index := make([]int64, len(out)), make(map[int64]int, len(out))
	for i := range out {
		ids[i], index[out[i].Key] = out[i].Key, i
	}
	list := tx.db.d.ints(ids)
	add := func(behaviour int64, m store.Month) {
		u := &out[index[behaviour]]
		for i := range u.Months {
			if u.Months[i].Month == m.Month {
				u.Months[i].Merge(m)
				return
			}
		}
		u.Months = append(u.Months, m)
	}
	err := tx.query(func(rows *sql.Rows) error {
		var behaviour, month int64
		var body []byte
		if err := rows.Scan(&behaviour, &month, &body); err != nil {
			return err
		}
		m, err := store.UnpackMonth(month, body)
		add(behaviour, m)
		return err
	}, "SELECT p.behaviour, p.month, p.body FROM "+tx.db.d.eachInt("$1")+" j JOIN usage_packed p ON p.behaviour = j.v ORDER BY p.behaviour, p.month", list)
	if err != nil {
		return fmt.Errorf("read packed counts: %w", err)
	}
	hours, err := tx.unpackedHours()
	if err != nil {
		return fmt.Errorf("read hours: %w", err)
	}
	var last int64
	var m store.Month // of the behaviour last, as far as it was read
	done := func() {
		if len(m.Hours) > 0 {
			m.Sum()
			add(last, m)
		}
	}
	err = tx.query(func(rows *sql.Rows) error {
		var behaviour, hour, n, first, end int64
		if err := rows.Scan(&behaviour, &hour, &n, &first, &end); err != nil {
			return err
		}
		if month := store.UsageMonth(hour * 3600); behaviour != last || month != m.Month {
			done()
			last, m = behaviour, store.Month{Month: month, Grain: store.GrainHour}
		}
		t := store.Tally{Hour: hour, N: n, First: hour*3600 + first, Last: hour*3600 + end}
		if l := len(m.Hours); l > 0 && m.Hours[l-1].Hour == hour { // another lane
			p := &m.Hours[l-1]
			p.N, p.First, p.Last = p.N+n, min(p.First, t.First), max(p.Last, t.Last)
			return nil
		}
		m.Hours = append(m.Hours, t)
		return nil
	}, "SELECT h.behaviour, h.hour, h.n, h.first_s, h.last_s FROM usage_hours h WHERE h.hour IN (SELECT v FROM "+tx.db.d.eachInt("$1")+
		" t) AND h.behaviour IN (SELECT v FROM "+tx.db.d.eachInt("$2")+" j) ORDER BY h.behaviour, h.hour", tx.db.d.ints(hours), list)
	if err != nil {
		return fmt.Errorf("read counts: %w", err)
	}
	done()
	return nil
}

// unpackedHours are the hours of which there are counts that are not packed.
func (tx *Tx) unpackedHours() ([]int64, error) {
	if tx.unpacked != nil {
		return tx.unpacked, nil
	}
	hours := []int64{}
	err := tx.query(func(rows *sql.Rows) error {
		var h int64
		err := rows.Scan(&h)
		hours = append(hours, h)
		return err
	}, `WITH RECURSIVE h (v) AS (SELECT min(hour) FROM usage_hours
		UNION ALL SELECT (SELECT min(u.hour) FROM usage_hours u WHERE u.hour > h.v) FROM h WHERE h.v IS NOT NULL)
		SELECT v FROM h WHERE v IS NOT NULL`)
	if err == nil && !tx.write {
		tx.unpacked = hours
	}
	return hours, err
}
