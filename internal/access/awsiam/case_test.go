package awsiam

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
)

const question1 = `{"id":"q-1","request":{"action":"s3:GetObject","resource":{"resource":"arn:aws:s3:::b/k","accountId":"111111111111"},
 "principal":"arn:aws:iam::111111111111:user/a","context":{"aws:username":"a","aws:TagKeys":["x","y"],"n":5,"b":true}},
 "identityPolicies":[{"name":"p","policy":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*",
  "Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["x","y"]},"NumericEquals":{"n":5},"Bool":{"b":"true"}}}]}}],
 "permissionBoundaries":[{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}],
 "serviceControlPolicies":[{"orgIdentifier":"root","policies":[{"name":"full","policy":{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}}]}],
 "resourceControlPolicies":[{"orgIdentifier":"root","policies":[]}],"sessionPolicy":null,"endpointPolicies":[],"expected":{"response":"Allowed"}}`

func TestParseCase(t *testing.T) {
	c, err := ParseCase([]byte(question1))
	if err != nil {
		t.Fatal(err)
	}
	d := c.Decide()
	if c.ID != "q-1" || d.Outcome != ok || d.Because[0].Document != "p" || len(c.Layers.ResourceControl) != 1 {
		t.Errorf("case %s: %s because %+v", c.ID, d.Outcome, d.Because)
	}
	out, err := json.Marshal(d)
	if err != nil || !strings.HasPrefix(string(out), `{"decision":"Allowed","because":[{"layer":"identity policy"`) {
		t.Errorf("written as %s: %v", out, err)
	}
}

// TestCaseForms accepts what question files vary in.
func TestCaseForms(t *testing.T) {
	const bucket = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}]}`
	for name, members := range map[string]string{
		"resource policy":           `"resourcePolicy":` + bucket,
		"resource policies":         `"resourcePolicies":[` + bucket + `]`,
		"wrapped":                   `"resourcePolicy":{"name":"b","policy":` + bucket + `}`,
		"wrapped, name last":        `"resourcePolicies":[{"policy":` + bucket + `,"name":"b"}]`,
		"a member that is not read": `"comment":{"a":[1,null,{"b":"c"}]},"resourcePolicy":` + bucket,
	} {
		c, err := ParseCase([]byte(`{"request":{"action":"s3:GetObject","resource":{"resource":"arn:aws:s3:::b/k"},"principal":{"type":"Anonymous"},"context":{}},` + members + `}`))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := c.Decide(); d.Outcome != ok || c.ID != "" {
			t.Errorf("%s: %s because %+v", name, d.Outcome, d.Because)
		}
	}
}

func TestParseCaseErrors(t *testing.T) {
	replace := func(old, with string) string {
		out := strings.Replace(question1, old, with, 1)
		if out == question1 {
			t.Fatalf("%q is not in the question", old)
		}
		return out
	}
	tests := []struct{ line, id, want string }{
		{"", "", "end of the text"},
		{"[1]", "", "list where"},
		{"{}", "", "no request"},
		{question1 + "x", "q-1", "something follows"},
		{replace(`"action":"s3:GetObject",`, ""), "q-1", "no action"},
		{replace(`"principal":"arn:aws:iam::111111111111:user/a",`, ""), "q-1", "no principal"},
		{replace(`arn:aws:iam::111111111111:user/a`, "me"), "q-1", `request, principal: principal "me"`},
		{replace(`"arn:aws:iam::111111111111:user/a"`, `{"type":"Nobody"}`), "q-1", "Nobody"},
		{replace(`"aws:username":"a"`, `"aws:username":"a","AWS:UserName":"b"`), "q-1", "given twice"},
		{replace(`"aws:username":"a"`, `"aws:username":{}`), "q-1", "request, context: object"},
		{replace(`"aws:username":"a"`, `"aws:username":"`+strings.Repeat("a", maxCaseText+1)+`"`), "q-1", "the limit is"},
		{replace(`"Action":"s3:*"`, `"Action":{}`), "q-1", "identityPolicies, document 1, statement 1, Action: object"},
		{replace(`"permissionBoundaries":[{"Version"`, `"permissionBoundaries":[{"Vers":[`), "q-1", "permissionBoundaries"},
		{`{"request":{"action":"a:b","principal":{"type":"Anonymous"}},"identityPolicies":[` + strings.Repeat(`{"Statement":[]},`, maxCasePolices) + `{"Statement":[]}]}`, "", "documents"},
	}
	for _, tt := range tests {
		c, err := ParseCase([]byte(tt.line))
		if !errors.Is(err, retinue.ErrInvalid) || !strings.Contains(err.Error(), tt.want) || c.ID != tt.id {
			t.Errorf("%.80q: id %q, error %v: want id %q and ErrInvalid with %q", tt.line, c.ID, err, tt.id, tt.want)
		}
	}
}

func FuzzParseCase(f *testing.F) {
	f.Add([]byte(question1))
	f.Fuzz(func(t *testing.T, line []byte) {
		c, err := ParseCase(line)
		if err != nil {
			if !errors.Is(err, retinue.ErrInvalid) {
				t.Fatalf("error %v does not wrap ErrInvalid", err)
			}
			return
		}
		if !json.Valid(line) {
			t.Fatal("accepted what is not JSON")
		}
		if d := c.Decide(); d.Outcome == "" || d.Outcome == "Conditional" {
			t.Fatalf("outcome %q", d.Outcome)
		}
	})
}
