package sqlstore

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// A log of a forge, or of a cloud that takes the forge's tokens, knows a
// repository by its address; who reads the repository itself knows it by its
// first commit, which no move changes. The addresses that the repository's own
// configuration names lead from one to the other.
//
// Forges do not tell capital letters of an address from small ones, and a
// configuration may have it as somebody typed it. Hosts that do tell them apart are
// possible: of several repositories whose addresses differ in nothing else, only the
// one that is spelled as the log has it is meant.
const originRealm = "git:origin="

// repositories are the addresses of those that are known, and the addresses that
// logs name.
type repositories struct {
	// known are the realms that have an address, by the folded address and then by
	// the address as it is spelled.
	known map[string]map[string][]retinue.Realm
	// of are the folded addresses of a realm.
	of map[retinue.Realm][]string
	// logged are the realms "git:origin=ADDRESS" that there are, by folded address.
	logged map[string][]retinue.Realm
}

// meant returns the repositories that an address of a log means.
func (r *repositories) meant(address string) []retinue.Realm {
	spelled := r.known[strings.ToLower(address)]
	if exact := spelled[address]; len(exact) > 0 {
		return exact
	}
	var out []retinue.Realm
	for _, realms := range spelled {
		for _, realm := range realms {
			if !slices.Contains(out, realm) {
				out = append(out, realm)
			}
		}
	}
	if len(spelled) > 1 && len(out) > 1 {
		return nil // which of them cannot be told
	}
	return out
}

// add notes that a realm has an address.
func (r *repositories) add(realm retinue.Realm, address string) {
	folded := strings.ToLower(address)
	if r.known[folded] == nil {
		r.known[folded] = map[string][]retinue.Realm{}
	}
	if list := r.known[folded][address]; !slices.Contains(list, realm) {
		r.known[folded][address] = append(list, realm)
	}
	if !slices.Contains(r.of[realm], folded) {
		r.of[realm] = append(r.of[realm], folded)
	}
}

// repositories reads what is known of repositories and their addresses, once a
// transaction.
func (tx *Tx) repositories() (*repositories, error) {
	if tx.addresses != nil {
		return tx.addresses, nil
	}
	out := &repositories{known: map[string]map[string][]retinue.Realm{}, of: map[retinue.Realm][]string{}, logged: map[string][]retinue.Realm{}}
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
				out.add(realm, address)
			}
		}
		return nil
	}, `SELECT m.realm, f.body FROM realms m JOIN refs r ON r.realm_id = m.id JOIN facts f ON f.ref_id = r.id
		WHERE m.realm LIKE 'git:%' AND f.type = $1 AND f.rev_to IS NULL ORDER BY f.id`, store.TypeIndex(retinue.FactContainer))
	if err != nil {
		return nil, fmt.Errorf("read addresses of repositories: %w", err)
	}
	err = tx.query(func(rows *sql.Rows) error {
		var realm retinue.Realm
		err := rows.Scan(&realm)
		folded := strings.ToLower(strings.TrimPrefix(string(realm), originRealm))
		out.logged[folded] = append(out.logged[folded], realm)
		return err
	}, "SELECT realm FROM realms WHERE realm LIKE '"+originRealm+"%' ORDER BY realm")
	if err != nil {
		return nil, fmt.Errorf("read addresses that logs name: %w", err)
	}
	tx.addresses = out
	return out, nil
}

// byAddress are the refs by which logs name things of a repository, given those of
// its own realm.
func (tx *Tx) byAddress(refs []retinue.Ref) ([]retinue.Ref, error) {
	var out []retinue.Ref
	for _, r := range refs {
		if r.Realm.Kind() != "git" {
			continue
		}
		known, err := tx.repositories()
		if err != nil {
			return nil, err
		}
		for _, folded := range known.of[r.Realm] {
			for _, realm := range known.logged[folded] {
				if realm != r.Realm && slices.Contains(known.meant(strings.TrimPrefix(string(realm), originRealm)), r.Realm) {
					out = append(out, retinue.NewRef(realm, r.Kind, r.Key))
				}
			}
		}
	}
	return out, nil
}

// byFirstCommit finds the things that refs of addresses stand for, as far as they
// are known.
func (tx *Tx) byFirstCommit(refs []retinue.Ref) (map[retinue.Ref]refRow, error) {
	known, err := tx.repositories()
	if err != nil {
		return nil, err
	}
	var hashes []store.Hash
	of := map[store.Hash][]retinue.Ref{}
	for _, r := range refs {
		for _, realm := range known.meant(strings.TrimPrefix(string(r.Realm), originRealm)) {
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
	}, `SELECT f.id, q.realm, f.kind, f.key FROM usage_touched u CROSS JOIN refs f JOIN realms q ON q.id = f.realm_id
		WHERE f.id = u.ref_id AND f.entity_id IS NULL AND q.realm LIKE '`+originRealm+`%'`)
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
