package sqlstore

import "strings"

// bulk inserts many rows of one table with few statements.
type bulk struct {
	tx    *Tx
	head  string // INSERT INTO t (…) VALUES
	tail  string // ON CONFLICT …
	cols  int
	batch int
	args  []any
}

// newBulk inserts into "table (a, b, …)".
func newBulk(tx *Tx, into string, tail string) *bulk {
	cols := strings.Count(into, ",") + 1
	batch := 16
	if tx.db.d.name() == "postgres" {
		batch = 500
	}
	return &bulk{tx: tx, head: "INSERT INTO " + into + " VALUES ", tail: tail, cols: cols, batch: batch,
		args: make([]any, 0, batch*cols)}
}

func (b *bulk) add(args ...any) error {
	b.args = append(b.args, args...)
	if len(b.args) == b.batch*b.cols {
		return b.flush()
	}
	return nil
}

func (b *bulk) flush() error {
	n := len(b.args) / b.cols
	if n == 0 {
		return nil
	}
	err := b.tx.exec(b.head+b.tx.db.d.values(n, b.cols)+b.tail, b.args...)
	b.args = b.args[:0]
	return err
}
