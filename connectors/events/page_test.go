package events_test

import (
	"testing"

	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/events"
)

// TestPage holds the kind's page to its Spec.
func TestPage(t *testing.T) {
	connectortest.ActivityPage(t, events.Spec(), "../../docs/connectors/ndjson.md")
}
