package testkit

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// natsStart is how long a node may take until it answers.
const natsStart = 30 * time.Second

// NATSNodes is how many nodes a cluster has.
const NATSNodes = 3

// NATSCluster is a cluster of NATS servers with JetStream on loopback ports,
// whose nodes can be killed and started again.
type NATSCluster struct {
	// URLs are the clients' addresses of the nodes.
	URLs [NATSNodes]string
	// Trust is a file with the certificate by which they are trusted.
	Trust string
	// Admin and Reader are names of users, and their passwords: Admin may do
	// everything, Reader only what reading the consumer "retinue" of the stream
	// "USAGE" takes.
	Admin, Reader string

	program string
	dir     string
	ports   [NATSNodes]int
	routes  [NATSNodes]int

	mu    sync.Mutex
	nodes [NATSNodes]*exec.Cmd
	stdin [NATSNodes]func() error
}

// readerPermissions are the subjects that a user must be allowed to publish to
// for reading, as docs/usage-streams.md has them.
func readerPermissions() []string {
	return []string{"$JS.API.STREAM.INFO.USAGE", "$JS.API.CONSUMER.INFO.USAGE.retinue", "$JS.API.CONSUMER.CREATE.USAGE.retinue", "$JS.API.CONSUMER.CREATE.USAGE.retinue.>",
		"$JS.API.CONSUMER.MSG.NEXT.USAGE.retinue", "$JS.ACK.USAGE.retinue.>", "$JS.ACK.*.*.USAGE.retinue.>"}
}

// NATS starts a cluster that ends with the test. Without the program the test is
// skipped, and fails under RETINUE_REQUIRE_ALL=1.
func NATS(t testing.TB) *NATSCluster {
	t.Helper()
	c, err := StartNATS(liveProgram(t, "nats-server", "nats"), t.TempDir())
	if err != nil {
		t.Fatalf("start nats: %v", err)
	}
	t.Cleanup(func() {
		c.Stop()
		if t.Failed() {
			for i := range NATSNodes {
				t.Logf("end of what node %d wrote:\n%s", i, lastOf(c.path(i, "log"), 2000))
			}
		}
	})
	return c
}

// StartNATS starts a cluster with its files in dir. It ends with Stop, or when
// this process ends.
func StartNATS(program, dir string) (*NATSCluster, error) {
	c := &NATSCluster{program: program, dir: dir, Trust: filepath.Join(dir, "ca.crt"), Admin: "admin", Reader: "reader"}
	ca, err := newAuthority()
	if err == nil {
		err = errors.Join(ca.write(filepath.Join(dir, "ca")), ca.issue(filepath.Join(dir, "server"), "nats", ""))
	}
	if err != nil {
		return nil, err
	}
	for i := range NATSNodes {
		for _, p := range []*int{&c.ports[i], &c.routes[i]} {
			if *p, err = freePort(); err != nil {
				return nil, err
			}
		}
		c.URLs[i] = fmt.Sprintf("tls://127.0.0.1:%d", c.ports[i])
	}
	for i := range NATSNodes {
		if err := os.WriteFile(c.path(i, "conf"), []byte(c.config(i)), 0o600); err != nil {
			return nil, err
		}
		if err := c.Start(i); err != nil {
			c.Stop()
			return nil, err
		}
	}
	return c, nil
}

func (c *NATSCluster) path(i int, what string) string {
	return filepath.Join(c.dir, fmt.Sprintf("n%d.%s", i, what))
}

// Password is the password of a user of the cluster.
func (c *NATSCluster) Password(user string) string { return user + "-of-a-test" }

func (c *NATSCluster) config(i int) string {
	var routes []string
	for _, p := range c.routes {
		routes = append(routes, fmt.Sprintf("nats-route://127.0.0.1:%d", p))
	}
	return fmt.Sprintf(`server_name: n%d
listen: 127.0.0.1:%d
tls { cert_file: %q, key_file: %q }
jetstream { store_dir: %q }
cluster { name: test, listen: 127.0.0.1:%d, routes: [%s] }
authorization { users: [
  { user: %s, password: %q }
  { user: %s, password: %q, permissions: { publish: [%s], subscribe: ["_INBOX.>"] } }
] }
`, i, c.ports[i], filepath.Join(c.dir, "server.crt"), filepath.Join(c.dir, "server.key"), c.path(i, "store"), c.routes[i], strings.Join(routes, ", "),
		c.Admin, c.Password(c.Admin), c.Reader, c.Password(c.Reader), `"`+strings.Join(readerPermissions(), `", "`)+`"`)
}

// Start starts a node, and returns once it takes connections. A shell beside it
// kills it when this process ends.
func (c *NATSCluster) Start(i int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	log, err := os.OpenFile(c.path(i, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	const guard = `"$@" </dev/null & child=$!; read -r _; kill -9 "$child"; wait "$child"`
	cmd := exec.Command("sh", "-c", guard, "guard", c.program, "-c", c.path(i, "conf"))
	cmd.Stdout, cmd.Stderr = log, log
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return fmt.Errorf("start node %d: %w", i, err)
	}
	c.nodes[i], c.stdin[i] = cmd, stdin.Close
	for deadline := time.Now().Add(natsStart); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) { // a real server: there is nothing to wait on
		if conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", c.ports[i])); err == nil {
			return conn.Close()
		}
	}
	return fmt.Errorf("start node %d: it does not answer: %s", i, lastOf(c.path(i, "log"), 500))
}

// Kill ends a node as a crash would. Its files stay.
func (c *NATSCluster) Kill(i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.nodes[i] == nil {
		return
	}
	_ = c.stdin[i]()
	_ = c.nodes[i].Wait()
	c.nodes[i] = nil
}

// Stop ends all nodes.
func (c *NATSCluster) Stop() {
	for i := range NATSNodes {
		c.Kill(i)
	}
}
