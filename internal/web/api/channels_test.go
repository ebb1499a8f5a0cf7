package api_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/seal"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/web/api"
)

// outside is whatever channels, streams and trackers send to.
type outside struct {
	*httptest.Server
	mu     sync.Mutex
	bodies [][]byte
	status int
}

func (o *outside) take() (out [][]byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	out, o.bodies = o.bodies, nil
	return out
}

// newTelling is a harness whose channels reach a server of the test.
func newTelling(t *testing.T) (*harness, *outside) {
	t.Helper()
	spec := connector.Spec{Kind: "test", Title: "Test", Summary: "A scripted system.", TargetOptional: true,
		Open: func(context.Context, connector.Config, connector.Env) (connector.Connector, error) {
			return scripted{facts: labFacts()}, nil
		}}
	h := openHarness(t, []connector.Spec{spec})
	o := &outside{status: http.StatusOK}
	o.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		o.mu.Lock()
		defer o.mu.Unlock()
		o.bodies = append(o.bodies, b)
		w.WriteHeader(o.status)
	}))
	t.Cleanup(o.Close)
	h.app.Tell(app.Telling{Sealer: seal.New(oneKey{}), HTTP: o.Client(), PublicURL: "https://retinue.example"})
	return h, o
}

func hookKey() string { return strings.Repeat("k", 32) }

// make posts a body and returns the id of what was made.
func (h *harness) make(t *testing.T, path, body string) string {
	t.Helper()
	var out struct {
		ID string `json:"id"`
	}
	w := h.do(scenario{as: "admin", method: http.MethodPost, path: path, body: body})
	if w.Code != http.StatusCreated {
		t.Fatalf("POST %s: status %d\n%.2000s", path, w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	return out.ID
}

func TestChannels(t *testing.T) {
	h, o := newTelling(t)
	body := `{"kind":"webhook","name":"ops","options":{"url":"` + o.URL + `"},"secrets":{"key":"` + hookKey() + `"}}`
	id := h.make(t, "/channels", body)
	h.caller("part", auth.RoleOperator, store.RowScope{Sources: []string{"lab"}})
	var shown api.Outlet
	h.get(t, "admin", "/channels/"+id, &shown)
	tag := h.do(scenario{as: "admin", path: "/channels/" + id}).Header().Get("ETag")
	h.run([]scenario{
		{name: "the kinds say their options", as: "admin", path: "/channels/kinds", status: 200, contains: []string{`"webhook"`, `"email"`, `"jira"`, `"servicenow"`, `"previous-key"`}},
		{name: "secrets are named and not shown", as: "admin", path: "/channels", status: 200, contains: []string{`"ops"`, `"secrets":["key"]`}, lacks: []string{hookKey()}},
		{name: "not for viewers", as: "viewer", path: "/channels", status: 403, lacks: []string{o.URL}},
		{name: "not for owners", as: "ann", path: "/channels/" + id, status: 403, lacks: []string{o.URL}},
		{name: "not for operators of a part", as: "part", path: "/channels", status: 403, lacks: []string{o.URL}},
		{name: "who might send the whole elsewhere", as: "part", method: "POST", path: "/channels", body: body, status: 403},
		{name: "and route it there", as: "part", method: "POST", path: "/routes", body: `{"name":"x","match":{},"to":[{"channel":"` + id + `"}]}`, status: 403},
		{name: "a stale second factor changes nothing", as: "stale-admin", method: "POST", path: "/channels", body: body, status: 403},
		{name: "a name is taken once", as: "admin", method: "POST", path: "/channels", body: body, status: 409},
		{name: "unknown kind", as: "admin", method: "POST", path: "/channels", body: `{"kind":"pigeon","name":"x"}`, status: 422, contains: []string{"kind"}},
		{name: "what is wrong is named, and the secret is not", as: "admin", method: "POST", path: "/channels", status: 422,
			body: `{"kind":"webhook","name":"x","options":{"url":"http://plain.example"},"secrets":{"key":"` + hookKey() + `"}}`, contains: []string{"options.url"}, lacks: []string{hookKey()}},
		{name: "quiet hours that never end", as: "admin", method: "POST", path: "/channels", status: 422,
			body: `{"kind":"webhook","name":"x","options":{"url":"https://a.example"},"secrets":{"key":"` + hookKey() + `"},"timetable":{"quiet":[{"from":"00:00","to":"00:00"}]}}`},
		{name: "the secret does not follow to another address", as: "admin", method: "PUT", path: "/channels/" + id, status: 422,
			body: `{"kind":"webhook","name":"ops","options":{"url":"https://thief.example"}}`, contains: []string{"secrets.key"}},
		{name: "an old version is not overwritten", as: "admin", method: "PUT", path: "/channels/" + id, header: map[string]string{"If-Match": `"old"`},
			body: `{"kind":"webhook","name":"ops","options":{"url":"` + o.URL + `"}}`, status: 412},
		{name: "the secret stays otherwise", as: "admin", method: "PUT", path: "/channels/" + id, header: map[string]string{"If-Match": tag},
			body: `{"kind":"webhook","name":"ops team","options":{"url":"` + o.URL + `"}}`, status: 200, contains: []string{`"secrets":["key"]`, `"ops team"`},
			records: []retinue.RecordAction{retinue.RecordChannelChanged}},
		{name: "a test is sent", as: "admin", method: "POST", path: "/channels/" + id + "/test", status: 200, contains: []string{`"ok":true`, "HTTP 200"},
			records: []retinue.RecordAction{retinue.RecordChannelTested}},
		{name: "a channel is no stream", as: "admin", path: "/streams/" + id, status: 404},
	})
	if got := o.take(); len(got) != 1 || !bytes.Contains(got[0], []byte("Test of the channel ops team")) {
		t.Errorf("sent %s", got)
	}
	o.mu.Lock()
	o.status = http.StatusForbidden
	o.mu.Unlock()
	route := h.make(t, "/routes", `{"name":"all","match":{},"to":[{"channel":"`+id+`"}]}`)
	h.run([]scenario{
		{name: "a test that fails says why", as: "admin", method: "POST", path: "/channels/" + id + "/test", status: 200, contains: []string{`"ok":false`, "403"},
			records: []retinue.RecordAction{retinue.RecordChannelTested}},
		{name: "a channel in use stays", as: "admin", method: "DELETE", path: "/channels/" + id, status: 409, contains: []string{"all"}},
		{name: "its route goes", as: "admin", method: "DELETE", path: "/routes/" + route, status: 204, records: []retinue.RecordAction{retinue.RecordRouteDeleted}},
		{name: "then the channel", as: "admin", method: "DELETE", path: "/channels/" + id, status: 204, records: []retinue.RecordAction{retinue.RecordChannelDeleted}},
		{name: "and is gone", as: "admin", path: "/channels/" + id, status: 404},
	})
}

func TestRoutesAndNotices(t *testing.T) {
	h, o := newTelling(t)
	id := h.make(t, "/channels", `{"kind":"webhook","name":"ops","options":{"url":"`+o.URL+`"},"secrets":{"key":"`+hookKey()+`"}}`)
	mail := h.make(t, "/channels", `{"kind":"email","name":"mail","options":{"host":"mail.example.com","from":"retinue@example.com"}}`)
	h.run([]scenario{
		{name: "unknown channel", as: "admin", method: "POST", path: "/routes", body: `{"name":"x","match":{},"to":[{"channel":"chn_none"}]}`, status: 422, contains: []string{"channel"}},
		{name: "unknown kind", as: "admin", method: "POST", path: "/routes", body: `{"name":"x","match":{"kinds":["x"]},"to":[{"channel":"` + id + `"}]}`, status: 422},
		{name: "steps out of order", as: "admin", method: "POST", path: "/routes", status: 422,
			body: `{"name":"x","match":{},"to":[{"channel":"` + id + `"}],"escalate":[{"afterMinutes":60,"to":[{"channel":"` + id + `"}]},{"afterMinutes":30,"to":[{"channel":"` + id + `"}]}]}`},
		{name: "not for reviewers", as: "reviewer", method: "POST", path: "/routes", body: `{"name":"x","match":{},"to":[{"channel":"` + id + `"}]}`, status: 403},
	})
	h.make(t, "/routes", `{"name":"critical","match":{"severity":"medium"},"to":[{"channel":"`+id+`"},{"channel":"`+mail+`","address":"owner"}],"escalate":[{"afterMinutes":60,"to":[{"channel":"`+mail+`","address":"team-lead"}]}]}`)
	if _, err := h.app.Scan(t.Context(), []app.SourceConfig{{Name: "lab", Kind: "test"}}, app.ScanOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ word, owner string }{{annWord, "ann@example.com"}, {benWord, "ben@example.com"}} {
		for _, e := range h.entities(t, store.EntityQuery{Type: retinue.FactIdentity, Text: x.word}) {
			change := app.RegistrationChange{Registration: retinue.Registration{Owner: x.owner}, Changed: func(f string) bool { return f == "owner" }}
			if err := h.app.Register(t.Context(), retinue.Actor{Kind: "system", Name: "test"}, e, change); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := h.app.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	var page struct {
		Items []api.Notice
		Next  string
	}
	h.get(t, "ann", "/notices?limit=5", &page)
	if len(page.Items) != 5 || page.Next == "" {
		t.Fatalf("ann's page: %d notices, next %q", len(page.Items), page.Next)
	}
	mine := page.Items[0]
	var theirs struct{ Items []api.Notice }
	h.get(t, "ben", "/notices?limit=1", &theirs)
	other := string(theirs.Items[0].ID)
	h.run([]scenario{
		{name: "ann sees hers", as: "ann", path: "/notices?limit=500", status: 200, contains: []string{annWord}, lacks: []string{benWord, "<script"}},
		{name: "ben sees his", as: "ben", path: "/notices?limit=500", status: 200, contains: []string{benWord}, lacks: []string{annWord}},
		{name: "the next page", as: "ann", path: "/notices?limit=5&cursor=" + page.Next, status: 200, contains: []string{annWord}, lacks: []string{benWord, string(mine.ID)}},
		{name: "a cursor of another list", as: "ann", path: "/notices?limit=5&state=open&cursor=" + page.Next, status: 422},
		{name: "one of ben's is not there for ann", as: "ann", path: "/notices/" + other, status: 404, lacks: []string{benWord}},
		{name: "ann cannot acknowledge ben's", as: "ann", method: "POST", path: "/notices/" + other + "/acknowledge", status: 404, lacks: []string{benWord}},
		{name: "filtered", as: "admin", path: "/notices?kind=scan.failed", status: 200, lacks: []string{annWord}},
		{name: "unknown severity", as: "admin", path: "/notices?severity=bad", status: 422},
		{name: "ann acknowledges hers", as: "ann", method: "POST", path: "/notices/" + string(mine.ID) + "/acknowledge", status: 200, contains: []string{`"acknowledged"`},
			records: []retinue.RecordAction{retinue.RecordNoticeAcknowledged}},
		{name: "once", as: "ann", method: "POST", path: "/notices/" + string(mine.ID) + "/acknowledge", status: 200, contains: []string{`"acknowledged"`}},
		{name: "a viewer acknowledges nothing", as: "viewer", method: "POST", path: "/notices/" + string(mine.ID) + "/acknowledge", status: 403},
		{name: "deliveries are for who keeps channels", as: "ann", path: "/deliveries", status: 403},
		{name: "who would get it", as: "admin", method: "POST", path: "/routes/preview", body: `{"finding":"` + string(mine.Finding) + `"}`, status: 200,
			contains: []string{`"channelName":"ops"`, `"address":"ann@example.com"`, `"afterMinutes":60`, "nobody is known to lead"}},
		{name: "who would get something like it", as: "admin", method: "POST", path: "/routes/preview", body: `{"severity":"low"}`, status: 200, contains: []string{`"told":[]`}},
		{name: "of nothing", as: "admin", method: "POST", path: "/routes/preview", body: `{}`, status: 422},
	})
}

func TestTicketHooksAreSigned(t *testing.T) {
	h, o := newTelling(t)
	id := h.make(t, "/channels", `{"kind":"github","name":"issues","options":{"url":"`+o.URL+`","repository":"o/r"},"secrets":{"token":"`+hookKey()+`","webhook-secret":"`+hookKey()+`"}}`)
	body := `{"action":"closed","issue":{"number":7,"state":"closed"}}`
	m := hmac.New(sha256.New, []byte(hookKey()))
	m.Write([]byte(body))
	signed := map[string]string{"X-Hub-Signature-256": "sha256=" + hex.EncodeToString(m.Sum(nil)), "X-Github-Event": "issues"}
	h.run([]scenario{
		{name: "signed", method: "POST", path: "/hooks/tickets/" + id, body: body, header: signed, status: 204},
		{name: "unsigned", method: "POST", path: "/hooks/tickets/" + id, body: body, status: 403},
		{name: "no such channel looks the same", method: "POST", path: "/hooks/tickets/chn_none", body: body, header: signed, status: 403, lacks: []string{"not found"}},
		{name: "another body", method: "POST", path: "/hooks/tickets/" + id, body: body + " ", header: signed, status: 403},
		{name: "tickets of nothing", as: "admin", method: "POST", path: "/tickets", body: `{"channel":"` + id + `","findings":["fnd_none"]}`, status: 404},
		{name: "an empty list", as: "viewer", path: "/tickets", status: 200, contains: []string{`"items":[]`}},
	})
}

func TestStreamsAndCheckpoints(t *testing.T) {
	h, o := newTelling(t)
	stream := h.make(t, "/streams", `{"kind":"http","name":"siem","options":{"url":"`+o.URL+`","content":"records"},"secrets":{"token":"`+hookKey()+`"}}`)
	place := h.make(t, "/checkpoint-places", `{"kind":"rfc3161","name":"stamps","options":{"url":"`+o.URL+`"}}`)
	h.run([]scenario{
		{name: "a stream is shown without its token", as: "admin", path: "/streams/" + stream, status: 200, contains: []string{`"token"`}, lacks: []string{hookKey()}},
		{name: "streams are tested", as: "admin", method: "POST", path: "/streams/" + stream + "/test", status: 200, contains: []string{`"ok":true`},
			records: []retinue.RecordAction{retinue.RecordChannelTested}},
		{name: "kinds of places", as: "admin", path: "/checkpoint-places/kinds", status: 200, contains: []string{`"s3"`, `"git"`, `"rfc3161"`, `"mail"`}},
		{name: "a push that fails is told and kept", as: "admin", method: "POST", path: "/checkpoint-places/" + place + "/push", status: 200, contains: []string{`"ok":false`, "time-stamp"},
			records: []retinue.RecordAction{retinue.RecordCheckpointFailed}},
		{name: "auditors see pushes", as: "auditor", path: "/checkpoints", status: 200, contains: []string{`"placeName":"stamps"`}},
		{name: "owners do not", as: "ann", path: "/checkpoints", status: 403},
	})
}
