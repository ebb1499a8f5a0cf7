package sqlstore

import (
	"database/sql"
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// A log of a forge, or of a cloud that takes the forge's tokens, knows a
// repository by its address; who reads the repository itself knows it by its
// first commit, which no move changes. The addresses that the repository's own
// configuration names lead from one to the other.
const originRealm = "git:origin="

// remotes returns the addresses of each repository whose realm is that of its
// first commit. They are read once a transaction.
func (tx *Tx) remotes() (map[retinue.Realm][]string, error) {
	if tx.addresses != nil {
		return tx.addresses, nil
	}
	out := map[retinue.Realm][]string{}
	err := tx.query(func(rows *sql.Rows) error {
		var realm retinue.Realm
		var body []byte
		if err := rows.Scan(&realm, &body); err != nil {
			return err
		}
		fact, err := retinue.DecodeFact(retinue.FactContainer, body)
		if err != nil {
			return err
		}
		c, _ := fact.(retinue.Container)
		list, _ := c.Attrs["remotes"].([]any)
		for _, x := range list {
			if address, ok := x.(string); ok && address != "" {
				out[realm] = append(out[realm], address)
			}
		}
		return nil
	}, `SELECT m.realm, f.body FROM realms m JOIN refs r ON r.realm_id = m.id JOIN facts f ON f.ref_id = r.id
		WHERE m.realm LIKE 'git:%' AND m.realm NOT LIKE '`+originRealm+`%' AND f.type = $1 AND f.rev_to IS NULL`, store.TypeIndex(retinue.FactContainer))
	if err != nil {
		return nil, fmt.Errorf("read addresses of repositories: %w", err)
	}
	tx.addresses = out
	return out, nil
}

// byAddress are the refs by which logs name things of a repository, given those of
// its own realm.
func (tx *Tx) byAddress(refs []retinue.Ref) ([]retinue.Ref, error) {
	var out []retinue.Ref
	for _, r := range refs {
		if r.Realm.Kind() != "git" || strings.HasPrefix(string(r.Realm), originRealm) {
			continue
		}
		known, err := tx.remotes()
		if err != nil {
			return nil, err
		}
		for _, address := range known[r.Realm] {
			out = append(out, retinue.NewRef(retinue.Realm(originRealm+address), r.Kind, r.Key))
		}
	}
	return out, nil
}

// byFirstCommit finds the things that refs of addresses stand for, as far as they
// are known.
func (tx *Tx) byFirstCommit(refs []retinue.Ref) (map[retinue.Ref]refRow, error) {
	known, err := tx.remotes()
	if err != nil {
		return nil, err
	}
	realms := map[string][]retinue.Realm{}
	for realm, list := range known {
		for _, address := range list {
			realms[address] = append(realms[address], realm)
		}
	}
	var hashes []store.Hash
	of := map[store.Hash][]retinue.Ref{}
	for _, r := range refs {
		for _, realm := range realms[strings.TrimPrefix(string(r.Realm), originRealm)] {
			h := store.HashRef(retinue.NewRef(realm, r.Kind, r.Key))
			if of[h] == nil {
				hashes = append(hashes, h)
			}
			of[h] = append(of[h], r)
		}
	}
	rows, err := tx.lookupRefs(hashes)
	if err != nil {
		return nil, err
	}
	out := make(map[retinue.Ref]refRow, len(rows))
	for h, row := range rows {
		for _, r := range of[h] {
			if row.entity != 0 {
				out[r] = row
			}
		}
	}
	return out, nil
}

// leadTouched has use that was counted under a repository's address make the
// things due that it is of.
func (tx *Tx) leadTouched() error {
	var refs []retinue.Ref
	var ids []int64
	err := tx.query(func(rows *sql.Rows) error {
		var id int64
		var r retinue.Ref
		err := rows.Scan(&id, &r.Realm, &r.Kind, &r.Key)
		refs, ids = append(refs, r), append(ids, id)
		return err
	}, `SELECT f.id, q.realm, f.kind, f.key FROM usage_touched u JOIN refs f ON f.id = u.ref_id JOIN realms q ON q.id = f.realm_id
		WHERE f.entity_id IS NULL AND q.realm LIKE '`+originRealm+`%'`)
	if err != nil || len(ids) == 0 {
		return err
	}
	found, err := tx.byFirstCommit(refs)
	if err != nil {
		return err
	}
	var targets []int64
	for _, row := range found {
		targets = append(targets, row.id)
	}
	if len(targets) > 0 {
		err = tx.exec("INSERT INTO usage_touched (ref_id, lane) SELECT j.v, 0 FROM "+tx.db.d.eachInt("$1")+" j WHERE true ON CONFLICT DO NOTHING", tx.db.d.ints(targets))
		if err != nil {
			return err
		}
	}
	// Of those that are not known nobody is due: who is listed later has no verdict yet.
	return tx.exec("DELETE FROM usage_touched WHERE ref_id IN (SELECT v FROM "+tx.db.d.eachInt("$1")+" j)", tx.db.d.ints(ids))
}
