//go:build live

package app_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/testkit"
)

// How much is killed: servers that read, and nodes of the cluster.
const (
	streamKills    = 60
	streamReplicas = 3
	streamNodeTime = 6 * time.Second // between kills of nodes
)

// TestKilledReplicasCountStreamsOnceLive has several servers read one consumer of a
// real cluster into one PostgreSQL, kills them and the nodes of the cluster at
// random while messages come in, and finds what the same events give when they
// are counted once, in order, by one (invariant 2).
func TestKilledReplicasCountStreamsOnceLive(t *testing.T) {
	cluster := testkit.NATS(t)
	dir, db := t.TempDir(), testkit.Postgres(t).Database(t)
	a, err := app.Open(t.Context(), crashConfig(dir, db), app.Options{}) // makes the tables and keys before all others
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	js := makeStream(t, cluster)
	done := make(chan struct{})
	p := &streamPublisher{js: js, r: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))}
	var load sync.WaitGroup
	load.Go(func() { p.run(t, done) })
	nodes := make(chan int, 1)
	go func() { nodes <- killNodes(t, cluster, done) }()

	s := &streamServers{t: t, cluster: cluster, dir: dir, db: db}
	for i := range s.running {
		s.start(i)
	}
	for range streamKills {
		time.Sleep(time.Duration(rand.IntN(500)) * time.Millisecond)
		i := rand.IntN(streamReplicas)
		s.kill(i)
		s.start(i)
	}
	close(done)
	load.Wait()
	killedNodes := <-nodes
	again := waitRead(t, js)
	for i := range s.running {
		s.stop(i)
	}
	t.Logf("%d servers and %d nodes were killed while %d events came in %d messages; up to %d messages at a time were out for the second time", s.killed.Load(), killedNodes, len(p.lines), p.messages, again)
	if n := s.killed.Load(); n < 50 {
		t.Errorf("%d servers were killed while they ran, want at least 50", n)
	}
	if killedNodes == 0 {
		t.Error("no node was killed")
	}
	checkStreamed(t, dir, db, p)
}

// makeStream makes a stream that is kept three times.
func makeStream(t *testing.T, c *testkit.NATSCluster) jetstream.JetStream {
	t.Helper()
	pem, err := os.ReadFile(c.Trust)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	nc, err := nats.Connect(strings.Join(c.URLs[:], ","), nats.UserInfo(c.Admin, c.Password(c.Admin)), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond),
		nats.Secure(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, err = js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: "USAGE", Subjects: []string{"audit.>"}, Replicas: testkit.NATSNodes})
		cancel()
		if err == nil {
			return js
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // an election: there is nothing to wait on
	}
}

// killNodes kills one node after the other, and starts it again, until done.
func killNodes(t *testing.T, c *testkit.NATSCluster, done <-chan struct{}) int {
	for n := 0; ; n++ {
		select {
		case <-done:
			return n
		case <-time.After(streamNodeTime):
		}
		i := rand.IntN(testkit.NATSNodes)
		c.Kill(i)
		time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond)
		if err := c.Start(i); err != nil {
			t.Error(err)
			return n
		}
	}
}

// streamServers are the servers that read.
type streamServers struct {
	t       *testing.T
	cluster *testkit.NATSCluster
	dir, db string
	running [streamReplicas]*exec.Cmd
	killed  atomic.Int64
}

// start starts a server and returns once it has opened the database.
func (s *streamServers) start(i int) {
	s.t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^$")
	c.Env = append(os.Environ(), "RETINUE_STREAM_CHILD=1", "RETINUE_STREAM_DIR="+s.dir, "RETINUE_STREAM_DB="+s.db, "RETINUE_STREAM_SERVERS="+strings.Join(s.cluster.URLs[:], ","),
		"RETINUE_STREAM_TRUST="+s.cluster.Trust, "RETINUE_STREAM_USER="+s.cluster.Reader, "RETINUE_STREAM_PASSWORD="+s.cluster.Password(s.cluster.Reader))
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	_, _ = bufio.NewReader(out).ReadString('\n')
	s.running[i] = c
}

func (s *streamServers) kill(i int) {
	c := s.running[i]
	_ = c.Process.Kill()
	_ = c.Wait()
	if ws, ok := c.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		s.killed.Add(1)
	}
}

// stop ends a server in good order.
func (s *streamServers) stop(i int) {
	s.t.Helper()
	c := s.running[i]
	_ = c.Process.Signal(syscall.SIGTERM)
	if err := c.Wait(); err != nil {
		s.t.Errorf("a server that was asked to stop: %v", err)
	}
}

// streamPublisher publishes events in several forms, some of them again, and
// messages that nobody can read between them.
type streamPublisher struct {
	js       jetstream.JetStream
	r        *rand.Rand
	lines    []string
	messages int
	bad      int64
}

func (p *streamPublisher) run(t *testing.T, done <-chan struct{}) {
	start := time.Now().UTC().Add(-30 * time.Hour)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		for range 4 {
			var m bytes.Buffer
			for range 1 + p.r.IntN(6) {
				n := len(p.lines)
				if n > 100 && p.r.IntN(10) == 0 { // sent before
					m.WriteString(p.lines[n-1-p.r.IntN(100)])
					continue
				}
				line := fmt.Sprintf(`{"log":"app.audit","id":"e-%d","at":%q,"realm":"test:logs","class":"data","identity":{"realm":"test:logs","kind":"account","key":"user-%d"},"action":"read","outcome":"success","origin":{"address":"10.0.%d.1"}}`+"\n",
					n, start.Add(time.Duration(n)*time.Second).Format(time.RFC3339), p.r.IntN(20), p.r.IntN(5))
				p.lines = append(p.lines, line)
				m.WriteString(line)
			}
			data := m.Bytes()
			if p.r.IntN(3) == 0 {
				data = zipped(data)
			}
			p.publish(t, data)
		}
		if p.r.IntN(10) == 0 {
			p.bad++
			p.publish(t, []byte(`{"log": broken`))
		}
	}
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

// publish publishes a message until the cluster says that it has it: maybe more
// than once.
func (p *streamPublisher) publish(t *testing.T, data []byte) {
	for deadline := time.Now().Add(time.Minute); ; {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_, err := p.js.Publish(ctx, "audit.app.eu", data)
		cancel()
		if err == nil {
			p.messages++
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("publish: %v", err)
			return
		}
	}
}

// waitRead waits until every message of the stream is acknowledged.
func waitRead(t *testing.T, js jetstream.JetStream) int {
	t.Helper()
	again := 0
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) { // a real server: there is nothing to wait on
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		c, err := js.Consumer(ctx, "USAGE", "retinue")
		if err == nil {
			i := c.CachedInfo()
			again = max(again, i.NumRedelivered)
			if i.NumPending == 0 && i.NumAckPending == 0 {
				cancel()
				return again
			}
			err = fmt.Errorf("%d messages wait, %d are not acknowledged", i.NumPending, i.NumAckPending)
		}
		cancel()
		if time.Now().After(deadline) {
			t.Fatalf("the stream is not read: %v", err)
		}
	}
}

// checkStreamed compares what was counted with the same events counted once, in
// order, by one process on SQLite.
func checkStreamed(t *testing.T, dir, db string, p *streamPublisher) {
	t.Helper()
	file := filepath.Join(dir, "all.ndjson")
	if err := os.WriteFile(file, []byte(strings.Join(p.lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	once := filepath.Join(dir, "once.db")
	a, err := app.Open(t.Context(), crashConfig(dir, once), app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	reads, err := a.ImportActivity(t.Context(), []app.SourceConfig{{Name: "once", Kind: "ndjson", Target: file}}, app.ActivityOptions{Actor: retinue.Actor{Kind: "system", Name: "test"}, Getenv: os.Getenv})
	if err != nil || reads[0].New != int64(len(p.lines)) {
		t.Fatalf("%d of %d events were counted: %v", reads[0].New, len(p.lines), err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	want, have := allUsed(t, once), allUsed(t, db)
	if len(want) == 0 {
		t.Error("nothing was counted")
	}
	if d := cmp.Diff(want, have); d != "" {
		t.Errorf("counted from the stream (+) is not what was counted once, in order (-):\n%s", d)
	}
	d, err := sqlstore.Open(t.Context(), db, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	err = d.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
		faults, err := tx.UsageFaults(1000)
		if err != nil || len(faults) == 0 || faults[0].Place == 0 {
			t.Errorf("%d messages could not be read; kept are %v, %v", p.bad, faults, err)
		}
		covered, err := tx.UsageCoverage("test:logs")
		if len(covered) == 0 || covered[0].Proof == "" || !covered[0].Authenticated {
			t.Errorf("covered: %v, %v", covered, err)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// counted is what was counted of a behaviour in an hour.
type counted struct {
	Behaviour      string
	Hour           int64
	N, First, Last int64
}

// allUsed reads everything that was counted, by hour: the events are of the last
// two days, of which nothing is packed yet.
func allUsed(t *testing.T, addr string) []counted {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), addr, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	return usedIn(t, db)
}

// usedIn reads everything that was counted in an open database.
func usedIn(t *testing.T, db *sqlstore.DB) []counted {
	t.Helper()
	rows, err := db.Handle().QueryContext(t.Context(), `SELECT b.hash, h.hour, SUM(h.n), MIN(h.first_s), MAX(h.last_s)
		FROM usage_hours h JOIN usage_behaviours b ON b.id = h.behaviour GROUP BY b.hash, h.hour ORDER BY b.hash, h.hour`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var out []counted
	for rows.Next() {
		var c counted
		var hash []byte
		if err := rows.Scan(&hash, &c.Hour, &c.N, &c.First, &c.Last); err != nil {
			t.Fatal(err)
		}
		c.Behaviour = hex.EncodeToString(hash)
		out = append(out, c)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
