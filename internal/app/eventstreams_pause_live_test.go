//go:build live

package app_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/testkit"
)

// TestPausedStreamsWaitLive pauses a stream of a real cluster while messages come
// in, some of which are on their way: nothing more is read until it goes on, and
// then every event counts once.
func TestPausedStreamsWaitLive(t *testing.T) {
	cluster := testkit.NATS(t)
	js := makeStream(t, cluster)
	t.Setenv("RETINUE_STREAM_PASSWORD", cluster.Password(cluster.Reader))
	dir := t.TempDir()
	db := dir + "/r.db"
	a, err := app.Open(t.Context(), streamConfig(dir, db, strings.Join(cluster.URLs[:], ","), cluster.Trust, cluster.Reader), app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := a.RunEventStreams(ctx); err != nil {
			t.Error(err)
		}
	})
	until := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(50 * time.Millisecond) { // a real server: there is nothing to wait on
			if time.Now().After(deadline) {
				t.Fatal(what)
			}
		}
	}
	connected := func() bool { s := a.EventStreams(); return len(s) == 1 && s[0].Connected }
	until("the stream is not read", connected)

	by := auth.System(retinue.Actor{Kind: "person", Name: "Ada"})
	done := make(chan struct{})
	p := &streamPublisher{js: js, r: rand.New(rand.NewPCG(1, 1))}
	p.bad++
	p.publish(t, []byte(`{"log": broken`))
	var load sync.WaitGroup
	load.Go(func() { p.run(t, done) })
	until("nothing is counted", func() bool { return a.EventStreams()[0].Events > 0 })
	if _, err := a.PauseEventStream(t.Context(), by, "test"); err != nil {
		t.Fatal(err)
	}
	until("it is still read although it is paused", func() bool { return !connected() })
	before := acknowledged(t, js)
	until("it is still acknowledged although it is paused", func() bool { // what was said last is on its way in the cluster
		last := before
		time.Sleep(time.Second)
		before = acknowledged(t, js)
		return before == last
	})
	sent, err := js.Stream(t.Context(), "USAGE")
	if err != nil {
		t.Fatal(err)
	}
	until("nothing came while it was paused", func() bool {
		i, err := sent.Info(t.Context())
		return err == nil && i.State.LastSeq > before+200
	})
	if after := acknowledged(t, js); after != before {
		t.Errorf("acknowledged up to %d when it was paused, and to %d later", before, after)
	}
	close(done)
	load.Wait()
	if _, err := a.ResumeEventStream(t.Context(), by, "test"); err != nil {
		t.Fatal(err)
	}
	waitRead(t, js)
	stop()
	running.Wait()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	checkStreamed(t, dir, db, p)
}

// acknowledged is up to which message the consumer has acknowledged all.
func acknowledged(t *testing.T, js jetstream.JetStream) uint64 {
	t.Helper()
	c, err := js.Consumer(t.Context(), "USAGE", "retinue")
	if err != nil {
		t.Fatal(fmt.Errorf("consumer: %w", err))
	}
	return c.CachedInfo().AckFloor.Stream
}
