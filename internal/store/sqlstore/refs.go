package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// refRow is a ref as the store keeps it. entity is 0 while no fact about it
// has been seen.
type refRow struct {
	id     int64
	entity int64
	etype  int // the entity's type, where there is one
}

// lookupRefs finds which of the hashes are known.
func (tx *Tx) lookupRefs(hashes []store.Hash) (map[store.Hash]refRow, error) {
	out := make(map[store.Hash]refRow, len(hashes))
	if len(hashes) == 0 {
		return out, nil
	}
	list := make([][]byte, len(hashes))
	for i := range hashes {
		list[i] = hashes[i][:]
	}
	err := tx.query(func(rows *sql.Rows) error {
		var h []byte
		var r refRow
		var entity, etype sql.NullInt64
		if err := rows.Scan(&h, &r.id, &entity, &etype); err != nil {
			return err
		}
		r.entity, r.etype = entity.Int64, int(etype.Int64)
		out[store.Hash(h)] = r
		return nil
	}, `SELECT r.hash, r.id, r.entity_id, e.type FROM `+tx.db.d.eachBytes("$1")+` j
		JOIN refs r ON r.hash = j.v LEFT JOIN entities e ON e.id = r.entity_id`, tx.db.d.bytesList(list))
	if err != nil {
		return nil, fmt.Errorf("look up refs: %w", err)
	}
	return out, nil
}

// realmID interns a realm.
func (tx *Tx) realmID(realm retinue.Realm) (int64, error) {
	if id, ok := tx.realms[realm]; ok {
		return id, nil
	}
	var id int64
	err := tx.queryRow("SELECT id FROM realms WHERE realm = $1", string(realm)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		if !tx.write {
			return 0, fmt.Errorf("%w: realm %s", retinue.ErrNotFound, realm)
		}
		if id, err = tx.db.d.block(tx.ctx, tx.tx, "realms", 1); err != nil {
			return 0, err
		}
		err = tx.exec("INSERT INTO realms (id, realm) VALUES ($1, $2)", id, string(realm))
	}
	if err != nil {
		return 0, fmt.Errorf("look up realm: %w", err)
	}
	if tx.realms != nil {
		tx.realms[realm] = id
	}
	return id, nil
}
