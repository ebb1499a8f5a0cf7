package behave_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/aws"
	"github.com/retinue-id/retinue/connectors/github"
	"github.com/retinue-id/retinue/connectors/host"
	"github.com/retinue-id/retinue/connectors/kubernetes"
	"github.com/retinue-id/retinue/connectors/postgres"
	"github.com/retinue-id/retinue/internal/bench"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage"
	"github.com/retinue-id/retinue/internal/usage/behave"
	"github.com/retinue-id/retinue/internal/usage/rhythm"
)

// ledger counts events as the store does.
type ledger struct {
	t      *testing.T
	mu     sync.Mutex
	seen   map[string]bool
	counts map[store.Behaviour]map[int64]*store.Tally
	deeds  map[retinue.Ref][]behave.Deed
	events int
}

// Batch implements connector.ActivitySink.
func (l *ledger) Batch(_ context.Context, b connector.Batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var f usage.Folder
	for i := range b.Events {
		e := &b.Events[i]
		name := e.Log + " " + cmp.Or(e.ID, string(e.Digest[:]))
		if l.seen[name] {
			continue
		}
		l.seen[name] = true
		if err := f.Add(e); err != nil {
			l.t.Errorf("fold: %v", err)
		}
	}
	batch := f.Take()
	for _, e := range batch.Events {
		l.count(batch.Behaviours[e.Behaviour], e.At)
	}
	for _, t := range batch.Touches {
		e := batch.Events[t.Event]
		b := batch.Behaviours[e.Behaviour]
		at := time.Unix(e.At, 0).UTC()
		l.deeds[b.Identity] = append(l.deeds[b.Identity], behave.Deed{Kind: t.Kind, Target: t.Target, Behaviour: b.Hash(), N: 1, First: at, Last: at})
	}
	l.events += len(batch.Events)
	return nil
}

func (l *ledger) count(b store.Behaviour, at int64) {
	if l.counts[b] == nil {
		l.counts[b] = map[int64]*store.Tally{}
	}
	h := store.UsageHour(at)
	t := l.counts[b][h]
	if t == nil {
		t = &store.Tally{Hour: h, First: at, Last: at}
		l.counts[b][h] = t
	}
	t.N, t.First, t.Last = t.N+1, min(t.First, at), max(t.Last, at)
}

// used is what was counted, by identity.
func (l *ledger) used() map[retinue.Ref][]store.Used {
	out := map[retinue.Ref][]store.Used{}
	for b, hours := range l.counts {
		months := map[int64]*store.Month{}
		for _, h := range slices.Sorted(maps.Keys(hours)) {
			m := store.UsageMonth(h * 3600)
			if months[m] == nil {
				months[m] = &store.Month{Month: m, Grain: store.GrainHour}
			}
			months[m].Hours = append(months[m].Hours, *hours[h])
		}
		u := store.Used{Behaviour: b}
		for _, m := range slices.Sorted(maps.Keys(months)) {
			months[m].Sum()
			u.Months = append(u.Months, *months[m])
		}
		out[b.Identity] = append(out[b.Identity], u)
	}
	return out
}

func (l *ledger) Cover(context.Context, retinue.Coverage) error { return nil }
func (l *ledger) Fault(connector.Fault)                         {}
func (l *ledger) Note(connector.Note)                           {}
func (l *ledger) Progress(connector.Progress)                   {}

// enterprise makes one up and folds its logs.
func enterprise(t *testing.T, o bench.Options) (bench.Truth, bench.Manifest, *ledger) {
	t.Helper()
	o.Out = filepath.Join(t.TempDir(), "out")
	truth, err := bench.Generate(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	m, err := bench.ReadManifest(o.Out)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]connector.Spec{}
	for _, s := range []connector.Spec{aws.Spec(), github.Spec(), host.Spec(), kubernetes.Spec(), postgres.Spec()} {
		kinds[s.Kind] = s
	}
	l := &ledger{t: t, seen: map[string]bool{}, counts: map[store.Behaviour]map[int64]*store.Tally{}, deeds: map[retinue.Ref][]behave.Deed{}}
	for _, s := range m.Activity {
		r, err := kinds[s.Kind].Activity.Open(t.Context(), connector.Config{Name: s.Name, Target: s.Target, Options: s.Options}, connectortest.Env(t))
		if err != nil {
			t.Fatalf("%s: open: %v", s.Name, err)
		}
		err = r.Activity(t.Context(), connector.ActivityRequest{Now: connectortest.Epoch(),
			Position: func(string) (connector.Position, error) { return connector.Position{}, nil }}, l)
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
		_ = r.Close()
	}
	return truth, m, l
}

// detect is what is told of every identity that logs show.
func detect(truth bench.Truth, m bench.Manifest, l *ledger) []behave.Signal {
	used := l.used()
	retired := map[retinue.Ref]time.Time{}
	for _, r := range m.Retired {
		retired[r.Ref] = r.At
	}
	var peers behave.Peers
	for _, ref := range sortedRefs(used) {
		peers.Add(ref, used[ref])
	}
	fitter := rhythm.NewFitter(rhythm.DefaultZones()...)
	var out []behave.Signal
	for _, ref := range sortedRefs(used) {
		s := behave.Subject{Ref: ref, DeadSince: retired[ref], Deeds: l.deeds[ref], Rhythm: fitter.Fit(series(truth, used[ref])).Class}
		out = append(out, behave.Detect(s, used[ref], behave.Options{Peers: &peers})...)
	}
	return out
}

func sortedRefs[V any](m map[retinue.Ref]V) []retinue.Ref {
	return slices.SortedFunc(maps.Keys(m), func(a, b retinue.Ref) int { return cmp.Compare(a.String(), b.String()) })
}

func series(truth bench.Truth, used []store.Used) rhythm.Series {
	counts := map[int64]uint64{}
	for _, u := range used {
		if u.Behaviour.Outcome == retinue.OutcomeDenied {
			continue
		}
		for _, m := range u.Months {
			for _, t := range m.Hours {
				counts[t.Hour] += uint64(t.N)
			}
		}
	}
	s := rhythm.Series{Window: rhythm.Span{From: truth.From, To: truth.To}}
	for _, h := range slices.Sorted(maps.Keys(counts)) {
		s.Hours = append(s.Hours, rhythm.HourCount{Hour: h, Count: counts[h]})
	}
	return s
}

// TestPlantedAttacks generates enterprises with planted incidents, and holds
// what is told to what was planted.
func TestPlantedAttacks(t *testing.T) {
	seeds := []uint64{11}
	var said, right int
	var noticed, planted int
	identityDays := 0.0
	for _, seed := range seeds {
		truth, m, l := enterprise(t, bench.Options{Seed: seed, Identities: 200, Days: 60})
		signals := detect(truth, m, l)
		told := make([]bench.Signal, len(signals))
		for i, s := range signals {
			told[i] = bench.Signal{Kind: bench.SignalKind(s.Kind), Identity: s.Subject, At: s.First}
		}
		a := bench.Score(truth, bench.Conclusions{Signals: told}).Signals
		said, right = said+int(a.Precision.Of), right+int(a.Precision.Hits)
		noticed, planted = noticed+int(a.Recall.Hits), planted+int(a.Recall.Of)
		identityDays += float64(len(truth.Identities)) * truth.To.Sub(truth.From).Hours() / 24
		t.Logf("seed %d: %d events, %d signals, precision %s, recall %s, %.5f alerts an identity-day, %.5f false", seed, l.events, a.Count, a.Precision, a.Recall, a.PerIdentityDay, a.False)
		for _, r := range a.ByKind {
			t.Logf("  kind %-20s right %s", r.Name, r.Rate)
		}
		for _, r := range a.ByIncident {
			t.Logf("  incident %-20s noticed %s", r.Name, r.Rate)
		}
		explain(t, truth, signals)
	}
	t.Logf("precision %d of %d, recall %d of %d, %.0f identity-days", right, said, noticed, planted, identityDays)
}

// explain prints what was told wrongly and what was missed.
func explain(t *testing.T, truth bench.Truth, signals []behave.Signal) {
	t.Helper()
	for _, s := range signals {
		ok := false
		for _, in := range truth.Incidents {
			if in.Identity == s.Subject && slices.Contains(in.Signals, bench.SignalKind(s.Kind)) && !s.First.Before(in.From.Add(-time.Hour)) && !s.First.After(in.To.Add(24*time.Hour)) {
				ok = true
			}
		}
		if !ok {
			t.Logf("WRONG %s %v %s\n   %s", s.Kind, s.Also, s.Severity, s.Sentence)
		}
	}
	for _, in := range truth.Incidents {
		var got []string
		for _, s := range signals {
			if s.Subject == in.Identity {
				got = append(got, fmt.Sprintf("%s@%s", s.Kind, s.First.Format("01-02T15:04")))
			}
		}
		t.Logf("INCIDENT %s seen %d %s..%s of %s: %s", in.ID, in.Seen, in.From.Format("01-02T15:04"), in.To.Format("01-02T15:04"), in.Identity, strings.Join(got, " "))
	}
}
