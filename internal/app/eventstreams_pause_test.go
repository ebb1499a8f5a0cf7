package app

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// TestPausedStreams pauses a stream that is being read: its reading ends, what is
// paused stays so however often that is said, and it is read again once somebody
// wants it so.
func TestPausedStreams(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tried := make(chan struct{}, 1)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_ = c.Close() // it speaks no NATS: what matters is who comes
			select {
			case tried <- struct{}{}:
			default:
			}
		}
	}()
	defer func() { _ = ln.Close() }()
	a := streamApp(t, Config{EventStreams: []EventStreamConfig{{Name: "audit", Servers: []string{"nats://" + ln.Addr().String()}, Stream: "USAGE",
		Subjects: []EventSubjectConfig{{Subject: "audit.>", Kind: "ndjson", Realms: []string{"test:*"}}}}}})
	ctx, stop := context.WithCancel(t.Context())
	if err := a.openEventStreams(ctx, func(string) string { return "" }); err != nil {
		t.Fatal(err)
	}
	c := auth.System(retinue.Actor{Kind: "person", Name: "Ada"})
	look := make(chan time.Time)
	ended := make(chan error, 1)
	go func() { ended <- a.readUnpaused(ctx, a.events.readers[0], look) }()
	<-tried
	look <- time.Now() // nobody paused it
	for range 2 {
		if s, err := a.PauseEventStream(ctx, c, "audit"); err != nil || s.Standing != "paused" || s.PausedBy != "Ada" || s.PausedAt.IsZero() {
			t.Fatalf("%+v, %v", s, err)
		}
	}
	select { // the look before may have been late enough to see it
	case look <- time.Now():
		err = <-ended
	case err = <-ended:
	}
	if err != nil {
		t.Errorf("the reading of a paused stream ended with %v", err)
	}
	if !a.streamPaused(ctx, "audit", false) {
		t.Error("it is not paused")
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = a.RunEventStreams(ctx) }) // looks whether it may
	s, err := a.ResumeEventStream(ctx, c, "audit")
	if err != nil || s.Standing == "paused" {
		t.Errorf("%+v, %v", s, err)
	}
	<-tried
	if list, err := a.ListEventStreams(ctx); err != nil || len(list) != 1 || list[0].Name != "audit" || list[0].Standing == "paused" {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := a.PauseEventStream(ctx, c, "none"); !errors.Is(err, retinue.ErrNotFound) {
		t.Errorf("a stream that is none: %v", err)
	}
	stop()
	wg.Wait()
	counts := map[retinue.RecordAction]int{}
	err = a.DB.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
		for r, err := range tx.Records(1) {
			if err != nil {
				return err
			}
			counts[r.Action]++
		}
		return nil
	})
	if err != nil || counts[retinue.RecordActivityPaused] != 1 || counts[retinue.RecordActivityResumed] != 1 {
		t.Errorf("on record: %v, %v", counts, err)
	}
}
