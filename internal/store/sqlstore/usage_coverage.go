package sqlstore

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
)

// AddCoverage keeps what a log covers. A stretch that goes on where one with the
// same statement ends, or lies in it, is one with it.
func (tx *Tx) AddCoverage(c retinue.Coverage) error {
	if tx.words == nil {
		tx.words = map[string]int64{}
	}
	log, err := tx.word(c.Log)
	if err != nil {
		return err
	}
	realm, err := tx.realmID(c.Realm)
	if err != nil {
		return err
	}
	said := c
	said.From, said.To = time.Time{}, time.Time{}
	body, err := json.Marshal(said)
	if err != nil {
		return fmt.Errorf("keep coverage: %w", err)
	}
	now := stretch{c.From.UnixMicro(), c.To.UnixMicro()}
	var ids []int64
	var known []stretch
	err = tx.query(func(rows *sql.Rows) error {
		var id int64
		var s stretch
		err := rows.Scan(&id, &s.from, &s.to)
		ids, known = append(ids, id), append(known, s)
		return err
	}, "SELECT id, from_at, to_at FROM usage_coverage WHERE realm_id = $1 AND log = $2 AND body = $3 AND from_at <= $4 AND to_at >= $5", realm, log, string(body), now.to, now.from)
	if err != nil {
		return fmt.Errorf("keep coverage: %w", err)
	}
	tells, err := tx.coverageTells(realm, log, now, known)
	if err != nil {
		return err
	}
	for i, id := range ids {
		if err := tx.exec("DELETE FROM usage_coverage WHERE id = $1", id); err != nil {
			return err
		}
		now = stretch{min(now.from, known[i].from), max(now.to, known[i].to)}
	}
	key, err := tx.db.d.block(tx.ctx, tx.tx, "usage_coverage", 1)
	if err != nil {
		return err
	}
	err = tx.exec("INSERT INTO usage_coverage (id, log, realm_id, from_at, to_at, body, recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		key, log, realm, now.from, now.to, string(body), tx.at.UnixMicro())
	if err != nil || !tells {
		return err
	}
	return tx.JudgeRealmAgain(c.Realm)
}

// stretch is a stretch of time in microseconds.
type stretch struct{ from, to int64 }

// coverageLag is how far a log may lag behind and still be one that goes on.
const coverageLag = 24 * time.Hour

// coverageTells reports whether a stretch of a log tells something new of those
// too who did nothing in it. A log that just goes on changes verdicts as time does,
// and when is known; one that is new, reaches further back, had ended, or is proven
// to be whole now, tells more.
func (tx *Tx) coverageTells(realm, log int64, s stretch, known []stretch) (bool, error) {
	lately := tx.at.Add(-coverageLag).UnixMicro()
	if len(known) == 1 && known[0].from <= s.from && (known[0].to >= s.to || known[0].to >= lately) {
		return false, nil
	}
	if s.from < lately {
		return true, nil
	}
	some, err := tx.any("SELECT 1 FROM usage_coverage WHERE realm_id = $1 AND log = $2 AND to_at >= $3 LIMIT 1", realm, log, lately)
	return !some, err
}

// UsageCoverage lists what the logs of a realm cover, of all realms where it is
// empty, in the order in which they begin, with the words that stand on them.
func (tx *Tx) UsageCoverage(realm retinue.Realm) ([]retinue.Coverage, error) {
	var out []retinue.Coverage
	err := tx.query(func(rows *sql.Rows) error {
		var body string
		var from, to int64
		if err := rows.Scan(&body, &from, &to); err != nil {
			return err
		}
		var c retinue.Coverage
		if err := json.Unmarshal([]byte(body), &c); err != nil {
			return err
		}
		c.From, c.To = observed(from), observed(to)
		out = append(out, c)
		return nil
	}, `SELECT c.body, c.from_at, c.to_at FROM usage_coverage c JOIN realms m ON m.id = c.realm_id
		WHERE $1 = '' OR m.realm = $1 ORDER BY m.realm, c.from_at, c.id`, string(realm))
	if err != nil {
		return nil, fmt.Errorf("read coverage: %w", err)
	}
	words, err := tx.Attestations(realm)
	if err != nil {
		return nil, err
	}
	return attested(out, words), nil
}
