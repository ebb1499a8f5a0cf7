package app_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connectors/all"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
)

// perKind is how many records there are of each kind of log.
const perKind = 48

// mixed is all kinds of log in a folder each, and an installation that reads them.
type mixed struct {
	*receiver
	kinds []logKind
	logs  string
	files int
}

func newMixed(t *testing.T) *mixed {
	t.Helper()
	dir := t.TempDir()
	return &mixed{receiver: newReceiver(t, dir, filepath.Join(dir, "r.db")), kinds: logKinds(), logs: filepath.Join(dir, "logs")}
}

func (m *mixed) sources() (out []app.SourceConfig) {
	for _, k := range m.kinds {
		out = append(out, app.SourceConfig{Name: k.kind, Kind: k.kind, Target: filepath.Join(m.logs, k.kind), Options: k.options})
	}
	return out
}

// write writes a file of a kind that was left alone for an hour.
func (m *mixed) write(k logKind, name string, content []byte) {
	m.t.Helper()
	folder := filepath.Join(m.logs, k.kind)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		m.t.Fatal(err)
	}
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		m.t.Fatal(err)
	}
	if old := time.Now().Add(-time.Hour); os.Chtimes(path, old, old) != nil {
		m.t.Fatal("set the time of a file")
	}
}

// part writes a file of some records, plain or compressed.
func (m *mixed) part(k logKind, records []int, zip bool) {
	m.t.Helper()
	var text strings.Builder
	for _, n := range records {
		text.WriteString(k.record(n) + "\n")
	}
	m.files++
	name := fmt.Sprintf("part-%03d.json", m.files)
	if !zip {
		m.write(k, name, []byte(text.String()))
		return
	}
	m.write(k, name+".gz", gzipped([]byte(text.String())))
}

func everyRecord() (out []int) {
	for n := range perKind {
		out = append(out, n)
	}
	return out
}

// read imports what there is; crash ends it at a random event.
func (m *mixed) read(crash *rand.Rand) map[string]app.ActivityRead {
	m.t.Helper()
	ctx, cancel := context.WithCancel(m.t.Context())
	defer cancel()
	left := -1
	if crash != nil {
		left = crash.IntN(2 * len(m.kinds))
	}
	opt := app.ActivityOptions{Actor: operator().Actor, Getenv: func(string) string { return "" }, OnProgress: func(string, connector.Progress) {
		if left--; left == 0 {
			cancel()
		}
	}}
	if crash == nil {
		opt.OnProgress = nil
	}
	reads, err := m.ImportActivity(ctx, m.sources(), opt)
	if err != nil && crash == nil {
		m.t.Fatal(err)
	}
	out := map[string]app.ActivityRead{}
	for _, r := range reads {
		if r.Error != "" && crash == nil {
			m.t.Errorf("%s: %s", r.Source, r.Error)
		}
		out[r.Source] = r
	}
	return out
}

// listed lists whoever was seen in logs, so that their use can be asked for.
type listed struct{ seen []retinue.Ref }

func (l listed) spec() connector.Spec {
	return connector.Spec{Kind: "lister", Title: "Lister", TargetOptional: true, Open: func(context.Context, connector.Config, connector.Env) (connector.Connector, error) { return l, nil }}
}

func (l listed) Check(context.Context) (connector.Access, error) {
	return connector.Access{Realm: l.seen[0].Realm}, nil
}

func (listed) Close() error { return nil }

func (l listed) Discover(_ context.Context, req connector.Request, sink connector.Sink) error {
	scopes := map[retinue.Realm]retinue.Scope{}
	for _, ref := range l.seen {
		scopes[ref.Realm] = retinue.NewScope(ref.Realm, "seen")
		id := retinue.Identity{Ref: ref, Name: ref.String(), Kind: retinue.IdentityServiceAccount, Class: retinue.ClassNonHuman, State: retinue.StateActive}
		if err := sink.Emit(scopes[ref.Realm], id); err != nil {
			return err
		}
	}
	for _, realm := range slices.Sorted(maps.Keys(scopes)) {
		if err := sink.Complete(scopes[realm], connector.Completion{ObservedAt: req.Now, Basis: "everything"}); err != nil {
			return err
		}
	}
	return nil
}

// used is all that was counted of whoever was seen, without what depends on when
// it came.
func (m *mixed) used() map[string][]store.Used {
	m.t.Helper()
	var seen []retinue.Ref
	m.look(func(tx *app.Snapshot) error {
		list, err := tx.Unlisted(0)
		for _, u := range list {
			seen = append(seen, u.Ref)
		}
		return err
	})
	slices.SortFunc(seen, func(a, b retinue.Ref) int { return strings.Compare(a.String(), b.String()) })
	m.Specs = append(m.Specs, listed{seen}.spec())
	if _, err := m.Scan(m.t.Context(), []app.SourceConfig{{Name: "lister", Kind: "lister"}}, app.ScanOptions{Actor: operator().Actor}); err != nil {
		m.t.Fatal(err)
	}
	out := map[string][]store.Used{}
	m.look(func(tx *app.Snapshot) error {
		for e, err := range tx.Entities(store.EntityQuery{Type: retinue.FactIdentity}) {
			if err != nil {
				return err
			}
			use, err := tx.Usage(e.ID)
			if err != nil {
				return err
			}
			for i := range use {
				use[i].Key, use[i].FirstSeen = 0, time.Time{}
			}
			slices.SortFunc(use, func(x, y store.Used) int {
				a, b := x.Behaviour.Hash(), y.Behaviour.Hash()
				return bytes.Compare(a[:], b[:])
			})
			out[e.Name] = use
		}
		return nil
	})
	return out
}

func (m *mixed) look(fn func(*app.Snapshot) error) {
	m.t.Helper()
	if err := m.View(m.t.Context(), store.Everything(), fn); err != nil {
		m.t.Fatal(err)
	}
}

// TestEveryKindHasRecords: no kind of log is left out of what follows.
func TestEveryKindHasRecords(t *testing.T) {
	var want, got []string
	for _, s := range all.Specs() {
		if s.Activity != nil {
			want = append(want, s.Kind)
		}
	}
	for _, k := range logKinds() {
		got = append(got, k.kind)
	}
	slices.Sort(want)
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestHoweverLogsAreCut: the records of every kind of log, in any order, cut into
// any files, compressed or not, some of them twice, read in parts by imports that
// are broken off, give the counts of one file that is read once.
func TestHoweverLogsAreCut(t *testing.T) {
	whole := newMixed(t)
	for _, k := range whole.kinds {
		whole.part(k, everyRecord(), false)
	}
	for kind, read := range whole.read(nil) {
		if read.New != perKind || read.Faults != 0 || read.Unknown != 0 {
			t.Errorf("%s: %d counted, %d unknown, %d faults; want %d counted", kind, read.New, read.Unknown, read.Faults, perKind)
		}
	}
	want := whole.used()
	harmless(t, want)
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // reproducible
			m := newMixed(t)
			for range 3 {
				for _, k := range m.kinds {
					m.cut(k, r)
				}
				m.read(r)
			}
			m.read(nil)
			if d := cmp.Diff(want, m.used()); d != "" {
				t.Error(d[:min(len(d), 4000)])
			}
			for kind, read := range m.read(nil) {
				if read.New != 0 || read.LateUnverified != 0 {
					t.Errorf("%s: read again: %+v", kind, read)
				}
			}
		})
	}
}

// cut writes all records of a kind, shuffled, with some of them twice, in files.
func (m *mixed) cut(k logKind, r *rand.Rand) {
	records := everyRecord()
	r.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
	records = append(records, records[:r.IntN(len(records))]...)
	for len(records) > 0 {
		n := min(1+r.IntN(30), len(records))
		m.part(k, records[:n], r.IntN(2) == 0)
		records = records[n:]
	}
}

// harmless reports text of logs that could do something to a terminal or a page.
func harmless(t *testing.T, used map[string][]store.Used) {
	t.Helper()
	n := 0
	for who, list := range used {
		for _, u := range list {
			b := u.Behaviour
			for _, s := range []string{who, b.Action, b.More, b.Operation, b.Region, b.Consumer.Name, b.Consumer.Agent, b.Consumer.Network, b.Resource.Key, b.Credential.Key, b.Consumer.Workload.Key} {
				n++
				if i := strings.IndexFunc(s, func(c rune) bool { return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) }); i >= 0 {
					t.Errorf("%s: %q has a character that controls", who, s)
				}
			}
		}
	}
	if n == 0 {
		t.Error("nothing was counted")
	}
}
