package awsiam

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/retinue-id/retinue/internal/access"
)

// drawStatement draws a statement about a small world, so that its parts meet.
func drawStatement(t *rapid.T, effect string, named bool) string {
	pick := func(label string, values ...string) string { return rapid.SampledFrom(values).Draw(t, label) }
	action := pick("action", `"Action":"*"`, `"Action":"s3:Get*"`, `"Action":["s3:GetObject","s3:PutObject"]`, `"NotAction":"s3:Get*"`, `"Action":"S3:putobjec?"`)
	resource := pick("resource", `"Resource":"*"`, `"Resource":"arn:aws:s3:::b/*"`, `"NotResource":"arn:aws:s3:::b/k"`, `"Resource":"arn:aws:s3:::${aws:username, 'b'}/k"`)
	condition := pick("condition", "", "", `,"Condition":{"StringEquals":{"aws:username":"${k}"}}`, `,"Condition":{"StringNotLikeIfExists":{"k":"b*"}}`,
		`,"Condition":{"ForAllValues:StringEquals":{"l":["b","c"]}}`, `,"Condition":{"Null":{"k":"true"},"NumericLessThan":{"n":5}}`, `,"Condition":{"Unknown":{"k":"b"}}`)
	principal := ""
	if named {
		principal = pick("principal", `,"Principal":"*"`, to(user), to(role), to(root), to(session), strings.Replace(to(user, root), "Principal", "NotPrincipal", 1))
	}
	return fmt.Sprintf(`{"Effect":%q,%s,%s%s%s}`, effect, action, resource, condition, principal)
}

func drawPolicy(t *rapid.T, named bool) *Policy {
	n := rapid.IntRange(0, 3).Draw(t, "statements")
	out := make([]string, n)
	for i := range out {
		out[i] = drawStatement(t, rapid.SampledFrom([]string{"Allow", "Allow", "Deny"}).Draw(t, "effect"), named)
	}
	p, err := ParseText(`{"Version":"2012-10-17","Statement":[` + strings.Join(out, ",") + `]}`)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func drawPolicies(t *rapid.T, most int, named bool) []*Policy {
	var out []*Policy
	for range rapid.IntRange(0, most).Draw(t, "policies") {
		out = append(out, drawPolicy(t, named))
	}
	return out
}

func drawLayers(t *rapid.T) *Layers {
	l := &Layers{Identity: drawPolicies(t, 2, false), Boundary: drawPolicies(t, 1, false), Session: drawPolicies(t, 1, false),
		Resource: drawPolicies(t, 1, true)}
	for range rapid.IntRange(0, 2).Draw(t, "levels") {
		l.ServiceControl = append(l.ServiceControl, Level{Policies: drawPolicies(t, 2, false)})
	}
	return l
}

func drawRequest(t *rapid.T) *Request {
	r := &Request{
		Action:          rapid.SampledFrom([]string{"s3:GetObject", "s3:PutObject", "s3:NewAction"}).Draw(t, "action"),
		Resource:        rapid.SampledFrom([]string{"arn:aws:s3:::b/k", "arn:aws:s3:::b/x", "arn:aws:s3:::c/k"}).Draw(t, "resource"),
		ResourceAccount: rapid.SampledFrom([]string{"111111111111", "111111111111", "222222222222"}).Draw(t, "account"),
		Principal:       Anonymous(),
	}
	if who := rapid.SampledFrom([]string{user, role, session, ""}).Draw(t, "principal"); who != "" {
		p, err := ParsePrincipal(who)
		if err != nil {
			t.Fatal(err)
		}
		r.Principal = p
	}
	for _, k := range []string{"aws:username", "k"} {
		if v := rapid.SampledFrom([]string{"", "b", "c"}).Draw(t, k); v != "" {
			r.Context.Set(k, v)
		}
	}
	if rapid.Bool().Draw(t, "list") {
		r.Context.SetList("l", rapid.SliceOfN(rapid.SampledFrom([]string{"b", "c", "d"}), 0, 2).Draw(t, "l")...)
	}
	return r
}

// rank orders outcomes by how much they allow. What is not understood lies
// between no and yes.
func rank(o access.Outcome) int {
	switch o {
	case access.Allowed:
		return 2
	case access.Unknown:
		return 1
	}
	return 0
}

// TestDenyNeverAllowsMore adds a denying statement anywhere.
func TestDenyNeverAllowsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, r := drawLayers(t), drawRequest(t)
		before := Outcome(l, r, Closed)
		named := rapid.Bool().Draw(t, "in the resource's policy")
		p, err := ParseText(`{"Version":"2012-10-17","Statement":[` + drawStatement(t, "Deny", named) + `]}`)
		if err != nil {
			t.Fatal(err)
		}
		if named {
			l.Resource = append(l.Resource, p)
		} else {
			l.Identity = append(l.Identity, p)
		}
		if after := Outcome(l, r, Closed); rank(after) > rank(before) {
			t.Fatalf("%s became %s", before, after)
		}
	})
}

// TestLimitsNeverAdd adds a boundary, a session policy and a level of the
// organisation where there was none.
func TestLimitsNeverAdd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, r := drawLayers(t), drawRequest(t)
		limit := drawPolicy(t, false)
		l.Boundary, l.Session = nil, nil
		before := Outcome(l, r, Closed)
		switch rapid.IntRange(0, 2).Draw(t, "layer") {
		case 0:
			l.Boundary = []*Policy{limit}
		case 1:
			l.Session = []*Policy{limit}
		case 2:
			l.ServiceControl = append(l.ServiceControl, Level{Policies: []*Policy{limit}})
		}
		if after := Outcome(l, r, Closed); rank(after) > rank(before) {
			t.Fatalf("%s became %s", before, after)
		}
	})
}

// TestUnionIsMonotone adds an identity policy that denies nothing.
func TestUnionIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, r := drawLayers(t), drawRequest(t)
		before := Outcome(l, r, Closed)
		p, err := ParseText(`{"Version":"2012-10-17","Statement":[` + drawStatement(t, "Allow", false) + `]}`)
		if err != nil {
			t.Fatal(err)
		}
		l.Identity = append(l.Identity, p)
		if after := Outcome(l, r, Closed); rank(after) < rank(before) {
			t.Fatalf("%s became %s", before, after)
		}
	})
}

// TestOrderIsIrrelevant reverses the policies of a layer.
func TestOrderIsIrrelevant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, r := drawLayers(t), drawRequest(t)
		before := Outcome(l, r, Closed)
		for i, j := 0, len(l.Identity)-1; i < j; i, j = i+1, j-1 {
			l.Identity[i], l.Identity[j] = l.Identity[j], l.Identity[i]
		}
		if after := Outcome(l, r, Closed); after != before {
			t.Fatalf("%s became %s", before, after)
		}
	})
}

// TestOpenHoldsForEveryContext answers a question with its context open and
// with one of its contexts: an open yes or no holds in all of them.
func TestOpenHoldsForEveryContext(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, r := drawLayers(t), drawRequest(t)
		unknown := *r
		unknown.Context = Context{}
		// The keys that an open question fills in are closed as well.
		r.Context = *derive(r)
		unknown.Context = *derive(&unknown)
		for _, k := range []string{"aws:username"} {
			if i, ok := r.Context.find(k); ok {
				unknown.Context.Set(k, r.Context.entries[i].value.text)
			}
		}
		decision, special := Decide(l, &unknown, Open), Outcome(l, r, Closed)
		general := decision.Outcome
		switch general {
		case access.Conditional:
			all := true
			for _, c := range decision.Remains {
				holds, known := remainHolds(c, &r.Context)
				if !known {
					return
				}
				all = all && holds
			}
			if special != access.Unknown && all != (special == access.Allowed) {
				t.Fatalf("%s where what remains is %t: %+v", special, all, decision.Remains)
			}
		case access.Allowed:
			if special != access.Allowed {
				t.Fatalf("Allowed whatever the context, and %s in one", special)
			}
		case access.ImplicitlyDenied, access.ExplicitlyDenied:
			if rank(special) != 0 {
				t.Fatalf("%s whatever the context, and %s in one", general, special)
			}
		}
	})
}

// remainHolds evaluates a remaining condition in a context; known is false for
// those about the variables of a resource.
func remainHolds(c access.Condition, context *Context) (holds, known bool) {
	known = true
	switch {
	case len(c.AnyOf) > 0:
		for _, part := range c.AnyOf {
			h, k := remainHolds(part, context)
			holds, known = holds || h, known && k
		}
	case len(c.AllOf) > 0:
		holds = true
		for _, part := range c.AllOf {
			h, k := remainHolds(part, context)
			holds, known = holds && h, known && k
		}
	case c.Text != "":
		return false, false
	default:
		holds, known = NewCondition(c.Operator, c.Key, c.Values...).Holds(context)
	}
	return holds != c.Negated, known
}
