package sqlstore

import (
	"database/sql"
	"fmt"

	"github.com/retinue-id/retinue/internal/store"
)

// MarkTouchedUsage has the verdicts formed anew of those identities and
// credentials that changed after a revision: a source told another last use, a
// key was added, it was disabled.
func (tx *Tx) MarkTouchedUsage(rev int64) error {
	err := tx.exec(`UPDATE usage_verdicts SET due_at = $1 WHERE entity_id IN (SELECT e.id FROM entities e WHERE e.touched_rev > $2
		AND e.type IN ($3, $4) AND e.gone_at IS NULL)`, tx.at.UnixMicro(), rev, identityType, credentialType)
	if err != nil {
		return fmt.Errorf("have use of what changed judged again: %w", err)
	}
	return nil
}

// MarkSilentUsage has the verdicts formed anew on all that is idle or dormant: how
// sure that is is seen otherwise now.
func (tx *Tx) MarkSilentUsage() error {
	err := tx.exec(`UPDATE usage_verdicts SET due_at = $1 WHERE status IN ('idle', 'dormant') AND (due_at IS NULL OR due_at > $1)`, tx.at.UnixMicro())
	if err != nil {
		return fmt.Errorf("have silences judged again: %w", err)
	}
	return nil
}

// UsageNews returns a page of the identities and credentials after a key about
// whose use something else is concluded than when the rules last looked.
func (tx *Tx) UsageNews(after int64, limit int) ([]store.Touched, error) {
	l, err := tx.lens()
	if err != nil {
		return nil, err
	}
	var out []store.Touched
	err = tx.query(func(rows *sql.Rows) error {
		var t store.Touched
		var ftype int
		err := rows.Scan(&t.Key, &t.ID, &ftype, &t.Labels)
		t.Type = store.TypeAt(ftype)
		out = append(out, t)
		return err
	}, newsStatement(and(l.sees("e")), limit), after)
	if err != nil {
		return nil, fmt.Errorf("list whose use tells something new: %w", err)
	}
	return out, nil
}

// newsStatement selects a page of what is news. By CROSS JOIN SQLite begins with that,
// not with all that is there.
func newsStatement(seen string, limit int) string {
	return fmt.Sprintf(`SELECT e.id, e.public_id, e.type, e.labels FROM usage_verdicts v CROSS JOIN entities e
		WHERE v.news = 1 AND v.entity_id > $1 AND e.id = v.entity_id AND e.gone_at IS NULL%s ORDER BY v.entity_id LIMIT %d`, seen, limit)
}

// UsageNewsTold says that the rules looked at what is concluded about the use of
// things, as it was up to the moment of a snapshot: what was concluded later stays
// news.
func (tx *Tx) UsageNewsTold(upTo int64, entities ...int64) error {
	err := tx.exec("UPDATE usage_verdicts SET news = 0 WHERE judged_at <= $1 AND entity_id IN (SELECT v FROM "+tx.db.d.eachInt("$2")+" j)", upTo, tx.db.d.ints(entities))
	if err != nil {
		return fmt.Errorf("take conclusions on use for told: %w", err)
	}
	return nil
}
