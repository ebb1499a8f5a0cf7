package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/steward/notice"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// forge is a GitHub with one repository, enough for tickets.
type forge struct {
	mu     sync.Mutex
	issues []*forgeIssue
	down   bool
	// forget answers the next issue that is made with an error, after making it.
	forget bool
}

type forgeIssue struct {
	Number    int                 `json:"number"`
	HTMLURL   string              `json:"html_url"`
	State     string              `json:"state"`
	Title     string              `json:"title"`
	Body      string              `json:"body"`
	Assignees []map[string]string `json:"assignees"`
	comments  []string
}

func (f *forge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/repos/o/r/issues")
	var in struct{ Title, Body, State string }
	b, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(b, &in)
	number, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	n, _ := strconv.Atoi(number)
	switch {
	case path == "" && r.Method == http.MethodGet:
		if r.URL.Query().Get("page") != "1" {
			_, _ = io.WriteString(w, "[]")
			return
		}
		_ = json.NewEncoder(w).Encode(f.issues)
	case path == "":
		i := &forgeIssue{Number: len(f.issues) + 1, State: "open", Title: in.Title, Body: in.Body, HTMLURL: fmt.Sprintf("https://forge.example/%d", len(f.issues)+1)}
		f.issues = append(f.issues, i)
		if f.forget {
			f.forget = false
			w.WriteHeader(http.StatusGatewayTimeout)
			return
		}
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(i)
	case n < 1 || n > len(f.issues):
		w.WriteHeader(http.StatusNotFound)
	case rest == "comments":
		f.issues[n-1].comments = append(f.issues[n-1].comments, in.Body)
		_, _ = io.WriteString(w, "{}")
	default:
		if r.Method == http.MethodPatch {
			f.issues[n-1].State = in.State
		}
		_ = json.NewEncoder(w).Encode(f.issues[n-1])
	}
}

func (f *forge) set(fn func(*forge)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fn(f)
}

// see returns the issues as "number state comments".
func (f *forge) see() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := []string{}
	for _, i := range f.issues {
		out = append(out, fmt.Sprintf("%d %s %d", i.Number, i.State, len(i.comments)))
	}
	return out
}

func (w *teller) tracker(f *forge) store.Outlet {
	w.t.Helper()
	srv := httptest.NewTLSServer(f)
	w.t.Cleanup(srv.Close)
	w.Tell(Telling{Sealer: boundSealer{}, PublicURL: "https://retinue.example", HTTP: srv.Client()})
	o, err := w.SaveOutlet(w.t.Context(), admin(), api.OutletEdit{Purpose: store.PurposeChannel, Kind: "github", Name: "issues", Enabled: true,
		Options: map[string]string{"url": srv.URL, "repository": "o/r"}, Secrets: map[string]string{"token": testKey(), "webhook-secret": testKey()}})
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

// tickets brings every ticket up to date.
func (w *teller) sync() {
	w.t.Helper()
	w.work()
	var all []store.Ticket
	w.change(func(tx *sqlstore.Tx) (err error) {
		all, err = tx.Tickets(store.TicketQuery{})
		return err
	})
	for _, t := range all {
		if err := w.syncTicket(w.t.Context(), t.Key); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *teller) ticketStates() []string {
	w.t.Helper()
	all, err := w.Tickets(w.t.Context(), store.Everything(), api.TicketQuery{})
	if err != nil {
		w.t.Fatal(err)
	}
	out := []string{}
	for _, t := range all {
		out = append(out, fmt.Sprintf("%s %s %d", t.Key, t.State, len(t.Findings)))
	}
	return out
}

func (w *teller) wantTickets(f *forge, what string, there, here []string) {
	w.t.Helper()
	if got := f.see(); !slices.Equal(got, there) {
		w.t.Errorf("%s: there %q, want %q", what, got, there)
	}
	if got := w.ticketStates(); !slices.Equal(got, here) {
		w.t.Errorf("%s: here %q, want %q", what, got, here)
	}
}

func TestATicketFollowsItsFindings(t *testing.T) {
	eachTeller(t, func(t *testing.T, w *teller) {
		f := &forge{}
		o := w.tracker(f)
		w.route("tickets", notice.Route{Match: notice.Match{Severity: retinue.SeverityHigh}, To: to(o)})
		w.finding("a1", retinue.SeverityHigh, retinue.FindingOpen)
		w.sync()
		w.wantTickets(f, "made", []string{"1 open 0"}, []string{"1 open 1"})
		w.finding("a2", retinue.SeverityHigh, retinue.FindingOpen) // the same fix
		w.finding("b1", retinue.SeverityHigh, retinue.FindingOpen) // another
		w.sync()
		w.wantTickets(f, "joined", []string{"1 open 1", "2 open 0"}, []string{"2 open 1", "1 open 2"})
		w.sync()
		w.wantTickets(f, "nothing new", []string{"1 open 1", "2 open 0"}, []string{"2 open 1", "1 open 2"})
		f.set(func(f *forge) { f.issues[0].Assignees = []map[string]string{{"login": "ann"}} })
		w.sync()
		w.wantTickets(f, "taken", []string{"1 open 1", "2 open 0"}, []string{"2 open 1", "1 acknowledged 2"})
		if n := w.notices(store.NoticeQuery{State: store.NoticeAcknowledged}); len(n) != 2 {
			t.Errorf("acknowledged by the ticket: %+v", n)
		}
		w.finding("a1", retinue.SeverityHigh, retinue.FindingResolved)
		w.sync()
		w.wantTickets(f, "one resolved", []string{"1 open 2", "2 open 0"}, []string{"2 open 1", "1 acknowledged 2"})
		w.finding("a2", retinue.SeverityHigh, retinue.FindingResolved)
		w.sync()
		w.wantTickets(f, "all resolved", []string{"1 closed 3", "2 open 0"}, []string{"2 open 1", "1 closed 2"})
		w.finding("a1", retinue.SeverityHigh, retinue.FindingReopened)
		w.sync()
		w.wantTickets(f, "reopened", []string{"1 open 4", "2 open 0"}, []string{"2 open 1", "1 open 2"})
		// Closed there although it holds: the next sight opens it again.
		f.set(func(f *forge) { f.issues[1].State = "closed" })
		w.sync()
		w.wantTickets(f, "closed there", []string{"1 open 4", "2 closed 0"}, []string{"2 open 1", "1 acknowledged 2"})
		w.pass(time.Hour)
		w.finding("b1", retinue.SeverityHigh, retinue.FindingOpen)
		w.sync()
		w.wantTickets(f, "seen again", []string{"1 open 4", "2 open 1"}, []string{"2 open 1", "1 acknowledged 2"})
		all, err := w.Tickets(t.Context(), store.Everything(), api.TicketQuery{ID: w.firstTicket()})
		if err != nil || len(all) != 1 || len(all[0].Receipts) < 5 || all[0].URL == "" {
			t.Errorf("receipts: %+v %v", all, err)
		}
	})
}

func (w *teller) firstTicket() retinue.TicketID {
	w.t.Helper()
	all, err := w.Tickets(w.t.Context(), store.Everything(), api.TicketQuery{})
	if err != nil || len(all) == 0 {
		w.t.Fatal("no ticket", err)
	}
	return all[len(all)-1].ID
}

func TestATicketWhoseMakingWasNotAnsweredIsNotMadeTwice(t *testing.T) {
	eachTeller(t, func(t *testing.T, w *teller) {
		f := &forge{forget: true}
		o := w.tracker(f)
		fd := w.finding("a1", retinue.SeverityHigh, retinue.FindingOpen)
		if _, err := w.OpenTicket(t.Context(), admin(), o.ID, []retinue.FindingID{fd.ID}); err != nil {
			t.Fatal(err)
		}
		w.sync()
		w.wantTickets(f, "not answered", []string{"1 open 0"}, []string{" wanted 1"})
		w.sync()
		w.wantTickets(f, "found by its marker", []string{"1 open 0"}, []string{"1 open 1"})
		f.set(func(f *forge) { f.down = true })
		w.finding("a1", retinue.SeverityHigh, retinue.FindingResolved)
		w.sync()
		w.wantTickets(f, "down", []string{"1 open 0"}, []string{"1 open 1"})
		f.set(func(f *forge) { f.down = false })
		w.sync()
		w.wantTickets(f, "up again", []string{"1 closed 1"}, []string{"1 closed 1"})
	})
}

func TestStreamsPassEverythingOnInOrder(t *testing.T) {
	eachTeller(t, func(t *testing.T, w *teller) {
		var got []float64
		status := http.StatusOK
		srv := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			if status == http.StatusOK {
				for line := range strings.Lines(string(b)) {
					var e struct {
						Metadata struct{ Sequence float64 }
					}
					if err := json.Unmarshal([]byte(line), &e); err != nil {
						t.Errorf("%s: %v", line, err)
					}
					got = append(got, e.Metadata.Sequence)
				}
			}
			rw.WriteHeader(status)
		}))
		defer srv.Close()
		w.Tell(Telling{Sealer: boundSealer{}, HTTP: srv.Client()})
		w.finding("before", retinue.SeverityHigh, retinue.FindingOpen)
		o, err := w.SaveOutlet(t.Context(), admin(), api.OutletEdit{Purpose: store.PurposeStream, Kind: "http", Name: "siem", Enabled: true,
			Options: map[string]string{"url": srv.URL, "content": "records"}})
		if err != nil {
			t.Fatal(err)
		}
		add := func(n int) {
			w.change(func(tx *sqlstore.Tx) error {
				for range n {
					tx.Record(tellActor(), retinue.RecordExported, "x", map[string]any{})
				}
				return nil
			})
		}
		run := func() {
			if err := w.runStream(t.Context(), o.Key); err != nil {
				t.Fatal(err)
			}
		}
		add(streamPage + 3)
		run()
		first := len(got)
		status = http.StatusServiceUnavailable
		add(2)
		run()
		after, err := w.Outlet(t.Context(), store.PurposeStream, o.ID)
		if err != nil || after.Failures != 1 || len(got) != first {
			t.Errorf("refused: %+v %v, %d events", after, err, len(got))
		}
		status = http.StatusOK
		run()
		if len(got) != first {
			t.Error("tried before its time")
		}
		w.pass(time.Minute)
		run()
		for i, seq := range got {
			if seq != got[0]+float64(i) {
				t.Fatalf("event %d is record %v after %v", i, seq, got[0])
			}
		}
		if len(got) != streamPage+6 { // the stream's own making is the first
			t.Errorf("%d events", len(got))
		}
	})
}

func TestAFailedPushIsANoticeUntilOneSucceeds(t *testing.T) {
	w := openTeller(t, filepath.Join(t.TempDir(), "r.db"))
	ops := w.webhook("ops", notice.Timetable{})
	w.route("all", notice.Route{To: to(ops)})
	place, err := w.SaveOutlet(t.Context(), admin(), api.OutletEdit{Purpose: store.PurposeCheckpoint, Kind: "rfc3161", Name: "stamps", Enabled: true,
		Options: map[string]string{"url": w.server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.pushCheckpoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.take()
	w.work()
	w.want("failed", "notice.raised Checkpoint not pushed to stamps")
	pushes, err := w.Pushes(t.Context(), place.ID, 0, 10)
	if err != nil || len(pushes) != 1 || pushes[0].OK || pushes[0].Error == "" {
		t.Fatalf("%+v %v", pushes, err)
	}
	if _, err := w.VerifyPush(t.Context(), pushes[0].ID); err == nil {
		t.Error("a failed push was verified against")
	}
	// One that succeeded: the log is held to it, and a log that lost its end
	// does not pass.
	n, _, err := w.checkpointNow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := store.Push{Outlet: place.Key, Size: n.Size, Head: n.Head, Note: string(n.Signed), OK: true, Place: "here"}
	w.change(func(tx *sqlstore.Tx) error { return tx.AddPush(&p) })
	public, err := w.signingKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if ok, says, err := w.verifyAgainst(t.Context(), n.Signed, public.Public()); err != nil || !ok {
		t.Errorf("%v %s %v", ok, says, err)
	}
	if _, err := w.DB.Handle().ExecContext(t.Context(), "DELETE FROM records WHERE seq = (SELECT max(seq) FROM records WHERE seq <= $1)", n.Size); err != nil {
		t.Fatal(err)
	}
	if ok, says, err := w.verifyAgainst(t.Context(), n.Signed, public.Public()); err != nil || ok {
		t.Errorf("a log without a record passes: %s %v", says, err)
	}
}

// TestPlacesHaveTheirOwnInterval: each place gets a checkpoint as often as it
// says, the first one at once.
func TestPlacesHaveTheirOwnInterval(t *testing.T) {
	w := openTeller(t, filepath.Join(t.TempDir(), "r.db"))
	place := func(name, every string) retinue.ChannelID {
		options := map[string]string{"url": w.server.URL}
		if every != "" {
			options["every"] = every
		}
		o, err := w.SaveOutlet(t.Context(), admin(), api.OutletEdit{Purpose: store.PurposeCheckpoint, Kind: "rfc3161", Name: name, Enabled: true, Options: options})
		if err != nil {
			t.Fatal(err)
		}
		return o.ID
	}
	often, usual, daily := place("often", "15m"), place("usual", ""), place("daily", "24h")
	for range 8 { // two hours
		if err := w.pushCheckpoints(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.pass(15 * time.Minute)
	}
	for id, want := range map[retinue.ChannelID]int{often: 8, usual: 2, daily: 1} {
		pushes, err := w.Pushes(t.Context(), id, 0, 50)
		if err != nil || len(pushes) != want {
			t.Errorf("%d pushes, want %d (%v)", len(pushes), want, err)
		}
	}
	_, err := w.SaveOutlet(t.Context(), admin(), api.OutletEdit{Purpose: store.PurposeCheckpoint, Kind: "rfc3161", Name: "never", Enabled: true,
		Options: map[string]string{"url": w.server.URL, "every": "never"}})
	if !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("an interval that is none: %v", err)
	}
}
