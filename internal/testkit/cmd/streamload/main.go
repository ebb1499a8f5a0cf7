// Command streamload measures how servers that share a PostgreSQL database and
// the consumer of a stream read it together:
//
//	go run ./internal/testkit/cmd/streamload -rate 500
//	go run ./internal/testkit/cmd/streamload -commit 20ms
//	go run ./internal/testkit/cmd/streamload
//
// It starts a cluster of three nats-server, keeps the stream on each of them, and
// counts the same number of messages for each server: capped to a rate, with
// every commit of the database taking so much longer, or as fast as it goes. It
// reads with one server, then with two, then with four, each a process, and prints
// messages a second and how many times as much as one that is. Each run has a
// database and a stream of its own, and fails where an event is lost or counted
// twice.
//
// The program nats-server is looked for where deploy/dev/nats/build.sh puts it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue/internal/testkit"
)

type options struct {
	replicas string
	messages int
	rate     int
	commit   time.Duration
	batch    int
	workers  int
	nats     string
	read     bool
}

func main() {
	var o options
	flag.StringVar(&o.replicas, "replicas", "1,2,4", "with how many servers to read, one run each")
	flag.IntVar(&o.messages, "messages", 8000, "messages for each server")
	flag.IntVar(&o.rate, "rate", 0, "messages a second of a server at most (0: no bound)")
	flag.DurationVar(&o.commit, "commit", 0, "how much longer each commit takes")
	flag.IntVar(&o.batch, "batch", 64, "messages of a batch")
	flag.IntVar(&o.workers, "workers", 1, "batches that a server counts at the same time")
	flag.StringVar(&o.nats, "nats", "", "path of nats-server")
	flag.BoolVar(&o.read, "read", false, "be one of the servers (used by the program itself)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	do := run
	if o.read {
		do = read
	}
	if err := do(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "streamload:", err)
		os.Exit(1)
	}
}

// run measures with each number of servers.
func run(ctx context.Context, o options) error {
	program, err := natsServer(o.nats)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "streamload-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	pg, err := testkit.StartPostgres(testkit.PostgresConfig{})
	if err != nil {
		return err
	}
	defer pg.Stop()
	cluster, err := testkit.StartNATS(program, dir)
	if err != nil {
		return err
	}
	defer cluster.Stop()
	b := &bench{o: o, dir: dir, pg: pg, cluster: cluster}
	one := 0.0
	fmt.Printf("messages for each server %d, batch %d, workers %d, rate %d, commit +%s\n", o.messages, o.batch, o.workers, o.rate, o.commit)
	for word := range strings.SplitSeq(o.replicas, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return fmt.Errorf("-replicas %q: want numbers, separated by commas", o.replicas)
		}
		took, err := b.measure(ctx, n)
		if err != nil {
			return fmt.Errorf("with %d servers: %w", n, err)
		}
		speed := float64(n*o.messages) / took.Seconds()
		if one == 0 {
			one = speed / float64(n)
		}
		fmt.Printf("servers %d: %d messages in %s, %.0f a second, %.2f times one\n", n, n*o.messages, took.Round(time.Millisecond), speed, speed/one)
	}
	return nil
}

func natsServer(path string) (string, error) {
	if path != "" {
		return path, nil
	}
	if p, err := exec.LookPath("nats-server"); err == nil {
		return p, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	p := filepath.Join(cache, "retinue-live", "bin", "nats-server")
	if _, err := os.Stat(p); err != nil {
		return "", errors.New("nats-server is not there: run deploy/dev/nats/build.sh, or give -nats")
	}
	return p, nil
}
