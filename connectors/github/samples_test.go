package github_test

import (
	"testing"

	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/github"
	"github.com/retinue-id/retinue/internal/testkit"
)

func samples(t testing.TB, source string) []connectortest.Sample {
	t.Helper()
	var out []connectortest.Sample
	for _, e := range testkit.SourceEvents(t, source) {
		out = append(out, connectortest.Sample{Name: e.Name(), Record: e.Event})
	}
	return out
}

// TestSamples says what is expected of real entries, as a collector altered them.
func TestSamples(t *testing.T) {
	connectortest.Samples(t, github.Spec(), samples(t, "GitHub.Audit"), connectortest.Expected{Known: 38, Timeless: 13, Events: map[string]string{
		"Github.Repo.CollaboratorChange/GitHub - Collaborator Added": "forge:my-org 2021-05-18T02:31:58.553Z management | by user/bob* | op repo.add_member | " +
			"needs administration:write | on repository/my-repo | success | edit user/cat",
		"GitHub.Advanced.Security.Change/Secret Scanning Disabled Org Wide": "forge:an-org 2022-08-16T16:56:49.309Z management | by user/bobert* | " +
			"op secret_scanning.disable | on repository/a-repo | success | silence repository/a-repo",
		// Of an enterprise and none of its organisations.
		"GitHub.Advanced.Security.Change/Enterprise Log - business_advanced_security.disabled": "forge:enterprises/example-enterprise 2022-12-15T13:31:51.111Z " +
			"management | by user/bobert* | op business_advanced_security.disabled | success | from 12.12.12.12 | silence",
		// Switching off something else is no silence.
		"GitHub.Advanced.Security.Change/Non-GitHub Adv Sec Action": "forge:an-org 2022-08-16T16:56:49.309Z management | by user/bobert* | " +
			"op enterprise.config.disable_anonymous_git_access | on repository/a-repo | success",
		"GitHub.Repo.InitialAccess/GitHub - Repeated Access": "forge:my-org 2021-06-17T23:15:19.091Z data | by user/cat* | op git.push | needs contents:write | " +
			"on repository/my-repo | success",
		"GitHub.Repo.InitialAccess/GitHub - Clone without Actor": "forge:my-org 2021-06-17T23:15:19.091Z data | op git.push | needs contents:write | " +
			"on repository/my-repo | success",
		"Github.Public.Repository.Created/Public Repo Created": "forge:example-io 2022-12-11T22:40:20.268Z management | by user/example-actor* | op repo.create | " +
			"on repository/oops | success | expose repository/oops",
		// The hash in this sample is shortened: it gives no fingerprint.
		"GitHub.Secret.Scanning.Alert.Created/git.clone-false": "forge:acme-inc 2023-11-20T21:20:09.423Z data | by user/acme-inc-user* | " +
			"with token/acme-inc-user/0123456789 | known github-oauth-token:0123456789 | op git.clone | needs contents:read | on repository/a-repo | success | " +
			"from 5.6.7.8 | agent git/2.30.2",
		"GitHub.Action.Failed/GitHub Action Failed - Monitored Action Configured": "forge:panther-labs 2023-01-31T18:58:27.638Z management | " +
			"by git:origin=github.com/your-org/panther-analysis-copy/pipeline_name/sync-panther-analysis-from-upstream | via user/github_handle | " +
			"op workflows.completed_workflow_run | on repository/panther-analysis-copy | error failure | " +
			"in git:origin=github.com/your-org/panther-analysis-copy/pipeline_name/sync-panther-analysis-from-upstream | run 5555555555",
		// Only the collector's own field has the time.
		"GitHub.Workflow.DispatchByGitHubBot/Other Event": "forge:yourcompany 2025-10-15T18:45:47.048Z management | by app/github-actions | " +
			"op workflows.created_workflow_run | on repository/YourRepo | success | run git:origin=github.com/YourCompany/YourRepo/pipeline_id/123456789",
		"Github.Organization.App.Integration.Installed/App Integration Installation": "forge:your-organization 2022-12-11T05:28:05.542Z management | " +
			"by user/user_name* | op integration_installation.create | on organization/your-organization | success | create app/microsoft-teams-for-github",
		"GitHub.Org.Modified/GitHub - Org - User Removed": "forge:my-org 2021-05-18T02:31:58.553Z management | by user/cat* | op org.remove_member | " +
			"on organization/my-org | success | edit user/bob",
	}})
}
