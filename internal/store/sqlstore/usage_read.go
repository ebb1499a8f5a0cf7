package sqlstore

import (
	"database/sql"
	"fmt"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/store"
)

// usageColumns are what a behaviour says, with the refs that it names joined.
const usageColumns = `b.id, wl.word, br.realm, b.class, wa.word, wm.word, wo.word, wr.word, wc.word, b.outcome, b.flags, b.first_seen,
	c.kind, c.name, c.network, c.agent, b.identity, b.credential, b.via, b.behalf, b.resource, c.workload`

const usageFrom = ` FROM usage_behaviours b JOIN realms br ON br.id = b.realm_id JOIN usage_consumers c ON c.id = b.consumer
	JOIN usage_words wl ON wl.id = b.log JOIN usage_words wa ON wa.id = b.action JOIN usage_words wm ON wm.id = b.more
	JOIN usage_words wo ON wo.id = b.operation JOIN usage_words wr ON wr.id = b.region JOIN usage_words wc ON wc.id = b.context `

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
	var ids []int64
	var own []retinue.Ref
	err := tx.query(func(rows *sql.Rows) error {
		var id int64
		var r retinue.Ref
		err := rows.Scan(&id, &r.Realm, &r.Kind, &r.Key)
		ids, own = append(ids, id), append(own, r)
		return err
	}, "SELECT r.id, m.realm, r.kind, r.key FROM refs r JOIN realms m ON m.id = r.realm_id WHERE r.entity_id = $1", entity)
	if err != nil {
		return nil, err
	}
	keys, err := tx.byAddress(own)
	if err != nil {
		return nil, err
	}
	err = tx.query(func(rows *sql.Rows) error {
		var kind, value string
		err := rows.Scan(&kind, &value)
		keys = append(keys, store.KeyRef(kind, value))
		return err
	}, "SELECT k.kind, k.value FROM credential_keys k WHERE k.ref_id IN (SELECT v FROM "+tx.db.d.eachInt("$1")+" j)", tx.db.d.ints(ids))
	if err != nil || len(keys) == 0 {
		return ids, err
	}
	hashes := make([]store.Hash, len(keys))
	for i, k := range keys {
		hashes[i] = store.HashRef(k)
	}
	known, err := tx.lookupRefs(hashes)
	for _, r := range known {
		ids = append(ids, r.id)
	}
	slices.Sort(ids)
	return slices.Compact(ids), err
}

// Usage returns everything that was counted of an identity or credential, or of
// what went through it, by behaviour, the whole of its history.
func (tx *Tx) Usage(id retinue.EntityID) ([]store.Used, error) {
	e, err := tx.EntityKey(id)
	if err != nil {
		return nil, err
	}
	return tx.usageOf(e)
}

func (tx *Tx) usageOf(entity int64) ([]store.Used, error) {
	refs, err := tx.subjectRefs(entity)
	if err != nil {
		return nil, fmt.Errorf("read usage: %w", err)
	}
	list := tx.db.d.ints(refs)
	each := "(SELECT v FROM " + tx.db.d.eachInt("$1") + " j)"
	return tx.usedWhere("WHERE b.id IN (SELECT id FROM usage_behaviours WHERE identity IN "+each+
		" UNION SELECT id FROM usage_behaviours WHERE credential IN "+each+" UNION SELECT id FROM usage_behaviours WHERE via IN "+each+")", list)
}

// used reads behaviours with their counts.
func (tx *Tx) usedWhere(where string, args ...any) ([]store.Used, error) {
	var out []store.Used
	var refs [][6]sql.NullInt64
	index := map[int64]int{}
	err := tx.query(func(rows *sql.Rows) error {
		var u store.Used
		var r [6]sql.NullInt64
		var flags, first int64
		b := &u.Behaviour
		err := rows.Scan(&u.Key, &b.Log, &b.Realm, &b.Class, &b.Action, &b.More, &b.Operation, &b.Region, &b.Context, &b.Outcome, &flags, &first,
			&b.Consumer.Kind, &b.Consumer.Name, &b.Consumer.Network, &b.Consumer.Agent, &r[0], &r[1], &r[2], &r[3], &r[4], &r[5])
		b.SetFlags(flags)
		u.FirstSeen = observed(first)
		index[u.Key] = len(out)
		out, refs = append(out, u), append(refs, r)
		return err
	}, "SELECT "+usageColumns+usageFrom+where+" ORDER BY b.id", args...)
	if err != nil {
		return nil, fmt.Errorf("read behaviours: %w", err)
	}
	if err := tx.nameUsed(out, refs); err != nil {
		return nil, err
	}
	err = tx.countUsed(out, index)
	// Ways of use outlive their counts, which are deleted with age.
	return slices.DeleteFunc(out, func(u store.Used) bool { return len(u.Months) == 0 }), err
}

// nameUsed fills the refs of behaviours.
func (tx *Tx) nameUsed(out []store.Used, refs [][6]sql.NullInt64) error {
	want := map[int64]struct{}{}
	for _, r := range refs {
		for _, x := range r {
			if x.Valid {
				want[x.Int64] = struct{}{}
			}
		}
	}
	names, err := tx.namedRefs(want)
	if err != nil {
		return err
	}
	for i, r := range refs {
		b := &out[i].Behaviour
		for j, to := range []*retinue.Ref{&b.Identity, &b.Credential, &b.Via, &b.Behalf, &b.Resource, &b.Consumer.Workload} {
			if r[j].Valid {
				*to = names[r[j].Int64]
			}
		}
	}
	return nil
}

func (tx *Tx) namedRefs(want map[int64]struct{}) (map[int64]retinue.Ref, error) {
	ids := make([]int64, 0, len(want))
	for id := range want {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	names := make(map[int64]retinue.Ref, len(ids))
	err := tx.query(func(rows *sql.Rows) error {
		var id int64
		var r retinue.Ref
		err := rows.Scan(&id, &r.Realm, &r.Kind, &r.Key)
		names[id] = r
		return err
	}, "SELECT r.id, m.realm, r.kind, r.key FROM "+tx.db.d.eachInt("$1")+" j JOIN refs r ON r.id = j.v JOIN realms m ON m.id = r.realm_id", tx.db.d.ints(ids))
	if err != nil {
		return nil, fmt.Errorf("read refs: %w", err)
	}
	return names, nil
}

// countUsed fills the months of behaviours, from what is packed and what is not.
func (tx *Tx) countUsed(out []store.Used, index map[int64]int) error {
	ids := make([]int64, len(out))
	for i := range out {
		ids[i] = out[i].Key
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
	var hours []int64
	err := tx.query(func(rows *sql.Rows) error {
		var h int64
		err := rows.Scan(&h)
		hours = append(hours, h)
		return err
	}, `WITH RECURSIVE h (v) AS (SELECT min(hour) FROM usage_hours
		UNION ALL SELECT (SELECT min(u.hour) FROM usage_hours u WHERE u.hour > h.v) FROM h WHERE h.v IS NOT NULL)
		SELECT v FROM h WHERE v IS NOT NULL`)
	return hours, err
}
