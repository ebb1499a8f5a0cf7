package awsiam

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/retinue-id/retinue/internal/access"
)

// TestAProspectRulesOutNothingThatIsAllowed asks about an action before its
// resource and some of its keys are known, and then with both.
func TestAProspectRulesOutNothingThatIsAllowed(t *testing.T) {
	free := []string{"k", "n"}
	isFree := func(key string) bool { return slices.Contains(free, key) }
	ruled := 0
	rapid.Check(t, func(t *rapid.T) {
		l, r := drawLayers(t), drawRequest(t)
		l.Session, l.Resource = nil, nil
		known := Request{Action: r.Action, Principal: r.Principal}
		for _, e := range r.Context.entries {
			if !isFree(e.key) {
				known.Context.put(e.key, e.value)
			}
		}
		if r.Principal.account == "" {
			t.Skip("nothing but the resource's policy allows it anything")
		}
		p := NewProspect(l, &known, isFree)
		if !p.None() && p.On(r.Resource) {
			return
		}
		ruled++
		switch d := Decide(l, r, Open); d.Outcome {
		case access.Allowed:
			t.Fatalf("ruled out, and allowed: %+v", d)
		case access.Conditional:
			if onlyOf(d.Remains, isFree) {
				t.Fatalf("ruled out, and allowed where %+v", d.Remains)
			}
		}
	})
	if ruled == 0 {
		t.Error("nothing was ruled out")
	}
}

// onlyOf reports whether conditions hang on some keys alone.
func onlyOf(list []access.Condition, of func(string) bool) bool {
	return !slices.ContainsFunc(list, func(c access.Condition) bool {
		return c.Key != "" && !of(c.Key) || !onlyOf(c.AnyOf, of) || !onlyOf(c.AllOf, of)
	})
}

// TestAPreparedRequestIsAnsweredAlike asks with and without what each question derives.
func TestAPreparedRequestIsAnsweredAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, r := drawLayers(t), drawRequest(t)
		r.Absent = rapid.SliceOfN(rapid.SampledFrom([]string{"K", "aws:UserName", "L*"}), 0, 2).Draw(t, "absent")
		prepared := *r
		prepared.Prepare()
		if a, b := Outcome(l, r, Open), Outcome(l, &prepared, Open); a != b {
			t.Fatalf("%s became %s", a, b)
		}
	})
}

func TestAProspectKnowsWhatIsAllowedOnNothing(t *testing.T) {
	user, err := ParsePrincipal("arn:aws:iam::111122223333:user/a")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, own, boundary string
		none, on            bool
	}{
		{name: "all", own: `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`, on: true},
		{name: "another resource", own: `{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/*"}`},
		{name: "another action", own: `{"Effect":"Allow","Action":"sqs:*","Resource":"*"}`, none: true},
		{name: "what the caller does not choose", own: `{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}`, none: true},
		{name: "what it does", own: `{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}}`, on: true},
		{name: "denied to it", own: `{"Effect":"Allow","Action":"s3:*","Resource":"*"},{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:username":"a"}}}`, none: true},
		{name: "denied to others", own: `{"Effect":"Allow","Action":"s3:*","Resource":"*"},{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:username":"b"}}}`, on: true},
		{name: "denied on something", own: `{"Effect":"Allow","Action":"s3:*","Resource":"*"},{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::b/*"}`, on: true},
		{name: "outside the boundary", own: `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`, boundary: `{"Effect":"Allow","Action":"sqs:*","Resource":"*"}`, none: true},
		{name: "elsewhere in the boundary", own: `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`, boundary: `{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/*"}`},
	} {
		l := &Layers{Identity: []*Policy{policy(t, test.own)}}
		if test.boundary != "" {
			l.Boundary = []*Policy{policy(t, test.boundary)}
		}
		p := NewProspect(l, &Request{Action: "s3:GetObject", Principal: user}, func(key string) bool { return key == "aws:requestedregion" })
		if p.None() != test.none || p.On("arn:aws:s3:::a/k") != test.on {
			t.Errorf("%s: allowed on nothing %t, on the resource %t", test.name, p.None(), p.On("arn:aws:s3:::a/k"))
		}
	}
}
