package awsiam

import (
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue/internal/access"
)

func conditioned(effect, conditions string) string {
	return `{"Effect":"` + effect + `","Action":"*","Resource":"*","Condition":` + conditions + `}`
}

// openQuestion asks what a user may do, with a context that is not known.
func openQuestion(t *testing.T, layers Layers, change func(*Request)) access.Decision {
	t.Helper()
	r := Request{Action: "s3:GetObject", Resource: object, ResourceAccount: "111111111111", Principal: principalOf(t, user)}
	if change != nil {
		change(&r)
	}
	d := Decide(&layers, &r, Open)
	if o := Outcome(&layers, &r, Open); o != d.Outcome {
		t.Errorf("Outcome is %s and Decide %s", o, d.Outcome)
	}
	return d
}

func identity(t *testing.T, statements ...string) Layers {
	return Layers{Identity: []*Policy{policy(t, statements...)}}
}

// TestOpen holds what remains of a question whose context is open.
func TestOpen(t *testing.T) {
	const mfa, ip = `{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`, `{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`
	tests := []struct {
		name       string
		statements []string
		want       access.Outcome
		remains    string
	}{
		{"unconditional", list{allow("")}, ok, ""},
		{"one condition", list{conditioned("Allow", mfa)}, access.Conditional, "aws:MultiFactorAuthPresent Bool true"},
		{"one of two", list{conditioned("Allow", mfa), conditioned("Allow", ip)}, access.Conditional,
			"aws:MultiFactorAuthPresent Bool true or aws:SourceIp IpAddress 10.0.0.0/8"},
		{"one without", list{conditioned("Allow", mfa), allow("")}, ok, ""},
		{"both", list{conditioned("Allow", strings.TrimSuffix(mfa, "}")+","+ip[1:])}, access.Conditional,
			"aws:MultiFactorAuthPresent Bool true and aws:SourceIp IpAddress 10.0.0.0/8"},
		{"denied unless", list{allow(""), conditioned("Deny", `{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}`)}, access.Conditional,
			"not (aws:MultiFactorAuthPresent BoolIfExists false)"},
		{"denied on two conditions", list{allow(""), conditioned("Deny", strings.TrimSuffix(mfa, "}")+","+ip[1:])}, access.Conditional,
			"not (aws:MultiFactorAuthPresent Bool true and aws:SourceIp IpAddress 10.0.0.0/8)"},
		{"allowed and denied", list{conditioned("Allow", mfa), conditioned("Deny", ip)}, access.Conditional,
			"aws:MultiFactorAuthPresent Bool true and not (aws:SourceIp IpAddress 10.0.0.0/8)"},
		{"denied anyway", list{conditioned("Allow", mfa), deny("")}, explicit, ""},
		{"denied perhaps, allowed never", list{conditioned("Deny", mfa)}, implicit, ""},
		{"known from the principal", list{conditioned("Allow", `{"StringEquals":{"aws:username":"alice"}}`)}, ok, ""},
		{"known and false", list{conditioned("Allow", `{"StringEquals":{"aws:PrincipalAccount":"2"}}`)}, implicit, ""},
		{"own name", list{`{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/${aws:username}/*"}`}, implicit, ""},
		{"variable", list{`{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/${aws:PrincipalTag/x}"}`}, access.Conditional,
			"aws:principaltag/x is such that arn:aws:s3:::b/${aws:PrincipalTag/x} is " + object},
		{"variable elsewhere", list{`{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::c/${aws:PrincipalTag/x}"}`}, implicit, ""},
		{"anything or nothing", list{conditioned("Allow", `{"StringLikeIfExists":{"aws:x":"*"}}`)}, ok, ""},
		{"anything but nothing", list{conditioned("Allow", `{"StringLike":{"aws:x":"*"}}`)}, access.Conditional, "aws:x StringLike *"},
		{"not understood", list{conditioned("Allow", `{"Foo":{"aws:x":"*"}}`)}, unknown, ""},
		{"not understood or open", list{conditioned("Allow", `{"Foo":{"aws:x":"*"}}`), conditioned("Allow", mfa)}, unknown, ""},
	}
	for _, tt := range tests {
		d := openQuestion(t, identity(t, tt.statements...), nil)
		var texts []string
		for _, c := range d.Remains {
			texts = append(texts, c.String())
		}
		if got := strings.Join(texts, " and "); d.Outcome != tt.want || got != tt.remains {
			t.Errorf("%s: %s if %q: want %s if %q", tt.name, d.Outcome, got, tt.want, tt.remains)
		}
		if len(d.Because) == 0 {
			t.Errorf("%s: no reason", tt.name)
		}
	}
}

// TestAbsent says which keys a request cannot carry.
func TestAbsent(t *testing.T) {
	l := identity(t, conditioned("Allow", `{"StringEquals":{"aws:PrincipalTag/Team":"a"}}`),
		conditioned("Deny", `{"Null":{"aws:TokenIssueTime":"true"}}`))
	absent := func(keys ...string) func(*Request) { return func(r *Request) { r.Absent = keys } }
	if d := openQuestion(t, l, nil); d.Outcome != access.Conditional {
		t.Errorf("nothing known: %s", d.Outcome)
	}
	if d := openQuestion(t, l, absent("AWS:PrincipalTag/*")); d.Outcome != implicit {
		t.Errorf("no tags: %s", d.Outcome)
	}
	if d := openQuestion(t, l, absent("aws:tokenissuetime")); d.Outcome != explicit {
		t.Errorf("no session: %s", d.Outcome)
	}
}

// TestOpenLayers joins the conditions of several layers.
func TestOpenLayers(t *testing.T) {
	cond := func(k string) string { return conditioned("Allow", `{"Bool":{"`+k+`":"true"}}`) }
	l := identity(t, cond("a"))
	l.Boundary = []*Policy{policy(t, cond("b"))}
	l.ServiceControl = []Level{{Policies: []*Policy{policy(t, allow(""))}}, {Policies: []*Policy{policy(t, cond("c"))}}}
	l.Resource = []*Policy{policy(t, strings.TrimSuffix(cond("d"), "}")+to(user)+"}")}
	d := openQuestion(t, l, nil)
	// The boundary does not limit what is granted to the user by name.
	want := "(a Bool true and b Bool true) or d Bool true and c Bool true"
	var texts []string
	for _, c := range d.Remains {
		texts = append(texts, c.String())
	}
	if got := strings.Join(texts, " and "); d.Outcome != access.Conditional || got != want {
		t.Errorf("%s if %s: want %s", d.Outcome, got, want)
	}
	d = openQuestion(t, l, func(r *Request) { r.ResourceAccount = "222222222222" })
	if len(d.Remains) != 4 {
		t.Errorf("across accounts %d conditions remain: want all 4: %+v", len(d.Remains), d.Remains)
	}
}

// TestUnread says what was not read, where that matters.
func TestUnread(t *testing.T) {
	l := identity(t, allow(""))
	l.Unread = []Layer{LayerServiceControl, LayerResource}
	d := openQuestion(t, l, nil)
	if d.Outcome != ok || !slices.Equal(d.Unread, []string{"service control policies", "resource policies"}) {
		t.Errorf("%s with unread %v", d.Outcome, d.Unread)
	}
	if s := d.Sentence(); !strings.Contains(s, "unless forbidden by service control policies, resource policies") {
		t.Errorf("sentence %q", s)
	}
	// A resource policy could grant what the identity's do not.
	l.Identity = nil
	if d := openQuestion(t, l, nil); d.Outcome != unknown || d.Because[0].Layer != "resource policy" {
		t.Errorf("%s because %+v", d.Outcome, d.Because)
	}
	// It could not, where the organisation does not allow.
	l.ServiceControl = []Level{{Policies: []*Policy{policy(t, other())}}}
	if d := openQuestion(t, l, nil); d.Outcome != implicit {
		t.Errorf("%s because %+v", d.Outcome, d.Because)
	}
	// Nor alone, across accounts.
	l.ServiceControl = nil
	if d := openQuestion(t, l, func(r *Request) { r.ResourceAccount = "222222222222" }); d.Outcome != implicit {
		t.Errorf("%s because %+v", d.Outcome, d.Because)
	}
}

// TestReasons names the statements that decide.
func TestReasons(t *testing.T) {
	l := identity(t, allow(`,"Sid":"Everything"`), deny(`,"Sid":"Night"`))
	l.Identity[0] = l.Identity[0].Named("arn:aws:iam::111111111111:policy/p")
	d := openQuestion(t, l, nil)
	want := access.Reason{Layer: "identity policy", Document: "arn:aws:iam::111111111111:policy/p", Statement: "Night", Effect: "deny", Text: "denies s3:GetObject"}
	if len(d.Because) != 1 || d.Because[0] != want {
		t.Errorf("because %+v: want %+v", d.Because, want)
	}
	l = identity(t, allow(""))
	l.ServiceControl = []Level{{Name: "root", Policies: []*Policy{policy(t, allow(""))}}, {Name: "ou-1", Policies: []*Policy{policy(t, other())}}}
	d = openQuestion(t, l, nil)
	if len(d.Because) != 1 || d.Because[0].Text != "no policy at ou-1 allows s3:GetObject" {
		t.Errorf("because %+v", d.Because)
	}
}
