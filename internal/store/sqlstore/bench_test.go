package sqlstore_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/ingest"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// benchFacts is how many identities the reconciliation benchmark states:
// RETINUE_BENCH_FACTS, or 100,000.
func benchFacts(b *testing.B) int {
	if s := os.Getenv("RETINUE_BENCH_FACTS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	return 100_000
}

func benchIdentity(i, changed int) retinue.Identity {
	id := retinue.Identity{Ref: retinue.NewRef(realm, "role", fmt.Sprintf("arn:aws:iam::111111111111:role/service/app-%07d", (i*7919)%10_000_019)),
		Name: fmt.Sprintf("app-%07d", i), Kind: retinue.IdentityRole, Subtype: "iam_role", Class: retinue.ClassNonHuman,
		ClassReason: "a role is assumed, it does not sign in", State: retinue.StateActive, CreatedAt: day0.Add(-time.Duration(i) * time.Minute),
		Description: "Runs the service", Labels: map[string]string{"team": fmt.Sprintf("team-%d", i%97), "env": "production"}}
	if changed > 0 && i%changed == 0 {
		id.Description = "Runs the service, changed"
	}
	return id
}

// stream states n identities in one scope. Every changed-th one differs.
type stream struct {
	n, changed int
	at         time.Time
}

func (s *stream) Check(context.Context) (connector.Access, error) {
	return connector.Access{Realm: realm}, nil
}
func (*stream) Close() error { return nil }
func (s *stream) Discover(_ context.Context, _ connector.Request, sink connector.Sink) error {
	scope := retinue.NewScope(realm, "iam")
	for i := range s.n {
		if err := sink.Emit(scope, benchIdentity(i, s.changed)); err != nil {
			return err
		}
	}
	return sink.Complete(scope, connector.Completion{ObservedAt: s.at, Basis: "benchmark"})
}

// BenchmarkReconcile compares scans with a baseline that writes the same bytes
// to the same tables with the same indexes, one prepared statement a table,
// 5,000 rows a transaction, in the same run.
func BenchmarkReconcile(b *testing.B) {
	n := benchFacts(b)
	for b.Loop() {
		dir := b.TempDir()
		baseline := writeBaseline(b, filepath.Join(dir, "baseline.db"), n)
		path := filepath.Join(dir, "r.db")
		db, err := sqlstore.Open(b.Context(), path, sqlstore.Options{})
		if err != nil {
			b.Fatal(err)
		}
		peak := watchMemory()
		empty := timedScan(b, db, &stream{n: n, at: day(0)}, store.Counts{Facts: int64(n), Added: int64(n)})
		same := timedScan(b, db, &stream{n: n, at: day(1)}, store.Counts{Facts: int64(n), Unchanged: int64(n)})
		part := timedScan(b, db, &stream{n: n, at: day(2), changed: 100},
			store.Counts{Facts: int64(n), Changed: int64((n + 99) / 100), Unchanged: int64(n - (n+99)/100)})
		b.ReportMetric(float64(peak())/(1<<20), "peak-MiB")
		b.ReportMetric(baseline.Seconds(), "baseline-s")
		b.ReportMetric(empty.Seconds()/baseline.Seconds(), "empty/baseline")
		b.ReportMetric(same.Seconds()/baseline.Seconds(), "unchanged/baseline")
		b.ReportMetric(part.Seconds()/baseline.Seconds(), "1%changed/baseline")
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func timedScan(b *testing.B, db *sqlstore.DB, s *stream, want store.Counts) time.Duration {
	start := time.Now()
	run, err := ingest.Run(b.Context(), db, "test", "bench", "bench", s, ingest.Options{Actor: actor, SpillDir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	took := time.Since(start)
	if run.Scopes[0].Counts != want {
		b.Fatalf("counts %+v, want %+v", run.Scopes[0].Counts, want)
	}
	return took
}

// watchMemory starts to watch the memory of the process and returns a function
// that tells the highest resident size since then, as Linux counts it (VmHWM);
// 0 elsewhere. SQLite's own memory lies outside the Go heap and is in it.
func watchMemory() func() uint64 {
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // resets the high-water mark
	return func() uint64 {
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			return 0
		}
		_, rest, _ := strings.Cut(string(status), "VmHWM:")
		var kib uint64
		if _, err := fmt.Sscan(rest, &kib); err != nil {
			return 0
		}
		return kib << 10
	}
}

// writeBaseline writes the rows that a first scan writes, as plainly as can be.
func writeBaseline(b *testing.B, path string, n int) time.Duration {
	db, err := sqlstore.Open(b.Context(), path, sqlstore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	h := db.Handle()
	for _, q := range []string{"INSERT INTO realms (id, realm) VALUES (1, 'test:1')", "INSERT INTO sources VALUES (1, 'src', 'test', 'bench', 'bench')",
		"INSERT INTO scopes (id, realm_id, path, source_id, authority, state, recorded_at) VALUES (1, 1, 'iam', 1, 40, 'complete', 1)"} {
		if _, err := h.ExecContext(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
	var took time.Duration
	const batch = 5000
	for from := 0; from < n; from += batch {
		rows := baselineRows(b, from, min(from+batch, n))
		start := time.Now()
		if err := writeBatch(b.Context(), h, rows); err != nil {
			b.Fatal(err)
		}
		took += time.Since(start)
	}
	return took
}

type baselineRow struct {
	ref, fact, entity []any
	marks             [][]any
}

func baselineRows(b *testing.B, from, to int) []baselineRow {
	out := make([]baselineRow, 0, to-from)
	for i := from; i < to; i++ {
		id := benchIdentity(i, 0)
		body, err := json.Marshal(id)
		if err != nil {
			b.Fatal(err)
		}
		hash, content := store.HashRef(id.Ref), store.HashContent(body, "")
		k := int64(i + 1)
		out = append(out, baselineRow{
			ref:  []any{k, hash[:], 1, id.Ref.Kind, id.Ref.Key, k},
			fact: []any{k, 1, store.TypeIndex(retinue.FactIdentity), hash[:], k, content[:], string(body), nil, day0.UnixMicro(), nil, 1, nil},
			entity: []any{k, string(retinue.NewEntityID(retinue.FactIdentity, day0)), store.TypeIndex(retinue.FactIdentity), k, 1, id.Name, string(id.Kind),
				id.Subtype, string(id.Class), string(id.State), "", "", "", "", "", nil, id.CreatedAt.UnixMicro(), nil, day0.UnixMicro(), nil, 1, "",
				1, "bench", strings.ToLower(id.Name + "\x1f" + id.Ref.Key), 0, nil, id.CreatedAt.UnixMicro(), 0, "gaw1xp8dqyhb 1d5k2y7ct0zlw", day0.UnixMicro()},
			marks: [][]any{{sqlstore.TagMark("team=" + id.Labels["team"]), k}, {sqlstore.TagMark("env=production"), k}},
		})
	}
	return out
}

func writeBatch(ctx context.Context, db *sql.DB, rows []baselineRow) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	ref, err := tx.PrepareContext(ctx, "INSERT INTO refs (id, hash, realm_id, kind, key, entity_id) VALUES (?,?,?,?,?,?)")
	if err != nil {
		return err
	}
	defer func() { _ = ref.Close() }()
	fact, err := tx.PrepareContext(ctx, `INSERT INTO facts (id, scope_id, type, ref_hash, ref_id, content, body, document, obs_from, obs_to, rev_from, rev_to)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?)`)
	if err != nil {
		return err
	}
	defer func() { _ = fact.Close() }()
	entity, err := tx.PrepareContext(ctx, `INSERT INTO entities (id, public_id, type, ref_id, scope_id, name, kind, subtype, class, state, environment,
		criticality, data_class, managed, owner, container_id, created_at, expires_at, first_seen, gone_at, touched_rev, labels,
		source_id, source, search, crit_rank, holder_id, born_at, static, marks, version_from)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`)
	if err != nil {
		return err
	}
	defer func() { _ = entity.Close() }()
	mark, err := tx.PrepareContext(ctx, "INSERT INTO entity_marks (mark, entity_id) VALUES (?,?)")
	if err != nil {
		return err
	}
	defer func() { _ = mark.Close() }()
	for _, r := range rows {
		if _, err := ref.ExecContext(ctx, r.ref...); err != nil {
			return err
		}
		if _, err := fact.ExecContext(ctx, r.fact...); err != nil {
			return err
		}
		if _, err := entity.ExecContext(ctx, r.entity...); err != nil {
			return err
		}
		for _, m := range r.marks {
			if _, err := mark.ExecContext(ctx, m...); err != nil {
				return err
			}
		}
	}
	return tx.Commit()
}
