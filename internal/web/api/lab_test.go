package api_test

import (
	"context"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
)

// The estate of the tests: one system, two accounts, two owners. Names of
// Ann's things hold annWord, names of Ben's benWord, so that a leak is
// seen wherever it stands.
const (
	annWord = "annprivate"
	benWord = "benprivate"
)

// hostile is what a name may hold: markup, control characters and characters
// that turn the reading direction.
const hostile = "<script>alert(1)</script>\u202egnp.exe\u0007"

type scripted struct{ facts []retinue.Fact }

func (scripted) Check(context.Context) (connector.Access, error) {
	return connector.Access{Realm: "test:1", Principal: "tester"}, nil
}

func (s scripted) Discover(_ context.Context, _ connector.Request, sink connector.Sink) error {
	scope := retinue.Scope{Realm: "test:1", Path: "all"}
	if err := sink.Emit(scope, s.facts...); err != nil {
		return err
	}
	return sink.Complete(scope, connector.Completion{ObservedAt: time.Now().Add(-time.Minute), Basis: "all of it"})
}

func (scripted) Close() error { return nil }

// labFacts states facts: ten identities for each of two owners, with a
// credential, a policy and a trust each.
func labFacts() []retinue.Fact {
	ref := func(kind, key string) retinue.Ref { return retinue.NewRef("test:1", kind, key) }
	old := time.Now().AddDate(0, 0, -400).UTC()
	facts := []retinue.Fact{}
	for _, word := range []string{annWord, benWord} {
		for i := range 10 {
			name := word + "-" + string(rune('a'+i))
			id := retinue.Identity{Ref: ref("role", name), Name: name, Kind: retinue.IdentityRole, Class: retinue.ClassNonHuman,
				ClassReason: "a role", State: retinue.StateActive, CreatedAt: old, Labels: map[string]string{"team": word}}
			if i == 9 {
				id.Name += hostile
			}
			cred := retinue.Credential{Ref: ref("key", name), Name: "key of " + name, Kind: retinue.CredentialAccessKey, Identity: id.Ref,
				State: retinue.CredentialActive, CreatedAt: old, NeverExpires: true}
			pol := retinue.Policy{Ref: ref("policy", name), Name: "policy of " + name, Language: retinue.LanguageAWSIAM,
				Document: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`}
			facts = append(facts, id, cred, pol,
				retinue.Attachment{Policy: pol.Ref, Target: id.Ref, Role: retinue.AttachIdentity},
				retinue.Trust{Subject: id.Ref, Kind: retinue.TrusteeAccount, Name: "999999999999", ThirdParty: true, OrganizationKnown: true, Vendor: "Vendor of " + word},
				retinue.Placement{Credential: cred.Ref, Place: retinue.Place{Kind: retinue.PlaceFile, Realm: "test:1", Path: "/etc/" + name + ".conf", Line: 3}, Exposure: retinue.ExposureWorld},
				retinue.Use{Subject: cred.Ref, Meaning: "last_used", At: old, Grade: retinue.GradeC})
		}
	}
	return facts
}

// newEstate is a harness with the estate scanned, judged and owned.
func newEstate(t *testing.T) *harness {
	t.Helper()
	spec := connector.Spec{Kind: "test", Title: "Test", Summary: "A scripted system.", TargetOptional: true,
		Open: func(context.Context, connector.Config, connector.Env) (connector.Connector, error) {
			return scripted{facts: labFacts()}, nil
		}}
	h := openHarness(t, []connector.Spec{spec})
	if _, err := h.app.Scan(t.Context(), []app.SourceConfig{{Name: "lab", Kind: "test"}}, app.ScanOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, o := range []struct{ word, owner string }{{annWord, "ann@example.com"}, {benWord, "ben@example.com"}} {
		for _, e := range h.entities(t, store.EntityQuery{Type: retinue.FactIdentity, Text: o.word}) {
			change := app.RegistrationChange{Registration: retinue.Registration{Owner: o.owner}, Changed: func(f string) bool { return f == "owner" }}
			if err := h.app.Register(t.Context(), retinue.Actor{Kind: "system", Name: "test"}, e, change); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := h.app.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *harness) entities(t *testing.T, q store.EntityQuery) (out []store.Entity) {
	t.Helper()
	err := h.app.View(t.Context(), store.Everything(), func(tx *app.Snapshot) error {
		for e, err := range tx.Entities(q) {
			if err != nil {
				return err
			}
			out = append(out, e)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
