package github

import (
	"strings"

	"github.com/retinue-id/retinue"
)

// classOf says what sort of entry an action is.
func classOf(action string) retinue.EventClass {
	group, verb, _ := strings.Cut(action, ".")
	switch {
	case group == "git", action == "api.request", verb == "download_zip":
		return retinue.EventData
	case strings.HasSuffix(verb, "login"), strings.HasPrefix(verb, "sso_response"), strings.HasPrefix(verb, "sign_in"),
		strings.HasPrefix(verb, "two_factor_"), verb == "logout", group == "user_session":
		return retinue.EventSignIn
	}
	return retinue.EventManagement
}

// permission is the permission of GitHub's tokens that an action needs, in the
// words of pipelines' grants; empty where it is not known. GitHub documents them in
// "Permissions required for fine-grained personal access tokens".
func permission(action string) string {
	group, verb, _ := strings.Cut(action, ".")
	switch {
	case action == "git.push":
		return "contents:write"
	case group == "git", verb == "download_zip":
		return "contents:read"
	case group == "repo" && isSecretVerb(verb):
		return "secrets:write"
	case group == "hook":
		return "repository_hooks:write"
	case group == "protected_branch", group == "repository_ruleset", group == "repo" && (strings.HasSuffix(verb, "_member") || verb == "access" ||
		verb == "destroy" || verb == "transfer" || verb == "archived" || verb == "rename"):
		return "administration:write"
	case group == "workflows" && (strings.HasPrefix(verb, "rerun_") || strings.HasPrefix(verb, "cancel_") || strings.HasPrefix(verb, "enable_") ||
		strings.HasPrefix(verb, "disable_") || strings.HasPrefix(verb, "delete_")):
		return "actions:write"
	}
	return ""
}

// isSecretVerb reports create_actions_secret, update_dependabot_secret,
// remove_codespaces_secret and the like.
func isSecretVerb(verb string) bool {
	return strings.HasSuffix(verb, "_secret") && (strings.HasPrefix(verb, "create_") || strings.HasPrefix(verb, "update_") || strings.HasPrefix(verb, "remove_"))
}

// verbKind reads what a verb does to the thing that its group is about.
func verbKind(verb string, made retinue.TouchKind) retinue.TouchKind {
	switch first, _, _ := strings.Cut(verb, "_"); first {
	case "create", "add", "register", "grant", "authorize":
		return made
	case "destroy", "delete", "remove":
		return retinue.TouchDelete
	case "revoke", "revoked", "deauthorize", "deauthorized", "suspend", "unverify", "disable", "disabled", "deactivate":
		return retinue.TouchDisable
	case "unsuspend", "verify", "enable", "enabled", "activate":
		return retinue.TouchEnable
	case "regenerate", "reset", "rotate":
		return retinue.TouchRotate
	}
	return retinue.TouchEdit
}

// silences reports actions after which less is logged or detected, or sign-on
// through the organisation's own directory is no longer asked for.
func silences(action string) bool {
	group, verb, _ := strings.Cut(action, ".")
	off := strings.HasPrefix(verb, "disable") || verb == "destroy" || verb == "delete" || verb == "clear"
	switch {
	case group == "audit_log_streaming":
		return off || verb == "update"
	case strings.HasPrefix(group, "secret_scanning"), strings.HasPrefix(group, "dependabot_alerts"), strings.HasPrefix(group, "dependabot_security_updates"),
		strings.HasPrefix(group, "code_scanning"), strings.HasPrefix(group, "repository_vulnerability_alerts"),
		strings.HasSuffix(group, "advanced_security"), strings.HasPrefix(group, "repository_secret_scanning"),
		strings.HasPrefix(group, "org_secret_scanning"), strings.HasPrefix(group, "business_secret_scanning"):
		return off
	case group == "org" || group == "business" || group == "repo":
		return strings.HasPrefix(verb, "disable") && (strings.Contains(verb, "saml") || strings.Contains(verb, "sso") || strings.Contains(verb, "oidc") ||
			strings.Contains(verb, "audit_log") || strings.Contains(verb, "source_ip_disclosure") || strings.Contains(verb, "advanced_security") ||
			strings.Contains(verb, "secret_scanning"))
	}
	return false
}
