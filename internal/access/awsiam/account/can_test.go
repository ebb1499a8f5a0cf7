package account_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam/account"
)

const object = "arn:aws:s3:::invoices/1.pdf"

func TestCan(t *testing.T) {
	key := "arn:aws:kms:eu-west-1:" + own + ":key/1"
	foreign := retinue.NewRef("aws:"+other, "s3_bucket", "arn:aws:s3:::theirs")
	keys := func(policy string) func(*world) {
		return func(w *world) {
			k := ref("kms_key", key)
			w.add(retinue.Resource{Ref: k, Kind: "kms_key", Region: "eu-west-1"})
			w.attach(k, retinue.AttachResource, policy)
		}
	}
	table := "arn:aws:dynamodb:eu-west-1:" + own + ":table/t"
	root := `"Principal":{"AWS":"` + arn("root") + `"}`
	for _, c := range []struct {
		name             string
		give             []string
		extra            func(*world)
		action, resource string
		want             access.Outcome
		unread           string // of a yes
	}{
		{name: "nothing", action: "s3:GetObject", resource: object, want: access.ImplicitlyDenied},
		{name: "given", give: []string{allow("s3:Get*", "*")}, action: "s3:getobject", resource: object, want: access.Allowed},
		{name: "denied by the bucket", give: []string{allow("s3:Get*", "*")}, extra: func(w *world) {
			w.bucket("invoices", document(deny("s3:*", "arn:aws:s3:::invoices/*", `"Principal":"*"`)))
		}, action: "s3:GetObject", resource: object, want: access.ExplicitlyDenied},
		{name: "given by the bucket", extra: func(w *world) {
			w.bucket("invoices", document(allow("s3:GetObject", "arn:aws:s3:::invoices/*", `"Principal":{"AWS":"`+arn("user/alice")+`"}`)))
		}, action: "s3:GetObject", resource: object, want: access.Allowed},
		{name: "left to the account by the bucket", extra: func(w *world) {
			w.bucket("invoices", document(allow("s3:GetObject", "arn:aws:s3:::invoices/*", root)))
		}, action: "s3:GetObject", resource: object, want: access.ImplicitlyDenied},
		{name: "bucket's policy not read", give: []string{allow("s3:Get*", "*")}, action: "s3:GetObject", resource: "arn:aws:s3:::unlisted/x",
			want: access.Allowed, unread: "resource policies"},
		{name: "nothing, and the bucket's policy not read", action: "s3:GetObject", resource: "arn:aws:s3:::unlisted/x", want: access.Unknown},
		{name: "bucket of another account, not named", give: []string{allow("s3:Get*", "*")}, extra: func(w *world) {
			w.add(retinue.Resource{Ref: foreign, Kind: "s3_bucket"})
			w.attach(foreign, retinue.AttachResource, document(allow("s3:GetObject", "*", `"Principal":{"AWS":"`+other+`"}`)))
		}, action: "s3:GetObject", resource: "arn:aws:s3:::theirs/x", want: access.ImplicitlyDenied},
		{name: "bucket of another account, named", give: []string{allow("s3:Get*", "*")}, extra: func(w *world) {
			w.add(retinue.Resource{Ref: foreign, Kind: "s3_bucket"})
			w.attach(foreign, retinue.AttachResource, document(allow("s3:GetObject", "arn:aws:s3:::theirs/*", root)))
		}, action: "s3:GetObject", resource: "arn:aws:s3:::theirs/x", want: access.Allowed, unread: "resource control policies"},
		{name: "key that does not know the account", give: []string{allow("kms:*", "*")}, extra: keys(document(allow("kms:*", "*", `"Principal":{"AWS":"`+arn("role/other")+`"}`))),
			action: "kms:Decrypt", resource: key, want: access.ImplicitlyDenied},
		{name: "key that leaves it to the account", give: []string{allow("kms:*", "*")}, extra: keys(document(allow("kms:*", "*", root))),
			action: "kms:Decrypt", resource: key, want: access.Allowed},
		{name: "service without policies of resources", action: "ec2:TerminateInstances", resource: "arn:aws:ec2:eu-west-1:" + own + ":instance/i-1", want: access.ImplicitlyDenied},
		{name: "organisation forbids", give: []string{allow("dynamodb:*", "*")}, extra: func(w *world) {
			w.attach(retinue.NewRef("aws:o-x", "unit", "r-1"), retinue.AttachServiceControl, document(allow("*", "*"), deny("dynamodb:*", "*")))
		}, action: "dynamodb:GetItem", resource: table, want: access.ExplicitlyDenied},
		{name: "organisation does not allow", give: []string{allow("ec2:*", "*")}, extra: func(w *world) {
			w.attach(ref("account", own), retinue.AttachServiceControl, document(allow("s3:*", "*")))
		}, action: "ec2:DescribeInstances", resource: "*", want: access.ImplicitlyDenied},
		{name: "organisation's full access without its document", give: []string{allow("ec2:*", "*")}, extra: func(w *world) {
			w.add(retinue.Attachment{Policy: retinue.NewRef("aws:aws", "policy", "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess"),
				Target: ref("account", own), Role: retinue.AttachServiceControl})
		}, action: "ec2:DescribeInstances", resource: "*", want: access.Allowed},
		{name: "organisation's policy without its document", give: []string{allow("ec2:*", "*")}, extra: func(w *world) {
			w.add(retinue.Attachment{Policy: retinue.NewRef("aws:o-x", "policy", "arn:aws:organizations::1:policy/o-x/service_control_policy/p-1"),
				Target: ref("account", own), Role: retinue.AttachServiceControl})
		}, action: "ec2:DescribeInstances", resource: "*", want: access.Allowed, unread: "service control policies"},
		{name: "resource control", give: []string{allow("s3:*", "*")}, extra: func(w *world) {
			w.bucket("invoices", "")
			w.attach(retinue.NewRef("aws:o-x", "organization", "o-x"), retinue.AttachResourceControl,
				document(deny("s3:*", "*", `"Principal":"*"`, `"Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-other"}}`)))
		}, action: "s3:GetObject", resource: object, want: access.ExplicitlyDenied},
		{name: "resource control, a service that it does not reach", give: []string{allow("ec2:*", "*")}, extra: func(w *world) {
			w.attach(retinue.NewRef("aws:o-x", "organization", "o-x"), retinue.AttachResourceControl, document(deny("*", "*", `"Principal":"*"`)))
		}, action: "ec2:StopInstances", resource: "arn:aws:ec2:eu-west-1:" + own + ":instance/i-1", want: access.Allowed},
		{name: "its own organisation", give: []string{allow("s3:*", "*", `"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-x"}}`)}, extra: func(w *world) { w.bucket("invoices", "") },
			action: "s3:GetObject", resource: object, want: access.Allowed},
		{name: "by its own tag", give: []string{allow("ec2:*", "*", `"Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue"}}`)}, action: "ec2:DescribeInstances", resource: "*", want: access.Allowed},
		{name: "by a tag that it has not", give: []string{allow("ec2:*", "*", `"Condition":{"StringEquals":{"aws:PrincipalTag/site":"a"}}`)}, action: "ec2:DescribeInstances", resource: "*", want: access.ImplicitlyDenied},
		{name: "with a second factor", give: []string{allow("ec2:*", "*", `"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`)}, action: "ec2:DescribeInstances", resource: "*", want: access.Conditional},
		{name: "by AWS's managed policy", extra: func(w *world) {
			w.add(retinue.Attachment{Policy: retinue.NewRef("aws:aws", "policy", "arn:aws:iam::aws:policy/AmazonDynamoDBReadOnlyAccess"), Target: principal("user/alice"), Role: retinue.AttachIdentity})
		}, action: "dynamodb:ListTables", resource: "*", want: access.Allowed},
		{name: "a policy that was not read", extra: func(w *world) {
			w.add(retinue.Attachment{Policy: ref("policy", arn("policy/gone")), Target: principal("user/alice"), Role: retinue.AttachIdentity})
		}, action: "ec2:DescribeInstances", resource: "*", want: access.Unknown},
		{name: "a boundary that was not read", give: []string{allow("ec2:*", "*")}, extra: func(w *world) {
			w.add(retinue.Attachment{Policy: ref("policy", arn("policy/gone")), Target: principal("user/alice"), Role: retinue.AttachBoundary})
		}, action: "ec2:DescribeInstances", resource: "*", want: access.Allowed, unread: "permissions boundaries"},
		{name: "a group that was not read", extra: func(w *world) {
			w.add(retinue.Membership{Group: ref("group", arn("group/ghosts")), Member: principal("user/alice")})
		}, action: "ec2:DescribeInstances", resource: "*", want: access.Unknown},
		{name: "anywhere, denied in one place", give: []string{allow("s3:GetObject", "*"), deny("s3:*", "arn:aws:s3:::secret/*")}, action: "s3:GetObject", want: access.Allowed, unread: "resource policies"},
		{name: "anywhere, nowhere", give: []string{allow("s3:GetObject", "arn:aws:s3:::a/*"), deny("s3:*", "arn:aws:s3:::a*")}, action: "s3:GetObject", want: access.ExplicitlyDenied},
		{name: "all of a pattern", give: []string{allow("ec2:*", "*")}, action: "ec2:Describe*", resource: "*", want: access.Allowed},
		{name: "some of a pattern", give: []string{allow("ec2:Describe*", "*")}, action: "ec2:*", resource: "*", want: access.ImplicitlyDenied},
		{name: "all known of a pattern, not those to come", give: []string{allow("sts:GetCallerIdentity", "*")}, action: "sts:GetCallerIdentit?", resource: "*", want: access.ImplicitlyDenied},
		{name: "everything", give: []string{allow("*", "*")}, action: "*", resource: "*", want: access.Allowed},
		{name: "a pattern of resources", give: []string{allow("*", "*")}, action: "s3:GetObject", resource: "arn:aws:s3:::invoices/*", want: access.Unknown},
		{name: "no action", give: []string{allow("*", "*")}, action: "GetObject", resource: object, want: access.Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.identity("user/alice", map[string]string{"team": "blue"})
			if c.give != nil {
				w.give("user/alice", c.give...)
			}
			if c.extra != nil {
				c.extra(w)
			} else if c.resource == object {
				w.bucket("invoices", "")
			}
			d := w.engine().Can(principal("user/alice"), c.action, c.resource)
			if d.Outcome != c.want || len(d.Because) == 0 {
				t.Errorf("got %s, want %s: %+v", d.Outcome, c.want, d.Because)
			}
			if got := strings.Join(d.Unread, ", "); (c.want == access.Allowed || c.want == access.Conditional) && !strings.Contains(got, c.unread) || c.unread == "" && d.Unread != nil && c.want == access.Allowed && !strings.Contains(c.action, "*") {
				t.Errorf("unread %q, want %q", got, c.unread)
			}
		})
	}
}

func TestCanOfSomebodyUnknown(t *testing.T) {
	w := newWorld(t)
	w.identity("user/alice", nil)
	if d := w.engine().Can(principal("user/nobody"), "s3:GetObject", object); d.Outcome != access.Unknown || !strings.Contains(d.Because[0].Text, "user/nobody") {
		t.Errorf("%+v", d)
	}
}

// TestManagementAccountsAreNotLimited attaches a denial above the account that
// manages the organisation.
func TestManagementAccountsAreNotLimited(t *testing.T) {
	for _, management := range []bool{false, true} {
		w := newWorld(t)
		w.add(retinue.Container{Ref: ref("account", own), Attrs: retinue.Attrs{"management": management}})
		w.identity("user/alice", nil)
		w.give("user/alice", allow("ec2:*", "*"))
		w.attach(retinue.NewRef("aws:o-x", "organization", "o-x"), retinue.AttachServiceControl, document(allow("*", "*"), deny("ec2:*", "*")))
		d := w.engine().Can(principal("user/alice"), "ec2:DescribeInstances", "*")
		if (d.Outcome == access.Allowed) != management || len(d.Unread) != 0 {
			t.Errorf("management %t: %s, unread %v", management, d.Outcome, d.Unread)
		}
	}
}

func TestRealmsSayWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	w.whole = nil
	w.gaps = map[retinue.Realm][]string{"aws:" + own: {"aws:" + own + "/iam/users is partial"}, "aws:o-x": {"aws:o-x/tree is failed"}}
	w.identity("user/alice", nil)
	w.add(retinue.Attachment{Policy: ref("policy", arn("policy/gone")), Target: principal("user/alice"), Role: retinue.AttachIdentity},
		retinue.Policy{Ref: ref("policy", "broken"), Language: retinue.LanguageAWSIAM, Document: "{"})
	realms := w.engine().Realms()
	if len(realms) != 1 || realms[0].Realm != retinue.Realm("aws:"+own) {
		t.Fatalf("realms %+v", realms)
	}
	if !slices.ContainsFunc(realms[0].Narrowing, func(g string) bool { return strings.Contains(g, "organisation's policies") }) {
		t.Errorf("the organisation's policies are not missed: %q", realms[0].Narrowing)
	}
	for _, want := range []string{"is partial", "is failed", "policy/gone", "broken"} {
		if !slices.ContainsFunc(realms[0].Gaps, func(g string) bool { return strings.Contains(g, want) }) {
			t.Errorf("no gap says %q: %q", want, realms[0].Gaps)
		}
	}
	var empty account.Collector
	if e, err := empty.Engine(nil, nil); e != nil || err != nil {
		t.Errorf("an engine of nothing: %v, %v", e, err)
	}
}

func TestAsks(t *testing.T) {
	w := newWorld(t)
	w.identity("user/alice", nil)
	e := w.engine()
	for _, c := range []struct {
		action, resource string
		want             bool
	}{
		{"s3:GetObject", "", true}, {"s3:GetObject", object, true}, {"S3:Get*", "*", true}, {"*", "", true}, {"nosuch:Get", object, true},
		{"nosuch:Get", "", false}, {"get", "pods", false}, {"contents:write", "", false}, {"SELECT", "public.t", false},
		{"storage.objects.get", "", false}, {"Microsoft.Compute/virtualMachines/read", "", false}, {"s3:GetObject", "pods", false},
	} {
		if got := e.Asks(c.action, c.resource); got != c.want {
			t.Errorf("%q on %q: %t", c.action, c.resource, got)
		}
	}
}

// TestSourcesCompleteEachOther states a user twice, as the credential report and
// the listing of users do, and an attachment twice.
func TestSourcesCompleteEachOther(t *testing.T) {
	w := newWorld(t)
	w.identity("user/alice", nil)
	w.identity("user/alice", map[string]string{"team": "blue"})
	for range 2 {
		w.give("user/alice", allow("ec2:*", "*", `"Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue"}}`))
	}
	if d := w.engine().Can(principal("user/alice"), "ec2:DescribeInstances", "*"); d.Outcome != access.Allowed || len(d.Because) != 1 {
		t.Errorf("%s: %+v", d.Outcome, d.Because)
	}
}

// FuzzCan asks odd questions of an account. The answer is one of the outcomes,
// and comes.
func FuzzCan(f *testing.F) {
	w := newWorld(f)
	w.identity("user/alice", nil)
	w.give("user/alice", allow("s3:Get* kms:*", "arn:aws:s3:::${aws:username}/* arn:aws:kms:*:*:key/*"), deny("*", "arn:aws:s3:::*secret*"))
	w.bucket("invoices", document(allow("s3:*", "arn:aws:s3:::invoices/*", `"Principal":"*"`)))
	e := w.engine()
	f.Add("s3:GetObject", object)
	f.Add("s3:Get*", "")
	f.Add("?:*", "arn:aws:s3:::invoices")
	f.Add("*", "*")
	f.Fuzz(func(t *testing.T, action, resource string) {
		if len(action)+len(resource) > 500 || strings.Trim(action, "*:") == "" && resource == "" {
			return
		}
		e.Asks(action, resource)
		d := e.Can(principal("user/alice"), action, resource)
		if !slices.Contains([]access.Outcome{access.Allowed, access.Conditional, access.ImplicitlyDenied, access.ExplicitlyDenied, access.Unknown}, d.Outcome) {
			t.Errorf("%q on %q: %q", action, resource, d.Outcome)
		}
	})
}
