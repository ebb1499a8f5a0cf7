package sqlstore

import (
	"database/sql"
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// ListRecords returns a page of the audit log.
func (tx *Tx) ListRecords(q store.RecordQuery) (store.RecordPage, error) {
	if q.Limit == 0 {
		q.Limit = store.DefaultPage
	}
	if q.Limit < 0 || q.Limit > store.MaxPage {
		return store.RecordPage{}, fmt.Errorf("%w: list records: limit %d: at most %d", retinue.ErrInvalid, q.Limit, store.MaxPage)
	}
	c := recordConditions(q)
	var p store.RecordPage
	if err := tx.countRecords(q, *c, &p); err != nil {
		return p, err
	}
	order := "seq"
	if q.Desc {
		order = "seq DESC"
	}
	if q.After > 0 {
		op := ">"
		if q.Desc {
			op = "<"
		}
		c.add("seq "+op+" ?", q.After)
	}
	err := tx.query(func(rows *sql.Rows) error {
		r, err := scanRecord(rows)
		p.Items = append(p.Items, r)
		return err
	}, fmt.Sprintf("SELECT seq, public_id, at, actor, action, subject, details, prev_hash, hash FROM records%s ORDER BY %s LIMIT %d",
		c.where(), order, q.Limit+1), c.args...)
	if err != nil {
		return p, fmt.Errorf("list records: %w", err)
	}
	if len(p.Items) > q.Limit {
		p.Items = p.Items[:q.Limit]
		p.Next = p.Items[q.Limit-1].Seq
	}
	return p, nil
}

func recordConditions(q store.RecordQuery) *conditions {
	c := &conditions{}
	if len(q.Actions) > 0 {
		var either []string
		var args []any
		for _, a := range q.Actions {
			either, args = append(either, "action = ?", `action LIKE ? ESCAPE '\'`), append(args, a, escapeLike(a)+".%")
		}
		c.add("("+strings.Join(either, " OR ")+")", args...)
	}
	if q.Actor != "" {
		c.add("actor_name = ?", q.Actor)
	}
	if q.Subject != "" {
		c.add("subject = ?", q.Subject)
	}
	if !q.At.From.IsZero() {
		c.add("at >= ?", q.At.From.UnixMicro())
	}
	if !q.At.To.IsZero() {
		c.add("at < ?", q.At.To.UnixMicro())
	}
	if q.FromSeq > 0 {
		c.add("seq >= ?", q.FromSeq)
	}
	return c
}

// countRecords counts what matches. Without a filter the head of the chain
// says how many there are.
func (tx *Tx) countRecords(q store.RecordQuery, c conditions, p *store.RecordPage) error {
	switch {
	case q.Count == store.CountNone:
		p.Total = -1
		return nil
	case len(c.text) == 0:
		var err error
		p.Total, _, err = tx.Head()
		return err
	}
	limit := ""
	if q.Count == store.CountBounded {
		limit = fmt.Sprintf(" LIMIT %d", store.MaxCount+1)
	}
	if err := tx.queryRow("SELECT count(*) FROM (SELECT 1 FROM records"+c.where()+limit+") AS t", c.args...).Scan(&p.Total); err != nil {
		return fmt.Errorf("count records: %w", err)
	}
	if q.Count == store.CountBounded && p.Total > store.MaxCount {
		p.Total, p.TotalIsMore = store.MaxCount, true
	}
	return nil
}
