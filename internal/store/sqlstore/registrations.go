package sqlstore

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/retinue-id/retinue/internal/store"
)

// RegistrationVersions returns every version of the governance record of an
// entity, the oldest first.
func (tx *Tx) RegistrationVersions(entity int64) ([]store.RegistrationVersion, error) {
	var out []store.RegistrationVersion
	err := tx.query(func(rows *sql.Rows) error {
		var v store.RegistrationVersion
		var from int64
		var to sql.NullInt64
		var actor, body string
		if err := rows.Scan(&from, &to, &actor, &body); err != nil {
			return err
		}
		v.At, v.Until = observed(from), fromMicros(to)
		if err := json.Unmarshal([]byte(actor), &v.By); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(body), &v.Registration); err != nil {
			return err
		}
		out = append(out, v)
		return nil
	}, "SELECT from_at, to_at, actor, body FROM registrations WHERE entity_id = $1 ORDER BY from_at, id", entity)
	if err != nil {
		return nil, fmt.Errorf("read registrations: %w", err)
	}
	return out, nil
}
