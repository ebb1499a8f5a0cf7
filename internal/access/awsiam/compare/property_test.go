package compare_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/awsiam/compare"
)

// generator makes policies from a small stock of words, so that statements of
// two of them meet often.
type generator struct{ *rand.Rand }

func (g generator) some(stock ...string) []string {
	out := []string{stock[g.IntN(len(stock))]}
	if g.IntN(3) == 0 {
		out = append(out, stock[g.IntN(len(stock))])
	}
	return out
}

func (g generator) condition() map[string]map[string][]string {
	switch g.IntN(10) {
	case 0:
		return map[string]map[string][]string{"StringEquals": {"aws:PrincipalTag/team": g.some("red", "blue", "${aws:username}")}}
	case 1:
		return map[string]map[string][]string{"StringNotLike": {"aws:PrincipalTag/team": g.some("r*", "b?ue", "${aws:username}")}}
	case 2:
		return map[string]map[string][]string{"IpAddress": {"aws:SourceIp": g.some("10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32")}}
	case 3:
		return map[string]map[string][]string{"NumericLessThan": {"aws:MultiFactorAuthAge": g.some("100", "200")}}
	case 4:
		return map[string]map[string][]string{"ForAllValues:StringLike": {"aws:TagKeys": g.some("a*", "b", "ab")}}
	case 5:
		return map[string]map[string][]string{"ForAnyValue:StringEquals": {"aws:TagKeys": g.some("a", "b", "ab")}}
	case 6:
		return map[string]map[string][]string{"Null": {"aws:PrincipalTag/team": g.some("true", "false")}}
	case 7:
		return map[string]map[string][]string{"StringEqualsIfExists": {"aws:PrincipalTag/team": g.some("red", "blue")},
			"Bool": {"aws:SecureTransport": {"true"}}}
	}
	return nil
}

func (g generator) policy(t testing.TB) *awsiam.Policy {
	t.Helper()
	var statements []map[string]any
	for range 1 + g.IntN(4) {
		st := map[string]any{"Effect": "Allow"}
		if g.IntN(4) == 0 {
			st["Effect"] = "Deny"
		}
		st[[]string{"Action", "Action", "Action", "NotAction"}[g.IntN(4)]] = g.some("s3:*", "s3:Get*", "s3:GetObject", "s3:Put?bject", "*", "iam:PassRole")
		st[[]string{"Resource", "Resource", "Resource", "NotResource"}[g.IntN(4)]] = g.some("*", "arn:aws:s3:::a/*", "arn:aws:s3:::a/b*", "arn:aws:s3:::*/x",
			"arn:aws:s3:::a/${aws:username}/*", "arn:aws:iam::*:role/x")
		if c := g.condition(); c != nil {
			st["Condition"] = c
		}
		statements = append(statements, st)
	}
	document, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		t.Fatal(err)
	}
	p, err := awsiam.Parse(document)
	if err != nil {
		t.Fatalf("%s: %v", document, err)
	}
	return p.Named(string(document))
}

// allows asks the engine what a policy alone allows a user of one account on
// another account's resource.
func allows(p *awsiam.Policy, r *awsiam.Request) access.Outcome {
	everything, err := awsiam.ParseText(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`)
	if err != nil {
		panic(err)
	}
	r.Principal, _ = awsiam.ParsePrincipal("arn:aws:iam::111122223333:user/alice")
	r.ResourceAccount = "444455556666"
	return awsiam.Outcome(&awsiam.Layers{Identity: []*awsiam.Policy{p}, Resource: []*awsiam.Policy{everything}}, r, awsiam.Closed)
}

func (g generator) request() *awsiam.Request {
	r := &awsiam.Request{
		Action:   g.some("s3:GetObject", "s3:PutObject", "s3:GetX", "iam:PassRole", "ec2:Run")[0],
		Resource: g.some("*", "arn:aws:s3:::a/b/x", "arn:aws:s3:::a/red/x", "arn:aws:s3:::c/x", "arn:aws:iam::1:role/x", "arn:aws:s3:::a/c")[0],
	}
	for key, values := range map[string][]string{
		"aws:PrincipalTag/team": {"red", "blue", "green", "b"}, "aws:username": {"red", "b", "c"},
		"aws:SourceIp": {"10.1.2.3", "10.2.2.3", "192.0.2.1", "2001:db8::1"}, "aws:MultiFactorAuthAge": {"50", "150", "250"},
		"aws:SecureTransport": {"true", "false"},
	} {
		if g.IntN(4) > 0 {
			r.Context.Set(key, g.some(values...)[0])
		}
	}
	if g.IntN(3) > 0 {
		r.Context.SetList("aws:TagKeys", g.some("a", "b", "ab", "c")...)
	}
	return r
}

// TestAnswersAgreeWithTheEngine compares random policies. Where the answer is
// no, random requests look for a difference; a yes must show one.
func TestAnswersAgreeWithTheEngine(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(5, 23))}
	counts := map[compare.Answer]int{}
	for range 3000 {
		old, next := g.policy(t), g.policy(t)
		got := compare.Document(old, next)
		counts[got.Answer]++
		switch got.Answer {
		case compare.Yes:
			r := &awsiam.Request{Action: got.Witness.Action, Resource: got.Witness.Resource}
			for key, values := range got.Witness.Context {
				if key == "aws:tagkeys" {
					r.Context.SetList(key, values...)
				} else {
					r.Context.Set(key, values[0])
				}
			}
			if a, b := allows(next, r), allows(old, r); a != access.Allowed || b == access.Allowed {
				t.Errorf("old %s\nnew %s\nwitness %+v: new %s, old %s", old.Name(), next.Name(), got.Witness, a, b)
			}
		case compare.No:
			for range 300 {
				if r := g.request(); allows(next, r) == access.Allowed && allows(old, r) != access.Allowed {
					t.Fatalf("old %s\nnew %s\nno new access, but %+v", old.Name(), next.Name(), r)
				}
			}
		}
	}
	t.Log(counts)
	if counts[compare.Unknown] > 60 || counts[compare.No] < 200 {
		t.Errorf("answers are %v: too many unknown, or too few no", counts)
	}
}

// TestLaws are those of sets.
func TestLaws(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(9, 2))}
	for range 500 {
		a, b := g.policy(t), g.policy(t)
		if got := compare.Document(a, a); got.Answer != compare.No {
			t.Errorf("%s grows against itself: %+v", a.Name(), got)
		}
		if got := compare.Policies([]*awsiam.Policy{a, b}, []*awsiam.Policy{b, a}); got.Answer != compare.No {
			t.Errorf("order matters: %s, %s: %+v", a.Name(), b.Name(), got)
		}
		deny, err := awsiam.ParseText(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:Get*","Resource":"*"}}`)
		if err != nil {
			t.Fatal(err)
		}
		if got := compare.Policies([]*awsiam.Policy{a}, []*awsiam.Policy{a, deny}); got.Answer == compare.Yes {
			t.Errorf("a deny gives access: %s: %+v", a.Name(), got)
		}
	}
}

func TestUnknownPartsAreUnknownOnlyWhereTheyMatter(t *testing.T) {
	parse := func(text string) *awsiam.Policy {
		p, err := awsiam.ParseText(text)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	allow := func(action, condition string) *awsiam.Policy {
		return parse(fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":%q,"Resource":"*"%s}}`, action, condition))
	}
	odd := `,"Condition":{"StringResembles":{"aws:username":"a"}}`
	for _, c := range []struct {
		name      string
		old, next *awsiam.Policy
		want      compare.Answer
	}{
		{"new statement is odd", allow("s3:GetObject", ""), allow("s3:PutObject", odd), compare.Unknown},
		{"odd within what was allowed", allow("s3:*", ""), allow("s3:PutObject", odd), compare.No},
		{"old statement is odd", allow("s3:PutObject", odd), allow("s3:PutObject", ""), compare.Unknown},
		{"another action is new", allow("s3:PutObject", odd), allow("s3:GetObject", ""), compare.Yes},
	} {
		if got := compare.Document(c.old, c.next); got.Answer != c.want || got.Answer == compare.Unknown && got.Why == "" {
			t.Errorf("%s: %+v, want %s", c.name, got, c.want)
		}
	}
}

// TestFutureActionsCount: a list of all actions known today is less than a
// wildcard.
func TestFutureActionsCount(t *testing.T) {
	old, _ := awsiam.ParseText(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["sts:AssumeRole","sts:Get*"],"Resource":"*"}}`)
	next, _ := awsiam.ParseText(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:*","Resource":"*"}}`)
	if got := compare.Document(old, next); got.Answer != compare.Yes {
		t.Errorf("%+v, want yes", got)
	}
}

func TestResourcePolicies(t *testing.T) {
	parse := func(principal string) *awsiam.Policy {
		p, err := awsiam.ParseText(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"}}`)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	account, role := parse(`{"AWS":"arn:aws:iam::111122223333:root"}`), parse(`{"AWS":"arn:aws:iam::111122223333:role/app"}`)
	anyone, service := parse(`"*"`), parse(`{"Service":"lambda.amazonaws.com"}`)
	for _, c := range []struct {
		name      string
		old, next *awsiam.Policy
		want      compare.Answer
	}{
		{"a role of the account", account, role, compare.No},
		{"the whole account", role, account, compare.Yes},
		{"anyone", account, anyone, compare.Yes},
		{"from anyone to a service", anyone, service, compare.No},
		{"a service", role, service, compare.Yes},
	} {
		if got := compare.Document(c.old, c.next); got.Answer != c.want {
			t.Errorf("%s: %+v %+v, want %s", c.name, got, got.Witness, c.want)
		}
	}
}
