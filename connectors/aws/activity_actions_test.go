package aws

import (
	"bytes"
	"compress/gzip"
	"flag"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue/internal/testkit/awsactions"
)

// TestActionsFile holds the embedded table to the access engine's data.
func TestActionsFile(t *testing.T) {
	want := awsactions.Table(t)
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		var b bytes.Buffer
		z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(z, want); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("actions.txt.gz", b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	z, err := gzip.NewReader(bytes.NewReader(actionsFile))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("actions.txt.gz is not what the access engine knows: run go test -run TestActionsFile -update")
	}
}

// TestActionTable checks that every other name leads to an action that exists.
func TestActionTable(t *testing.T) {
	table, err := newActionTable()
	if err != nil {
		t.Fatal(err)
	}
	known := awsactions.Known(t)
	for operation := range table.others {
		prefix, event, _ := strings.Cut(operation, ":")
		action, more := table.find(prefix+".amazonaws.com", event)
		for _, a := range append([]string{action}, more...) {
			if a != "" && !known(a) {
				t.Errorf("%s: action %q does not exist", operation, a)
			}
		}
	}
	for host, prefixes := range table.prefixes {
		for _, p := range prefixes {
			if len(table.names[p]) == 0 {
				t.Errorf("%s: there is no service %q", host, p)
			}
		}
	}
	for _, c := range []struct{ source, event, want string }{
		{"lambda", "CreateFunction20150331", "lambda:CreateFunction"},
		{"lambda", "GetFunction20150331v2", "lambda:GetFunction"},
		{"lambda", "Invoke", "lambda:InvokeFunction"},
		{"cloudfront", "CreateFunction2020_05_31", "cloudfront:CreateFunction"},
		{"s3", "ListBuckets", "s3:ListAllMyBuckets"},
		{"s3", "HeadObject", "s3:GetObject"},
		{"s3", "CopyObject", "s3:PutObject s3:GetObject"},
		{"s3", "GetBucketCors", "s3:GetBucketCORS"},
		{"kms", "ReEncrypt", "kms:ReEncryptFrom kms:ReEncryptTo"},
		{"monitoring", "PutMetricData", "cloudwatch:PutMetricData"},
		{"autoscaling", "RegisterScalableTarget", "application-autoscaling:RegisterScalableTarget"},
		{"bedrock-runtime", "Converse", "bedrock:InvokeModel"},
		{"apigateway", "CreateRoute", "apigateway:POST"},
		{"discovery-marketplace", "GetListingView", "aws-marketplace:"},
		{"budgets", "DescribeBudgets", "budgets:ViewBudget"},
		{"runtime.sagemaker", "InvokeEndpoint", "sagemaker:InvokeEndpoint"},
		{"signin", "ConsoleLogin", ""},
		{"nobody", "KnowsThis", ""},
	} {
		action, more := table.find(c.source+".amazonaws.com", c.event)
		got := strings.Join(append([]string{action}, more...), " ")
		if strings.HasSuffix(c.want, ":") && action != "" && strings.HasPrefix(action, c.want) {
			continue
		}
		if got != c.want && !strings.HasSuffix(c.want, ":") {
			t.Errorf("%s %s needs %q, want %q", c.source, c.event, got, c.want)
		}
	}
	if got := slices.Sorted(func(yield func(string) bool) { yield(withoutVersion("Describe2Things")) }); got[0] != "Describe2Things" {
		t.Errorf("cut %q", got)
	}
}
