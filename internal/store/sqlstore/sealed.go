package sqlstore

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"

	"github.com/retinue-id/retinue/internal/store"
)

// sealedColumn is a column with sealed values. Rows are named as the places
// that are authenticated with the values name them.
type sealedColumn struct {
	table, column string
	// list selects row and value of the rows that follow $1, in the order of
	// rows; get the value of the row $1, locked; set writes $2 there.
	list, get, set string
	// most is how many values are listed at once, where they are large.
	most int
}

// large lists few values at once: each may be as large as a sealed value can be.
func large(c sealedColumn) sealedColumn {
	c.most = 16
	return c
}

// sealedColumns lists every column that holds sealed values. Of two parts, as
// of the secrets of sources, a row's name is both with a slash between.
func sealedColumns() []sealedColumn {
	simple := func(table, column, id string) sealedColumn {
		return sealedColumn{table: table, column: column,
			list: fmt.Sprintf("SELECT %s, %s FROM %s WHERE %s IS NOT NULL AND %s > $1 ORDER BY %s LIMIT $2", id, column, table, column, id, id),
			get:  fmt.Sprintf("SELECT %s FROM %s WHERE %s = $1", column, table, id),
			set:  fmt.Sprintf("UPDATE %s SET %s = $2 WHERE %s = $1", table, column, id)}
	}
	return []sealedColumn{
		simple("accounts", "totp", "public_id"),
		simple("collectors", "signing", "public_id"),
		simple("outlets", "sealed", "public_id"),
		{table: "source_hooks", column: "sealed",
			list: `SELECT s.public_id, h.sealed FROM source_hooks h JOIN sources s ON s.id = h.source_id WHERE s.public_id > $1 ORDER BY s.public_id LIMIT $2`,
			get:  `SELECT h.sealed FROM source_hooks h JOIN sources s ON s.id = h.source_id WHERE s.public_id = $1`,
			set:  `UPDATE source_hooks SET sealed = $2 WHERE source_id = (SELECT id FROM sources WHERE public_id = $1)`},
		{table: "source_secrets", column: "sealed",
			list: `SELECT s.public_id || '/' || x.name, x.sealed FROM source_secrets x JOIN sources s ON s.id = x.source_id
				WHERE s.public_id || '/' || x.name > $1 ORDER BY s.public_id || '/' || x.name LIMIT $2`,
			get: `SELECT x.sealed FROM source_secrets x JOIN sources s ON s.id = x.source_id WHERE s.public_id || '/' || x.name = $1`,
			set: `UPDATE source_secrets SET sealed = $2 WHERE EXISTS (SELECT 1 FROM sources s WHERE s.id = source_secrets.source_id AND s.public_id || '/' || source_secrets.name = $1)`},
		simple("sso_providers", "client_secret", "public_id"),
		large(simple("usage_events", "sealed", "name")),
		simple("usage_unknown", "sealed", "name"),
	}
}

// Sealed lists up to limit sealed values that follow a table and row, in one
// order; an empty table is the beginning. There are no more where it lists none.
func (tx *Tx) Sealed(table, row string, limit int) ([]store.SealedValue, error) {
	var out []store.SealedValue
	for _, c := range sealedColumns() {
		if c.table < table {
			continue
		}
		after := ""
		if c.table == table {
			after = row
		}
		listed, most := 0, limit-len(out)
		if c.most > 0 {
			most = min(most, c.most)
		}
		err := tx.query(func(rows *sql.Rows) error {
			listed++
			v := store.SealedValue{Table: c.table, Column: c.column}
			err := rows.Scan(&v.Row, &v.Sealed)
			if len(v.Sealed) > 0 {
				out = append(out, v)
			}
			return err
		}, c.list, after, most)
		if err != nil {
			return nil, fmt.Errorf("list sealed values: %w", err)
		}
		if listed == most {
			break
		}
	}
	return out, nil
}

// Reseal replaces a sealed value by the same one under another key, unless it
// was changed meanwhile, which it reports as false: what was set since is under
// the current key.
func (tx *Tx) Reseal(v store.SealedValue, sealed []byte) (bool, error) {
	for _, c := range sealedColumns() {
		if c.table != v.Table || c.column != v.Column {
			continue
		}
		lock := ""
		if tx.db.d.name() == "postgres" {
			lock = " FOR UPDATE"
		}
		var have []byte
		switch err := tx.queryRow(c.get+lock, v.Row).Scan(&have); {
		case errors.Is(err, sql.ErrNoRows):
			return false, nil
		case err != nil:
			return false, fmt.Errorf("seal %s again: %w", v.Table, err)
		case !bytes.Equal(have, v.Sealed):
			return false, nil
		}
		return true, tx.exec(c.set, v.Row, sealed)
	}
	return false, fmt.Errorf("seal again: no sealed column %s.%s", v.Table, v.Column)
}
