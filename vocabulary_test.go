package retinue_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
)

var ref = retinue.NewRef("aws:111111111111", "role", "arn:aws:iam::111111111111:role/app")

// facts is one valid fact of each type.
func facts() []retinue.Fact {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	group := retinue.NewRef(ref.Realm, "group", "g")
	policy := retinue.NewRef("aws:aws", "policy", "p")
	place := retinue.Place{Kind: retinue.PlaceFile, Realm: "host:1", Path: "/etc/app.env", Field: "TOKEN", Line: 3}
	return []retinue.Fact{
		retinue.Person{Ref: ref, Name: "Ada", Email: "ada@example.com", State: retinue.StateActive},
		retinue.Team{Ref: ref, Name: "Platform", Members: []retinue.Ref{ref}},
		retinue.Application{Ref: ref, Name: "Shop", Criticality: retinue.CriticalityHigh},
		retinue.Identity{Ref: ref, Kind: retinue.IdentityRole, Class: retinue.ClassNonHuman, CreatedAt: at, Attrs: retinue.Attrs{"list": []string{"a"}, "n": 1.5}},
		retinue.Group{Ref: group, Name: "g"},
		retinue.Container{Ref: ref, Kind: retinue.ContainerAccount},
		retinue.Policy{Ref: policy, Language: retinue.LanguageAWSIAM, Document: `{"Version":"2012-10-17"}`},
		retinue.Credential{Ref: ref, Kind: retinue.CredentialAccessKey, Identity: ref, ExpiresAt: at},
		retinue.Resource{Ref: ref, Kind: "s3_bucket", RunsAs: []retinue.Ref{ref}},
		retinue.Membership{Group: group, Member: ref, Options: retinue.Attrs{"admin": true}},
		retinue.Attachment{Policy: policy, Target: ref, Role: retinue.AttachIdentity},
		retinue.Grant{Subject: ref, Privileges: []string{"contents: write"}, ResourceName: "repository"},
		retinue.Trust{Subject: ref, Kind: retinue.TrusteeFederated, Name: "https://issuer", Federation: &retinue.Federation{Issuer: "https://issuer", Subject: "repo:a/b:*"}},
		retinue.Placement{Credential: ref, Place: place},
		retinue.OwnerSignal{Subject: ref, Candidate: "@team", Signal: "codeowners"},
		retinue.Use{Subject: ref, Meaning: "last_used", At: at, Grade: retinue.GradeC},
	}
}

func TestFactsSurviveTheirEncoding(t *testing.T) {
	all := facts()
	if len(all) != len(retinue.FactTypes()) {
		t.Fatalf("%d facts for %d types", len(all), len(retinue.FactTypes()))
	}
	for i, f := range all {
		if f.FactType() != retinue.FactTypes()[i] {
			t.Errorf("fact %d is of type %s", i, f.FactType())
		}
		if err := f.Validate(); err != nil {
			t.Errorf("%s: %v", f.FactType(), err)
		}
		if err := f.FactRef().Validate(); err != nil {
			t.Errorf("%s: ref: %v", f.FactType(), err)
		}
		b, err := retinue.MarshalFact(f)
		if err != nil {
			t.Fatal(err)
		}
		back, err := retinue.UnmarshalFact(b)
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		again, err := retinue.MarshalFact(back)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%s became %s", b, again)
		}
		if back.FactRef() != f.FactRef() {
			t.Errorf("%s: ref moved: %v", f.FactType(), back.FactRef())
		}
	}
}

func TestUnmarshalFactSaysWhatIsWrong(t *testing.T) {
	for _, text := range []string{``, `[]`, `{"type":"nonsense"}`, `{"type":"identity","colour":"red"}`, `{"type":"identity","kind":5}`} {
		if _, err := retinue.UnmarshalFact([]byte(text)); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestValidateRefusesWhatWouldHarm(t *testing.T) {
	id := func(change func(*retinue.Identity)) retinue.Fact {
		v := retinue.Identity{Ref: ref, Kind: retinue.IdentityRole, Class: retinue.ClassNonHuman}
		change(&v)
		return v
	}
	for name, f := range map[string]retinue.Fact{
		"control character in a key": id(func(i *retinue.Identity) { i.Ref.Key = "a\nb" }),
		"key too long":               id(func(i *retinue.Identity) { i.Ref.Key = strings.Repeat("x", retinue.MaxRefKey+1) }),
		"realm without an id":        id(func(i *retinue.Identity) { i.Ref.Realm = "aws:" }),
		"unknown kind":               id(func(i *retinue.Identity) { i.Kind = "wizard" }),
		"no class":                   id(func(i *retinue.Identity) { i.Class = "" }),
		"attribute of another type":  id(func(i *retinue.Identity) { i.Attrs = retinue.Attrs{"x": map[string]any{}} }),
		"name that is not UTF-8":     id(func(i *retinue.Identity) { i.Name = "\xff" }),
		"use both at and never":      retinue.Use{Subject: ref, Meaning: "m", At: time.Now(), Never: true, Grade: retinue.GradeC},
		"huge document":              retinue.Policy{Ref: ref, Language: retinue.LanguageOther, Document: strings.Repeat("x", retinue.MaxDocument+1)},
	} {
		if err := f.Validate(); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSecretNeverPrints(t *testing.T) {
	const value = "correct horse battery staple"
	s := retinue.NewSecret(value)
	type holder struct{ S retinue.Secret }
	j, err := json.Marshal(holder{s})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", s, "h", holder{s})
	for _, out := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q %x %d", s, s, s, s, s, s, s), fmt.Sprintf("%+v %#v", holder{s}, &holder{s}),
		fmt.Sprint(fmt.Errorf("with %v", s)), string(j), log.String()} {
		if strings.Contains(out, "horse") || strings.Contains(out, fmt.Sprintf("%x", value)) {
			t.Errorf("a secret was printed: %s", out)
		}
	}
	if s.Reveal() != value {
		t.Error("the value was lost")
	}
}

func TestFingerprintMatchesALoggedHash(t *testing.T) {
	k := retinue.NewFingerprintKey()
	a, b := k.Fingerprint(retinue.NewSecret("value")), k.Fingerprint(retinue.NewSecret(" value\n"))
	if a != b {
		t.Error("white space around a value changes its fingerprint")
	}
	if other := retinue.NewFingerprintKey().Fingerprint(retinue.NewSecret("value")); other.MAC == a.MAC {
		t.Error("two keys give one fingerprint")
	}
	back, err := retinue.ParseFingerprintKey(k.Encode())
	if err != nil || back.ID != k.ID || back.Fingerprint(retinue.NewSecret("value")) != a {
		t.Errorf("the key did not survive its encoding: %v", err)
	}
	if strings.Contains(fmt.Sprint(k), k.Encode()) {
		t.Error("a key prints itself")
	}
}

func TestIDsSortByTime(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var ids []string
	seen := map[string]bool{}
	for i := range 100 {
		id := string(retinue.NewEntityID(retinue.FactIdentity, at.Add(time.Duration(i)*time.Millisecond)))
		if err := retinue.CheckID("idn_", id); err != nil {
			t.Fatal(err)
		}
		if seen[id] {
			t.Fatal("an id was minted twice")
		}
		seen[id] = true
		ids = append(ids, id)
	}
	if !slices.IsSorted(ids) {
		t.Error("ids do not sort by time")
	}
	for _, bad := range []string{"", "idn_", "crd_01m808fqzcfshsx18crk49xnw8", "idn_01M808FQZCFSHSX18CRK49XNW8", "idn_01m808fqzcfshsx18crk49xnw"} {
		if retinue.CheckID("idn_", bad) == nil {
			t.Errorf("%q passed", bad)
		}
	}
}

func TestScopesNestByPath(t *testing.T) {
	root := retinue.NewScope("k:1")
	ns, pay := retinue.NewScope("k:1", "namespace"), retinue.NewScope("k:1", "namespace", "pay")
	if !root.Contains(pay) || !ns.Contains(pay) || !pay.Contains(pay) {
		t.Error("a scope does not contain what lies in it")
	}
	if pay.Contains(retinue.NewScope("k:1", "namespace", "pay2")) || ns.Contains(retinue.NewScope("k:2", "namespace", "pay")) {
		t.Error("a scope contains its neighbour")
	}
	if s := retinue.NewScope("k:1", "a/b"); s.Path != "a%2Fb" || ns.Contains(s) {
		t.Errorf("a slash in a name nests: %s", s)
	}
}

func TestRelationsKeepTheirPartsApart(t *testing.T) {
	r := func(key string) retinue.Ref { return retinue.NewRef("k:1", "x", key) }
	a := retinue.Membership{Group: r("a|x:b"), Member: r("c")}.FactRef()
	b := retinue.Membership{Group: r("a"), Member: r("b|x:c")}.FactRef()
	if a == b {
		t.Error("two memberships have one ref")
	}
	long := retinue.Membership{Group: r(strings.Repeat("g", 4000)), Member: r(strings.Repeat("m", 4000))}.FactRef()
	if err := long.Validate(); err != nil {
		t.Error(err)
	}
}

func TestCleanNameShowsWhatIsHidden(t *testing.T) {
	for in, want := range map[string]string{"plain ä": "plain ä", "a\x1b[31mb": `a\u001b[31mb`, "x\xffy": `x\xffy`, "admin\u202etxt": `admin\u202etxt`, "tab\there": `tab\u0009here`} {
		if got := retinue.CleanName(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func FuzzUnmarshalFact(f *testing.F) {
	for _, x := range facts() {
		b, err := retinue.MarshalFact(x)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := retinue.UnmarshalFact(data)
		if err != nil || x.Validate() != nil {
			return
		}
		b, err := retinue.MarshalFact(x)
		if err != nil {
			t.Fatal(err)
		}
		y, err := retinue.UnmarshalFact(b)
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if x.FactRef() != y.FactRef() || reflect.TypeOf(x) != reflect.TypeOf(y) {
			t.Fatalf("%s moved", b)
		}
	})
}
