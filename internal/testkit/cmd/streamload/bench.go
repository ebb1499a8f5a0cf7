package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/testkit"
)

// The variables by which the program tells its servers what to read.
const (
	envDir      = "STREAMLOAD_DIR"
	envDatabase = "STREAMLOAD_DATABASE"
	envServers  = "STREAMLOAD_SERVERS"
	envTrust    = "STREAMLOAD_TRUST"
	envUser     = "STREAMLOAD_USER"
	envPassword = "STREAMLOAD_PASSWORD"
)

type bench struct {
	o       options
	dir     string
	pg      *testkit.PostgresServer
	cluster *testkit.NATSCluster
	runs    int
}

// measure reads with so many servers and returns how long it took.
func (b *bench) measure(ctx context.Context, servers int) (time.Duration, error) {
	b.runs++
	direct, seen, stopSlow, err := b.database(ctx)
	if err != nil {
		return 0, err
	}
	defer stopSlow()
	if err := prepare(ctx, b.dir, direct); err != nil {
		return 0, err
	}
	nc, js, err := b.stream(ctx)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	want := servers * b.o.messages
	if err := publish(ctx, js, want); err != nil {
		return 0, err
	}
	var readers []*reader
	defer func() {
		for _, r := range readers {
			r.stop()
		}
	}()
	for range servers {
		r, err := b.start(ctx, seen)
		if err != nil {
			return 0, err
		}
		readers = append(readers, r)
	}
	start := time.Now()
	for _, r := range readers {
		if _, err := io.WriteString(r.stdin, "go\n"); err != nil {
			return 0, err
		}
	}
	if err := wait(ctx, js); err != nil {
		return 0, err
	}
	took := time.Since(start)
	return took, check(ctx, direct, want)
}

// database makes an empty database. It returns its address, and the one by which
// the servers see it: slower by what was asked.
func (b *bench) database(ctx context.Context) (direct, seen string, stop func(), err error) {
	c, err := pgx.Connect(ctx, b.pg.URL())
	if err != nil {
		return "", "", nil, err
	}
	defer func() { _ = c.Close(ctx) }()
	name := fmt.Sprintf("streamload_%d", b.runs)
	if _, err := c.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return "", "", nil, err
	}
	direct = b.pg.DatabaseURL(name)
	if b.o.commit == 0 {
		return direct, direct, func() {}, nil
	}
	u, err := url.Parse(direct)
	if err != nil {
		return "", "", nil, err
	}
	s, err := slowCommits(u.Host, b.o.commit)
	if err != nil {
		return "", "", nil, err
	}
	u.Host = s.addr()
	return direct, u.String(), s.stop, nil
}

// prepare makes the tables and keys.
func prepare(ctx context.Context, dir, db string) error {
	a, err := app.Open(ctx, config(dir, db), app.Options{})
	if err != nil {
		return err
	}
	return a.Close()
}

func config(dir, db string) app.Config {
	return app.Config{Database: db, KeyFile: filepath.Join(dir, "key"), SigningKeyFile: filepath.Join(dir, "sign")}
}

// stream makes the stream anew, kept three times.
func (b *bench) stream(ctx context.Context) (*nats.Conn, jetstream.JetStream, error) {
	pem, err := os.ReadFile(b.cluster.Trust)
	if err != nil {
		return nil, nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	nc, err := nats.Connect(strings.Join(b.cluster.URLs[:], ","), nats.UserInfo(b.cluster.Admin, b.cluster.Password(b.cluster.Admin)), nats.MaxReconnects(-1),
		nats.Secure(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}))
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(nc)
	for deadline := time.Now().Add(time.Minute); err == nil; time.Sleep(100 * time.Millisecond) { // an election: there is nothing to wait on
		_ = js.DeleteStream(ctx, "USAGE") // there is none in the first run
		_, serr := js.CreateStream(ctx, jetstream.StreamConfig{Name: "USAGE", Subjects: []string{"audit.>"}, Replicas: testkit.NATSNodes})
		if serr == nil {
			return nc, js, nil
		}
		if time.Now().After(deadline) {
			err = serr
		}
	}
	nc.Close()
	return nil, nil, err
}

// publish puts so many events into the stream, one a message.
func publish(ctx context.Context, js jetstream.JetStream, n int) error {
	start := time.Now().UTC().Add(-40 * time.Hour)
	var last []jetstream.PubAckFuture
	for i := range n {
		line := fmt.Sprintf(`{"log":"app.audit","id":"e-%d","at":%q,"realm":"test:load","class":"data","identity":{"realm":"test:load","kind":"account","key":"user-%d"},"action":"read","outcome":"success","origin":{"address":"10.0.%d.1"}}`,
			i, start.Add(time.Duration(i)*time.Second).Format(time.RFC3339), i%20, i%5)
		if i%2000 == 1999 {
			<-js.PublishAsyncComplete() // not more than the servers take
		}
		f, err := js.PublishAsync("audit.app", []byte(line))
		if err != nil {
			return err
		}
		last = append(last, f)
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, f := range last {
		select {
		case err := <-f.Err():
			return err
		case <-f.Ok():
		}
	}
	return nil
}

// reader is a server that reads, a process of its own.
type reader struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
}

// start starts one, which waits until it is told to read.
func (b *bench) start(ctx context.Context, db string) (*reader, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, self, "-read", "-rate", strconv.Itoa(b.o.rate), "-batch", strconv.Itoa(b.o.batch), "-workers", strconv.Itoa(b.o.workers))
	c.Env = append(os.Environ(), envDir+"="+b.dir, envDatabase+"="+db, envServers+"="+strings.Join(b.cluster.URLs[:], ","), envTrust+"="+b.cluster.Trust,
		envUser+"="+b.cluster.Reader, envPassword+"="+b.cluster.Password(b.cluster.Reader))
	c.Stderr = os.Stderr
	stdin, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		return nil, err
	}
	_, err = bufio.NewReader(out).ReadString('\n')
	return &reader{c, stdin}, err
}

func (r *reader) stop() {
	_ = r.stdin.Close()
	_ = r.cmd.Wait()
}

// read is what a server does: it reads the stream until its input ends.
func read(ctx context.Context, o options) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	cfg := config(os.Getenv(envDir), os.Getenv(envDatabase))
	cfg.EventStreams = []app.EventStreamConfig{{Name: "load", Servers: strings.Split(os.Getenv(envServers), ","), TLS: app.EventStreamTLS{CAFile: os.Getenv(envTrust)},
		User: os.Getenv(envUser), Password: app.SecretPlace{Env: envPassword}, Stream: "USAGE", Batch: o.batch, Workers: o.workers, MaxRate: o.rate,
		Subjects: []app.EventSubjectConfig{{Subject: "audit.app", Kind: "ndjson", Realms: []string{"test:load"}}}}}
	a, err := app.Open(ctx, cfg, app.Options{})
	if err != nil {
		return err
	}
	fmt.Println("open")
	in := bufio.NewReader(os.Stdin)
	if _, err = in.ReadString('\n'); err == nil {
		go func() {
			_, _ = in.ReadString('\n')
			stop()
		}()
		err = a.RunEventStreams(ctx)
	}
	if cerr := a.Close(); err == nil {
		err = cerr
	}
	return err
}

// wait waits until every message is acknowledged.
func wait(ctx context.Context, js jetstream.JetStream) error {
	for ; ctx.Err() == nil; time.Sleep(20 * time.Millisecond) { // a real server: there is nothing to wait on
		c, err := js.Consumer(ctx, "USAGE", "retinue")
		if err == nil && c.CachedInfo().NumPending == 0 && c.CachedInfo().NumAckPending == 0 && c.CachedInfo().Delivered.Stream > 0 {
			return nil
		}
	}
	return ctx.Err()
}

// check fails where an event was lost or counted twice.
func check(ctx context.Context, db string, want int) error {
	c, err := pgx.Connect(ctx, db)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	var n int
	if err := c.QueryRow(ctx, "SELECT COALESCE(SUM(n), 0)::bigint FROM usage_hours").Scan(&n); err != nil {
		return err
	}
	if n != want {
		return fmt.Errorf("%d events were counted, want %d", n, want)
	}
	return nil
}
