package aws_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
)

// discard counts what it is told and keeps nothing.
type discard struct{ facts int }

func (d *discard) Emit(_ retinue.Scope, facts ...retinue.Fact) error {
	d.facts += len(facts)
	return nil
}
func (*discard) Complete(retinue.Scope, connector.Completion) error { return nil }
func (*discard) Problem(retinue.Scope, error)                       {}
func (*discard) Note(connector.Note)                                {}

// writeAuthz writes authorization details of about size bytes: per role a trust
// policy, two inline policies and attachments, as large accounts have them.
func writeAuthz(t testing.TB, size int) string {
	t.Helper()
	doc := `{"Version": "2012-10-17", "Statement": [` + strings.TrimSuffix(strings.Repeat(`{"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "dynamodb:Query"], "Resource": "arn:aws:s3:::bucket/*"}, `, 6), ", ") + `]}`
	var b strings.Builder
	b.WriteString(`{"UserDetailList": [], "GroupDetailList": [], "Policies": [], "RoleDetailList": [`)
	for i := 0; b.Len() < size; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"Path": "/", "RoleName": "role-%d", "RoleId": "AROA%d", "Arn": "arn:aws:iam::111111111111:role/role-%d", "CreateDate": "2020-01-02T03:04:05+00:00",
 "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]},
 "RolePolicyList": [{"PolicyName": "a", "PolicyDocument": %s}, {"PolicyName": "b", "PolicyDocument": %s}],
 "AttachedManagedPolicies": [{"PolicyName": "ReadOnlyAccess", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}], "Tags": [{"Key": "team", "Value": "t%d"}], "RoleLastUsed": {"LastUsedDate": "2026-01-01T00:00:00+00:00", "Region": "eu-west-1"}}`,
			i, i, i, doc, doc, i%50)
	}
	b.WriteString(`], "IsTruncated": false}`)
	file := filepath.Join(t.TempDir(), "authz.json")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// BenchmarkAuthorizationDetails shows that reading costs the same per byte
// whatever the size of the file: 1x is 10 MB.
func BenchmarkAuthorizationDetails(b *testing.B) {
	for _, times := range []int{1, 4, 16} {
		b.Run(fmt.Sprintf("%dx", times), func(b *testing.B) {
			file := writeAuthz(b, times*10<<20)
			info, err := os.Stat(file)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(info.Size())
			b.ReportAllocs()
			for b.Loop() {
				c := opened(b, file)(b, connectortest.Env(b))
				sink := &discard{}
				if err := c.Discover(b.Context(), connector.Request{Now: connectortest.Epoch()}, sink); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(sink.facts), "facts")
			}
		})
	}
}
