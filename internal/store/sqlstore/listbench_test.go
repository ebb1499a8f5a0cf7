package sqlstore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/testkit"
	"github.com/retinue-id/retinue/internal/testkit/estate"
)

// maxRatio is how many times the bare SQL query for the same rows a page of a
// list may take.
const maxRatio = 4

// benchEstate opens a database with an estate: RETINUE_BENCH_ESTATE says how
// many identities it has (20,000), with three credentials each.
// RETINUE_BENCH_SQLITE and RETINUE_BENCH_POSTGRES name databases that cmd/estate
// filled with as many, so that they need not be made again.
func benchEstate(b *testing.B, dialect string) (*sqlstore.DB, int) {
	n := 20_000
	if s := os.Getenv("RETINUE_BENCH_ESTATE"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	addr := os.Getenv("RETINUE_BENCH_" + strings.ToUpper(dialect))
	made := addr != ""
	switch {
	case made:
	case dialect == "postgres":
		addr = testkit.Postgres(b).Database(b)
	default:
		addr = filepath.Join(b.TempDir(), "estate.db")
	}
	db, err := sqlstore.Open(b.Context(), addr, sqlstore.Options{Now: estate.Observed})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	if !made {
		if err := estate.Make(b.Context(), db, estate.Size{Identities: n, Credentials: 3 * n, Seed: 1}); err != nil {
			b.Fatal(err)
		}
	}
	return db, n
}

// listCase is a list to measure, with the WHERE that selects the same rows.
type listCase struct {
	name  string
	query store.ListQuery
	where string
}

func yes() *bool { v := true; return &v }

// filterCases are every filter that is offered, with its bare condition.
func filterCases() []listCase {
	now := estate.Observed()
	us := func(days int) int64 { return now.AddDate(0, 0, days).UnixMicro() }
	f := func(name string, f store.Filter, where string) listCase {
		return listCase{name, store.ListQuery{Type: retinue.FactIdentity, Filter: f}, where}
	}
	out := []listCase{
		f("source", store.Filter{Sources: []string{"github-02"}}, "e.source = 'github-02'"),
		f("kind", store.Filter{Kinds: []string{"bot"}}, "e.kind = 'bot'"),
		f("subtype", store.Filter{Subtypes: []string{"made_up"}}, "e.subtype = 'made_up'"),
		f("class", store.Filter{Classes: []string{"non_human"}}, "e.class = 'non_human'"),
		f("state", store.Filter{States: []string{"disabled"}}, "e.state = 'disabled'"),
		f("environment", store.Filter{Environments: []string{"production"}}, "e.environment = 'production'"),
		f("criticality", store.Filter{Criticalities: []string{"critical", "high"}}, "e.criticality IN ('critical', 'high')"),
		f("owner", store.Filter{Owners: []string{"owner-007@example.com"}}, "e.owner = 'owner-007@example.com'"),
		f("no-owner", store.Filter{Owners: []string{store.None}}, "e.owner = ''"),
		f("tag", store.Filter{Tags: []string{"team=team-007"}}, fmt.Sprintf("e.id IN (SELECT entity_id FROM entity_marks WHERE mark = %d)", sqlstore.TagMark("team=team-007"))),
		f("managed", store.Filter{Managed: []string{store.None}}, "e.managed = ''"),
		f("severity", store.Filter{Severity: retinue.SeverityHigh}, "e.worst <= 1"),
		f("privileged", store.Filter{Privileged: yes()}, "e.privileged = 1"),
		f("third-party", store.Filter{ThirdParty: yes()}, "e.third_party = 1"),
		f("created", store.Filter{Created: store.Window{From: now.AddDate(0, 0, -30)}}, fmt.Sprintf("e.created_at >= %d", us(-30))),
		f("expires", store.Filter{Expires: store.Window{To: now.AddDate(0, 0, 30)}}, fmt.Sprintf("e.expires_at < %d", us(30))),
		f("last-used", store.Filter{LastUsed: store.Window{To: now.AddDate(0, 0, -90)}}, fmt.Sprintf("e.last_used < %d", us(-90))),
		f("first-seen", store.Filter{FirstSeen: store.Window{From: now.AddDate(0, 0, -70)}}, fmt.Sprintf("e.first_seen >= %d", us(-70))),
		f("never-used", store.Filter{NeverUsed: yes()}, "e.last_used IS NULL"),
		f("text", store.Filter{Text: "ledger-cron-04"}, `e.search LIKE '%ledger-cron-04%'`),
		f("several", store.Filter{Classes: []string{"non_human"}, Environments: []string{"production"}, Owners: []string{store.None}, Severity: retinue.SeverityMedium},
			"e.class = 'non_human' AND e.environment = 'production' AND e.owner = '' AND e.worst <= 2"),
	}
	credential := store.ListQuery{Type: retinue.FactCredential, Filter: store.Filter{Static: yes(), Born: store.Window{To: now.AddDate(0, 0, -90)}}}
	return append(out, listCase{"credential-age", credential, fmt.Sprintf("e.static = 1 AND e.born_at < %d", us(-90))})
}

// bareColumns are the columns by which the orders go.
var bareColumns = map[store.SortKey]string{store.SortName: "e.search", store.SortKind: "e.kind", store.SortSource: "e.source", store.SortOwner: "e.owner",
	store.SortEnvironment: "e.environment", store.SortCriticality: "e.crit_rank", store.SortCreated: "e.created_at", store.SortExpires: "e.expires_at",
	store.SortLastUsed: "e.last_used", store.SortFirstSeen: "e.first_seen", store.SortPriority: "e.priority", store.SortCredentials: "e.credentials"}

// BenchmarkList compares the first and the thousandth page of lists, as they are
// now and as of a date between the two scans, with the bare SQL query for the
// same rows in the same run. The filters are measured in the order by name, and
// in every order with RETINUE_BENCH_ALL=1.
func BenchmarkList(b *testing.B) {
	all := os.Getenv("RETINUE_BENCH_ALL") == "1"
	eachDialect(b, func(b *testing.B, m *measure) {
		cases := m.sorted()
		for _, c := range filterCases() {
			for _, key := range store.SortKeys() {
				if key == store.SortName || all {
					c.query.Sort = key
					cases = append(cases, c)
				}
			}
		}
		for _, then := range []bool{false, true} {
			for _, page := range []int{1, 1000} {
				for _, c := range cases {
					if then && c.query.Sort == store.SortLastUsed {
						continue // refused
					}
					if then {
						c.query.AsOf = store.AsOf{Observed: between}
						c.name += " then"
					}
					m.page(b, c, page)
				}
			}
		}
	})
}

// between is a date between the two scans of an estate.
var between = estate.FirstObserved().Add(30 * 24 * time.Hour)

func eachDialect(b *testing.B, run func(*testing.B, *measure)) {
	for _, dialect := range []string{"sqlite", "postgres"} {
		b.Run(dialect, func(b *testing.B) {
			db, n := benchEstate(b, dialect)
			m := &measure{db: db, limit: max(1, min(store.DefaultPage, n/1100)), large: n >= 1_000_000}
			run(b, m)
		})
	}
}

type measure struct {
	db    *sqlstore.DB
	limit int
	large bool
}

func (m *measure) sorted() []listCase {
	var out []listCase
	for _, t := range []retinue.FactType{retinue.FactIdentity, retinue.FactCredential} {
		for _, s := range store.SortKeys() {
			for _, desc := range []bool{false, true} {
				out = append(out, listCase{"all", store.ListQuery{Type: t, Sort: s, Desc: desc}, "1 = 1"})
			}
		}
	}
	return out
}

// cursor goes on for some pages, "" where the list ends before.
func (m *measure) cursor(b *testing.B, q store.ListQuery, pages int) string {
	left := m.limit * pages
	q.Count = store.CountNone
	for left > 0 {
		q.Limit = min(left, store.MaxPage)
		p := m.list(b, q)
		left -= len(p.Items)
		if q.Cursor = p.Next; q.Cursor == "" {
			return ""
		}
	}
	return q.Cursor
}

func (m *measure) list(b *testing.B, q store.ListQuery) (p store.ListPage) {
	err := m.db.View(b.Context(), store.Everything(), func(tx *sqlstore.Tx) (err error) { p, err = tx.List(q); return err })
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// page measures a page and the bare query by turns. The page before it counted
// the list, as it does for who pages through it.
func (m *measure) page(b *testing.B, c listCase, page int) {
	dir := "up"
	if c.query.Desc {
		dir = "down"
	}
	b.Run(fmt.Sprintf("%s %s by %s %s page %d", c.query.Type, c.name, c.query.Sort, dir, page), func(b *testing.B) {
		if page > 1 {
			if c.query.Cursor = m.cursor(b, c.query, page-2); c.query.Cursor == "" {
				b.Skip("the list has fewer pages")
			}
			c.query.Limit = m.limit
			if c.query.Cursor = m.list(b, c.query).Next; c.query.Cursor == "" {
				b.Skip("the list has fewer pages")
			}
		}
		c.query.Limit = m.limit
		p := m.list(b, c.query)
		if len(p.Items) == 0 {
			b.Fatal("no row is selected")
		}
		bare := m.bare(c, p)
		var listed, plain []time.Duration
		for b.Loop() {
			for begin := time.Now(); len(listed) < 2 || (len(listed) < 15 && time.Since(begin) < time.Second/2); {
				start := time.Now()
				m.list(b, c.query)
				middle := time.Now()
				rows := queryAll(b, m.db, bare)
				listed, plain = append(listed, middle.Sub(start)), append(plain, time.Since(middle))
				if !slices.Equal(rows, idsOf(p)) {
					b.Fatalf("%d rows listed, %d others by %s", len(p.Items), len(rows), bare)
				}
			}
		}
		// The least of several runs: what else the machine does only adds.
		a, z := slices.Min(listed), slices.Min(plain)
		ratio := float64(a) / float64(z)
		b.ReportMetric(0, "ns/op") // it would count the bare query in
		b.ReportMetric(float64(a.Microseconds())/1000, "list-ms")
		b.ReportMetric(float64(z.Microseconds())/1000, "bare-ms")
		b.ReportMetric(ratio, "ratio")
		if m.large && ratio > maxRatio {
			b.Errorf("%s takes %.1f times the bare query: %v and %v", c.name, ratio, a, z)
		}
	})
}

func idsOf(p store.ListPage) []int64 {
	out := make([]int64, len(p.Items))
	for i, r := range p.Items {
		out[i] = r.InternalKey
	}
	return out
}

const benchColumns = `e.id, e.public_id, e.type, e.source, e.kind, e.name, e.subtype, e.class, e.state, e.environment, e.criticality, e.data_class,
	e.managed, e.owner, e.created_at, e.expires_at, e.first_seen, e.priority, e.open_critical, e.open_high, e.open_medium, e.open_low, e.open_info,
	e.credentials, e.privileged, e.third_party`

// bare is the query that a programmer would write by hand for the page's rows,
// given the first of them. Rows without a value come last; a page that has none
// of the one sort is asked for without them.
func (m *measure) bare(c listCase, p store.ListPage) string {
	q := c.query
	col, dir, op := bareColumns[q.Sort], "", ">="
	if q.Desc {
		dir, op = " DESC", "<="
	}
	where := fmt.Sprintf("e.type = %d AND %s", store.TypeIndex(q.Type), c.where)
	first, last := p.Items[0], p.Items[len(p.Items)-1]
	text, num, none := sortValue(q.Sort, first)
	_, _, lastNone := sortValue(q.Sort, last)
	var after string
	order, lack := fmt.Sprintf("%s%s, e.id%s", col, dir, dir), lacking(q.Sort, col)
	switch {
	case none:
		order, after = "e.id"+dir, fmt.Sprintf("e.id %s %d", op, first.InternalKey)
		where += " AND " + lack
	case q.Sort == store.SortName || text != "":
		after = fmt.Sprintf("(%s, e.id) %s ('%s', %d)", col, op, strings.ReplaceAll(text, "'", "''"), first.InternalKey)
	default:
		after = fmt.Sprintf("(%s, e.id) %s (%d, %d)", col, op, num, first.InternalKey)
	}
	switch {
	case none == lastNone && !none && lack != "":
		where += " AND NOT (" + lack + ")"
	case none != lastNone:
		order = "CASE WHEN " + lack + " THEN 1 ELSE 0 END, CASE WHEN NOT (" + lack + ") THEN " + col + " END" + dir + ", e.id" + dir
		after = "(" + lack + " OR " + after + ")"
	}
	if q.Cursor != "" {
		where += " AND " + after
	}
	table := "entities e"
	used := ""
	if q.AsOf.IsZero() {
		where += " AND e.gone_at IS NULL"
	} else {
		at := q.AsOf.Observed.UnixMicro()
		inner := "id, public_id, type, source, kind, name, subtype, class, state, environment, criticality, data_class, managed, owner, created_at, " +
			"expires_at, first_seen, priority, open_critical, open_high, open_medium, open_low, open_info, credentials, privileged, third_party, " +
			"search, crit_rank, worst, static, born_at, ref_id, container_id, holder_id"
		last := "(SELECT max(u.at) FROM refs w JOIN uses u ON u.subject_id = w.id WHERE w.entity_id = %s.id AND u.observed_at <= %d) AS last_used"
		from := "SELECT %s FROM entities WHERE gone_at IS NULL AND version_from <= %d UNION ALL SELECT %s FROM entity_versions WHERE from_at <= %d AND to_at > %d"
		if strings.Contains(where+order, "last_used") {
			table = "(" + fmt.Sprintf(from, inner+", "+fmt.Sprintf(last, "entities", at), at, inner+", "+fmt.Sprintf(last, "entity_versions", at), at, at) + ") e"
			used = ", e.last_used"
		} else {
			table = "(" + fmt.Sprintf(from, inner, at, inner, at, at) + ") e"
			used = ", " + fmt.Sprintf(last, "e", at)
		}
	}
	return fmt.Sprintf(`SELECT %s, r.key, m.realm, x.key, c.public_id, c.name, h.key, i.public_id, i.name%s FROM %s
		JOIN refs r ON r.id = e.ref_id JOIN realms m ON m.id = r.realm_id LEFT JOIN refs x ON x.id = e.container_id LEFT JOIN entities c ON c.id = x.entity_id
		LEFT JOIN refs h ON h.id = e.holder_id LEFT JOIN entities i ON i.id = h.entity_id
		WHERE %s ORDER BY %s LIMIT %d`, benchColumns, used, table, where, order, len(p.Items))
}

// lacking is the condition that a row has no value to be ordered by.
func lacking(key store.SortKey, col string) string {
	switch key {
	case store.SortKind, store.SortSource, store.SortOwner, store.SortEnvironment:
		return col + " = ''"
	case store.SortCriticality, store.SortPriority:
		return col + " = 0"
	case store.SortCreated, store.SortExpires, store.SortLastUsed:
		return col + " IS NULL"
	}
	return ""
}

// queryAll reads every column of every row, and returns the first column.
func queryAll(b *testing.B, db *sqlstore.DB, q string) []int64 {
	rows, err := db.Handle().QueryContext(context.WithoutCancel(b.Context()), q)
	if err != nil {
		b.Fatalf("%s: %v", q, err)
	}
	defer func() { _ = rows.Close() }()
	cols, err := rows.Columns()
	if err != nil {
		b.Fatal(err)
	}
	var id int64
	values := make([]any, len(cols))
	dest := make([]any, len(cols))
	for i := range values {
		dest[i] = &values[i]
	}
	dest[0] = &id
	var out []int64
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			b.Fatal(err)
		}
		out = append(out, id)
	}
	if err := rows.Err(); err != nil {
		b.Fatal(err)
	}
	return out
}

// BenchmarkFigures measures the overview's figures, which are kept.
func BenchmarkFigures(b *testing.B) {
	eachDialect(b, func(b *testing.B, m *measure) {
		var f store.Figures
		for b.Loop() {
			if err := m.db.View(b.Context(), store.Everything(), func(tx *sqlstore.Tx) (err error) { f, err = tx.Figures(); return err }); err != nil {
				b.Fatal(err)
			}
		}
		if f.NonHuman == 0 || f.Credentials == 0 {
			b.Fatalf("figures %+v", f)
		}
	})
}
