package api_test

import (
	"net/http"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
)

// TestSourcesAreChangedAsTheyWereRead holds changes of sources to the
// configuration that they are based on. What moves by itself, such as a scan or
// a check, is no change of it.
func TestSourcesAreChangedAsTheyWereRead(t *testing.T) {
	h, _ := fleetHarness(t)
	changed := []retinue.RecordAction{retinue.RecordSourceChanged}
	tag := func() map[string]string {
		w := h.do(scenario{as: "admin", path: "/sources/dev"})
		if w.Code != http.StatusOK || w.Header().Get("ETag") == "" {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return map[string]string{"If-Match": w.Header().Get("ETag")}
	}
	h.run([]scenario{{name: "a source", as: "admin", method: "POST", path: "/sources", body: `{"name":"dev","kind":"test","target":"h","interval":"6h"}`, status: 201,
		records: []retinue.RecordAction{retinue.RecordSourceConfigured, retinue.RecordScanRequested}}})
	first := tag()
	h.run([]scenario{
		{name: "as it was read", as: "admin", method: "PATCH", path: "/sources/dev", body: `{"interval":"12h"}`, header: first, status: 200, records: changed},
		{name: "changed meanwhile", as: "admin", method: "PATCH", path: "/sources/dev", body: `{"paused":true}`, header: first, status: 412,
			contains: []string{"changed-meanwhile", "body.interval", "12h0m0s", "version 2"}, lacks: []string{"body.target"}},
		{name: "nor removed", as: "admin", method: "DELETE", path: "/sources/dev", header: first, status: 412},
		{name: "a tag of something else", as: "admin", method: "PATCH", path: "/sources/dev", body: `{"paused":true}`, header: map[string]string{"If-Match": `"x"`}, status: 412, contains: []string{"no tag of the source"}},
	})
	second := tag()
	if _, err := h.app.Scan(t.Context(), []app.SourceConfig{{Name: "dev", Kind: "test", Target: "h"}}, app.ScanOptions{}); err != nil {
		t.Fatal(err)
	}
	if third := tag(); third["If-Match"] != second["If-Match"] {
		t.Errorf("a scan changed the tag from %s to %s", second, third)
	}
	h.run([]scenario{
		{name: "after a scan", as: "admin", method: "PATCH", path: "/sources/dev", body: `{"paused":true}`, header: second, status: 200, records: changed},
		{name: "not removed as it was before", as: "admin", method: "DELETE", path: "/sources/dev", header: second, status: 412, contains: []string{"body.paused"}},
	})
	h.run([]scenario{{name: "removed as it stands", as: "admin", method: "DELETE", path: "/sources/dev", header: tag(), status: 204, records: []retinue.RecordAction{retinue.RecordSourceRemoved}}})
}
