package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/retinue-id/retinue/internal/app"
)

// streamConfig is the configuration of a server that reads the stream of the
// tests, as the user who may do nothing else.
func streamConfig(dir, db, servers, trust, user string) app.Config {
	c := crashConfig(dir, db)
	c.EventStreams = []app.EventStreamConfig{{Name: "test", Servers: strings.Split(servers, ","), TLS: app.EventStreamTLS{CAFile: trust}, User: user,
		Password: app.SecretPlace{Env: "RETINUE_STREAM_PASSWORD"}, Stream: "USAGE", Batch: 64, MaxInFlight: 4000, AckWait: 2 * time.Second, Linger: 200 * time.Millisecond,
		Subjects: []app.EventSubjectConfig{{Subject: "audit.app.>", Kind: "ndjson", Realms: []string{"test:logs"}, Complete: true, Authentic: true}}}}
	return c
}

// streamChild is a server that reads a stream in a process of its own, to be
// killed. It ends in good order on SIGTERM.
func streamChild() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	getenv := func(name string) string { return os.Getenv("RETINUE_STREAM_" + name) }
	opt := app.Options{}
	if getenv("LOG") != "" {
		opt.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	a, err := app.Open(ctx, streamConfig(getenv("DIR"), getenv("DB"), getenv("SERVERS"), getenv("TRUST"), getenv("USER")), opt)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("open")
	err = a.RunEventStreams(ctx)
	if cerr := a.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
