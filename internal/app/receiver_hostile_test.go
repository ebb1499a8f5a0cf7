package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/web/api"
)

// TestSignedPushes takes what is signed with the collector's key, lately.
func TestSignedPushes(t *testing.T) {
	eachStore(t, func(t *testing.T, dir, db string) {
		r := newReceiver(t, dir, db)
		c := r.collector("shop", "shop:eu")
		body := madeUpEvents("shop:eu", 0, 5)
		path := "/hooks/events/" + string(c.Collector.ID) + "?source=ndjson"
		sign := func(key string, at time.Time, body []byte) map[string]string {
			return map[string]string{"X-Retinue-Signature": app.SignHook(key, at, body)}
		}
		if a := r.push(pushing{path: path, body: body, header: sign("", time.Now(), body)}); a.status != 403 {
			t.Errorf("without a key: %d %s", a.status, a.text)
		}
		key, err := r.SetSigningKey(t.Context(), operator(), c.Collector.ID)
		if err != nil || !strings.HasSuffix(r.url+path, strings.TrimPrefix(key.Path, api.Base)+"?source=ndjson") {
			t.Fatalf("%+v, %v", key.Path, err)
		}
		now := time.Now()
		for name, header := range map[string]map[string]string{
			"no signature": {}, "another key": sign("x"+key.Key, now, body), "another body": sign(key.Key, now, body[1:]),
			"an hour ago": sign(key.Key, now.Add(-time.Hour), body), "in an hour": sign(key.Key, now.Add(time.Hour), body),
		} {
			if a := r.push(pushing{path: path, body: body, header: header}); a.status != 403 {
				t.Errorf("%s: %d %s", name, a.status, a.text)
			}
		}
		if a := r.push(pushing{path: "/hooks/events/col_none?source=ndjson", body: body, header: sign(key.Key, now, body)}); a.status != 403 {
			t.Errorf("nobody: %d %s", a.status, a.text)
		}
		if n := r.counted()["all"]; n != 0 {
			t.Fatalf("%d events are counted, want none", n)
		}
		packed := gzipped(body)
		header := sign(key.Key, now, packed)
		header["Content-Encoding"] = "gzip"
		if a := r.push(pushing{path: path, body: packed, header: header}); a.status != 200 || a.Taken != 5 {
			t.Errorf("signed: %d %s", a.status, a.text)
		}
		if a := r.push(pushing{path: path, body: packed, header: header}); a.status != 200 || a.Repeated != 5 {
			t.Errorf("replayed: %d %s", a.status, a.text)
		}
		if err := r.RemoveSigningKey(t.Context(), operator(), c.Collector.ID); err != nil {
			t.Fatal(err)
		}
		if a := r.push(pushing{path: path, body: packed, header: header}); a.status != 403 {
			t.Errorf("with a key that was removed: %d %s", a.status, a.text)
		}
	})
}

// TestHostilePushes sends what must not be taken.
func TestHostilePushes(t *testing.T) {
	dir := t.TempDir()
	r := newReceiver(t, dir, filepath.Join(dir, "r.db"))
	c := r.collector("shop", "shop:eu")
	good := madeUpEvents("shop:eu", 0, 4000)
	packed := gzipped(good)
	for _, s := range []struct {
		name   string
		p      pushing
		status int
		says   string
	}{
		{"nobody", pushing{path: "/events?source=ndjson", body: good}, 401, ""},
		{"no source", pushing{token: c.Token, path: "/events", body: good}, 422, "query.source"},
		{"an unknown source", pushing{token: c.Token, path: "/events?source=nothing", body: good}, 404, "ndjson"},
		{"a kind without logs", pushing{token: c.Token, path: "/events?source=repo", body: good}, 404, ""},
		{"another encoding", pushing{token: c.Token, path: "/events?source=ndjson", body: good, header: map[string]string{"Content-Encoding": "br"}}, 415, "gzip"},
		{"garbage", pushing{token: c.Token, path: "/events?source=ndjson", body: []byte("{\"x\":\n\n{]\x00")}, 422, "body.record[1]"},
		{"records of another kind", pushing{token: c.Token, path: "/events?source=aws", body: good}, 422, "body.record[1]"},
		{"too much", pushing{token: c.Token, path: "/events?source=ndjson", body: make([]byte, api.MaxPush+1)}, 413, ""},
		{"a bomb", pushing{token: c.Token, path: "/events?source=ndjson", body: gzipped(bytes.Repeat([]byte(" "), 200<<20))}, 413, "uncompressed"},
		{"a long batch id", pushing{token: c.Token, path: "/events?source=ndjson", body: good, header: map[string]string{"Idempotency-Key": strings.Repeat("x", 300)}}, 422, ""},
		{"cut", pushing{token: c.Token, path: "/events?source=ndjson", body: packed[:len(packed)/2], header: map[string]string{"Idempotency-Key": "cut"}}, 400, "were counted"},
	} {
		if a := r.push(s.p); a.status != s.status || !strings.Contains(a.text, s.says) {
			t.Errorf("%s: %d %.600s", s.name, a.status, a.text)
		}
	}
	before := r.counted()["all"]
	if before < 1000 || before >= 4000 {
		t.Errorf("%d events before the cut are counted", before)
	}
	mixed := append([]byte("{\"log\":1}\n{\"half\": \n"), good...)
	if a := r.push(pushing{token: c.Token, path: "/events?source=ndjson", body: mixed}); a.status != 200 || a.Faults != 2 || a.Taken != 4000-before || a.Places[0].Record != 1 || a.Places[1].Line != 2 {
		t.Errorf("two bad lines: %d %s", a.status, a.text)
	}
	if a := r.push(pushing{token: c.Token, path: "/events?source=ndjson"}); a.status != 200 || a.Records != 0 {
		t.Errorf("nothing: %d %s", a.status, a.text)
	}
	if err := r.RevokeCollector(t.Context(), operator(), c.Collector.ID); err != nil {
		t.Fatal(err)
	}
	if a := r.push(pushing{token: c.Token, path: "/events?source=ndjson", body: good}); a.status != 403 && a.status != 401 {
		t.Errorf("a collector that was revoked: %d %s", a.status, a.text)
	}
}

// TestFirehose answers Amazon Data Firehose as it wants it.
func TestFirehose(t *testing.T) {
	dir := t.TempDir()
	r := newReceiver(t, dir, filepath.Join(dir, "r.db"))
	c := r.collector("shop", "shop:eu")
	body, err := json.Marshal(map[string]any{"requestId": "r-1", "timestamp": 1, "records": []map[string][]byte{{"data": gzipped(madeUpEvents("shop:eu", 0, 3))}, {"data": madeUpEvents("shop:eu", 3, 3)}}})
	if err != nil {
		t.Fatal(err)
	}
	header := map[string]string{"X-Amz-Firehose-Request-Id": "r-1"}
	a := r.push(pushing{token: c.Token, path: "/events?source=ndjson", body: body, header: header})
	if a.status != 200 || a.Taken != 6 || a.RequestID != "r-1" || a.Timestamp == 0 || a.head.Get("Content-Type") != "application/json" {
		t.Errorf("%d %s", a.status, a.text)
	}
	if a := r.push(pushing{token: c.Token, path: "/events?source=ndjson", body: body, header: header}); a.Repeated != 6 {
		t.Errorf("again: %d %s", a.status, a.text)
	}
	a = r.push(pushing{token: c.Token, path: "/events?source=ndjson", body: []byte("x"), header: header})
	if a.status != 422 || !strings.Contains(a.text, `"errorMessage":`) || !strings.Contains(a.text, `"requestId":"r-1"`) {
		t.Errorf("no delivery: %d %s", a.status, a.text)
	}
}

// TestPushesAreBounded turns a sender away that has too much on its way, and
// takes others in meanwhile.
func TestPushesAreBounded(t *testing.T) {
	dir := t.TempDir()
	r := newReceiver(t, dir, filepath.Join(dir, "r.db"))
	slow, other := r.collector("slow", "shop:eu"), r.collector("other", "shop:us")
	begun := make(chan struct{}, 8)
	var ends []*io.PipeWriter
	var group sync.WaitGroup
	for range 4 {
		body, w := io.Pipe()
		ends = append(ends, w)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/events?source=ndjson", &firstRead{Reader: body, began: begun})
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+slow.Token)
		group.Go(func() {
			res, err := http.DefaultClient.Do(req)
			if err != nil || res.StatusCode != 200 {
				t.Errorf("a slow push: %+v, %v", res, err)
				return
			}
			_ = res.Body.Close()
		})
	}
	for range 4 {
		<-begun
	}
	for _, w := range ends {
		if _, err := w.Write([]byte(" ")); err != nil {
			t.Fatal(err)
		}
	}
	a := r.push(pushing{token: slow.Token, path: "/events?source=ndjson", body: madeUpEvents("shop:eu", 0, 1)})
	for a.status == 200 { // the slow ones had not come to their turn
		a = r.push(pushing{token: slow.Token, path: "/events?source=ndjson", body: madeUpEvents("shop:eu", 0, 1)})
	}
	if a.status != 429 || a.head.Get("Retry-After") != "10" {
		t.Errorf("a fifth push: %d %v %s", a.status, a.head, a.text)
	}
	if a := r.push(pushing{token: other.Token, path: "/events?source=ndjson", body: madeUpEvents("shop:us", 0, 1)}); a.status != 200 {
		t.Errorf("another sender: %d %s", a.status, a.text)
	}
	for _, w := range ends {
		_ = w.Close()
	}
	group.Wait()
}

// firstRead tells when it is first read.
type firstRead struct {
	io.Reader
	began chan<- struct{}
	once  sync.Once
}

// Read implements io.Reader.
func (f *firstRead) Read(p []byte) (int, error) {
	f.once.Do(func() { f.began <- struct{}{} })
	return f.Reader.Read(p)
}

// TestManyRecordsAtOnce pushes a hundred thousand records, of which the sender
// loses patience half way.
func TestManyRecordsAtOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, dir, db string) {
		r := newReceiver(t, dir, db)
		c := r.collector("shop", "shop:eu")
		const n = 100_000
		body := gzipped(madeUpEvents("shop:eu", 0, n))
		p := pushing{token: c.Token, path: "/events?source=ndjson", body: body, header: map[string]string{"Content-Encoding": "gzip", "Idempotency-Key": "big"}}
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			if _, err := r.send(ctx, p); err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}()
		for r.counted()["all"] == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
		<-gone
		a := r.push(p)
		if a.status != 200 || a.Events != n || a.Taken+a.Repeated != n || a.Records != n {
			t.Errorf("%d %s", a.status, a.text)
		}
		if got := r.counted()["all"]; got != n {
			t.Errorf("%d events are counted, want %d", got, n)
		}
		if a := r.push(p); a.Repeated != n {
			t.Errorf("again: %d %s", a.status, a.text)
		}
	})
}
