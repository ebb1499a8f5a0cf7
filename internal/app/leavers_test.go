package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
)

// handed writes an account with the log of who made what in it, and its people:
// Ada, who left, made a key of ci that is still the same and one of old that was
// replaced; Bo made web; a pipeline made everything else.
func handed(t *testing.T, now time.Time) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const account = "111111111111"
	at := func(days int) string { return now.AddDate(0, 0, -days).Format(time.RFC3339) }
	key := func(n int) string { return "AKIA" + strings.Repeat("A", 15) + fmt.Sprint(n) }
	write("people.csv", "type,id,name,email,state,teams\nperson,ada@northwind.example,Ada Costa,ada@northwind.example,left,payments\n"+
		"person,bo@northwind.example,Bo Larsen,bo@northwind.example,active,payments\nteam,payments,Payments,payments@northwind.example,,\n")
	var users []string
	for _, name := range []string{"ada", "bo", "ci", "old", "web"} {
		users = append(users, fmt.Sprintf(`{"Path":"/","UserName":%q,"UserId":"AIDA%016d","Arn":"arn:aws:iam::%s:user/%s","CreateDate":%q,"UserPolicyList":[],"GroupList":[],"AttachedManagedPolicies":[]}`,
			name, len(users), account, name, at(400)))
	}
	write("aws/authorization-details.json", fmt.Sprintf(`{"UserDetailList":[%s],"GroupDetailList":[],"RoleDetailList":[{"Path":"/","RoleName":"pipeline","RoleId":"AROA0000000000000001","Arn":"arn:aws:iam::%s:role/pipeline","CreateDate":%q,"AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[]},"InstanceProfileList":[],"RolePolicyList":[],"AttachedManagedPolicies":[]}],"Policies":[],"IsTruncated":false}`,
		strings.Join(users, ","), account, at(400)))
	keys := func(name string, n, days int) {
		write("aws/access-keys/"+name+".json", fmt.Sprintf(`{"AccessKeyMetadata":[{"UserName":%q,"AccessKeyId":%q,"Status":"Active","CreateDate":%q}]}`, name, key(n), at(days)))
	}
	keys("ci", 1, 60)
	keys("old", 2, 10)
	var events []string
	did := func(kind, who, call, user string, days int) {
		arn, extra := "arn:aws:iam::"+account+":user/"+who, `"userName":"`+who+`",`
		if kind == "AssumedRole" {
			arn, extra = "arn:aws:sts::"+account+":assumed-role/"+who+"/run", `"sessionContext":{"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::`+account+`:role/`+who+`","accountId":"`+account+`","userName":"`+who+`"}},`
		}
		events = append(events, fmt.Sprintf(`{"eventVersion":"1.11","userIdentity":{"type":%q,"arn":%q,%s"accountId":%q,"principalId":"X"},"eventTime":%q,"eventSource":"iam.amazonaws.com","eventName":%q,"awsRegion":"us-east-1","sourceIPAddress":"198.51.100.7","userAgent":"aws-cli/2.15.0","requestParameters":{"userName":%q},"responseElements":null,"eventID":"00000000-0000-4000-8000-%012d","eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":%q,"eventCategory":"Management"}`,
			kind, arn, extra, account, at(days), call, user, len(events), account))
	}
	did("IAMUser", "ada", "CreateAccessKey", "ci", 60)
	did("IAMUser", "ada", "CreateAccessKey", "old", 70)
	did("IAMUser", "bo", "CreateUser", "web", 50)
	for range 3 {
		did("AssumedRole", "pipeline", "CreateUser", "web", 49)
	}
	write("log/AWSLogs/"+account+"/CloudTrail/us-east-1/2026/01/01/"+account+"_CloudTrail_us-east-1_20260101T0000Z_AAAAAAAAAAAAAAAA.json", `{"Records":[`+strings.Join(events, ",")+`]}`)
	return dir
}

// staffed opens an installation that has read the staff, the account and a log of
// so many events that lie in a folder.
func staffed(t *testing.T, dir string, now time.Time, log app.SourceConfig, events int64) *app.App {
	t.Helper()
	a, err := app.Open(t.Context(), app.Config{Database: filepath.Join(dir, "r.db"), KeyFile: filepath.Join(dir, "key")}, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	who := retinue.Actor{Kind: "system", Name: "test"}
	if _, err := a.Scan(t.Context(), []app.SourceConfig{{Name: "staff", Kind: "people", Target: filepath.Join(dir, "people.csv"), Options: map[string]string{"directory": "northwind.example", "observed-at": now.Format(time.RFC3339)}},
		{Name: "account", Kind: "aws", Target: filepath.Join(dir, "aws")}}, app.ScanOptions{Actor: who}); err != nil {
		t.Fatal(err)
	}
	reads, err := a.ImportActivity(t.Context(), []app.SourceConfig{log}, app.ActivityOptions{Actor: who})
	if err != nil || reads[0].New != events {
		t.Fatalf("%+v, %v", reads, err)
	}
	return a
}

func TestLeaversAndWhoMadeWhat(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	dir := handed(t, now)
	a := staffed(t, dir, now, app.SourceConfig{Name: "trail", Kind: "aws", Target: filepath.Join(dir, "log")}, 6)
	if _, err := a.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	ada, err := a.ReadOwner(t.Context(), store.Everything(), "ada@northwind.example")
	if err != nil {
		t.Fatal(err)
	}
	if len(ada.Known) != 1 || !strings.HasSuffix(ada.Known[0].Ref.Key, "1") || !slices.Equal(ada.Known[0].How, []string{"created"}) ||
		!ada.Known[0].Last.Equal(now.AddDate(0, 0, -60)) || !slices.Equal(ada.Known[0].Evidence, []string{"aws.cloudtrail: iam:CreateAccessKey"}) {
		t.Errorf("Ada knows %+v, want the key of ci", ada.Known)
	}
	page, err := a.ListThings(t.Context(), store.Everything(), store.ListQuery{Type: retinue.FactIdentity, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"web": "bo@northwind.example", "ci": "@payments"} // Ada left: her team comes after her
	for _, row := range page.Items {
		o, err := a.IdentityOwnership(t.Context(), store.Everything(), row.ID)
		if err != nil {
			t.Fatal(err)
		}
		if w := want[row.Name]; w != "" && (len(o.Suggestions) == 0 || o.Suggestions[0].Owner != w) {
			t.Errorf("%s: %+v suggested, want %s", row.Name, o.Suggestions, w)
		}
		for _, s := range o.Suggestions {
			if strings.Contains(s.Owner, "pipeline") {
				t.Errorf("%s: a pipeline is suggested", row.Name)
			}
		}
	}
	known := 0
	err = a.View(t.Context(), store.Everything(), func(tx *app.Snapshot) error {
		for f, err := range tx.Findings(store.FindingQuery{}) {
			if err != nil {
				return err
			}
			if f.Rule == "nhi1-known-to-leaver" {
				known++
				if !strings.Contains(f.Message, "ada@northwind.example left and knew") {
					t.Errorf("message %q", f.Message)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if known != 1 {
		t.Errorf("%d findings about what Ada knows, want 1", known)
	}
}
