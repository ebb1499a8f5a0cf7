package anthropic_test

import (
	"testing"

	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/anthropic"
)

// TestPage holds the kind's page to its Spec.
func TestPage(t *testing.T) {
	connectortest.ActivityPage(t, anthropic.Spec(), "../../docs/connectors/anthropic.md")
}
