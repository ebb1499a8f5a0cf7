package sqlstore

import (
	"database/sql"
	"fmt"

	"github.com/retinue-id/retinue"
)

// KeyHomes returns the realms of the things in force that are known by a key: of the
// credential itself, and of what holds a copy of it, in order.
func (tx *Tx) KeyHomes(j retinue.JoinKey) ([]retinue.Realm, error) {
	var out []retinue.Realm
	err := tx.query(func(rows *sql.Rows) error {
		var realm string
		err := rows.Scan(&realm)
		out = append(out, retinue.Realm(realm))
		return err
	}, `SELECT DISTINCT m.realm FROM credential_keys k JOIN refs r ON r.id = k.ref_id JOIN realms m ON m.id = r.realm_id
		WHERE k.kind = $1 AND k.value = $2 AND EXISTS (SELECT 1 FROM facts f WHERE f.ref_id = r.id AND f.rev_to IS NULL) ORDER BY m.realm`, string(j.Kind), j.Value)
	if err != nil {
		return nil, fmt.Errorf("find where a key belongs: %w", err)
	}
	return out, nil
}
