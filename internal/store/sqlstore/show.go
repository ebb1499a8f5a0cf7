package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// settling is the time within which findings and counts that follow a change
// of a thing belong to that change: they make no version of their own.
const settling = int64(time.Hour / time.Microsecond)

// following is what an update has to bring up to date before it commits,
// because it follows from what it changed.
type following struct {
	heirs   map[int64]struct{} // identities whose credentials inherit something else
	holders map[int64]struct{} // refs of identities that hold more credentials, or fewer
	stale   map[int64]struct{} // entities whose findings or credentials are to be counted
	past    map[int64]struct{} // entities whose earlier rows are to be written again
	figures map[figureKey]int64
	sources map[int64]string // names
	filling bool             // rows are brought into being: no version is made
}

func newFollowing() following {
	return following{heirs: map[int64]struct{}{}, holders: map[int64]struct{}{}, stale: map[int64]struct{}{}, past: map[int64]struct{}{},
		figures: map[figureKey]int64{}, sources: map[int64]string{}}
}

// bequest is what a credential inherits from the identity that holds it.
type bequest struct {
	owner, class, environment, criticality string
	container                              sql.NullInt64
	sourceID, privileged, thirdParty       int64
	marks                                  marks
}

// give lays what is inherited under a credential's own row, and returns the
// marks with those that it inherits.
func (b *bequest) give(s *shown, own []int64) []int64 {
	if s.owner == "" {
		s.owner = b.owner
	}
	if s.environment == "" {
		s.environment = b.environment
	}
	if s.criticality == "" {
		s.criticality = b.criticality
		s.rank()
	}
	s.class = b.class
	s.privileged, s.thirdParty = b.privileged, b.thirdParty
	if !s.container.Valid {
		s.container = b.container
	}
	own = append(own, b.marks...)
	if b.sourceID != s.sourceID {
		own = append(own, markOf(markSource, fmt.Sprint(b.sourceID)))
	}
	return own
}

// bequests reads what identities leave to their credentials.
func (tx *Tx) bequests(ids []int64) (map[int64]*bequest, error) {
	out := map[int64]*bequest{}
	if len(ids) == 0 {
		return out, nil
	}
	slices.Sort(ids)
	err := tx.query(func(rows *sql.Rows) error {
		var id int64
		var m string
		b := &bequest{}
		if err := rows.Scan(&id, &b.owner, &b.class, &b.environment, &b.criticality, &b.container, &b.sourceID, &b.privileged, &b.thirdParty, &m); err != nil {
			return err
		}
		var err error
		b.marks, err = parseMarks(m)
		out[id] = b
		return err
	}, `SELECT e.id, e.owner, e.class, e.environment, e.criticality, e.container_id, e.source_id, e.privileged, e.third_party, e.marks
		FROM `+tx.db.d.each("$1")+` j JOIN entities e ON e.id = CAST(j.v AS BIGINT)`, tx.intList(slices.Compact(ids)))
	if err != nil {
		return nil, fmt.Errorf("read holders: %w", err)
	}
	return out, nil
}

// show writes a projected row where it differs from what stands, keeping the
// earlier one as a version.
func (tx *Tx) show(p *projected, rev, obs int64) error {
	m := newMarks(p.marks)
	text := m.String()
	back := p.gone.Valid
	if obs < max(p.versionFrom, p.latest) && !tx.filling {
		tx.past[p.id] = struct{}{} // it was observed before what is known to have followed
	}
	if !back && p.now == p.shown && text == p.state.marks && p.used == p.lastUsed {
		if rev > 0 {
			return tx.exec("UPDATE entities SET touched_rev = $1 WHERE id = $2", rev, p.id)
		}
		return nil
	}
	from := p.versionFrom
	if back {
		from = obs
	} else {
		hard := p.now
		hard.soft = p.soft
		var err error
		if hard != p.shown || p.now.soft != p.soft {
			if from, err = tx.version(p.state, obs, hard != p.shown); err != nil {
				return err
			}
		}
		p.figureKeys(p.etype, p.lastUsed, tx.count(p.sourceID, -1))
	}
	p.now.figureKeys(p.etype, p.used, tx.count(p.now.sourceID, 1))
	if err := tx.remark(p.id, p.state.marks, m); err != nil {
		return err
	}
	args := append(p.now.hardValues(), p.now.soft.values()...)
	args = append(args, text, p.used, from, rev, p.id)
	if err := tx.exec(updateShown, args...); err != nil {
		return err
	}
	return tx.passOn(p, back, text)
}

// passOn notes whose rows follow from this one's: the credentials of an
// identity, and the identities that hold a credential.
func (tx *Tx) passOn(p *projected, back bool, marks string) error {
	switch store.TypeAt(p.etype) {
	case retinue.FactIdentity:
		was, now := &p.shown, &p.now
		if was.owner != now.owner || was.class != now.class || was.environment != now.environment || marks != p.state.marks ||
			was.criticality != now.criticality || was.container != now.container || was.sourceID != now.sourceID ||
			was.privileged != now.privileged || was.thirdParty != now.thirdParty {
			tx.heirs[p.id] = struct{}{}
		}
	case retinue.FactCredential:
		if back || p.shown.holder != p.now.holder {
			tx.holderChanged(p.shown.holder, p.now.holder)
		}
	}
	return nil
}

func (tx *Tx) holderChanged(refs ...sql.NullInt64) {
	for _, r := range refs {
		if r.Valid {
			tx.holders[r.Int64] = struct{}{}
		}
	}
}

// updateShown sets every shown column of a row.
var updateShown = func() string {
	var b strings.Builder
	b.WriteString("UPDATE entities SET ")
	n := 0
	for c := range strings.SplitSeq(hardColumns+", "+softColumns+", marks, last_used, version_from", ",") {
		n++
		fmt.Fprintf(&b, "%s = $%d, ", strings.TrimSpace(c), n)
	}
	fmt.Fprintf(&b, "gone_at = NULL, touched_rev = CASE WHEN $%d > 0 THEN $%d ELSE touched_rev END WHERE id = $%d", n+1, n+1, n+2)
	return b.String()
}()

// version keeps the row that stands as a version that ends now, and returns
// from when the next one holds. What only follows from a recent change, such
// as its findings, belongs to that.
func (tx *Tx) version(st *state, obs int64, hard bool) (int64, error) {
	if tx.filling || obs <= st.versionFrom || (!hard && tx.at.UnixMicro()-st.versionFrom < settling) {
		return st.versionFrom, nil
	}
	return obs, tx.keepVersion(st.id, obs)
}

func (tx *Tx) keepVersion(id, obs int64) error {
	return tx.exec(`INSERT INTO entity_versions (id, from_at, to_at, public_id, type, `+hardColumns+`, `+softColumns+`)
		SELECT id, version_from, $1, public_id, type, `+hardColumns+`, `+softColumns+` FROM entities
		WHERE id = $2 AND version_from < $1 ON CONFLICT DO NOTHING`, obs, id)
}

// end marks an entity of which nothing is stated any more as gone.
func (tx *Tx) end(st *state, rev, obs int64) error {
	if st.gone.Valid {
		return nil
	}
	if obs < st.versionFrom {
		tx.past[st.id] = struct{}{}
	}
	if err := tx.keepVersion(st.id, obs); err != nil {
		return err
	}
	st.figureKeys(st.etype, st.lastUsed, tx.count(st.sourceID, -1))
	tx.holderChanged(st.holder)
	return tx.exec(`UPDATE entities SET state = $1, gone_at = $2, version_from = $2, touched_rev = CASE WHEN $3 > 0 THEN $3 ELSE touched_rev END WHERE id = $4`,
		string(retinue.StateGone), obs, rev, st.id)
}

// forget takes an entity that is merged into another out of the figures, the
// marks and the lists of the past.
func (tx *Tx) forget(entity int64) error {
	states, err := tx.states(tx.intList([]int64{entity}))
	if err != nil {
		return err
	}
	if st := states[entity]; st != nil {
		if !st.gone.Valid {
			st.figureKeys(st.etype, st.lastUsed, tx.count(st.sourceID, -1))
		}
		tx.holderChanged(st.holder)
		if err := tx.remark(entity, st.marks, nil); err != nil {
			return err
		}
	}
	return tx.exec("DELETE FROM entity_versions WHERE id = $1", entity)
}

// remark replaces the marks of an entity.
func (tx *Tx) remark(id int64, before string, now marks) error {
	if before == now.String() {
		return nil
	}
	was, err := parseMarks(before)
	if err != nil {
		return err
	}
	for _, m := range was {
		if _, keep := slices.BinarySearch(now, m); !keep {
			if err := tx.exec("DELETE FROM entity_marks WHERE mark = $1 AND entity_id = $2", m, id); err != nil {
				return err
			}
		}
	}
	for _, m := range now {
		if err := tx.exec("INSERT INTO entity_marks (mark, entity_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", m, id); err != nil {
			return err
		}
	}
	return nil
}

// lastUses returns when each of the entities was last used.
func (tx *Tx) lastUses(ids any) (map[int64]sql.NullInt64, error) {
	out := map[int64]sql.NullInt64{}
	err := tx.query(func(rows *sql.Rows) error {
		var id int64
		var at sql.NullInt64
		if err := rows.Scan(&id, &at); err != nil {
			return err
		}
		out[id] = at
		return nil
	}, `SELECT r.entity_id, max(u.at) FROM `+tx.db.d.each("$1")+` j JOIN refs r ON r.entity_id = CAST(j.v AS BIGINT)
		JOIN uses u ON u.subject_id = r.id GROUP BY r.entity_id`, ids)
	return out, err
}

// used notes an observation of use in an entity's row. It makes no version:
// use moves by itself.
func (tx *Tx) used(entity int64, at int64) error {
	if err := tx.countUse(entity, at); err != nil {
		return err
	}
	return tx.exec("UPDATE entities SET last_used = $1 WHERE id = $2 AND (last_used IS NULL OR last_used < $1)", at, entity)
}

// settle brings rows up to date that follow from others, until none does.
func (tx *Tx) settle() error {
	now := tx.at.UnixMicro()
	for len(tx.heirs) > 0 {
		heirs, err := tx.credentialsOf(sortedKeys(tx.heirs))
		if err != nil {
			return err
		}
		clear(tx.heirs)
		if err := tx.reproject(heirs, 0, now); err != nil {
			return err
		}
	}
	if err := tx.settleCounts(); err != nil {
		return err
	}
	for _, id := range sortedKeys(tx.past) {
		if err := tx.rebuild(id); err != nil {
			return err
		}
	}
	clear(tx.past)
	return tx.writeFigures()
}

// settleCounts counts findings and credentials of what may have more of them,
// or fewer.
func (tx *Tx) settleCounts() error {
	for chunk := range slices.Chunk(sortedKeys(tx.holders), 500) {
		ids, err := tx.ints(`SELECT DISTINCT r.entity_id FROM `+tx.db.d.each("$1")+` j JOIN refs r ON r.id = CAST(j.v AS BIGINT)
			WHERE r.entity_id IS NOT NULL`, tx.intList(chunk))
		if err != nil {
			return err
		}
		for _, id := range ids {
			tx.stale[id] = struct{}{}
		}
	}
	clear(tx.holders)
	for chunk := range slices.Chunk(sortedKeys(tx.stale), 500) {
		if err := tx.soften(chunk); err != nil {
			return fmt.Errorf("count findings and credentials: %w", err)
		}
	}
	clear(tx.stale)
	return nil
}

// credentialsOf lists the credentials that identities hold.
func (tx *Tx) credentialsOf(identities []int64) ([]int64, error) {
	var out []int64
	for chunk := range slices.Chunk(identities, 500) {
		ids, err := tx.ints(`SELECT c.id FROM `+tx.db.d.each("$1")+` j JOIN refs r ON r.entity_id = CAST(j.v AS BIGINT)
			JOIN entities c ON c.holder_id = r.id`, tx.intList(chunk))
		if err != nil {
			return nil, fmt.Errorf("list credentials of identities: %w", err)
		}
		out = append(out, ids...)
	}
	return out, nil
}

func (tx *Tx) ints(q string, args ...any) ([]int64, error) {
	var out []int64
	err := tx.query(func(rows *sql.Rows) error {
		var v int64
		if err := rows.Scan(&v); err != nil {
			return err
		}
		out = append(out, v)
		return nil
	}, q, args...)
	return out, err
}

// soften counts the open findings and the credentials of entities again.
func (tx *Tx) soften(ids []int64) error {
	list := tx.intList(ids)
	states, err := tx.states(list)
	if err != nil {
		return err
	}
	next := make(map[int64]soft, len(states))
	for id, st := range states {
		next[id] = soft{worst: noFinding, privileged: st.privileged, thirdParty: st.thirdParty}
	}
	err = tx.query(func(rows *sql.Rows) error {
		var id, severity, n, priority int64
		if err := rows.Scan(&id, &severity, &n, &priority); err != nil {
			return err
		}
		s, ok := next[id]
		if !ok || severity < 0 || severity >= int64(len(s.open)) {
			return nil
		}
		s.open[severity], s.priority, s.worst = n, max(s.priority, priority), min(s.worst, severity)
		next[id] = s
		return nil
	}, `SELECT f.entity_id, f.severity, count(*), max(f.priority) FROM `+tx.db.d.each("$1")+` j
		JOIN findings f ON f.entity_id = CAST(j.v AS BIGINT) WHERE `+openFinding+` GROUP BY f.entity_id, f.severity`, list)
	if err != nil {
		return err
	}
	err = tx.query(func(rows *sql.Rows) error {
		var id, n int64
		if err := rows.Scan(&id, &n); err != nil {
			return err
		}
		s := next[id]
		s.credentials = n
		next[id] = s
		return nil
	}, `SELECT r.entity_id, count(*) FROM `+tx.db.d.each("$1")+` j JOIN refs r ON r.entity_id = CAST(j.v AS BIGINT)
		JOIN entities c ON c.holder_id = r.id AND c.gone_at IS NULL GROUP BY r.entity_id`, list)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if st := states[id]; st != nil && st.soft != next[id] {
			if err := tx.saveSoft(st, next[id]); err != nil {
				return err
			}
		}
	}
	return nil
}

// openFinding is the condition that a finding f stands open.
var openFinding = fmt.Sprintf("f.state NOT IN ('%s', '%s') AND f.suppressed = ''", retinue.FindingResolved, retinue.FindingAccepted)

func (tx *Tx) saveSoft(st *state, s soft) error {
	from := st.versionFrom
	if !st.gone.Valid {
		var err error
		if from, err = tx.version(st, tx.at.UnixMicro(), false); err != nil {
			return err
		}
	}
	return tx.exec(`UPDATE entities SET priority = $1, open_critical = $2, open_high = $3, open_medium = $4, open_low = $5,
		open_info = $6, worst = $7, credentials = $8, privileged = $9, third_party = $10, version_from = $11 WHERE id = $12`,
		append(s.values(), from, st.id)...)
}

// sourceName returns the name of a source by its key.
func (tx *Tx) sourceName(key int64) (string, error) {
	if name, ok := tx.sources[key]; ok {
		return name, nil
	}
	var name string
	err := tx.queryRow("SELECT name FROM sources WHERE id = $1", key).Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read source: %w", err)
	}
	tx.sources[key] = name
	return name, nil
}

// renameSource brings the name of a source up to date where rows carry it.
func (tx *Tx) renameSource(key int64, name string) error {
	tx.sources[key] = name
	for _, q := range []string{"UPDATE sources SET name = $1 WHERE id = $2", "UPDATE entities SET source = $1 WHERE source_id = $2",
		"UPDATE entity_versions SET source = $1 WHERE source_id = $2", "UPDATE population SET source = $1 WHERE source_id = $2"} {
		if err := tx.exec(q, name, key); err != nil {
			return fmt.Errorf("rename source: %w", err)
		}
	}
	return nil
}

func nullMicros(t time.Time) sql.NullInt64 {
	if t.IsZero() {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: t.UnixMicro(), Valid: true}
}
