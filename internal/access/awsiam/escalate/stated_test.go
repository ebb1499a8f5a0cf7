package escalate

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/retinue-id/retinue"
)

// keep gives a collector the facts as the inventory keeps them, in an order of
// its own.
func keep(t *testing.T, facts []retinue.Fact, authority func(i int) int) *Collector {
	t.Helper()
	var c Collector
	for _, f := range facts {
		if p, ok := f.(retinue.Policy); ok {
			c.Document([]byte("hash of "+p.Document), []byte(p.Document))
		}
	}
	for i, f := range facts {
		var hash []byte
		if p, ok := f.(retinue.Policy); ok {
			hash, p.Document = []byte("hash of "+p.Document), ""
			f = p
		}
		body, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Stated(f.FactType(), authority(i), 1, body, hash); err != nil {
			t.Fatal(err)
		}
	}
	return &c
}

// TestFactsAsTheyAreKept reads random accounts both ways, the second time with
// the last facts first.
func TestFactsAsTheyAreKept(t *testing.T) {
	for seed := range uint64(40) {
		m, read := made(seed)
		facts := slices.Clone(m.facts)
		want := m.c.State(read)
		slices.Reverse(facts)
		got := keep(t, facts, func(int) int { return 1 }).State(read)
		if len(got.Principals) != len(want.Principals) || len(got.Groups) != len(want.Groups) || len(got.Policies) != len(want.Policies) {
			t.Fatalf("seed %d: %d principals, %d groups, %d policies", seed, len(got.Principals), len(got.Groups), len(got.Policies))
		}
		a, b := identities(want.Escalations()), identities(got.Escalations())
		if !slices.Equal(a, b) {
			t.Fatalf("seed %d: want %q, got %q", seed, a, b)
		}
	}
}

func identities(list []Escalation) []string {
	var out []string
	for _, e := range list {
		out = append(out, e.Identity)
	}
	return out
}

// TestTheMostAuthoritativeCounts states one user and one policy twice.
func TestTheMostAuthoritativeCounts(t *testing.T) {
	const arn = "arn:aws:iam::111122223333:user/a"
	user := func(team string) retinue.Fact {
		return retinue.Identity{Ref: retinue.NewRef("aws:111122223333", "user", arn), Kind: retinue.IdentityUser, Labels: map[string]string{"team": team}}
	}
	policy := func(action string) retinue.Fact {
		return retinue.Policy{Ref: retinue.NewRef("aws:111122223333", "policy", arn+"#inline/\"p\""), Language: retinue.LanguageAWSIAM,
			Document: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"` + action + `","Resource":"*"}}`}
	}
	at := retinue.Attachment{Policy: policy("").FactRef(), Target: user("").FactRef(), Role: retinue.AttachIdentity}
	facts := []retinue.Fact{user("low"), user("high"), policy("s3:*"), policy("*"), at, at}
	for _, last := range []bool{false, true} {
		if last {
			slices.Reverse(facts)
		}
		c := keep(t, facts, func(i int) int {
			switch f := facts[i].(type) {
			case retinue.Identity:
				return len(f.Labels["team"])
			case retinue.Policy:
				return 1000 - len(f.Document)
			}
			return 0
		})
		s := c.State(nil)
		p := s.Principals[arn]
		if p == nil || p.Tags["team"] != "high" || len(p.Own) != 1 || len(s.Escalations()) != 1 {
			t.Errorf("last first %t: %+v, %+v", last, p, s.Escalations())
		}
	}
}

// FuzzScanPair never reads what is not there.
func FuzzScanPair(f *testing.F) {
	body, err := json.Marshal(retinue.Attachment{Policy: retinue.NewRef("aws:1", "policy", "p"), Target: retinue.NewRef("aws:1", "user", "u"), Role: retinue.AttachIdentity})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Add([]byte(`{"policy":{"realm":"`))
	f.Add([]byte(`{"policy":{"realm":"a","kind":"b","key":"c\\"},"x":[{"y":"}"}],"role":"\""}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		policy, target, role, ok := scanPair(body, "policy", "target", "role")
		if !ok {
			return
		}
		var at retinue.Attachment
		if json.Unmarshal(body, &at) == nil && (at.Policy.Key != string(policy.key) || at.Target.Key != string(target.key) || string(at.Role) != string(role)) {
			// What the inventory did not write may be read otherwise.
			if kept, err := json.Marshal(at); err == nil && string(kept) == string(body) {
				t.Errorf("%s: read %s, %s, %s", body, policy.key, target.key, role)
			}
		}
	})
}

// FuzzScanIdentity never reads what is not there, nor anything else of what the
// inventory wrote.
func FuzzScanIdentity(f *testing.F) {
	f.Add("arn:aws:iam::111122223333:user/a", "na\"me", "{\"", "team", "a,b")
	f.Add("é\\", "<>&", "", "", "]}")
	f.Fuzz(func(t *testing.T, key, name, description, label, value string) {
		want := retinue.Identity{Ref: retinue.NewRef("aws:1", "user", key), Name: name, Kind: retinue.IdentityUser, Description: description,
			Labels: map[string]string{label: value}, Attrs: retinue.Attrs{"kind": []any{name, map[string]any{"kind": value}}}}
		body, err := json.Marshal(want)
		if err != nil {
			t.Skip(err)
		}
		want = retinue.Identity{}
		if err := json.Unmarshal(body, &want); err != nil { // what is not UTF-8 is kept otherwise
			t.Fatal(err)
		}
		got, ok := scanIdentity(body)
		if !ok {
			return
		}
		s := newStated()
		labels, err := s.labelled(got.labels)
		if err != nil || string(got.ref.key) != want.Ref.Key || string(got.kind) != string(want.Kind) || !maps.Equal(labels, want.Labels) {
			t.Errorf("%s: %s %s %v, %v", body, got.ref.key, got.kind, labels, err)
		}
	})
}
