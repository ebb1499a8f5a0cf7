package bench_test

import (
	"context"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/internal/bench"
)

// readings collects what the readers of the logs say.
type readings struct {
	mu      sync.Mutex
	seen    map[string]bool // distinct events, by log and id
	counts  map[string]int64
	byRef   map[retinue.Ref][]retinue.Event
	faults  []connector.Fault
	covers  []retinue.Coverage
	unknown map[string]int
}

// Batch implements connector.ActivitySink.
func (r *readings) Batch(_ context.Context, b connector.Batch) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range b.Events {
		name := e.Log + " " + e.ID
		if e.ID == "" {
			name = e.Log + " " + string(e.Digest[:])
		}
		if r.seen[name] {
			continue
		}
		r.seen[name] = true
		if e.Class == retinue.EventUnknown {
			r.unknown[e.Log]++
			continue
		}
		r.counts[e.Log]++
		r.byRef[e.Identity] = append(r.byRef[e.Identity], e)
	}
	return nil
}

// Cover implements connector.ActivitySink.
func (r *readings) Cover(_ context.Context, c retinue.Coverage) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.covers = append(r.covers, c)
	return nil
}

// Fault implements connector.ActivitySink.
func (r *readings) Fault(f connector.Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, f)
}

// Note implements connector.ActivitySink.
func (r *readings) Note(connector.Note) {}

// Progress implements connector.ActivitySink.
func (r *readings) Progress(connector.Progress) {}

// read reads every log of a manifest.
func read(t *testing.T, m bench.Manifest) *readings {
	t.Helper()
	r := &readings{seen: map[string]bool{}, counts: map[string]int64{}, byRef: map[retinue.Ref][]retinue.Event{}, unknown: map[string]int{}}
	kinds := specs()
	for _, s := range m.Activity {
		spec := kinds[s.Kind]
		if err := spec.Validate(config(s)); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
		reader, err := spec.Activity.Open(t.Context(), config(s), connectortest.Env(t))
		if err != nil {
			t.Errorf("%s: open: %v", s.Name, err)
			continue
		}
		err = reader.Activity(t.Context(), connector.ActivityRequest{Now: connectortest.Epoch(),
			Position: func(string) (connector.Position, error) { return connector.Position{}, nil }}, r)
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
		_ = reader.Close()
	}
	return r
}

// TestReadersReadTheLogs reads all logs of an enterprise with the readers of the
// connectors, and holds what they say to the truth.
func TestReadersReadTheLogs(t *testing.T) {
	truth, m := enterprise(t, bench.Options{})
	r := read(t, m)
	t.Run("history", func(t *testing.T) { checkHistories(t, truth, r) })
	t.Run("incidents", func(t *testing.T) { checkIncidents(t, truth, r) })
	t.Run("coverage", func(t *testing.T) { checkCoverage(t, truth, r) })
}

// checkHistories: every entry is understood, and those of each identity are as
// many, and as late, as the truth says that the log shows.
func checkHistories(t *testing.T, truth bench.Truth, r *readings) {
	lost := false
	for _, f := range r.faults {
		// The files of the gap that a trail's digests state are missing.
		if strings.Contains(f.Error(), "was not read") || strings.Contains(f.Error(), "more log files") {
			lost = true
			continue
		}
		t.Errorf("fault: %v", f)
	}
	if !lost {
		t.Error("that log files of a trail are missing is not said")
	}
	for log, n := range r.unknown {
		t.Errorf("%s: %d entries are not understood", log, n)
	}
	known := map[retinue.Ref]bool{}
	for i := range truth.Identities {
		id := &truth.Identities[i]
		known[id.Ref] = true
		checkHistory(t, id, r.byRef[id.Ref])
	}
	for ref, events := range r.byRef {
		if !known[ref] {
			t.Errorf("%d events of %q, of which the truth knows nothing: %s", len(events), ref, events[0].Operation)
		}
	}
}

// checkHistory compares the events of one identity with its truth. Some logs
// have several entries for one use.
func checkHistory(t *testing.T, id *bench.Identity, events []retinue.Event) {
	t.Helper()
	var used []retinue.Event
	addresses := map[string]bool{}
	for _, e := range events {
		if e.Outcome != retinue.OutcomeDenied {
			used = append(used, e)
		}
		addresses[e.Origin.Address.String()] = true
	}
	if (len(used) == 0) != (id.Seen == 0) || int64(len(used)) < id.Seen {
		t.Errorf("%s: %d uses were read, the log shows %d", id.Ref, len(used), id.Seen)
		return
	}
	if strings.HasPrefix(id.Log, "aws") || strings.HasPrefix(id.Log, "kubernetes") || strings.HasPrefix(id.Log, "github") {
		if int64(len(used)) != id.Seen {
			t.Errorf("%s: %d uses were read, the log shows %d", id.Ref, len(used), id.Seen)
		}
	}
	if len(used) == 0 {
		return
	}
	last := slices.MaxFunc(used, func(a, b retinue.Event) int { return a.At.Compare(b.At) })
	if d := last.At.Sub(id.LastSeen); d < 0 || d.Seconds() > 2 {
		t.Errorf("%s: last use read at %s, the log shows %s", id.Ref, last.At, id.LastSeen)
	}
	for _, c := range id.Consumers {
		if c.Seen > 20 && !slices.ContainsFunc(c.Addresses, func(a string) bool { return addresses[a] }) {
			t.Errorf("%s: no event from any of %v", id.Ref, c.Addresses)
		}
	}
}

// checkIncidents: the entries that the truth names are in the logs, under the
// identity of the incident.
func checkIncidents(t *testing.T, truth bench.Truth, r *readings) {
	kinds := map[bench.IncidentKind]int{}
	for _, in := range truth.Incidents {
		kinds[in.Kind]++
		ids := map[string]bool{}
		for _, e := range r.byRef[in.Identity] {
			id, _, _ := strings.Cut(e.ID, "@") // an audit id is known with its time
			ids[id], ids["digest:"+hexOf(e.Digest)] = true, true
		}
		for _, id := range in.Events {
			if !ids[id] {
				t.Errorf("%s: entry %s was not read", in.ID, id)
			}
		}
		if (in.Seen > 0) != (len(in.Events) > 0) {
			t.Errorf("%s: %d seen, %d entries", in.ID, in.Seen, len(in.Events))
		}
	}
	if len(kinds) != len(bench.IncidentKinds()) {
		t.Errorf("planted %v", slices.Sorted(maps.Keys(kinds)))
	}
}

// checkCoverage: what the readers say of coverage proves nothing over stretches
// that a trail lost, and names data events that are off.
func checkCoverage(t *testing.T, truth bench.Truth, r *readings) {
	proven := 0
	for _, c := range r.covers {
		if c.Proof == "" {
			continue
		}
		proven++
		for _, g := range truth.Gaps {
			if g.Log == "aws.cloudtrail" && g.Realm == c.Realm && c.From.Before(g.To) && g.From.Before(c.To) {
				t.Errorf("%s: proven from %s to %s, though lost from %s to %s", c.Realm, c.From, c.To, g.From, g.To)
			}
		}
	}
	if proven == 0 {
		t.Error("no coverage is proven")
	}
	// A trail that was stopped leaves a digest whose signature no other repeats.
	if !slices.ContainsFunc(r.covers, func(c retinue.Coverage) bool { return c.Log == "aws.cloudtrail" && c.Proof != "" && c.Authenticated }) {
		t.Error("the signatures of no trail's digests were verified")
	}
	for _, b := range truth.BlindSpots {
		named := slices.ContainsFunc(r.covers, func(c retinue.Coverage) bool {
			return c.Realm == b.Realm && slices.ContainsFunc(c.BlindSpots, func(s retinue.BlindSpot) bool { return s.Code == b.Code })
		})
		if !named {
			t.Errorf("%s: %s is not named", b.Realm, b.Code)
		}
	}
}

func hexOf(sum [16]byte) string { return hex.EncodeToString(sum[:]) }
