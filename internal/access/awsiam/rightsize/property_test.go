package rightsize_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/awsiam/compare"
	"github.com/retinue-id/retinue/internal/access/awsiam/rightsize"
)

// generator makes policies and uses from a small stock of words, so that they
// meet often.
type generator struct{ *rand.Rand }

func (g generator) some(stock ...string) []string {
	out := []string{stock[g.IntN(len(stock))]}
	for g.IntN(2) == 0 {
		out = append(out, stock[g.IntN(len(stock))])
	}
	return out
}

func (g generator) condition() map[string]map[string][]string {
	switch g.IntN(9) {
	case 0:
		return map[string]map[string][]string{"StringEquals": {"aws:PrincipalTag/team": g.some("red", "blue", "${aws:username}")}}
	case 1:
		return map[string]map[string][]string{"StringNotLike": {"aws:RequestedRegion": g.some("eu-*", "us-east-?")}}
	case 2:
		return map[string]map[string][]string{"IpAddress": {"aws:SourceIp": g.some("10.0.0.0/8", "2001:db8::/32")}}
	case 3:
		return map[string]map[string][]string{"NumericLessThan": {"aws:MultiFactorAuthAge": {"100"}}, "Bool": {"aws:SecureTransport": {"true"}}}
	case 4:
		return map[string]map[string][]string{"ForAnyValue:StringLike": {"aws:TagKeys": g.some("a*", "b")}}
	case 5:
		return map[string]map[string][]string{"StringEqualsIfExists": {"aws:PrincipalTag/team": g.some("red", "blue")}}
	}
	return nil
}

func (g generator) policy(t testing.TB) *awsiam.Policy {
	t.Helper()
	var statements []map[string]any
	for range 1 + g.IntN(4) {
		st := map[string]any{"Effect": "Allow"}
		if g.IntN(5) == 0 {
			st["Effect"] = "Deny"
		}
		st[[]string{"Action", "Action", "Action", "NotAction"}[g.IntN(4)]] = g.some("s3:*", "s3:Get*", "s3:GetObject", "s3:Put?bject", "*", "iam:PassRole", "iam:*", "dynamodb:GetItem", "sqs:*", "ec2:*")
		st[[]string{"Resource", "Resource", "Resource", "NotResource"}[g.IntN(4)]] = g.some("*", "arn:aws:s3:::a/*", "arn:aws:s3:::a/b*", "arn:aws:s3:::*/x",
			"arn:aws:s3:::a/${aws:username}/*", "arn:aws:iam::*:role/r-*", "arn:aws:s3:::log-?/*/x", "arn:aws:dynamodb:*:1:table/t")
		if c := g.condition(); c != nil {
			st["Condition"] = c
		}
		statements = append(statements, st)
	}
	version := "2012-10-17"
	if g.IntN(6) == 0 {
		version = "2008-10-17"
	}
	document, err := json.Marshal(map[string]any{"Version": version, "Statement": statements})
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(document)).Named(string(document))
}

func (g generator) uses(n int) []rightsize.Use {
	var out []rightsize.Use
	word := func() string {
		return g.some("a", "b", "bc", "x", "red", "log-1", "log-2", "2026", "0123456789abcdef", "f47ac10b-58cc-4372-a567-0e02b2c3d479", string(rune('a'+g.IntN(26))))[0]
	}
	for range n {
		var u rightsize.Use
		switch g.IntN(7) {
		case 0, 1, 2:
			u = rightsize.Use{Action: g.some("s3:GetObject", "s3:PutObject")[0], Resource: "arn:aws:s3:::" + word() + "/" + word() + strings.Repeat("/"+word(), g.IntN(3))}
		case 3:
			u = rightsize.Use{Action: "iam:GetRole", Resource: "arn:aws:iam::1:role/r-" + word()}
		case 4:
			u = rightsize.Use{Action: "dynamodb:GetItem", Resource: "arn:aws:dynamodb:eu-west-1:1:table/" + word()}
		case 5:
			u = rightsize.Use{Action: "ec2:DescribeInstances", Resource: "*"}
		case 6:
			u = rightsize.Use{Action: g.some("s3:GetObject", "lambda:CreateFunction", "iam:PassRole")[0], Resource: g.some("", "arn:aws:iam::1:role/r-x")[0]}
			if g.IntN(2) == 0 {
				u.Context = map[string][]string{"aws:PrincipalTag/team": g.some("red", "blue")[:1]}
			}
		}
		out = append(out, u)
	}
	return out
}

// allows asks what the policies of an identity allow by themselves.
func allows(t testing.TB, policies []*awsiam.Policy, r *awsiam.Request) access.Outcome {
	t.Helper()
	everything := parse(t, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`)
	r.Principal, _ = awsiam.ParsePrincipal("arn:aws:iam::111122223333:user/some")
	r.ResourceAccount = "444455556666"
	return awsiam.Outcome(&awsiam.Layers{Identity: policies, Resource: []*awsiam.Policy{everything}}, r, awsiam.Closed)
}

// TestLaws shrinks generated policies: nothing new is allowed; every use that
// was allowed stays allowed, in every context that is tried; shrinking again
// changes nothing; more uses never allow less.
func TestLaws(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(11, 7))}
	d := data(t)
	shrunk, refused, used := 0, 0, 0
	for range 100 {
		old := []*awsiam.Policy{g.policy(t)}
		if g.IntN(3) == 0 {
			old = append(old, g.policy(t))
		}
		in := rightsize.Input{Old: old, Uses: g.uses(1 + g.IntN(60)), Data: d, Recorded: []string{"all"}}
		r, err := rightsize.Shrink(in)
		if err != nil {
			refused++
			t.Log(err)
			continue
		}
		shrunk++
		next := documents(t, r)
		if got := compare.Policies(old, next); got.Answer == compare.Yes {
			t.Fatalf("%s\nnew access %+v by %s", old[0].Name(), got.Witness, r.Policy)
		}
		for _, u := range in.Uses {
			if u.Resource == "" || slices.ContainsFunc(r.Uses.Refused, func(x rightsize.Refused) bool { return x.Action == u.Action && x.Resource == u.Resource }) {
				continue
			}
			used++
			for range 10 {
				q := &awsiam.Request{Action: u.Action, Resource: u.Resource}
				for key, values := range map[string][]string{"aws:PrincipalTag/team": {"red", "blue", "some"}, "aws:username": {"some", "red", "b"}, "aws:SourceIp": {"10.1.2.3", "192.0.2.1"},
					"aws:MultiFactorAuthAge": {"50", "150"}, "aws:SecureTransport": {"true", "false"}, "aws:RequestedRegion": {"eu-west-1", "us-east-1", "ap-1"}} {
					if g.IntN(4) > 0 {
						q.Context.Set(key, g.some(values...)[0])
					}
				}
				for key, values := range u.Context {
					q.Context.Set(key, values[0])
				}
				if a, b := allows(t, old, q), allows(t, next, q); a != b && a == access.Allowed {
					t.Fatalf("%s\n%+v was %s and is %s by %s", old[0].Name(), u, a, b, r.Policy)
				}
			}
		}
		again, err := rightsize.Shrink(rightsize.Input{Old: next, Uses: in.Uses, Data: d, Recorded: in.Recorded})
		if err != nil || string(again.Policy) != string(r.Policy) {
			t.Fatalf("%s\nonce  %s\ntwice %s (%v)", old[0].Name(), r.Policy, again.Policy, err)
		}
		// A use of an action that is otherwise kept unseen would say more of
		// what the record shows, so both are without.
		fewer, more := in, in
		fewer.DropUnseen, more.DropUnseen = true, true
		more.Uses = append(slices.Clone(in.Uses), g.uses(20)...)
		narrower, err1 := rightsize.Shrink(fewer)
		wider, err2 := rightsize.Shrink(more)
		if err1 != nil || err2 != nil {
			t.Log(err1, err2)
			continue
		}
		if got := compare.Policies(documents(t, wider), documents(t, narrower)); got.Answer == compare.Yes {
			t.Fatalf("%s\nmore uses lose %+v:\n%s\n%s", old[0].Name(), got.Witness, narrower.Policy, wider.Policy)
		}
	}
	t.Logf("%d shrunk, %d refused, %d uses", shrunk, refused, used)
	if refused > 8 || used < 500 {
		t.Errorf("%d shrunk, %d refused, %d uses", shrunk, refused, used)
	}
}

func documents(t testing.TB, r *rightsize.Result) []*awsiam.Policy {
	t.Helper()
	var out []*awsiam.Policy
	for _, d := range r.Documents {
		out = append(out, parse(t, string(d.Policy)))
	}
	return out
}
