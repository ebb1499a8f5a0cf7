package awsiam

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

func doc(statements string) string {
	return `{"Version":"2012-10-17","Statement":[` + statements + `]}`
}

func TestSummarize(t *testing.T) {
	tests := []struct {
		name string
		doc  string
		want func(access.Summary) bool
	}{
		{"everything", doc(`{"Effect":"Allow","Action":"*","Resource":"*"}`), func(s access.Summary) bool {
			return s.Admin && s.Wildcard && s.ReadsSecrets && len(s.Escalates) > 10 && !s.Conditional && !s.HasDeny
		}},
		{"one statement alone, lower case effect", `{"Statement":{"Effect":"allow","Action":["*:*"],"Resource":["*"]}}`,
			func(s access.Summary) bool { return s.Admin }},
		{"everything on one bucket is not admin", doc(`{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b"}`),
			func(s access.Summary) bool { return !s.Admin && s.Wildcard && len(s.Escalates) == 0 }},
		{"a deny alone allows nothing", doc(`{"Effect":"Deny","Action":"*","Resource":"*"}`),
			func(s access.Summary) bool { return !s.Admin && !s.Wildcard && s.HasDeny && !s.Writes }},
		{"under a condition", doc(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":true}}}`),
			func(s access.Summary) bool { return s.Admin && s.Conditional }},
		{"everything but IAM", doc(`{"Effect":"Allow","NotAction":["iam:*","organizations:*"],"Resource":"*"}`),
			func(s access.Summary) bool {
				return !s.Admin && s.Wildcard && !has(s.Escalates, "iam:CreateAccessKey") && has(s.Escalates, "lambda:UpdateFunctionCode")
			}},
		{"keys of oneself", doc(`{"Effect":"Allow","Action":"iam:CreateAccessKey","Resource":"arn:aws:iam::*:user/${aws:username}"}`),
			func(s access.Summary) bool { return len(s.Escalates) == 0 && s.Writes }},
		{"keys of anyone", doc(`{"Effect":"Allow","Action":"iam:Create*","Resource":"arn:aws:iam::111111111111:user/*"}`),
			func(s access.Summary) bool { return has(s.Escalates, "iam:CreateAccessKey") }},
		{"pass one role", doc(`{"Effect":"Allow","Action":["iam:PassRole"],"Resource":"arn:aws:iam::111111111111:role/one"},{"Effect":"Allow","Action":"ec2:RunInstances","Resource":"*"}`),
			func(s access.Summary) bool { return len(s.Escalates) == 0 }},
		{"pass any role, two statements", doc(`{"Effect":"Allow","Action":["iam:PassRole"],"Resource":"*"},{"Effect":"Allow","Action":"ec2:RunInstances","Resource":"*"}`),
			func(s access.Summary) bool {
				return has(s.Escalates, "iam:PassRole with ec2:RunInstances") && len(s.Escalates) == 1
			}},
		{"pass any role with nothing to run", doc(`{"Effect":"Allow","Action":["iam:PassRole"],"Resource":"*"}`),
			func(s access.Summary) bool { return len(s.Escalates) == 0 }},
		{"read one secret", doc(`{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:eu-west-1:111111111111:secret:pay-AbCdEf"}`),
			func(s access.Summary) bool { return !s.ReadsSecrets && !s.Writes }},
		{"read all secrets", doc(`{"Effect":"Allow","Action":"secretsmanager:Get*","Resource":"arn:aws:secretsmanager:eu-west-1:111111111111:secret:*"}`),
			func(s access.Summary) bool { return s.ReadsSecrets && !s.Writes && !s.Wildcard }},
		{"all of a service", doc(`{"Effect":"Allow","Action":["s3:*"],"Resource":"*"}`),
			func(s access.Summary) bool {
				return s.Wildcard && s.WildcardResources && slices.Equal(s.Services, []string{"s3"}) && !s.Admin
			}},
		{"reading everywhere", doc(`{"Effect":"Allow","Action":["ec2:Describe*","s3:List*"],"Resource":"*"}`),
			func(s access.Summary) bool { return !s.WildcardResources && !s.Writes && len(s.WildcardActions) == 2 }},
		{"trust with external id", doc(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"x1"}}}`),
			func(s access.Summary) bool {
				return len(s.Principals) == 1 && s.Principals[0].Kind == "account" && s.Principals[0].ExternalID && len(s.Escalates) == 0
			}},
		{"trust in anyone", doc(`{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}`),
			func(s access.Summary) bool {
				return len(s.Principals) == 1 && s.Principals[0].Kind == "anyone" && len(s.Sentences) == 1
			}},
		{"federated with subject", doc(`{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:o/r:*"}}}`),
			func(s access.Summary) bool {
				p := s.Principals[0]
				return p.Kind == "federated" && slices.Equal(p.Subjects, []string{"repo:o/r:*"}) && len(p.Audiences) == 0
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Summarize(tt.doc)
			if err != nil {
				t.Fatal(err)
			}
			if !tt.want(s) {
				t.Errorf("got %+v", s)
			}
		})
	}
}

func has(list []string, prefix string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.HasPrefix(s, prefix) })
}

func TestSummarizeInvalid(t *testing.T) {
	for _, text := range []string{"", "[]", `{"Statement":1}`, `{"Statement":[{"Action":{"a":1}}]}`,
		doc(strings.TrimSuffix(strings.Repeat(`{},`, maxStatements+1), ","))} {
		if _, err := Summarize(text); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("%.30q: error %v: want ErrInvalid", text, err)
		}
	}
}

func FuzzSummarize(f *testing.F) {
	f.Add(doc(`{"Effect":"Allow","Action":"*","Resource":"*"}`))
	f.Add(doc(`{"Effect":"Allow","NotAction":["iam:*"],"NotResource":"x","Principal":{"AWS":["*",1]}}`))
	f.Add(`{"Statement":{"Condition":{"StringEquals":{"sts:ExternalId":[true]}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Summarize(text)
		if err != nil {
			if !errors.Is(err, retinue.ErrInvalid) {
				t.Fatalf("error %v does not wrap ErrInvalid", err)
			}
			return
		}
		for _, list := range [][]string{s.WildcardActions, s.Escalates, s.Services, s.Sentences} {
			if len(list) > access.MaxList {
				t.Fatal("a list is not bounded")
			}
		}
		if s.Admin && !s.Wildcard {
			t.Fatal("admin without wildcard")
		}
	})
}
