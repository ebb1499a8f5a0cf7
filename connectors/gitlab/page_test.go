package gitlab_test

import (
	"testing"

	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/gitlab"
)

// TestPage holds the kind's page to its Spec.
func TestPage(t *testing.T) {
	connectortest.ActivityPage(t, gitlab.Spec(), "../../docs/connectors/gitlab.md")
}
