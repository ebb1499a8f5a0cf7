// Package gitlab reads logs of GitLab from files: audit events as the API lists
// them, as streaming delivers them and as a server writes them (audit_json.log),
// and the requests that a server answered (api_json.log, production_json.log),
// which name the token of each. It describes no system.
//
// # Names
//
// A server of one's own is the realm "forge:HOST"; on gitlab.com each group at the
// top is "forge:gitlab.com/GROUP". In it are user (GitLab's number), project and
// group (the full path), and by number personal_access_token, oauth_token,
// deploy_token, deploy_key, ssh_key, ci_job_token, runner, agent_token and webhook. Bots of
// projects and groups are users to GitLab, and are told from people by their names.
// A variable of a project is named as the repository connector names it: the realm
// "git:origin=HOST/PATH", "named_secret" "gitlab_ci:NAME".
package gitlab
