// Package github reads the audit log of a GitHub organisation or enterprise, from
// files: what was exported as JSON in the browser, what the API answered, and what
// audit log streaming put into a bucket. It describes no system; repositories are
// read by the connector of that name.
//
// # Names
//
// An organisation is the realm "forge:ORGANISATION" on github.com, else
// "forge:HOST/ORGANISATION", in lower case; an entry that names an enterprise and
// no organisation is of "forge:enterprises/ENTERPRISE". In it are user (the
// login), app (the slug, what stands before "[bot]"), oauth_app (its name),
// deploy_key, token ("LOGIN/ID"), repository (without the organisation), webhook,
// runner and organization.
//
// A workflow is named as the repository connector names it in a shallow clone:
// the realm "git:origin=HOST/ORGANISATION/REPOSITORY", kind pipeline, key the path
// of its file; its secrets are "named_secret" "github_actions:NAME" there. Entries
// about whole runs say the workflow's name, or its number only, and not its file:
// these have the kinds pipeline_name and pipeline_id.
package github
