package sqlstore

import (
	"fmt"

	"github.com/retinue-id/retinue/internal/store"
)

// cutCoverage has the logs cover nothing of the months whose counts are deleted:
// a thing whose uses are gone must not seem silent. It is done before they are,
// in the same transaction, and returns how many stretches were deleted whole.
func (tx *Tx) cutCoverage(before int64, _ int) (int64, error) {
	cut := store.MonthStart(usageMonthOf(before)) * hourMicros
	res, err := tx.execResult("DELETE FROM usage_coverage WHERE to_at <= $1", cut)
	if err != nil {
		return 0, err
	}
	if err := tx.exec("UPDATE usage_coverage SET from_at = $1 WHERE from_at < $1", cut); err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// hourMicros is an hour, in microseconds.
const hourMicros = 3600 * 1_000_000

// usageMonthOf is the month of a moment in microseconds.
func usageMonthOf(micros int64) int64 { return store.UsageMonth(micros / 1_000_000) }

// pruneUsage deletes counts of months that ended before a time, and has the
// verdicts formed anew of those whose they were. The ways of use themselves stay:
// what a process remembers of them is never wrong.
func (tx *Tx) pruneUsage(before int64, limit int) (int64, error) {
	month := usageMonthOf(before)
	behaviours, err := tx.ints("SELECT DISTINCT p.behaviour FROM (SELECT behaviour FROM usage_packed WHERE month < $1 ORDER BY behaviour, month LIMIT $2) p", month, limit)
	if err != nil || len(behaviours) == 0 {
		return 0, err
	}
	err = tx.exec(`INSERT INTO usage_touched (ref_id, lane) SELECT x.ref, 0 FROM (
		SELECT b.identity AS ref FROM `+tx.db.d.eachInt("$1")+` j JOIN usage_behaviours b ON b.id = j.v
		UNION SELECT b.credential FROM `+tx.db.d.eachInt("$1")+` j JOIN usage_behaviours b ON b.id = j.v
		UNION SELECT b.via FROM `+tx.db.d.eachInt("$1")+` j JOIN usage_behaviours b ON b.id = j.v) x WHERE x.ref IS NOT NULL ON CONFLICT DO NOTHING`, tx.db.d.ints(behaviours))
	if err != nil {
		return 0, err
	}
	res, err := tx.execResult("DELETE FROM usage_packed WHERE (behaviour, month) IN (SELECT behaviour, month FROM usage_packed WHERE month < $1 ORDER BY behaviour, month LIMIT $2)", month, limit)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// byMonth deletes rows of a table, by its key, of whole months before a time. of
// turns the month into what the condition compares, nil being the month itself.
func (tx *Tx) byMonth(table, key, cond string, of func(int64) int64) pruner {
	return func(before int64, limit int) (int64, error) {
		at := usageMonthOf(before)
		if of != nil {
			at = of(at)
		}
		res, err := tx.execResult(fmt.Sprintf("DELETE FROM %s WHERE (%s) IN (SELECT %s FROM %s WHERE %s ORDER BY %s LIMIT $2)", table, key, key, table, cond, key), at, limit)
		if err != nil {
			return 0, err
		}
		return res.RowsAffected()
	}
}
