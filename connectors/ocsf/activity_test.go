package ocsf_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/ocsf"
)

const planted = "planted" + " body of a request"

// sample is the nth of a series of events of three classes and two products.
func sample(t testing.TB, n int) []byte {
	t.Helper()
	e := map[string]any{
		"time": time.Date(2026, 3, 2, 8, 0, n, 0, time.UTC).UnixMilli(), "class_uid": 6003, "status_id": 1, "activity_id": 1,
		"metadata":     map[string]any{"uid": fmt.Sprintf("id-%d", n), "version": "1.3.0", "product": map[string]any{"name": "Widgets", "vendor_name": "Example"}},
		"actor":        map[string]any{"user": map[string]any{"uid": "u1", "type_id": 4}},
		"api":          map[string]any{"operation": "CreateWidget", "service": map[string]any{"name": "widgets"}, "request": map[string]any{"data": map[string]any{"x": planted}}},
		"src_endpoint": map[string]any{"ip": "192.0.2.1"}, "http_request": map[string]any{"user_agent": "agent"},
	}
	switch n % 3 {
	case 1:
		e["class_uid"], e["type_name"], e["status_id"], e["user"] = 3002, "Authentication: Logon", 2, map[string]any{"uid": "u2", "type_id": 1, "email_addr": "ann@example.com"}
		delete(e, "api")
	case 2:
		e["class_uid"], e["activity_id"], e["user"], e["type_name"] = 3001, 6, map[string]any{"uid": "u3", "type_id": 4}, "Account Change: Delete"
		delete(e, "metadata")
		e["metadata"] = map[string]any{"version": "1.1.0", "product": map[string]any{"name": "Widgets", "vendor_name": "Example"}}
	}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestActivityConformance(t *testing.T) {
	connectortest.Activity(t, connectortest.ActivitySubject{
		Spec: ocsf.Spec(), Open: connectortest.OpenActivity(ocsf.Spec(), nil), File: "events.ndjson",
		Write: connectortest.Lines(sample, `{"class_uid":"`+connectortest.DamagedText+`", "a" 1}`), Record: sample, Secrets: []string{planted},
	})
}

const cloudtrail = `"metadata":{"uid":"e1","version":"1.1.0","product":{"name":"CloudTrail","vendor_name":"AWS"}},"cloud":{"provider":"AWS","region":"eu-west-1","account":{"uid":"111122223333"}}`

// TestEvents decodes events of several makers.
func TestEvents(t *testing.T) {
	for _, c := range []struct{ name, event, want string }{
		{"a role's session on AWS", `{"class_uid":6003,"time":1772438400123,"status_id":1,` + cloudtrail + `,"actor":{"user":{"type":"AssumedRole","uid":"arn:aws:sts::111122223333:assumed-role/deploy/run","uid_alt":"AROAEXAMPLE:run","credential_uid":"ASIAEXAMPLE"},"session":{"issuer":"arn:aws:iam::111122223333:role/deploy","is_mfa":false}},"api":{"operation":"GetObject","service":{"name":"s3.amazonaws.com"}},"src_endpoint":{"ip":"10.0.0.1","uid":"vpce-0a1"},"http_request":{"user_agent":"Boto3/1.34"},"resources":[{"uid":"arn:aws:s3:::bucket/key","type":"AWS::S3::Object"}]}`,
			"aws:111122223333 management | by role/arn:aws:iam::111122223333:role/deploy | known aws:ASIAEXAMPLE | op GetObject | on resource/arn:aws:s3:::bucket/key | success | from 10.0.0.1 | agent Boto3/1.34 | aws:MultiFactorAuthPresent false | aws:SourceVpce vpce-0a1"},
		{"a user's key on AWS that is refused", `{"class_uid":6003,"time":1772438400123,"status_id":2,"status":"Failure",` + cloudtrail + `,"actor":{"user":{"type":"IAMUser","uid":"arn:aws:iam::111122223333:user/ci","credential_uid":"AKIAEXAMPLE"}},"api":{"operation":"DeleteUser","response":{"error":"AccessDenied","message":"User is not authorized"}},"src_endpoint":{"domain":"cloudformation.amazonaws.com"}}`,
			"aws:111122223333 management | by user/arn:aws:iam::111122223333:user/ci | with access_key/AKIAEXAMPLE | known aws:AKIAEXAMPLE | op DeleteUser | denied AccessDenied | service cloudformation.amazonaws.com"},
		{"the ARN where version 1.0 had it", `{"class_uid":3001,"activity_id":1,"type_name":"Account Change: Create","time":1772438400,"status_id":1,` + cloudtrail + `,"actor":{"user":{"uid":"AIDA","uuid":"arn:aws:iam::111122223333:user/boss"}},"user":{"name":"new","uid":"arn:aws:iam::111122223333:user/new"}}`,
			"aws:111122223333 management | by user/arn:aws:iam::111122223333:user/boss | op Account Change: Create | success | create user/arn:aws:iam::111122223333:user/new"},
		{"a service account of Google Cloud", `{"class_uid":6003,"time":1772438400123,"status_id":2,"status_code":"7","metadata":{"uid":"g"},"cloud":{"provider":"GCP","project_uid":"shop"},"actor":{"user":{"email_addr":"ci@shop.iam.gserviceaccount.com"}},"api":{"operation":"storage.objects.get"}}`,
			"gcp:shop management | by service_account/ci@shop.iam.gserviceaccount.com | op storage.objects.get | denied 7"},
		{"a sign-in that failed", `{"class_uid":3002,"time":1772438400123,"status_id":2,"status_detail":"INVALID_CREDENTIALS","type_name":"Authentication: Logon","metadata":{"uid":"o","product":{"name":"Identity","vendor_name":"Example"},"tenant_uid":"t1"},"user":{"uid":"00u1","type_id":1,"email_addr":"ann@example.com"},"src_endpoint":{"ip":"192.0.2.3"}}`,
			"ocsf:example/identity/t1 sign_in | by user/00u1* | op Authentication: Logon | denied INVALID_CREDENTIALS | from 192.0.2.3"},
		{"a status that is neither", `{"class_uid":6003,"time":1772438400123,"status_id":99,"metadata":{"uid":"o","product":{"vendor_name":"Example"}},"actor":{"user":{"uid":"u"}},"api":{"operation":"Do"}}`,
			"ocsf:example management | by user/u | op Do | unknown"},
	} {
		got, err := ocsf.Spec().Activity.Decode([]byte(c.event))
		if err != nil || len(got) != 1 {
			t.Errorf("%s: %d events, %v", c.name, len(got), err)
			continue
		}
		if b := fmt.Sprintf("%s %s", got[0].Realm, connectortest.Brief(got[0])); b != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, b, c.want)
		}
	}
}

// TestOtherClass keeps an event of another class as unknown, with its record.
func TestOtherClass(t *testing.T) {
	record := `{"class_uid":4001,"time":1772438400123,"activity_name":"Open","metadata":{"uid":"n"},"cloud":{"provider":"AWS","account":{"uid":"111122223333"}}}`
	got, err := ocsf.Spec().Activity.Decode([]byte(record))
	if err != nil || len(got) != 1 || got[0].Class != retinue.EventUnknown || string(got[0].Raw) != record || got[0].ID == "" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestParquet says of Parquet that it is not read.
func TestParquet(t *testing.T) {
	r := connectortest.Read(t, connectortest.OpenActivity(ocsf.Spec(), nil)(t, connectortest.Env(t), connectortest.LogFile(t, "a.parquet", "PAR1\x15\x04")), nil)
	if len(r.Faults) != 1 || !strings.Contains(r.Faults[0].Error(), "Parquet") || len(r.Events) > 0 {
		t.Errorf("faults %v, %d events", r.Faults, len(r.Events))
	}
}

// TestRealm puts all events into the realm that an option names.
func TestRealm(t *testing.T) {
	dir := connectortest.LogFile(t, "a.json", "["+string(sample(t, 0))+","+string(sample(t, 1))+"]")
	r := connectortest.Read(t, connectortest.OpenActivity(ocsf.Spec(), map[string]string{"realm": "widgets:eu"})(t, connectortest.Env(t), dir), nil)
	if len(r.Events) != 2 || r.Events[0].Realm != "widgets:eu" || r.Events[1].Identity.Realm != "widgets:eu" {
		t.Errorf("events %+v", r.Events)
	}
}

func FuzzDecode(f *testing.F) {
	for n := range 3 {
		f.Add(sample(f, n))
	}
	f.Add([]byte(`{"class_uid":6003,"time":1,` + cloudtrail + `,"actor":{"user":{"uid":"arn:aws:iam::1:role/"}},"api":{"operation":"x"},"resources":{"uid":"arn:a:b"}}`))
	spec := ocsf.Spec()
	f.Fuzz(func(t *testing.T, record []byte) {
		events, err := spec.Activity.Decode(record)
		if err != nil {
			return
		}
		for _, e := range events {
			if err := connectortest.CheckEvent(spec, e); err != nil {
				t.Error(err)
			}
		}
	})
}
