package sqlstore

import (
	"context"
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

// Loader fills an empty database with made-up things, for measurements: as
// scans of them would, row for row, but straight into the tables and with the
// indexes made afterwards. It is used by one goroutine.
type Loader struct {
	tx      *Tx
	at      int64
	tables  []*loadTable
	refs    map[store.Hash]loaded // of what others point at
	sources []loadedSource
	source  *loadedSource
	key     int64 // of refs, entities and facts alike
	owned   int64
	found   int64
	used    int64
}

type loaded struct {
	key  int64
	gift *bequest
}

type loadedSource struct {
	id, realm int64
	name      string
	facts     int64
}

// loadTable collects rows of one table.
type loadTable struct {
	name string
	cols []string
	bulk *bulk
	rows [][]any
}

// Load runs fn with a loader in one transaction. ErrConflict says that the
// database is not empty.
func (db *DB) Load(ctx context.Context, at time.Time, fn func(*Loader) error) error {
	return db.Update(ctx, func(tx *Tx) error {
		var n int
		if err := tx.queryRow("SELECT count(*) FROM (SELECT 1 AS one FROM entities LIMIT 1) AS t").Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf("%w: load: the database is not empty", retinue.ErrConflict)
		}
		l := &Loader{tx: tx, at: at.UnixMicro(), refs: map[store.Hash]loaded{}}
		indexes, err := l.dropIndexes()
		if err != nil {
			return fmt.Errorf("load: drop indexes: %w", err)
		}
		if err := fn(l); err != nil {
			return err
		}
		if err := l.finish(); err != nil {
			return fmt.Errorf("load: %w", err)
		}
		for _, q := range indexes {
			if err := tx.exec(q); err != nil {
				return fmt.Errorf("load: make index: %w", err)
			}
		}
		return tx.exec("ANALYZE")
	})
}

// loadedTables are the tables that grow with an estate.
var loadedTables = []string{"refs", "entities", "facts", "edges", "entity_marks", "uses", "findings", "finding_versions", "registrations"}

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
	s.realm = s.id
	if err := l.tx.exec("INSERT INTO realms (id, realm) VALUES ($1, $2)", s.realm, string(realm)); err != nil {
		return fmt.Errorf("load source: %w", err)
	}
	if err := l.tx.exec("INSERT INTO sources (id, public_id, kind, name, target) VALUES ($1, $2, $3, $4, $4)", s.id, string(id), kind, name); err != nil {
		return fmt.Errorf("load source: %w", err)
	}
	if err := l.tx.exec(`INSERT INTO scopes (id, realm_id, path, source_id, authority, state, observed_at, completed_at, recorded_at)
		VALUES ($1, $2, 'all', $3, $4, $5, $6, $6, $6)`, s.id, s.realm, s.id, int(connector.AuthoritySystem), string(store.ScopeComplete), l.at); err != nil {
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
}

const loadEntity = `id, public_id, type, ` + hardColumns + `, ` + softColumns + `, touched_rev, labels, marks, version_from, last_used`

// Add adds a container, an identity or a credential. Containers and identities
// come before what points at them.
func (l *Loader) Add(f retinue.Fact, g Given) error {
	l.key++
	l.source.facts++
	ref, hash := f.FactRef(), store.HashRef(f.FactRef())
	body, err := json.Marshal(f)
	if err != nil {
		return err
	}
	s, own := l.row(f, g)
	m := newMarks(own)
	kind, content := store.TypeIndex(f.FactType()), store.HashContent(body, "")
	if err := l.into("refs", "id, hash, realm_id, kind, key, entity_id", l.key, hash[:], l.source.realm, ref.Kind, ref.Key, l.key); err != nil {
		return err
	}
	if err := l.into("facts", "id, scope_id, type, ref_hash, ref_id, content, body, document, obs_from, obs_to, rev_from, rev_to",
		l.key, l.source.id, kind, hash[:], l.key, content[:], string(body), nil, l.at, nil, l.source.id, nil); err != nil {
		return err
	}
	labels := Labels{Privileged: g.Privileged, ThirdParty: g.ThirdParty}.Encode()
	args := append([]any{l.key, string(g.ID), kind}, s.hardValues()...)
	args = append(args, s.soft.values()...)
	if err := l.into("entities", loadEntity, append(args, l.source.id, labels, m.String(), l.at, nullMicros(g.LastUsed))...); err != nil {
		return err
	}
	for _, mark := range m {
		if err := l.into("entity_marks", "mark, entity_id", mark, l.key); err != nil {
			return err
		}
	}
	s.figureKeys(kind, nullMicros(g.LastUsed), l.tx.count(s.sourceID, 1))
	l.tx.count(0, 1)(figureFacts, string(f.FactType()))
	l.keep(f, hash, s, m)
	return l.given(f, g, s.holder)
}

// row is the row of a thing, with its marks.
func (l *Loader) row(f retinue.Fact, g Given) (shown, []int64) {
	c := columnsOf(f)
	s := shown{ref: l.key, scope: l.source.id, sourceID: l.source.id, source: l.source.name, firstSeen: l.at,
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
	case retinue.Container:
		l.refs[hash] = loaded{key: l.key}
	case retinue.Identity:
		l.refs[hash] = loaded{key: l.key, gift: &bequest{owner: s.owner, class: s.class, environment: s.environment, criticality: s.criticality,
			container: s.container, sourceID: s.sourceID, privileged: s.privileged, thirdParty: s.thirdParty, marks: m}}
	}
}

// Forget drops what credentials inherit, once all of an identity's were added:
// it is what a loader's memory holds.
func (l *Loader) Forget(identity retinue.Ref) { delete(l.refs, store.HashRef(identity)) }

// given writes what governance and use add.
func (l *Loader) given(f retinue.Fact, g Given, holder sql.NullInt64) error {
	if holder.Valid {
		if err := l.into("edges", "ref_id, role, fact_id", holder.Int64, store.EdgeIdentity, l.key); err != nil {
			return err
		}
	}
	if g.Owner != "" {
		l.owned++
		body, err := json.Marshal(retinue.Registration{Entity: g.ID, Owner: g.Owner})
		if err != nil {
			return err
		}
		if err := l.into("registrations", "id, entity_id, from_at, to_at, actor, body", l.owned, l.key, l.at, nil, `{"kind":"system","name":"loader"}`, string(body)); err != nil {
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
		h := store.HashContent(body, "")
		if err := l.into("uses", "id, hash, subject_id, scope_id, meaning, at, observed_at, rev, body", l.used, h[:], l.key, l.source.id, u.Meaning,
			u.At.UnixMicro(), l.at, l.source.id, string(body)); err != nil {
			return err
		}
	}
	for _, x := range g.Findings {
		if err := l.finding(x); err != nil {
			return err
		}
	}
	return nil
}

func (l *Loader) finding(f retinue.Finding) error {
	l.found++
	body, err := json.Marshal(f)
	if err != nil {
		return err
	}
	k := listedOf(l.key, f)
	k.figureKeys(l.tx.count(0, 1))
	if err := l.into("findings", `id, public_id, fingerprint, rule, entity_id, severity, state, suppressed, priority, family, fix, first_seen, last_seen,
		resolved_at, body, source_id, search, owasp`, l.found, string(f.ID), f.Fingerprint, f.Rule, l.key, k.severity, k.state, k.suppressed, f.Priority,
		f.Family, f.Fix, l.at, l.at, nil, string(body), l.source.id, findingSearch(f), k.owasp); err != nil {
		return err
	}
	return l.into("finding_versions", "id, finding_id, from_at, to_at, body, severity, state, suppressed, priority, last_seen",
		l.found, l.found, l.at, nil, string(body), k.severity, k.state, k.suppressed, f.Priority, l.at)
}

// finish writes what is left, and from where keys go on.
func (l *Loader) finish() error {
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
	for _, s := range l.sources {
		who := `{"kind":"system","name":"loader"}`
		if err := l.tx.exec(`INSERT INTO runs (id, public_id, source_id, state, started_at, finished_at, actor, access, notes)
			VALUES ($1, $2, $3, $4, $5, $5, $6, '{}', '[]')`, s.id, string(retinue.NewRunID(time.UnixMicro(l.at))), s.id, string(store.RunComplete), l.at, who); err != nil {
			return err
		}
		if err := l.tx.exec(`INSERT INTO revisions (rev, scope_id, run_id, state, observed_at, recorded_at, counts, basis, problems)
			VALUES ($1, $1, $1, $2, $3, $3, '{}', 'loaded', '[]')`, s.id, string(store.ScopeComplete), l.at); err != nil {
			return err
		}
		if err := l.tx.exec("UPDATE scopes SET facts = $1 WHERE id = $2", s.facts, s.id); err != nil {
			return err
		}
	}
	n := int64(len(l.sources))
	for name, next := range map[string]int64{"refs": l.key, "entities": l.key, "facts": l.key, "uses": l.used, "findings": l.found, "finding_versions": l.found,
		"registrations": l.owned, "realms": n, "sources": n, "scopes": n, "runs": n, "revisions": n} {
		if err := l.tx.exec("INSERT INTO counters (name, next) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET next = excluded.next", name, next+1); err != nil {
			return err
		}
	}
	return nil
}
