package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/retinue-id/retinue/internal/store"
)

// Reference returns the reference data of a name that was brought in, and false
// where there is none.
func (tx *Tx) Reference(name string) (store.Reference, bool, error) {
	r := store.Reference{Name: name}
	var date, at sql.NullInt64
	err := tx.queryRow("SELECT date, body, recorded_at FROM reference_data WHERE name = $1", name).Scan(&date, &r.Body, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("read reference data: %w", err)
	}
	r.Date, r.RecordedAt = fromMicros(date), fromMicros(at)
	return r, true, nil
}

// SetReference brings in reference data, in place of what there was of the name.
func (tx *Tx) SetReference(r store.Reference) error {
	return tx.exec(`INSERT INTO reference_data (name, date, body, recorded_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (name) DO UPDATE SET date = excluded.date, body = excluded.body, recorded_at = excluded.recorded_at`,
		r.Name, micros(r.Date), r.Body, tx.at.UnixMicro())
}

// DropReference goes back to the copy in the program and reports whether there
// was another.
func (tx *Tx) DropReference(name string) (bool, error) {
	return tx.affects("DELETE FROM reference_data WHERE name = $1", name)
}
