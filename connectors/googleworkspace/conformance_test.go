package googleworkspace_test

import (
	"fmt"
	"testing"

	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/googleworkspace"
)

// record is activity n, of one or two events.
func record(_ testing.TB, n int) []byte {
	events := `{"type":"auth","name":"activity","parameters":[{"name":"client_id","value":"%[1]d.apps.googleusercontent.com"},{"name":"method_name","value":"drive.files.list"}]}`
	if n%5 == 0 {
		events = `{"type":"auth","name":"authorize","parameters":[{"name":"client_id","value":"%[1]d.apps.googleusercontent.com"}]},` + events
	}
	return fmt.Appendf(nil, `{"kind":"admin#reports#activity","id":{"time":"2026-03-%02dT%02d:%02d:%02d.%03dZ","uniqueQualifier":"%d","applicationName":"token","customerId":"C1"},`+
		`"actor":{"callerType":"USER","email":"user%d@example.com"},"ipAddress":"192.0.2.%d","events":[`+fmt.Sprintf(events, n%30)+`]}`,
		1+n/86400%28, n/3600%24, n/60%60, n%60, n%1000, n, n%50, n%250)
}

func TestActivityConformance(t *testing.T) {
	connectortest.Activity(t, connectortest.ActivitySubject{
		Spec: googleworkspace.Spec(), Open: connectortest.OpenActivity(googleworkspace.Spec(), map[string]string{"domain": "example.com"}), File: "token.ndjson", Options: map[string]string{"domain": "example.com"},
		Write: connectortest.Lines(record, `{"kind":"`+connectortest.DamagedText+`"`), Record: record,
	})
}
