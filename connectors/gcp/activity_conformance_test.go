package gcp_test

import (
	"fmt"
	"testing"

	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/gcp"
)

// auditRecord is entry n, as a sink writes it.
func auditRecord(_ testing.TB, n int) []byte {
	logs := []string{"activity", "data_access", "system_event", "policy"}
	return fmt.Appendf(nil, `{"insertId":"i%d","logName":"projects/pay/logs/cloudaudit.googleapis.com%%2F%s","timestamp":"2026-03-%02dT%02d:%02d:%02d.%03dZ","resource":{"type":"gcs_bucket","labels":{"project_id":"pay"}},`+
		`"protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","serviceName":"storage.googleapis.com","methodName":"storage.objects.get","resourceName":"projects/_/buckets/b%d/objects/o%d",`+
		`"authenticationInfo":{"principalEmail":"job%d@pay.iam.gserviceaccount.com"},"authorizationInfo":[{"permission":"storage.objects.get","granted":true}],"requestMetadata":{"callerIp":"192.0.2.%d"},"status":{}}}`,
		n, logs[n%len(logs)], 1+n/86400%28, n/3600%24, n/60%60, n%60, n%1000, n%20, n, n%50, n%250)
}

func TestActivityConformance(t *testing.T) {
	connectortest.Activity(t, connectortest.ActivitySubject{
		Spec: gcp.Spec(), Open: connectortest.OpenActivity(gcp.Spec(), nil), File: "00:00:00_00:59:59_S0.json",
		Write: connectortest.Lines(auditRecord, `{"logName":"`+connectortest.DamagedText+`"`), Record: auditRecord,
	})
}
