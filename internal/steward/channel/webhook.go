package channel

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/outlet"
)

func webhookKind() Kind {
	return Kind{Name: "webhook", Title: "Webhook", Says: "A signed POST of JSON, in the form of Standard Webhooks.",
		Fields: []outlet.Field{
			{Name: "url", Says: "the https address that messages are posted to", Required: true},
			{Name: "key", Secret: true, Required: true, Says: "the signing key: whsec_ and base64, or at least 24 characters"},
			{Name: "previous-key", Secret: true, Says: "the key before, while receivers move to the new one: messages carry both signatures"},
		}, open: openWebhook}
}

// webhook posts messages signed as https://www.standardwebhooks.com says:
// HMAC-SHA-256 over "id.timestamp.body", in base64 after "v1,".
type webhook struct {
	c    outlet.Config
	keys [][]byte
}

func openWebhook(c outlet.Config) (Sender, error) {
	if err := outlet.HTTPSURL("options.url", c.Options["url"]); err != nil {
		return nil, err
	}
	w := &webhook{c: c}
	for _, name := range []string{"key", "previous-key"} {
		v := c.Secrets[name].Reveal()
		if v == "" {
			continue
		}
		key, err := SigningKey(v)
		if err != nil {
			return nil, outlet.Invalid("secrets."+name, "want whsec_ and base64, or at least 24 characters")
		}
		w.keys = append(w.keys, key)
	}
	return w, nil
}

// SigningKey reads the key of a webhook: "whsec_" and base64, or text of at
// least 24 bytes.
func SigningKey(v string) ([]byte, error) {
	key := []byte(v)
	if rest, ok := strings.CutPrefix(v, "whsec_"); ok {
		var err error
		if key, err = base64.StdEncoding.DecodeString(rest); err != nil {
			return nil, fmt.Errorf("%w: signing key: what follows whsec_ is not base64", retinue.ErrInvalid)
		}
	}
	if len(key) < 24 {
		return nil, fmt.Errorf("%w: signing key: shorter than 24 bytes", retinue.ErrInvalid)
	}
	return key, nil
}

// Signature signs the body of a webhook.
func Signature(key []byte, id string, at time.Time, body []byte) string {
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "%s.%d.", id, at.Unix())
	h.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// signatureAge is how far a webhook's time may be off.
const signatureAge = 5 * time.Minute

// VerifySignature checks a request that is signed as ours are.
func VerifySignature(keys [][]byte, header http.Header, body []byte, now time.Time) error {
	id := header.Get("Webhook-Id")
	sec, err := strconv.ParseInt(header.Get("Webhook-Timestamp"), 10, 64)
	if id == "" || err != nil {
		return fmt.Errorf("%w: the request is not signed: it lacks webhook-id or webhook-timestamp", retinue.ErrDenied)
	}
	at := time.Unix(sec, 0)
	if d := now.Sub(at); d > signatureAge || d < -signatureAge {
		return fmt.Errorf("%w: the request was signed more than five minutes ago, or ahead", retinue.ErrDenied)
	}
	ok := false
	for s := range strings.FieldsSeq(header.Get("Webhook-Signature")) {
		for _, key := range keys {
			if hmac.Equal([]byte(s), []byte(Signature(key, id, at, body))) {
				ok = true
			}
		}
	}
	if !ok {
		return fmt.Errorf("%w: the signature of the request is wrong", retinue.ErrDenied)
	}
	return nil
}

// webhookBody is the body of a webhook: a contract.
type webhookBody struct {
	Type      string    `json:"type"` // notice.raised, notice.escalated, …
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		Message string `json:"message"`
		Notices []Item `json:"notices"`
		More    int    `json:"more,omitempty"`
	} `json:"data"`
}

// Send implements Sender.
func (w *webhook) Send(ctx context.Context, m Message, _ string) (string, error) {
	b := webhookBody{Type: "notice." + string(m.Event), Timestamp: m.At.UTC()}
	b.Data.Message, b.Data.Notices, b.Data.More = m.ID, m.Items, m.More
	raw, err := json.Marshal(b)
	if err != nil {
		return "", fmt.Errorf("%w: encode message: %v", retinue.ErrInvalid, err)
	}
	now := w.c.Now()
	var signatures []string
	for _, k := range w.keys {
		signatures = append(signatures, Signature(k, m.ID, now, raw))
	}
	h := http.Header{}
	h.Set("Webhook-Id", m.ID)
	h.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	h.Set("Webhook-Signature", strings.Join(signatures, " "))
	status, _, err := outlet.Post(ctx, w.c, w.c.Options["url"], h, raw)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("HTTP %d", status), nil
}
