package sqlstore

import (
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// maxFaults is how many faults of logs are kept; the oldest go first.
const maxFaults = 10_000

// AddFault keeps that something of a log could not be read.
func (tx *Tx) AddFault(f store.UsageFault) error {
	if tx.words == nil {
		tx.words = map[string]int64{}
	}
	log, err := tx.word(f.Log)
	if err != nil {
		return err
	}
	// What cannot be read is met again by every read.
	res, err := tx.execResult("UPDATE usage_faults SET recorded_at = $1 WHERE log = $2 AND input = $3 AND place = $4 AND n = $5 AND message = $6", tx.at.UnixMicro(),
		log, f.Input, f.Place, f.Count, f.Message)
	if err != nil {
		return fmt.Errorf("keep fault: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return err
	}
	key, err := tx.db.d.block(tx.ctx, tx.tx, "usage_faults", 1)
	if err != nil {
		return err
	}
	err = tx.exec("INSERT INTO usage_faults (id, log, input, place, n, message, from_at, to_at, recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		key, log, f.Input, f.Place, f.Count, f.Message, micros(f.From), micros(f.To), tx.at.UnixMicro())
	if err == nil {
		err = tx.exec("DELETE FROM usage_faults WHERE id <= $1", key-maxFaults)
	}
	if err != nil {
		return fmt.Errorf("keep fault: %w", err)
	}
	return nil
}

// UsageFaults lists what of logs could not be read, the newest first.
func (tx *Tx) UsageFaults(limit int) ([]store.UsageFault, error) {
	if limit <= 0 || limit > store.MaxPage {
		limit = store.MaxPage
	}
	var out []store.UsageFault
	err := tx.query(func(rows *sql.Rows) error {
		var f store.UsageFault
		var from, to sql.NullInt64
		var at int64
		err := rows.Scan(&f.Log, &f.Input, &f.Place, &f.Count, &f.Message, &from, &to, &at)
		f.From, f.To, f.RecordedAt = fromMicros(from), fromMicros(to), observed(at)
		out = append(out, f)
		return err
	}, fmt.Sprintf(`SELECT w.word, f.input, f.place, f.n, f.message, f.from_at, f.to_at, f.recorded_at
		FROM usage_faults f JOIN usage_words w ON w.id = f.log ORDER BY f.id DESC LIMIT %d`, limit))
	if err != nil {
		return nil, fmt.Errorf("list faults of logs: %w", err)
	}
	return out, nil
}

// UsageTallies lists what logs brought, by realm and day, from a day on.
func (tx *Tx) UsageTallies(from int64) ([]store.UsageTally, error) {
	var out []store.UsageTally
	err := tx.query(func(rows *sql.Rows) error {
		var t store.UsageTally
		err := rows.Scan(&t.Log, &t.Realm, &t.Day, &t.What, &t.N)
		out = append(out, t)
		return err
	}, `SELECT w.word, m.realm, t.day, t.what, sum(t.n) FROM usage_tallies t JOIN usage_words w ON w.id = t.log JOIN realms m ON m.id = t.realm_id
		WHERE t.day >= $1 GROUP BY w.word, m.realm, t.day, t.what ORDER BY w.word, m.realm, t.day, t.what`, from)
	if err != nil {
		return nil, fmt.Errorf("list what logs brought: %w", err)
	}
	return out, nil
}

// UsageDue returns the keys, in their order and after one, of at most so many
// things whose verdict is to be formed anew: their use changed, time alone may have
// changed it, they are to be looked at for signals, or they have none, are there,
// and are newer than a key: those up to it were looked at before. What went is due
// when its use changes: somebody still tries it. Known is up to which key all that
// are there have a verdict, or are among these.
func (tx *Tx) UsageDue(after, newer int64, limit int) (due []int64, known int64, err error) {
	if after == 0 {
		if err := tx.leadTouched(); err != nil {
			return nil, 0, fmt.Errorf("list whose use changed: %w", err)
		}
	}
	due, err = tx.ints(dueStatement(max(after, newer), limit), tx.at.UnixMicro(), after, max(after, newer))
	if err == nil && len(due) == limit {
		return due, due[limit-1], nil
	}
	if err == nil {
		err = tx.queryRow("SELECT COALESCE(max(id), 0) FROM entities").Scan(&known)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("list whose use changed: %w", err)
	}
	return due, known, nil
}

// dueStatement selects at most so many keys of what is due: of the time $1, after the
// key $2, without a verdict after $3, which is newer. By CROSS JOIN SQLite begins
// with what was touched, not with all that there is; by the signs it looks for
// verdicts by when they are due and not in the order of their keys, and for what has
// none from a key on, and not through all of a type.
func dueStatement(newer int64, limit int) string {
	sign := ""
	if newer > 0 {
		sign = "+"
	}
	return fmt.Sprintf(`SELECT e.id FROM (
			SELECT f.entity_id FROM usage_touched u CROSS JOIN refs f WHERE f.id = u.ref_id AND f.entity_id > $2
			UNION SELECT o.entity_id FROM usage_touched u CROSS JOIN refs f CROSS JOIN realms q CROSS JOIN credential_keys k CROSS JOIN refs o
				WHERE f.id = u.ref_id AND q.id = f.realm_id AND q.realm LIKE 'credential:%%'
				AND k.kind = substr(q.realm, 12) AND k.value = f.key AND o.id = k.ref_id AND o.entity_id > $2
			UNION SELECT +v.entity_id FROM usage_verdicts v WHERE v.due_at <= $1 AND +v.entity_id > $2
			UNION SELECT d.entity_id FROM usage_signals_due d WHERE d.entity_id > $2
			UNION SELECT n.id FROM (SELECT id FROM entities x WHERE x.id > $3 AND %sx.type IN (%d, %d) AND x.gone_at IS NULL
				AND NOT EXISTS (SELECT 1 FROM usage_verdicts v WHERE v.entity_id = x.id) ORDER BY x.id LIMIT %d) n
		) t CROSS JOIN entities e WHERE e.id = t.entity_id AND e.type IN (%d, %d) ORDER BY e.id LIMIT %d`,
		sign, identityType, credentialType, limit, identityType, credentialType, limit)
}

// TakeUsage takes what changed in the use of things for looked at, and returns
// them in the order of their keys. They stay due until SetVerdicts and
// SignalsLooked: what is counted meanwhile makes them due again.
func (tx *Tx) TakeUsage(keys []int64) ([]store.UsageSubject, error) {
	out := make([]store.UsageSubject, 0, len(keys))
	err := tx.query(func(rows *sql.Rows) error {
		var s store.UsageSubject
		err := rows.Scan(&s.Key, &s.ID, &s.Type, &s.Ref.Realm, &s.Ref.Kind, &s.Ref.Key)
		out = append(out, s)
		return err
	}, "SELECT e.id, e.public_id, e.type, m.realm, r.kind, r.key FROM "+tx.db.d.eachInt("$1")+` j JOIN entities e ON e.id = j.v
		JOIN refs r ON r.id = e.ref_id JOIN realms m ON m.id = r.realm_id ORDER BY e.id`, tx.db.d.ints(keys))
	if err != nil {
		return nil, fmt.Errorf("read whose use changed: %w", err)
	}
	return out, tx.settleUsage(out)
}

var (
	identityType   = store.TypeIndex(retinue.FactIdentity)
	credentialType = store.TypeIndex(retinue.FactCredential)
)

// settleUsage takes the changes of use of things for looked at, and leaves them
// due.
func (tx *Tx) settleUsage(list []store.UsageSubject) error {
	if len(list) == 0 {
		return nil
	}
	keys := make([]int64, len(list))
	for i, s := range list {
		keys[i] = s.Key
	}
	refs, err := tx.refsOfSubjects(keys)
	if err == nil {
		err = tx.exec("DELETE FROM usage_touched WHERE ref_id IN (SELECT v FROM "+tx.db.d.eachInt("$1")+" j)", tx.db.d.ints(slices.Concat(slices.Collect(maps.Values(refs))...)))
	}
	if err == nil {
		err = tx.exec("UPDATE usage_verdicts SET due_at = $1 WHERE entity_id IN (SELECT v FROM "+tx.db.d.eachInt("$2")+" j)", tx.at.UnixMicro(), tx.db.d.ints(keys))
	}
	if err == nil {
		err = tx.MarkSignalsDue(keys...)
	}
	if err != nil {
		return fmt.Errorf("settle usage: %w", err)
	}
	return nil
}

// SetVerdicts keeps what is concluded about the use of things, each once.
func (tx *Tx) SetVerdicts(entities []int64, list []store.VerdictRow) error {
	rows := newBulk(tx, "usage_verdicts (entity_id, status, grade, last_used, silent, due_at, judged_at, body, shared)", ` ON CONFLICT (entity_id) DO UPDATE
		SET status = excluded.status, grade = excluded.grade, last_used = excluded.last_used, silent = excluded.silent,
		due_at = excluded.due_at, judged_at = excluded.judged_at, body = excluded.body, shared = excluded.shared,
		news = CASE WHEN usage_verdicts.status <> excluded.status OR usage_verdicts.grade <> excluded.grade OR usage_verdicts.shared <> excluded.shared
			THEN 1 ELSE usage_verdicts.news END`)
	for i, v := range list {
		shared := int64(0)
		if v.Shared {
			shared = 1
		}
		if err := rows.add(entities[i], v.Status, string(v.Grade), micros(v.LastUsed), micros(v.Silent), micros(v.Due), tx.at.UnixMicro(), string(v.Body), shared); err != nil {
			return fmt.Errorf("keep verdict: %w", err)
		}
	}
	if err := rows.flush(); err != nil {
		return fmt.Errorf("keep verdict: %w", err)
	}
	for i, v := range list {
		if v.Version == nil {
			continue
		}
		if err := tx.addVerdictVersion(entities[i], *v.Version); err != nil {
			return err
		}
	}
	return tx.usedSince(entities, list)
}

// usedSince moves the last use of things on whose verdicts tell a later one.
func (tx *Tx) usedSince(entities []int64, list []store.VerdictRow) error {
	was := make(map[int64]int64, len(entities))
	err := tx.query(func(rows *sql.Rows) error {
		var id, at int64
		err := rows.Scan(&id, &at)
		was[id] = at
		return err
	}, "SELECT e.id, e.last_used FROM "+tx.db.d.eachInt("$1")+" j JOIN entities e ON e.id = j.v WHERE e.last_used IS NOT NULL", tx.db.d.ints(entities))
	if err != nil {
		return fmt.Errorf("read last use: %w", err)
	}
	for i, v := range list {
		at, known := was[entities[i]]
		if v.LastUsed.IsZero() || known && at >= v.LastUsed.UnixMicro() {
			continue
		}
		if err := tx.used(entities[i], v.LastUsed.UnixMicro()); err != nil {
			return err
		}
	}
	return nil
}

// Verdict returns what is concluded about the use of a thing, ErrNotFound where
// nothing is yet.
func (tx *Tx) Verdict(id retinue.EntityID) (store.VerdictRow, error) {
	var out []store.VerdictRow
	if a := tx.ahead.of(id); a != nil {
		out = a.verdict
	} else {
		key, err := tx.EntityKey(id)
		if err == nil {
			err = tx.verdicts(&out, "WHERE v.entity_id = $1", key)
		}
		if err != nil {
			return store.VerdictRow{}, err
		}
	}
	if len(out) == 0 {
		return store.VerdictRow{}, fmt.Errorf("%w: verdict on the use of %s", retinue.ErrNotFound, id)
	}
	return out[0], nil
}

func (tx *Tx) verdicts(out *[]store.VerdictRow, rest string, args ...any) error {
	err := tx.query(func(rows *sql.Rows) error {
		var v store.VerdictRow
		var last, silent, due sql.NullInt64
		var at int64
		var body string
		var shared int64
		err := rows.Scan(&v.Entity, &v.Type, &v.Name, &v.Kind, &v.Status, &v.Grade, &last, &silent, &due, &at, &body, &shared)
		v.Shared = shared == 1
		v.LastUsed, v.Silent, v.Due, v.JudgedAt, v.Body = fromMicros(last), fromMicros(silent), fromMicros(due), observed(at), []byte(body)
		*out = append(*out, v)
		return err
	}, `SELECT e.public_id, e.type, CASE WHEN e.name = '' THEN r.key ELSE e.name END, e.kind, v.status, v.grade, v.last_used, v.silent, v.due_at, v.judged_at, v.body, v.shared
		FROM usage_verdicts v JOIN entities e ON e.id = v.entity_id JOIN refs r ON r.id = e.ref_id `+rest, args...)
	if err != nil {
		return fmt.Errorf("read verdicts: %w", err)
	}
	return nil
}

// Verdicts lists what is concluded about the use of things that are there, in
// the order of their keys; or what was concluded at a time.
func (tx *Tx) Verdicts(q store.VerdictQuery) ([]store.VerdictRow, error) {
	if q.Limit <= 0 || q.Limit > store.MaxPage {
		q.Limit = store.MaxPage
	}
	if !q.AsOf.IsZero() {
		return tx.verdictsThen(q)
	}
	c, err := tx.verdictConditions(q)
	if err != nil {
		return nil, err
	}
	c.add("e.gone_at IS NULL")
	if q.Shared {
		c.add("v.shared = 1")
	}
	var out []store.VerdictRow
	err = tx.verdicts(&out, c.where()+fmt.Sprintf(" ORDER BY e.public_id LIMIT %d", q.Limit), c.args...)
	return out, err
}

// verdictConditions are those of a query that hold of what is concluded now and
// of what was.
func (tx *Tx) verdictConditions(q store.VerdictQuery) (*conditions, error) {
	l, err := tx.lens()
	if err != nil {
		return nil, err
	}
	c := &conditions{}
	if !l.all {
		c.add(l.sees("e"))
	}
	if q.Type != "" {
		c.add("e.type = ?", int64(store.TypeIndex(q.Type)))
	}
	if q.Status != "" {
		c.add("v.status = ?", q.Status)
	}
	if q.Grade != "" {
		c.add("v.grade = ?", string(q.Grade))
	}
	if q.After != "" {
		c.add("e.public_id > ?", string(q.After))
	}
	if q.NonHuman {
		c.add("e.class <> 'person'")
	}
	return c, nil
}

// VerdictShares counts verdicts by type, status and grade, of what is there.
func (tx *Tx) VerdictShares() ([]store.VerdictShare, error) {
	l, err := tx.lens()
	if err != nil {
		return nil, err
	}
	c := &conditions{}
	c.add("e.gone_at IS NULL")
	c.add("e.class <> 'person'")
	if !l.all {
		c.add(l.sees("e"))
	}
	var out []store.VerdictShare
	err = tx.query(func(rows *sql.Rows) error {
		var s store.VerdictShare
		var typ int
		err := rows.Scan(&typ, &s.Status, &s.Grade, &s.N)
		s.Type = store.TypeAt(typ)
		out = append(out, s)
		return err
	}, "SELECT e.type, v.status, v.grade, count(*) FROM usage_verdicts v JOIN entities e ON e.id = v.entity_id"+c.where()+
		" GROUP BY e.type, v.status, v.grade ORDER BY e.type, v.status, v.grade", c.args...)
	if err != nil {
		return nil, fmt.Errorf("count verdicts: %w", err)
	}
	return out, nil
}

// Unlisted lists who was seen in logs and is in no listing, most seen first.
// Everybody sees them: no source that a scope could name has stated them.
func (tx *Tx) Unlisted(limit int) ([]store.Unlisted, error) {
	if limit <= 0 || limit > store.MaxPage {
		limit = store.MaxPage
	}
	var out []store.Unlisted
	err := tx.query(func(rows *sql.Rows) error {
		var u store.Unlisted
		var first int64
		err := rows.Scan(&u.Ref.Realm, &u.Ref.Kind, &u.Ref.Key, &u.Behaviours, &first)
		u.FirstSeen = observed(first)
		out = append(out, u)
		return err
	}, fmt.Sprintf(`SELECT m.realm, r.kind, r.key, count(*), min(b.first_seen) FROM usage_behaviours b JOIN refs r ON r.id = b.identity
		JOIN realms m ON m.id = r.realm_id WHERE r.entity_id IS NULL AND b.flags %% 2 = 0 GROUP BY m.realm, r.kind, r.key ORDER BY count(*) DESC, m.realm, r.kind, r.key LIMIT %d`, limit))
	if err != nil {
		return nil, fmt.Errorf("list who is in logs only: %w", err)
	}
	return tx.withoutKnown(out)
}

// withoutKnown leaves out who is listed under another name of the repository.
func (tx *Tx) withoutKnown(list []store.Unlisted) ([]store.Unlisted, error) {
	var refs []retinue.Ref
	for _, u := range list {
		if strings.HasPrefix(string(u.Ref.Realm), originRealm) {
			refs = append(refs, u.Ref)
		}
	}
	if len(refs) == 0 {
		return list, nil
	}
	known, err := tx.byFirstCommit(refs)
	return slices.DeleteFunc(list, func(u store.Unlisted) bool { _, ok := known[u.Ref]; return ok }), err
}

// UsageTouches lists what somebody did to a thing, by the behaviours in which it
// was done.
func (tx *Tx) UsageTouches(id retinue.EntityID) ([]store.UsedTouch, error) {
	key, err := tx.EntityKey(id)
	if err != nil {
		return nil, err
	}
	refs, err := tx.subjectRefs(key)
	if err != nil {
		return nil, err
	}
	var out []store.UsedTouch
	err = tx.query(func(rows *sql.Rows) error {
		var t store.UsedTouch
		var first, last int64
		err := rows.Scan(&t.Kind, &t.By.Realm, &t.By.Kind, &t.By.Key, &t.Person, &t.Action, &t.N, &first, &last)
		t.First, t.Last = time.Unix(first, 0).UTC(), time.Unix(last, 0).UTC()
		out = append(out, t)
		return err
	}, `SELECT t.kind, m.realm, r.kind, r.key, b.flags % 2, CASE WHEN wa.word = '' THEN wo.word ELSE wa.word END, sum(t.n), min(t.first_at), max(t.last_at)
		FROM usage_touches t JOIN usage_behaviours b ON b.id = t.behaviour JOIN refs r ON r.id = b.identity JOIN realms m ON m.id = r.realm_id
		JOIN usage_words wa ON wa.id = b.action JOIN usage_words wo ON wo.id = b.operation
		WHERE t.target IN (SELECT v FROM `+tx.db.d.eachInt("$1")+` j) GROUP BY t.kind, m.realm, r.kind, r.key, b.flags % 2, wa.word, wo.word
		ORDER BY max(t.last_at) DESC, t.kind, r.key`, tx.db.d.ints(refs))
	if err != nil {
		return nil, fmt.Errorf("read touches: %w", err)
	}
	return out, nil
}

// RealmListed reports whether a source lists the identities of a realm: some
// scope of it was listed whole.
func (tx *Tx) RealmListed(realm retinue.Realm) (bool, error) {
	var n int64
	err := tx.queryRow("SELECT count(*) FROM scopes s JOIN realms m ON m.id = s.realm_id WHERE m.realm = $1 AND s.completed_at IS NOT NULL", string(realm)).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for listings of a realm: %w", err)
	}
	return n > 0, nil
}

// UsageDeeds lists what a thing did to others, by the behaviours in which it did
// so, in the order in which it began.
func (tx *Tx) UsageDeeds(id retinue.EntityID) ([]store.UsedDeed, error) {
	if a := tx.ahead.of(id); a != nil {
		return a.deeds, nil
	}
	key, err := tx.EntityKey(id)
	if err != nil {
		return nil, err
	}
	refs, err := tx.refsOfSubjects([]int64{key})
	if err != nil {
		return nil, err
	}
	all, err := tx.waysOf(refs)
	if err != nil {
		return nil, err
	}
	deeds, err := tx.deedsOf(all[key].ids)
	return deedsIn(deeds, all[key]), err
}
