//go:build live

package eventstream_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/eventstream"
	"github.com/retinue-id/retinue/internal/testkit"
)

// rig is a real cluster with the stream USAGE, and a database of its own.
type rig struct {
	t       *testing.T
	cluster *testkit.NATSCluster
	roots   *x509.CertPool
	js      jetstream.JetStream

	mu      sync.Mutex
	counted map[string]int // by event
	batches int
	held    int // most events of a batch
	fail    func(b connector.Batch) error
	faults  []connector.Fault
	covered []retinue.Coverage
	broken  bool
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, cluster: testkit.NATS(t), roots: x509.NewCertPool(), counted: map[string]int{}}
	pem, err := os.ReadFile(r.cluster.Trust)
	if err != nil {
		t.Fatal(err)
	}
	r.roots.AppendCertsFromPEM(pem)
	nc, err := nats.Connect(strings.Join(r.cluster.URLs[:], ","), nats.UserInfo(r.cluster.Admin, r.cluster.Password(r.cluster.Admin)), nats.MaxReconnects(-1),
		nats.Secure(&tls.Config{RootCAs: r.roots, MinVersion: tls.VersionTLS12}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if r.js, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	return r
}

// stream makes the stream anew, with nothing in it.
func (r *rig) stream(c jetstream.StreamConfig) {
	r.t.Helper()
	r.mu.Lock()
	r.counted, r.batches, r.held, r.fail, r.faults, r.covered, r.broken = map[string]int{}, 0, 0, nil, nil, nil, false
	r.mu.Unlock()
	c.Name, c.Subjects, c.Replicas = "USAGE", []string{"audit.>"}, testkit.NATSNodes
	r.until("the stream is made", func(ctx context.Context) error {
		if err := r.js.DeleteStream(ctx, c.Name); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
			return err
		}
		_, err := r.js.CreateStream(ctx, c)
		return err
	})
}

// until tries until it works: a real cluster, there is nothing to wait on.
func (r *rig) until(what string, try func(ctx context.Context) error) {
	r.t.Helper()
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Second)
		err = try(ctx)
		cancel()
		if err == nil {
			return
		}
	}
	r.t.Fatalf("waited in vain until %s: %v", what, err)
}

func (r *rig) publish(data string) {
	r.t.Helper()
	r.until("it is published", func(ctx context.Context) error {
		_, err := r.js.Publish(ctx, "audit.app", []byte(data))
		return err
	})
}

// count is a database that can fail.
func (r *rig) count(_ context.Context, b connector.Batch) (eventstream.Counted, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		if err := r.fail(b); err != nil {
			return eventstream.Counted{}, err
		}
	}
	r.batches++
	r.held = max(r.held, len(b.Events))
	for _, e := range b.Events {
		r.counted[e.ID]++
	}
	return eventstream.Counted{Events: int64(len(b.Events)), New: int64(len(b.Events))}, nil
}

// config is that of the user who may do nothing but read.
func (r *rig) config() eventstream.Config {
	return eventstream.Config{Name: "test", Servers: r.cluster.URLs[:], TLS: &tls.Config{RootCAs: r.roots, MinVersion: tls.VersionTLS12}, User: r.cluster.Reader,
		Password: retinue.NewSecret(r.cluster.Password(r.cluster.Reader)), Stream: "USAGE", Consumer: "retinue", AckWait: time.Second, Linger: 50 * time.Millisecond, Watch: 50 * time.Millisecond,
		Batch: 16, Subjects: []eventstream.Subject{{Filter: "audit.app", Kind: "ndjson", Realms: []string{"test:1"}, Decode: decodeLine, Count: r.count}},
		Fault: func(_ string, f connector.Fault) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.faults = append(r.faults, f)
		},
		Cover: func(_ context.Context, _ *eventstream.Subject, _ string, list []retinue.Coverage, broken bool) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.covered, r.broken = append(r.covered, list...), r.broken || broken
			return nil
		}}
}

// decodeLine takes any line that is a word.
func decodeLine(record []byte) ([]retinue.Event, error) {
	word := string(record)
	if strings.HasPrefix(word, "bad") {
		return nil, fmt.Errorf("%w: bad", retinue.ErrInvalid)
	}
	return []retinue.Event{{Log: "test", ID: word, Realm: "test:1", At: time.Unix(1_700_000_000, 0), Class: retinue.EventData}}, nil
}

// run reads until the function that it returns is called.
func (r *rig) run(c eventstream.Config) (*eventstream.Reader, func()) {
	r.t.Helper()
	e, err := eventstream.New(c)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	return e, func() {
		r.t.Helper()
		stop()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	}
}

// settled waits until every message is acknowledged or taken off.
func (r *rig) settled() *jetstream.ConsumerInfo {
	r.t.Helper()
	var info *jetstream.ConsumerInfo
	r.until("all is read", func(ctx context.Context) error {
		c, err := r.js.Consumer(ctx, "USAGE", "retinue")
		if err != nil {
			return err
		}
		if info = c.CachedInfo(); info.NumPending > 0 || info.NumAckPending > 0 || info.Delivered.Stream == 0 {
			return fmt.Errorf("%d wait, %d are not acknowledged", info.NumPending, info.NumAckPending)
		}
		return nil
	})
	return info
}

func (r *rig) expect(n int) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.counted) != n {
		r.t.Errorf("%d events were counted, want %d", len(r.counted), n)
	}
}

// TestReaderLive reads a real cluster of three nodes as a user who may do nothing
// else, through everything that can go wrong with a message, a database, a
// consumer or a node.
func TestReaderLive(t *testing.T) {
	r := newRig(t)
	t.Run("bad messages stop nothing", func(t *testing.T) {
		r := r.within(t)
		r.stream(jetstream.StreamConfig{})
		r.publish("bad")
		for i := range 40 {
			r.publish(fmt.Sprintf("e%d", i))
		}
		r.publish("")
		r.publish("late1\nbad\nlate2")
		e, stop := r.run(r.config())
		r.settled()
		stop()
		r.expect(42)
		s := e.State()
		slices.SortFunc(r.faults, func(a, b connector.Fault) int { return cmp.Compare(a.Record, b.Record) })
		if s.Faults != 3 || len(r.faults) != 3 || r.faults[0].Record != 1 || s.Redelivered != 0 || s.Events != 42 || s.Lag != 0 || s.Error != "" {
			t.Errorf("state %+v, faults %v", s, r.faults)
		}
		if len(r.covered) == 0 || r.covered[0].Realm != "test:1" || r.broken {
			t.Errorf("covered %v", r.covered)
		}
	})
	t.Run("a database that fails", func(t *testing.T) {
		r := r.within(t)
		r.stream(jetstream.StreamConfig{})
		for i := range 30 {
			r.publish(fmt.Sprintf("e%d", i))
		}
		failures := 0
		r.fail = func(connector.Batch) error {
			if failures++; failures <= 3 {
				return retinue.ErrUnavailable
			}
			return nil
		}
		e, stop := r.run(r.config())
		r.settled()
		stop()
		r.expect(30)
		if s := e.State(); s.GivenBack == 0 || s.Redelivered == 0 || s.Faults != 0 {
			t.Errorf("state %+v", s)
		}
	})
	t.Run("a message that the database refuses", func(t *testing.T) {
		r := r.within(t)
		r.stream(jetstream.StreamConfig{})
		for i := range 30 {
			r.publish(fmt.Sprintf("e%d", i))
		}
		r.fail = func(b connector.Batch) error {
			for _, e := range b.Events {
				if e.ID == "e7" {
					return fmt.Errorf("%w: refused", retinue.ErrInvalid)
				}
			}
			return nil
		}
		_, stop := r.run(r.config())
		r.settled()
		stop()
		r.expect(29)
		if len(r.faults) != 1 || r.faults[0].Record != 8 {
			t.Errorf("faults %v", r.faults)
		}
	})
	t.Run("stops in good order", func(t *testing.T) {
		r := r.within(t)
		r.stream(jetstream.StreamConfig{})
		counting, free := make(chan struct{}, 100), make(chan struct{})
		r.fail = func(connector.Batch) error {
			counting <- struct{}{}
			<-free
			return nil
		}
		for i := range 10 {
			r.publish(fmt.Sprintf("e%d", i))
		}
		c := r.config()
		c.Workers, c.Linger = 1, 2*time.Second
		c.Batch = 10
		e, stop := r.run(c)
		select {
		case <-counting:
		case <-time.After(20 * time.Second):
			t.Fatalf("nothing is counted: %+v", e.State())
		}
		go func() { close(free) }()
		stop()
		r.expect(10)
		if info := r.settled(); info.AckFloor.Stream != 10 {
			t.Errorf("acknowledged up to %d, want 10", info.AckFloor.Stream)
		}
	})
	t.Run("a large message, and many events in one", func(t *testing.T) {
		r := r.within(t)
		r.stream(jetstream.StreamConfig{})
		var all strings.Builder
		for i := range 9000 {
			fmt.Fprintf(&all, "e%d %s\n", i, strings.Repeat("x", 80))
		}
		r.publish(all.String())
		c := r.config()
		c.BatchBytes = 64 << 10 // far smaller than the message
		_, stop := r.run(c)
		r.settled()
		stop()
		r.expect(9000)
		if r.held > connector.MaxActivityBatch || r.batches < 3 {
			t.Errorf("%d batches of up to %d events", r.batches, r.held)
		}
	})
	t.Run("messages that went by", func(t *testing.T) {
		r := r.within(t)
		r.stream(jetstream.StreamConfig{MaxMsgs: 20})
		r.publish("e0")
		_, stop := r.run(r.config())
		r.settled()
		stop()
		for i := range 50 {
			r.publish(fmt.Sprintf("e%d", i+1))
		}
		c := r.config()
		r.mu.Lock()
		r.fail = func(connector.Batch) error { return retinue.ErrUnavailable } // until it was looked
		r.mu.Unlock()
		c.Batch, c.Workers, c.Linger = 1, 1, time.Second
		e, stop := r.run(c)
		r.until("it is told", func(context.Context) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			if len(r.faults) == 0 {
				return errors.New("nothing was told")
			}
			r.fail = nil
			return nil
		})
		r.settled()
		stop()
		r.mu.Lock()
		defer r.mu.Unlock()
		if s := e.State(); s.Dropped == 0 || s.Dropped > 30 || r.faults[0].Record < 2 {
			t.Errorf("%d were dropped, faults %v", s.Dropped, r.faults)
		}
	})
	t.Run("nodes that die, one after the other", func(t *testing.T) {
		r := r.within(t)
		r.stream(jetstream.StreamConfig{})
		e, stop := r.run(r.config())
		n := 0
		for i := range testkit.NATSNodes {
			for range 20 {
				r.publish(fmt.Sprintf("e%d", n))
				n++
			}
			r.cluster.Kill(i)
			for range 20 {
				r.publish(fmt.Sprintf("e%d", n))
				n++
			}
			if err := r.cluster.Start(i); err != nil {
				t.Fatal(err)
			}
		}
		r.settled()
		stop()
		r.expect(n)
		if s := e.State(); s.Faults != 0 {
			t.Errorf("state %+v", s)
		}
	})
	t.Run("a consumer that would lose messages", func(t *testing.T) {
		r := r.within(t)
		for name, c := range map[string]jetstream.ConsumerConfig{
			"gives up": {AckPolicy: jetstream.AckExplicitPolicy, MaxDeliver: 3, FilterSubject: "audit.app"},
			"no acks":  {AckPolicy: jetstream.AckNonePolicy, FilterSubject: "audit.app"},
			"all":      {AckPolicy: jetstream.AckExplicitPolicy},
			"others":   {AckPolicy: jetstream.AckExplicitPolicy, FilterSubject: "audit.other"},
		} {
			r.stream(jetstream.StreamConfig{})
			r.publish("e0")
			c.Durable = "retinue"
			r.until("the consumer is made", func(ctx context.Context) error {
				_, err := r.js.CreateOrUpdateConsumer(ctx, "USAGE", c)
				return err
			})
			e, stop := r.run(r.config())
			r.until("it is told", func(context.Context) error {
				if s := e.State(); s.Error == "" {
					return errors.New("no error")
				}
				return nil
			})
			stop()
			r.expect(0)
			if s := e.State(); !strings.Contains(s.Error, "consumer retinue") {
				t.Errorf("%s: %s", name, s.Error)
			}
		}
	})
}

// within is the rig for a part of a test.
func (r *rig) within(t *testing.T) *rig {
	return &rig{t: t, cluster: r.cluster, roots: r.roots, js: r.js, counted: map[string]int{}}
}
