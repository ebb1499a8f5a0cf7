package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/web/api"
)

func TestSealingAPI(t *testing.T) {
	h := newHarness(t)
	h.run([]scenario{
		{name: "who may not see it", as: "auditor", path: "/settings/sealing", status: 403},
		{name: "nobody", path: "/settings/sealing", status: 401},
		{name: "as it stands", as: "admin", path: "/settings/sealing", status: 200, contains: []string{`"kind":"file"`, `"canRotate":true`, `"stale":0`}},
		{name: "without a fresh second factor", as: "stale-admin", method: http.MethodPost, path: "/settings/sealing", body: `{"action":"rotate"}`, status: 403, contains: []string{"second factor"}},
		{name: "an action that there is not", as: "admin", method: http.MethodPost, path: "/settings/sealing", body: `{"action":"forget"}`, status: 422},
		{name: "there is no old key", as: "admin", method: http.MethodPost, path: "/settings/sealing", body: `{"action":"retire"}`, status: 409},
		{name: "rotate", as: "admin", method: http.MethodPost, path: "/settings/sealing", body: `{"action":"rotate"}`, header: map[string]string{"Idempotency-Key": "r1"},
			status: 202, contains: []string{`"state":"running"`}, records: []retinue.RecordAction{"sealing_key.rotated"}},
		{name: "the same request again rotates nothing", as: "admin", method: http.MethodPost, path: "/settings/sealing", body: `{"action":"rotate"}`, header: map[string]string{"Idempotency-Key": "r1"}, status: 202},
	})
	if _, err := h.app.FinishReseal(t.Context()); err != nil {
		t.Fatal(err)
	}
	var s api.Sealing
	h.get(t, "admin", "/settings/sealing", &s)
	if s.Reseal == nil || s.Reseal.State != "done" || len(s.Keys) != 2 || !s.Keys[0].Current || !strings.HasPrefix(s.Key, "file:") {
		t.Fatalf("%+v", s)
	}
	h.run([]scenario{
		{name: "retire", as: "admin", method: http.MethodPost, path: "/settings/sealing", body: `{"action":"retire"}`, status: 202, lacks: []string{s.Keys[1].ID}, records: []retinue.RecordAction{"sealing_key.retired"}},
	})
}
