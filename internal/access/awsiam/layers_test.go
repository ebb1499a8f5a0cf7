package awsiam

import (
	"strings"
	"testing"

	"github.com/retinue-id/retinue/internal/access"
)

const (
	user    = "arn:aws:iam::111111111111:user/team/alice"
	role    = "arn:aws:iam::111111111111:role/app"
	session = "arn:aws:sts::111111111111:assumed-role/app/one"
	visitor = "arn:aws:sts::111111111111:federated-user/bob"
	root    = "arn:aws:iam::111111111111:root"
	linked  = "arn:aws:iam::111111111111:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX"
	object  = "arn:aws:s3:::b/k"
	key     = "arn:aws:kms:us-east-1:111111111111:key/1"
	target  = "arn:aws:iam::111111111111:role/target"
)

func policy(t testing.TB, statements ...string) *Policy {
	t.Helper()
	p, err := ParseText(`{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// allow, deny and other are statements on everything, and on something else.
func allow(more string) string { return `{"Effect":"Allow","Action":"*","Resource":"*"` + more + `}` }
func deny(more string) string  { return `{"Effect":"Deny","Action":"*","Resource":"*"` + more + `}` }
func other() string {
	return `{"Effect":"Allow","Action":"iam:GetUser","Resource":"*"}`
}

// to is a Principal element.
func to(names ...string) string {
	return `,"Principal":{"AWS":["` + strings.Join(names, `","`) + `"]}`
}

func everyone() string { return `,"Principal":"*"` }

func principalOf(t testing.TB, text string) Principal {
	t.Helper()
	switch text {
	case "anonymous":
		return Anonymous()
	}
	p, err := ParsePrincipal(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// layered is a question in short: statements by layer.
type layered struct {
	name                                              string
	principal, action, resource, account              string
	identity, boundary, session, resourcePolicy, ends []string
	service, control                                  [][]string
	want                                              access.Outcome
}

func (l *layered) decide(t testing.TB) access.Decision {
	t.Helper()
	one := func(statements []string) []*Policy {
		if statements == nil {
			return nil
		}
		return []*Policy{policy(t, statements...)}
	}
	layers := Layers{Identity: one(l.identity), Boundary: one(l.boundary), Session: one(l.session),
		Resource: one(l.resourcePolicy), Endpoint: one(l.ends)}
	for _, level := range l.service {
		layers.ServiceControl = append(layers.ServiceControl, Level{Policies: one(level)})
	}
	for _, level := range l.control {
		layers.ResourceControl = append(layers.ResourceControl, Level{Policies: one(level)})
	}
	r := Request{Action: "s3:GetObject", Resource: object, ResourceAccount: "111111111111", Principal: principalOf(t, l.principal)}
	if l.action != "" {
		r.Action = l.action
	}
	if l.resource != "" {
		r.Resource = l.resource
	}
	if l.account != "" {
		r.ResourceAccount = l.account
	}
	d := Decide(&layers, &r, Closed)
	if o := Outcome(&layers, &r, Closed); o != d.Outcome {
		t.Errorf("%s: Outcome is %s and Decide %s", l.name, o, d.Outcome)
	}
	return d
}

const (
	ok       = access.Allowed
	implicit = access.ImplicitlyDenied
	explicit = access.ExplicitlyDenied
	unknown  = access.Unknown
)

func runLayers(t *testing.T, tests []layered) {
	t.Helper()
	for _, tt := range tests {
		d := tt.decide(t)
		if d.Outcome != tt.want {
			t.Errorf("%s: %s, want %s: %+v", tt.name, d.Outcome, tt.want, d.Because)
		}
		if len(d.Because) == 0 {
			t.Errorf("%s: no reason", tt.name)
		}
	}
}

type list = []string

// TestOneAccount follows "Policy evaluation logic" within an account.
func TestOneAccount(t *testing.T) {
	a, d, n := list{allow("")}, list{deny("")}, list{other()}
	runLayers(t, []layered{
		{name: "nothing", principal: user, want: implicit},
		{name: "identity", principal: user, identity: a, want: ok},
		{name: "identity denies", principal: user, identity: list{allow(""), deny("")}, want: explicit},
		{name: "boundary", principal: user, identity: a, boundary: n, want: implicit},
		{name: "boundary grants nothing", principal: user, boundary: a, want: implicit},
		{name: "boundary denies", principal: user, identity: a, boundary: list{allow(""), deny("")}, want: explicit},
		{name: "session", principal: session, identity: a, session: n, want: implicit},
		{name: "session grants nothing", principal: session, session: a, want: implicit},
		{name: "session and identity", principal: session, identity: a, session: a, want: ok},
		{name: "root", principal: root, want: ok},
		{name: "root denied by the resource", principal: root, resourcePolicy: list{deny(to(root))}, want: explicit},
		{name: "root in an organisation", principal: root, service: [][]string{n}, want: implicit},
		{name: "role", principal: role, identity: a, want: ok},
		{name: "federated without session policy", principal: visitor, identity: a, want: implicit},
		{name: "federated", principal: visitor, identity: a, session: a, want: ok},
		{name: "no permission needed", principal: user, action: "sts:GetCallerIdentity", resource: "*", identity: d, want: ok},
		{name: "endpoint", principal: user, identity: a, ends: list{`{"Effect":"Allow","Action":"s3:PutObject","Resource":"*","Principal":"*"}`}, want: implicit},
		{name: "endpoint denies", principal: user, identity: a, ends: list{deny(everyone())}, want: explicit},
		{name: "endpoint allows", principal: user, identity: a, ends: list{allow(everyone())}, want: ok},
	})
}

// TestResourcePolicies follows the table "Resource-based policies and implicit
// denies in other policy types (same account)".
func TestResourcePolicies(t *testing.T) {
	n := list{other()}
	runLayers(t, []layered{
		{name: "user by name", principal: user, resourcePolicy: list{allow(to(user))}, boundary: n, want: ok},
		{name: "user by another's name", principal: user, resourcePolicy: list{allow(to("arn:aws:iam::111111111111:user/alice"))}, want: implicit},
		{name: "user by name in other case", principal: user, resourcePolicy: list{allow(to("arn:aws:iam::111111111111:user/team/Alice"))}, want: implicit},
		{name: "user by account", principal: user, resourcePolicy: list{allow(to("111111111111"))}, want: implicit},
		{name: "user by account and identity", principal: user, resourcePolicy: list{allow(to(root))}, identity: list{allow("")}, want: ok},
		{name: "user by everyone", principal: user, resourcePolicy: list{allow(everyone())}, boundary: n, want: ok},
		{name: "user by AWS *", principal: user, resourcePolicy: list{allow(to("*"))}, want: ok},
		{name: "no part of a name", principal: user, resourcePolicy: list{allow(to("arn:aws:iam::111111111111:user/*"))}, want: implicit},
		{name: "role session by role", principal: session, resourcePolicy: list{allow(to(role))}, want: ok},
		{name: "by role, boundary", principal: session, resourcePolicy: list{allow(to(role))}, boundary: n, want: implicit},
		{name: "by role, session policy", principal: session, resourcePolicy: list{allow(to(role))}, session: n, want: implicit},
		{name: "by session", principal: session, resourcePolicy: list{allow(to(session))}, boundary: n, session: n, want: ok},
		{name: "by another session", principal: session, resourcePolicy: list{allow(to(session + "2"))}, want: implicit},
		{name: "by everyone, session policy", principal: session, resourcePolicy: list{allow(everyone())}, boundary: n, session: n, want: ok},
		{name: "by role with a path", principal: session, resourcePolicy: list{allow(to("arn:aws:iam::111111111111:role/path/app"))}, want: ok},
		{name: "by role of another account", principal: session, resourcePolicy: list{allow(to("arn:aws:iam::222222222222:role/app"))}, want: implicit},
		{name: "role itself, boundary", principal: role, resourcePolicy: list{allow(to(role))}, boundary: n, want: implicit},
		{name: "federated by name", principal: visitor, resourcePolicy: list{allow(to(visitor))}, want: ok},
		{name: "federated by a user", principal: visitor, resourcePolicy: list{allow(to("arn:aws:iam::111111111111:user/bob"))}, session: list{allow("")}, want: unknown},
		{name: "denied by account", principal: user, identity: list{allow("")}, resourcePolicy: list{deny(to(root))}, want: explicit},
		{name: "denied by role", principal: session, identity: list{allow("")}, resourcePolicy: list{deny(to(role))}, want: explicit},
		{name: "another is denied", principal: user, identity: list{allow("")}, resourcePolicy: list{deny(to(role))}, want: ok},
		{name: "other partition", principal: user, resourcePolicy: list{allow(to("arn:aws-cn:iam::111111111111:root"))}, identity: n, want: implicit},
		{name: "no Principal", principal: user, resourcePolicy: list{allow("")}, want: unknown},
		{name: "no Principal, allowed anyway", principal: user, identity: list{allow("")}, resourcePolicy: list{allow("")}, want: ok},
		{name: "canonical user", principal: user, resourcePolicy: list{allow(`,"Principal":{"CanonicalUser":"79a5"}`)}, want: unknown},
	})
}

// TestOtherAccount follows "Cross-account policy evaluation logic".
func TestOtherAccount(t *testing.T) {
	const theirs = "222222222222"
	a, n := list{allow("")}, list{other()}
	runLayers(t, []layered{
		{name: "identity only", principal: user, account: theirs, identity: a, want: implicit},
		{name: "resource only", principal: user, account: theirs, resourcePolicy: list{allow(to(user))}, want: implicit},
		{name: "both by name", principal: user, account: theirs, identity: a, resourcePolicy: list{allow(to(user))}, want: ok},
		{name: "both by account", principal: user, account: theirs, identity: a, resourcePolicy: list{allow(to(root))}, want: ok},
		{name: "both by everyone", principal: user, account: theirs, identity: a, resourcePolicy: list{allow(everyone())}, want: ok},
		{name: "by the resource's account", principal: user, account: theirs, identity: a, resourcePolicy: list{allow(to(theirs))}, want: implicit},
		{name: "boundary", principal: user, account: theirs, identity: a, boundary: n, resourcePolicy: list{allow(to(user))}, want: implicit},
		{name: "session policy and session by name", principal: session, account: theirs, identity: a, session: n, resourcePolicy: list{allow(to(session))}, want: implicit},
		{name: "own organisation", principal: user, account: theirs, identity: a, service: [][]string{n}, resourcePolicy: list{allow(to(user))}, want: implicit},
		{name: "root of another account", principal: root, account: theirs, resourcePolicy: list{allow(to(root))}, want: ok},
		{name: "anonymous", principal: "anonymous", account: theirs, resourcePolicy: list{allow(everyone())}, want: ok},
		{name: "anonymous, not everyone", principal: "anonymous", account: theirs, resourcePolicy: list{allow(to(theirs))}, want: implicit},
		{name: "anonymous, nothing", principal: "anonymous", want: implicit},
	})
}

// TestExceptions covers key policies, trust policies, services and identity
// providers.
func TestExceptions(t *testing.T) {
	a, n := list{allow("")}, list{other()}
	assume := func(more string) list {
		return list{`{"Effect":"Allow","Action":["sts:AssumeRole","sts:AssumeRoleWithWebIdentity"]` + more + `}`}
	}
	runLayers(t, []layered{
		{name: "key without policy", principal: user, action: "kms:Decrypt", resource: key, identity: a, want: implicit},
		{name: "key of the account", principal: user, action: "kms:Decrypt", resource: key, identity: a, resourcePolicy: list{allow(to(root))}, want: ok},
		{name: "key of the account alone", principal: user, action: "kms:Decrypt", resource: key, resourcePolicy: list{allow(to(root))}, want: implicit},
		{name: "key by name", principal: user, action: "kms:Decrypt", resource: key, resourcePolicy: list{allow(to(user))}, boundary: n, want: ok},
		{name: "key by role", principal: session, action: "kms:Decrypt", resource: key, resourcePolicy: list{allow(to(role))}, boundary: n, want: implicit},
		{name: "key of another", principal: user, action: "kms:Decrypt", resource: key, identity: a, resourcePolicy: list{allow(to("222222222222"))}, want: implicit},
		{name: "alias", principal: user, action: "kms:CreateAlias", resource: "arn:aws:kms:us-east-1:111111111111:alias/a", identity: a, want: ok},
		{name: "list keys", principal: user, action: "kms:ListKeys", resource: "*", identity: a, want: ok},
		{name: "root and key", principal: root, action: "kms:Decrypt", resource: key, want: implicit},
		{name: "assume without trust", principal: user, action: "sts:AssumeRole", resource: target, identity: a, want: implicit},
		{name: "assume, trusted by name", principal: user, action: "sts:AssumeRole", resource: target, resourcePolicy: assume(to(user)), want: ok},
		{name: "assume, trusted by account", principal: user, action: "STS:assumerole", resource: target, resourcePolicy: assume(to(root)), want: implicit},
		{name: "assume, account and identity", principal: user, action: "sts:AssumeRole", resource: target, identity: a, resourcePolicy: assume(to(root)), want: ok},
		{name: "assume by a service", principal: "ec2.amazonaws.com", action: "sts:AssumeRole", resource: target, resourcePolicy: assume(`,"Principal":{"Service":["lambda.amazonaws.com","ec2.amazonaws.com"]}`), want: ok},
		{name: "assume by another service", principal: "ec2.amazonaws.com", action: "sts:AssumeRole", resource: target, resourcePolicy: assume(`,"Principal":{"Service":"lambda.amazonaws.com"}`), want: implicit},
		{name: "service and organisation", principal: "ec2.amazonaws.com", resourcePolicy: list{allow(everyone())}, service: [][]string{{deny("")}}, want: ok},
		{name: "service and resource control", principal: "ec2.amazonaws.com", resourcePolicy: list{allow(everyone())}, control: [][]string{{deny(everyone())}}, want: explicit},
		{name: "provider", principal: "accounts.google.com", action: "sts:AssumeRoleWithWebIdentity", resource: target, resourcePolicy: assume(`,"Principal":{"Federated":"accounts.google.com"}`), want: ok},
		{name: "provider by ARN", principal: "arn:aws:iam::111111111111:oidc-provider/x", action: "sts:AssumeRoleWithWebIdentity", resource: target, resourcePolicy: assume(`,"Principal":{"Federated":"arn:aws:iam::111111111111:oidc-provider/x"}`), want: ok},
		{name: "provider is not the account", principal: "arn:aws:iam::111111111111:oidc-provider/x", action: "sts:AssumeRoleWithWebIdentity", resource: target, identity: a, resourcePolicy: assume(to(root)), want: implicit},
		{name: "reading a role is no exception", principal: user, action: "iam:GetRole", resource: target, identity: a, want: ok},
		{name: "all buckets", principal: user, action: "s3:ListAllMyBuckets", resource: "*", identity: list{`{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"arn:aws:s3:::*"}`}, want: ok},
		{name: "no resource", principal: user, action: "ec2:DescribeInstances", resource: "*", identity: list{`{"Effect":"Allow","Action":"ec2:*","Resource":"arn:aws:ec2:*:*:instance/*"}`}, want: implicit},
	})
}

// TestOrganisation follows "SCP evaluation" and "RCP evaluation".
func TestOrganisation(t *testing.T) {
	a, d, n := list{allow("")}, list{deny("")}, list{other()}
	runLayers(t, []layered{
		{name: "all levels", principal: user, identity: a, service: [][]string{a, a, a}, want: ok},
		{name: "one level does not allow", principal: user, identity: a, service: [][]string{a, n, a}, want: implicit},
		{name: "one level is empty", principal: user, identity: a, service: [][]string{a, nil}, want: implicit},
		{name: "denied at a level", principal: user, identity: a, service: [][]string{a, {allow(""), deny("")}}, want: explicit},
		{name: "limits a grant by name", principal: user, resourcePolicy: list{allow(to(user))}, service: [][]string{n}, want: implicit},
		{name: "grants nothing", principal: user, service: [][]string{a}, want: implicit},
		{name: "not for service-linked roles", principal: linked, identity: a, service: [][]string{d}, control: [][]string{{deny(everyone())}}, want: ok},
		{name: "not for their sessions", principal: "arn:aws:sts::111111111111:assumed-role/AWSServiceRoleForX/s", identity: a, service: [][]string{d}, want: ok},
		{name: "not for anonymous", principal: "anonymous", resourcePolicy: list{allow(everyone())}, service: [][]string{d}, want: ok},
		{name: "resource control denies", principal: user, identity: a, control: [][]string{{deny(everyone())}}, want: explicit},
		{name: "resource control is allow-all underneath", principal: user, identity: a, control: [][]string{nil, nil}, want: ok},
		{name: "resource control for anonymous", principal: "anonymous", resourcePolicy: list{allow(everyone())}, control: [][]string{{deny(everyone())}}, want: explicit},
		{name: "resource control across accounts", principal: user, account: "222222222222", identity: a, resourcePolicy: list{allow(everyone())}, control: [][]string{{deny(everyone())}}, want: explicit},
	})
}

// TestNotPrincipal follows "AWS JSON policy elements: NotPrincipal".
func TestNotPrincipal(t *testing.T) {
	except := func(names ...string) list {
		return list{allow(everyone()), deny(strings.Replace(to(names...), "Principal", "NotPrincipal", 1))}
	}
	runLayers(t, []layered{
		{name: "excepted with its account", principal: user, resourcePolicy: except(user, root), want: ok},
		{name: "excepted by name", principal: user, resourcePolicy: except(user), want: ok},
		{name: "session excepted by role", principal: session, resourcePolicy: except(role, root), want: ok},
		{name: "not excepted", principal: user, resourcePolicy: except(role), want: explicit},
		{name: "a boundary undoes the exception", principal: user, boundary: list{allow("")}, resourcePolicy: except(user, root), want: explicit},
		{name: "anonymous is not excepted", principal: "anonymous", resourcePolicy: except(user), want: explicit},
		{name: "nobody is denied", principal: user, resourcePolicy: list{allow(everyone()), deny(`,"NotPrincipal":"*"`)}, want: ok},
		{name: "allow all but", principal: user, resourcePolicy: list{allow(`,"NotPrincipal":{"AWS":"` + role + `"}`)}, want: ok},
		{name: "allow all but this", principal: session, resourcePolicy: list{allow(`,"NotPrincipal":{"AWS":"` + role + `"}`)}, want: implicit},
	})
}

// TestNotElements follows "IAM JSON policy elements: NotAction" and
// "NotResource".
func TestNotElements(t *testing.T) {
	runLayers(t, []layered{
		{name: "but this action", principal: user, identity: list{`{"Effect":"Allow","NotAction":["S3:GET*"],"Resource":"*"}`}, want: implicit},
		{name: "but another action", principal: user, identity: list{`{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`}, want: ok},
		{name: "but this resource", principal: user, identity: list{`{"Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::b/*"}`}, want: implicit},
		{name: "but another resource", principal: user, identity: list{`{"Effect":"Allow","Action":"*","NotResource":["arn:aws:s3:::c/*"]}`}, want: ok},
		{name: "an action that nobody knows", principal: user, action: "newservice:NewAction", identity: list{`{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`}, want: ok},
		{name: "deny but these", principal: user, identity: list{allow(""), `{"Effect":"Deny","NotAction":"iam:*","NotResource":"arn:aws:s3:::c/*"}`}, want: explicit},
	})
}

// TestNotUnderstood holds that what is not understood is answered Unknown where
// it matters, and only there.
func TestNotUnderstood(t *testing.T) {
	odd := func(effect string) string {
		return `{"Effect":"` + effect + `","Action":"s3:*","Resource":"*","Condition":{"StringResembles":{"a":"b"}}}`
	}
	runLayers(t, []layered{
		{name: "operator of an allow", principal: user, identity: list{odd("Allow")}, want: unknown},
		{name: "operator of a deny", principal: user, identity: list{allow(""), odd("Deny")}, want: unknown},
		{name: "allowed otherwise", principal: user, identity: list{allow(""), odd("Allow")}, want: ok},
		{name: "denied otherwise", principal: user, identity: list{odd("Allow"), deny("")}, want: explicit},
		{name: "nothing allows", principal: user, identity: list{odd("Deny")}, want: implicit},
		{name: "left out by the boundary", principal: user, identity: list{odd("Allow")}, boundary: list{other()}, want: implicit},
		{name: "another condition is false", principal: user, identity: list{`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Foo":{"a":"b"},"Bool":{"a":"true"}}}`}, want: implicit},
		{name: "another action", principal: user, action: "ec2:RunInstances", identity: list{odd("Allow")}, want: implicit},
		{name: "element", principal: user, identity: list{allow(`,"Until":"Friday"`)}, want: unknown},
		{name: "effect", principal: user, identity: list{`{"Effect":"Permit","Action":"*","Resource":"*"}`}, want: unknown},
		{name: "effect could deny", principal: user, identity: list{allow(""), `{"Effect":"deny","Action":"*","Resource":"*"}`}, want: unknown},
		{name: "no resource", principal: user, identity: list{`{"Effect":"Allow","Action":"*"}`}, want: unknown},
		{name: "both actions", principal: user, identity: list{allow(`,"NotAction":"iam:*"`)}, want: unknown},
		{name: "principal in an identity policy", principal: user, identity: list{allow(everyone())}, want: unknown},
		{name: "action without a service", principal: user, identity: list{`{"Effect":"Allow","Action":"GetObject","Resource":"*"}`}, want: unknown},
		{name: "wildcard in the service", principal: user, identity: list{`{"Effect":"Allow","Action":"s?:GetObject","Resource":"*"}`}, want: unknown},
		{name: "any service, any action", principal: user, identity: list{`{"Effect":"Allow","Action":"*:*","Resource":"*"}`}, want: ok},
	})
	for _, text := range []string{`{"Version":"2031-01-01","Statement":[` + allow("") + `]}`, `{"Statement":[` + allow("") + `],"Mode":"x"}`} {
		p, err := ParseText(text)
		if err != nil {
			t.Fatal(err)
		}
		r := Request{Action: "s3:GetObject", Resource: object, Principal: principalOf(t, user)}
		if d := Decide(&Layers{Identity: []*Policy{p}}, &r, Closed); d.Outcome != unknown || len(p.Problems()) != 1 {
			t.Errorf("%s: %s with problems %v", text, d.Outcome, p.Problems())
		}
		// An explicit deny elsewhere decides all the same.
		if o := Outcome(&Layers{Identity: []*Policy{p, policy(t, deny(""))}}, &r, Closed); o != explicit {
			t.Errorf("%s with a deny: %s", text, o)
		}
	}
}
