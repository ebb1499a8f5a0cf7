package azure_test

import (
	"fmt"
	"testing"

	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/azure"
)

// logRecord is record n: of the Activity log, of the sign-ins of service
// principals, of Entra's changes or of a key vault in turn.
func logRecord(_ testing.TB, n int) []byte {
	at := fmt.Sprintf("2026-03-%02dT%02d:%02d:%02d.%03dZ", 1+n/86400%28, n/3600%24, n/60%60, n%60, n%1000)
	const tenant = "11111111-1111-1111-1111-111111111111"
	principal := fmt.Sprintf("22222222-2222-2222-2222-%012d", n%50)
	switch n % 4 {
	case 0:
		return fmt.Appendf(nil, `{"time":%q,"resourceId":"/subscriptions/s/resourceGroups/g%d","operationName":"Microsoft.Resources/deployments/write","category":"Administrative","resultType":"Success","callerIpAddress":"192.0.2.%d","correlationId":"c%d",`+
			`"identity":{"claims":{"oid":%q,"idtyp":"app"}},"tenantId":%q}`, at, n%20, n%250, n, principal, tenant)
	case 1:
		return fmt.Appendf(nil, `{"time":%q,"resourceId":"/tenants/%s/providers/Microsoft.aadiam","operationName":"Sign-in activity","category":"ServicePrincipalSignInLogs","tenantId":%q,"resultType":"0",`+
			`"properties":{"id":"s%d","createdDateTime":%q,"servicePrincipalId":%q,"servicePrincipalCredentialKeyId":"33333333-3333-3333-3333-%012d","status":{"errorCode":0}}}`, at, tenant, tenant, n, at, principal, n%70)
	case 2:
		return fmt.Appendf(nil, `{"id":"d%d","activityDateTime":%q,"activityDisplayName":"Add service principal credentials","result":"success","tenantId":%q,"initiatedBy":{"app":{"servicePrincipalId":%q}},"targetResources":[{"type":"Application","id":"a%d"}]}`,
			n, at, tenant, principal, n%20)
	}
	return fmt.Appendf(nil, `{"time":%q,"category":"AuditEvent","operationName":"SecretGet","resourceId":"/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v%d","resultType":"Success","correlationId":"c%d","tenantId":%q,"identity":{"claim":{"oid":%q}},"properties":{"httpStatusCode":200}}`,
		at, n%20, n, tenant, principal)
}

func TestActivityConformance(t *testing.T) {
	connectortest.Activity(t, connectortest.ActivitySubject{
		Spec: azure.Spec(), Open: connectortest.OpenActivity(azure.Spec(), nil), File: "PT1H.json",
		Write: connectortest.Lines(logRecord, `{"time":"`+connectortest.DamagedText+`"`), Record: logRecord,
	})
}
