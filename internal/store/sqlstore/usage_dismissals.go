package sqlstore

import (
	"database/sql"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// AddDismissal keeps that somebody said signals like one are all right, and
// returns it with its id.
func (tx *Tx) AddDismissal(d store.Dismissal) (store.Dismissal, error) {
	key, err := tx.db.d.block(tx.ctx, tx.tx, "usage_dismissals", 1)
	if err != nil {
		return d, err
	}
	d.ID, d.At = retinue.NewDismissalID(tx.at), tx.at
	err = tx.exec(`INSERT INTO usage_dismissals (id, public_id, entity_id, finding, kind, made_by, reason, made_at, until_at, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		key, string(d.ID), d.Entity, string(d.Finding), d.Kind, d.By, d.Reason, d.At.UnixMicro(), micros(d.Until), string(d.Body))
	if err != nil {
		return d, fmt.Errorf("keep dismissal: %w", err)
	}
	return d, nil
}

// RevokeDismissal takes back a dismissal that is in force.
func (tx *Tx) RevokeDismissal(id retinue.DismissalID, by string) error {
	err := tx.exec("UPDATE usage_dismissals SET revoked_at = $1, revoked_by = $2 WHERE public_id = $3 AND revoked_at IS NULL", tx.at.UnixMicro(), by, string(id))
	if err != nil {
		return fmt.Errorf("revoke dismissal: %w", err)
	}
	return nil
}

const dismissalColumns = "d.public_id, d.entity_id, d.finding, d.kind, d.made_by, d.reason, d.made_at, d.until_at, d.revoked_at, d.revoked_by, d.body"

type dismissalFields struct {
	at             int64
	until, revoked sql.NullInt64
	body           string
}

func (f *dismissalFields) into(d *store.Dismissal) []any {
	return []any{&d.ID, &d.Entity, &d.Finding, &d.Kind, &d.By, &d.Reason, &f.at, &f.until, &f.revoked, &d.RevokedBy, &f.body}
}

func (f *dismissalFields) fill(d *store.Dismissal) {
	d.At, d.Until, d.RevokedAt, d.Body = observed(f.at), fromMicros(f.until), fromMicros(f.revoked), []byte(f.body)
}

// DismissalsInForce returns the dismissals that silence at a time.
func (tx *Tx) DismissalsInForce(at time.Time) ([]store.Dismissal, error) {
	var out []store.Dismissal
	err := tx.query(func(rows *sql.Rows) error {
		var d store.Dismissal
		var f dismissalFields
		if err := rows.Scan(f.into(&d)...); err != nil {
			return err
		}
		f.fill(&d)
		out = append(out, d)
		return nil
	}, "SELECT "+dismissalColumns+" FROM usage_dismissals d WHERE d.revoked_at IS NULL AND (d.until_at IS NULL OR d.until_at > $1) ORDER BY d.id", at.UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("read dismissals: %w", err)
	}
	return out, nil
}

// Dismissals lists dismissals about things that the scope sees, the newest
// first, those included that were taken back: of one id where it is given, at
// most limit of them.
func (tx *Tx) Dismissals(id retinue.DismissalID, limit int) ([]store.ListedDismissal, error) {
	l, err := tx.lens()
	if err != nil {
		return nil, err
	}
	c := &conditions{}
	if !l.all {
		c.add(l.sees("e"))
	}
	if id != "" {
		c.add("d.public_id = ?", string(id))
	}
	if limit <= 0 || limit > store.MaxPage {
		limit = store.MaxPage
	}
	var out []store.ListedDismissal
	err = tx.query(func(rows *sql.Rows) error {
		var d store.ListedDismissal
		var f dismissalFields
		var typ int
		if err := rows.Scan(append(f.into(&d.Dismissal), &d.Subject, &typ, &d.Name)...); err != nil {
			return err
		}
		f.fill(&d.Dismissal)
		d.Type = store.TypeAt(typ)
		out = append(out, d)
		return nil
	}, "SELECT "+dismissalColumns+`, e.public_id, e.type, CASE WHEN e.name = '' THEN r.key ELSE e.name END
		FROM usage_dismissals d JOIN entities e ON e.id = d.entity_id JOIN refs r ON r.id = e.ref_id`+c.where()+fmt.Sprintf(" ORDER BY d.id DESC LIMIT %d", limit), c.args...)
	if err != nil {
		return nil, fmt.Errorf("list dismissals: %w", err)
	}
	return out, nil
}
