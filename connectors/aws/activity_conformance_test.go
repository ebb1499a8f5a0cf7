package aws_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/aws"
)

// planted is a value that records hold where CloudTrail has tokens and messages.
func planted() string { return strings.Join([]string{"planted", "in", "the", "record"}, "-") }

// trailRecord is the nth record of a trail: some read, some refused, some
// opening a session.
func trailRecord(_ testing.TB, n int) []byte {
	secret := planted()
	const user = `{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::111111111111:user/ci/build","accountId":"111111111111","accessKeyId":"AKIAEXAMPLEEXAMPLEAA","userName":"build"}`
	source, name, more := "s3", "GetObject", `"requestParameters":{"bucketName":"data","key":"in/x"}`
	switch n % 4 {
	case 1:
		source, name, more = "ec2", "RunInstances", `"errorCode":"Client.UnauthorizedOperation","errorMessage":"`+secret+`"`
	case 2:
		source, name, more = "sts", "AssumeRole", `"requestParameters":{"roleArn":"arn:aws:iam::111111111111:role/deploy","externalId":"`+secret+`"},"responseElements":{"credentials":{"accessKeyId":"ASIAEXAMPLEEXAMPLEAA","sessionToken":"`+secret+`"},"assumedRoleUser":{"arn":"arn:aws:sts::111111111111:assumed-role/deploy/x"}}`
	}
	return fmt.Appendf(nil, `{"eventVersion":"1.11","userIdentity":%s,"eventTime":"2026-01-02T03:%02d:%02dZ","eventSource":"%s.amazonaws.com","eventName":"%s","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.7","userAgent":"aws-cli/2.17",%s,"eventID":"00000000-0000-4000-8000-%012d","eventType":"AwsApiCall","recipientAccountId":"111111111111","eventCategory":"Management"}`,
		user, n/60%60, n%60, source, name, more, n)
}

func TestActivityConformance(t *testing.T) {
	connectortest.Activity(t, connectortest.ActivitySubject{
		Spec: aws.Spec(), Open: connectortest.OpenActivity(aws.Spec(), nil), File: "trail.json",
		Write: connectortest.Lines(trailRecord, `{"eventVersion":"`+connectortest.DamagedText+`"`), Record: trailRecord,
	})
}

// trailTable writes records as the CSV of a query of Athena: a line of names, and a
// row for each.
func trailTable(t testing.TB, w io.Writer, records []int) {
	t.Helper()
	columns := []string{"eventversion", "useridentity", "eventtime", "eventsource", "eventname", "awsregion", "sourceipaddress", "useragent",
		"errorcode", "requestparameters", "responseelements", "eventid", "eventtype", "recipientaccountid", "eventcategory"}
	out := csv.NewWriter(w)
	rows := [][]string{columns}
	for _, n := range records {
		if n == connectortest.Damaged {
			rows = append(rows, []string{connectortest.DamagedText})
			continue
		}
		fields := map[string]json.RawMessage{}
		if err := json.Unmarshal(trailRecord(t, n), &fields); err != nil {
			t.Fatal(err)
		}
		row := make([]string, len(columns))
		for name, v := range fields {
			i := slices.Index(columns, strings.ToLower(name))
			if i < 0 {
				continue // the table has no column of it
			}
			if err := json.Unmarshal(v, &row[i]); err != nil {
				row[i] = string(v)
			}
		}
		rows = append(rows, row)
	}
	if err := out.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
}

// TestTableConformance holds exports of tables to the same, also where reading
// goes on behind the line of names.
func TestTableConformance(t *testing.T) {
	connectortest.Activity(t, connectortest.ActivitySubject{
		Spec: aws.Spec(), Open: connectortest.OpenActivity(aws.Spec(), nil), File: "export.csv", Write: trailTable, Secrets: []string{planted()},
	})
}
