package testkit

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// LiveEnv names the folder in whose bin the slow real systems lie once they
// were built, LiveBinEnv that folder of programs itself.
const (
	LiveEnv    = "RETINUE_LIVE"
	LiveBinEnv = "RETINUE_LIVE_BIN"
)

// liveProgram finds a program that deploy/dev/FOLDER/build.sh builds.
func liveProgram(t testing.TB, name, folder string) string {
	t.Helper()
	var dirs []string
	if d := os.Getenv(LiveBinEnv); d != "" {
		dirs = append(dirs, d)
	}
	if d := os.Getenv(LiveEnv); d != "" {
		dirs = append(dirs, filepath.Join(d, "bin"))
	}
	if d, err := os.UserCacheDir(); err == nil {
		dirs = append(dirs, filepath.Join(d, "retinue-live", "bin"))
	}
	for _, d := range dirs {
		if p := filepath.Join(d, name); isFile(p) {
			return p
		}
	}
	if p, err := exec.LookPath(name); err == nil {
		return p
	}
	absent(t, "program %s is not built: run deploy/dev/%s/build.sh", name, folder)
	return ""
}

func loopbackPort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("find a free port: %v", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// startLive runs a program until the test ends, or until this process does: a
// shell beside it waits for the end of its input and then kills the program by
// its id. What the program writes goes to a file, of which a failing test shows the
// end. The function that is returned kills it before.
func startLive(t testing.TB, logFile string, env []string, program string, args ...string) (kill func()) {
	t.Helper()
	name := filepath.Base(program)
	log, err := os.Create(logFile)
	if err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	const guard = `"$@" </dev/null & child=$!; read -r _; kill -9 "$child"; wait "$child"`
	cmd := exec.Command("sh", append([]string{"-c", guard, "guard", program}, args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	if env != nil {
		cmd.Env = append(os.Environ(), env...)
	}
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	kill = sync.OnceFunc(func() {
		_ = stdin.Close()
		_ = cmd.Wait() // the killed program's status
		_ = log.Close()
	})
	t.Cleanup(func() {
		kill()
		if t.Failed() {
			t.Logf("end of what %s wrote:\n%s", name, lastOf(logFile, 2000))
		}
	})
	return kill
}

func lastOf(path string, n int) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-n):])
}
