package okta_test

import (
	"fmt"
	"testing"

	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/okta"
)

// record is entry n as an event hook delivers it, which names its organisation.
func record(_ testing.TB, n int) []byte {
	kinds := []string{"user.session.start", "app.oauth2.token.grant.access_token", "system.api_token.create", "application.lifecycle.update"}
	return fmt.Appendf(nil, `{"source":"https://acme.okta.com/api/v1/eventHooks/h","data":{"events":[{"uuid":"u-%d","published":"2026-03-%02dT%02d:%02d:%02d.%03dZ","eventType":%q,`+
		`"actor":{"id":"00u%d","type":"User"},"outcome":{"result":"SUCCESS"},"client":{"ipAddress":"192.0.2.%d"},"target":[{"type":"AppInstance","id":"0oa%d"}]}]}}`,
		n, 1+n/86400%28, n/3600%24, n/60%60, n%60, n%1000, kinds[n%len(kinds)], n%50, n%250, n%20)
}

func TestActivityConformance(t *testing.T) {
	connectortest.Activity(t, connectortest.ActivitySubject{
		Spec: okta.Spec(), Open: connectortest.OpenActivity(okta.Spec(), map[string]string{"org": "acme.okta.com"}), File: "system-log.ndjson", Options: map[string]string{"org": "acme.okta.com"},
		Write: connectortest.Lines(record, `{"uuid":"u","eventType":"`+connectortest.DamagedText+`"`), Record: record,
	})
}
