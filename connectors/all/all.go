// Package all lists the connectors that are part of the program. There is no
// registry and no side effect of importing one: what is listed here exists.
package all

import (
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connectors/anthropic"
	"github.com/retinue-id/retinue/connectors/aws"
	"github.com/retinue-id/retinue/connectors/azure"
	"github.com/retinue-id/retinue/connectors/events"
	"github.com/retinue-id/retinue/connectors/exec"
	"github.com/retinue-id/retinue/connectors/gcp"
	"github.com/retinue-id/retinue/connectors/github"
	"github.com/retinue-id/retinue/connectors/gitlab"
	"github.com/retinue-id/retinue/connectors/googleworkspace"
	"github.com/retinue-id/retinue/connectors/host"
	"github.com/retinue-id/retinue/connectors/kubernetes"
	"github.com/retinue-id/retinue/connectors/ocsf"
	"github.com/retinue-id/retinue/connectors/okta"
	"github.com/retinue-id/retinue/connectors/openai"
	"github.com/retinue-id/retinue/connectors/people"
	"github.com/retinue-id/retinue/connectors/postgres"
	"github.com/retinue-id/retinue/connectors/repo"
	"github.com/retinue-id/retinue/connectors/slack"
	"github.com/retinue-id/retinue/connectors/vault"
)

// Specs returns every connector, in the order in which help lists them.
func Specs() []connector.Spec {
	return []connector.Spec{
		host.Spec(),
		repo.Spec(),
		aws.Spec(),
		gcp.Spec(),
		azure.Spec(),
		kubernetes.Spec(),
		postgres.Spec(),
		vault.Spec(),
		okta.Spec(),
		googleworkspace.Spec(),
		github.Spec(),
		gitlab.Spec(),
		slack.Spec(),
		openai.Spec(),
		anthropic.Spec(),
		ocsf.Spec(),
		events.Spec(),
		people.Spec(),
		exec.Spec(),
	}
}
