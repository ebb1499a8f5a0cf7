package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue/internal/cli"
	"github.com/retinue-id/retinue/internal/testkit"
)

// TestAccessCheckSamples runs the command over the sample questions and wants
// every answer right. A disagreement with a peer that its page explains is
// taken from there.
func TestAccessCheckSamples(t *testing.T) {
	for _, c := range []struct {
		language, cases, state string
		lines                  int
	}{
		{"aws", "aws/check-samples.jsonl", "", 2000},
		{"kubernetes", "kubernetes/check-samples.jsonl", "kubernetes/cluster", 2000},
		{"postgres", "postgres/seed1-cases.jsonl", "postgres/seed1-catalog.json", 1500},
		{"postgres", "postgres/seed2-cases.jsonl", "postgres/seed2-catalog.json", 1500},
	} {
		t.Run(c.cases, func(t *testing.T) {
			tmp := t.TempDir()
			t.Setenv("TMPDIR", tmp)
			cases := testkit.Data(t, "access", filepath.FromSlash(c.cases))
			args := []string{"access", "check", "--language", c.language, "--cases", cases}
			if c.state != "" {
				args = append(args, "--state", testkit.Data(t, "access", filepath.FromSlash(c.state)))
			}
			var out, errs bytes.Buffer
			if code := cli.Run(t.Context(), args, strings.NewReader(""), &out, &errs, os.Getenv); code != 0 || errs.Len() > 0 {
				t.Fatalf("exit code %d: %s", code, errs.String())
			}
			compareAnswers(t, cases, &out, c.lines)
			empty(t, tmp)
		})
	}
}

func compareAnswers(t *testing.T, cases string, out *bytes.Buffer, lines int) {
	t.Helper()
	f, err := os.Open(cases)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	explained, err := os.ReadFile("../../docs/access-disagreements.md")
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	asked := bufio.NewScanner(f)
	asked.Buffer(nil, 1<<20)
	answered := bufio.NewScanner(out)
	answered.Buffer(nil, 1<<20)
	n, wrong := 0, 0
	for asked.Scan() {
		n++
		var q struct {
			ID       json.RawMessage
			Allowed  bool
			Expected struct{ Response string }
		}
		var a struct {
			ID       json.RawMessage
			Decision string
			Because  []json.RawMessage
		}
		if !answered.Scan() {
			t.Fatalf("%d answers", n-1)
		}
		if err := json.Unmarshal(asked.Bytes(), &q); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(answered.Bytes(), &a); err != nil {
			t.Fatal(err)
		}
		want := q.Expected.Response
		if want == "" {
			want = map[bool]string{true: "Allowed", false: "ImplicitlyDenied"}[q.Allowed]
		}
		if q.ID == nil {
			q.ID = json.RawMessage(fmt.Sprint(n))
		}
		if string(a.ID) != string(q.ID) || len(a.Because) == 0 {
			t.Fatalf("line %d: %s", n, answered.Bytes())
		}
		if a.Decision != want && !bytes.Contains(explained, bytes.Trim(q.ID, `"`)) {
			if wrong++; wrong < 10 {
				t.Errorf("line %d: want %s: %.500s", n, want, answered.Bytes())
			}
		}
	}
	if n != lines || answered.Scan() {
		t.Errorf("%d questions, want %d", n, lines)
	}
}

// empty checks that nothing of a throwaway inventory is left.
func empty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		t.Errorf("left behind: %s", e.Name())
	}
}

// TestAccessCheckInterrupted interrupts the program while it reads a state, and
// looks for what is left of the throwaway inventory.
func TestAccessCheckInterrupted(t *testing.T) {
	program, err := exec.LookPath("retinue")
	if err != nil {
		t.Fatal(err)
	}
	tmp, state := t.TempDir(), filepath.Join(t.TempDir(), "catalog.json")
	writeLargeCatalog(t, state)
	cmd := exec.CommandContext(t.Context(), program, "access", "check", "--language", "postgres", "--cases", "-", "--state", state)
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tick, deadline := time.NewTicker(5*time.Millisecond), time.Now().Add(time.Minute)
	defer tick.Stop()
	for range tick.C {
		found, _ := filepath.Glob(filepath.Join(tmp, "retinue-state-*", "state.db"))
		if len(found) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no inventory was made: %s", errs.String())
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != cli.ExitIncomplete {
		t.Errorf("exit code %d: %v: %s", cmd.ProcessState.ExitCode(), err, errs.String())
	}
	empty(t, tmp)
}

func writeLargeCatalog(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprint(w, `{"version":15,"database":"db","roles":[{"rolname":"r","rolinherit":true}],"relations":[`)
	for i := range 100_000 {
		if i > 0 {
			fmt.Fprint(w, ",")
		}
		fmt.Fprintf(w, `{"schema":"s","relname":"t%d","relkind":"r","owner":"r","acl":["r=r/r"]}`, i)
	}
	fmt.Fprint(w, `]}`)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestAccessCheckFeeds asks the sample questions of a real server with the same
// grants, as read live into the inventory and from its dumps.
func TestAccessCheckFeeds(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	server := testkit.PrivatePostgres(t, testkit.PostgresConfig{})
	program := func(name string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), testkit.Need(t, name, "postgresql-client"), args...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", name, err, out)
		}
	}
	dir, url := t.TempDir(), server.DatabaseURL("db1")
	program("psql", "--no-psqlrc", "--quiet", "--command=create database db1", server.URL())
	program("psql", "--no-psqlrc", "--quiet", "--file="+testkit.Data(t, "access", "postgres", "pg15-seed1.sql"), url)
	globals, schema, db := filepath.Join(dir, "globals.sql"), filepath.Join(dir, "db1.sql"), filepath.Join(dir, "one.db")
	program("pg_dumpall", "--globals-only", "--file="+globals, "--dbname="+server.URL())
	program("pg_dump", "--schema-only", "--create", "--file="+schema, url)
	run := func(args ...string) *bytes.Buffer {
		t.Helper()
		var out, errs bytes.Buffer
		if code := cli.Run(t.Context(), args, strings.NewReader(""), &out, &errs, os.Getenv); code != 0 {
			t.Fatalf("%v: exit code %d: %s", args, code, errs.String())
		}
		return &out
	}
	cases := testkit.Data(t, "access", "postgres", "seed1-cases.jsonl")
	run("scan", "postgres="+url, "--db", db)
	t.Run("live", func(t *testing.T) {
		compareAnswers(t, cases, run("access", "check", "--language", "postgres", "--cases", cases, "--db", db), 1500)
	})
	t.Run("dumps", func(t *testing.T) {
		compareAnswers(t, cases, run("access", "check", "--language", "postgres", "--cases", cases, "--state", globals+";"+schema), 1500)
	})
}
