package azure

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
		`{"kind":"AZApp","data":{"id":"a","appId":"b","passwordCredentials":[{"keyId":"k","endDateTime":"2026-01-01T00:00:00"}],"owners":[{"id":"o"}]}}`,
		`{"kind":"AZSubscriptionRoleAssignment","data":{"roleAssignments":[{"roleAssignment":{"id":"/x/roleAssignments/a","properties":{"principalId":"p","roleDefinitionId":"r","scope":"/"}}}]}}`,
		`{"id":"/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v","type":"Microsoft.Compute/virtualMachines","identity":{"principalId":"p","userAssignedIdentities":{"x":{"principalId":"q"}}}}`,
		`{"id":"i","servicePrincipalType":"Application","appId":"a","appRoles":[{"id":"r","value":"v"}],"keyCredentials":[{"keyId":"k","customKeyIdentifier":"AAECAwQFBgcICQoLDA0ODxAREhM="}]}`,
		`{"id":"/providers/Microsoft.Management/managementGroups/r","type":"Microsoft.Management/managementGroups","children":[{"id":"/providers/Microsoft.Management/managementGroups/c","type":"Microsoft.Management/managementGroups","children":[]}]}`,
		`{"id":"x","principalId":"p","roleDefinitionId":"r","directoryScopeId":"/administrativeUnits/u"}`, `{"appRoleId":"a","principalId":"p","resourceId":"r"}`,
		`{"id":"d","denyAssignmentName":"n","scope":"/"}`, `{"id":"g","securityEnabled":true,"members":[{"id":"m"}]}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := &survey{directory: &directory{kinds: map[string]string{}, roles: map[string]map[string]string{}, sps: map[string]string{}, apps: map[string]string{}},
			tenants: map[string]bool{}, kinds: map[kind]int{}}
		m := &mapper{directory: s.directory, realm: "azure:t", w: export.NewWriter(checkedSink{t}), at: time.Unix(0, 0)}
		for range 2 {
			each(raw, func(e *element, k kind) {
				s.learn(e, k)
				if err := m.element(e, k); err != nil {
					t.Fatal(err)
				}
			})
		}
		if err := m.w.Finish(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}
