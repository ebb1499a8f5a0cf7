package testkit

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// PostgresEnv names the variable that holds the superuser URL of a running test
// server. The program withpostgres sets it, so that the test processes of all
// packages share one server.
const PostgresEnv = "RETINUE_TEST_POSTGRES"

// Postgres18Env names the variable that holds the folder of a second server
// version: the "native" folder of npm's @embedded-postgres package, or any
// folder with bin/initdb and bin/postgres inside.
const Postgres18Env = "RETINUE_POSTGRES18"

// ErrNoPostgres says that no PostgreSQL server program was found.
var ErrNoPostgres = errors.New("no PostgreSQL server program: install the Debian package postgresql")

// PostgresServer is a PostgreSQL server for tests. It trusts everyone who
// reaches its loopback port and is not durable.
type PostgresServer struct {
	url   string
	guard *exec.Cmd
	stdin io.Closer
	dir   string
	once  sync.Once
}

// sharedPostgres starts the server of this test process once. It ends when the
// process does, however that happens: see startGuard.
var sharedPostgres = sync.OnceValues(func() (*PostgresServer, error) {
	if u := os.Getenv(PostgresEnv); u != "" {
		return &PostgresServer{url: u}, nil
	}
	return StartPostgres(PostgresConfig{})
})

// Postgres returns the test server that all tests share: the one that
// PostgresEnv names, else one that is started once per test process. Its roles
// are visible to every test; one that counts roles starts a server of its own
// with PrivatePostgres. Without a server program the test is skipped, and fails
// with RETINUE_REQUIRE_ALL=1.
func Postgres(t testing.TB) *PostgresServer {
	t.Helper()
	s, err := sharedPostgres()
	needServer(t, err)
	return s
}

// PrivatePostgres starts a server that only this test uses and that ends with
// it.
func PrivatePostgres(t testing.TB, cfg PostgresConfig) *PostgresServer {
	t.Helper()
	s, err := StartPostgres(cfg)
	needServer(t, err)
	t.Cleanup(s.Stop)
	return s
}

// needServer skips the test when there is no server program, and fails it when there
// is one that does not start or when everything is required.
func needServer(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, ErrNoPostgres):
		Absent(t, err.Error())
	default:
		t.Fatal(err)
	}
}

// URL returns the superuser's URL of the database postgres. It has no password.
func (s *PostgresServer) URL() string { return s.url }

// Database makes an empty database for the test and returns its superuser URL.
// It is dropped, with the connections to it, when the test ends.
func (s *PostgresServer) Database(t testing.TB) string {
	t.Helper()
	var b [8]byte
	_, _ = rand.Read(b[:])
	name := "t_" + hex.EncodeToString(b[:])
	s.exec(t, "create database "+name+" template template0")
	t.Cleanup(func() { s.exec(t, "drop database if exists "+name+" with (force)") })
	return s.DatabaseURL(name)
}

// DatabaseURL returns the superuser's URL of a database by name.
func (s *PostgresServer) DatabaseURL(name string) string {
	u, err := url.Parse(s.url)
	if err != nil {
		return s.url
	}
	u.Path = "/" + name
	return u.String()
}

func (s *PostgresServer) exec(t testing.TB, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := pgx.Connect(ctx, s.url)
	if err != nil {
		t.Fatalf("connect to the test server: %v", err)
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// Stop ends the server at once, as a crash would, and removes its files. Only
// the first call does anything; a server that PostgresEnv named goes on.
func (s *PostgresServer) Stop() {
	if s.guard == nil {
		return
	}
	s.once.Do(func() {
		_ = s.stdin.Close()
		_ = s.guard.Wait()
	})
}

// Postgres18 starts a server of the second version, which Postgres18Env names,
// that only this test uses.
func Postgres18(t testing.TB) *PostgresServer {
	t.Helper()
	bin := FindPostgres18()
	if bin == "" {
		Absent(t, "no second PostgreSQL version: "+Postgres18Env+" names no folder with one")
	}
	return PrivatePostgres(t, PostgresConfig{Bin: bin})
}

// PostgresConfig says which server to start.
type PostgresConfig struct {
	// Bin is the folder of initdb and postgres; empty looks on PATH and where
	// Debian installs them.
	Bin string
	// Settings are further settings, as "name=value".
	Settings []string
}

// StartPostgres starts a server on a free loopback port with its files in a new
// temporary folder. Under root it runs as the account postgres, since the
// server refuses root. It ends with Stop, or when this process ends.
func StartPostgres(cfg PostgresConfig) (*PostgresServer, error) {
	bin := cfg.Bin
	if bin == "" {
		if bin = FindPostgres(); bin == "" {
			return nil, ErrNoPostgres
		}
	}
	// Not the default folder for temporary files: the path of a Unix socket is
	// limited to 107 bytes, and the account postgres must get there.
	dir, err := os.MkdirTemp("/tmp", "retinue-pg-")
	if err != nil {
		return nil, err
	}
	s, err := startIn(dir, bin, cfg.Settings)
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return s, nil
}

func startIn(dir, bin string, settings []string) (*PostgresServer, error) {
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust",
		"-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	initdb.Dir = dir
	if err := asPostgres(initdb, dir); err != nil {
		return nil, err
	}
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("run initdb: %w: %s", err, bytes.TrimSpace(out))
	}
	var err error
	for range 3 { // another process may take the free port first
		var s *PostgresServer
		if s, err = startGuard(dir, data, bin, settings); err == nil {
			return s, nil
		}
	}
	return nil, err
}

// guardScript runs the server, and ends it and removes its files when standard
// input ends. That is when the test process closes it or is gone, be it by a
// panic or a kill, so that no server outlives its tests.
const guardScript = `dir=$1; shift
"$@" >>"$dir/log" 2>&1 </dev/null &
pid=$!
read -r word
kill -QUIT $pid
wait $pid
[ "$word" = keep ] || rm -rf "$dir"`

func startGuard(dir, data, bin string, settings []string) (*PostgresServer, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	args := []string{"-c", guardScript, "guard", dir, filepath.Join(bin, "postgres"), "-D", data,
		"-p", strconv.Itoa(port), "-k", dir}
	for _, c := range slices.Concat([]string{"listen_addresses=127.0.0.1", "fsync=off", "synchronous_commit=off",
		"full_page_writes=off", "max_connections=200", "timezone=UTC"}, settings) {
		args = append(args, "-c", c)
	}
	cmd := exec.Command("/bin/sh", args...)
	cmd.Dir = dir
	if err := asPostgres(cmd, dir); err != nil {
		return nil, err
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	s := &PostgresServer{guard: cmd, stdin: stdin, dir: dir,
		url: fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port)}
	if err := s.wait(); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		_, _ = io.WriteString(stdin, "keep\n") // startIn may try again with these files
		s.Stop()
		return nil, fmt.Errorf("start postgres: %w: %s", err, bytes.TrimSpace(log))
	}
	return s, nil
}

// wait returns once the server answers queries.
func (s *PostgresServer) wait() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		c, err := pgx.Connect(ctx, s.url)
		if err == nil {
			return c.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// FindPostgres returns the folder of initdb and postgres: PATH, else the newest
// version where Debian installs them; empty where there is none.
func FindPostgres() string {
	if p, err := exec.LookPath("initdb"); err == nil && isServerFolder(filepath.Dir(p)) {
		return filepath.Dir(p)
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(found, func(a, b string) int { return debianVersion(b) - debianVersion(a) })
	for _, dir := range found {
		if isServerFolder(dir) {
			return dir
		}
	}
	return ""
}

func debianVersion(bin string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	return n
}

// FindPostgres18 returns the folder of the second server version that
// Postgres18Env names, or "".
func FindPostgres18() string {
	root := os.Getenv(Postgres18Env)
	if root == "" {
		return ""
	}
	for _, dir := range []string{"bin", "native/bin", "."} {
		if p := filepath.Join(root, dir); isServerFolder(p) {
			return p
		}
	}
	return ""
}

func isServerFolder(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if fi, err := os.Stat(filepath.Join(dir, name)); err != nil || fi.IsDir() {
			return false
		}
	}
	return true
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
