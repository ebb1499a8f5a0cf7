package sqlstore

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

const outletColumns = `SELECT id, public_id, purpose, kind, name, enabled, settings, sealed, secret_names, version, created_at, updated_at,
	cursor_at, failures, next_at, last_ok_at, last_error, last_error_at FROM outlets`

func scanOutlet(row interface{ Scan(...any) error }) (store.Outlet, error) {
	var o store.Outlet
	var id, purpose, settings, names string
	var enabled, created, updated int64
	var next, ok, failed sql.NullInt64
	if err := row.Scan(&o.Key, &id, &purpose, &o.Kind, &o.Name, &enabled, &settings, &o.Sealed, &names, &o.Version, &created, &updated,
		&o.Cursor, &o.Failures, &next, &ok, &o.LastError, &failed); err != nil {
		return o, err
	}
	o.ID, o.Purpose, o.Enabled, o.Settings = retinue.ChannelID(id), store.Purpose(purpose), enabled != 0, json.RawMessage(settings)
	o.CreatedAt, o.UpdatedAt, o.NextAt = observed(created), observed(updated), fromMicros(next)
	o.LastOKAt, o.LastErrorAt = fromMicros(ok), fromMicros(failed)
	return o, json.Unmarshal([]byte(names), &o.SecretNames)
}

// Outlets returns the outlets of a purpose by name, deleted ones left out. An
// empty purpose means all.
func (tx *Tx) Outlets(p store.Purpose) ([]store.Outlet, error) {
	var out []store.Outlet
	err := tx.query(func(rows *sql.Rows) error {
		o, err := scanOutlet(rows)
		out = append(out, o)
		return err
	}, outletColumns+` WHERE gone_at IS NULL AND ($1 = '' OR purpose = $1) ORDER BY purpose, name`, string(p))
	if err != nil {
		return nil, fmt.Errorf("list outlets: %w", err)
	}
	return out, nil
}

// Outlet returns an outlet by its id, or ErrNotFound when there is none or it
// was deleted.
func (tx *Tx) Outlet(p store.Purpose, id retinue.ChannelID) (store.Outlet, error) {
	o, err := scanOutlet(tx.queryRow(outletColumns+` WHERE gone_at IS NULL AND purpose = $1 AND public_id = $2`, string(p), string(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return o, fmt.Errorf("%w: %s %s", retinue.ErrNotFound, p, id)
	}
	return o, err
}

// OutletByKey returns an outlet by its internal key, deleted or not.
func (tx *Tx) OutletByKey(key int64) (store.Outlet, error) {
	o, err := scanOutlet(tx.queryRow(outletColumns+` WHERE id = $1`, key))
	if errors.Is(err, sql.ErrNoRows) {
		return o, fmt.Errorf("%w: outlet %d", retinue.ErrNotFound, key)
	}
	return o, err
}

// CreateOutlet keeps a new outlet and fills in its id, key and times. A name
// that is taken is ErrConflict.
func (tx *Tx) CreateOutlet(o *store.Outlet) error {
	var err error
	if o.Key, err = tx.db.d.block(tx.ctx, tx.tx, "outlets", 1); err != nil {
		return err
	}
	if o.ID == "" {
		o.ID = retinue.NewChannelID(tx.at)
	}
	o.Version, o.CreatedAt, o.UpdatedAt = 1, tx.at, tx.at
	names, err := json.Marshal(nonNil(o.SecretNames))
	if err != nil {
		return err
	}
	err = tx.exec(`INSERT INTO outlets (id, public_id, purpose, kind, name, enabled, settings, sealed, secret_names, version, created_at,
		updated_at, cursor_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $10, $11)`, o.Key, string(o.ID), string(o.Purpose), o.Kind,
		o.Name, flag(o.Enabled), string(o.Settings), nilBytes(o.Sealed), string(names), tx.at.UnixMicro(), o.Cursor)
	return named(err, string(o.Purpose), o.Name)
}

// ChangeOutlet writes an outlet's configuration. ErrConflict says that it is
// no longer of the version that the caller read.
func (tx *Tx) ChangeOutlet(o *store.Outlet) error {
	names, err := json.Marshal(nonNil(o.SecretNames))
	if err != nil {
		return err
	}
	res, err := tx.execResult(`UPDATE outlets SET name = $1, enabled = $2, settings = $3, sealed = $4, secret_names = $5, version = version + 1,
		updated_at = $6, next_at = NULL, failures = 0 WHERE id = $7 AND version = $8 AND gone_at IS NULL`, o.Name, flag(o.Enabled),
		string(o.Settings), nilBytes(o.Sealed), string(names), tx.at.UnixMicro(), o.Key, o.Version)
	if err := named(err, string(o.Purpose), o.Name); err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(fmt.Errorf("%w: change %s %s: somebody else changed it meanwhile", retinue.ErrConflict, o.Purpose, o.Name), err)
	}
	o.Version, o.UpdatedAt = o.Version+1, tx.at
	return nil
}

// DeleteOutlet ends an outlet, forgets its secrets and cancels what waits to
// be sent through it.
func (tx *Tx) DeleteOutlet(key int64) error {
	if err := tx.exec("UPDATE outlets SET gone_at = $1, enabled = 0, sealed = NULL, secret_names = '[]' WHERE id = $2", tx.at.UnixMicro(), key); err != nil {
		return fmt.Errorf("delete outlet: %w", err)
	}
	return tx.exec("UPDATE deliveries SET state = $1, error = 'the channel was deleted' WHERE outlet_id = $2 AND state = $3",
		string(store.DeliveryCancelled), key, string(store.DeliveryWaiting))
}

// OutletWorked notes that an outlet worked, and how far a stream has come.
func (tx *Tx) OutletWorked(key, cursor int64) error {
	return tx.exec(`UPDATE outlets SET failures = 0, next_at = NULL, last_ok_at = $1, last_error = '',
		cursor_at = CASE WHEN $2 > cursor_at THEN $2 ELSE cursor_at END WHERE id = $3`, tx.at.UnixMicro(), cursor, key)
}

// OutletFailed notes that an outlet failed and when it is tried again.
func (tx *Tx) OutletFailed(key int64, cause string, next time.Time) error {
	return tx.exec(`UPDATE outlets SET failures = failures + 1, next_at = $1, last_error = $2, last_error_at = $3 WHERE id = $4`,
		micros(next), cause, tx.at.UnixMicro(), key)
}

// Routes returns the routes in their order.
func (tx *Tx) Routes() ([]store.Route, error) {
	var out []store.Route
	err := tx.query(func(rows *sql.Rows) error {
		var r store.Route
		var id, body string
		var enabled, created, updated int64
		if err := rows.Scan(&r.Key, &id, &r.Name, &r.Position, &enabled, &r.Version, &created, &updated, &body); err != nil {
			return err
		}
		r.ID, r.Enabled, r.Body = retinue.RouteID(id), enabled != 0, json.RawMessage(body)
		r.CreatedAt, r.UpdatedAt = observed(created), observed(updated)
		out = append(out, r)
		return nil
	}, "SELECT id, public_id, name, position, enabled, version, created_at, updated_at, body FROM notice_routes ORDER BY position, id")
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	return out, nil
}

// CreateRoute keeps a new route and fills in its id and key. Position 0 means
// the last place.
func (tx *Tx) CreateRoute(r *store.Route) error {
	var err error
	if r.Key, err = tx.db.d.block(tx.ctx, tx.tx, "notice_routes", 1); err != nil {
		return err
	}
	if r.Position == 0 {
		if err := tx.queryRow("SELECT COALESCE(max(position), 0) + 10 FROM notice_routes").Scan(&r.Position); err != nil {
			return fmt.Errorf("create route: %w", err)
		}
	}
	r.ID, r.Version, r.CreatedAt, r.UpdatedAt = retinue.NewRouteID(tx.at), 1, tx.at, tx.at
	err = tx.exec(`INSERT INTO notice_routes (id, public_id, name, position, enabled, version, created_at, updated_at, body)
		VALUES ($1, $2, $3, $4, $5, 1, $6, $6, $7)`, r.Key, string(r.ID), r.Name, r.Position, flag(r.Enabled), tx.at.UnixMicro(), string(r.Body))
	return named(err, "route", r.Name)
}

// ChangeRoute writes a route; ErrConflict as for ChangeOutlet.
func (tx *Tx) ChangeRoute(r *store.Route) error {
	res, err := tx.execResult(`UPDATE notice_routes SET name = $1, position = $2, enabled = $3, version = version + 1, updated_at = $4, body = $5
		WHERE id = $6 AND version = $7`, r.Name, r.Position, flag(r.Enabled), tx.at.UnixMicro(), string(r.Body), r.Key, r.Version)
	if err := named(err, "route", r.Name); err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(fmt.Errorf("%w: change route %s: somebody else changed it meanwhile", retinue.ErrConflict, r.Name), err)
	}
	r.Version, r.UpdatedAt = r.Version+1, tx.at
	return nil
}

// DeleteRoute drops a route. What it planned already is sent.
func (tx *Tx) DeleteRoute(key int64) error {
	return tx.exec("DELETE FROM notice_routes WHERE id = $1", key)
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func nonNil(v []string) []string {
	if v == nil {
		return []string{}
	}
	return v
}

// nilBytes is NULL for no bytes; an empty []byte would be an empty blob.
func nilBytes(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

// named explains a unique key that was hit.
func named(err error, what, name string) error {
	if err == nil {
		return nil
	}
	if errors.Is(kindOf(err), retinue.ErrConflict) {
		return fmt.Errorf("%w: %s %q: the name is taken", retinue.ErrConflict, what, name)
	}
	return fmt.Errorf("save %s %s: %w", what, name, err)
}
