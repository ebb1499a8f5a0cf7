package compare_test

import (
	"math/rand/v2"
	"testing"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/awsiam/compare"
)

func TestLayers(t *testing.T) {
	parse := func(statements string) []*awsiam.Policy {
		p, err := awsiam.ParseText(`{"Version":"2012-10-17","Statement":[` + statements + `]}`)
		if err != nil {
			t.Fatal(err)
		}
		return []*awsiam.Policy{p}
	}
	all := parse(`{"Effect":"Allow","Action":"*","Resource":"*"}`)
	s3 := parse(`{"Effect":"Allow","Action":"s3:*","Resource":"*"}`)
	read := parse(`{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}`)
	ec2 := parse(`{"Effect":"Allow","Action":"ec2:*","Resource":"*"}`)
	noPut := parse(`{"Effect":"Deny","Action":"s3:Put*","Resource":"*"},{"Effect":"Allow","Action":"*","Resource":"*"}`)
	region := parse(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}}`)
	level := func(p []*awsiam.Policy) []awsiam.Level { return []awsiam.Level{{Name: "root", Policies: p}} }
	for _, c := range []struct {
		name       string
		old, next  awsiam.Layers
		gain, lose compare.Answer
	}{
		{"a boundary takes", awsiam.Layers{Identity: all}, awsiam.Layers{Identity: all, Boundary: s3}, compare.No, compare.Yes},
		{"a wider policy within the same boundary", awsiam.Layers{Identity: s3, Boundary: read}, awsiam.Layers{Identity: all, Boundary: read}, compare.No, compare.No},
		{"a boundary that is as wide", awsiam.Layers{Identity: s3}, awsiam.Layers{Identity: s3, Boundary: all}, compare.No, compare.No},
		{"a boundary that meets nothing", awsiam.Layers{Identity: ec2, Boundary: s3}, awsiam.Layers{Identity: s3, Boundary: ec2}, compare.No, compare.No},
		{"a deny of the organisation", awsiam.Layers{Identity: s3, ServiceControl: level(all)}, awsiam.Layers{Identity: s3, ServiceControl: level(noPut)}, compare.No, compare.Yes},
		{"a deny that concerns nothing held", awsiam.Layers{Identity: read, ServiceControl: level(all)}, awsiam.Layers{Identity: read, ServiceControl: level(noPut)}, compare.No, compare.No},
		{"a level without policies", awsiam.Layers{Identity: s3}, awsiam.Layers{Identity: s3, ServiceControl: []awsiam.Level{{Name: "unit"}}}, compare.No, compare.Yes},
		{"conditions of two layers", awsiam.Layers{Identity: region, Boundary: s3}, awsiam.Layers{Identity: s3, Boundary: region}, compare.No, compare.No},
		{"a condition less", awsiam.Layers{Identity: s3, Boundary: region}, awsiam.Layers{Identity: s3, Boundary: s3}, compare.Yes, compare.No},
		{"a session", awsiam.Layers{Identity: all, Session: s3}, awsiam.Layers{Identity: all, Session: read}, compare.No, compare.Yes},
	} {
		gain, lose := compare.Layers(&c.old, &c.next), compare.Layers(&c.next, &c.old)
		if gain.Answer != c.gain || lose.Answer != c.lose {
			t.Errorf("%s: gains %+v, loses %+v, want %s and %s", c.name, gain, lose, c.gain, c.lose)
		}
	}
}

func (g generator) layers(t testing.TB) *awsiam.Layers {
	l := &awsiam.Layers{Identity: []*awsiam.Policy{g.policy(t)}}
	if g.IntN(3) == 0 {
		l.Identity = append(l.Identity, g.policy(t))
	}
	if g.IntN(2) == 0 {
		l.Boundary = []*awsiam.Policy{g.policy(t)}
	}
	if g.IntN(3) == 0 {
		l.Session = []*awsiam.Policy{g.policy(t)}
	}
	for range g.IntN(3) {
		l.ServiceControl = append(l.ServiceControl, awsiam.Level{Name: "unit", Policies: []*awsiam.Policy{g.policy(t)}})
	}
	return l
}

// under asks the engine what layers allow, as [allows] does of one policy.
func under(l *awsiam.Layers, r *awsiam.Request) access.Outcome {
	everything, err := awsiam.ParseText(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`)
	if err != nil {
		panic(err)
	}
	r.Principal, _ = awsiam.ParsePrincipal("arn:aws:iam::111122223333:user/alice")
	r.ResourceAccount = "444455556666"
	with := *l
	with.Resource = []*awsiam.Policy{everything}
	return awsiam.Outcome(&with, r, awsiam.Closed)
}

// TestLayersAgreeWithTheEngine compares random layers as TestAnswersAgreeWithTheEngine
// does policies.
func TestLayersAgreeWithTheEngine(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(6, 29))}
	counts := map[compare.Answer]int{}
	for range 800 {
		old, next := g.layers(t), g.layers(t)
		if g.IntN(2) == 0 {
			next.Identity = append([]*awsiam.Policy{g.policy(t)}, old.Identity...)
			next.Boundary, next.Session = old.Boundary, old.Session
		}
		got := compare.Layers(old, next)
		counts[got.Answer]++
		switch got.Answer {
		case compare.Yes:
			r := witnessed(got.Witness)
			if a, b := under(next, r), under(old, r); a != access.Allowed || b == access.Allowed {
				t.Errorf("witness %+v: new %s, old %s", got.Witness, a, b)
			}
		case compare.No:
			for range 200 {
				if r := g.request(); under(next, r) == access.Allowed && under(old, r) != access.Allowed {
					t.Fatalf("no new access, but %+v", r)
				}
			}
		}
	}
	t.Log(counts)
	if counts[compare.Unknown] > 30 || counts[compare.No] < 100 || counts[compare.Yes] < 100 {
		t.Errorf("answers are %v", counts)
	}
}

func witnessed(w *compare.Witness) *awsiam.Request {
	r := &awsiam.Request{Action: w.Action, Resource: w.Resource}
	for key, values := range w.Context {
		if key == "aws:tagkeys" {
			r.Context.SetList(key, values...)
		} else {
			r.Context.Set(key, values[0])
		}
	}
	return r
}

// TestLawsOfLayers: a boundary, a session, a level and a deny never add; a
// further policy of the identity never takes, but for its denies; both sides of
// a comparison swapped tell the same story.
func TestLawsOfLayers(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(10, 3))}
	parse := func(text string) *awsiam.Policy {
		p, err := awsiam.ParseText(text)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	deny := parse(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:Get*","Resource":"*"}}`)
	allow := parse(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::a/*"}}`)
	for range 300 {
		l := g.layers(t)
		never := func(what string, old, next *awsiam.Layers) {
			t.Helper()
			if got := compare.Layers(old, next); got.Answer == compare.Yes {
				t.Errorf("%s: %+v of %s", what, got.Witness, l.Identity[0].Name())
			}
		}
		never("the same gives access", l, l)
		more := *l
		more.Identity = append([]*awsiam.Policy{deny}, l.Identity...)
		never("a deny gives access", l, &more)
		more.Identity = append([]*awsiam.Policy{allow}, l.Identity...)
		never("an allowing policy takes access", &more, l)
		if len(l.Boundary) == 0 {
			more = *l
			more.Boundary = []*awsiam.Policy{g.policy(t)}
			never("a boundary gives access", l, &more)
		}
		if len(l.Session) == 0 {
			more = *l
			more.Session = []*awsiam.Policy{g.policy(t)}
			never("a session's policy gives access", l, &more)
		}
		more = *l
		more.ServiceControl = append([]awsiam.Level{{Name: "more", Policies: []*awsiam.Policy{g.policy(t)}}}, l.ServiceControl...)
		never("an organisation's policy gives access", l, &more)
	}
}

// TestComparingIsAntisymmetric: where neither of two sets of policies gives
// access over the other, no request comes out differently; and what is gained
// one way is what is lost the other way.
func TestComparingIsAntisymmetric(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(12, 5))}
	equal := 0
	for range 1000 {
		a := g.policy(t)
		b := g.policy(t)
		if g.IntN(2) == 0 {
			// The same said in another way.
			var err error
			if b, err = awsiam.ParseText(a.Name()); err != nil {
				t.Fatal(err)
			}
			if got := compare.Policies([]*awsiam.Policy{a, b}, []*awsiam.Policy{a}); got.Answer == compare.Yes {
				t.Errorf("a policy twice is less than once: %s: %+v", a.Name(), got.Witness)
			}
		}
		there, back := compare.Document(a, b), compare.Document(b, a)
		for _, x := range []struct {
			r         compare.Result
			old, next *awsiam.Policy
		}{{there, a, b}, {back, b, a}} {
			if x.r.Answer != compare.Yes {
				continue
			}
			// The witness of one way is none of the other.
			w := witnessed(x.r.Witness)
			if allows(x.next, w) != access.Allowed || allows(x.old, w) == access.Allowed {
				t.Errorf("%s\n%s\nwitness %+v shows nothing", x.old.Name(), x.next.Name(), x.r.Witness)
			}
		}
		if there.Answer == compare.No && back.Answer == compare.No {
			equal++
			for range 100 {
				if r := g.request(); (allows(a, r) == access.Allowed) != (allows(b, r) == access.Allowed) {
					t.Fatalf("%s\n%s\nare equal, but %+v", a.Name(), b.Name(), r)
				}
			}
		}
	}
	if equal < 200 {
		t.Errorf("only %d pairs were equal", equal)
	}
}

// TestUnionIsMonotone: more policies that only allow never allow less.
func TestUnionIsMonotone(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(13, 8))}
	done := 0
	for done < 300 {
		a, b := g.policy(t), g.policy(t)
		denies := false
		for _, st := range b.Statements() {
			denies = denies || st.Effect == awsiam.Deny
		}
		if denies {
			continue
		}
		done++
		if got := compare.Policies([]*awsiam.Policy{a, b}, []*awsiam.Policy{a}); got.Answer == compare.Yes {
			t.Errorf("%s\nis less with %s: %+v", a.Name(), b.Name(), got.Witness)
		}
	}
}
