package vault

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/logs"
)

// reader reads audit logs from files.
type reader struct {
	path  string
	realm retinue.Realm
	gaps  *gaps
}

func open(_ context.Context, cfg connector.Config, _ connector.Env) (connector.ActivityReader, error) {
	if cfg.Target == "" {
		return nil, fmt.Errorf("%w: source vault: want the path of an audit log", retinue.ErrInvalid)
	}
	realm, err := realmOf(cfg)
	if err != nil {
		return nil, err
	}
	return &reader{path: cfg.Target, realm: realm}, nil
}

// realmOf is the cluster that the options name.
func realmOf(cfg connector.Config) (retinue.Realm, error) {
	cluster := strings.TrimSpace(cfg.Option("cluster", ""))
	if cluster == "" {
		return "", fmt.Errorf("%w: source vault: an audit log does not say which cluster it is of: give cluster=, which `vault status` prints as cluster_id", retinue.ErrInvalid)
	}
	realm := retinue.NewRealm(Kind, retinue.CleanName(cluster))
	if err := realm.Validate(); err != nil {
		return "", fmt.Errorf("source vault: option cluster: %w", err)
	}
	return realm, nil
}

// alone makes a decoder of entries that come one by one. An answer stands for its
// request; a request without one does not show.
func alone(cfg connector.Config, _ connector.Env) (func([]byte) ([]retinue.Event, error), error) {
	realm, err := realmOf(cfg)
	return func(record []byte) ([]retinue.Event, error) {
		return (&decoder{realm: realm}).decode(record)
	}, err
}

// Activity implements connector.ActivityReader.
func (r *reader) Activity(ctx context.Context, req connector.ActivityRequest, sink connector.ActivitySink) error {
	r.gaps = &gaps{}
	return logs.Read(ctx, req, sink, logs.Options{Paths: []string{r.path}, Open: r.open, Cover: r.cover})
}

// Close implements connector.ActivityReader.
func (r *reader) Close() error { return nil }

// open tells entries one after another from lines with something before each.
func (r *reader) open(in logs.Input, head []byte, o *logs.ReaderOptions) (logs.Decoder, error) {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	switch {
	case bytes.HasPrefix(head, []byte("{")):
		o.Format = logs.JSON
	case bytes.HasPrefix(head, []byte("<json")):
		return nil, fmt.Errorf("%w: read %s: the device writes format=jsonx: enable one that writes JSON", retinue.ErrUnsupported, in.Label)
	default:
		o.Format = logs.Lines
	}
	return newFileDecoder(r.realm, r.gaps), nil
}

func (r *reader) cover(seen logs.Seen) []retinue.Coverage {
	out := seen.Coverage(append(blindSpots(), r.gaps.spots()...)...)
	for i := range out {
		out[i].Classes = []retinue.EventClass{retinue.EventData, retinue.EventManagement, retinue.EventSignIn}
		out[i].Authenticated = true // Vault writes these files
	}
	return out
}

// maxGaps bounds the times at which audit devices were switched off that are
// told of one by one.
const maxGaps = 100

// gaps are the times behind which an audit device was switched off.
type gaps struct {
	mu   sync.Mutex
	list []gap
}

type gap struct{ from, to time.Time }

func (g *gaps) add(from time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.list) < maxGaps {
		g.list = append(g.list, gap{from: from})
	}
}

// until ends gaps at the first entry behind them.
func (g *gaps) until(at time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.list {
		if e := &g.list[i]; at.After(e.from) && (e.to.IsZero() || at.Before(e.to)) {
			e.to = at
		}
	}
}

func (g *gaps) spots() []retinue.BlindSpot {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []retinue.BlindSpot
	for _, e := range g.list {
		out = append(out, retinue.BlindSpot{
			Code: "vault.audit_disabled", Text: "An audit device was disabled. If it was the one that wrote this log, requests are missing until it was enabled again.",
			From: e.from, To: e.to, Raise: "Import the log of another device for that time.", Cost: "None, where there is one.",
		})
	}
	return out
}
