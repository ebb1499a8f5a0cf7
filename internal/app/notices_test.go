package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/seal"
	"github.com/retinue-id/retinue/internal/steward/channel"
	"github.com/retinue-id/retinue/internal/steward/notice"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/testkit"
	"github.com/retinue-id/retinue/internal/web/api"
)

// boundSealer seals nothing and refuses what stands elsewhere.
type boundSealer struct{}

func (boundSealer) Seal(_ context.Context, plain []byte, at seal.Place) ([]byte, error) {
	return append([]byte(at.String()+"\x00"), plain...), nil
}

func (boundSealer) Open(_ context.Context, sealed []byte, at seal.Place) ([]byte, error) {
	rest, ok := strings.CutPrefix(string(sealed), at.String()+"\x00")
	if !ok {
		return nil, fmt.Errorf("%w: open: it stood elsewhere", retinue.ErrInvalid)
	}
	return []byte(rest), nil
}

// teller is an installation with a clock that a test moves and a receiver of
// webhooks.
type teller struct {
	*App
	t    *testing.T
	mu   sync.Mutex
	time time.Time

	server *httptest.Server
	status int
	got    []delivered
}

type delivered struct {
	id, kind string
	titles   []string
	header   http.Header
	body     []byte
}

var day1 = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func eachTeller(t *testing.T, test func(t *testing.T, w *teller)) {
	t.Run("sqlite", func(t *testing.T) { test(t, openTeller(t, filepath.Join(t.TempDir(), "r.db"))) })
	t.Run("postgres", func(t *testing.T) { test(t, openTeller(t, testkit.Postgres(t).Database(t))) })
}

func openTeller(t *testing.T, database string) *teller {
	t.Helper()
	w := &teller{t: t, time: day1, status: http.StatusOK}
	dir := t.TempDir()
	cfg := Config{Database: database, KeyFile: filepath.Join(dir, "f.key"), SigningKeyFile: filepath.Join(dir, "c.key")}
	a, err := Open(t.Context(), cfg, Options{Now: w.clock, Sealer: boundSealer{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	w.App = a
	w.server = httptest.NewTLSServer(http.HandlerFunc(w.receive))
	t.Cleanup(w.server.Close)
	a.Tell(Telling{Sealer: boundSealer{}, PublicURL: "https://retinue.example/", HTTP: w.server.Client(), Endpoints: map[string]string{}})
	return w
}

// clock moves by a millisecond at each look, so that times are told apart.
func (w *teller) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.time = w.time.Add(time.Millisecond)
	return w.time
}

func (w *teller) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.time = w.time.Add(d)
}

func (w *teller) receive(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	d := delivered{id: r.Header.Get("Webhook-Id"), header: r.Header.Clone(), body: body}
	var m struct {
		Type string
		Data struct{ Notices []channel.Item }
	}
	_ = json.Unmarshal(body, &m)
	d.kind = m.Type
	for _, i := range m.Data.Notices {
		d.titles = append(d.titles, i.Title)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got = append(w.got, d)
	rw.WriteHeader(w.status)
}

func (w *teller) answer(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status = status
}

// take returns what was received since the last time.
func (w *teller) take() []delivered {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.got
	w.got = nil
	return out
}

func admin() auth.Caller { return auth.System(retinue.Actor{Kind: "account", Name: "ann"}) }

func testKey() string { return strings.Repeat("k", 32) }

// webhook makes a channel to the receiver.
func (w *teller) webhook(name string, tt notice.Timetable) store.Outlet {
	w.t.Helper()
	o, err := w.SaveOutlet(w.t.Context(), admin(), api.OutletEdit{Purpose: store.PurposeChannel, Kind: "webhook", Name: name, Enabled: true,
		Options: map[string]string{"url": w.server.URL}, Secrets: map[string]string{"key": testKey()}, Timetable: tt, Closing: true})
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

func (w *teller) route(name string, r notice.Route) api.NoticeRoute {
	w.t.Helper()
	out, err := w.SaveNoticeRoute(w.t.Context(), admin(), api.NoticeRoute{Name: name, Enabled: true, Route: r})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func to(o store.Outlet) []notice.Target { return []notice.Target{{Channel: o.ID}} }

// finding saves a finding in a state, as the judge does.
func (w *teller) finding(name string, sev retinue.Severity, state retinue.FindingState) retinue.Finding {
	w.t.Helper()
	f := retinue.Finding{Fingerprint: name, Rule: "rule-x", Title: "Found", Name: name, Message: "it holds", Severity: sev, State: state,
		Subject: retinue.NewRef("test:1", "thing", name), Fix: "fix-" + name[:1], FirstSeen: day1, LastSeen: w.DB.Now()}
	w.change(func(tx *sqlstore.Tx) error {
		for have, err := range tx.Findings(store.FindingQuery{Resolved: true, Suppressed: true}) {
			if err != nil {
				return err
			}
			if have.Fingerprint == name {
				f.ID = have.ID
			}
		}
		if f.ID == "" {
			f.ID = retinue.NewFindingID(tx.At())
		}
		return tx.SaveFinding(0, f, true)
	})
	return f
}

func (w *teller) change(fn func(*sqlstore.Tx) error) {
	w.t.Helper()
	if err := w.DB.Update(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

// work routes and sends what is due.
func (w *teller) work() {
	w.t.Helper()
	if err := w.routeNotices(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	outlets, err := w.Outlets(w.t.Context(), store.PurposeChannel)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, o := range outlets {
		if err := w.sendNotices(w.t.Context(), o.Key); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *teller) notices(q store.NoticeQuery) []store.Notice {
	w.t.Helper()
	out, err := w.Notices(w.t.Context(), store.Everything(), q)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *teller) deliveriesIn(state store.DeliveryState) []api.Delivery {
	w.t.Helper()
	out, err := w.NoticeDeliveries(w.t.Context(), store.Everything(), api.DeliveryQuery{State: state})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func titles(got []delivered) []string {
	out := []string{}
	for _, d := range got {
		out = append(out, d.kind+" "+strings.Join(d.titles, "+"))
	}
	return out
}

func (w *teller) want(what string, want ...string) {
	w.t.Helper()
	if want == nil {
		want = []string{}
	}
	if got := titles(w.take()); !slices.Equal(got, want) {
		w.t.Errorf("%s: received %q, want %q", what, got, want)
	}
}

func TestAFindingIsToldOnceAndItsEnd(t *testing.T) {
	eachTeller(t, func(t *testing.T, w *teller) {
		o := w.webhook("ops", notice.Timetable{})
		w.route("all", notice.Route{Match: notice.Match{Severity: retinue.SeverityMedium}, To: to(o)})
		f := w.finding("alpha", retinue.SeverityHigh, retinue.FindingOpen)
		w.finding("minor", retinue.SeverityLow, retinue.FindingOpen)
		w.work()
		got := w.take()
		if !slices.Equal(titles(got), []string{"notice.raised Found: alpha"}) {
			t.Fatalf("received %q", titles(got))
		}
		if err := channel.VerifySignature([][]byte{[]byte(testKey())}, got[0].header, got[0].body, w.DB.Now()); err != nil {
			t.Error(err)
		}
		if !strings.Contains(string(got[0].body), "https://retinue.example/findings/"+string(f.ID)) {
			t.Errorf("no link: %s", got[0].body)
		}
		w.work()
		w.want("worked again")
		w.finding("alpha", retinue.SeverityHigh, retinue.FindingOpen)
		w.work()
		w.want("found again")
		w.finding("alpha", retinue.SeverityCritical, retinue.FindingOpen)
		w.work()
		w.want("got worse", "notice.raised Found: alpha")
		w.finding("alpha", retinue.SeverityCritical, retinue.FindingResolved)
		w.work()
		w.want("resolved", "notice.resolved Found: alpha")
		w.finding("alpha", retinue.SeverityCritical, retinue.FindingReopened)
		w.work()
		w.want("reopened", "notice.raised Found: alpha")
		w.finding("alpha", retinue.SeverityCritical, retinue.FindingAcknowledged)
		w.work()
		w.want("acknowledged", "notice.acknowledged Found: alpha")
		if n := w.notices(store.NoticeQuery{}); len(n) != 1 || n[0].State != store.NoticeAcknowledged || n[0].Kind != string(notice.FindingReopened) {
			t.Errorf("notices: %+v", n)
		}
	})
}

func TestNothingIsKeptForNobody(t *testing.T) {
	eachTeller(t, func(t *testing.T, w *teller) {
		w.finding("before", retinue.SeverityCritical, retinue.FindingOpen)
		o := w.webhook("ops", notice.Timetable{})
		w.finding("unrouted", retinue.SeverityCritical, retinue.FindingOpen)
		w.route("critical", notice.Route{Match: notice.Match{Severity: retinue.SeverityCritical}, To: to(o)})
		w.finding("high", retinue.SeverityHigh, retinue.FindingOpen)
		if n := w.notices(store.NoticeQuery{}); len(n) != 0 {
			t.Errorf("kept %+v", n)
		}
	})
}

func TestAnEscalationClimbsUntilSomebodyActs(t *testing.T) {
	eachTeller(t, func(t *testing.T, w *teller) {
		first, second, third := w.webhook("first", notice.Timetable{}), w.webhook("second", notice.Timetable{}), w.webhook("third", notice.Timetable{})
		w.route("all", notice.Route{To: to(first), Escalate: []notice.Step{{AfterMinutes: 30, To: to(second)}, {AfterMinutes: 60, To: to(third)}}})
		w.finding("alpha", retinue.SeverityHigh, retinue.FindingOpen)
		w.work()
		w.want("at once", "notice.raised Found: alpha")
		w.pass(29 * time.Minute)
		w.work()
		w.want("early")
		w.pass(2 * time.Minute)
		w.work()
		w.work()
		w.want("first step", "notice.escalated Found: alpha")
		n := w.notices(store.NoticeQuery{})[0]
		if n, err := w.AcknowledgeNotice(t.Context(), admin(), n.ID); err != nil || n.State != store.NoticeAcknowledged {
			t.Fatalf("%+v %v", n, err)
		}
		w.work()
		w.want("acknowledged", "notice.acknowledged Found: alpha", "notice.acknowledged Found: alpha")
		w.pass(24 * time.Hour)
		w.work()
		w.want("after the acknowledgement")
	})
}

func TestWhatCannotBeSentWaitsInOrderAndIsSentOnce(t *testing.T) {
	eachTeller(t, func(t *testing.T, w *teller) {
		o := w.webhook("ops", notice.Timetable{})
		w.route("all", notice.Route{To: to(o)})
		w.answer(http.StatusServiceUnavailable)
		w.finding("one", retinue.SeverityHigh, retinue.FindingOpen)
		w.work()
		failed := w.take()
		if len(failed) != 1 {
			t.Fatalf("tried %d times", len(failed))
		}
		w.finding("two", retinue.SeverityHigh, retinue.FindingOpen)
		w.answer(http.StatusOK)
		w.work()
		w.want("before its time")
		w.pass(time.Minute)
		w.work()
		got := w.take()
		if !slices.Equal(titles(got), []string{"notice.raised Found: one", "notice.raised Found: two"}) {
			t.Fatalf("received %q", titles(got))
		}
		if got[0].id != failed[0].id || got[0].id == got[1].id {
			t.Errorf("ids %s then %s and %s", failed[0].id, got[0].id, got[1].id)
		}
		after, err := w.Outlet(t.Context(), store.PurposeChannel, o.ID)
		if err != nil || after.Failures != 0 || after.LastError != "" {
			t.Errorf("%+v %v", after, err)
		}
	})
}

func TestWhatIsRefusedForGoodIsGivenUpAndCanBeTriedAgain(t *testing.T) {
	eachTeller(t, func(t *testing.T, w *teller) {
		o := w.webhook("ops", notice.Timetable{})
		w.route("all", notice.Route{To: to(o)})
		w.answer(http.StatusUnprocessableEntity)
		w.finding("one", retinue.SeverityHigh, retinue.FindingOpen)
		w.work()
		w.take()
		dead := w.deliveriesIn(store.DeliveryDead)
		if len(dead) != 1 || !strings.Contains(dead[0].Error, "422") {
			t.Fatalf("dead: %+v", dead)
		}
		w.answer(http.StatusOK)
		if _, err := w.RetryDelivery(t.Context(), admin(), dead[0].ID); err != nil {
			t.Fatal(err)
		}
		if _, err := w.RetryDelivery(t.Context(), admin(), dead[0].ID); !errors.Is(err, retinue.ErrConflict) {
			t.Errorf("tried again twice: %v", err)
		}
		w.work()
		w.want("tried again", "notice.raised Found: one")
		w.answer(http.StatusServiceUnavailable)
		w.finding("two", retinue.SeverityHigh, retinue.FindingOpen)
		for range notice.MaxAttempts {
			w.work()
			w.pass(61 * time.Minute)
		}
		if n := len(w.take()); n != notice.MaxAttempts {
			t.Errorf("tried %d times", n)
		}
		if dead := w.deliveriesIn(store.DeliveryDead); len(dead) != 1 {
			t.Errorf("dead: %+v", dead)
		}
	})
}

func TestABurstAndADigestAreOneMessage(t *testing.T) {
	eachTeller(t, func(t *testing.T, w *teller) {
		now, daily := w.webhook("now", notice.Timetable{}), w.webhook("daily", notice.Timetable{Digest: "daily", CriticalPasses: true})
		w.route("now", notice.Route{To: to(now), Continue: true})
		w.route("daily", notice.Route{To: to(daily)})
		for i := range burst + 2 {
			w.finding(fmt.Sprintf("f%d", i), retinue.SeverityHigh, retinue.FindingOpen)
		}
		w.work()
		got := w.take()
		if len(got) != 1 || len(got[0].titles) != burst+2 {
			t.Fatalf("received %q", titles(got))
		}
		w.finding("urgent", retinue.SeverityCritical, retinue.FindingOpen)
		w.work()
		w.want("critical", "notice.raised Found: urgent", "notice.raised Found: urgent")
		w.finding("f0", retinue.SeverityHigh, retinue.FindingResolved)
		w.pass(24 * time.Hour)
		w.work()
		got = w.take()
		last := got[0]
		if len(last.titles) != burst+1 || slices.Contains(last.titles, "Found: f0") {
			t.Errorf("digest: %q", titles(got))
		}
	})
}

func TestACrashAfterSendingSendsTheSameMessageAgain(t *testing.T) {
	eachTeller(t, func(t *testing.T, w *teller) {
		o := w.webhook("ops", notice.Timetable{})
		w.route("all", notice.Route{To: to(o)})
		for i := range burst + 1 {
			w.finding(fmt.Sprintf("f%d", i), retinue.SeverityHigh, retinue.FindingOpen)
		}
		if err := w.routeNotices(t.Context()); err != nil {
			t.Fatal(err)
		}
		// The first process writes down what it will send, sends it, and dies.
		var before string
		w.change(func(tx *sqlstore.Tx) error {
			due, err := tx.DueDeliveries(o.Key, tx.At(), sendPage)
			if err != nil {
				return err
			}
			for _, p := range pack(due, notice.Timetable{}) {
				before = p.message
				for _, d := range p.rows {
					if err := tx.ClaimMessage(d.Key, p.message); err != nil {
						return err
					}
				}
			}
			return nil
		})
		w.finding("later", retinue.SeverityHigh, retinue.FindingOpen)
		w.work()
		got := w.take()
		if len(got) != 2 || got[0].id != before || len(got[0].titles) != burst+1 || len(got[1].titles) != 1 {
			t.Errorf("received %q, first as %s, want %s", titles(got), got[0].id, before)
		}
	})
}

func TestSecretsDoNotFollowToAnotherReceiver(t *testing.T) {
	w := openTeller(t, filepath.Join(t.TempDir(), "r.db"))
	o := w.webhook("ops", notice.Timetable{})
	edit := api.OutletEdit{Purpose: store.PurposeChannel, ID: o.ID, Name: "ops", Enabled: true, Options: map[string]string{"url": "https://elsewhere.example"}}
	if _, err := w.SaveOutlet(t.Context(), admin(), edit); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("moved with its secret: %v", err)
	}
	edit.Options = map[string]string{"url": w.server.URL}
	if got, err := w.SaveOutlet(t.Context(), admin(), edit); err != nil || !slices.Equal(got.SecretNames, []string{"key"}) {
		t.Errorf("changed otherwise: %+v %v", got, err)
	}
	w.change(func(tx *sqlstore.Tx) error {
		row, err := tx.Outlet(store.PurposeChannel, o.ID)
		if err != nil {
			return err
		}
		if strings.Contains(string(row.Settings), testKey()) {
			t.Error("the key is among the settings")
		}
		for r, err := range tx.Records(1) {
			if err != nil {
				return err
			}
			if strings.Contains(string(r.Details), testKey()) {
				t.Error("the key is in a record")
			}
		}
		return nil
	})
}

func TestRunsOfSourcesAreTold(t *testing.T) {
	eachTeller(t, func(t *testing.T, w *teller) {
		o := w.webhook("ops", notice.Timetable{})
		w.route("all", notice.Route{To: to(o)})
		run := func(state store.RunState) {
			w.change(func(tx *sqlstore.Tx) error {
				src, err := tx.EnsureSource("aws", "prod", "x")
				if err != nil {
					return err
				}
				r, err := tx.StartRun(src, retinue.Actor{Kind: "system", Name: "t"})
				if err != nil {
					return err
				}
				r.State, r.Error = state, "no credentials"
				return tx.FinishRun(r)
			})
			w.work()
		}
		run(store.RunFailed)
		w.want("failed", "notice.raised Source prod could not be read")
		run(store.RunFailed)
		w.want("failed again, within the window")
		w.pass(25 * time.Hour)
		run(store.RunFailed)
		w.want("failed again, after it", "notice.raised Source prod could not be read")
		run(store.RunPartial)
		w.want("partial", "notice.resolved Source prod could not be read", "notice.raised Source prod was read in part")
		run(store.RunComplete)
		w.want("complete", "notice.resolved Source prod was read in part")
		w.pass(20 * 24 * time.Hour)
		if err := w.watch(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.work()
		w.want("overdue", "notice.raised Source prod is overdue")
		if err := w.watch(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.work()
		w.want("still overdue")
		if n := w.notices(store.NoticeQuery{Kind: string(notice.ScanOverdue)}); len(n) != 1 || n[0].Occasion != 1 {
			t.Errorf("%+v", n)
		}
	})
}

func TestAcceptancesThatEndAreToldInStages(t *testing.T) {
	eachTeller(t, func(t *testing.T, w *teller) {
		o := w.webhook("ops", notice.Timetable{})
		w.route("all", notice.Route{Match: notice.Match{Kinds: []notice.Kind{notice.AcceptanceEnding}}, To: to(o)})
		f := w.finding("alpha", retinue.SeverityHigh, retinue.FindingOpen)
		f.State, f.Accepted = retinue.FindingAccepted, &retinue.Acceptance{By: "ann", Reason: "r", Until: day1.AddDate(0, 0, 10)}
		w.change(func(tx *sqlstore.Tx) error { return tx.SaveFinding(0, f, true) })
		for _, c := range []struct {
			pass time.Duration
			told int
		}{{0, 0}, {4 * day, 1}, {day, 0}, {4*day + time.Hour, 1}, {time.Hour, 0}} {
			w.pass(c.pass)
			if err := w.watch(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.work()
			if got := w.take(); len(got) != c.told {
				t.Errorf("after %v more: %q", c.pass, titles(got))
			}
		}
	})
}
