package channel

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/outlet"
)

var at = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// hostile is what an attacker might name an identity.
const hostile = "evil <!channel> <script>alert(1)</script> [x](https://bad.example) \u202ekcab\x07"

func message(n int) Message {
	m := Message{ID: "msg_1", Event: Raised, At: at, Console: "https://retinue.example/notices"}
	for range n {
		m.Items = append(m.Items, Item{Notice: "ntc_1", Kind: "finding.opened", Severity: retinue.SeverityHigh, Title: hostile, Text: "text " + hostile,
			URL: "https://retinue.example/findings/fnd_1", Subject: hostile, Source: "aws-prod", RaisedAt: at, Occasion: 1})
	}
	return m
}

// receiver is a server that keeps what it got.
type receiver struct {
	*httptest.Server
	header http.Header
	body   []byte
	bodies [][]byte
}

func serve(t *testing.T, status int, answer string) *receiver {
	r := &receiver{}
	r.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.header = req.Header.Clone()
		r.body, _ = io.ReadAll(req.Body)
		r.bodies = append(r.bodies, r.body)
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "7")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) open(t *testing.T, kind string, options map[string]string, secrets map[string]string) Sender {
	t.Helper()
	k, ok := Find(kind)
	if !ok {
		t.Fatal(kind)
	}
	s, err := k.Open(config(r, options, secrets))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func config(r *receiver, options, secrets map[string]string) outlet.Config {
	c := outlet.Config{Options: options, Secrets: map[string]retinue.Secret{}, Now: func() time.Time { return at }, Agent: "retinue/test"}
	for k, v := range secrets {
		c.Secrets[k] = retinue.NewSecret(v)
	}
	if r != nil {
		c.HTTP, c.Endpoint = r.Client(), r.URL
	}
	return c
}

func key(letter string) string { return strings.Repeat(letter, 32) }

func TestWebhookIsSignedAsStandardWebhooksSays(t *testing.T) {
	r := serve(t, 204, "")
	s := r.open(t, "webhook", map[string]string{"url": r.URL}, map[string]string{"key": "whsec_" + base64.StdEncoding.EncodeToString([]byte(key("n"))), "previous-key": key("o")})
	receipt, err := s.Send(t.Context(), message(1), "")
	if err != nil || receipt != "HTTP 204" {
		t.Fatal(receipt, err)
	}
	for _, k := range []string{key("n"), key("o")} {
		if err := VerifySignature([][]byte{[]byte(k)}, r.header, r.body, at.Add(time.Minute)); err != nil {
			t.Errorf("with the key %q…: %v", k[:1], err)
		}
	}
	for name, err := range map[string]error{
		"another key":  VerifySignature([][]byte{[]byte(key("x"))}, r.header, r.body, at),
		"another body": VerifySignature([][]byte{[]byte(key("n"))}, r.header, append([]byte(" "), r.body...), at),
		"too old":      VerifySignature([][]byte{[]byte(key("n"))}, r.header, r.body, at.Add(6*time.Minute)),
		"from ahead":   VerifySignature([][]byte{[]byte(key("n"))}, r.header, r.body, at.Add(-6*time.Minute)),
		"unsigned":     VerifySignature([][]byte{[]byte(key("n"))}, http.Header{}, r.body, at),
	} {
		if !errors.Is(err, retinue.ErrDenied) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var body struct {
		Type string
		Data struct{ Notices []Item }
	}
	if err := json.Unmarshal(r.body, &body); err != nil || body.Type != "notice.raised" || len(body.Data.Notices) != 1 {
		t.Errorf("body: %s %v", r.body, err)
	}
}

// TestSignatureVector is the example of the specification, whose key is made
// of pieces so that no scanner takes this file for a leak.
func TestSignatureVector(t *testing.T) {
	k, err := SigningKey("whsec_" + "MfKQ9r8GKYqrTwjUPD8" + "ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	got := Signature(k, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Error(got)
	}
}

func TestSlack(t *testing.T) {
	r := serve(t, 200, `{"ok":true,"channel":"C1","ts":"1.2"}`)
	s := r.open(t, "slack", map[string]string{"channel": "C1"}, map[string]string{"token": key("t")})
	receipt, err := s.Send(t.Context(), message(60), "C2")
	if err != nil || receipt != "C1 1.2" {
		t.Fatal(receipt, err)
	}
	if got := r.header.Get("Authorization"); got != "Bearer "+key("t") {
		t.Errorf("authorization %q", got)
	}
	var m slackMessage
	if err := json.Unmarshal(r.body, &m); err != nil {
		t.Fatal(err)
	}
	if m.Channel != "C2" || len(m.Blocks) > 50 {
		t.Errorf("channel %s, %d blocks", m.Channel, len(m.Blocks))
	}
	for _, b := range m.Blocks {
		if b.Text != nil && b.Text.Type == "mrkdwn" && (strings.Contains(b.Text.Text, "<!") || strings.Contains(b.Text.Text, "<script") || len(b.Text.Text) > 3000) {
			t.Errorf("markup got through: %s", b.Text.Text)
		}
	}
	if last := m.Blocks[len(m.Blocks)-1]; !strings.Contains(last.Text.Text, "and 40 more") {
		t.Errorf("last block: %+v", last.Text)
	}
	for word, kind := range map[string]error{"invalid_auth": retinue.ErrDenied, "ratelimited": retinue.ErrUnavailable, "invalid_blocks": retinue.ErrInvalid} {
		r := serve(t, 200, `{"ok":false,"error":"`+word+`"}`)
		_, err := r.open(t, "slack", map[string]string{"channel": "C1"}, map[string]string{"token": key("t")}).Send(t.Context(), message(1), "")
		if !errors.Is(err, kind) {
			t.Errorf("%s: %v", word, err)
		}
	}
}

func TestSlackWebhookAndTeamsPostTheirForms(t *testing.T) {
	r := serve(t, 200, "ok")
	if _, err := r.open(t, "slack-webhook", nil, map[string]string{"url": r.URL}).Send(t.Context(), message(1), ""); err != nil {
		t.Fatal(err)
	}
	var s slackMessage
	if err := json.Unmarshal(r.body, &s); err != nil || s.Text == "" || len(s.Blocks) != 3 {
		t.Errorf("%s %v", r.body, err)
	}
	r = serve(t, 202, "")
	if _, err := r.open(t, "teams", nil, map[string]string{"url": r.URL}).Send(t.Context(), message(60), ""); err != nil {
		t.Fatal(err)
	}
	var m teamsMessage
	if err := json.Unmarshal(r.body, &m); err != nil {
		t.Fatal(err)
	}
	a := m.Attachments[0]
	if m.Type != "message" || a.ContentType != "application/vnd.microsoft.card.adaptive" || a.Content.Type != "AdaptiveCard" || len(a.Content.Actions) != 1 {
		t.Errorf("%+v", m)
	}
	if len(r.body) > 28<<10 {
		t.Errorf("a card of %d bytes", len(r.body))
	}
	if strings.Contains(string(r.body), "](https") {
		t.Error("a link of Markdown got through")
	}
}

func TestPagerDutyFollowsANotice(t *testing.T) {
	r := serve(t, 202, `{"status":"success"}`)
	s := r.open(t, "pagerduty", nil, map[string]string{"routing-key": key("r")})
	for event, want := range map[Event]string{Raised: "trigger", Escalated: "trigger", Acknowledged: "acknowledge", Resolved: "resolve"} {
		m := message(2)
		m.Event = event
		if _, err := s.Send(t.Context(), m, ""); err != nil {
			t.Fatal(err)
		}
		var e pagerdutyEvent
		if err := json.Unmarshal(r.body, &e); err != nil {
			t.Fatal(err)
		}
		if e.Action != want || e.DedupKey != "ntc_1" || e.RoutingKey != key("r") || (want == "trigger") != (e.Payload != nil) {
			t.Errorf("%s: %s", event, r.body)
		}
	}
	if len(r.bodies) != 8 {
		t.Errorf("%d events", len(r.bodies))
	}
}

func TestRefusalsAreSorted(t *testing.T) {
	for status, kind := range map[int]error{400: retinue.ErrInvalid, 401: retinue.ErrDenied, 404: retinue.ErrUnavailable, 413: retinue.ErrInvalid,
		429: retinue.ErrUnavailable, 500: retinue.ErrUnavailable, 503: retinue.ErrUnavailable} {
		r := serve(t, status, "no\x1b[31m"+strings.Repeat("x", 5000))
		_, err := r.open(t, "webhook", map[string]string{"url": r.URL}, map[string]string{"key": key("k")}).Send(t.Context(), message(1), "")
		if !errors.Is(err, kind) {
			t.Errorf("%d: %v", status, err)
		}
		if len(err.Error()) > 400 || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%d: %q", status, err)
		}
		if (status == 429) != (outlet.RetryAfter(err) == 7*time.Second) {
			t.Errorf("%d: retry after %v", status, outlet.RetryAfter(err))
		}
	}
}

func TestErrorsHoldNoSecret(t *testing.T) {
	secret := "planted" + "-in-an-address"
	dead := httptest.NewTLSServer(http.NotFoundHandler())
	client := dead.Client()
	dead.Close()
	for _, kind := range []string{"slack-webhook", "teams"} {
		k, _ := Find(kind)
		c := config(nil, nil, map[string]string{"url": dead.URL + "/" + secret})
		c.HTTP = client
		s, err := k.Open(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = s.Send(t.Context(), message(1), ""); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", kind, err)
		}
		_, err = k.Open(config(nil, nil, map[string]string{"url": "http://x/" + secret}))
		if !errors.Is(err, retinue.ErrInvalid) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		kind             string
		options, secrets map[string]string
		field            string
	}{
		"unknown option":  {"webhook", map[string]string{"url": "https://x", "urll": "x"}, map[string]string{"key": key("k")}, "options.urll"},
		"unknown secret":  {"webhook", map[string]string{"url": "https://x"}, map[string]string{"key": key("k"), "kee": "x"}, "secrets.kee"},
		"missing secret":  {"webhook", map[string]string{"url": "https://x"}, nil, "secrets.key"},
		"short key":       {"webhook", map[string]string{"url": "https://x"}, map[string]string{"key": "short"}, "secrets.key"},
		"not https":       {"webhook", map[string]string{"url": "http://x"}, map[string]string{"key": key("k")}, "options.url"},
		"password in URL": {"webhook", map[string]string{"url": "https://u:" + "p@x"}, map[string]string{"key": key("k")}, "options.url"},
		"region":          {"pagerduty", map[string]string{"region": "mars"}, map[string]string{"routing-key": key("k")}, "options.region"},
		"port":            {"email", map[string]string{"host": "h", "port": "0", "from": "a@example.com"}, nil, "options.port"},
		"from":            {"email", map[string]string{"host": "h", "from": "nobody"}, nil, "options.from"},
		"header in from":  {"email", map[string]string{"host": "h", "from": "a@example.com\r\nBcc: b@example.com"}, nil, "options.from"},
	} {
		k, _ := Find(c.kind)
		_, err := k.Open(config(nil, c.options, c.secrets))
		var f *retinue.FieldError
		if !errors.As(err, &f) || f.Field != c.field || !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKindsSayWhatTheyAre(t *testing.T) {
	for _, k := range Kinds() {
		if k.Title == "" || k.Says == "" || k.open == nil {
			t.Errorf("%s is not described", k.Name)
		}
		for _, f := range k.Fields {
			if f.Says == "" {
				t.Errorf("%s: %s is not described", k.Name, f.Name)
			}
		}
	}
}
