package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/client"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/cli"
	"github.com/retinue-id/retinue/internal/usage/replay"
)

// An account with a user whose policy allows more than its log shows.
const (
	generous      = `{"UserDetailList":[{"Arn":"arn:aws:iam::111122223333:user/ci","UserName":"ci","UserId":"AIDACKCEVSQ6C2EXAMPLE","Path":"/","UserPolicyList":[{"PolicyName":"wide","PolicyDocument":{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iam:List*","iam:CreateUser","ec2:Describe*"],"Resource":"*"}}}]}],"RoleDetailList":[],"GroupDetailList":[],"Policies":[]}`
	generousTrail = `{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","principalId":"AIDACKCEVSQ6C2EXAMPLE","arn":"arn:aws:iam::111122223333:user/ci","accountId":"111122223333","userName":"ci"},"eventTime":%q,"eventSource":%q,"eventName":%q,"awsRegion":"us-east-1","sourceIPAddress":"192.0.2.7","userAgent":"[aws-cli/2.15.0]","eventID":"00000000-0000-4000-8000-%012d","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management"}`
)

// TestRightSizeAtAServer proposes the smallest policy for what a log shows: on the
// database, at a server that serves it, and by the interface, the same.
func TestRightSizeAtAServer(t *testing.T) {
	m := newMachine(t)
	m.env["RETINUE_DATABASE"] = filepath.Join(m.home, "r.db")
	var lines []string
	for i := range 6 {
		service, call := "iam.amazonaws.com", "ListUsers"
		if i%2 == 1 {
			service, call = "ec2.amazonaws.com", "DescribeInstances"
		}
		lines = append(lines, fmt.Sprintf(generousTrail, time.Now().Add(-time.Duration(i+1)*time.Hour).UTC().Format(time.RFC3339), service, call, i))
	}
	for name, text := range map[string]string{"account.json": generous, "trail.json": strings.Join(lines, "\n"), "uses.csv": "iam:ListUsers\n"} {
		if err := os.WriteFile(filepath.Join(m.home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m.must("scan", "aws="+filepath.Join(m.home, "account.json"))
	m.must("activity", "import", "aws="+filepath.Join(m.home, "trail.json"))
	ask := []string{"access", "right-size", "arn:aws:iam::111122223333:user/ci", "--format", "json"}
	here := proposal(t, m.must(ask...))
	if here.LostAccess != true || here.NewAccess || here.Uses.Total != 2 || here.Uses.Allowed != 2 {
		t.Fatalf("here: %+v", here.Result)
	}
	var policy struct{ Statement []struct{ Action any } }
	if err := json.Unmarshal(here.Policy, &policy); err != nil {
		t.Fatal(err)
	}
	var allowed []string
	for _, st := range policy.Statement {
		allowed = append(allowed, fmt.Sprint(st.Action))
	}
	if !slices.Contains(allowed, "iam:ListUsers") || strings.Contains(string(here.Policy), "CreateUser") {
		t.Errorf("it allows %v", allowed)
	}
	h := here.History.Simulation
	if h.Coverage.Uses != 6 || h.Counts[replay.GoesOn] != 6 || len(h.RefusedBy) != 0 {
		t.Errorf("replayed: %+v, %v", h.Coverage, h.Counts)
	}

	s := serveSite(t, configOf(m.env["RETINUE_DATABASE"], filepath.Join(m.home, "data", "retinue")), app.Options{})
	far := newMachine(t)
	far.env["RETINUE_SERVER"], far.env["RETINUE_TOKEN"] = s.url, s.token("inventory.read")
	there := proposal(t, far.must(ask...))
	if compact(t, there.Policy) != compact(t, here.Policy) || there.History.Simulation.Coverage != h.Coverage || !slices.Equal(there.Replaces, here.Replaces) {
		t.Errorf("there: %s of %v, replayed %+v", there.Policy, there.Replaces, there.History.Simulation.Coverage)
	}
	if text := far.run("access", "right-size", "ci", "--as", "user"); text.code != cli.ExitDone || !strings.Contains(text.err, "replayed: of 6 past uses 0 would be refused") {
		t.Errorf("in text: %+v", text)
	}
	if r := far.run("access", "right-size", "ci", "--uses", filepath.Join(m.home, "uses.csv"), "--server", s.url); r.code != cli.ExitUsage || !strings.Contains(r.err, "its own usage history") {
		t.Errorf("with uses of a file: %+v", r)
	}
	if r := far.run("access", "right-size", "nobody"); r.code != cli.ExitError || !strings.Contains(r.err, "nothing is called") {
		t.Errorf("of nobody: %+v", r)
	}

	c, err := client.New(s.url, client.Options{Token: retinue.NewSecret(s.token("inventory.read"))})
	if err != nil {
		t.Fatal(err)
	}
	for _, as := range []string{"managed", "role", "user"} {
		var got app.RightSized
		if _, err := c.Do(t.Context(), client.Request{Path: "/identities/" + string(h.ID) + "/right-size", Query: map[string][]string{"as": {as}, "lines": {"1"}}}, &got); err != nil {
			t.Fatal(as, err)
		}
		if got.Size.Limit.Name != as || !got.Size.Fits || compact(t, got.Policy) != compact(t, here.Policy) || len(got.History.Simulation.Lines) != 1 {
			t.Errorf("as %s: %+v, %d lines", as, got.Size, len(got.History.Simulation.Lines))
		}
	}
}

// compact is a document without white space.
func compact(t *testing.T, document []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, document); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func proposal(t *testing.T, text string) app.RightSized {
	t.Helper()
	var out app.RightSized
	if err := json.Unmarshal([]byte(text), &out); err != nil || out.Result == nil || out.History == nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}
