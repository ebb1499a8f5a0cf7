package gcp

import (
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/export"
)

// checkedSink fails a test on a fact that is not valid.
type checkedSink struct{ t *testing.T }

func (s checkedSink) Emit(sc retinue.Scope, facts ...retinue.Fact) error {
	if err := sc.Validate(); err != nil {
		s.t.Errorf("%v", err)
	}
	for _, f := range facts {
		if err := f.Validate(); err != nil {
			s.t.Errorf("%v", err)
		}
	}
	return nil
}
func (s checkedSink) Complete(retinue.Scope, connector.Completion) error { return nil }
func (s checkedSink) Problem(retinue.Scope, error)                       {}
func (s checkedSink) Note(connector.Note)                                {}

// FuzzElement states what any object says; nothing panics, and every fact and
// scope is valid.
func FuzzElement(f *testing.F) {
	for _, text := range []string{
		`{"resource":"//iam.googleapis.com/projects/p/serviceAccounts/42","assetType":"iam.googleapis.com/ServiceAccount","project":"projects/1","policy":{"bindings":[{"role":"roles/iam.workloadIdentityUser","members":["principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/subject/x","serviceAccount:p.svc.id.goog[a/b]","user:a@b","allUsers"],"condition":{"expression":"true"}}]}}`,
		`{"name":"//compute.googleapis.com/projects/p/zones/z/instances/i","assetType":"compute.googleapis.com/Instance","ancestors":["projects/1"],"resource":{"data":{"serviceAccounts":[{"email":"a@p.iam.gserviceaccount.com"}]}}}`,
		`{"name":"projects/p/serviceAccounts/a@p.iam.gserviceaccount.com/keys/1","keyType":"USER_MANAGED","validAfterTime":"2024-01-01T00:00:00Z"}`,
		`{"name":"policies/cloudresourcemanager.googleapis.com%2Fprojects%2F1/denypolicies/d","rules":[]}`,
		`{"name":"projects/1/locations/global/workloadIdentityPools/ci/providers/gh","oidc":{"issuerUri":"https://x"}}`,
		`{"projectId":"p","projectNumber":1,"parent":{"type":"folder","id":"2"}}`, `{"name":"organizations/1","displayName":"x"}`, `{"name":"roles/x","includedPermissions":["a"]}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, k := parse(raw)
		s := &survey{names: &names{ids: map[string]string{}, unknown: map[string]bool{}}, issuers: map[string]string{}}
		if k != kindUnknown {
			s.learn(&e, k, map[string]bool{})
		}
		m := &mapper{names: s.names, w: export.NewWriter(checkedSink{t}), at: time.Unix(0, 0), target: "projects/p", issuers: s.issuers}
		if err := m.element(&e, k); err != nil {
			t.Fatal(err)
		}
		if err := m.w.Finish(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}
