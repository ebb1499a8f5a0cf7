package api_test

import (
	"testing"

	"github.com/retinue-id/retinue"
)

func TestRetention(t *testing.T) {
	h := newHarness(t)
	set := []retinue.RecordAction{retinue.RecordRetentionSet}
	tag := h.do(scenario{as: "admin", path: "/retention"}).Header().Get("ETag")
	h.run([]scenario{
		{name: "read", as: "auditor", path: "/retention", status: 200, contains: []string{`"preset":"keep-all"`, `"class":"history"`, `"hipaa"`, "never deleted"}},
		{name: "a viewer", as: "viewer", path: "/retention", status: 403},
		{name: "only an administrator", as: "operator", method: "PUT", path: "/retention", body: `{"preset":"hipaa"}`, status: 403},
		{name: "with a fresh factor", as: "stale-admin", method: "PUT", path: "/retention", body: `{"preset":"hipaa"}`, status: 403, contains: []string{"fresh-second-factor"}},
		{name: "a preset", as: "admin", method: "PUT", path: "/retention", body: `{"preset":"400-days"}`, header: map[string]string{"If-Match": tag}, status: 200, records: set,
			contains: []string{`"preset":"400-days"`, `"days":400`}},
		{name: "the same again", as: "admin", method: "PUT", path: "/retention", body: `{"preset":"400-days"}`, status: 200},
		{name: "changed meanwhile", as: "admin", method: "PUT", path: "/retention", body: `{"preset":"hipaa"}`, header: map[string]string{"If-Match": tag}, status: 412},
		{name: "one class", as: "admin", method: "PUT", path: "/retention", body: `{"days":{"uses":90}}`, status: 200, records: set, contains: []string{`"days":90`}, lacks: []string{`"preset":"400-days"`}},
		{name: "too short", as: "admin", method: "PUT", path: "/retention", body: `{"days":{"uses":1}}`, status: 422, contains: []string{`"location":"body.days.uses"`}},
		{name: "records are no class", as: "admin", method: "PUT", path: "/retention", body: `{"days":{"records":400}}`, status: 422, contains: []string{`"location":"body.days.records"`}},
		{name: "neither", as: "admin", method: "PUT", path: "/retention", body: `{}`, status: 422},
	})
	if _, err := h.app.Prune(t.Context()); err != nil {
		t.Error(err)
	}
}
