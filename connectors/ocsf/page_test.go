package ocsf_test

import (
	"testing"

	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/ocsf"
)

// TestPage holds the kind's page to its Spec.
func TestPage(t *testing.T) {
	connectortest.ActivityPage(t, ocsf.Spec(), "../../docs/connectors/ocsf.md")
}
