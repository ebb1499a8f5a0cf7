package account_test

import (
	"slices"
	"testing"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam"
)

func TestSuppose(t *testing.T) {
	w := newWorld(t)
	w.identity("user/ci", nil)
	w.give("user/ci", allow("s3:* iam:List*", "*"), deny("s3:GetObject", "arn:aws:s3:::logs/secret/*"))
	g := w.group("readers", "user/ci")
	w.attach(g, "group", document(allow("ec2:Describe*", "*")))
	w.bucket("logs", document(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+own+`:user/ci"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::logs/*"}`))
	e := w.engine()
	have, ok := e.Attached(principal("user/ci"))
	if !ok || len(have) != 2 || !have[0].Group.IsZero() || have[1].Group != g {
		t.Fatalf("attached %v, %v", have, ok)
	}
	now, _ := e.Suppose(principal("user/ci"), []*awsiam.Policy{have[0].Policy, have[1].Policy})
	with, err := awsiam.ParseText(document(allow("s3:GetObject", "arn:aws:s3:::logs/a/*", `"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`)))
	if err != nil {
		t.Fatal(err)
	}
	then, ok := e.Suppose(principal("user/ci"), []*awsiam.Policy{with})
	if !ok {
		t.Fatal("the user is not known")
	}
	mfa := map[string]string{"aws:MultiFactorAuthPresent": "true"}
	for _, test := range []struct {
		action, resource string
		context          map[string]string
		now, then        access.Outcome
	}{
		{"s3:GetObject", "arn:aws:s3:::logs/a/1", nil, access.Allowed, access.Conditional},
		{"s3:GetObject", "arn:aws:s3:::logs/a/1", mfa, access.Allowed, access.Allowed},
		{"s3:GetObject", "arn:aws:s3:::logs/b/1", mfa, access.Allowed, access.ImplicitlyDenied},
		{"s3:GetObject", "arn:aws:s3:::logs/secret/1", nil, access.ExplicitlyDenied, access.ImplicitlyDenied},
		{"ec2:DescribeInstances", "*", nil, access.Allowed, access.ImplicitlyDenied},
		{"s3:PutObject", "arn:aws:s3:::logs/b/1", nil, access.Allowed, access.Allowed}, // the bucket's own policy
		{"nonsense", "*", nil, access.Unknown, access.Unknown},
	} {
		if d := now.Decide(test.action, test.resource, test.context); d.Outcome != test.now {
			t.Errorf("%s on %s as it stands: %s, want %s", test.action, test.resource, d.Outcome, test.now)
		}
		if d := then.Decide(test.action, test.resource, test.context); d.Outcome != test.then {
			t.Errorf("%s on %s as supposed: %s, want %s", test.action, test.resource, d.Outcome, test.then)
		}
	}
	// One of each class that the policies of either tell apart.
	list, ok := now.Instances(then, "s3:GetObject", "arn:aws:s3:::logs/*")
	if !ok || len(list) != 3 {
		t.Errorf("instances %q, %v", list, ok)
	}
	if list, ok := now.Instances(then, "s3:GetObject", "arn:aws:s3:::logs/a/b/*"); !ok || len(list) != 1 {
		t.Errorf("instances inside one class: %q, %v", list, ok)
	}
	if list, _ := now.Instances(then, "ec2:DescribeInstances", "anything"); !slices.Equal(list, []string{"*"}) {
		t.Errorf("an action without resources is asked on %q", list)
	}
	if list, _ := now.Instances(then, "s3:GetObject", ""); len(list) != 3 {
		t.Errorf("any resource is asked on %q", list)
	}
	if _, ok := e.Suppose(principal("user/nobody"), nil); ok {
		t.Error("nobody is known")
	}
}
