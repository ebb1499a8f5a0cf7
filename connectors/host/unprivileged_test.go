//go:build unix

package host

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
)

// treeEnv hands a fake machine to the copy of this test that runs as nobody.
const treeEnv = "RETINUE_HOST_TEST_TREE"

// TestUnprivileged reads a machine whose shadow file and one home are closed,
// as an account that may not open them: when the test runs as root, it runs
// itself again as nobody.
func TestUnprivileged(t *testing.T) {
	if root := os.Getenv(treeEnv); root != "" {
		checkUnprivileged(t, root)
		return
	}
	f := newFake(t)
	for _, p := range []string{"/etc/shadow", "/home/ada"} {
		at := filepath.Join(f.root, p)
		if err := os.Chmod(at, 0); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(at, 0o700) })
	}
	if os.Geteuid() != 0 {
		checkUnprivileged(t, f.root)
		return
	}
	dir := t.TempDir()
	for _, p := range []string{dir, filepath.Dir(dir), f.root, filepath.Dir(f.root)} {
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(copyProgram(t, dir), "-test.run=^TestUnprivileged$", "-test.v")
	cmd.Dir = dir
	cmd.Env = []string{treeEnv + "=" + f.root, "TMPDIR=/tmp"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("as nobody: %v\n%s", err, out)
	}
	if !strings.Contains(string(out), "--- PASS: TestUnprivileged") {
		t.Fatalf("as nobody nothing was tested:\n%s", out)
	}
}

func copyProgram(t *testing.T, dir string) string {
	t.Helper()
	in, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	to := filepath.Join(dir, "host.test")
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return to
}

func checkUnprivileged(t *testing.T, root string) {
	c := openAt(t, root, nil)
	a, err := c.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := connectortest.Discover(t, c)
	for _, path := range []string{"shadow", "user/ada"} {
		s := retinue.Scope{Realm: a.Realm, Path: path}
		if _, done := r.Completed[s]; done {
			t.Errorf("%s was completed", path)
		}
		if len(r.Problems[s]) != 1 || !errors.Is(r.Problems[s][0], retinue.ErrDenied) {
			t.Errorf("%s: problems %v, want one that says denied", path, r.Problems[s])
		}
		if !slices.ContainsFunc(a.Missing, func(m connector.Missing) bool { return m.Scope == s }) {
			t.Errorf("check does not say that %s is closed: %+v", path, a.Missing)
		}
	}
	for _, path := range []string{"accounts", "services", "user", "user/deploy/tools", "certificates/etc%2Fssl"} {
		if _, done := r.Completed[retinue.Scope{Realm: a.Realm, Path: path}]; !done {
			t.Errorf("%s is not complete: %v", path, r.Problems[retinue.Scope{Realm: a.Realm, Path: path}])
		}
	}
	homes := r.Completed[retinue.Scope{Realm: a.Realm, Path: "user"}].Children
	if !slices.Contains(homes, retinue.Scope{Realm: a.Realm, Path: "user/ada"}) {
		t.Errorf("the closed home is not listed, and would end: %v", homes)
	}
}
