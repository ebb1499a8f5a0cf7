package github_test

import (
	"testing"

	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/github"
)

// TestPage holds the kind's page to its Spec.
func TestPage(t *testing.T) {
	connectortest.ActivityPage(t, github.Spec(), "../../docs/connectors/github.md")
}
