package app

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/web/api"
)

// slowTaker takes parts once it is let.
type slowTaker struct {
	let   chan struct{}
	parts [][]byte
}

func (*slowTaker) Position(context.Context, string, string) (p api.ActivityPosition, err error) {
	return p, nil
}

func (s *slowTaker) Take(_ context.Context, _, _ string, part []byte) (api.TakenActivity, error) {
	<-s.let
	s.parts = append(s.parts, part)
	return api.TakenActivity{}, nil
}

func (s *slowTaker) open(t *testing.T) *handInSink {
	t.Helper()
	h, err := newHandInSink(t.Context(), SourceConfig{Name: "log", Kind: "ndjson"}, ActivityOptions{}, s, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestNothingFollowsALostPart: where a part could not be handed on because the
// run was ending, none that follows it is sent, which would take the reading past
// what is missing.
func TestNothingFollowsALostPart(t *testing.T) {
	to := &slowTaker{let: make(chan struct{})}
	h := to.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	lost := make(chan error)
	go func() {
		for i := range 20 {
			err := h.Batch(ctx, connector.Batch{Input: "a", Events: make([]retinue.Event, connector.MaxActivityBatch), Position: connector.Position{Offset: int64(i + 1)}})
			if err != nil {
				lost <- err
				return
			}
		}
		lost <- nil
	}()
	for len(h.parts) < partsAhead { // one is being sent, the others wait
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-lost; !errors.Is(err, context.Canceled) {
		t.Fatalf("a part that nobody takes: %v", err)
	}
	if err := h.Batch(t.Context(), connector.Batch{Input: "a", Events: make([]retinue.Event, 1), Position: connector.Position{Offset: 99}}); !errors.Is(err, context.Canceled) {
		t.Errorf("after it: %v", err)
	}
	close(to.let)
	if err := h.close(); !errors.Is(err, context.Canceled) {
		t.Errorf("closed: %v", err)
	}
	for _, part := range to.parts {
		if strings.Contains(plain(t, part), `"offset":99`) {
			t.Error("what follows the lost part was sent")
		}
	}
}

func plain(t *testing.T, part []byte) string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(part))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestEventsThatCannotBeWrittenAreFaults: a time that JSON cannot hold costs its
// event, and nothing else.
func TestEventsThatCannotBeWrittenAreFaults(t *testing.T) {
	to := &slowTaker{let: make(chan struct{})}
	close(to.let)
	h := to.open(t)
	far := time.Date(50_000, 1, 1, 0, 0, 0, 0, time.UTC)
	events := []retinue.Event{{Log: "l", ID: "bad", At: far}, {Log: "l", ID: "good", At: time.Unix(1e9, 0)}}
	if err := h.Batch(t.Context(), connector.Batch{Input: "a", Label: "a.log", Events: events, Places: []int64{4, 5}, Position: connector.Position{Offset: 2}}); err != nil {
		t.Fatal(err)
	}
	h.Fault(connector.Fault{Input: "a", Label: "a.log", From: far, To: far, Err: errors.New("torn")})
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	text := plain(t, to.parts[0])
	if r := h.result(); r.Faults != 2 || strings.Contains(text, `"bad"`) || !strings.Contains(text, `"good"`) || !strings.Contains(text, `"places":[5]`) ||
		!strings.Contains(text, `"line":4`) || !strings.Contains(text, `"text":"torn"`) {
		t.Errorf("%+v: %s", r, text)
	}
}
