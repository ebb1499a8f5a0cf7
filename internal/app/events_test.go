package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/testkit"
	"github.com/retinue-id/retinue/internal/web/api"
)

// openKept opens an installation that keeps events, with what openSeen has in it.
func openKept(t *testing.T, database string, usage UsageConfig) *teller {
	t.Helper()
	w := &teller{t: t, time: day1}
	w.reopen(t.TempDir(), database, usage)
	w.scanSeen(seen{})
	return w
}

// eachKept runs a test on both databases.
func eachKept(t *testing.T, usage UsageConfig, test func(t *testing.T, w *teller)) {
	eachKeeping(t, func(t *testing.T, db string) { test(t, openKept(t, db, usage)) })
}

func eachKeeping(t *testing.T, test func(t *testing.T, db string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "r.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, testkit.Postgres(t).Database(t)) })
}

func (w *teller) reopen(dir, database string, usage UsageConfig) {
	w.t.Helper()
	cfg := Config{Database: database, KeyFile: filepath.Join(dir, "f.key"), SigningKeyFile: filepath.Join(dir, "c.key"), Usage: usage}
	a, err := Open(w.t.Context(), cfg, Options{Now: w.clock, Specs: seenSpecs(seen{})})
	if err != nil {
		w.t.Fatal(err)
	}
	w.App = a
	w.t.Cleanup(func() {
		if err := a.Close(); err != nil {
			w.t.Error(err)
		}
	})
}

// madeEvents are events of the last days, as a reader gives them.
func madeEvents(n int, end time.Time) []retinue.Event {
	var out []retinue.Event
	for i := range n {
		e := retinue.Event{Log: "app.audit", ID: fmt.Sprintf("e-%d", i), At: end.Add(-time.Duration(i) * 13 * time.Minute).UTC(), Realm: seenRealm, Class: retinue.EventData,
			Identity: retinue.NewRef(seenRealm, "account", []string{"anna", "bert", "carl"}[i%3]), Action: []string{"docs:read", "docs:write"}[i%2], Outcome: retinue.OutcomeSuccess,
			Resource: retinue.NewRef(seenRealm, "doc", fmt.Sprintf("folder/%d", i)), Region: "north",
			Origin: retinue.Origin{Address: netip.AddrFrom4([4]byte{10, 0, byte(i % 5), 1}), Agent: "worker/1.0"}}
		if i%3 == 2 {
			e.Joins = []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "test:carl-1"}}
		}
		out = append(out, e)
	}
	return out
}

// countEvents counts events as if a reader had given them.
func (w *teller) countEvents(input string, events []retinue.Event) {
	w.t.Helper()
	c, err := w.eventCounter(w.t.Context(), "ndjson", func(f connector.Fault) { w.t.Error(f) })
	if err != nil {
		w.t.Fatal(err)
	}
	places := make([]int64, len(events))
	for i := range places {
		places[i] = int64(i + 1)
	}
	if _, err := c.Count(w.t.Context(), connector.Batch{Input: input, Label: "file " + input, Events: events, Places: places}); err != nil {
		w.t.Fatal(err)
	}
}

// allEvents reads every kept event, page by page.
func (w *teller) allEvents(q api.UsageEventFilter, limit int) (out []api.UsageEvent) {
	w.t.Helper()
	page := api.UsageEventQuery{UsageEventFilter: q, Limit: limit}
	for range 10_000 {
		got, err := w.UsageEvents(w.t.Context(), store.Everything(), page)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(got.Items) > limit {
			w.t.Fatalf("%d events on a page of %d", len(got.Items), limit)
		}
		out = append(out, got.Items...)
		if page.Cursor = got.Next; page.Cursor == "" {
			return out
		}
	}
	w.t.Fatal("the list has no end")
	return nil
}

func idsOf(events []api.UsageEvent) []string {
	out := make([]string, len(events))
	for i := range events {
		out[i] = events[i].Event
	}
	return out
}

// TestEventsAreKeptOnce delivers the same events in any order, cut anywhere, again
// and again, with blocks joined in between: each is kept once, and the list has
// them the latest first, however it is cut into pages.
func TestEventsAreKeptOnce(t *testing.T) {
	eachKept(t, UsageConfig{RawDays: 14}, func(t *testing.T, w *teller) {
		events := madeEvents(600, day1.Add(-time.Hour)) // of five days and a half
		old := events[len(events)-1]
		old.ID, old.At = "old", day1.AddDate(0, 0, -15)
		want := idsOf(nil)
		for i := range events {
			want = append(want, events[i].ID)
		}
		again := append(append(slices.Clone(events), events[:200]...), old)
		r := rand.New(rand.NewPCG(7, 7))
		r.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		for len(again) > 0 {
			n := min(1+r.IntN(90), len(again))
			for range 1 + r.IntN(2) {
				w.countEvents(fmt.Sprint("part ", len(again)), again[:n])
			}
			again = again[n:]
			if r.IntN(5) == 0 {
				if err := w.joinEvents(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, limit := range []int{7, 100, 1000} {
			if d := cmp.Diff(want, idsOf(w.allEvents(api.UsageEventFilter{}, limit))); d != "" {
				t.Fatalf("pages of %d: %s", limit, d)
			}
		}
		w.checkDays(int64(len(events)))
	})
}

// checkDays compares what is told of each day with what there is.
func (w *teller) checkDays(events int64) {
	w.t.Helper()
	err := w.DB.View(w.t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
		days, err := tx.EventDays()
		if err != nil {
			return err
		}
		var n, size, have int64
		for _, d := range days {
			n, size = n+d.Events, size+d.Bytes
		}
		blocks, err := tx.EventBlocks(store.EventBlockQuery{})
		for _, b := range blocks {
			_, sealed, serr := tx.SealedEvents(b.ID)
			if serr != nil {
				return serr
			}
			have += int64(len(sealed)) + 4*b.N
			events -= b.N
		}
		if n == 0 && events != 0 || events != 0 || size != have {
			w.t.Errorf("days tell of %d events and %d bytes, blocks have %d bytes and %d fewer events", n, size, have, events)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestNoSecretIsKept: what looks like a secret is in no block, what is beside it
// is, and no block can be read without the key.
func TestNoSecretIsKept(t *testing.T) {
	eachKept(t, UsageConfig{RawDays: 14}, func(t *testing.T, w *teller) {
		secret := "gh" + "p_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
		events := madeEvents(3, day1.Add(-time.Hour))
		events[1].Origin.Agent = "worker " + secret + " 1.0"
		events[2].Context = []retinue.ContextValue{{Key: "aws:RequestTag/token", Value: secret}}
		w.countEvents("x", events)
		got := w.allEvents(api.UsageEventFilter{}, 10)
		text := fmt.Sprint(got)
		if strings.Contains(text, secret) || strings.Count(text, redactedSecret) != 2 || got[1].Agent != "worker "+redactedSecret+" 1.0" || got[1].Identity != "bert" {
			t.Errorf("kept: %+v", got)
		}
		_ = w.DB.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
			blocks, err := tx.EventBlocks(store.EventBlockQuery{})
			if err != nil || len(blocks) != 1 {
				t.Fatalf("%d blocks, %v", len(blocks), err)
			}
			name, sealed, err := tx.SealedEvents(blocks[0].ID)
			if err != nil || strings.Contains(string(sealed), "folder") {
				t.Errorf("it is not sealed (%v)", err)
			}
			if _, err := w.sealer.Open(t.Context(), sealed, eventsAt(name+"x")); err == nil {
				t.Error("it opens under another name")
			}
			return nil
		})
	})
}

// TestWhatIsNotKeptIsCounted: a day that is full, a record that is too large and a
// key that cannot be reached cost the record and nothing else, and are told.
func TestWhatIsNotKeptIsCounted(t *testing.T) {
	eachKept(t, UsageConfig{RawDays: 14, RawMegabytesPerDay: 1}, func(t *testing.T, w *teller) {
		events := madeEvents(4, day1.Add(-time.Hour))
		for i := range retinue.MaxEventContext {
			events[0].Context = append(events[0].Context, retinue.ContextValue{Key: fmt.Sprint("k", i), Value: strings.Repeat("x", 1200)})
		}
		w.countEvents("large", events[:2])
		w.DB.KeepEvents(store.EventKeeping{Days: 14, DayBytes: 1, Seal: w.sealEvents})
		w.countEvents("full", events[2:3])
		w.DB.KeepEvents(store.EventKeeping{Days: 14, Seal: func(_ context.Context, list []store.EventRecord) ([]store.EventBlock, store.EventsLost) {
			return nil, store.EventsLost{Unsealed: int64(len(list))}
		}})
		w.countEvents("unsealed", events[3:])
		got, err := w.UsageEvents(t.Context(), store.Everything(), api.UsageEventQuery{})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Items) != 1 || got.Items[0].Event != "e-1" || len(got.Kept.Of) != 1 || got.Kept.Of[0].Events != 1 ||
			got.Kept.Of[0].EventsLost != (store.EventsLost{Over: 1, TooLarge: 1, Unsealed: 1}) || got.Kept.MegabytesPerDay != 1 {
			t.Errorf("%+v", got)
		}
		err = w.DB.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
			var n int64
			tallies, err := tx.UsageTallies(0)
			for _, x := range tallies {
				n += x.N
			}
			if n != 4 {
				t.Errorf("%d events were counted, want 4", n)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestEventsAgeOut: they are deleted a day at a time, also once no more are kept,
// and that they are kept and no longer kept is on record.
func TestEventsAgeOut(t *testing.T) {
	eachKept(t, UsageConfig{RawDays: 3}, func(t *testing.T, w *teller) {
		note := func() {
			t.Helper()
			if err := w.noteKeeping(t.Context(), Actor()); err != nil {
				t.Fatal(err)
			}
		}
		note()
		events := madeEvents(300, day1) // of 2.7 days
		w.countEvents("x", events)
		left := func() int {
			t.Helper()
			if _, err := w.Prune(t.Context()); err != nil {
				t.Fatal(err)
			}
			return len(w.allEvents(api.UsageEventFilter{}, 1000))
		}
		since := func(days int) (n int) { // of the days that begin so long after the first
			day := day1.Truncate(24*time.Hour).AddDate(0, 0, days-3+1)
			for i := range events {
				if !events[i].At.Before(day) {
					n++
				}
			}
			return n
		}
		if n := left(); n != since(0) || n == 0 {
			t.Fatalf("%d events are left, want %d", n, since(0))
		}
		w.time = day1.AddDate(0, 0, 1)
		if n := left(); n != since(1) || n == since(0) {
			t.Errorf("%d events are left after a day, want %d", n, since(1))
		}
		w.Config.Usage.RawDays = 0
		w.DB.KeepEvents(store.EventKeeping{})
		note()
		more := madeEvents(1, w.time)
		more[0].ID = "later"
		w.countEvents("y", more)
		w.time = day1.AddDate(0, 0, 2)
		if n := left(); n != since(2) || n == 0 {
			t.Errorf("%d events are left after they were kept no longer, want %d", n, since(2))
		}
		w.time = day1.AddDate(0, 0, 3)
		if n := left(); n != 0 {
			t.Errorf("%d events are left after all days", n)
		}
		var said []string
		err := w.DB.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
			for r, err := range tx.Records(1) {
				if err != nil {
					return err
				}
				if r.Action == retinue.RecordEventsKept || r.Action == retinue.RecordPruned {
					said = append(said, string(r.Action)+" "+r.Subject)
				}
			}
			return nil
		})
		if want := []string{"usage.events_kept usage", "retention.pruned events", "usage.events_kept usage", "retention.pruned events", "retention.pruned events"}; err != nil || !slices.Equal(said, want) {
			t.Errorf("on record: %v, %v", said, err)
		}
	})
}

// TestPurgedPeopleAreInNoEvent: what names them is gone, what names others stays.
func TestPurgedPeopleAreInNoEvent(t *testing.T) {
	eachKept(t, UsageConfig{RawDays: 14}, func(t *testing.T, w *teller) {
		events := madeEvents(40, day1.Add(-time.Hour))
		for i, change := range []func(e *retinue.Event){
			func(e *retinue.Event) { e.Identity = retinue.NewRef(seenRealm, "user", "Ada@example.com") },
			func(e *retinue.Event) {
				e.Via = []retinue.Ref{retinue.NewRef(seenRealm, "session", "role/ada@example.com")}
			},
			func(e *retinue.Event) { e.Origin.Host = "laptop-of-ada" },
			func(e *retinue.Event) { e.Context = []retinue.ContextValue{{Key: "mail", Value: "ada@example.com"}} },
			func(e *retinue.Event) { e.Origin.Host = "canada" },
		} {
			change(&events[i])
		}
		for i := 0; i < 40; i += 10 {
			w.countEvents(fmt.Sprint("part ", i), events[i:i+10])
		}
		w.countEvents("u", []retinue.Event{{Log: "app.audit", ID: "u1", At: day1, Realm: seenRealm, Class: retinue.EventUnknown, Raw: []byte(`{"who":"Ada"}`)},
			{Log: "app.audit", ID: "u2", At: day1, Realm: seenRealm, Class: retinue.EventUnknown, Raw: []byte(`{"who":"Bea"}`)}})
		n, err := w.PurgePerson(t.Context(), Actor(), []string{"ada@example.com", "Ada"})
		if err != nil || n["events"] != 4 || n["unknown"] != 1 {
			t.Fatalf("purged %v, %v", n, err)
		}
		want := []string{"u1", "u2"}
		for i := range events[4:] {
			want = append(want, events[4+i].ID)
		}
		if d := cmp.Diff(want, idsOf(w.allEvents(api.UsageEventFilter{}, 100))); d != "" {
			t.Error(d)
		}
		if list := w.allEvents(api.UsageEventFilter{Kind: "unknown"}, 100); len(list) != 1 {
			t.Errorf("%d unknown entries are left", len(list))
		}
		w.checkDays(38)
	})
}

// TestBlocksOfOneMomentAreAllKept counts events of very many days at one moment:
// each day has a block of its own, under an id that no other has.
func TestBlocksOfOneMomentAreAllKept(t *testing.T) {
	eachKept(t, UsageConfig{RawDays: 500}, func(t *testing.T, w *teller) {
		const days, batches = 400, 4
		for b := range batches {
			events := madeEvents(days, day1)
			for i := range events {
				events[i].ID, events[i].At = fmt.Sprintf("%d-%d", b, i), day1.AddDate(0, 0, -i).Add(-time.Duration(b)*time.Minute)
			}
			w.countEvents(fmt.Sprint("part ", b), events)
		}
		w.checkDays(days * batches)
	})
}

// TestJoiningPassesWhatIsNotForIt: neither very many blocks of a day that is not
// over nor one that does not open keep others from being joined.
func TestJoiningPassesWhatIsNotForIt(t *testing.T) {
	eachKept(t, UsageConfig{RawDays: 14}, func(t *testing.T, w *teller) {
		of := func(day time.Time) (list []store.EventBlock) {
			t.Helper()
			err := w.DB.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) (err error) {
				list, err = tx.EventBlocks(store.EventBlockQuery{From: day.Unix(), To: day.Unix() + 86399})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
		yesterday := day1.AddDate(0, 0, -1).Truncate(24 * time.Hour)
		for i := range 3 {
			e := madeEvents(1, yesterday.Add(time.Duration(i)*time.Hour))
			e[0].ID = fmt.Sprint("y", i)
			w.countEvents(e[0].ID, e)
		}
		torn := of(yesterday)[:1]
		err := w.DB.Update(t.Context(), func(tx *sqlstore.Tx) error {
			by := torn[0]
			by.Name, by.Sealed, by.Hashes = "torn", []byte("torn"), []uint32{1}
			return tx.ReplaceEventBlocks(torn, []store.EventBlock{by})
		})
		if err != nil {
			t.Fatal(err)
		}
		today := day1.Truncate(24 * time.Hour)
		w.DB.KeepEvents(store.EventKeeping{Days: 14, Seal: func(context.Context, []store.EventRecord) (out []store.EventBlock, _ store.EventsLost) {
			for i := range joinPage + 1 {
				out = append(out, store.EventBlock{Name: fmt.Sprint("t", i), N: 1, First: today.Unix(), Last: today.Unix(), Hashes: []uint32{uint32(i)}, Sealed: []byte("x")})
			}
			return out, store.EventsLost{}
		}})
		e := madeEvents(1, today)
		e[0].ID = "t"
		w.countEvents("t", e)
		if n := len(of(today)); n != joinPage+1 {
			t.Fatalf("%d blocks of today", n)
		}
		if err := w.joinEvents(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(of(yesterday)); n != 2 {
			t.Errorf("%d blocks of yesterday are left, want those that open joined, beside the torn one", n)
		}
	})
}

// TestPurgingMeetsWhatIsJoinedMeanwhile: a block that a purge has looked at, and
// that then becomes one with another, is looked at again.
func TestPurgingMeetsWhatIsJoinedMeanwhile(t *testing.T) {
	eachKept(t, UsageConfig{RawDays: 14}, func(t *testing.T, w *teller) {
		events := madeEvents(4, day1.AddDate(0, 0, -2))
		events[3].Origin.Host = "laptop-of-ada"
		w.countEvents("a", events[:2])
		p := w.newPersonPurge([]string{"ada"})
		if err := p.ahead(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.countEvents("b", events[2:])
		if err := w.joinEvents(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := w.DB.Update(t.Context(), func(tx *sqlstore.Tx) error { return p.rest(t.Context(), tx) }); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]string{"e-0", "e-1", "e-2"}, idsOf(w.allEvents(api.UsageEventFilter{}, 10))); d != "" || p.n != 1 {
			t.Errorf("%d were taken out: %s", p.n, d)
		}
	})
}
