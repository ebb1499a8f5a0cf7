package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/eventstream"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

const goodStream = `eventStreams:
- name: prod
  servers: [tls://nats-1:4222]
  credentialsFile: prod.creds
  stream: AUDIT
  subjects:
  - {subject: audit.aws.>, kind: aws, realms: ["aws:*"]}
  - {subject: audit.k8s, kind: kubernetes, options: {cluster-uid: 0b0b0b0b-0000-4000-8000-000000000001}, complete: true}
`

// TestEventStreamMistakes plants mistakes in the file: each is told with its
// place, before anything connects.
func TestEventStreamMistakes(t *testing.T) {
	load := func(text string) error {
		name := filepath.Join(t.TempDir(), "retinue.yaml")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := LoadConfig(name, func(string) string { return "/home/x" })
		return err
	}
	if err := load(goodStream); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, place string }{
		{"name: prod", `name: ""`, "eventStreams[0].name"},
		{"tls://nats-1", "nats://nats-1", "eventStreams[0].servers[0]"},
		{"tls://nats-1", "tls://a:b@nats-1", "eventStreams[0].servers[0]"},
		{"stream: AUDIT", "stream: a.b", "eventStreams[0].stream"},
		{"kind: aws", "kind: awz", "eventStreams[0].subjects[0].kind"},
		{"kind: aws", "kind: people", "eventStreams[0].subjects[0].kind"},
		{"cluster-uid:", "cluster:", "eventStreams[0].subjects[1].options"},
		{`realms: ["aws:*"]`, "realms: []", "eventStreams[0].subjects[0].realms"},
		{`realms: ["aws:*"]`, `realms: ["*"]`, "eventStreams[0].subjects[0].realms[0]"},
		{"audit.k8s", "audit.aws.eu", "eventStreams[0].subjects[1].subject"},
		{"credentialsFile: prod.creds", "user: x", "eventStreams[0].user"},
		{"credentialsFile: prod.creds", "batch: 100000", "eventStreams[0].batch"},
		{"credentialsFile: prod.creds", "ackwait: 1s", "line 4"},
		{"credentialsFile: prod.creds", "tls: {certFile: x}", "eventStreams[0].tls"},
	} {
		text := strings.Replace(goodStream, c.old, c.new, 1)
		if err := load(text); !errors.Is(err, retinue.ErrInvalid) || !strings.Contains(err.Error(), c.place) || strings.Contains(err.Error(), "a:b@") {
			t.Errorf("%s in place of %s: %v, want %s", c.new, c.old, err, c.place)
		}
	}
	if err := load(goodStream + strings.TrimPrefix(goodStream, "eventStreams:\n")); err == nil || !strings.Contains(err.Error(), "eventStreams[1].name") {
		t.Errorf("two of one name: %v", err)
	}
}

func streamApp(t *testing.T, cfg Config) *App {
	t.Helper()
	dir := t.TempDir()
	cfg.Database, cfg.KeyFile, cfg.SigningKeyFile = filepath.Join(dir, "r.db"), filepath.Join(dir, "key"), filepath.Join(dir, "sign")
	a, err := Open(t.Context(), cfg, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// TestStreamCoverage keeps what a stream covers: a stretch goes on where the one
// before ended, unless something was dropped between them, and the word of the
// configuration is on record once.
func TestStreamCoverage(t *testing.T) {
	a := streamApp(t, Config{})
	s := &eventstream.Subject{Filter: "audit.app", Kind: "ndjson", Complete: true, Authentic: true}
	day := func(n int) time.Time { return time.Date(2026, 5, n, 0, 0, 0, 0, time.UTC) }
	say := func(from, to int, broken bool) {
		c := retinue.Coverage{Log: "app.audit", Realm: "test:1", From: day(from), To: day(to), Classes: []retinue.EventClass{retinue.EventData}, Authenticated: true}
		if err := a.coverStream(t.Context(), s, "nats:AUDIT@1", []retinue.Coverage{c}, broken); err != nil {
			t.Fatal(err)
		}
	}
	say(1, 3, false)
	say(5, 6, false) // nobody acted on the fourth
	say(9, 10, true) // what was before the ninth went by
	var got []string
	records := 0
	err := a.DB.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
		list, err := tx.UsageCoverage("test:1")
		for _, c := range list {
			got = append(got, fmt.Sprintf("%d-%d", c.From.Day(), c.To.Day()))
			if c.Proof == "" || !c.Authenticated || len(c.BlindSpots) == 0 {
				t.Errorf("covered: %+v", c)
			}
		}
		for r, rerr := range tx.Records(1) {
			if rerr != nil {
				return rerr
			}
			if r.Action == retinue.RecordActivityAttested {
				records++
			}
		}
		return err
	})
	if err != nil || strings.Join(got, " ") != "1-6 9-10" || records != 1 {
		t.Errorf("covered %v, attested %d times, %v; want 1-6 9-10, once", got, records, err)
	}
}

// TestStreamFaultsAreBounded keeps the first of many faults one by one, and adds
// up the others.
func TestStreamFaultsAreBounded(t *testing.T) {
	a := streamApp(t, Config{})
	now := time.Now()
	a.now = func() time.Time { return now }
	f := &streamFaults{app: a}
	for i := range 1000 {
		f.keep("ndjson", connector.Fault{Label: "stream AUDIT", Record: int64(i + 1), Err: retinue.ErrInvalid})
	}
	now = now.Add(2 * streamFaultsTime)
	f.keep("ndjson", connector.Fault{Label: "stream AUDIT", Record: 1001, Err: retinue.ErrInvalid})
	var rows int
	var sum int64
	err := a.DB.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
		list, err := tx.UsageFaults(1000)
		for _, x := range list {
			rows++
			sum += x.Count
		}
		return err
	})
	if err != nil || sum != 1001 || rows > streamFaultsEach+3 {
		t.Errorf("%d faults in %d rows, %v", sum, rows, err)
	}
}

// TestStreamsAreShown shows streams before their servers were reached.
func TestStreamsAreShown(t *testing.T) {
	a := streamApp(t, Config{EventStreams: []EventStreamConfig{{Name: "prod", Servers: []string{"nats://127.0.0.1:1"}, Stream: "AUDIT",
		Subjects: []EventSubjectConfig{{Subject: "audit", Kind: "ndjson", Realms: []string{"test:1"}}}}}})
	if err := a.openEventStreams(t.Context(), func(string) string { return "" }); err != nil {
		t.Fatal(err)
	}
	logs, err := a.ActivityLogs(t.Context())
	if err != nil || len(logs.Streams) != 1 || logs.Streams[0].Name != "prod" || logs.Streams[0].Connected {
		t.Errorf("streams %+v, %v", logs.Streams, err)
	}
	seen := prometheus.NewRegistry()
	seen.MustRegister(streamCollector{a})
	list, err := seen.Gather()
	if err != nil || len(list) != 11 {
		t.Fatalf("%d figures, %v", len(list), err)
	}
	for _, f := range list {
		m := f.GetMetric()[0]
		if m.GetLabel()[0].GetValue() != "prod" || f.GetName() == "retinue_stream_up" && m.GetGauge().GetValue() != 0 {
			t.Errorf("%s: %v", f.GetName(), m)
		}
	}
}
