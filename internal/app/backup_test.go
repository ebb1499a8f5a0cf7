package app_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/pressly/goose/v3"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/ingest"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/testkit"
)

func installationAt(dir string) app.Config {
	return app.Config{Database: filepath.Join(dir, "r.db"), KeyFile: filepath.Join(dir, "fingerprint.key"), SigningKeyFile: filepath.Join(dir, "checkpoint.key")}
}

func newIdentity(t *testing.T) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func openApp(t *testing.T, cfg app.Config) *app.App {
	t.Helper()
	a, err := app.Open(t.Context(), cfg, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// filled is an installation with something in it.
func filled(t *testing.T, cfg app.Config) *app.App {
	t.Helper()
	a := openApp(t, cfg)
	realm := retinue.Realm("test:1")
	facts := []retinue.Fact{}
	for i := range 20 {
		facts = append(facts, retinue.Identity{Ref: retinue.NewRef(realm, "role", fmt.Sprint(i)), Name: fmt.Sprint("role ", i), Kind: retinue.IdentityRole, Class: retinue.ClassNonHuman})
	}
	run, err := ingest.Run(t.Context(), a.DB, "test", "s", "s", connectorOf(realm, facts...), ingest.Options{Actor: retinue.Actor{Kind: "system", Name: "test"}})
	if err != nil || run.State != store.RunComplete {
		t.Fatalf("scan: %+v, %v", run, err)
	}
	if _, err := a.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Checkpoint(t.Context(), filepath.Join(t.TempDir(), "cp")); err != nil {
		t.Fatal(err)
	}
	return a
}

func identities(t *testing.T, a *app.App) (n int64) {
	t.Helper()
	err := a.View(t.Context(), store.Everything(), func(tx *app.Snapshot) error {
		totals, err := tx.Totals()
		n = totals.NonHuman
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestBackupWhileAServerRunsAndRestore(t *testing.T) {
	cfg, id := installationAt(t.TempDir()), newIdentity(t)
	a := filled(t, cfg)
	if err := a.DB.LockExclusive(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "b.age")
	m, warnings, err := app.Backup(t.Context(), cfg, file, app.BackupOptions{Recipients: []age.Recipient{id.Recipient()}, Getenv: func(string) string { return "" }})
	if err != nil || len(warnings) != 0 {
		t.Fatalf("back up: %v, %v", warnings, err)
	}
	if m.Counts["entities"] != 20 || m.Records == 0 || len(m.Files) < 3 {
		t.Errorf("manifest %+v", m)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, clear := range []string{"SQLite format", "role 1", "fingerprint.key"} {
		if bytes.Contains(raw, []byte(clear)) {
			t.Errorf("the backup holds %q in clear", clear)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".retinue-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if text, ok, err := a.VerifyAudit(t.Context(), "", ""); err != nil || !ok {
		t.Errorf("the log of the running server: %s %v", text, err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}

	to := installationAt(filepath.Join(t.TempDir(), "new"))
	r, err := app.Restore(t.Context(), to, file, []age.Identity{id}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Schema != m.Schema || len(r.Keys) < 2 || !strings.Contains(r.Audit, fmt.Sprint(m.Records)) {
		t.Errorf("restored %+v", r)
	}
	for _, name := range []string{"fingerprint.key", "checkpoint.key"} {
		was, _ := os.ReadFile(filepath.Join(filepath.Dir(cfg.KeyFile), name))
		is, err := os.ReadFile(filepath.Join(filepath.Dir(to.KeyFile), name))
		if err != nil || !bytes.Equal(was, is) {
			t.Errorf("%s is another (%v)", name, err)
		}
	}
	b := openApp(t, to)
	defer func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}()
	if n := identities(t, b); n != 20 {
		t.Errorf("%d identities", n)
	}
	if text, ok, err := b.VerifyAudit(t.Context(), "", ""); err != nil || !ok {
		t.Errorf("audit log: %s %v", text, err)
	}
	last := lastRecord(t, b)
	if last.Action != retinue.RecordRestored {
		t.Errorf("last record %s, want %s", last.Action, retinue.RecordRestored)
	}
}

func lastRecord(t *testing.T, a *app.App) (last retinue.Record) {
	t.Helper()
	err := a.View(t.Context(), store.Everything(), func(tx *app.Snapshot) error {
		for r, err := range tx.Records(1) {
			if err != nil {
				return err
			}
			last = r
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return last
}

func TestRestoreRefusesWhatIsWrongAndTouchesNothing(t *testing.T) {
	cfg, id := installationAt(t.TempDir()), newIdentity(t)
	if err := filled(t, cfg).Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "b.age")
	opt := app.BackupOptions{Recipients: []age.Recipient{id.Recipient()}, Getenv: func(string) string { return "" }}
	if _, _, err := app.Backup(t.Context(), cfg, file, opt); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(raw)
	flipped[len(flipped)/2] ^= 1
	otherKeys := installationAt(t.TempDir())
	if _, err := app.OpenKeys(otherKeys.KeyFile); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		to   app.Config
		body []byte
		open age.Identity
		want error
	}{
		"another identity":    {installationAt(t.TempDir()), raw, newIdentity(t), retinue.ErrDenied},
		"a bit has changed":   {installationAt(t.TempDir()), flipped, id, retinue.ErrInvalid},
		"it was cut":          {installationAt(t.TempDir()), raw[:len(raw)-10], id, retinue.ErrInvalid},
		"no backup":           {installationAt(t.TempDir()), []byte("hello"), id, retinue.ErrInvalid},
		"a database is there": {cfg, raw, id, retinue.ErrConflict},
		"other keys":          {otherKeys, raw, id, retinue.ErrConflict},
	} {
		t.Run(name, func(t *testing.T) {
			in := filepath.Join(t.TempDir(), "in.age")
			if err := os.WriteFile(in, c.body, 0o600); err != nil {
				t.Fatal(err)
			}
			before := listing(t, filepath.Dir(c.to.Database))
			if _, err := app.Restore(t.Context(), c.to, in, []age.Identity{c.open}, nil); !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if after := listing(t, filepath.Dir(c.to.Database)); after != before {
				t.Errorf("the folder holds\n%s, before\n%s", after, before)
			}
		})
	}
	if _, _, err := app.Backup(t.Context(), cfg, file, opt); !errors.Is(err, retinue.ErrConflict) {
		t.Errorf("it would write over a file: %v", err)
	}
	if _, _, err := app.Backup(t.Context(), cfg, file+"2", app.BackupOptions{}); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("it would write in clear: %v", err)
	}
}

func listing(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	out := ""
	for _, e := range entries {
		out += e.Name() + "\n"
	}
	return out
}

// A database that only the first migration made is backed up as it is, and
// upgraded when it is restored.
func TestRestoreUpgradesTheFirstSchema(t *testing.T) {
	dir, id := t.TempDir(), newIdentity(t)
	cfg := installationAt(dir)
	if _, err := app.OpenKeys(cfg.KeyFile); err != nil {
		t.Fatal(err)
	}
	firstSchema(t, cfg.Database)
	file := filepath.Join(t.TempDir(), "b.age")
	m, _, err := app.Backup(t.Context(), cfg, file, app.BackupOptions{Recipients: []age.Recipient{id.Recipient()}, Getenv: func(string) string { return "" }})
	if err != nil || m.Schema != 1 || m.Counts["entities"] != 1 || m.Records != 3 {
		t.Fatalf("back up: %+v, %v", m, err)
	}
	to := installationAt(filepath.Join(t.TempDir(), "new"))
	r, err := app.Restore(t.Context(), to, file, []age.Identity{id}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Schema < 6 {
		t.Errorf("upgraded to %d", r.Schema)
	}
	a := openApp(t, to)
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := a.Settle(t.Context()); err != nil {
		t.Error(err)
	}
	err = a.View(t.Context(), store.Everything(), func(tx *app.Snapshot) error {
		p, err := tx.List(store.ListQuery{Type: retinue.FactIdentity})
		if err != nil {
			return err
		}
		if len(p.Items) != 1 || p.Items[0].Name != "old-role" || p.Items[0].Owner != "ann@example.com" {
			t.Errorf("listed %+v", p.Items)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	own, err := a.IdentityOwnership(t.Context(), store.RowScope{Owners: []string{"ann@example.com"}}, "idn_00000000000000000000000001")
	if err != nil || own.Now.Owner != "ann@example.com" || own.Now.How != "explicit" {
		t.Errorf("ownership %+v, %v", own.Now, err)
	}
}

// firstSchema makes a database of the first schema with an identity, its
// registration and a log of three records, in plain SQL.
func firstSchema(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	p, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS(filepath.Join("..", "store", "sqlstore", "migrations", "sqlite")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	ref := retinue.NewRef("aws:111122223333", "role", "old-role")
	body, err := json.Marshal(retinue.Identity{Ref: ref, Name: "old-role", Kind: retinue.IdentityRole, Class: retinue.ClassNonHuman, State: retinue.StateActive})
	if err != nil {
		t.Fatal(err)
	}
	reg := `{"entity":"idn_00000000000000000000000001","owner":"ann@example.com"}`
	hash, content := store.HashRef(ref), store.HashContent(body, "")
	exec := func(q string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), q, args...); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	exec(`PRAGMA journal_mode = WAL`)
	exec(`INSERT INTO sources VALUES (1, 'src_00000000000000000000000001', 'aws', 'aws-prod', '')`)
	exec(`INSERT INTO realms VALUES (1, 'aws:111122223333', '')`)
	exec(`INSERT INTO runs VALUES (1, 'run_00000000000000000000000001', 1, 'complete', 1, 2, '{"kind":"system","name":"x"}', '{}', '[]', '')`)
	exec(`INSERT INTO scopes (id, realm_id, path, source_id, authority, state, observed_at, completed_at, recorded_at, facts) VALUES (1, 1, 'iam', 1, 40, 'complete', 1, 1, 1, 1)`)
	exec(`INSERT INTO revisions VALUES (1, 1, 1, 'complete', 1, 1, '{}', '', '[]')`)
	exec(`INSERT INTO refs VALUES (1, ?, 1, 'role', 'old-role', 1)`, hash[:])
	exec(`INSERT INTO facts (id, scope_id, type, ref_hash, ref_id, content, body, obs_from, rev_from) VALUES (1, 1, 3, ?, 1, ?, ?, 1, 1)`, hash[:], content[:], string(body))
	exec(`INSERT INTO entities VALUES (1, 'idn_00000000000000000000000001', 3, 1, 1, 'old-role', 'role', '', 'non_human', 'active', '', '', '', '', 'ann@example.com', NULL, NULL, NULL, 1, NULL, 1, '')`)
	exec(`INSERT INTO registrations (id, entity_id, from_at, actor, body) VALUES (1, 1, 1, '{"kind":"os_user","name":"ann"}', ?)`, reg)
	for _, k := range []string{"facts", "refs", "entities", "registrations", "sources", "realms", "runs", "scopes", "revisions"} {
		exec(`INSERT INTO counters VALUES (?, 100) ON CONFLICT DO NOTHING`, k)
	}
	head, seq := retinue.RecordGenesis, int64(0)
	for i := range 3 {
		r, err := retinue.Record{ID: retinue.RecordID(fmt.Sprintf("rec_%026d", i+1)), At: time.UnixMicro(int64(i + 1)), Actor: retinue.Actor{Kind: "system", Name: "x"},
			Action: retinue.RecordScanFinished, Subject: "s", Details: json.RawMessage(`{}`)}.Seal(head, seq)
		if err != nil {
			t.Fatal(err)
		}
		head, seq = r.Hash, r.Seq
		exec(`INSERT INTO records VALUES (?, ?, ?, '{"kind":"system","name":"x"}', ?, 's', '{}', ?, ?)`, r.Seq, string(r.ID), r.At.UnixMicro(), string(r.Action), r.PrevHash, r.Hash)
	}
	exec(`UPDATE ledger_head SET seq = ?, hash = ?`, seq, head)
}

func TestBackupOfPostgresHoldsTheKeys(t *testing.T) {
	cfg, id := installationAt(t.TempDir()), newIdentity(t)
	cfg.Database = testkit.Postgres(t).Database(t)
	a := filled(t, cfg)
	file := filepath.Join(t.TempDir(), "b.age")
	m, warnings, err := app.Backup(t.Context(), cfg, file, app.BackupOptions{Recipients: []age.Recipient{id.Recipient()}, Getenv: func(string) string { return "" }})
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "pg_dump") || m.Dialect != "postgres" {
		t.Fatalf("back up: %+v %v %v", m, warnings, err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	to := installationAt(t.TempDir())
	to.Database = cfg.Database
	r, err := app.Restore(t.Context(), to, file, []age.Identity{id}, nil)
	if err != nil || len(r.Keys) < 2 {
		t.Fatalf("restored %+v, %v", r, err)
	}
	empty := installationAt(t.TempDir())
	empty.Database = testkit.Postgres(t).Database(t)
	if _, err := app.Restore(t.Context(), empty, file, []age.Identity{id}, nil); err == nil {
		t.Error("a database that lacks what was backed up is taken for restored")
	}
}
