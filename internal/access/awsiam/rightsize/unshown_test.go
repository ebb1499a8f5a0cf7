package rightsize_test

import (
	"strings"
	"testing"

	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/awsiam/rightsize"
)

// TestUnshown: what the log cannot show stays as it is granted, used elsewhere or
// not, and whatever DropUnseen says.
func TestUnshown(t *testing.T) {
	old := `{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject","sqs:*","iam:CreateUser"],"Resource":["arn:aws:s3:::a/*","arn:aws:sqs:*:*:*","arn:aws:iam::*:user/*"]}`
	for _, drop := range []bool{false, true} {
		r, err := rightsize.Shrink(rightsize.Input{Old: []*awsiam.Policy{parse(t, policy(old))}, Data: data(t), DropUnseen: drop, Recorded: []string{"all"},
			Unshown: []string{"s3:getobject", "sqs:Send*"}, Uses: uses("s3:GetObject arn:aws:s3:::a/x", "s3:PutObject arn:aws:s3:::a/x")})
		if err != nil {
			t.Fatal(err)
		}
		text := string(r.Policy)
		for want, in := range map[string]bool{`"arn:aws:s3:::a/*"`: true, "sqs:SendMessage": true, "sqs:ReceiveMessage": false, "iam:CreateUser": false} {
			if strings.Contains(text, want) != in {
				t.Errorf("dropping %v: %s in it: %v, in %s", drop, want, !in, text)
			}
		}
		if len(r.Kept) == 0 || !strings.Contains(r.Kept[0].Because, "does not show") {
			t.Errorf("kept %+v", r.Kept)
		}
		if strings.Contains(text, `"s3:PutObject"],"Resource":"arn:aws:s3:::a/*"`) {
			t.Errorf("what is shown was not shrunk: %s", text)
		}
	}
	// Nothing unshown changes nothing, and a pattern that nothing grants neither.
	in := rightsize.Input{Old: []*awsiam.Policy{parse(t, policy(old))}, Data: data(t), Uses: uses("s3:PutObject arn:aws:s3:::a/x")}
	plain, err := rightsize.Shrink(in)
	if err != nil {
		t.Fatal(err)
	}
	in.Unshown = []string{"ec2:*", "*:Describe*"}
	again, err := rightsize.Shrink(in)
	if err != nil || string(again.Policy) != string(plain.Policy) {
		t.Errorf("%s, want %s, %v", again.Policy, plain.Policy, err)
	}
}

// TestRecent: what was granted lately stays as it is granted, and is told with
// that reason.
func TestRecent(t *testing.T) {
	old := `{"Effect":"Allow","Action":["s3:PutObject","sqs:*","iam:CreateUser"],"Resource":["arn:aws:s3:::a/*","arn:aws:sqs:*:*:*","arn:aws:iam::*:user/*"]}`
	r, err := rightsize.Shrink(rightsize.Input{Old: []*awsiam.Policy{parse(t, policy(old))}, Data: data(t), DropUnseen: true, Recorded: []string{"all"},
		Recent: []string{"iam:CreateUser"}, Uses: uses("s3:PutObject arn:aws:s3:::a/x")})
	if err != nil {
		t.Fatal(err)
	}
	if text := string(r.Policy); !strings.Contains(text, "iam:CreateUser") || strings.Contains(text, "SendMessage") {
		t.Errorf("%s", text)
	}
	if len(r.Kept) != 1 || !strings.Contains(r.Kept[0].Because, "too lately") {
		t.Errorf("kept %+v", r.Kept)
	}
}
