package postgres

import (
	"context"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/internal/testkit"
)

// query returns one text of a server.
func query(t testing.TB, at, sql string) string {
	t.Helper()
	c, err := pgx.Connect(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.WithoutCancel(t.Context()))
	var out string
	if err := c.QueryRow(t.Context(), sql).Scan(&out); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}

// asUser runs statements as a role, and returns the error of the first that
// failed.
func asUser(t testing.TB, at, user, password string, statements ...string) error {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, password)
	u.RawQuery = "sslmode=disable&application_name=nightly&default_query_exec_mode=simple_protocol"
	c, err := pgx.Connect(t.Context(), u.String())
	if err != nil {
		return err
	}
	defer c.Close(context.WithoutCancel(t.Context()))
	for _, s := range statements {
		if _, err := c.Exec(t.Context(), s); err != nil {
			return err
		}
	}
	return nil
}

// TestActivityLive has a real server write both of its structured formats, with a
// rotation between, and reads them.
func TestActivityLive(t *testing.T) {
	s := testkit.PrivatePostgres(t, testkit.PostgresConfig{Settings: []string{"logging_collector=on", "log_destination=csvlog,jsonlog", "log_directory=auth_log",
		"log_filename=%Y%m%d%H%M%S.log", "log_connections=on", "log_disconnections=on", "log_statement=all", "log_file_mode=0640"}})
	word := planted()
	execSQL(t, s.URL(), "create role app login password '"+word+"'", "create table secrets(v text)", "create table mine(v text)", "grant select on mine to app")
	hba := query(t, s.URL(), "show hba_file")
	if err := os.WriteFile(hba, []byte("host all app 127.0.0.1/32 scram-sha-256\nlocal all all trust\nhost all all all trust\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	execSQL(t, s.URL(), "select pg_reload_conf()")
	dir := filepath.Join(query(t, s.URL(), "show data_directory"), "auth_log")
	settings := filepath.Join(t.TempDir(), "settings.json")
	if err := os.WriteFile(settings, []byte(query(t, s.URL(), settingsQuery)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := asUser(t, s.URL(), "app", word, "select v from mine where v = '"+word+"'"); err != nil {
		t.Fatal(err)
	}
	before, err := filepath.Glob(filepath.Join(dir, "*.csv"))
	if err != nil || len(before) == 0 {
		t.Fatalf("no log: %v", err)
	}
	await(t, "the log was rotated", func() bool {
		execSQL(t, s.URL(), "select pg_rotate_logfile()")
		now, _ := filepath.Glob(filepath.Join(dir, "*.csv"))
		return len(now) > len(before)
	})
	if asUser(t, s.URL(), "app", word, "select v from secrets") == nil || asUser(t, s.URL(), "app", "wrong", "select 1") == nil {
		t.Fatal("the server refused nothing")
	}
	execSQL(t, s.URL(), "alter system set log_min_duration_sample = 5", "select pg_reload_conf()")
	read := func(pattern string) *connectortest.Reading {
		return connectortest.ReadAt(t, connectortest.OpenActivity(Spec(), map[string]string{"settings": settings})(t, connectortest.Env(t), filepath.Join(dir, pattern)), nil, time.Now())
	}
	var csv, json *connectortest.Reading
	await(t, "everything is in the log, the same in both formats", func() bool {
		csv, json = read("*.csv"), read("*.json")
		return said(csv)["management  reload log_min_duration_sample : success silence="] > 0 && slices.Equal(ids(csv), ids(json))
	})
	checkLive(t, "csvlog", csv)
	checkLive(t, "jsonlog", json)
}

func ids(r *connectortest.Reading) []string {
	seen := map[string]bool{}
	for _, e := range r.Events {
		seen[e.ID] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

func said(r *connectortest.Reading) map[string]int {
	out := map[string]int{}
	for _, e := range r.Events {
		out[brief(e)]++
	}
	return out
}

func checkLive(t *testing.T, format string, r *connectortest.Reading) {
	t.Helper()
	for _, f := range r.Faults {
		t.Errorf("%s: %v", format, f)
	}
	got := said(r)
	for _, want := range []string{
		"sign_in app CONNECT database:postgres success with=app app=nightly from=127.0.0.1 authenticated_identity=app authentication_method=scram-sha-256",
		"sign_in app CONNECT database:postgres denied reason=28P01 from=127.0.0.1",
		"data app SELECT : success app=nightly from=127.0.0.1",
		"data app SELECT : denied reason=42501 app=nightly from=127.0.0.1",
		"sign_in app disconnection database:postgres success app=nightly from=127.0.0.1",
		"management postgres CREATE ROLE : success create=app from=127.0.0.1",
		"management postgres GRANT : success edit=app from=127.0.0.1",
		"management postgres ALTER SYSTEM : success silence= from=127.0.0.1",
	} {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(got)), func(s string) bool { return sameWords(s, want) }) {
			t.Errorf("%s: no event %q in %v", format, want, slices.Sorted(maps.Keys(got)))
		}
	}
	for _, e := range r.Events {
		if err := connectortest.CheckEvent(Spec(), e); err != nil {
			t.Errorf("%s: %v", format, err)
		}
		if e.Class == retinue.EventUnknown {
			t.Errorf("%s: unknown: %s", format, e.Raw)
		}
	}
	for _, c := range r.Coverage {
		if c.Proof == "" || !c.Authenticated {
			t.Errorf("%s: no proof: %+v", format, c)
		}
	}
}

// sameWords compares without regard to order.
func sameWords(a, b string) bool {
	return slices.Equal(slices.Sorted(strings.FieldsSeq(a)), slices.Sorted(strings.FieldsSeq(b)))
}

// await polls a server that tells nobody when it has written.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
