package rightsize_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsdata"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/awsiam/compare"
	"github.com/retinue-id/retinue/internal/access/awsiam/rightsize"
)

func data(t testing.TB) *awsdata.Data {
	t.Helper()
	d, err := awsdata.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func parse(t testing.TB, text string) *awsiam.Policy {
	t.Helper()
	p, err := awsiam.ParseText(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return p
}

func policy(statements string) string {
	return `{"Version":"2012-10-17","Statement":[` + statements + `]}`
}

func uses(pairs ...string) []rightsize.Use {
	var out []rightsize.Use
	for _, p := range pairs {
		action, resource, _ := strings.Cut(p, " ")
		out = append(out, rightsize.Use{Action: action, Resource: resource})
	}
	return out
}

// many are uses of numbered resources.
func many(action, before, after string, n int) []rightsize.Use {
	var out []rightsize.Use
	for i := range n {
		// Letters, so that they do not look like ids.
		out = append(out, rightsize.Use{Action: action, Resource: before + strings.Repeat(string(rune('a'+i%26)), 1+i/26) + after})
	}
	return out
}

func TestShrink(t *testing.T) {
	const full = `{"Effect":"Allow","Action":"*","Resource":"*"}`
	for _, c := range []struct {
		name string
		old  string
		uses []rightsize.Use
		want string // the statements
	}{
		{
			name: "named resources", old: policy(`{"Effect":"Allow","Action":"s3:*","Resource":"*"}`),
			uses: uses("s3:GetObject arn:aws:s3:::a/x", "s3:getobject arn:aws:s3:::a/y", "s3:ListAllMyBuckets *", "s3:PutObject arn:aws:s3:::a/y"),
			want: `{"Sid":"S3List","Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"},
				{"Sid":"S3Read","Effect":"Allow","Action":"s3:GetObject","Resource":["arn:aws:s3:::a/x","arn:aws:s3:::a/y"]},
				{"Sid":"S3Write","Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::a/y"}`,
		},
		{
			name: "many names have their common part named", old: policy(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::a/*"}`),
			uses: append(many("s3:GetObject", "arn:aws:s3:::a/img/", ".png", 9), uses("s3:GetObject arn:aws:s3:::a/readme")...),
			want: `{"Sid":"S3Read","Effect":"Allow","Action":"s3:GetObject","Resource":["arn:aws:s3:::a/img/*","arn:aws:s3:::a/readme"]}`,
		},
		{
			name: "few ids do", old: policy(full),
			uses: uses("s3:GetObject arn:aws:s3:::logs/2026/11/22/x", "s3:GetObject arn:aws:s3:::logs/2026/11/23/x", "s3:GetObject arn:aws:s3:::logs/2026/11/24/x", "s3:GetObject arn:aws:s3:::logs/2026/11/25/x"),
			want: `{"Sid":"S3Read","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::logs/2026/11/*"}`,
		},
		{
			name: "never beyond the old pattern", old: policy(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::logs-*/config"}`),
			uses: many("s3:GetObject", "arn:aws:s3:::logs-", "/config", 9),
			want: `{"Sid":"S3Read","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::logs-*/config"}`,
		},
		{
			name: "few under a pattern that cannot be narrowed", old: policy(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::logs-*/config"}`),
			uses: many("s3:GetObject", "arn:aws:s3:::logs-", "/config", 2),
			want: `{"Sid":"S3Read","Effect":"Allow","Action":"s3:GetObject","Resource":["arn:aws:s3:::logs-a/config","arn:aws:s3:::logs-b/config"]}`,
		},
		{
			name: "every name of a type is much", old: policy(full),
			uses: many("sqs:PurgeQueue", "arn:aws:sqs:eu-west-1:111122223333:", "", 20),
			want: `{"Sid":"SqsReadUnseen","Effect":"Allow","Action":"sqs:ReceiveMessage","Resource":"*"},
				{"Sid":"SqsWrite","Effect":"Allow","Action":"sqs:PurgeQueue","Resource":[` + numbered(`"arn:aws:sqs:eu-west-1:111122223333:`, `"`, 20) + `]},
				{"Sid":"SqsWriteUnseen","Effect":"Allow","Action":["sqs:ChangeMessageVisibility","sqs:DeleteMessage","sqs:SendMessage"],"Resource":"*"}`,
		},
		{
			name: "conditions stay", old: policy(`{"Effect":"Allow","Action":"ec2:*","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}}`),
			uses: uses("ec2:DescribeInstances *"),
			want: `{"Sid":"Ec2List","Effect":"Allow","Action":"ec2:DescribeInstances","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}}`,
		},
		{
			name: "what is allowed without a condition needs none",
			old:  policy(`{"Effect":"Allow","Action":"ec2:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}},{"Effect":"Allow","Action":"ec2:Describe*","Resource":"*"}`),
			uses: uses("ec2:DescribeInstances *"),
			want: `{"Sid":"Ec2List","Effect":"Allow","Action":"ec2:DescribeInstances","Resource":"*"}`,
		},
		{
			name: "a context rules conditions out",
			old: policy(`{"Effect":"Allow","Action":"ec2:*","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}},
				{"Effect":"Allow","Action":"ec2:*","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"us-east-1"}}}`),
			uses: []rightsize.Use{{Action: "ec2:DescribeInstances", Resource: "*", Context: map[string][]string{"aws:RequestedRegion": {"eu-west-1"}}}},
			want: `{"Sid":"Ec2List","Effect":"Allow","Action":"ec2:DescribeInstances","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}}`,
		},
		{
			name: "denies stay", old: policy(full + `,{"Sid":"Not-ours","Effect":"Deny","NotAction":["s3:*"],"Resource":"*"}`),
			uses: uses("s3:GetObject arn:aws:s3:::a/x"),
			want: `{"Sid":"S3Read","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::a/x"},
				{"Sid":"Not-ours","Effect":"Deny","NotAction":"s3:*","Resource":"*"}`,
		},
		{
			name: "variables stay", old: policy(`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::home/${aws:username}/*"}`),
			uses: uses("s3:GetObject arn:aws:s3:::home/some/x"),
			want: `{"Sid":"S3Read","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::home/${aws:username}/*"}`,
		},
		{
			name: "variables of the older version are text", old: `{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::home/${aws:username}/*","arn:aws:s3:::b"]}}`,
			uses: uses("s3:GetObject arn:aws:s3:::home/${aws:username}/x", "s3:GetBucketAcl arn:aws:s3:::b"),
			want: `{"Sid":"S3Read","Effect":"Allow","Action":"s3:GetBucketAcl","Resource":"arn:aws:s3:::b"},
				{"Sid":"S3Read2","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::home/${$}{aws:username}/x"}`,
		},
		{
			name: "NotResource", old: policy(`{"Effect":"Allow","Action":"s3:*","NotResource":"arn:aws:s3:::secret*"}`),
			uses: append(many("s3:GetObject", "arn:aws:s3:::open/", "", 9), many("s3:GetObject", "arn:aws:s3:::s/", "", 2)...),
			want: `{"Sid":"S3Read","Effect":"Allow","Action":"s3:GetObject","Resource":["arn:aws:s3:::open/*","arn:aws:s3:::s/a","arn:aws:s3:::s/b"]}`,
		},
		{
			name: "resource not known", old: policy(`{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::a/*"}`),
			uses: uses("s3:GetObject"),
			want: `{"Sid":"S3Read","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::a/*"}`,
		},
		{
			name: "the role that is passed", old: policy(full), uses: append(uses("lambda:CreateFunction arn:aws:lambda:eu-west-1:111122223333:function:f"), uses("lambda:InvokeFunction arn:aws:lambda:eu-west-1:111122223333:function:f")...),
			want: `{"Sid":"IamWriteUnseen","Effect":"Allow","Action":"iam:PassRole","Resource":"*"},
				{"Sid":"LambdaWrite","Effect":"Allow","Action":["lambda:CreateFunction","lambda:InvokeFunction"],"Resource":"arn:aws:lambda:eu-west-1:111122223333:function:f"},
				{"Sid":"LambdaTagUnseen","Effect":"Allow","Action":"lambda:TagResource","Resource":"*"}`,
		},
		{
			name: "no role without a call that takes one", old: policy(full), uses: uses("iam:GetRole arn:aws:iam::111122223333:role/r"),
			want: `{"Sid":"IamRead","Effect":"Allow","Action":"iam:GetRole","Resource":"arn:aws:iam::111122223333:role/r"}`,
		},
		{name: "nothing", old: policy(full), want: ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := rightsize.Shrink(rightsize.Input{Old: []*awsiam.Policy{parse(t, c.old)}, Uses: c.uses, Data: data(t)})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := compact(t, string(r.Policy)), compact(t, policy(c.want)); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if r.NewAccess {
				t.Error("it gives new access")
			}
		})
	}
}

func numbered(before, after string, n int) string {
	var out []string
	for _, u := range many("", before, after, n) {
		out = append(out, u.Resource)
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

func compact(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	b, _ := json.MarshalIndent(v, "", " ")
	return string(b)
}

func TestReport(t *testing.T) {
	old := parse(t, policy(`{"Effect":"Allow","Action":["s3:*","iam:*","lambda:CreateFunction","sqs:*"],"Resource":"*"}`))
	r, err := rightsize.Shrink(rightsize.Input{Old: []*awsiam.Policy{old}, Data: data(t),
		Uses: append(many("s3:GetObject", "arn:aws:s3:::a/", "", 9), uses("ec2:RunInstances arn:aws:ec2:eu-west-1:111122223333:instance/*")...)})
	if err != nil {
		t.Fatal(err)
	}
	if r.Uses.Total != 10 || r.Uses.Allowed != 9 || len(r.Uses.Refused) != 1 || r.Uses.Refused[0].Action != "ec2:RunInstances" || r.Uses.Refused[0].Why == "" {
		t.Errorf("uses: %+v", r.Uses)
	}
	if r.LostAccess != true || r.Witness == nil {
		t.Errorf("lost access is %v, witness %v", r.LostAccess, r.Witness)
	}
	if len(r.OverGrant) != 3 || r.OverGrant[0].Resource != "arn:aws:s3:::a/*" || r.OverGrant[0].Uses != 9 || r.OverGrant[1].Uses != 0 {
		t.Errorf("over-grant: %+v", r.OverGrant)
	}
	// The queues' data events are kept since the old policy names the service;
	// passing roles is listed.
	if len(r.Kept) != 1 || !slices.Contains(r.Kept[0].Actions, "sqs:SendMessage") {
		t.Errorf("kept: %+v", r.Kept)
	}
	if !slices.ContainsFunc(r.Dropped, func(k rightsize.Kept) bool { return slices.Contains(k.Actions, "iam:PassRole") }) {
		t.Errorf("iam:PassRole is gone in silence: %+v", r.Dropped)
	}
	if len(r.TakenAway) < 2 || r.TakenAway[0].Service != "iam" || r.TakenAway[0].Actions != r.TakenAway[0].Of {
		t.Errorf("taken away: %+v", r.TakenAway)
	}
	if len(r.EscalationsLost) == 0 || len(r.EscalationsLeft) != 0 {
		t.Errorf("escalations lost %q, left %q", r.EscalationsLost, r.EscalationsLeft)
	}
	if r.Size.Old != rightsize.Length([]byte(policy(`{"Effect":"Allow","Action":["s3:*","iam:*","lambda:CreateFunction","sqs:*"],"Resource":"*"}`))) || !r.Size.Fits {
		t.Errorf("size: %+v", r.Size)
	}
	r, err = rightsize.Shrink(rightsize.Input{Old: []*awsiam.Policy{old}, Data: data(t), Uses: uses("s3:GetObject arn:aws:s3:::a/x"), DropUnseen: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Kept) != 0 || !slices.ContainsFunc(r.Dropped, func(k rightsize.Kept) bool { return slices.Contains(k.Actions, "sqs:SendMessage") }) {
		t.Errorf("kept %+v, dropped %+v", r.Kept, r.Dropped)
	}
}

func TestOtherResourcesOfACallAreKept(t *testing.T) {
	r, err := rightsize.Shrink(rightsize.Input{Old: []*awsiam.Policy{parse(t, policy(`{"Effect":"Allow","Action":"ec2:RunInstances","Resource":"*"}`))}, Data: data(t),
		Uses: uses("ec2:RunInstances arn:aws:ec2:eu-west-1:111122223333:instance/i-0123456789abcdef0")})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(r.Policy), `"Resource":"arn:aws:ec2:eu-west-1:*"`) || !strings.Contains(r.Kept[0].Because, "subnet") {
		t.Errorf("%s, kept %+v", r.Policy, r.Kept)
	}
	r, err = rightsize.Shrink(rightsize.Input{Old: []*awsiam.Policy{parse(t, policy(`{"Effect":"Allow","Action":"ec2:RunInstances","Resource":["arn:aws:ec2:*:*:subnet/a","arn:aws:ec2:*:*:instance/*","arn:aws:s3:::x"]}`))},
		Data: data(t), Uses: uses("ec2:RunInstances arn:aws:ec2:eu-west-1:111122223333:instance/i-0123456789abcdef0")})
	if err != nil || strings.Contains(string(r.Policy), "s3:::x") || !strings.Contains(string(r.Policy), "arn:aws:ec2:*:*:subnet/a") {
		t.Errorf("%s, kept %+v, %v", r.Policy, r.Kept, err)
	}
}

func TestLimitsForbid(t *testing.T) {
	boundary := parse(t, policy(`{"Effect":"Allow","Action":"s3:*","Resource":"*"}`))
	r, err := rightsize.Shrink(rightsize.Input{Old: []*awsiam.Policy{parse(t, policy(`{"Effect":"Allow","Action":"*","Resource":"*"}`))}, Data: data(t),
		Limits: &awsiam.Layers{Boundary: []*awsiam.Policy{boundary}}, Uses: uses("s3:GetObject arn:aws:s3:::a/x", "ec2:DescribeInstances *")})
	if err != nil {
		t.Fatal(err)
	}
	if r.Uses.Allowed != 1 || strings.Contains(string(r.Policy), "ec2:DescribeInstances") {
		t.Errorf("%+v %s", r.Uses, r.Policy)
	}
}

func TestRefuses(t *testing.T) {
	for name, old := range map[string]string{
		"an unknown operator": policy(`{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringResembles":{"aws:username":"a"}}}`),
		"a trust policy":      policy(`{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}`),
		"a resource's policy": policy(`{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}`),
		"an unknown version":  `{"Version":"2030-01-01","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`,
	} {
		r, err := rightsize.Shrink(rightsize.Input{Old: []*awsiam.Policy{parse(t, old)}})
		if !errors.Is(err, retinue.ErrInvalid) || r != nil {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func TestSplit(t *testing.T) {
	old := parse(t, policy(`{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::secret/*"}`))
	var list []rightsize.Use
	for i := range 400 {
		// Each in a place of its own, so that nothing is generalised.
		list = append(list, rightsize.Use{Action: "dynamodb:DescribeTable", Resource: "arn:aws:dynamodb:eu-west-1:" + strconv.Itoa(100000000000+i) + ":table/orders"})
	}
	in := rightsize.Input{Old: []*awsiam.Policy{old}, Uses: list, Data: data(t)}
	r, err := rightsize.Shrink(in)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Documents) < 4 || !r.Size.Fits {
		t.Errorf("%d documents, %+v", len(r.Documents), r.Size)
	}
	var next []*awsiam.Policy
	for _, d := range r.Documents {
		if d.Size > 6144 || d.Size != rightsize.Length(d.Policy) {
			t.Errorf("a document of %d", d.Size)
		}
		next = append(next, parse(t, string(d.Policy)))
	}
	whole := []*awsiam.Policy{parse(t, string(r.Policy))}
	if a, b := compare.Policies(whole, next), compare.Policies(next, whole); a.Answer != compare.No || b.Answer != compare.No {
		t.Errorf("the documents together are not the policy: %+v %+v", a, b)
	}
	in.Limit = rightsize.InlineRole
	if r, err = rightsize.Shrink(in); err != nil || len(r.Documents) != 1 || r.Size.Fits {
		t.Errorf("inline: %d documents, %+v, %v", len(r.Documents), r.Size, err)
	}
}

func TestReadUses(t *testing.T) {
	const want = "s3:GetObject arn:aws:s3:::a/x 3|ec2:DescribeInstances * 1|iam:GetUser  0"
	for name, text := range map[string]string{
		"lines": `{"action":"s3:GetObject","resource":"arn:aws:s3:::a/x","count":2,"last":"2026-11-01T00:00:00Z"}
{"action":"ec2:DescribeInstances","resource":"*","count":1}

{"action":"s3:getobject","resource":["arn:aws:s3:::a/x"],"count":1}
{"action":"iam:GetUser"}
{"action":"GetUser"}
nonsense`,
		"array":                ` [{"action":"s3:GetObject","resource":"arn:aws:s3:::a/x","count":3},{"action":"ec2:DescribeInstances","resource":"*","count":1},{"action":"iam:GetUser"},{"action":7},"x"]`,
		"csv":                  "action,resource,count,last\ns3:GetObject,arn:aws:s3:::a/x,3,2026-11-01\nec2:DescribeInstances,*,1,\niam:GetUser\nnonsense,*\ns3:GetObject,*,many\n",
		"csv without headings": "s3:GetObject,arn:aws:s3:::a/x,3\nec2:DescribeInstances,*,1\niam:GetUser,\nnonsense\niam:GetUser,somebody\n",
		"csv in another order": "\ufeffResource,Action,Count,Of\narn:aws:s3:::a/x,s3:GetObject,3,y\n*,ec2:DescribeInstances,1\n,iam:GetUser\n,x\n\"unclosed\n",
	} {
		list, problems, err := rightsize.ReadUses(strings.NewReader(text))
		var got []string
		for _, u := range list {
			got = append(got, u.Action+" "+u.Resource+" "+strconv.Itoa(u.Count))
		}
		if err != nil || strings.Join(got, "|") != want || len(problems) != 2 || problems[0].Place == "" || problems[0].Text == "" {
			t.Errorf("%s: %q, problems %+v, %v", name, got, problems, err)
		}
	}
	if list, problems, err := rightsize.ReadUses(strings.NewReader("")); list != nil || problems != nil || err != nil {
		t.Errorf("an empty file: %v %v %v", list, problems, err)
	}
	if _, _, err := rightsize.ReadUses(strings.NewReader(`[{"action":"s3:GetObject"`)); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("a cut array: %v", err)
	}
}

func FuzzReadUses(f *testing.F) {
	f.Add("action,resource\ns3:GetObject,*\n")
	f.Add(`[{"action":"s3:GetObject","context":{"a":[1,true]}}]`)
	f.Add("{\"action\":\"s3:GetObject\"}\n{")
	f.Fuzz(func(t *testing.T, text string) {
		list, _, _ := rightsize.ReadUses(strings.NewReader(text))
		for _, u := range list {
			if !strings.Contains(u.Action, ":") {
				t.Errorf("%+v is no use", u)
			}
		}
	})
}
