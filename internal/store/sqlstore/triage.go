package sqlstore

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// AssignFinding says who is to act on a finding; nobody where assignee is
// empty.
func (tx *Tx) AssignFinding(id retinue.FindingID, assignee string) error {
	if err := tx.exec("UPDATE findings SET assignee = $1 WHERE public_id = $2", assignee, string(id)); err != nil {
		return fmt.Errorf("assign finding: %w", err)
	}
	return nil
}

// WithdrawAcceptance takes back the newest decision on a family.
func (tx *Tx) WithdrawAcceptance(family string) error {
	if err := tx.exec("DELETE FROM acceptances WHERE id = (SELECT max(id) FROM acceptances WHERE family = $1)", family); err != nil {
		return fmt.Errorf("withdraw acceptance: %w", err)
	}
	return nil
}

// PastFindings returns the states and contents that a finding had, the
// newest first, at most limit of them. Whether the caller may see the finding
// is the caller's to ask.
func (tx *Tx) PastFindings(id retinue.FindingID, limit int) ([]store.PastFinding, error) {
	var out []store.PastFinding
	err := tx.query(func(rows *sql.Rows) error {
		var v store.PastFinding
		var from int64
		var to sql.NullInt64
		var body string
		if err := rows.Scan(&from, &to, &body); err != nil {
			return err
		}
		v.At, v.Until = observed(from), fromMicros(to)
		out = append(out, v)
		return json.Unmarshal([]byte(body), &out[len(out)-1].Finding)
	}, `SELECT v.from_at, v.to_at, v.body FROM finding_versions v JOIN findings f ON f.id = v.finding_id
		WHERE f.public_id = $1 ORDER BY v.from_at DESC, v.id DESC LIMIT $2`, string(id), limit)
	if err != nil {
		return nil, fmt.Errorf("read versions of finding: %w", err)
	}
	return out, nil
}
