package behave_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
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
	since := map[retinue.Ref]time.Time{} // of the logs' coverage and the listing, not of the truth's secrets
	for _, id := range truth.Identities {
		since[id.Ref] = truth.From
		if id.CreatedAt.After(truth.From) {
			since[id.Ref] = id.CreatedAt
		}
	}
	var peers behave.Peers
	for _, ref := range sortedRefs(used) {
		peers.Add(ref, used[ref])
	}
	fitter := rhythm.NewFitter(rhythm.DefaultZones()...)
	var out []behave.Signal
	for _, ref := range sortedRefs(used) {
		s := behave.Subject{Ref: ref, Since: since[ref], DeadSince: retired[ref], Deeds: l.deeds[ref], Rhythm: fitter.Fit(series(truth, used[ref])).Class}
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

// sum adds up rates.
type sum struct{ hits, of int64 }

func (s *sum) add(r bench.Rate) { s.hits, s.of = s.hits+r.Hits, s.of+r.Of }

func (s sum) share() float64 { return float64(s.hits) / float64(max(1, s.of)) }

// measured is what came of some enterprises.
type measured struct {
	precision, recall sum
	kinds, incidents  map[string]*sum
	identityDays      float64
	events            int
	severities        map[retinue.Severity]int
}

func (m *measured) add(truth bench.Truth, signals []behave.Signal) bench.Alerts {
	told := make([]bench.Signal, len(signals))
	for i, s := range signals {
		told[i] = bench.Signal{Kind: bench.SignalKind(s.Kind), Identity: s.Subject, At: s.First}
		m.severities[s.Severity]++
	}
	a := bench.Score(truth, bench.Conclusions{Signals: told}).Signals
	m.precision.add(a.Precision)
	m.recall.add(a.Recall)
	into := func(to map[string]*sum, rates []bench.NamedRate) {
		for _, r := range rates {
			if to[r.Name] == nil {
				to[r.Name] = &sum{}
			}
			to[r.Name].add(r.Rate)
		}
	}
	into(m.kinds, a.ByKind)
	into(m.incidents, a.ByIncident)
	m.identityDays += float64(len(truth.Identities)) * truth.To.Sub(truth.From).Hours() / 24
	return a
}

// log prints the tables of docs/usage-behaviour.md.
func (m *measured) log(t *testing.T) {
	var b strings.Builder
	row := func(name string, s sum) {
		fmt.Fprintf(&b, "| `%s` | %d | %d | %.0f %% |\n", name, s.of, s.hits, 100*s.share())
	}
	b.WriteString("\n| Signal | told | right | precision |\n|---|---|---|---|\n")
	for _, k := range slices.Sorted(maps.Keys(m.kinds)) {
		row(k, *m.kinds[k])
	}
	row("all", m.precision)
	b.WriteString("\n| Incident | planted | noticed | recall |\n|---|---|---|---|\n")
	for _, k := range slices.Sorted(maps.Keys(m.incidents)) {
		row(k, *m.incidents[k])
	}
	row("all", m.recall)
	fmt.Fprintf(&b, "\n%d events, %.0f identity-days, %.5f alerts an identity-day, %.5f of them wrong; by severity %v\n", m.events, m.identityDays,
		float64(m.precision.of)/m.identityDays, float64(m.precision.of-m.precision.hits)/m.identityDays, m.severities)
	t.Log(b.String())
}

// TestPlantedAttacks generates an enterprise with planted incidents, and holds
// what is told to what was planted. RETINUE_BEHAVE is how many more are generated
// for the tables of the documentation.
func TestPlantedAttacks(t *testing.T) {
	more := 0
	if v := os.Getenv("RETINUE_BEHAVE"); v != "" {
		var err error
		if more, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	m := measured{kinds: map[string]*sum{}, incidents: map[string]*sum{}, severities: map[retinue.Severity]int{}}
	for seed := uint64(41); seed <= uint64(41+more); seed++ {
		truth, manifest, l := enterprise(t, bench.Options{Seed: seed, Identities: 200, Days: 60})
		m.events += l.events
		signals := detect(truth, manifest, l)
		m.add(truth, signals)
		for _, s := range signals {
			if s.Sentence == "" || s.Fingerprint == "" || len(s.Behaviours) == 0 || s.Count == 0 || s.First.IsZero() || s.Last.Before(s.First) || s.Severity == "" {
				t.Errorf("not whole: %+v", s)
			}
		}
		if again := detect(truth, manifest, l); !reflect.DeepEqual(signals, again) {
			t.Error("the same history gives other signals")
		}
		explain(t, truth, signals)
	}
	m.log(t)
	if p := m.precision.share(); p < 0.85 {
		t.Errorf("precision %.2f", p)
	}
	if r := m.recall.share(); r < 0.75 {
		t.Errorf("recall %.2f", r)
	}
	if a := float64(m.precision.of) / m.identityDays; a > 0.004 {
		t.Errorf("%.5f alerts an identity-day", a)
	}
	for k, floor := range map[bench.IncidentKind]float64{bench.IncidentTombstone: 0.8, bench.IncidentBurst: 0.8, bench.IncidentStuffing: 0.8,
		bench.IncidentSilence: 0.8, bench.IncidentHuman: 0.6, bench.IncidentLeak: 0.4, bench.IncidentEscalation: 0.5} {
		if s := m.incidents[string(k)]; s == nil || s.share() < floor {
			t.Errorf("%s: %+v", k, s)
		}
	}
}

// TestQuietWithoutAttacks: where nothing is planted but the changes of every
// day, next to nothing is told.
func TestQuietWithoutAttacks(t *testing.T) {
	truth, manifest, l := enterprise(t, bench.Options{Seed: 31, Identities: 60, Days: 45, Without: []bench.Plant{bench.PlantLeaks, bench.PlantAttacks,
		bench.PlantTombstones, bench.PlantHuman, bench.PlantShared}})
	signals := detect(truth, manifest, l)
	rate := float64(len(signals)) / (float64(len(truth.Identities)) * 45)
	t.Logf("%d events, %d identities, %d signals: %.5f an identity-day", l.events, len(truth.Identities), len(signals), rate)
	for _, s := range signals {
		t.Logf("%s: %s", s.Kind, s.Sentence)
	}
	if rate > 0.001 {
		t.Errorf("%.5f false alerts an identity-day", rate)
	}
}

// TestKindsAreTheBenchmarks: the kinds are the words that the benchmark scores.
func TestKindsAreTheBenchmarks(t *testing.T) {
	for _, k := range []bench.SignalKind{bench.SignalFirstAction, bench.SignalFirstService, bench.SignalFirstRegion, bench.SignalFirstNetwork, bench.SignalFirstAgent,
		bench.SignalVolume, bench.SignalDenied, bench.SignalTwoPlaces, bench.SignalHuman, bench.SignalTombstone, bench.SignalLogging, bench.SignalPrivilege} {
		if !slices.Contains(behave.Kinds(), behave.Kind(k)) {
			t.Errorf("%s is not told", k)
		}
	}
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
		for _, id := range truth.Identities {
			ok = ok || s.Kind == behave.TwoPlaces && id.Ref == s.Subject && id.Shared
		}
		if !ok {
			t.Logf("wrong: %s %v %s\n   %s", s.Kind, s.Also, s.Severity, s.Sentence)
		}
	}
	for _, in := range truth.Incidents {
		if slices.ContainsFunc(signals, func(s behave.Signal) bool { return s.Subject == in.Identity }) {
			continue
		}
		t.Logf("not noticed: %s seen %d %s..%s of %s", in.ID, in.Seen, in.From.Format("01-02T15:04"), in.To.Format("01-02T15:04"), in.Identity)
	}
}
