package usage_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/usage"
)

// TestWithhold takes off an event whatever would be evidence for another system,
// and nothing else.
func TestWithhold(t *testing.T) {
	own, foreign := retinue.Realm("kubernetes:1"), retinue.Realm("aws:111122223333")
	at := func(realm retinue.Realm, kind, key string) retinue.Ref { return retinue.NewRef(realm, kind, key) }
	event := func(realm retinue.Realm) retinue.Event {
		return retinue.Event{Log: "kubernetes.audit", Realm: own, Identity: at(realm, "role", "r"), Credential: at(realm, "access_key", "k"), OnBehalfOf: at(realm, "user", "u"),
			Via: []retinue.Ref{at(own, "user", "node"), at(realm, "role", "r")}, Resource: at(foreign, "bucket", "b"), Origin: retinue.Origin{Workload: at(foreign, "instance", "i")},
			Touches: []retinue.Touch{{Kind: retinue.TouchRead, Target: at(realm, "secret", "s")}, {Kind: retinue.TouchSilence}, {Kind: retinue.TouchRead, Target: at(own, "secret", "s")}},
			Joins:   []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "aws:id"}, {Kind: retinue.JoinCertificate, Value: "c"}, {Kind: retinue.JoinProviderID, Value: "https://issuer.example:id"}}}
	}
	e := event(foreign)
	names := usage.Withhold(&e, func(retinue.Realm) bool { return false })
	if want := []retinue.Ref{at(foreign, "role", "r"), at(foreign, "access_key", "k"), at(foreign, "user", "u"), at(foreign, "secret", "s"), at("aws:*", "credential", "id")}; cmp.Diff(want, names) != "" {
		t.Errorf("withheld %v, want %v", names, want)
	}
	want := event(own)
	want.Identity, want.Credential, want.OnBehalfOf, want.Via, want.Touches, want.Joins = retinue.Ref{}, retinue.Ref{}, retinue.Ref{}, want.Via[:1], want.Touches[1:], want.Joins[1:]
	if diff := cmp.Diff(want, e, cmp.Comparer(func(a, b retinue.Origin) bool { return a == b })); diff != "" {
		t.Errorf("what is left: %s", diff)
	}
	both, kept := event(foreign), event(foreign)
	if names := usage.Withhold(&both, func(r retinue.Realm) bool { return r.Kind() == "aws" }); len(names) > 0 || cmp.Diff(kept, both, cmp.Comparer(func(a, b retinue.Origin) bool { return a == b })) != "" {
		t.Errorf("a sender that speaks for both: %v withheld", names)
	}
}
