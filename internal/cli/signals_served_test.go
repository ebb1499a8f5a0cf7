package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/cli"
)

// A role, and the record of its switching the trail off.
const (
	silencer      = `{"UserDetailList":[],"GroupDetailList":[],"Policies":[],"RoleDetailList":[{"Path":"/","RoleName":"backup","RoleId":"AROAEXAMPLEBACKUPROLE","Arn":"arn:aws:iam::111122223333:role/backup","CreateDate":"2025-01-01T00:00:00+00:00","AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[]},"InstanceProfileList":[],"RolePolicyList":[],"AttachedManagedPolicies":[],"Tags":[]}]}`
	silencerTrail = `{"Records":[{"eventVersion":"1.09","eventID":"00000000-0000-4000-8000-000000000001","eventTime":%q,"eventSource":"cloudtrail.amazonaws.com","eventName":"StopLogging","awsRegion":"eu-west-1","sourceIPAddress":"198.51.100.7","userAgent":"Boto3/1.34 md/Botocore#1.34","eventType":"AwsApiCall","eventCategory":"Management","managementEvent":true,"readOnly":false,"recipientAccountId":"111122223333","userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLEBACKUPROLE:i-0123","arn":"arn:aws:sts::111122223333:assumed-role/backup/nightly","accountId":"111122223333","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLEBACKUPROLE","arn":"arn:aws:iam::111122223333:role/backup","accountId":"111122223333","userName":"backup"}}},"requestParameters":{"name":"org-trail"}}]}`
)

// TestSignalsAtAServer lists what is unusual, dismisses it and takes that back: at
// a server as on its database.
func TestSignalsAtAServer(t *testing.T) {
	m := newMachine(t)
	m.env["RETINUE_DATABASE"] = filepath.Join(m.home, "r.db")
	for name, text := range map[string]string{"account.json": silencer, "trail.json": fmt.Sprintf(silencerTrail, time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))} {
		if err := os.WriteFile(filepath.Join(m.home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m.must("scan", "aws="+filepath.Join(m.home, "account.json"))
	m.must("activity", "import", "aws="+filepath.Join(m.home, "trail.json"))
	here := m.must("signals", "list", "--format", "json")
	var rows []app.SignalRow
	if err := json.Unmarshal([]byte(here), &rows); err != nil || len(rows) != 1 || rows[0].Finding == "" {
		t.Fatalf("%v: %s", err, here)
	}
	hereTable := m.must("signals", "list", "--kind", "logging_disabled", "--state", "told")

	s := serveSite(t, configOf(m.env["RETINUE_DATABASE"], filepath.Join(m.home, "data", "retinue")), app.Options{})
	far := newMachine(t)
	far.env["RETINUE_SERVER"], far.env["RETINUE_TOKEN"] = s.url, s.token()
	if there := far.must("signals", "list", "--format", "json"); there != here {
		t.Errorf("at a server:\n%s\nhere:\n%s", there, here)
	}
	if there := far.must("signals", "list", "--kind", "logging_disabled", "--state", "told"); there != hereTable {
		t.Errorf("at a server:\n%s\nhere:\n%s", there, hereTable)
	}
	if there := far.must("signals", "list", "arn:aws:iam::111122223333:role/backup", "--format", "csv"); !strings.Contains(there, "logging_disabled") {
		t.Errorf("of the role: %s", there)
	}
	if r := far.run("signals", "list", "--kind", "tombstone_use"); !strings.Contains(r.out+r.err, "nothing unusual") {
		t.Errorf("of another kind: %+v", r)
	}
	far.must("findings", "set", string(rows[0].Finding), "accepted", "--reason", "the trail moves to another account")
	var dismissed []app.SignalDismissal
	text := far.must("signals", "dismissals", "--format", "json")
	if err := json.Unmarshal([]byte(text), &dismissed); err != nil || len(dismissed) != 1 || dismissed[0].By != "Ada" {
		t.Fatalf("dismissals: %v: %s", err, text)
	}
	if out := far.must("signals", "list"); !strings.Contains(out, "accepted") {
		t.Errorf("after it was dismissed: %s", out)
	}
	far.must("signals", "revoke", string(dismissed[0].ID))
	if out := far.must("signals", "dismissals", "--format", "json"); !strings.Contains(out, `"revokedBy":"Ada"`) {
		t.Errorf("who took it back: %s", out)
	}
	if out := far.must("signals", "list"); strings.Contains(out, "accepted") {
		t.Errorf("after that was revoked: %s", out)
	}
	if r := far.run("signals", "revoke", string(dismissed[0].ID)); r.code != cli.ExitError {
		t.Errorf("revoked twice: %+v", r)
	}
	far.env["RETINUE_TOKEN"] = s.token("inventory.read")
	if r := far.run("signals", "revoke", string(dismissed[0].ID)); r.code != cli.ExitError || !strings.Contains(r.err, "denied") {
		t.Errorf("revoked by who may only read: %+v", r)
	}
}
