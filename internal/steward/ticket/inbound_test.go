package ticket

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
)

func hub(secret, body string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(h.Sum(nil))
}

func TestInbound(t *testing.T) {
	secret := strings.Repeat("w", 32)
	header := func(kv ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(kv); i += 2 {
			h.Set(kv[i], kv[i+1])
		}
		return h
	}
	gh := `{"action":"closed","issue":{"number":7,"state":"closed"}}`
	gl := `{"object_kind":"issue","object_attributes":{"iid":7,"state":"opened"},"assignees":[{"id":1}]}`
	ji := `{"webhookEvent":"jira:issue_updated","issue":{"key":"OPS-7","fields":{"status":{"statusCategory":{"key":"indeterminate"}}}}}`
	sn := `{"sys_id":"abc","state":"6"}`
	for _, c := range []struct {
		name, kind, body string
		header           http.Header
		want             Change
		err              error
	}{
		{"github", "github", gh, header("X-Hub-Signature-256", hub(secret, gh), "X-Github-Event", "issues"), Change{"7", Closed}, nil},
		{"github, another event", "github", gh, header("X-Hub-Signature-256", hub(secret, gh), "X-Github-Event", "issue_comment"), Change{}, nil},
		{"github, unsigned", "github", gh, header("X-Github-Event", "issues"), Change{}, retinue.ErrDenied},
		{"github, another secret", "github", gh, header("X-Hub-Signature-256", hub("x", gh), "X-Github-Event", "issues"), Change{}, retinue.ErrDenied},
		{"gitlab", "gitlab", gl, header("X-Gitlab-Token", secret), Change{"7", Working}, nil},
		{"gitlab, another token", "gitlab", gl, header("X-Gitlab-Token", secret+"x"), Change{}, retinue.ErrDenied},
		{"jira", "jira", ji, header("X-Hub-Signature", hub(secret, ji)), Change{"OPS-7", Working}, nil},
		{"jira, no JSON", "jira", "x", header("X-Hub-Signature", hub(secret, "x")), Change{}, retinue.ErrInvalid},
		{"servicenow", "servicenow", sn, header(), Change{"abc", Closed}, nil},
		{"a channel without tickets", "slack", sn, header(), Change{}, retinue.ErrUnsupported},
	} {
		got, err := Inbound(c.kind, retinue.NewSecret(secret), c.header, []byte(c.body), time.Now(), standard)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %+v %v", c.name, got, err)
		}
	}
	if _, err := Inbound("github", retinue.Secret{}, header(), []byte(gh), time.Now(), standard); !errors.Is(err, retinue.ErrDenied) {
		t.Errorf("a channel without a secret: %v", err)
	}
}

// FuzzInbound reads what anybody might send who has the secret.
func FuzzInbound(f *testing.F) {
	for _, s := range []string{`{"issue":{"number":1,"state":"open"}}`, `{"object_kind":"issue","object_attributes":{"iid":1}}`,
		`{"issue":{"key":"A-1","fields":{"status":null}}}`, `{"sys_id":"x","state":7}`, `[]`, ``} {
		for _, kind := range []string{"github", "gitlab", "jira", "servicenow"} {
			f.Add(kind, s)
		}
	}
	f.Fuzz(func(t *testing.T, kind, body string) {
		c, err := parseInbound(kind, http.Header{"X-Github-Event": {"issues"}}, []byte(body))
		if err != nil && (c != Change{} || !errors.Is(err, retinue.ErrInvalid)) {
			t.Errorf("%+v with %v", c, err)
		}
		if len(c.Key) > 64 || (c.Key != "" && c.State != Open && c.State != Working && c.State != Closed) {
			t.Errorf("%+v", c)
		}
	})
}
