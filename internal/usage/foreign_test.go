package usage_test

import (
	"slices"
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
	names := usage.Withhold(&e, func(retinue.Realm) bool { return false }, nil)
	if want := []retinue.Ref{at(foreign, "role", "r"), at(foreign, "access_key", "k"), at(foreign, "user", "u"), at(foreign, "secret", "s"), at("aws:*", "credential", "id")}; cmp.Diff(want, names) != "" {
		t.Errorf("withheld %v, want %v", names, want)
	}
	want := event(own)
	want.Identity, want.Credential, want.OnBehalfOf, want.Via, want.Touches, want.Joins = retinue.Ref{}, retinue.Ref{}, retinue.Ref{}, want.Via[:1], want.Touches[1:], want.Joins[1:]
	if diff := cmp.Diff(want, e, cmp.Comparer(func(a, b retinue.Origin) bool { return a == b })); diff != "" {
		t.Errorf("what is left: %s", diff)
	}
	both, kept := event(foreign), event(foreign)
	if names := usage.Withhold(&both, func(r retinue.Realm) bool { return r.Kind() == "aws" }, nil); len(names) > 0 || cmp.Diff(kept, both, cmp.Comparer(func(a, b retinue.Origin) bool { return a == b })) != "" {
		t.Errorf("a sender that speaks for both: %v withheld", names)
	}
}

// TestWithholdKeysOfOthers: a log of one account makes no evidence for a key of
// another, by whatever it is known whose it is; and of its own it does.
func TestWithholdKeysOfOthers(t *testing.T) {
	const own, other = retinue.Realm("aws:111122223333"), retinue.Realm("aws:444455556666")
	coded := "ASIA" + "QNZGKIQY56JQ7WML" // of account 029608264753
	old := "AKIA" + "IOSFODNN7EXAMPLE"
	for _, c := range []struct {
		name     string
		realm    retinue.Realm
		id       string
		identity retinue.Realm
		homes    []retinue.Realm
		speaks   retinue.Realm
		want     retinue.Realm // of what is withheld; empty: nothing
	}{
		{"the account in the id is another's", own, coded, own, nil, "", "aws:029608264753"},
		{"the account in the id is its own", "aws:029608264753", coded, "aws:029608264753", nil, "", ""},
		{"the sender speaks for both", own, coded, own, nil, "aws:029608264753", ""},
		{"the inventory has it elsewhere", own, old, own, []retinue.Realm{"git:x", other}, "", other},
		{"the inventory has it here", own, coded, own, []retinue.Realm{other, own}, "", ""},
		{"in a file alone", own, old, own, []retinue.Realm{"git:x"}, "", ""},
		{"used by an identity of another account", own, old, other, nil, "", other},
		{"not known, by its own identity", own, old, own, nil, "", ""},
	} {
		e := retinue.Event{Realm: c.realm, Identity: retinue.NewRef(c.identity, "user", "u"), Joins: []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "aws:" + c.id}}}
		names := usage.Withhold(&e, func(r retinue.Realm) bool { return r == c.speaks }, func(retinue.JoinKey) []retinue.Realm { return c.homes })
		names = slices.DeleteFunc(names, func(r retinue.Ref) bool { return r.Kind == "user" })
		if c.want == "" && (len(names) > 0 || len(e.Joins) != 1) || c.want != "" && (len(e.Joins) != 0 || len(names) != 1 || names[0].Realm != c.want) {
			t.Errorf("%s: withheld %v, left %v", c.name, names, e.Joins)
		}
	}
	for _, id := range []string{"", old, coded[:19], "AROA" + coded[4:], "ASIA" + "q" + coded[5:], "AKIA" + "777777777777777A"} {
		if account, ok := usage.AWSKeyAccount(id); ok {
			t.Errorf("%q is of account %s", id, account)
		}
	}
}
