package postgres

import (
	"encoding/json"
	"fmt"

	"github.com/retinue-id/retinue"
)

// put decodes a row of a section that covers the whole server and states it.
// Both the live path and the catalog JSON come through here.
func (w *writer) put(name string, row []byte) error {
	switch name {
	case "roles":
		return decodeRow(name, row, w.role)
	case "auth_members":
		return decodeRow(name, row, w.member)
	case "passwords":
		return decodeRow(name, row, w.password)
	case "databases":
		return decodeRow(name, row, func(d database) error { return w.database(w.scope("databases"), d) })
	case "tablespaces":
		return decodeRow(name, row, func(o object) error { return w.object(w.scope("tablespaces"), "", o) })
	case "parameters":
		return decodeRow(name, row, func(o object) error { return w.object(w.scope("parameters"), "", o) })
	case "sessions":
		return decodeRow(name, row, w.session)
	}
	return fmt.Errorf("%w: section %q of the server", retinue.ErrInvalid, name)
}

// putIn is put for a section of one database.
func (w *writer) putIn(db, name string, row []byte) error {
	switch name {
	case "schemas":
		return decodeRow(name, row, func(n namespace) error { return w.schema(db, n) })
	case "relations":
		return decodeRow(name, row, func(r relation) error { return w.relation(db, r) })
	case "functions":
		return decodeRow(name, row, func(r routine) error { return w.routine(db, r) })
	case "types", "languages", "wrappers", "servers":
		return decodeRow(name, row, func(o object) error { return w.object(w.objectScope(db, o.System), db, o) })
	case "default_acl":
		return decodeRow(name, row, func(d defaultACL) error { return w.defaultACL(db, d) })
	case "mappings":
		return decodeRow(name, row, func(m userMapping) error { return w.mapping(db, m) })
	}
	return fmt.Errorf("%w: section %q of a database", retinue.ErrInvalid, name)
}

func decodeRow[T any](section string, row []byte, use func(T) error) error {
	var v T
	if err := json.Unmarshal(row, &v); err != nil {
		return fmt.Errorf("%w: section %s: row: %v", retinue.ErrInvalid, section, err)
	}
	if err := use(v); err != nil {
		return sinkError{err}
	}
	return nil
}

// sinkError marks an error of the sink, which ends the run, among those of a
// row, which do not.
type sinkError struct{ error }

// Unwrap returns the sink's error.
func (e sinkError) Unwrap() error { return e.error }
