package app_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
)

// writeAccount writes the authorization details of a made-up account of about
// the given size: users with inline policies in groups, roles with trusts, and
// customer-managed policies.
func writeAccount(b *testing.B, path string, size int64) (identities int) {
	b.Helper()
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	n := int(size / 3900) // bytes of one user, one role and one policy
	const account = "arn:aws:iam::111111111111"
	section := func(name, sep string, count int, one func(i int)) {
		_, _ = fmt.Fprintf(w, "%s%q:[", sep, name)
		for i := range count {
			if i > 0 {
				_, _ = w.WriteString(",\n")
			}
			one(i)
		}
		_, _ = w.WriteString("]")
	}
	statement := func(i int) string {
		return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"Read","Effect":"Allow","Action":["s3:GetObject","s3:ListBucket","dynamodb:GetItem","dynamodb:Query","sqs:ReceiveMessage","sqs:DeleteMessage"],"Resource":["arn:aws:s3:::bucket-%[1]d/*","arn:aws:dynamodb:eu-west-1:111111111111:table/t-%[1]d","arn:aws:sqs:eu-west-1:111111111111:queue-%[1]d"]},{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"kms:ViaService":"s3.eu-west-1.amazonaws.com"}}},{"Effect":"Deny","Action":["iam:*","organizations:*"],"Resource":"*"}]}`, i)
	}
	section("UserDetailList", "{", n, func(i int) {
		_, _ = fmt.Fprintf(w, `{"Path":"/","UserName":"user-%[1]d","UserId":"AIDA%016[1]d","Arn":"%[2]s:user/user-%[1]d","CreateDate":"2024-01-01T00:00:00+00:00","UserPolicyList":[{"PolicyName":"inline","PolicyDocument":%[3]s}],"GroupList":["group-%[4]d"],"AttachedManagedPolicies":[{"PolicyName":"policy-%[1]d","PolicyArn":"%[2]s:policy/policy-%[1]d"}],"Tags":[{"Key":"team","Value":"team-%[4]d"}]}`,
			i, account, statement(i), i%50)
	})
	section("GroupDetailList", ",", 50, func(i int) {
		_, _ = fmt.Fprintf(w, `{"Path":"/","GroupName":"group-%[1]d","GroupId":"AGPA%016[1]d","Arn":"%[2]s:group/group-%[1]d","CreateDate":"2024-01-01T00:00:00+00:00","GroupPolicyList":[],"AttachedManagedPolicies":[{"PolicyName":"policy-%[1]d","PolicyArn":"%[2]s:policy/policy-%[1]d"}]}`, i, account)
	})
	section("RoleDetailList", ",", n, func(i int) {
		_, _ = fmt.Fprintf(w, `{"Path":"/","RoleName":"role-%[1]d","RoleId":"AROA%016[1]d","Arn":"%[2]s:role/role-%[1]d","CreateDate":"2024-01-01T00:00:00+00:00","AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]},"InstanceProfileList":[],"RolePolicyList":[{"PolicyName":"inline","PolicyDocument":%[3]s}],"AttachedManagedPolicies":[{"PolicyName":"policy-%[1]d","PolicyArn":"%[2]s:policy/policy-%[1]d"}],"Tags":[{"Key":"env","Value":"production"}],"RoleLastUsed":{"LastUsedDate":"2026-01-01T00:00:00+00:00","Region":"eu-west-1"}}`,
			i, account, statement(i))
	})
	section("Policies", ",", n, func(i int) {
		_, _ = fmt.Fprintf(w, `{"PolicyName":"policy-%[1]d","PolicyId":"ANPA%016[1]d","Arn":"%[2]s:policy/policy-%[1]d","Path":"/","DefaultVersionId":"v1","AttachmentCount":2,"IsAttachable":true,"CreateDate":"2024-01-01T00:00:00+00:00","UpdateDate":"2024-01-01T00:00:00+00:00","PolicyVersionList":[{"Document":%[3]s,"VersionId":"v1","IsDefaultVersion":true,"CreateDate":"2024-01-01T00:00:00+00:00"}]}`,
			i, account, statement(i))
	})
	_, _ = w.WriteString("}")
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return 2 * n
}

// BenchmarkAccount reads, reconciles and judges authorization details of three
// sizes, the first of 2.5 MB: the time per megabyte must not grow.
func BenchmarkAccount(b *testing.B) {
	for _, times := range []int64{1, 4, 16} {
		b.Run(fmt.Sprintf("%dx", times), func(b *testing.B) {
			dir := b.TempDir()
			file := filepath.Join(dir, "details.json")
			size := times * 2_500_000
			want := writeAccount(b, file, size)
			for b.Loop() {
				a, err := app.Open(b.Context(), app.Config{Database: filepath.Join(b.TempDir(), "r.db"), KeyFile: filepath.Join(dir, "key")}, app.Options{})
				if err != nil {
					b.Fatal(err)
				}
				start := time.Now()
				runs, err := a.Scan(b.Context(), []app.SourceConfig{{Name: "a", Kind: "aws", Target: file}}, app.ScanOptions{Actor: retinue.Actor{Kind: "system", Name: "bench"}})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(time.Since(start).Seconds()/(float64(size)/1e6), "s/MB")
				if runs[0].State == store.RunFailed {
					b.Fatal(runs[0].Error)
				}
				totals, err := a.Totals(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				if got := totals.NonHuman + totals.Unclear; got != int64(want) {
					b.Fatalf("%d identities, want %d", got, want)
				}
				if err := a.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
