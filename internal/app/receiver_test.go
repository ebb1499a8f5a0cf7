package app_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/seal"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/testkit"
	"github.com/retinue-id/retinue/internal/web/api"
)

// receiver is an installation that systems push to.
type receiver struct {
	*app.App
	t   *testing.T
	dir string
	url string
	// ahead is by how much the installation's clock is ahead.
	ahead time.Duration
}

func newReceiver(t *testing.T, dir, db string) *receiver {
	t.Helper()
	r := &receiver{t: t, dir: dir}
	cfg := app.Config{Database: db, KeyFile: filepath.Join(dir, "key"), SigningKeyFile: filepath.Join(dir, "sign")}
	a, err := app.Open(t.Context(), cfg, app.Options{Now: func() time.Time { return time.Now().Add(r.ahead) }, Sealer: plainSealer{}})
	if err != nil {
		t.Fatal(err)
	}
	r.App = a
	handler, err := a.API(byToken{a})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(handler)
	r.url = srv.URL + api.Base
	t.Cleanup(func() {
		srv.Close()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// plainSealer stands for a sealer: what matters here is not what it does.
type plainSealer struct{}

func (plainSealer) Seal(_ context.Context, p []byte, at seal.Place) ([]byte, error) {
	return append([]byte(at.Row+"|"), p...), nil
}

func (plainSealer) Open(_ context.Context, p []byte, at seal.Place) ([]byte, error) {
	rest, ok := bytes.CutPrefix(p, []byte(at.Row+"|"))
	if !ok {
		return nil, retinue.ErrDenied
	}
	return rest, nil
}

// collector makes a collector that speaks for realms.
func (r *receiver) collector(name string, realms ...string) api.NewCollector {
	r.t.Helper()
	made, err := r.CreateCollector(r.t.Context(), operator(), api.CollectorInput{Name: name, Realms: realms})
	if err != nil {
		r.t.Fatal(err)
	}
	return made
}

// pushing is one push.
type pushing struct {
	token  string
	path   string
	body   []byte
	header map[string]string
}

// answer is what came of it.
type answer struct {
	api.Received
	status int
	head   http.Header
	text   string
}

func (r *receiver) push(p pushing) answer {
	r.t.Helper()
	a, err := r.send(r.t.Context(), p)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

func (r *receiver) send(ctx context.Context, p pushing) (a answer, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+p.path, bytes.NewReader(p.body))
	if err != nil {
		return a, err
	}
	if p.token != "" {
		req.Header.Set("Authorization", "Bearer "+p.token)
	}
	for k, v := range p.header {
		req.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return a, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	a.status, a.head, a.text = res.StatusCode, res.Header, string(text)
	if err == nil && a.status == http.StatusOK {
		err = json.Unmarshal(text, &a.Received)
	}
	return a, err
}

// counted is how many events were counted, by class.
func (r *receiver) counted() map[string]int64 {
	r.t.Helper()
	out := map[string]int64{}
	err := r.View(r.t.Context(), store.Everything(), func(tx *app.Snapshot) error {
		list, err := tx.UsageTallies(0)
		for _, x := range list {
			if x.What != "repeated" && x.What != "late" {
				out["all"] += x.N
			}
			out[x.What] += x.N
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// trail returns the records of a sample log, which are of two accounts.
func trail(t testing.TB) []json.RawMessage {
	t.Helper()
	f, err := os.Open(testkit.Data(t, "cloudtrail", "attack-run-first-half.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Records []json.RawMessage }
	if err := json.NewDecoder(z).Decode(&file); err != nil || len(file.Records) < 1000 {
		t.Fatalf("%d records, %v", len(file.Records), err)
	}
	return file.Records
}

func lines(records []json.RawMessage) []byte {
	var b bytes.Buffer
	for _, r := range records {
		b.Write(append(bytes.ReplaceAll(r, []byte("\n"), []byte(" ")), '\n'))
	}
	return b.Bytes()
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(data)
	_ = z.Close()
	return b.Bytes()
}

// madeUpEvents are n events of a realm, one a line, from the number first on.
func madeUpEvents(realm string, first, n int) []byte {
	var b bytes.Buffer
	start := time.Date(2026, 2, 3, 4, 0, 0, 0, time.UTC)
	for i := first; i < first+n; i++ {
		_, _ = fmt.Fprintf(&b, `{"log":"app.audit","id":"e-%d","at":%q,"realm":%q,"class":"data","identity":{"realm":%q,"kind":"account","key":"user-%d"},"action":"read","outcome":"success"}`+"\n",
			i, start.Add(time.Duration(i)*time.Second).Format(time.RFC3339), realm, realm, i%20)
	}
	return b.Bytes()
}

// TestPushedEventsAreCountedOnce pushes the same records in every form, several
// times and at the same time.
func TestPushedEventsAreCountedOnce(t *testing.T) {
	records := trail(t)
	eachStore(t, func(t *testing.T, dir, db string) {
		r := newReceiver(t, dir, db)
		c := r.collector("mail", "aws:*")
		half := len(records) / 2
		first := r.push(pushing{token: c.Token, path: "/events?source=aws", body: lines(records[:half])})
		if first.status != 200 || first.Records != int64(half) || first.Taken < int64(half) || first.Taken != first.Events || first.Repeated+first.Refused+first.Faults != 0 {
			t.Fatalf("the first half: %d %s", first.status, first.text)
		}
		envelope := append(append([]byte(`{"Records":[`), bytes.TrimSuffix(bytes.ReplaceAll(lines(records), []byte("\n"), []byte(",\n")), []byte(",\n"))...), ']', '}')
		whole := r.push(pushing{token: c.Token, path: "/events/aws", body: gzipped(envelope), header: map[string]string{"Content-Encoding": "gzip"}})
		if whole.status != 200 || whole.Records != int64(len(records)) || whole.Repeated != first.Taken || whole.Taken+whole.Repeated != whole.Events {
			t.Fatalf("all in an envelope: %d %s", whole.status, whole.text)
		}
		all := whole.Events
		var group sync.WaitGroup
		for i := range 4 {
			group.Go(func() {
				a, err := r.send(t.Context(), pushing{token: c.Token, path: "/events?source=aws", body: lines(records), header: map[string]string{"Idempotency-Key": fmt.Sprint(i)}})
				if err != nil || a.status != 200 || a.Repeated != all || a.Taken != 0 {
					t.Errorf("again, beside others: %d %s %v", a.status, a.text, err)
				}
			})
		}
		group.Wait()
		if n := r.counted()["all"]; n != all {
			t.Errorf("%d events are counted, want %d", n, all)
		}
		list, err := r.ListCollectors(t.Context(), store.Everything())
		if err != nil || list[0].LastPush.IsZero() {
			t.Errorf("%+v, %v: want the push noted", list, err)
		}
	})
}

// TestBatchesAreKnownBeyondTheHorizon sends a batch again when its events are no
// longer known.
func TestBatchesAreKnownBeyondTheHorizon(t *testing.T) {
	eachStore(t, func(t *testing.T, dir, db string) {
		r := newReceiver(t, dir, db)
		c := r.collector("shop", "shop:eu")
		body := madeUpEvents("shop:eu", 0, 9000)
		p := pushing{token: c.Token, path: "/events?source=ndjson", body: body, header: map[string]string{"Idempotency-Key": "batch-1"}}
		if a := r.push(p); a.Taken != 9000 {
			t.Fatalf("%d %s", a.status, a.text)
		}
		r.ahead = 20 * 24 * time.Hour
		if err := r.KeepUsage(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.body = gzipped(body) // compressed anew
		if a := r.push(p); a.Repeated != 9000 || a.Taken+a.LateUnverified != 0 || a.Events != 9000 {
			t.Errorf("the same batch: %d %s", a.status, a.text)
		}
		p.body = madeUpEvents("shop:eu", 0, 9001) // the id was used for another content
		if a := r.push(p); a.LateUnverified != 9001 {
			t.Errorf("another batch under its id: %d %s", a.status, a.text)
		}
		r.ahead += 40 * 24 * time.Hour
		if err := r.KeepUsage(t.Context()); err != nil {
			t.Fatal(err)
		}
		if a := r.push(p); a.Taken+a.LateUnverified == 0 && a.Repeated != 9001 {
			t.Errorf("a batch that was forgotten: %d %s", a.status, a.text)
		}
	})
}

// TestSendersSpeakForTheirOwnRealms pushes events of systems that the sender is
// not bound to.
func TestSendersSpeakForTheirOwnRealms(t *testing.T) {
	dir := t.TempDir()
	r := newReceiver(t, dir, filepath.Join(dir, "r.db"))
	c := r.collector("shop", "shop:eu")
	body := append(madeUpEvents("shop:eu", 0, 3), madeUpEvents("shop:us", 3, 2)...)
	a := r.push(pushing{token: c.Token, path: "/events?source=ndjson", body: body})
	if a.status != 200 || a.Taken != 3 || a.Refused != 2 || len(a.Places) != 2 || a.Places[0].Record != 4 || a.Places[0].Line != 4 || !strings.Contains(a.Places[0].Text, "shop:us") {
		t.Errorf("some are another's: %d %s", a.status, a.text)
	}
	a = r.push(pushing{token: c.Token, path: "/events?source=ndjson", body: madeUpEvents("shop:us", 100, 2), header: map[string]string{"Idempotency-Key": "b"}})
	if a.status != 403 || !strings.Contains(a.text, "body.record[1]") {
		t.Errorf("all are another's: %d %s", a.status, a.text)
	}
	// Once the sender is bound to it, the batch that was refused is taken.
	realms := []string{"shop:eu", "shop:us"}
	if _, err := r.ChangeCollector(t.Context(), operator(), c.Collector.ID, api.CollectorChange{Realms: &realms}, func(api.Collector) error { return nil }); err != nil {
		t.Fatal(err)
	}
	a = r.push(pushing{token: c.Token, path: "/events?source=ndjson", body: madeUpEvents("shop:us", 100, 2), header: map[string]string{"Idempotency-Key": "b"}})
	if a.status != 200 || a.Taken != 2 {
		t.Errorf("when they are its own: %d %s", a.status, a.text)
	}
	if n := r.counted()["all"]; n != 5 {
		t.Errorf("%d events are counted, want 5", n)
	}
	records, err := recordsOf(r.App)
	if err != nil || records[retinue.RecordActivityPushed] != 1 || records[retinue.RecordActivityRefused] != 1 {
		t.Errorf("%v, %v: want one record of each", records, err)
	}
}

func recordsOf(a *app.App) (map[retinue.RecordAction]int, error) {
	out := map[retinue.RecordAction]int{}
	err := a.View(context.Background(), store.Everything(), func(tx *app.Snapshot) error {
		for rec, err := range tx.Records(0) {
			if err != nil {
				return err
			}
			out[rec.Action]++
		}
		return nil
	})
	return out, err
}

// auditEvent is an event of a Kubernetes API server, which does not say of which
// cluster it is.
func auditEvent(id string) string {
	return `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"` + id + `","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/pay/secrets/db","verb":"get",` +
		`"user":{"username":"system:serviceaccount:pay:api","groups":["system:serviceaccounts"]},"sourceIPs":["10.0.0.7"],"userAgent":"app/1","objectRef":{"resource":"secrets","namespace":"pay","name":"db","apiVersion":"v1"},` +
		`"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"` + time.Now().UTC().Format("2006-01-02T15:04:05.000000Z") + `","stageTimestamp":"` + time.Now().UTC().Format("2006-01-02T15:04:05.000000Z") + `"}`
}

// TestRecordsThatNameNoSystem takes the system from the sender's own realm, or
// from the source.
func TestRecordsThatNameNoSystem(t *testing.T) {
	dir := t.TempDir()
	r := newReceiver(t, dir, filepath.Join(dir, "r.db"))
	list := func(id string) []byte {
		return []byte(`{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[` + auditEvent(id+"-1") + "," + auditEvent(id+"-2") + `]}`)
	}
	one := r.collector("one", "kubernetes:11111111-2222-3333-4444-555555555555")
	if a := r.push(pushing{token: one.Token, path: "/events/kubernetes", body: list("a")}); a.status != 200 || a.Taken != 2 || a.Records != 2 {
		t.Errorf("a sender with one cluster: %d %s", a.status, a.text)
	}
	all := r.collector("all", "kubernetes:*", "vault:*")
	if a := r.push(pushing{token: all.Token, path: "/events/kubernetes", body: list("b")}); a.status != 422 || !strings.Contains(a.text, "cluster-uid") {
		t.Errorf("a sender of many clusters: %d %s", a.status, a.text)
	}
	_, err := r.CreateSource(t.Context(), operator(), api.SourceInput{Kind: "kubernetes", Name: "prod", Target: "in-cluster", Options: map[string]string{"cluster-uid": "99999999-2222-3333-4444-555555555555"}})
	if err != nil {
		t.Fatal(err)
	}
	if a := r.push(pushing{token: all.Token, path: "/events/prod", body: list("c")}); a.status != 200 || a.Taken != 2 {
		t.Errorf("a source with the option: %d %s", a.status, a.text)
	}
	if a := r.push(pushing{token: one.Token, path: "/events/prod", body: list("d")}); a.status != 403 || !strings.Contains(a.text, "kubernetes:99999999") {
		t.Errorf("a source of another cluster: %d %s", a.status, a.text)
	}
}

// TestPushedEvidenceIsWeak forms the same verdict of a log that was pushed, and of
// one that somebody vouches for.
func TestPushedEvidenceIsWeak(t *testing.T) {
	dir := t.TempDir()
	r := newReceiver(t, dir, filepath.Join(dir, "r.db"))
	c := r.collector("shop", "shop:eu")
	body := madeUpEvents("shop:eu", 0, 40*3600/60)
	if a := r.push(pushing{token: c.Token, path: "/events?source=ndjson", body: body}); a.status != 200 || a.Faults+a.Refused != 0 {
		t.Fatalf("%d %s", a.status, a.text)
	}
	// Again later: it is one stretch with what came before.
	if a := r.push(pushing{token: c.Token, path: "/events?source=ndjson", body: madeUpEvents("shop:eu", 20_000, 10)}); a.Taken != 10 {
		t.Fatalf("%d %s", a.status, a.text)
	}
	coverage := func() (pushed []retinue.Coverage) {
		err := r.View(t.Context(), store.Everything(), func(tx *app.Snapshot) (err error) {
			pushed, err = tx.UsageCoverage("shop:eu")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return pushed
	}
	got := coverage()
	if len(got) != 1 || got[0].Proof != "" || got[0].Authenticated || got[0].To.Sub(got[0].From) != 20_009*time.Second {
		t.Fatalf("%+v: want one stretch without proof", got)
	}
	if g := r.gradeOf("shop:eu"); g != retinue.GradeC {
		t.Errorf("grade %s of what was pushed, want C", g)
	}
	// The same events from a file, with somebody's word for it that it is whole.
	path := filepath.Join(dir, "events.ndjson")
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := r.ImportActivity(t.Context(), []app.SourceConfig{{Name: "shop", Kind: "ndjson", Target: path}},
		app.ActivityOptions{Actor: operator().Actor, Complete: true, Getenv: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	// Somebody's word does not make the way in safe.
	if g := r.gradeOf("shop:eu"); g != retinue.GradeC {
		t.Errorf("grade %s of what was pushed and vouched for, want C", g)
	}
}

// gradeOf is the grade of the evidence on an identity of a realm, which is made
// known first.
func (r *receiver) gradeOf(realm retinue.Realm) retinue.Grade {
	r.t.Helper()
	spec := listedAccount(realm)
	r.Specs = append(r.Specs, spec.spec())
	runs, err := r.Scan(r.t.Context(), []app.SourceConfig{{Name: "listed", Kind: "listed"}}, app.ScanOptions{Actor: operator().Actor})
	if err != nil || runs[0].State != store.RunComplete {
		r.t.Fatalf("%+v, %v", runs, err)
	}
	if _, err := r.JudgeUsage(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	var row store.VerdictRow
	err = r.View(r.t.Context(), store.Everything(), func(tx *app.Snapshot) error {
		rows, err := tx.Verdicts(store.VerdictQuery{Type: retinue.FactIdentity})
		for _, v := range rows {
			if v.Name == "user-3" {
				row = v
			}
		}
		return err
	})
	if err != nil || row.LastUsed.IsZero() {
		r.t.Fatalf("%+v, %v: want a verdict with a last use", row, err)
	}
	return row.Grade
}

// waysOf counts the ways of use of the things that a query selects.
func (r *receiver) waysOf(q store.EntityQuery) (n int) {
	r.t.Helper()
	err := r.View(r.t.Context(), store.Everything(), func(tx *app.Snapshot) error {
		var ids []retinue.EntityID
		for e, err := range tx.Entities(q) {
			if err != nil {
				return err
			}
			ids = append(ids, e.ID)
		}
		for _, id := range ids {
			list, err := tx.Usage(id)
			if err != nil {
				return err
			}
			n += len(list)
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// TestSendersMakeNoEvidenceForOthers pushes events of the sender's own system that
// name an account of another: they count, and the account is as unused as before.
func TestSendersMakeNoEvidenceForOthers(t *testing.T) {
	dir := t.TempDir()
	r := newReceiver(t, dir, filepath.Join(dir, "r.db"))
	c := r.collector("shop", "shop:eu")
	body := bytes.ReplaceAll(madeUpEvents("shop:eu", 0, 40), []byte(`"identity":{"realm":"shop:eu"`), []byte(`"identity":{"realm":"shop:us"`))
	push := pushing{token: c.Token, path: "/events?source=ndjson", body: body}
	a := r.push(push)
	if a.status != 200 || a.Taken != 40 || a.Withheld != 40 || a.Refused+a.Faults != 0 || len(a.Places) == 0 || !strings.Contains(a.Places[0].Text, "shop:us/account/user-0") {
		t.Fatalf("%d %s", a.status, a.text)
	}
	records, err := recordsOf(r.App)
	if err != nil || records[retinue.RecordActivityRefused] != 1 {
		t.Errorf("%v, %v: want one record of names that were withheld", records, err)
	}
	r.Specs = append(r.Specs, listedAccount("shop:us").spec())
	runs, err := r.Scan(t.Context(), []app.SourceConfig{{Name: "listed", Kind: "listed"}}, app.ScanOptions{Actor: operator().Actor})
	if err != nil || runs[0].State != store.RunComplete {
		t.Fatalf("%+v, %v", runs, err)
	}
	if n := r.waysOf(store.EntityQuery{Type: retinue.FactIdentity}); n != 0 {
		t.Errorf("%d ways of use of another system's account", n)
	}
	// Once the sender speaks for both, its word counts, of events that come then.
	realms := []string{"shop:eu", "shop:us"}
	if _, err := r.ChangeCollector(t.Context(), operator(), c.Collector.ID, api.CollectorChange{Realms: &realms}, func(api.Collector) error { return nil }); err != nil {
		t.Fatal(err)
	}
	push.body = bytes.ReplaceAll(madeUpEvents("shop:eu", 100, 40), []byte(`"identity":{"realm":"shop:eu"`), []byte(`"identity":{"realm":"shop:us"`))
	if a := r.push(push); a.Taken != 40 || a.Withheld != 0 {
		t.Errorf("a sender of both systems: %d %s", a.status, a.text)
	}
	if n := r.waysOf(store.EntityQuery{Type: retinue.FactIdentity}); n != 1 {
		t.Errorf("%d ways of use once the sender speaks for both, want one", n)
	}
}
