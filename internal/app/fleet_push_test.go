package app_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/client"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/ingest"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/web/api"
)

// byToken knows collectors by their tokens.
type byToken struct{ app *app.App }

// Authenticate implements api.Authenticator.
func (b byToken) Authenticate(r *http.Request) (auth.Caller, error) {
	word, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	hash, err := auth.ParseToken(word)
	if err != nil {
		return auth.Caller{}, nil
	}
	var t store.Token
	err = b.app.View(r.Context(), store.Everything(), func(tx *app.Snapshot) (err error) {
		t, err = tx.TokenByHash(hash)
		return err
	})
	return auth.Caller{Kind: auth.KindCollector, Actor: retinue.Actor{Kind: "collector", Name: t.Name}, Token: t.ID, Realms: t.Realms,
		Bindings: []auth.Binding{{Role: auth.RoleAdmin, Scope: store.Everything()}}, Limit: &auth.Limit{Scope: t.Scope, Permissions: []auth.Permission{auth.PermIngestWrite}}}, err
}

// crowd states policies with documents that do not compress.
type crowd int

func (crowd) Check(context.Context) (connector.Access, error) {
	return connector.Access{Realm: "test:crowd"}, nil
}
func (crowd) Close() error { return nil }
func (n crowd) Discover(_ context.Context, req connector.Request, sink connector.Sink) error {
	scope := retinue.NewScope("test:crowd", "accounts")
	for i := range n {
		var b [32 << 10]byte
		_, _ = rand.Read(b[:])
		if err := sink.Emit(scope, retinue.Policy{Ref: retinue.NewRef("test:crowd", "policy", fmt.Sprint(i)), Document: `{"x":"` + hex.EncodeToString(b[:]) + `"}`, Language: retinue.LanguageAWSIAM}); err != nil {
			return err
		}
	}
	return sink.Complete(scope, connector.Completion{ObservedAt: req.Now, Basis: "everything"})
}

// TestPushGoesOn interrupts a push again and again: the server goes away, the
// client gives up and begins anew, and no chunk that has come is sent again.
func TestPushGoesOn(t *testing.T) {
	eachStore(t, func(t *testing.T, dir, db string) {
		cfg := app.Config{Database: db, KeyFile: filepath.Join(dir, "key"), SigningKeyFile: filepath.Join(dir, "sign")}
		s := serve(t, cfg, app.Options{Specs: newWatched().spec()})
		made, err := s.CreateCollector(t.Context(), operator(), api.CollectorInput{Name: "dc", Realms: []string{"test:crowd"}})
		if err != nil {
			t.Fatal(err)
		}
		handler, err := s.API(byToken{s.App})
		if err != nil {
			t.Fatal(err)
		}
		var chunks, left atomic.Int64
		left.Store(2) // chunks until the server goes away
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut {
				if left.Add(-1) < 0 {
					panic(http.ErrAbortHandler) // the connection breaks
				}
				chunks.Add(1)
			}
			handler.ServeHTTP(w, r)
		}))
		defer srv.Close()
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		w := ingest.NewHandInWriter(z)
		const policies = 128
		if _, err := w.Write(t.Context(), "test", "crowd", "", crowd(policies), time.Now); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Close(), z.Close()); err != nil {
			t.Fatal(err)
		}
		data := bytes.NewReader(b.Bytes())
		c, err := client.New(srv.URL, client.Options{Token: retinue.NewSecret(made.Token)})
		if err != nil {
			t.Fatal(err)
		}
		var h client.HandIn
		for try := range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			h, err = c.SendHandIn(ctx, data, data.Size(), client.HandInOptions{Program: "test", Host: "box"})
			cancel()
			if err == nil {
				break
			}
			t.Logf("try %d: %d chunks have come: %v", try+1, chunks.Load(), err)
			left.Store(2)
		}
		if err != nil || h.Chunks < 4 {
			t.Fatalf("%+v, %v: want at least four chunks, sent", h, err)
		}
		if n := chunks.Load(); n != h.Chunks {
			t.Errorf("%d chunks were sent, want each of %d once", n, h.Chunks)
		}
		h, err = c.AwaitHandIn(t.Context(), h.ID)
		if err != nil || h.State != "done" || len(h.Runs) != 1 || h.Runs[0].Facts != policies || h.Runs[0].State != "complete" {
			t.Fatalf("%+v, %v", h, err)
		}
		left.Store(1000)
		// The same again is a new hand-in that changes nothing.
		h, err = c.SendHandIn(t.Context(), data, 1, client.HandInOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if h, err = c.AwaitHandIn(t.Context(), h.ID); err != nil || h.State != "failed" {
			t.Errorf("a hand-in that was cut off: %+v, %v", h, err)
		}
		list, err := s.ListSources(t.Context(), store.Everything())
		if err != nil || len(list) != 1 || list[0].Name != "dc/crowd" || list[0].Last.Counts.Facts != policies {
			t.Errorf("%s, %v", fmt.Sprint(list), err)
		}
	})
}
