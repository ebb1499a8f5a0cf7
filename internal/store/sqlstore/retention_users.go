package sqlstore

import (
	"crypto/rand"
	"database/sql"
	"maps"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// purgeUsers takes the name of a person out of what logs counted: as a consumer,
// and as the key, whole or after the last slash, by which logs and sources named
// what is gone or never was listed. What was counted stays, as somebody's. Hashes
// go as well, by which a name could be tried; logs that name the person again are
// counted anew.
//
// It returns the words by which the person is still to be looked for: their own,
// and the networks that were theirs alone.
func (tx *Tx) purgeUsers(words []string, mask func(string) string) (e *eraser, refs, consumers int64, err error) {
	list := tx.db.d.list(words)
	named, err := tx.refsNamed(list)
	if err != nil {
		return nil, 0, 0, err
	}
	networks, err := tx.networksOf(list, slices.Sorted(maps.Keys(named)))
	if err != nil {
		return nil, 0, 0, err
	}
	e = newEraser(append(networks, words...), mask)
	refs, consumers, err = tx.purgeNames(e, named, list)
	return e, refs, consumers, err
}

// purgeNames takes names out of refs, and out of what used something.
func (tx *Tx) purgeNames(e *eraser, named map[int64]retinue.Ref, words any) (refs, consumers int64, err error) {
	using, err := tx.ints("SELECT id FROM usage_consumers WHERE lower(name) IN (SELECT v FROM "+tx.db.d.each("$1")+" j) ORDER BY id", words)
	if err != nil {
		return 0, 0, err
	}
	ids := make([]int64, 0, len(named))
	for id, r := range named {
		r.Key = Erased + " " + retinue.NewID("", tx.at)
		hash := store.HashRef(r)
		if err := tx.exec("UPDATE refs SET key = $1, hash = $2 WHERE id = $3", r.Key, hash[:], id); err != nil {
			return 0, 0, err
		}
		ids = append(ids, id)
	}
	for _, id := range using {
		if err := tx.exec("UPDATE usage_consumers SET name = $1, hash = $2 WHERE id = $3", Erased, unguessable(), id); err != nil {
			return 0, 0, err
		}
	}
	more, err := tx.purgeNetworks(e)
	if err != nil {
		return 0, 0, err
	}
	for _, id := range more {
		if !slices.Contains(using, id) {
			using = append(using, id)
		}
	}
	list := "(SELECT v FROM " + tx.db.d.eachInt("$1") + " j)"
	behaviours, err := tx.ints(`SELECT id FROM usage_behaviours WHERE identity IN `+list+` OR credential IN `+list+` OR via IN `+list+` OR behalf IN `+list+`
		OR resource IN `+list+` OR consumer IN (SELECT v FROM `+tx.db.d.eachInt("$2")+` k) ORDER BY id`, tx.db.d.ints(ids), tx.db.d.ints(using))
	if err != nil {
		return 0, 0, err
	}
	for _, id := range behaviours {
		if err := tx.exec("UPDATE usage_behaviours SET hash = $1 WHERE id = $2", unguessable(), id); err != nil {
			return 0, 0, err
		}
	}
	return int64(len(ids)), int64(len(using)), nil
}

// refsNamed are the refs, by key, that end in one of some words and are of
// nothing that is there.
func (tx *Tx) refsNamed(words any) (map[int64]retinue.Ref, error) {
	out := map[int64]retinue.Ref{}
	err := tx.query(func(rows *sql.Rows) error {
		var id int64
		var r retinue.Ref
		err := rows.Scan(&id, &r.Realm, &r.Kind, &r.Key)
		out[id] = r
		return err
	}, `SELECT r.id, m.realm, r.kind, r.key FROM refs r JOIN realms m ON m.id = r.realm_id
		WHERE (r.entity_id IS NULL OR r.entity_id IN (SELECT id FROM entities WHERE gone_at IS NOT NULL))
		AND EXISTS (SELECT 1 FROM `+tx.db.d.each("$1")+` j WHERE lower(r.key) = j.v
			OR length(r.key) > length(j.v) AND substr(lower(r.key), length(r.key) - length(j.v)) = '/' || j.v)`, words)
	return out, err
}

// unguessable stands where the hash of a name was.
func unguessable() []byte {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails on supported systems
	return b[:]
}
