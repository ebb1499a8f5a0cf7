package sqlstore

import (
	"database/sql"
	"fmt"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// MarkSignalsDue has the use of things looked at again for signals.
func (tx *Tx) MarkSignalsDue(entities ...int64) error {
	rows := newBulk(tx, "usage_signals_due (entity_id)", " ON CONFLICT DO NOTHING")
	for _, e := range entities {
		if err := rows.add(e); err != nil {
			return fmt.Errorf("have use looked at again: %w", err)
		}
	}
	return rows.flush()
}

// MarkTouchedForSignals has the use of those identities and credentials looked
// at again that changed after a revision, or went: what was used since may be
// use of something that is dead.
func (tx *Tx) MarkTouchedForSignals(rev int64) error {
	err := tx.exec(`INSERT INTO usage_signals_due (entity_id) SELECT e.id FROM entities e WHERE e.touched_rev > $1 AND e.type IN ($2, $3)
		AND (e.gone_at IS NOT NULL OR EXISTS (SELECT 1 FROM usage_verdicts v WHERE v.entity_id = e.id)) ON CONFLICT DO NOTHING`, rev, identityType, credentialType)
	if err != nil {
		return fmt.Errorf("have use of what changed looked at again: %w", err)
	}
	return nil
}

// MarkKindForSignals has the use of those looked at again of whom there are
// signals of a kind not older than a time.
func (tx *Tx) MarkKindForSignals(kind string, since int64) error {
	err := tx.exec(`INSERT INTO usage_signals_due (entity_id) SELECT DISTINCT s.entity_id FROM usage_signals s WHERE s.kind = $1 AND s.last_at >= $2 ON CONFLICT DO NOTHING`,
		kind, since)
	if err != nil {
		return fmt.Errorf("have use looked at again: %w", err)
	}
	return nil
}

// MarkPeersForSignals has the use of those looked at again who share a group with
// a thing and of whom there are signals not older than a time, and returns of how
// many.
func (tx *Tx) MarkPeersForSignals(entity int64, since int64) (int64, error) {
	res, err := tx.execResult(`INSERT INTO usage_signals_due (entity_id) SELECT DISTINCT s.entity_id FROM usage_habits h JOIN usage_habits p ON p.grp = h.grp
		JOIN usage_signals s ON s.entity_id = p.entity_id WHERE h.entity_id = $1 AND p.entity_id <> $1 AND s.last_at >= $2 AND s.state = $3 ON CONFLICT DO NOTHING`,
		entity, since, string(store.SignalTold))
	if err != nil {
		return 0, fmt.Errorf("have use of peers looked at again: %w", err)
	}
	return res.RowsAffected()
}

// SignalsLooked says that the use of things was looked at for signals.
func (tx *Tx) SignalsLooked(entities ...int64) error {
	err := tx.exec("DELETE FROM usage_signals_due WHERE entity_id IN (SELECT v FROM "+tx.db.d.eachInt("$1")+" j)", tx.db.d.ints(entities))
	if err != nil {
		return fmt.Errorf("settle whose use was looked at: %w", err)
	}
	return nil
}

const signalColumns = "s.fingerprint, s.entity_id, s.kind, s.state, s.first_at, s.last_at, s.told_at, s.finding, s.body"

// signalFields are where a row of signalColumns is read to.
type signalFields struct {
	first, last, told int64
	body              string
}

func (f *signalFields) into(s *store.Signal) []any {
	return []any{&s.Fingerprint, &s.Entity, &s.Kind, &s.State, &f.first, &f.last, &f.told, &s.Finding, &f.body}
}

func (f *signalFields) fill(s *store.Signal) {
	s.First, s.Last, s.ToldAt, s.Body = observed(f.first), observed(f.last), observed(f.told), []byte(f.body)
}

// SignalsOf returns the signals that are kept about things.
func (tx *Tx) SignalsOf(entities ...int64) ([]store.Signal, error) {
	var out []store.Signal
	err := tx.query(func(rows *sql.Rows) error {
		var s store.Signal
		var f signalFields
		if err := rows.Scan(f.into(&s)...); err != nil {
			return err
		}
		f.fill(&s)
		out = append(out, s)
		return nil
	}, "SELECT "+signalColumns+" FROM usage_signals s WHERE s.entity_id IN (SELECT v FROM "+tx.db.d.eachInt("$1")+" j) ORDER BY s.entity_id, s.fingerprint", tx.db.d.ints(entities))
	if err != nil {
		return nil, fmt.Errorf("read signals: %w", err)
	}
	return out, nil
}

// KeepSignal keeps a signal by its fingerprint; when it was first noticed stays.
func (tx *Tx) KeepSignal(s store.Signal) error {
	err := tx.exec(`INSERT INTO usage_signals (fingerprint, entity_id, kind, state, first_at, last_at, told_at, finding, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (fingerprint) DO UPDATE SET entity_id = excluded.entity_id, state = excluded.state, first_at = excluded.first_at, last_at = excluded.last_at,
		finding = excluded.finding, body = excluded.body`,
		s.Fingerprint, s.Entity, s.Kind, string(s.State), s.First.UnixMicro(), s.Last.UnixMicro(), s.ToldAt.UnixMicro(), string(s.Finding), string(s.Body))
	if err != nil {
		return fmt.Errorf("keep signal: %w", err)
	}
	return nil
}

// DropSignal forgets a signal of which nobody was told.
func (tx *Tx) DropSignal(fingerprint string) error {
	return tx.exec("DELETE FROM usage_signals WHERE fingerprint = $1", fingerprint)
}

// Signal returns the signal that a finding tells of; ErrNotFound where it tells of
// none.
func (tx *Tx) Signal(finding retinue.FindingID) (store.Signal, error) {
	var s store.Signal
	var f signalFields
	err := tx.queryRow("SELECT "+signalColumns+" FROM usage_signals s WHERE s.finding = $1", string(finding)).Scan(f.into(&s)...)
	if isNoRows(err) {
		return s, fmt.Errorf("%w: signal of finding %s", retinue.ErrNotFound, finding)
	}
	if err != nil {
		return s, fmt.Errorf("read signal: %w", err)
	}
	f.fill(&s)
	ok, err := tx.sees(s.Entity)
	if err == nil && !ok {
		err = fmt.Errorf("%w: signal of finding %s", retinue.ErrNotFound, finding)
	}
	return s, err
}

// Signals lists kept signals, the newest first.
func (tx *Tx) Signals(q store.SignalQuery) ([]store.ListedSignal, error) {
	l, err := tx.lens()
	if err != nil {
		return nil, err
	}
	c := &conditions{}
	c.add("e.id = s.entity_id AND r.id = e.ref_id") // by CROSS JOIN SQLite begins with the signals
	if !l.all {
		c.add(l.sees("e"))
	}
	if q.Entity != "" {
		key, err := tx.EntityKey(q.Entity)
		if err != nil {
			return nil, err
		}
		keys, err := tx.withCredentials(key)
		if err != nil {
			return nil, err
		}
		c.add("s.entity_id IN (SELECT v FROM "+tx.db.d.eachInt("?")+" j)", tx.db.d.ints(keys))
	}
	if len(q.Kinds) > 0 {
		c.add("s.kind IN (SELECT v FROM "+tx.db.d.each("?")+" j)", tx.db.d.list(q.Kinds))
	}
	if len(q.States) > 0 {
		states := make([]string, len(q.States))
		for i, x := range q.States {
			states[i] = string(x)
		}
		c.add("s.state IN (SELECT v FROM "+tx.db.d.each("?")+" j)", tx.db.d.list(states))
	}
	if !q.Since.IsZero() {
		c.add("s.last_at >= ?", q.Since.UnixMicro())
	}
	if q.Before.Fingerprint != "" {
		c.add("(s.last_at < ? OR (s.last_at = ? AND s.fingerprint > ?))", q.Before.Last, q.Before.Last, q.Before.Fingerprint)
	}
	if q.Limit <= 0 || q.Limit > store.MaxPage {
		q.Limit = store.MaxPage
	}
	var out []store.ListedSignal
	err = tx.query(func(rows *sql.Rows) error {
		var s store.ListedSignal
		var f signalFields
		var typ int
		if err := rows.Scan(append(f.into(&s.Signal), &s.ID, &typ, &s.Name, &s.EntityKind, &s.Owner, &s.FindingState)...); err != nil {
			return err
		}
		f.fill(&s.Signal)
		s.Type = store.TypeAt(typ)
		out = append(out, s)
		return nil
	}, "SELECT "+signalColumns+`, e.public_id, e.type, CASE WHEN e.name = '' THEN r.key ELSE e.name END, e.kind, e.owner, COALESCE(f.state, '')
		FROM usage_signals s CROSS JOIN entities e CROSS JOIN refs r LEFT JOIN findings f ON f.public_id = s.finding`+
		c.where()+fmt.Sprintf(" ORDER BY s.last_at DESC, s.fingerprint LIMIT %d", q.Limit), c.args...)
	if err != nil {
		return nil, fmt.Errorf("list signals: %w", err)
	}
	return out, nil
}

// withCredentials are a thing and the credentials that belong to it.
func (tx *Tx) withCredentials(entity int64) ([]int64, error) {
	related, err := tx.Related(entity, 500, store.EdgeIdentity)
	if err != nil {
		return nil, err
	}
	out := []int64{entity}
	for _, f := range related {
		if f.Type == retinue.FactCredential {
			out = append(out, f.EntityKey)
		}
	}
	return out, nil
}

// Habits returns what those of a group do on many days, at most limit of them.
func (tx *Tx) Habits(group string, limit int) ([]store.Habit, error) {
	var out []store.Habit
	err := tx.query(func(rows *sql.Rows) error {
		var h store.Habit
		var body string
		err := rows.Scan(&h.Entity, &h.Ref.Realm, &h.Ref.Kind, &h.Ref.Key, &body)
		h.Body = []byte(body)
		out = append(out, h)
		return err
	}, fmt.Sprintf(`SELECT h.entity_id, m.realm, r.kind, r.key, h.body FROM usage_habits h CROSS JOIN entities e CROSS JOIN refs r CROSS JOIN realms m
		WHERE h.grp = $1 AND e.id = h.entity_id AND r.id = e.ref_id AND m.id = r.realm_id ORDER BY h.entity_id LIMIT %d`, limit), group)
	if err != nil {
		return nil, fmt.Errorf("read habits: %w", err)
	}
	return out, nil
}

// SetHabits keeps what things do on many days, for the groups that they belong to,
// and returns those of which that is new.
func (tx *Tx) SetHabits(list []store.Habits) ([]int64, error) {
	keys := make([]int64, len(list))
	for i, h := range list {
		keys[i] = h.Entity
	}
	have := map[int64]map[string]string{}
	err := tx.query(func(rows *sql.Rows) error {
		var entity int64
		var group, body string
		err := rows.Scan(&entity, &group, &body)
		if have[entity] == nil {
			have[entity] = map[string]string{}
		}
		have[entity][group] = body
		return err
	}, "SELECT h.entity_id, h.grp, h.body FROM "+tx.db.d.eachInt("$1")+" j JOIN usage_habits h ON h.entity_id = j.v", tx.db.d.ints(keys))
	if err != nil {
		return nil, fmt.Errorf("keep habits: %w", err)
	}
	list = slices.DeleteFunc(slices.Clone(list), func(h store.Habits) bool {
		was := have[h.Entity]
		return len(was) == len(h.Groups) && !slices.ContainsFunc(h.Groups, func(g string) bool { return was[g] != string(h.Body) })
	})
	if len(list) == 0 {
		return nil, nil
	}
	fresh := make([]int64, len(list))
	for i, h := range list {
		fresh[i] = h.Entity
	}
	if err := tx.exec("DELETE FROM usage_habits WHERE entity_id IN (SELECT v FROM "+tx.db.d.eachInt("$1")+" j)", tx.db.d.ints(fresh)); err != nil {
		return nil, fmt.Errorf("keep habits: %w", err)
	}
	rows := newBulk(tx, "usage_habits (entity_id, grp, body)", "")
	for _, h := range list {
		for _, g := range h.Groups {
			if err := rows.add(h.Entity, g, string(h.Body)); err != nil {
				return nil, fmt.Errorf("keep habits: %w", err)
			}
		}
	}
	return fresh, rows.flush()
}
