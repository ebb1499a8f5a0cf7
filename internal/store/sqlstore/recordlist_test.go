package sqlstore_test

import (
	"fmt"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// TestListRecords pages through the audit log both ways and by each filter.
func TestListRecords(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		for i := range 25 {
			err := w.Update(t.Context(), func(tx *sqlstore.Tx) error {
				name, action := "ann", retinue.RecordFindingChanged
				if i%5 == 0 {
					name, action = `b"en`, retinue.RecordExported
				}
				tx.Record(retinue.Actor{Kind: "person", Name: name}, action, fmt.Sprint("s", i%3), nil)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			q    store.RecordQuery
			want int
		}{
			{store.RecordQuery{}, 25},
			{store.RecordQuery{Desc: true}, 25},
			{store.RecordQuery{Actor: `b"en`}, 5},
			{store.RecordQuery{Actions: []string{"finding"}}, 20},
			{store.RecordQuery{Actions: []string{"find"}}, 0},
			{store.RecordQuery{Actions: []string{"finding.changed", "export"}, Desc: true}, 25},
			{store.RecordQuery{Subject: "s1"}, 8},
			{store.RecordQuery{FromSeq: 24}, 2},
			{store.RecordQuery{At: store.Window{To: day0}}, 0},
			{store.RecordQuery{At: store.Window{From: day0}}, 25},
		} {
			c.q.Limit = 7
			seen := map[int64]bool{}
			var last int64
			for {
				var p store.RecordPage
				err := w.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) (err error) {
					p, err = tx.ListRecords(c.q)
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				if p.Total != int64(c.want) {
					t.Errorf("%+v: total %d, want %d", c.q, p.Total, c.want)
				}
				for _, r := range p.Items {
					if seen[r.Seq] || last != 0 && (r.Seq > last) == c.q.Desc {
						t.Errorf("%+v: record %d out of order", c.q, r.Seq)
					}
					seen[r.Seq], last = true, r.Seq
				}
				if c.q.After = p.Next; p.Next == 0 {
					break
				}
			}
			if len(seen) != c.want {
				t.Errorf("%+v: %d records, want %d", c.q, len(seen), c.want)
			}
		}
	})
}
