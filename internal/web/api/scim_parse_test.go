package api

import (
	"encoding/json"
	"testing"
)

func TestSCIMFilter(t *testing.T) {
	for text, want := range map[string]scimFilter{
		"":                            {},
		`userName eq "ann"`:           {"username", "ann"},
		`USERNAME EQ "Ann \"x\""`:     {"username", `Ann "x"`},
		scimUser + `:userName eq "a"`: {"username", "a"},
		`active eq true`:              {"active", "true"},
		`displayName  eq "A B"`:       {"displayname", "A B"},
	} {
		if got, err := parseSCIMFilter(text); err != nil || got != want {
			t.Errorf("%s: %+v %v", text, got, err)
		}
	}
	for _, bad := range []string{"userName", `userName co "a"`, `userName eq a`, `userName eq "a" and active eq true`, `eq "a"`, `userName eq 5`, `userName eq`} {
		if got, err := parseSCIMFilter(bad); err == nil {
			t.Errorf("%s: taken as %+v", bad, got)
		}
	}
}

func patchOf(t *testing.T, operations string) scimPatch {
	t.Helper()
	var p scimPatch
	if err := json.Unmarshal([]byte(`{"schemas":["`+scimPatchOp+`"],"Operations":`+operations+`}`), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestSCIMPatchUser takes the changes that large directories send.
func TestSCIMPatchUser(t *testing.T) {
	u := scimUserBody{UserName: "ann"}
	err := patchOf(t, `[{"op":"Replace","path":"active","value":"False"},
		{"op":"replace","value":{"displayName":"Ann B","name.familyName":"B","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"x"}}},
		{"op":"add","path":"emails[type eq \"work\"].value","value":"ann@example.org"},
		{"op":"Add","path":"externalId","value":"x1"}]`).user(&u)
	if err != nil {
		t.Fatal(err)
	}
	a := u.account()
	if a.Active || a.Name != "Ann B" || a.Email != "ann@example.org" || a.ExternalID != "x1" || a.Login != "ann" {
		t.Errorf("account is %+v", a)
	}
	for _, bad := range []string{`[]`, `[{"op":"replace","path":"password","value":"x"}]`, `[{"op":"remove","path":"userName"}]`,
		`[{"op":"replace","path":"active","value":"perhaps"}]`, `[{"op":"move","path":"active","value":true}]`, `[{"op":"replace","value":5}]`} {
		if err := patchOf(t, bad).user(&scimUserBody{}); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

func TestSCIMPatchGroup(t *testing.T) {
	ch, err := patchOf(t, `[{"op":"add","path":"members","value":[{"value":"acc_1"}]},{"op":"Remove","path":"members[value eq \"acc_2\"]"},
		{"op":"remove","path":"members","value":[{"value":"acc_3"}]},{"op":"replace","value":{"displayName":"New"}}]`).group()
	if err != nil || len(ch.Add) != 1 || len(ch.Remove) != 2 || ch.Name == nil || *ch.Name != "New" || ch.Members != nil {
		t.Errorf("%+v %v", ch, err)
	}
	ch, err = patchOf(t, `[{"op":"replace","path":"members","value":[]}]`).group()
	if err != nil || ch.Members == nil || len(*ch.Members) != 0 {
		t.Errorf("replace all: %+v %v", ch, err)
	}
}

func FuzzSCIM(f *testing.F) {
	f.Add(`userName eq "ann"`, `[{"op":"replace","path":"active","value":false}]`)
	f.Add(`members[value eq "x"]`, `[{"op":"remove","path":"members[value eq \"x\"]"},{"op":"add","value":{"":{"":1}}}]`)
	f.Add("emails[type eq", `[{"op":"replace","value":{"name":null,"emails":[{}]}}]`)
	f.Fuzz(func(t *testing.T, filter, operations string) {
		if got, err := parseSCIMFilter(filter); err == nil && len(got.value) > maxFilter {
			t.Error("a value longer than a filter may be")
		}
		var p scimPatch
		if json.Unmarshal([]byte(`{"schemas":["`+scimPatchOp+`"],"Operations":`+operations+`}`), &p) != nil {
			return
		}
		u := scimUserBody{UserName: "ann"}
		_ = p.user(&u)
		u.account()
		_, _ = p.group()
	})
}
