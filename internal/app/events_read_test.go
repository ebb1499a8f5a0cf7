package app

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

func TestKeptEventsAreFound(t *testing.T) {
	eachKept(t, UsageConfig{RawDays: 30}, func(t *testing.T, w *teller) {
		events := madeEvents(300, day1.Add(-time.Hour))
		for i := 3; i < len(events); i += 7 {
			events[i].Outcome = retinue.OutcomeDenied
		}
		for i := 0; i < len(events); i += 50 {
			w.countEvents(fmt.Sprint("part ", i), events[i:i+50])
		}
		anna, carl := w.idOf(retinue.FactIdentity, "anna"), w.idOf(retinue.FactCredential, "carl-1")
		for name, c := range map[string]struct {
			q    api.UsageEventFilter
			want func(i int, e *retinue.Event) bool
		}{
			"identity":   {api.UsageEventFilter{Identity: string(anna)}, func(_ int, e *retinue.Event) bool { return e.Identity.Key == "anna" }},
			"credential": {api.UsageEventFilter{Identity: string(carl)}, func(_ int, e *retinue.Event) bool { return e.Identity.Key == "carl" }},
			"span":       {api.UsageEventFilter{From: events[20].At, To: events[10].At}, func(i int, _ *retinue.Event) bool { return i >= 10 && i <= 20 }},
			"action":     {api.UsageEventFilter{Action: "docs:w*"}, func(_ int, e *retinue.Event) bool { return e.Action == "docs:write" }},
			"kind":       {api.UsageEventFilter{Kind: "sign_in"}, func(int, *retinue.Event) bool { return false }},
			"outcome":    {api.UsageEventFilter{Outcome: "denied", Action: "docs:*"}, func(i int, _ *retinue.Event) bool { return i%7 == 3 }},
			"no outcome": {api.UsageEventFilter{Outcome: "unknown"}, func(int, *retinue.Event) bool { return false }},
			"id":         {api.UsageEventFilter{Event: "e-77"}, func(i int, _ *retinue.Event) bool { return i == 77 }},
			"all":        {api.UsageEventFilter{Identity: string(anna), Action: "DOCS:READ", To: events[100].At}, func(i int, e *retinue.Event) bool { return i >= 100 && i%6 == 0 }},
		} {
			want := []string{}
			for i := range events {
				if c.want(i, &events[i]) {
					want = append(want, events[i].ID)
				}
			}
			if d := cmp.Diff(want, idsOf(w.allEvents(c.q, 9))); d != "" {
				t.Errorf("%s: %s", name, d)
			}
		}
		got := w.allEvents(api.UsageEventFilter{Event: "e-53"}, 1)
		want := []api.UsageEvent{{At: events[53].At, Log: "app.audit", Realm: seenRealm, Class: retinue.EventData, Event: "e-53", Input: "file part 50", Place: 4, Identity: "carl",
			IdentityID: w.idOf(retinue.FactIdentity, "carl"), Action: "docs:write", Resource: "folder/53", Outcome: retinue.OutcomeSuccess, Region: "north", Address: "10.0.3.1", Agent: "worker/1.0"}}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

func (w *teller) idOf(typ retinue.FactType, key string) (id retinue.EntityID) {
	w.t.Helper()
	err := w.DB.View(w.t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
		for e, err := range tx.Entities(store.EntityQuery{Type: typ, Key: key}) {
			if err != nil {
				return err
			}
			id = e.ID
		}
		return nil
	})
	if err != nil || id == "" {
		w.t.Fatalf("no %s %s: %v", typ, key, err)
	}
	return id
}

// TestPeopleInEventsAreMasked, unless somebody says why their names are needed,
// which goes on record.
func TestPeopleInEventsAreMasked(t *testing.T) {
	eachKept(t, UsageConfig{RawDays: 14}, func(t *testing.T, w *teller) {
		events := madeEvents(2, day1.Add(-time.Hour))
		p := &events[0]
		p.Identity, p.Person, p.Origin.Agent, p.Origin.Address = retinue.NewRef(seenRealm, "user", "ada@example.com"), true, "ada's browser", netip.MustParseAddr("192.0.2.7")
		p.Via, p.Context = []retinue.Ref{retinue.NewRef(seenRealm, "user", "ada@home")}, []retinue.ContextValue{{Key: "mail", Value: "ada@example.com"}}
		events = append(events, retinue.Event{Log: "app.audit", ID: "u", At: events[1].At, Realm: seenRealm, Class: retinue.EventUnknown, Raw: []byte(`{"who":"ada@example.com"}`)})
		w.countEvents("x", events)
		for _, q := range []api.UsageEventFilter{{}, {Kind: "unknown"}} {
			if text := fmt.Sprint(w.allEvents(q, 10)); strings.Contains(text, "ada") || strings.Contains(text, "192.0.2.7") {
				t.Errorf("people are named: %s", text)
			}
		}
		named := func(q api.UsageEventFilter) string {
			got, err := w.NamedEvents(t.Context(), Actor(), store.Everything(), api.UsageEventQuery{UsageEventFilter: q}, "an incident is looked into")
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(got.Items)
		}
		if text := named(api.UsageEventFilter{}); !strings.Contains(text, "ada@example.com") || !strings.Contains(text, "192.0.2.7") || !strings.Contains(text, "ada@home") {
			t.Errorf("people are not named: %s", text)
		}
		if text := named(api.UsageEventFilter{Kind: "unknown"}); !strings.Contains(text, `{"who":"ada@example.com"}`) || !strings.Contains(text, "file x 3") {
			t.Errorf("the unknown entry: %s", text)
		}
		if _, err := w.NamedEvents(t.Context(), Actor(), store.Everything(), api.UsageEventQuery{}, "no"); err == nil {
			t.Error("people are named for no reason")
		}
		shown := 0
		err := w.DB.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
			for r, err := range tx.Records(1) {
				if err != nil {
					return err
				}
				if r.Action == retinue.RecordPeopleShown {
					shown++
					if text := string(r.Details); !strings.Contains(text, "an incident is looked into") || strings.Contains(text, "ada") {
						t.Errorf("on record: %s", text)
					}
				}
			}
			return nil
		})
		if err != nil || shown != 2 {
			t.Errorf("%d records of names that were shown, %v", shown, err)
		}
	})
}

// TestASignalsEventsAreFound: what is told as unusual can be looked at, event by
// event.
func TestASignalsEventsAreFound(t *testing.T) {
	eachKept(t, UsageConfig{RawDays: 40}, func(t *testing.T, w *teller) {
		w.importSeen(strange())
		list, err := w.Signals(t.Context(), store.Everything(), store.SignalQuery{})
		list = slices.DeleteFunc(list, func(s api.NoticedSignal) bool { return s.Of.Name != "anna" })
		if err != nil || len(list) != 1 {
			t.Fatalf("%d signals about anna, %v: %+v", len(list), err, list)
		}
		got := w.allEvents(api.UsageEventFilter{Signal: string(list[0].Finding)}, 5)
		if int64(len(got)) != list[0].Count || len(got) != 12 {
			t.Fatalf("%d events, want %d", len(got), list[0].Count)
		}
		for _, e := range got {
			if e.Identity != "anna" || e.Action != "docs:export" || e.Address != "203.0.113.7" || e.Place == 0 || e.Input == "" {
				t.Errorf("behind it: %+v", e)
			}
		}
	})
}

// TestOverlappingBlocksAreReadToTheEnd keeps more blocks that span one day than a
// question opens: every event is met, the latest first.
func TestOverlappingBlocksAreReadToTheEnd(t *testing.T) {
	eachKept(t, UsageConfig{RawDays: 14}, func(t *testing.T, w *teller) {
		day := day1.AddDate(0, 0, -1).Truncate(24 * time.Hour)
		var all []retinue.Event
		for i := range maxOpened + 20 {
			part := madeEvents(2, day)
			part[0].At, part[1].At = day.Add(time.Duration(i)*time.Second), day.Add(23*time.Hour+time.Duration(i)*time.Millisecond)
			part[0].ID, part[1].ID = fmt.Sprint("first ", i), fmt.Sprint("last ", i)
			w.countEvents(fmt.Sprint("host ", i), part)
			all = append(all, part...)
		}
		slices.SortFunc(all, func(x, y retinue.Event) int { return y.At.Compare(x.At) })
		want := make([]string, len(all))
		for i := range all {
			want[i] = all[i].ID
		}
		if d := cmp.Diff(want, idsOf(w.allEvents(api.UsageEventFilter{}, 90))); d != "" {
			t.Error(d)
		}
	})
}

// TestEventsWithoutTheirKeyAreTold: what was sealed under a key that is not at hand
// is not passed over in silence.
func TestEventsWithoutTheirKeyAreTold(t *testing.T) {
	eachKept(t, UsageConfig{RawDays: 30}, func(t *testing.T, w *teller) {
		w.countEvents("before", madeEvents(40, day1.Add(-time.Hour)))
		w.reopen(t.TempDir(), w.Config.Database, UsageConfig{RawDays: 30}) // with keys of its own
		w.countEvents("after", madeEvents(10, day1.Add(-time.Minute)))
		got, err := w.UsageEvents(t.Context(), store.Everything(), api.UsageEventQuery{})
		if err != nil || len(got.Items) == 0 || got.Unopened == 0 || int64(len(got.Items))+got.Unopened != eventsOf(got.Kept) {
			t.Errorf("%d are listed and %d do not open of %+v, %v", len(got.Items), got.Unopened, got.Kept, err)
		}
	})
}

func eventsOf(k api.EventsKept) (n int64) {
	for _, d := range k.Of {
		n += d.Events
	}
	return n
}
