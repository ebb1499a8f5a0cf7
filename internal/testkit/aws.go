package testkit

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// AWS starts the AWS emulator (moto_server, of the Python package moto) on a
// free loopback port for one test and returns its URL. It starts empty and ends
// with the test. Where the program is not on PATH the test is skipped: no
// package registry of the project has it, so it is required by nobody. Where it
// is on PATH and does not start, the test fails.
//
// It also sets the environment so that AWS clients find credentials, which the
// emulator accepts whatever they are, and no configuration of the person who
// runs the tests.
func AWS(t testing.TB) (endpoint string) {
	t.Helper()
	path, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("program moto_server is not on PATH: install the Python package moto[server]")
	}
	AWSEnv(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("find a free port: %v", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	logFile := filepath.Join(t.TempDir(), "moto.log")
	out, err := os.Create(logFile)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-H", "127.0.0.1", "-p", strconv.Itoa(port))
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatalf("start moto_server: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = out.Close()
		if text, _ := os.ReadFile(logFile); t.Failed() && len(text) > 0 {
			t.Logf("moto_server said at its end:\n%s", text[max(0, len(text)-2000):])
		}
	})
	endpoint = fmt.Sprintf("http://127.0.0.1:%d", port)
	if err := awaitHTTP(t.Context(), endpoint+"/moto-api/", time.Minute); err != nil {
		text, _ := os.ReadFile(logFile)
		t.Fatalf("start moto_server: %v: %s", err, bytes.TrimSpace(text))
	}
	return endpoint
}

// AWSEnv gives a test made-up AWS credentials and hides the configuration of
// the person who runs it.
func AWSEnv(t testing.TB) {
	t.Helper()
	dir := t.TempDir()
	for k, v := range map[string]string{
		"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
		"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": filepath.Join(dir, "config"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "credentials"),
	} {
		t.Setenv(k, v)
	}
	for _, k := range []string{"AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ENDPOINT_URL"} {
		t.Setenv(k, "") // so that it is put back at the end; some tools take an empty name for a profile's
		if err := os.Unsetenv(k); err != nil {
			t.Fatal(err)
		}
	}
}

// awaitHTTP returns once a server answers.
func awaitHTTP(ctx context.Context, url string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return err
		}
		res, err := http.DefaultTransport.RoundTrip(req)
		if err == nil {
			return res.Body.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}
