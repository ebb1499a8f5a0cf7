package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

const deliveryColumns = `SELECT d.id, d.public_id, d.notice_id, d.occasion, d.step, d.event, d.outlet_id, d.address, d.route, d.state, d.due_at,
	d.attempts, d.sent_at, d.message, d.error, d.receipt FROM deliveries d`

func scanDelivery(row interface{ Scan(...any) error }) (store.Delivery, error) {
	var d store.Delivery
	var id, state string
	var due int64
	var sent sql.NullInt64
	if err := row.Scan(&d.Key, &id, &d.Notice, &d.Occasion, &d.Step, &d.Event, &d.Outlet, &d.Address, &d.Route, &state, &due,
		&d.Attempts, &sent, &d.Message, &d.Error, &d.Receipt); err != nil {
		return d, err
	}
	d.ID, d.State, d.DueAt, d.SentAt = retinue.DeliveryID(id), store.DeliveryState(state), observed(due), fromMicros(sent)
	return d, nil
}

// Plan adds a delivery to the outbox. It reports false when the same telling
// is in it already.
func (tx *Tx) Plan(d store.Delivery) (bool, error) {
	key, err := tx.db.d.block(tx.ctx, tx.tx, "deliveries", 1)
	if err != nil {
		return false, err
	}
	res, err := tx.execResult(`INSERT INTO deliveries (id, public_id, notice_id, occasion, step, event, outlet_id, address, route, state, due_at,
		attempts) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0)
		ON CONFLICT (notice_id, occasion, step, event, outlet_id, address) DO NOTHING`, key, string(retinue.NewDeliveryID(tx.at)), d.Notice,
		d.Occasion, d.Step, d.Event, d.Outlet, d.Address, d.Route, string(store.DeliveryWaiting), d.DueAt.UnixMicro())
	if err != nil {
		return false, fmt.Errorf("plan delivery: %w", err)
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// DueDeliveries returns what waits to be sent through an outlet and is due, in
// the order in which it was planned.
func (tx *Tx) DueDeliveries(outlet int64, at time.Time, limit int) ([]store.Delivery, error) {
	return tx.listDeliveries(deliveryColumns+` WHERE d.outlet_id = $1 AND d.state = 'waiting' AND d.due_at <= $2 ORDER BY d.id LIMIT $3`,
		outlet, at.UnixMicro(), limit)
}

// OutletsDue returns the outlets through which something waits to be sent, with
// when the first of it is due.
func (tx *Tx) OutletsDue() (map[int64]time.Time, error) {
	out := map[int64]time.Time{}
	err := tx.query(func(rows *sql.Rows) error {
		var outlet, due int64
		if err := rows.Scan(&outlet, &due); err != nil {
			return err
		}
		out[outlet] = observed(due)
		return nil
	}, "SELECT outlet_id, min(due_at) FROM deliveries WHERE state = 'waiting' GROUP BY outlet_id")
	if err != nil {
		return nil, fmt.Errorf("list outlets due: %w", err)
	}
	return out, nil
}

// NextDue returns when the next delivery through an outlet is due, zero for
// never.
func (tx *Tx) NextDue(outlet int64) (time.Time, error) {
	var at sql.NullInt64
	err := tx.queryRow("SELECT min(due_at) FROM deliveries WHERE outlet_id = $1 AND state = 'waiting'", outlet).Scan(&at)
	return fromMicros(at), err
}

// LastTold returns when a notice was last planned for each receiver: a channel
// with an address, as "outlet/address".
func (tx *Tx) LastTold(notice int64) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	err := tx.query(func(rows *sql.Rows) error {
		var outlet, at int64
		var address string
		if err := rows.Scan(&outlet, &address, &at); err != nil {
			return err
		}
		out[fmt.Sprintf("%d/%s", outlet, address)] = observed(at)
		return nil
	}, `SELECT outlet_id, address, max(COALESCE(sent_at, due_at)) FROM deliveries WHERE notice_id = $1 AND event IN ('raised', 'escalated')
		AND state IN ('waiting', 'sent') GROUP BY outlet_id, address`, notice)
	if err != nil {
		return nil, fmt.Errorf("list receivers of notice: %w", err)
	}
	return out, nil
}

// Sent notes that a delivery was sent, in which message and with what receipt.
func (tx *Tx) Sent(key int64, message, receipt string) error {
	return tx.exec("UPDATE deliveries SET state = $1, attempts = attempts + 1, sent_at = $2, message = $3, receipt = $4, error = '' WHERE id = $5 AND state = $6",
		string(store.DeliverySent), tx.at.UnixMicro(), message, receipt, key, string(store.DeliveryWaiting))
}

// NotSent notes that a delivery failed: it is tried again at next, or given up
// when next is zero.
func (tx *Tx) NotSent(d store.Delivery, cause string, next time.Time) error {
	state, due := store.DeliveryWaiting, next
	if next.IsZero() {
		state, due = store.DeliveryDead, d.DueAt
	}
	return tx.exec("UPDATE deliveries SET state = $1, attempts = attempts + 1, due_at = $2, error = $3 WHERE id = $4 AND state = $5",
		string(state), due.UnixMicro(), cause, d.Key, string(store.DeliveryWaiting))
}

// Revive puts a delivery that was given up back into the outbox.
func (tx *Tx) Revive(key int64) error {
	return tx.exec("UPDATE deliveries SET state = $1, attempts = 0, due_at = $2 WHERE id = $3 AND state = $4",
		string(store.DeliveryWaiting), tx.at.UnixMicro(), key, string(store.DeliveryDead))
}

// CancelDeliveries cancels what waits to be told of a notice, since its cause
// went away, and returns the receivers that had been told.
func (tx *Tx) CancelDeliveries(notice int64, why string) ([]store.Delivery, error) {
	if err := tx.exec("UPDATE deliveries SET state = $1, error = $2 WHERE notice_id = $3 AND state = $4 AND event IN ('raised', 'escalated')",
		string(store.DeliveryCancelled), why, notice, string(store.DeliveryWaiting)); err != nil {
		return nil, fmt.Errorf("cancel deliveries: %w", err)
	}
	return tx.listDeliveries(deliveryColumns+` WHERE d.notice_id = $1 AND d.state = 'sent' AND d.event IN ('raised', 'escalated') ORDER BY d.id`, notice)
}

// Deliveries lists deliveries, the newest first, of notices that the
// transaction's scope may see.
func (tx *Tx) Deliveries(q store.DeliveryQuery) ([]store.Delivery, error) {
	c := &conditions{}
	if q.ID != "" {
		c.add("d.public_id = ?", string(q.ID))
	}
	if q.Notice != 0 {
		c.add("d.notice_id = ?", q.Notice)
	}
	if q.Outlet != 0 {
		c.add("d.outlet_id = ?", q.Outlet)
	}
	if q.State != "" {
		c.add("d.state = ?", string(q.State))
	}
	if q.Before > 0 {
		c.add("d.id < ?", q.Before)
	}
	if err := tx.noticeScope(c); err != nil {
		return nil, err
	}
	limit := ""
	if q.Limit > 0 {
		limit = fmt.Sprintf(" LIMIT %d", q.Limit)
	}
	return tx.listDeliveries(deliveryColumns+" JOIN notices n ON n.id = d.notice_id"+c.where()+" ORDER BY d.id DESC"+limit, c.args...)
}

func (tx *Tx) listDeliveries(q string, args ...any) ([]store.Delivery, error) {
	var out []store.Delivery
	err := tx.query(func(rows *sql.Rows) error {
		d, err := scanDelivery(rows)
		out = append(out, d)
		return err
	}, q, args...)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return out, nil
}

const pushColumns = "SELECT id, public_id, outlet_id, at, size, head, note, ok, place, proof, error FROM checkpoint_pushes"

func scanPush(row interface{ Scan(...any) error }) (store.Push, error) {
	var p store.Push
	var id string
	var at, ok int64
	err := row.Scan(&p.Key, &id, &p.Outlet, &at, &p.Size, &p.Head, &p.Note, &ok, &p.Place, &p.Proof, &p.Error)
	p.ID, p.At, p.OK = retinue.PushID(id), observed(at), ok != 0
	return p, err
}

// AddPush keeps the receipt of a checkpoint that was put into a place, or that
// could not be.
func (tx *Tx) AddPush(p *store.Push) error {
	var err error
	if p.Key, err = tx.db.d.block(tx.ctx, tx.tx, "checkpoint_pushes", 1); err != nil {
		return err
	}
	p.ID, p.At = retinue.NewPushID(tx.at), tx.at
	return tx.exec(`INSERT INTO checkpoint_pushes (id, public_id, outlet_id, at, size, head, note, ok, place, proof, error)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, p.Key, string(p.ID), p.Outlet, p.At.UnixMicro(), p.Size, p.Head, p.Note,
		flag(p.OK), p.Place, nilBytes(p.Proof), p.Error)
}

// Pushes lists pushes, the newest first; of one outlet where it is not 0.
func (tx *Tx) Pushes(outlet, before int64, limit int) ([]store.Push, error) {
	var out []store.Push
	err := tx.query(func(rows *sql.Rows) error {
		p, err := scanPush(rows)
		out = append(out, p)
		return err
	}, pushColumns+" WHERE ($1 = 0 OR outlet_id = $1) AND ($2 = 0 OR id < $2) ORDER BY id DESC LIMIT $3", outlet, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list pushes: %w", err)
	}
	return out, nil
}

// Push returns a push by its id, or ErrNotFound.
func (tx *Tx) Push(id retinue.PushID) (store.Push, error) {
	p, err := scanPush(tx.queryRow(pushColumns+" WHERE public_id = $1", string(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return p, fmt.Errorf("%w: push %s", retinue.ErrNotFound, id)
	}
	return p, err
}
