package api_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/web/api"
)

// TestHostileRequests: bad input is refused with the place that is wrong, and
// nothing of it is carried out.
func TestHostileRequests(t *testing.T) {
	h := newHarness(t)
	post := func(name, body string, status int, contains ...string) scenario {
		return scenario{name: name, as: "admin", method: "POST", path: "/findings/decisions", body: body, status: status, contains: contains}
	}
	h.run([]scenario{
		post("not json", `{"ids":`, 400, "problem+json"),
		post("trailing data", `{"ids":[]} {}`, 400),
		post("key twice", `{"ids":["a"],"ids":["b"],"state":"open"}`, 400, "stands twice"),
		post("key twice, deeper", `{"ids":["a"],"filter":{"text":"a","text":"b"},"state":"open"}`, 400, "stands twice"),
		post("too deep", strings.Repeat(`{"filter":`, 40)+"1"+strings.Repeat("}", 40), 400, "nests deeper"),
		post("unknown field", `{"ids":["a"],"state":"open","colour":"red"}`, 422, `"location":"body.colour"`),
		post("other spelling", `{"IDS":["a"],"state":"open"}`, 422, `"location":"body.IDS"`),
		post("wrong type", `{"ids":"a","state":"open"}`, 422, `"location":"body.ids"`),
		post("no such state", `{"ids":["a"],"state":"gone"}`, 422, `"location":"body.state"`),
		post("risk without reason", `{"ids":["a"],"state":"accepted","until":"2999-01-01T00:00:00Z"}`, 422, `"location":"body.reason"`),
		post("risk that has ended", `{"ids":["a"],"state":"accepted","reason":"r","until":"2020-01-01T00:00:00Z"}`, 422, `"location":"body.until"`),
		post("oversized", `{"reason":"`+strings.Repeat("x", 2<<20)+`"}`, 413),
		post("null", `null`, 422),
		post("a list", `[]`, 422),
		{name: "form", as: "admin", method: "POST", path: "/findings/decisions", body: "ids=a", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, status: 415},
		{name: "cursor", as: "viewer", path: "/identities?cursor=AAAA", status: 422},
		{name: "cursor of records", as: "auditor", path: "/records?cursor=%22%3E%3Cscript%3E", status: 422, contains: []string{api.ProblemCursor}, lacks: []string{"<script>"}},
		{name: "cursor of changes", as: "viewer", path: "/changes?cursor=eyJvIjoieCJ9", status: 422, contains: []string{api.ProblemCursor}},
		{name: "date", as: "viewer", path: "/identities?as_of=yesterday", status: 422, contains: []string{`"location":"query.as_of"`}},
		{name: "id", as: "viewer", path: "/identities/" + url.PathEscape(`'; DROP TABLE entities --`), status: 404},
		{name: "long id", as: "viewer", path: "/identities/" + strings.Repeat("a", 500), status: 422},
		{name: "null byte", as: "viewer", path: "/identities?text=%00", status: 422},
		{name: "null byte in a body", as: "operator", method: "POST", path: "/findings/decisions", body: `{"ids":["\u0000"],"state":"acknowledged"}`, status: 400},
		{name: "bad utf-8", as: "viewer", path: "/identities?text=%ff%fe", status: 200},
		{name: "like", as: "viewer", path: "/identities?text=%25%5F%5C", status: 200, contains: []string{`"total":0`}},
		{name: "event id", as: "viewer", path: "/events", header: map[string]string{"Last-Event-ID": "1; DROP"}, status: 422},
		{name: "too many values", as: "viewer", path: "/identities?" + strings.Repeat("kind=role&", 80), status: 422},
	})
}

// TestSecretsAreNotEchoed: what was sent is not sent back in a problem.
func TestSecretsAreNotEchoed(t *testing.T) {
	h := newHarness(t)
	h.run([]scenario{{name: "value", as: "admin", method: "PUT", path: "/views/new", body: `{"list":"Hunter2-` + `secret","name":"n","body":{}}`, status: 422,
		contains: []string{`"location":"body.list"`}, lacks: []string{"Hunter2"}}})
}

// TestHostileNames: names are told as they are stored, as JSON that cannot be
// taken for a page.
func TestHostileNames(t *testing.T) {
	h := newEstate(t)
	want := annWord + "-j" + hostile
	var p api.Page[store.ListRow]
	w := h.do(scenario{as: "ann", path: "/identities?text=" + annWord + "-j"})
	if strings.Contains(w.Body.String(), "<script>") {
		t.Errorf("the answer holds markup as it is: %s", w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || len(p.Items) != 1 || p.Items[0].Name != want {
		t.Errorf("%+v (%v), want the name %q", p.Items, err, want)
	}
	csv := h.do(scenario{as: "ann", path: "/exports/identities?format=csv&text=" + annWord + "-j"})
	if csv.Code != http.StatusOK || csv.Header().Get("Content-Type") != "text/csv; charset=utf-8" {
		t.Errorf("export: %d %s %s", csv.Code, csv.Header(), csv.Body)
	}
}

// TestLists pages through a list both ways and gets every row once.
func TestLists(t *testing.T) {
	h := newEstate(t)
	for _, path := range []string{"/identities?limit=3", "/identities?limit=7&sort=-created", "/credentials?limit=3&sort=-lastUsed", "/changes?limit=9",
		"/findings?limit=7&sort=rule", "/identities?limit=3&as_of=2999-01-01T00:00:00Z"} {
		seen := map[string]bool{}
		for cursor := ""; ; {
			var p api.Page[map[string]any]
			h.get(t, "admin", path+"&cursor="+url.QueryEscape(cursor), &p)
			for _, row := range p.Items {
				b, _ := json.Marshal(row)
				if seen[string(b)] {
					t.Errorf("%s: a row came twice: %.200s", path, b)
				}
				seen[string(b)] = true
			}
			if cursor = p.Next; cursor == "" {
				break
			}
		}
		if len(seen) < 20 {
			t.Errorf("%s: %d rows, want at least 20", path, len(seen))
		}
	}
	var p api.Page[store.ListRow]
	h.get(t, "admin", "/identities?limit=3", &p)
	w := h.do(scenario{as: "admin", path: "/identities?limit=3&kind=app&cursor=" + url.QueryEscape(p.Next)})
	if w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a cursor of other filters: status %d", w.Code)
	}
}

// TestAsOf asks about the time before the estate was there.
func TestAsOf(t *testing.T) {
	h := newEstate(t)
	h.run([]scenario{
		{name: "list", as: "admin", path: "/identities?as_of=2001-01-01T00:00:00Z", status: 200, contains: []string{`"items":[]`}},
		{name: "one", as: "admin", path: "/identities/" + string(h.entities(t, store.EntityQuery{Type: retinue.FactIdentity})[0].ID) + "?as_of=2001-01-01T00:00:00Z", status: 404},
	})
}

// TestExportsTakeTheFilters: an export holds what the list shows, no more.
func TestExportsTakeTheFilters(t *testing.T) {
	h := newEstate(t)
	exported := []retinue.RecordAction{retinue.RecordExported}
	h.run([]scenario{
		{name: "text", as: "admin", path: "/exports/identities?format=csv&text=" + annWord, status: 200, contains: []string{annWord}, lacks: []string{benWord}, records: exported},
		{name: "nothing", as: "admin", path: "/exports/identities?format=json&kind=agent", status: 200, contains: []string{"[", "]"}, lacks: []string{annWord, benWord}, records: exported},
		{name: "grants", as: "admin", path: "/exports/grants?format=csv&owner=ann@example.com", status: 200, contains: []string{annWord}, lacks: []string{benWord}, records: exported},
		{name: "findings", as: "admin", path: "/exports/findings?format=sarif&owner=ann@example.com", status: 200, contains: []string{annWord}, lacks: []string{benWord}, records: exported},
		{name: "credentials", as: "admin", path: "/exports/credentials?format=csv&static=false", status: 200, lacks: []string{annWord, benWord}, records: exported},
		{name: "records", as: "auditor", path: "/exports/records?format=json&action=finding", status: 200, contains: []string{"finding.opened"}, lacks: []string{"scope.completed"}, records: exported},
		{name: "records are not for viewers", as: "viewer", path: "/exports/records?format=json", status: 403},
		{name: "unknown filter", as: "admin", path: "/exports/identities?format=csv&colour=red", status: 422},
		{name: "unknown format", as: "admin", path: "/exports/identities?format=exe", status: 422},
	})
}
