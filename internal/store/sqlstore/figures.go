package sqlstore

import (
	"cmp"
	"database/sql"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// The figures that are kept, with what their keys hold.
const (
	figureEntities = "entities" // type|kind|class|environment|state|owned
	figureStatic   = "static"   // day since when static credentials are what they are, or ""
	figureExpiry   = "expiry"   // day on which credentials expire
	figureFacts    = "facts"    // type
	figureFindings = "findings" // severity|state|suppressed
	figureOWASP    = "owasp"    // risk|severity, of open findings
)

type figureKey struct {
	name   string
	source int64
	key    string
}

// count returns the function that changes figures of a source.
func (tx *Tx) count(source, by int64) func(name string, key ...string) {
	return func(name string, key ...string) {
		tx.figures[figureKey{name, source, strings.Join(key, "|")}] += by
	}
}

// writeFigures adds the transaction's changes to the figures.
func (tx *Tx) writeFigures() error {
	changed := slices.SortedFunc(maps.Keys(tx.figures), func(a, b figureKey) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.source, b.source), cmp.Compare(a.key, b.key))
	})
	for _, k := range changed {
		n := tx.figures[k]
		if n == 0 {
			continue
		}
		if err := tx.exec(`INSERT INTO figures (name, source_id, key, n) VALUES ($1, $2, $3, $4)
			ON CONFLICT (name, source_id, key) DO UPDATE SET n = figures.n + excluded.n`, k.name, k.source, k.key, n); err != nil {
			return fmt.Errorf("keep figures: %w", err)
		}
		if n < 0 {
			if err := tx.exec("DELETE FROM figures WHERE name = $1 AND source_id = $2 AND key = $3 AND n = 0", k.name, k.source, k.key); err != nil {
				return fmt.Errorf("keep figures: %w", err)
			}
		}
	}
	clear(tx.figures)
	if len(changed) == 0 {
		return nil
	}
	return tx.SetMeta(metaFigures, string(retinue.NewChangeID(tx.at)))
}

// dayOf is the UTC day of a time, "" where there is none.
func dayOf(v sql.NullInt64) string {
	if !v.Valid {
		return ""
	}
	return observed(v.Int64).Format(time.DateOnly)
}

// cell is one of the figures of entities.
type cell struct {
	source                          int64
	ftype                           retinue.FactType
	kind, class, environment, state string
	owned                           bool
	n                               int64
}

// cells yields the figures of entities, as they are kept, or counted where the
// scope sees a part only.
func (tx *Tx) cells(fn func(cell)) error {
	l, err := tx.lens()
	if err != nil {
		return err
	}
	if !l.all {
		return tx.countCells("entities e", and(l.sees("e")), fn)
	}
	cells, err := tx.keptCellsNow()
	for _, c := range cells {
		fn(c)
	}
	return err
}

// countCells counts the figures of entities in the rows of a table.
func (tx *Tx) countCells(table, cond string, fn func(cell)) error {
	return tx.query(func(rows *sql.Rows) error {
		var c cell
		var t int
		if err := rows.Scan(&t, &c.source, &c.kind, &c.class, &c.environment, &c.state, &c.owned, &c.n); err != nil {
			return err
		}
		c.ftype = store.TypeAt(t)
		fn(c)
		return nil
	}, fmt.Sprintf(countEntities, table)+cond+groupEntities)
}

// cellCache holds the figures of entities as one version of them reads: there
// are some ten thousand, and every page of a list is counted by them.
type cellCache struct {
	mu      sync.Mutex
	version string
	cells   []cell
}

// metaFigures names the version of the figures of entities.
const metaFigures = "figures.version"

// keptCellsNow returns the figures of entities as the transaction sees them.
func (tx *Tx) keptCellsNow() ([]cell, error) {
	version, err := tx.Meta(metaFigures)
	if err != nil {
		return nil, err
	}
	cache := &tx.db.cells
	cache.mu.Lock()
	defer cache.mu.Unlock()
	if cache.version == version && version != "" && !tx.write {
		return cache.cells, nil
	}
	var cells []cell
	err = tx.figure(figureEntities, func(source int64, key []string, n int64) {
		if len(key) == 6 {
			cells = append(cells, cell{source: source, ftype: retinue.FactType(key[0]), kind: key[1], class: key[2], environment: key[3],
				state: key[4], owned: key[5] != "", n: n})
		}
	})
	if err == nil && !tx.write {
		cache.version, cache.cells = version, cells
	}
	return cells, err
}

const (
	countEntities = `SELECT e.type, e.source_id, e.kind, e.class, e.environment, e.state,
		CASE WHEN e.owner = '' THEN 0 ELSE 1 END AS owned, count(*) FROM %s WHERE e.gone_at IS NULL`
	groupEntities = ` GROUP BY e.type, e.source_id, e.kind, e.class, e.environment, e.state, CASE WHEN e.owner = '' THEN 0 ELSE 1 END`
)

// figure yields the rows of a figure.
func (tx *Tx) figure(name string, fn func(source int64, key []string, n int64)) error {
	return tx.query(func(rows *sql.Rows) error {
		var source, n int64
		var key string
		if err := rows.Scan(&source, &key, &n); err != nil {
			return err
		}
		fn(source, strings.Split(key, "|"), n)
		return nil
	}, "SELECT source_id, key, n FROM figures WHERE name = $1 AND n <> 0", name)
}

// days yields a figure by day, as it is kept, or counted where the scope sees
// a part only.
func (tx *Tx) days(name string, fn func(source int64, day string, n int64)) error {
	l, err := tx.lens()
	if err != nil {
		return err
	}
	if l.all {
		return tx.figure(name, func(source int64, key []string, n int64) { fn(source, key[0], n) })
	}
	return tx.countDays("entities e", name, and(l.sees("e")), fn)
}

const dayMicros = int64(24 * time.Hour / time.Microsecond)

func (tx *Tx) countDays(table, name, cond string, fn func(source int64, day string, n int64)) error {
	col, which := "e.born_at", " AND e.static = 1"
	if name == figureExpiry {
		col, which = "e.expires_at", " AND e.expires_at IS NOT NULL"
	}
	// Division rounds towards zero; days before 1970 are moved out of the way.
	day := fmt.Sprintf("(%s + %d) / %d", col, dayMicros*1_000_000, dayMicros)
	return tx.query(func(rows *sql.Rows) error {
		var source, n int64
		var d sql.NullInt64
		if err := rows.Scan(&source, &d, &n); err != nil {
			return err
		}
		if d.Valid {
			d.Int64 = (d.Int64 - 1_000_000) * dayMicros
		}
		fn(source, dayOf(d), n)
		return nil
	}, fmt.Sprintf("SELECT e.source_id, %s, count(*) FROM %s WHERE e.type = %d AND e.gone_at IS NULL%s%s GROUP BY e.source_id, %s",
		day, table, store.TypeIndex(retinue.FactCredential), which, cond, day))
}

func newFigures() store.Figures {
	return store.Figures{ByKind: map[string]int64{}, BySource: map[string]int64{}, ByEnvironment: map[string]int64{}, ByState: map[string]int64{},
		CredentialsByKind: map[string]int64{}, CredentialsBySource: map[string]int64{}, Findings: map[retinue.Severity]int64{},
		OWASP: map[retinue.OWASP]map[retinue.Severity]int64{}, Entities: map[string]int64{}}
}

// Figures returns the population's figures, of what the scope sees. For a
// scope that sees everything they are kept and cost what they show; for
// others they are counted.
func (tx *Tx) Figures() (store.Figures, error) {
	f := newFigures()
	names, err := tx.allSources()
	if err != nil {
		return f, err
	}
	if err := tx.cells(func(c cell) { addCell(&f, c, names[c.source]) }); err != nil {
		return f, fmt.Errorf("read figures: %w", err)
	}
	if err := addDays(&f, tx.at, tx.days); err != nil {
		return f, fmt.Errorf("read figures: %w", err)
	}
	if err := tx.findingFigures(&f); err != nil {
		return f, fmt.Errorf("read figures of findings: %w", err)
	}
	f.Grants, err = tx.grants()
	return f, err
}

func addCell(f *store.Figures, c cell, source string) {
	f.Entities[string(c.ftype)] += c.n
	switch c.ftype {
	case retinue.FactCredential:
		f.Credentials += c.n
		f.CredentialsByKind[c.kind] += c.n
		f.CredentialsBySource[source] += c.n
	case retinue.FactIdentity:
		switch retinue.Class(c.class) {
		case retinue.ClassPerson:
			f.Persons += c.n
		case retinue.ClassNonHuman:
			f.NonHuman += c.n
			f.ByKind[c.kind] += c.n
			f.BySource[source] += c.n
			f.ByEnvironment[c.environment] += c.n
			f.ByState[c.state] += c.n
			if c.owned {
				f.Owned += c.n
			}
			if c.state == string(retinue.StateDisabled) {
				f.Disabled += c.n
			}
		default:
			f.Unclear += c.n
		}
	}
}

// addDays adds what figures by day say at a time.
func addDays(f *store.Figures, at time.Time, days func(name string, fn func(source int64, day string, n int64)) error) error {
	today := at.Format(time.DateOnly)
	old := at.AddDate(0, 0, -store.OldDays).Format(time.DateOnly)
	soon := at.AddDate(0, 0, store.ExpiringDays).Format(time.DateOnly)
	err := days(figureStatic, func(_ int64, day string, n int64) {
		f.Static += n
		switch {
		case day == "":
			f.AgeUnknown += n
		case day < old:
			f.StaticOld += n
		}
	})
	if err != nil {
		return err
	}
	return days(figureExpiry, func(_ int64, day string, n int64) {
		switch {
		case day < today:
			f.Expired += n
		case day <= soon:
			f.Expiring += n
		}
	})
}

// Expiries counts the credentials that expire on each day of a span, the
// first day inclusive, the last exclusive; days without any are left out.
func (tx *Tx) Expiries(from, to time.Time) ([]store.DayCount, error) {
	byDay := map[string]int64{}
	first, last := from.UTC().Format(time.DateOnly), to.UTC().Format(time.DateOnly)
	err := tx.days(figureExpiry, func(_ int64, day string, n int64) {
		if day >= first && day < last {
			byDay[day] += n
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read figures of expiry: %w", err)
	}
	out := make([]store.DayCount, 0, len(byDay))
	for _, day := range slices.Sorted(maps.Keys(byDay)) {
		out = append(out, store.DayCount{Day: day, N: byDay[day]})
	}
	return out, nil
}

func (tx *Tx) findingFigures(f *store.Figures) error {
	l, err := tx.lens()
	if err != nil {
		return err
	}
	if !l.all {
		return tx.countFindings(and(l.seesFinding()), func(k listedFinding, n int64) { addFinding(f, k, n) })
	}
	err = tx.figure(figureFindings, func(_ int64, key []string, n int64) { addFindings(f, key[0], key[1], key[2], n) })
	if err != nil {
		return err
	}
	return tx.figure(figureOWASP, func(_ int64, key []string, n int64) { addRisk(f, key[0], key[1], n) })
}

// addFinding adds findings that figures do not tell apart.
func addFinding(f *store.Figures, k listedFinding, n int64) {
	k.figureKeys(func(name string, key ...string) {
		if name == figureOWASP {
			addRisk(f, key[0], key[1], n)
		} else {
			addFindings(f, key[0], key[1], key[2], n)
		}
	})
}

func addFindings(f *store.Figures, severity, state, suppressed string, n int64) {
	switch {
	case state == string(retinue.FindingResolved):
		f.Resolved += n
	case suppressed != "":
		f.Suppressed += n
	case state == string(retinue.FindingAccepted):
		f.Accepted += n
	default:
		f.Findings[retinue.Severity(severity)] += n
	}
}

func addRisk(f *store.Figures, risk, severity string, n int64) {
	if f.OWASP[retinue.OWASP(risk)] == nil {
		f.OWASP[retinue.OWASP(risk)] = map[retinue.Severity]int64{}
	}
	f.OWASP[retinue.OWASP(risk)][retinue.Severity(severity)] += n
}

// countFindings counts findings by what figures take from them.
func (tx *Tx) countFindings(cond string, fn func(listedFinding, int64)) error {
	return tx.query(func(rows *sql.Rows) error {
		var k listedFinding
		var n int64
		if err := rows.Scan(&k.severity, &k.state, &k.suppressed, &k.owasp, &n); err != nil {
			return err
		}
		fn(k, n)
		return nil
	}, `SELECT f.severity, f.state, f.suppressed, f.owasp, count(*) FROM findings f WHERE 1 = 1`+cond+` GROUP BY f.severity, f.state, f.suppressed, f.owasp`)
}

// grants counts the attachments and grants in force.
func (tx *Tx) grants() (int64, error) {
	l, err := tx.lens()
	if err != nil {
		return 0, err
	}
	var n int64
	if l.all {
		err = tx.figure(figureFacts, func(_ int64, key []string, k int64) {
			if t := retinue.FactType(key[0]); t == retinue.FactAttachment || t == retinue.FactGrant {
				n += k
			}
		})
	} else {
		err = tx.queryRow("SELECT count(*) FROM facts f WHERE f.rev_to IS NULL AND f.type IN ($1, $2)"+and(l.seesFact()),
			store.TypeIndex(retinue.FactAttachment), store.TypeIndex(retinue.FactGrant)).Scan(&n)
	}
	if err != nil {
		return 0, fmt.Errorf("count grants: %w", err)
	}
	return n, nil
}

// allSources returns the names of the sources by key.
func (tx *Tx) allSources() (map[int64]string, error) {
	out := map[int64]string{}
	err := tx.query(func(rows *sql.Rows) error {
		var key int64
		var name string
		if err := rows.Scan(&key, &name); err != nil {
			return err
		}
		out[key] = name
		return nil
	}, "SELECT id, name FROM sources")
	if err != nil {
		return nil, fmt.Errorf("list sources: %w", err)
	}
	return out, nil
}

// kept returns the filter as a condition on the figures that are kept, and
// whether it is one.
func kept(f store.Filter, sources []string) (func(cell, map[int64]string) bool, bool) {
	if len(f.Owners) > 1 || (len(f.Owners) == 1 && f.Owners[0] != store.None) {
		return nil, false
	}
	rest := f
	rest.Sources, rest.Kinds, rest.Classes, rest.Environments, rest.States, rest.Owners = nil, nil, nil, nil, nil, nil
	if !reflect.DeepEqual(rest, store.Filter{}) {
		return nil, false
	}
	has := func(values []string, v string) bool {
		return len(values) == 0 || slices.Contains(values, v) || (v == "" && slices.Contains(values, store.None))
	}
	return func(c cell, names map[int64]string) bool {
		return has(f.Kinds, c.kind) && has(f.Classes, c.class) && has(f.Environments, c.environment) && has(f.States, c.state) &&
			(len(f.Owners) == 0 || !c.owned) && (len(f.Sources) == 0 || slices.Contains(sources, names[c.source]))
	}, true
}

// countKept counts a list by the figures that are kept, where they tell.
func (tx *Tx) countKept(q store.ListQuery) (int64, bool, error) {
	if q.Count == store.CountNone || !tx.scope.All || !q.AsOf.IsZero() {
		return 0, false, nil
	}
	var n int64
	ok, err := tx.keptCells(q.Type, q.Filter, func(c cell) { n += c.n })
	return n, ok, err
}

func (tx *Tx) keptCells(t retinue.FactType, f store.Filter, fn func(cell)) (bool, error) {
	if _, ok := kept(f, nil); !ok {
		return false, nil
	}
	var names map[int64]string
	var sources []string
	if len(f.Sources) > 0 {
		var err error
		if names, err = tx.allSources(); err != nil {
			return false, err
		}
		if sources, err = tx.sourceNames(f.Sources); err != nil {
			return false, err
		}
	}
	match, _ := kept(f, sources)
	return true, tx.cells(func(c cell) {
		if c.ftype == t && match(c, names) {
			fn(c)
		}
	})
}
