package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/web/api"
)

func (h *harness) findings(t *testing.T, as, query string) []store.FindingRow {
	t.Helper()
	var p api.Page[store.FindingRow]
	h.get(t, as, "/findings?limit=500&"+query, &p)
	return p.Items
}

// post sends JSON and decodes the answer.
func (h *harness) post(t *testing.T, s scenario, v any) {
	t.Helper()
	s.method = http.MethodPost
	w := h.do(s)
	if w.Code != http.StatusOK {
		t.Fatalf("POST %s: status %d\n%.1000s", s.path, w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), v); err != nil {
		t.Fatal(err)
	}
}

// TestDecisions: findings are decided about within the caller's scope, on
// record, and taken back once.
func TestDecisions(t *testing.T) {
	h := newEstate(t)
	mine, other := h.findings(t, "ann", ""), h.findings(t, "ben", "")
	changed := []retinue.RecordAction{retinue.RecordFindingChanged}
	until := time.Now().AddDate(0, 1, 0).UTC().Format(time.RFC3339)
	h.run([]scenario{
		{name: "a viewer may not", as: "viewer", method: "POST", path: "/findings/decisions", body: fmt.Sprintf(`{"ids":[%q],"state":"acknowledged"}`, mine[0].ID), status: 403},
		{name: "another's finding is not there", as: "ann", method: "POST", path: "/findings/decisions", body: fmt.Sprintf(`{"ids":[%q],"state":"acknowledged"}`, other[0].ID), status: 404},
		{name: "nor among one's own", as: "ann", method: "POST", path: "/findings/decisions", body: fmt.Sprintf(`{"ids":[%q,%q],"state":"acknowledged"}`, mine[0].ID, other[0].ID), status: 404},
		{name: "a family is for who sees all", as: "ann", method: "POST", path: "/findings/decisions", body: fmt.Sprintf(`{"family":%q,"state":"acknowledged"}`, mine[0].Family), status: 403},
		{name: "without an end", as: "ann", method: "POST", path: "/findings/decisions", body: fmt.Sprintf(`{"ids":[%q],"state":"accepted","reason":"known"}`, mine[0].ID), status: 422, contains: []string{`"location":"body.until"`}},
		{name: "one's own", as: "ann", method: "POST", path: "/findings/decisions", body: fmt.Sprintf(`{"ids":[%q],"state":"accepted","reason":"known","until":%q}`, mine[0].ID, until), status: 200, contains: []string{`"changed":1`, `"undo":"`}, records: changed},
		{name: "it shows", as: "ann", path: "/findings/" + string(mine[0].ID), status: 200, contains: []string{`"state":"accepted"`, `"reason":"known"`}},
		{name: "assign", as: "ann", method: "POST", path: "/findings/decisions", body: fmt.Sprintf(`{"ids":[%q],"assignee":"@payments"}`, mine[1].ID), status: 200, records: changed},
		{name: "assigned", as: "ann", path: "/findings?assignee=%40payments", status: 200, contains: []string{string(mine[1].ID), `"total":1`}},
		{name: "by filter, more than shown", as: "ann", method: "POST", path: "/findings/decisions", body: fmt.Sprintf(`{"filter":{"rule":[%q]},"expect":1,"state":"acknowledged"}`, mine[0].Rule), status: 409},
		{name: "dry run", as: "ann", method: "POST", path: "/findings/decisions", body: fmt.Sprintf(`{"filter":{"rule":[%q]},"dryRun":true,"state":"acknowledged"}`, mine[0].Rule), status: 200, lacks: []string{`"undo"`}},
	})
	// By filter: only one's own are changed, and an undo gives all back but
	// what somebody else changed meanwhile.
	rule := mine[2].Rule
	before := h.findings(t, "admin", "rule="+rule+"&owner=ben@example.com")
	var d api.DecisionResult
	h.post(t, scenario{as: "ann", path: "/findings/decisions", body: fmt.Sprintf(`{"filter":{"rule":[%q]},"state":"acknowledged"}`, rule)}, &d)
	if d.Changed == 0 || d.Undo == "" {
		t.Fatalf("decision by filter: %+v", d)
	}
	for _, f := range h.findings(t, "admin", "rule="+rule+"&owner=ben@example.com") {
		if f.State != retinue.FindingOpen {
			t.Errorf("Ann's decision reached %s of Ben (%s; there are %d)", f.ID, f.State, len(before))
		}
	}
	h.run([]scenario{{name: "another's undo", as: "ben", method: "POST", path: "/undo/" + d.Undo, status: 404}})
	var u api.UndoResult
	h.post(t, scenario{as: "ann", path: "/undo/" + d.Undo}, &u)
	if u.Restored != d.Changed || u.Kept != 0 {
		t.Errorf("undo: %+v of %d", u, d.Changed)
	}
	h.run([]scenario{{name: "undo twice", as: "ann", method: "POST", path: "/undo/" + d.Undo, status: 404}})
}

// TestOnce: an action with an idempotency key is carried out once.
func TestOnce(t *testing.T) {
	h := newEstate(t)
	mine := h.findings(t, "ann", "")
	key := map[string]string{"Idempotency-Key": "k1"}
	body := fmt.Sprintf(`{"ids":[%q],"state":"acknowledged"}`, mine[0].ID)
	s := scenario{as: "ann", method: "POST", path: "/findings/decisions", body: body, header: key}
	first, again := h.do(s), h.do(s)
	if first.Code != 200 || again.Code != 200 || first.Body.String() != again.Body.String() || first.Header().Get("ETag") != again.Header().Get("ETag") {
		t.Errorf("answers differ: %d %s and %d %s", first.Code, first.Body, again.Code, again.Body)
	}
	h.run([]scenario{
		{name: "another request", as: "ann", method: "POST", path: "/findings/decisions", body: strings.Replace(body, "acknowledged", "open", 1), header: key, status: 409},
		{name: "another caller", as: "admin", method: "POST", path: "/findings/decisions", body: body, header: key, status: 200, records: []retinue.RecordAction{retinue.RecordFindingChanged}},
		{name: "a failure keeps no key", as: "ben", method: "POST", path: "/findings/decisions", body: body, header: key, status: 404},
		{name: "and may be tried again", as: "ben", method: "POST", path: "/findings/decisions", body: body, header: key, status: 404},
	})
}

// TestViews: views are one's own, or shared; writes hold to what was read.
func TestViews(t *testing.T) {
	h := newHarness(t)
	w := h.do(scenario{as: "ann", method: "PUT", path: "/views/new", body: `{"list":"identities","name":"Agents","body":{"kind":["agent"]}}`})
	var v api.View
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || v.ID == "" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	tag := w.Header().Get("ETag")
	h.run([]scenario{
		{name: "mine", as: "ann", path: "/views?list=identities", status: 200, contains: []string{"Agents", `"mine":true`}},
		{name: "not another's", as: "ben", path: "/views", status: 200, lacks: []string{"Agents"}},
		{name: "nor to change", as: "ben", method: "PUT", path: "/views/" + string(v.ID), body: `{"list":"identities","name":"X","body":{}}`, status: 404},
		{name: "nor to delete", as: "ben", method: "DELETE", path: "/views/" + string(v.ID), status: 404},
		{name: "same name", as: "ann", method: "PUT", path: "/views/new", body: `{"list":"identities","name":"Agents","body":{}}`, status: 409},
		{name: "shared", as: "ann", method: "PUT", path: "/views/" + string(v.ID), header: map[string]string{"If-Match": tag}, body: `{"list":"identities","name":"Agents","shared":true,"body":{}}`, status: 200, records: []retinue.RecordAction{retinue.RecordViewShared}},
		{name: "changed meanwhile", as: "ann", method: "PUT", path: "/views/" + string(v.ID), header: map[string]string{"If-Match": tag}, body: `{"list":"identities","name":"Late","body":{}}`, status: 412, contains: []string{api.ProblemChanged}},
		{name: "seen by others", as: "ben", path: "/views", status: 200, contains: []string{"Agents", `"mine":false`}},
		{name: "control characters", as: "ann", method: "PUT", path: "/views/new", body: `{"list":"identities","name":"a\u202eb","body":{}}`, status: 422, contains: []string{"body.name"}},
		{name: "too large", as: "ann", method: "PUT", path: "/preferences", body: `{"preferences":{"x":"` + strings.Repeat("y", 30<<10) + `"}}`, status: 413},
		{name: "preferences", as: "ann", method: "PUT", path: "/preferences", body: `{"preferences":{"density":"tight"}}`, status: 200},
		{name: "kept", as: "ann", path: "/preferences", status: 200, contains: []string{"tight"}},
		{name: "not another's preferences", as: "ben", path: "/preferences", status: 200, lacks: []string{"tight"}},
		{name: "first visit", as: "ann", method: "POST", path: "/me/visit", status: 200, lacks: []string{"before"}},
		{name: "delete", as: "ann", method: "DELETE", path: "/views/" + string(v.ID), status: 204},
	})
}

// TestEvents: a change is told to who may see it and to nobody else, and who
// comes back hears what was missed.
func TestEvents(t *testing.T) {
	h := newEstate(t)
	at := func(as string) string {
		events := h.listen(t, as, "", 1)
		return events[0].id
	}
	ann, ben := at("ann"), at("ben")
	mine := h.findings(t, "ann", "")
	var d api.DecisionResult
	h.post(t, scenario{as: "ann", path: "/findings/decisions", body: fmt.Sprintf(`{"ids":[%q],"state":"acknowledged"}`, mine[0].ID)}, &d)
	if got := h.listen(t, "ann", ann, 1); got[0].topic != "findings" {
		t.Errorf("Ann hears %+v", got)
	}
	if got := h.listen(t, "ben", ben, 1); got[0].topic != "" {
		t.Errorf("Ben hears %+v of what is Ann's", got)
	}
	e := h.entities(t, store.EntityQuery{Type: retinue.FactIdentity, Text: benWord})[0]
	change := app.RegistrationChange{Registration: retinue.Registration{Purpose: "p"}, Changed: func(f string) bool { return f == "purpose" }}
	ann, ben = at("ann"), at("ben")
	if err := h.app.Register(t.Context(), retinue.Actor{Kind: "system", Name: "test"}, e, change); err != nil {
		t.Fatal(err)
	}
	if got := h.listen(t, "ben", ben, 1); got[0].topic != "inventory" {
		t.Errorf("Ben hears %+v", got)
	}
	if got := h.listen(t, "ann", ann, 1); got[0].topic != "" {
		t.Errorf("Ann hears %+v of what is Ben's", got)
	}
}

type heard struct{ id, topic string }

// listen reads the first events of a stream on a real connection.
func (h *harness) listen(t *testing.T, as, last string, n int) []heard {
	t.Helper()
	srv := httptest.NewServer(h.api)
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+api.Base+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+as)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	resp, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("status %d, %s", resp.StatusCode, resp.Header)
	}
	var out []heard
	var e heard
	for s := bufio.NewScanner(resp.Body); len(out) < n && s.Scan(); {
		switch line := s.Text(); {
		case strings.HasPrefix(line, "id: "):
			e.id = line[len("id: "):]
		case strings.HasPrefix(line, "event: "):
			e.topic = line[len("event: "):]
		case line == "":
			out, e = append(out, e), heard{}
		}
	}
	if len(out) < n {
		t.Fatalf("%d events, want %d", len(out), n)
	}
	return out
}
