package aws

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// checkingSink fails on facts that are not valid.
type checkingSink struct{ t *testing.T }

func (s checkingSink) Emit(scope retinue.Scope, facts ...retinue.Fact) error {
	for _, f := range facts {
		if err := f.Validate(); err != nil {
			s.t.Errorf("scope %s: %v", scope, err)
		}
	}
	return scope.Validate()
}

func (s checkingSink) Complete(scope retinue.Scope, _ connector.Completion) error {
	return scope.Validate()
}

func (s checkingSink) Problem(_ retinue.Scope, err error) {
	if strings.ContainsAny(err.Error(), "\x00\x07\x1b\n") {
		s.t.Errorf("a problem with control characters: %q", err)
	}
}

func (checkingSink) Note(connector.Note) {}

func fuzzReader(t *testing.T) *accountReader {
	env := connector.Env{Now: time.Now, Fingerprint: func(retinue.CredentialKind, retinue.Secret) []retinue.Fingerprint { return nil },
		Progress: func(connector.Progress) {}}
	r := &reading{sink: checkingSink{t}, env: env, vendors: newVendorTable()}
	return r.account("111111111111", "aws", &fileSource{})
}

func FuzzAuthorizationDetails(f *testing.F) {
	f.Add([]byte(`{"UserDetailList":[{"Arn":"arn:aws:iam::111111111111:user/a","UserName":"a","GroupList":["g"],"Tags":[{"Key":"owner","Value":"x"}]}],"IsTruncated":false}`))
	f.Add([]byte(`{"RoleDetailList":[{"Arn":"arn:aws:iam::111111111111:role/a","AssumeRolePolicyDocument":"%7B%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22AWS%22%3A%22*%22%7D%2C%22Action%22%3A%22*%22%7D%5D%7D"}]}`))
	f.Add([]byte(`[[{"x":{"AccountUsers":null,"Policies":[{"Arn":"p","PolicyVersionList":[{"Document":{"a":"\u0007"},"IsDefaultVersion":true}]}]}}]]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := newIAMReader(fuzzReader(t))
		err := r.page(bytes.NewReader(data))
		if err := r.finish(context.Background(), time.Now(), err); err != nil {
			t.Errorf("finish: %v", err)
		}
	})
}

func FuzzCredentialReport(f *testing.F) {
	f.Add([]byte("user,arn,user_creation_time,password_enabled,access_key_1_active,access_key_1_last_rotated\na,arn:aws:iam::111111111111:user/a,2020-01-01T00:00:00Z,true,true,2020-01-01T00:00:00Z\n"))
	f.Add([]byte("user,arn,x\n<root_account>,arn:aws:iam::111111111111:root,\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		a := fuzzReader(t)
		w := newScopeWriter(a.sink, a.scope("iam-credential-report"))
		_ = readReport(bytes.NewReader(data), func(row reportRow) error { return emitReport(w, a.account, row) })
		_ = w.finish(context.Background(), nil, connector.Completion{})
	})
}

func FuzzTerraform(f *testing.F) {
	f.Add([]byte(`{"format_version":"1.0","values":{"root_module":{"resources":[{"type":"aws_iam_role","mode":"managed","values":{"name":"r","assume_role_policy":"{}"}}],"child_modules":[{"resources":[{"type":"aws_instance","values":{"iam_instance_profile":[{"name":"x"}]}}]}]}}}`))
	f.Add([]byte(`[{"type":"aws_lambda_function","arn":"arn:aws:lambda:us-east-1:111111111111:function:f","attributes":{"environment":[{"variables":{"API_KEY":"12345678"}}],"role":"arn:aws:iam::111111111111:role/r"}}]`))
	f.Add([]byte(`{"version":4,"lineage":"l","resources":[{"type":"aws_kms_key","instances":[{"attributes":{"arn":"arn:aws:kms:us-east-1:111111111111:key/k","policy":"{}"}}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, _, err := parseTerraform(bytes.NewReader(data))
		if err != nil {
			return
		}
		a := fuzzReader(t)
		tf := &terraform{a: a, w: newScopeWriter(a.sink, a.scope("terraform/x")), folded: map[string]int{}}
		tf.learn(all)
		for _, r := range all {
			for _, v := range r.instances() {
				if err := tf.resource(r, v); err != nil {
					t.Errorf("%s: %v", r.Type, err)
				}
			}
		}
		_ = tf.w.finish(context.Background(), nil, connector.Completion{})
	})
}

func FuzzSniff(f *testing.F) {
	for _, s := range []string{`{"retinueExport":1,"account":"111111111111","service":"iam","operation":"list-users","output":{"Users":[]}}`,
		`{"Policies":[{"Arn":"a","PolicyVersionList":[]}]}`, `{"Attributes":{"QueueArn":"arn:aws:sqs:r:111111111111:q"}}`, `{"taskDefinition":{"family":"f","containerDefinitions":[]}}`,
		`{"services":[{"clusterArn":"c","serviceArn":"s"}]}`, `{"Policy":"{}","RevisionId":"1"}`, `user,arn,user_creation_time,`, `[{"type":"aws_x"}]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = sniff(bytes.NewReader(data))
		_, _ = countOwners(bytes.NewReader(data))
		_ = listOf(bytes.NewReader(data), "Users", func(authzUser) error { return nil })
	})
}

func FuzzTrust(f *testing.F) {
	f.Add(`{"Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::1:oidc-provider/x"},"Action":["sts:*"],"Condition":{"StringLike":{"x:sub":["a","*"]}}}]}`)
	f.Fuzz(func(t *testing.T, doc string) {
		facts, err := trustFacts(accountRef("111111111111"), retinue.Ref{}, documentText(doc), knownAccounts{own: "111111111111"})
		if err != nil {
			return
		}
		for _, f := range facts {
			if err := f.Validate(); err != nil {
				t.Error(err)
			}
		}
	})
}
