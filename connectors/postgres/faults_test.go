package postgres

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/internal/testkit"
)

// tripSink does something once, when the first fact of a scope arrives.
type tripSink struct {
	mu        sync.Mutex
	path      string
	trip      func()
	emitted   map[string]int
	completed map[string]bool
	problems  map[string]error
}

func newTripSink(path string, trip func()) *tripSink {
	return &tripSink{path: path, trip: trip, emitted: map[string]int{}, completed: map[string]bool{}, problems: map[string]error{}}
}

func (s *tripSink) Emit(scope retinue.Scope, facts ...retinue.Fact) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.emitted[scope.Path] += len(facts)
	if scope.Path == s.path && s.trip != nil {
		s.trip()
		s.trip = nil
	}
	return nil
}

func (s *tripSink) Complete(scope retinue.Scope, _ connector.Completion) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.completed[scope.Path] = true
	return nil
}

func (s *tripSink) Problem(scope retinue.Scope, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problems[scope.Path] = err
}

func (s *tripSink) Note(connector.Note) {}

func TestServerKilledHalfWay(t *testing.T) {
	s, dsn := sampleServer(t, testkit.PostgresConfig{}, "1")
	c := openTarget(t, connectortest.Env(t), dsn, map[string]string{"databases": "db1;postgres"})
	sink := newTripSink("memberships", s.Stop)
	if err := c.Discover(t.Context(), connector.Request{Now: connectortest.Epoch()}, sink); err != nil {
		t.Fatal(err)
	}
	if !sink.completed["roles"] || sink.emitted["roles"] == 0 {
		t.Error("what was read before is not complete")
	}
	for _, path := range []string{"databases", "databases/db1", "databases/postgres"} {
		if sink.completed[path] || !errors.Is(sink.problems[path], retinue.ErrUnavailable) {
			t.Errorf("%s: completed %v, problem %v", path, sink.completed[path], sink.problems[path])
		}
	}
}

func TestCatalogRefused(t *testing.T) {
	s, dsn := sampleServer(t, testkit.PostgresConfig{}, "1")
	execSQL(t, dsn, `create role plain login; revoke select on pg_catalog.pg_policy from public; grant connect on database db1 to plain`)
	target := strings.Replace(dsn, "postgres@", "plain@", 1)
	c := openTarget(t, connectortest.Env(t), target, nil)
	a, err := c.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var missing []string
	for _, m := range a.Missing {
		missing = append(missing, m.Scope.Path)
	}
	if got := strings.Join(missing, " "); got != "passwords authentication databases connections" {
		t.Errorf("missing %q", got)
	}
	if a.Principal != "plain" || a.Realm.ID() != systemIdentifier(t, s.URL()) {
		t.Errorf("access %+v", a)
	}
	r := connectortest.Discover(t, c)
	db := retinue.NewScope(a.Realm, "databases", "db1")
	if _, done := r.Completed[db]; done || len(r.Problems[db]) != 1 || !errors.Is(r.Problems[db][0], retinue.ErrDenied) {
		t.Errorf("completed %v, problems %v", done, r.Problems[db])
	}
	for _, path := range []string{"roles", "memberships", "predefined-roles", "databases"} {
		if _, done := r.Completed[retinue.NewScope(a.Realm, path)]; !done {
			t.Errorf("%s is not complete", path)
		}
	}
	for _, path := range []string{"passwords", "authentication"} {
		if _, done := r.Completed[retinue.NewScope(a.Realm, path)]; done {
			t.Errorf("%s is complete, and could not be read", path)
		}
	}
}

func TestSlowServerIsBounded(t *testing.T) {
	_, dsn := sampleServer(t, testkit.PostgresConfig{Settings: []string{"allow_system_table_mods=on"}}, "1")
	lock, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close(context.Background())
	if _, err := lock.Exec(context.Background(), "begin; lock table pg_catalog.pg_policy in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	c := openTarget(t, connectortest.Env(t), dsn, map[string]string{"timeout": "200ms"})
	start := time.Now()
	r := connectortest.Discover(t, c)
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("took %s", d)
	}
	db := retinue.NewScope(r.Scopes()[0].Realm, "databases", "db1")
	if len(r.Problems[db]) != 1 || !errors.Is(r.Problems[db][0], retinue.ErrUnavailable) {
		t.Errorf("problems %v", r.Problems)
	}
}

func TestUnreachableAndRefused(t *testing.T) {
	s := testkit.Postgres(t)
	dsn := s.Database(t)
	for name, c := range map[string]struct {
		target string
		want   error
	}{
		"nothing listens":  {"postgres://postgres@127.0.0.1:1/x?connect_timeout=2", retinue.ErrUnavailable},
		"no such role":     {strings.Replace(dsn, "postgres@", "nobody@", 1), retinue.ErrDenied},
		"no such database": {s.DatabaseURL("nothing"), retinue.ErrNotFound},
	} {
		err := openTarget(t, connectortest.Env(t), c.target, nil).Discover(t.Context(), connector.Request{}, newTripSink("", nil))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
