package github

import (
	"strings"

	"github.com/retinue-id/retinue"
)

func (r *record) touch(kind retinue.TouchKind, target retinue.Ref) {
	r.ev.Touches = append(r.ev.Touches, retinue.Touch{Kind: kind, Target: target})
}

// touches says what an entry did to identities, credentials and controls.
func (r *record) touches() {
	group, verb, _ := strings.Cut(r.action, ".")
	if silences(r.action) {
		r.touch(retinue.TouchSilence, r.ev.Resource)
		return
	}
	switch group {
	case "repo", "org", "business", "environment", "team", "organization_moderators", "codespaces":
		r.touchPlace(group, verb)
	case "protected_branch", "repository_ruleset", "ip_allow_list", "ip_allow_list_entry":
		r.touch(retinue.TouchEdit, r.ev.Resource)
	case "workflows":
		// What runs is said by run.
	default:
		r.touchCredential(group, verb)
	}
}

// touchPlace is about what changes a repository, an organisation or a team: its
// members, its secrets, its runners and who sees it.
func (r *record) touchPlace(group, verb string) {
	user := r.Text("user", "data.user", "invitee")
	switch {
	case isSecretVerb(verb):
		r.touchSecret(verb)
	case strings.HasSuffix(verb, "_self_hosted_runner"):
		r.touch(verbKind(verb, retinue.TouchCreate), r.ref("runner", r.Text("runner_name", "runner_id", "name")))
	case group == "repo" && r.becomesPublic(verb):
		r.touch(retinue.TouchExpose, r.ev.Resource)
	case user != "" && (strings.HasSuffix(verb, "_member") || strings.HasSuffix(verb, "_user") || strings.HasSuffix(verb, "_collaborator") ||
		strings.HasSuffix(verb, "_billing_manager") || strings.HasSuffix(verb, "_admin") || verb == "change_role" || verb == "promote_maintainer" || verb == "demote_maintainer"):
		r.touch(retinue.TouchEdit, r.member(user))
	case group == "team" || strings.HasPrefix(verb, "set_") || strings.HasPrefix(verb, "update_") || strings.HasPrefix(verb, "enable") || strings.HasPrefix(verb, "disable"):
		target := r.ev.Resource
		if team := r.Text("team", "data.team"); group == "team" && team != "" {
			target = r.ref("team", team[strings.LastIndexByte(team, '/')+1:])
		}
		r.touch(retinue.TouchEdit, target)
	}
}

// member names a user, or an app's bot, that was made a member.
func (r *record) member(name string) retinue.Ref {
	if slug, ok := strings.CutSuffix(name, bot); ok {
		return r.ref("app", slug)
	}
	return r.ref("user", name)
}

func (r *record) becomesPublic(verb string) bool {
	switch verb {
	case "create", "access", "change_visibility", "update_visibility":
		return r.Text("visibility") == "public" && r.Text("previous_visibility") != "public"
	case "pages_public":
		return true
	}
	return false
}

// touchSecret is about a secret of Actions, Dependabot or Codespaces: made, given
// another value, or deleted.
func (r *record) touchSecret(verb string) {
	kind := retinue.TouchIssue
	switch {
	case strings.HasPrefix(verb, "update_"):
		kind = retinue.TouchRotate
	case strings.HasPrefix(verb, "remove_"):
		kind = retinue.TouchDelete
	}
	name := r.Text("key", "secret_name", "name", "data.key")
	if name == "" {
		r.touch(kind, retinue.Ref{})
		return
	}
	if r.repo == "" {
		r.touch(kind, r.ref("secret", name))
		return
	}
	r.touch(kind, r.secret(r.repo, name))
}

// touchCredential is about entries whose group is a sort of credential or app.
func (r *record) touchCredential(group, verb string) {
	made := retinue.TouchIssue
	var target retinue.Ref
	switch group {
	case "personal_access_token", "oauth_access":
		if verb == "request_created" || verb == "request_denied" || verb == "request_cancelled" {
			return
		}
		target = r.tokenOf()
	case "public_key", "deploy_key":
		target = r.publicKey(group)
	case "integration_installation", "integration", "integration_installation_request":
		made, target = retinue.TouchCreate, r.ref("app", slugOf(r.Text("integration", "name", "app_name")))
	case "oauth_application", "oauth_authorization", "org_credential_authorization":
		target = r.authorized(group)
		if group == "oauth_application" {
			made = retinue.TouchCreate
		}
	case "hook":
		made, target = retinue.TouchCreate, r.ref("webhook", r.ID("hook_id", "data.hook_id"))
	default:
		return
	}
	r.touch(credentialKind(verb, made), target)
}

// credentialKind reads the verbs that groups of credentials have besides the
// general ones.
func credentialKind(verb string, made retinue.TouchKind) retinue.TouchKind {
	switch verb {
	case "access_granted", "request_approved":
		return retinue.TouchEnable
	case "access_revoked", "credential_revoked", "access_restriction_enabled":
		return retinue.TouchDisable
	case "credential_regenerated":
		return retinue.TouchRotate
	case "generate_client_secret":
		return retinue.TouchIssue
	case "remove_client_secret", "revoke_all_tokens", "revoke_tokens":
		return retinue.TouchDisable
	case "repositories_added", "repositories_removed", "version_updated":
		return retinue.TouchEdit
	}
	return verbKind(verb, made)
}

// tokenOf names the token that an entry is about: one of whom it names as user, or
// else of whoever acted.
func (r *record) tokenOf() retinue.Ref {
	id, owner := r.ID("user_programmatic_access_id", "token_id", "oauth_access_id"), r.Text("user", "actor")
	if id == "" || owner == "" {
		return retinue.Ref{}
	}
	return r.ref("token", owner+"/"+id)
}

// publicKey names a deploy key where the entry is of a repository, else a user's
// key.
func (r *record) publicKey(group string) retinue.Ref {
	if r.repo != "" || group == "deploy_key" {
		if k := r.deployKey(); !k.IsZero() {
			return k
		}
	}
	if id := r.Text("fingerprint"); strings.HasPrefix(id, "SHA256:") {
		return r.ref("ssh_key", id)
	}
	return retinue.Ref{}
}

func (r *record) authorized(group string) retinue.Ref {
	name := r.Text("oauth_application_name", "oauth_application", "application_name")
	if name == "" && group == "oauth_application" {
		name = r.Text("name")
	}
	if name == "" {
		name = r.ID("oauth_application_id")
	}
	return r.ref("oauth_app", name)
}
