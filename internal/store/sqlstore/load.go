package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/store"
)

// Loader fills an empty database with made-up things, for measurements: as two
// scans of each source would, row for row, but straight into the tables and
// with the indexes made afterwards. It is used by one goroutine.
type Loader struct {
	tx      *Tx
	span    Span
	tables  []*loadTable
	refs    map[store.Hash]loaded      // of what others point at
	texts   map[[sha256.Size]byte]bool // the documents that were written
	sources []loadedSource
	source  *loadedSource
	key     int64 // of refs and entities alike
	fact    int64
	owned   int64
	found   int64
	used    int64
}

// Span is when the two scans of every source were made.
type Span struct{ First, Second time.Time }

type loaded struct {
	key  int64
	gift *bequest
}

type loadedSource struct {
	id, realm     int64
	first, second int64 // revisions
	name          string
	facts         int64
}

// loadTable collects rows of one table.
type loadTable struct {
	name string
	cols []string
	bulk *bulk
	rows [][]any
}

// Load calls step until it returns false, each time in a transaction of its
// own: what it holds in memory, and what the database keeps aside until a
// commit, do not grow with the estate. A load that fails leaves the database
// half filled. ErrConflict says that the database is not empty.
func (db *DB) Load(ctx context.Context, span Span, step func(*Loader) (more bool, err error)) error {
	var n int
	if err := db.write.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 AS one FROM entities LIMIT 1) AS t").Scan(&n); err != nil {
		return fmt.Errorf("load: %w", dbError(err))
	}
	if n > 0 {
		return fmt.Errorf("%w: load: the database is not empty", retinue.ErrConflict)
	}
	restore, err := db.tuneForLoad(ctx)
	if err != nil {
		return fmt.Errorf("load: %w", dbError(err))
	}
	defer restore()
	l := &Loader{span: span, refs: map[store.Hash]loaded{}, texts: map[[sha256.Size]byte]bool{}}
	var indexes []string
	err = db.Update(ctx, func(tx *Tx) error {
		l.tx = tx
		indexes, err = l.dropIndexes()
		return err
	})
	if err != nil {
		return fmt.Errorf("load: drop indexes: %w", err)
	}
	for more := true; more; {
		err := db.Update(ctx, func(tx *Tx) error {
			l.within(tx)
			if more, err = step(l); err != nil {
				return err
			}
			return l.flush()
		})
		if err != nil {
			return fmt.Errorf("load: %w", err)
		}
	}
	if err := db.Update(ctx, func(tx *Tx) error { l.within(tx); return l.finish() }); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	for _, q := range indexes {
		if err := db.Update(ctx, func(tx *Tx) error { return tx.exec(q) }); err != nil {
			return fmt.Errorf("load: make index: %w", err)
		}
	}
	if db.d.name() == "postgres" {
		if _, err := db.write.ExecContext(ctx, "VACUUM ANALYZE"); err != nil { // as its autovacuum does before long
			return fmt.Errorf("load: %w", err)
		}
		return nil
	}
	conn, err := db.write.Conn(ctx)
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	db.learn(ctx, conn, learnFrom) // as after every scan
	return conn.Close()
}

// tuneForLoad gives SQLite a larger cache for the random order in which hashes
// come, and lets it sort in files. The function that it returns undoes it.
func (db *DB) tuneForLoad(ctx context.Context) (func(), error) {
	if db.d.name() == "postgres" {
		return func() {}, nil
	}
	set := func(ctx context.Context, pragmas ...string) error {
		for _, p := range pragmas {
			if _, err := db.write.ExecContext(ctx, "PRAGMA "+p); err != nil {
				return err
			}
		}
		return nil
	}
	undo := func() {
		_ = set(context.WithoutCancel(ctx), "cache_size = -65536", "synchronous = 1", "temp_store = 2")
	}
	return undo, set(ctx, "cache_size = -786432", "synchronous = 0", "temp_store = 1")
}

// within has the loader go on in another transaction.
func (l *Loader) within(tx *Tx) {
	l.tx = tx
	for _, t := range l.tables {
		t.bulk.tx = tx
	}
}

// loadedTables are the tables that grow with an estate.
var loadedTables = []string{"refs", "entities", "facts", "edges", "entity_marks", "uses", "findings", "finding_versions", "registrations", "entity_versions"}

// dropIndexes drops the indexes of the tables that grow and returns what makes
// them again.
func (l *Loader) dropIndexes() ([]string, error) {
	q := `SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = $1 ORDER BY name`
	if l.tx.db.d.name() == "postgres" {
		q = `SELECT i.indexname, i.indexdef FROM pg_indexes i WHERE i.schemaname = current_schema() AND i.tablename = $1
			AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conname = i.indexname) ORDER BY i.indexname`
	}
	var names, out []string
	for _, table := range loadedTables {
		err := l.tx.query(func(rows *sql.Rows) error {
			var name, def string
			if err := rows.Scan(&name, &def); err != nil {
				return err
			}
			names, out = append(names, name), append(out, def)
			return nil
		}, q, table)
		if err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		if err := l.tx.exec("DROP INDEX " + name); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (l *Loader) into(name, cols string, values ...any) error {
	i := slices.IndexFunc(l.tables, func(t *loadTable) bool { return t.name == name })
	if i < 0 {
		t := &loadTable{name: name, bulk: newBulk(l.tx, name+" ("+cols+")", "")}
		for c := range strings.SplitSeq(cols, ",") {
			t.cols = append(t.cols, strings.TrimSpace(c))
		}
		l.tables = append(l.tables, t)
		i = len(l.tables) - 1
	}
	t := l.tables[i]
	if l.tx.db.d.name() != "postgres" {
		return t.bulk.add(values...)
	}
	if t.rows = append(t.rows, values); len(t.rows) < 5000 {
		return nil
	}
	return l.copyRows(t)
}

// copyRows writes rows by COPY, which PostgreSQL takes many times faster than
// statements.
func (l *Loader) copyRows(t *loadTable) error {
	err := l.tx.conn.Raw(func(c any) error {
		conn, ok := c.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("%w: copy rows through %T", retinue.ErrUnsupported, c)
		}
		for _, r := range t.rows {
			for i, v := range r {
				if n, ok := v.(sql.NullInt64); ok {
					if r[i] = any(nil); n.Valid {
						r[i] = n.Int64
					}
				}
			}
		}
		_, err := conn.Conn().CopyFrom(l.tx.ctx, pgx.Identifier{t.name}, t.cols, pgx.CopyFromRows(t.rows))
		return err
	})
	t.rows = t.rows[:0]
	return err
}

// Source begins a source of its own realm. What is added from here on is
// stated by it.
func (l *Loader) Source(id retinue.SourceID, kind, name string, realm retinue.Realm) error {
	s := loadedSource{id: int64(len(l.sources) + 1), name: name}
	s.realm, s.first, s.second = s.id, 2*s.id-1, 2*s.id
	if err := l.tx.exec("INSERT INTO realms (id, realm) VALUES ($1, $2)", s.realm, string(realm)); err != nil {
		return fmt.Errorf("load source: %w", err)
	}
	if err := l.tx.exec("INSERT INTO sources (id, public_id, kind, name, target) VALUES ($1, $2, $3, $4, $4)", s.id, string(id), kind, name); err != nil {
		return fmt.Errorf("load source: %w", err)
	}
	if err := l.tx.exec(`INSERT INTO scopes (id, realm_id, path, source_id, authority, state, observed_at, completed_at, recorded_at)
		VALUES ($1, $2, 'all', $3, $4, $5, $6, $6, $6)`, s.id, s.realm, s.id, int(connector.AuthoritySystem), string(store.ScopeComplete), l.span.Second.UnixMicro()); err != nil {
		return fmt.Errorf("load source: %w", err)
	}
	l.sources = append(l.sources, s)
	l.source = &l.sources[len(l.sources)-1]
	return nil
}

// Given is what governance and use add to a thing.
type Given struct {
	ID       retinue.EntityID
	Owner    string
	LastUsed time.Time
	// Credentials is how many will be added that it holds.
	Credentials int
	Findings    []retinue.Finding // open
	Privileged  bool
	ThirdParty  bool
	// Before is what the first scan stated of it, where that differs from the
	// second in nothing that other things take from it. New says that the first
	// scan did not find it, Gone that the second did not.
	Before retinue.Fact
	New    bool
	Gone   bool
}

const (
	loadEntity  = `id, public_id, type, ` + hardColumns + `, ` + softColumns + `, touched_rev, labels, marks, version_from, last_used, gone_at`
	loadVersion = `id, from_at, to_at, public_id, type, ` + hardColumns + `, ` + softColumns
)

// Add adds a thing: all but relations, for which there is Relate. Containers and
// identities come before what points at them.
func (l *Loader) Add(f retinue.Fact, g Given) error {
	l.key++
	ref, hash := f.FactRef(), store.HashRef(f.FactRef())
	if err := l.into("refs", "id, hash, realm_id, kind, key, entity_id", l.key, hash[:], l.source.realm, ref.Kind, ref.Key, l.key); err != nil {
		return err
	}
	s, own := l.row(f, g)
	if err := l.versions(f, g, hash, s.holder); err != nil {
		return err
	}
	m := newMarks(own)
	kind, from, rev := store.TypeIndex(f.FactType()), l.from(g), l.source.first
	var gone any
	if g.Gone || g.Before != nil {
		before := s
		if g.Before != nil {
			before, _ = l.row(g.Before, g)
		}
		args := append([]any{l.key, from, l.span.Second.UnixMicro(), string(g.ID), kind}, before.hardValues()...)
		if err := l.into("entity_versions", loadVersion, append(args, before.soft.values()...)...); err != nil {
			return err
		}
		from, rev = l.span.Second.UnixMicro(), l.source.second
		if g.Gone {
			s.state, gone = string(retinue.StateGone), from
		}
	}
	labels := Labels{Privileged: g.Privileged, ThirdParty: g.ThirdParty}.Encode()
	args := append([]any{l.key, string(g.ID), kind}, s.hardValues()...)
	args = append(args, s.soft.values()...)
	if err := l.into("entities", loadEntity, append(args, rev, labels, m.String(), from, nullMicros(g.LastUsed), gone)...); err != nil {
		return err
	}
	for _, mark := range m {
		if err := l.into("entity_marks", "mark, entity_id", mark, l.key); err != nil {
			return err
		}
	}
	if !g.Gone {
		s.figureKeys(kind, nullMicros(g.LastUsed), l.tx.count(s.sourceID, 1))
	}
	l.keep(f, hash, s, m)
	return l.given(f, g)
}

// from is since when a thing is known.
func (l *Loader) from(g Given) int64 {
	if g.New {
		return l.span.Second.UnixMicro()
	}
	return l.span.First.UnixMicro()
}

// versions writes what the scans stated of a thing.
func (l *Loader) versions(f retinue.Fact, g Given, hash store.Hash, holder sql.NullInt64) error {
	first, second := l.span.First.UnixMicro(), l.span.Second.UnixMicro()
	switch {
	case g.New:
		return l.version(f, hash, holder, second, l.source.second, nil, nil)
	case g.Gone:
		return l.version(f, hash, holder, first, l.source.first, second, l.source.second)
	case g.Before != nil:
		if err := l.version(g.Before, hash, holder, first, l.source.first, second, l.source.second); err != nil {
			return err
		}
		return l.version(f, hash, holder, second, l.source.second, nil, nil)
	}
	return l.version(f, hash, holder, first, l.source.first, nil, nil)
}

// version writes one version of a fact; to and revTo are nil where it stands.
func (l *Loader) version(f retinue.Fact, hash store.Hash, holder sql.NullInt64, from, rev int64, to, revTo any) error {
	if err := l.stated(f, hash, l.key, from, rev, to, revTo); err != nil {
		return err
	}
	if to == nil {
		l.source.facts++
		l.tx.count(0, 1)(figureFacts, string(f.FactType()))
	}
	if !holder.Valid {
		return nil
	}
	return l.into("edges", "ref_id, role, fact_id", holder.Int64, store.EdgeIdentity, l.fact)
}

// row is the row of a thing, with its marks.
func (l *Loader) row(f retinue.Fact, g Given) (shown, []int64) {
	c := columnsOf(f)
	s := shown{ref: l.key, scope: l.source.id, sourceID: l.source.id, source: l.source.name, firstSeen: l.from(g),
		soft: soft{worst: noFinding, credentials: int64(g.Credentials), privileged: int64(b2i(g.Privileged)), thirdParty: int64(b2i(g.ThirdParty))}}
	s.from(c, f.FactRef().Key)
	s.owner = g.Owner
	for _, x := range g.Findings {
		i := int64(slices.Index(retinue.Severities(), x.Severity))
		s.open[i]++
		s.worst, s.priority = min(s.worst, i), max(s.priority, int64(x.Priority))
	}
	own := tagMarks(f)
	if at, ok := l.refs[store.HashRef(c.container)]; ok {
		s.container = sql.NullInt64{Int64: at.key, Valid: true}
	}
	if at, ok := l.refs[store.HashRef(c.holder)]; ok {
		s.holder = sql.NullInt64{Int64: at.key, Valid: true}
		own = at.gift.give(&s, own)
	}
	if s.owner != "" {
		own = append(own, markOf(markOwner, s.owner))
	}
	return s, own
}

// keep remembers what may be pointed at.
func (l *Loader) keep(f retinue.Fact, hash store.Hash, s shown, m marks) {
	switch f.(type) {
	case retinue.Container, retinue.Policy, retinue.Group, retinue.Resource:
		l.refs[hash] = loaded{key: l.key}
	case retinue.Identity:
		l.refs[hash] = loaded{key: l.key, gift: &bequest{owner: s.owner, class: s.class, environment: s.environment, criticality: s.criticality,
			container: s.container, sourceID: s.sourceID, privileged: s.privileged, thirdParty: s.thirdParty, marks: m}}
	}
}

// Forget drops what is kept of a thing, once all that points at it was added: it
// is what a loader's memory holds.
func (l *Loader) Forget(thing retinue.Ref) { delete(l.refs, store.HashRef(thing)) }

// given writes what governance and use add.
func (l *Loader) given(f retinue.Fact, g Given) error {
	if g.Owner != "" {
		l.owned++
		body, err := json.Marshal(retinue.Registration{Entity: g.ID, Owner: g.Owner})
		if err != nil {
			return err
		}
		if err := l.into("registrations", "id, entity_id, from_at, to_at, actor, body", l.owned, l.key, l.from(g), nil, `{"kind":"system","name":"loader"}`, string(body)); err != nil {
			return err
		}
	}
	if !g.LastUsed.IsZero() {
		l.used++
		u := retinue.Use{Subject: f.FactRef(), Meaning: "last_used", At: g.LastUsed, Grade: retinue.GradeC}
		body, err := json.Marshal(u)
		if err != nil {
			return err
		}
		seen, rev := l.from(g), l.source.first
		if g.New || g.LastUsed.After(l.span.First) {
			seen, rev = l.span.Second.UnixMicro(), l.source.second
		}
		h := store.HashContent(body, "")
		if err := l.into("uses", "id, hash, subject_id, scope_id, meaning, at, observed_at, rev, body", l.used, h[:], l.key, l.source.id, u.Meaning,
			u.At.UnixMicro(), seen, rev, string(body)); err != nil {
			return err
		}
	}
	for _, x := range g.Findings {
		if err := l.finding(x, l.from(g)); err != nil {
			return err
		}
	}
	return nil
}

func (l *Loader) finding(f retinue.Finding, from int64) error {
	l.found++
	body, err := json.Marshal(f)
	if err != nil {
		return err
	}
	k := listedOf(l.key, f)
	k.figureKeys(l.tx.count(0, 1))
	if err := l.into("findings", `id, public_id, fingerprint, rule, entity_id, severity, state, suppressed, priority, family, fix, first_seen, last_seen,
		resolved_at, body, source_id, search, owasp`, l.found, string(f.ID), f.Fingerprint, f.Rule, l.key, k.severity, k.state, k.suppressed, f.Priority,
		f.Family, f.Fix, from, l.span.Second.UnixMicro(), nil, string(body), l.source.id, findingSearch(f), k.owasp); err != nil {
		return err
	}
	return l.into("finding_versions", "id, finding_id, from_at, to_at, body, severity, state, suppressed, priority, last_seen",
		l.found, l.found, from, nil, string(body), k.severity, k.state, k.suppressed, f.Priority, l.span.Second.UnixMicro())
}

// flush writes the rows that were collected.
func (l *Loader) flush() error {
	for _, t := range l.tables {
		if len(t.rows) > 0 {
			if err := l.copyRows(t); err != nil {
				return fmt.Errorf("write %s: %w", t.name, err)
			}
		}
		if err := t.bulk.flush(); err != nil {
			return fmt.Errorf("write %s: %w", t.name, err)
		}
	}
	return nil
}

// finish writes the runs, and from where keys go on.
func (l *Loader) finish() error {
	for _, s := range l.sources {
		who := `{"kind":"system","name":"loader"}`
		for rev, at := range map[int64]time.Time{s.first: l.span.First, s.second: l.span.Second} {
			if err := l.tx.exec(`INSERT INTO runs (id, public_id, source_id, state, started_at, finished_at, actor, access, notes)
				VALUES ($1, $2, $3, $4, $5, $5, $6, '{}', '[]')`, rev, string(retinue.NewRunID(at)), s.id, string(store.RunComplete), at.UnixMicro(), who); err != nil {
				return err
			}
			if err := l.tx.exec(`INSERT INTO revisions (rev, scope_id, run_id, state, observed_at, recorded_at, counts, basis, problems)
				VALUES ($1, $2, $1, $3, $4, $4, '{}', 'loaded', '[]')`, rev, s.id, string(store.ScopeComplete), at.UnixMicro()); err != nil {
				return err
			}
		}
		if err := l.tx.exec("UPDATE scopes SET facts = $1 WHERE id = $2", s.facts, s.id); err != nil {
			return err
		}
	}
	n := int64(len(l.sources))
	for name, next := range map[string]int64{"refs": l.key, "entities": l.key, "facts": l.fact, "uses": l.used, "findings": l.found, "finding_versions": l.found,
		"registrations": l.owned, "realms": n, "sources": n, "scopes": n, "runs": 2 * n, "revisions": 2 * n} {
		if err := l.tx.exec("INSERT INTO counters (name, next) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET next = excluded.next", name, next+1); err != nil {
			return err
		}
	}
	return nil
}
