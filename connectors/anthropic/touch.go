package anthropic

import (
	"strings"

	"github.com/retinue-id/retinue"
)

// touches says what an entry did to identities, credentials and controls
// (Anthropic, "Compliance API": activity types).
func (r *record) touches() {
	kind, target := r.touched()
	if kind == "" {
		return
	}
	r.ev.Touches = append(r.ev.Touches, retinue.Touch{Kind: kind, Target: target})
}

func (r *record) touched() (retinue.TouchKind, retinue.Ref) {
	organization := r.ref("organization", r.ev.Realm.ID())
	switch k := r.kind; {
	case r.silences():
		return retinue.TouchSilence, organization
	case r.exposes():
		return retinue.TouchExpose, r.ev.Resource
	case strings.HasPrefix(k, "role_assignment_"):
		return retinue.TouchEdit, r.ref(memberKind(r.Text("target_type")), r.ID("target_id"))
	case k == "primary_owner_transferred", k == "claude_user_role_updated", strings.HasPrefix(k, "rbac_role_"), strings.HasPrefix(k, "platform_workspace_member_") && !strings.HasSuffix(k, "_viewed"):
		return retinue.TouchEdit, r.ref("user", r.ID("target_user_id", "user_id", "member_id"))
	case strings.HasPrefix(k, "org_user_deleted"), strings.HasPrefix(k, "org_user_left"), strings.HasPrefix(k, "scim_user_"):
		return verbKind(k, retinue.TouchCreate), r.ref("user", r.ID("deleted_user_id", "scim_user_id", "user_id"))
	case strings.HasPrefix(k, "group_member_") && !strings.HasSuffix(k, "_viewed"):
		return retinue.TouchEdit, r.ref("user", r.ID("member_id", "user_id"))
	case strings.HasPrefix(k, "org_ip_restriction_"), strings.HasPrefix(k, "org_sso_"), strings.HasPrefix(k, "org_directory_sync_"), k == "claude_organization_settings_updated",
		strings.HasPrefix(k, "org_compliance_api_"):
		return retinue.TouchEdit, organization
	}
	if made := r.made(); made != "" {
		return verbKind(r.kind, made), r.ev.Resource
	}
	return "", retinue.Ref{}
}

// made says what making the thing is that an entry is about, and "" where it is
// none that governance is about.
func (r *record) made() retinue.TouchKind {
	if strings.HasSuffix(r.kind, "_viewed") || strings.HasSuffix(r.kind, "_listed") || strings.HasSuffix(r.kind, "_validated") {
		return ""
	}
	for _, w := range []string{"api_key_", "service_key_", "signing_key_", "external_key_", "tunnel_token_", "environment_token_"} {
		if strings.Contains(r.kind, w) {
			return retinue.TouchIssue
		}
	}
	for _, w := range []string{"platform_service_account_", "service_", "mcp_server_", "integration_user_", "_integration_", "federation_", "ghe_configuration_", "marketplace_"} {
		if strings.Contains(r.kind, w) {
			return retinue.TouchCreate
		}
	}
	return ""
}

func memberKind(targetType string) string {
	switch targetType {
	case "organization_member", "user", "":
		return "user"
	}
	return targetType
}

func verbKind(kind string, made retinue.TouchKind) retinue.TouchKind {
	switch verb := kind[strings.LastIndexByte(kind, '_')+1:]; verb {
	case "created", "minted", "connected", "added":
		return made
	case "deleted", "disconnected", "removed", "left":
		return retinue.TouchDelete
	case "revoked", "archived", "disabled":
		return retinue.TouchDisable
	case "rotated":
		return retinue.TouchRotate
	}
	return retinue.TouchEdit
}

// silences reports entries after which single sign-on is no longer asked for, or
// the feed itself may be narrowed.
func (r *record) silences() bool {
	enabled, known := r.Flag("is_enabled")
	if !known {
		enabled, known = r.Flag("enabled")
	}
	switch r.kind {
	case "org_sso_connection_deactivated", "org_sso_connection_deleted":
		return true
	case "org_sso_toggled", "org_compliance_api_settings_updated", "org_analytics_api_capability_updated":
		return known && !enabled
	}
	return false
}

// exposes reports entries that opened something to anyone.
func (r *record) exposes() bool {
	switch r.kind {
	case "claude_artifact_published":
		return true
	case "claude_artifact_sharing_updated", "claude_project_sharing_updated":
		for _, a := range r.Objects("audience") {
			if a.Text("type") == "public" {
				return true
			}
		}
	}
	return false
}
