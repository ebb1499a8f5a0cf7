package okta

import (
	"strings"

	"github.com/retinue-id/retinue"
)

// maxTargets bounds the targets of one entry that are touched.
const maxTargets = 8

// touches says which identities, credentials and controls an entry changed or
// read: all its targets.
func (l *logEntry) touches(ev *retinue.Event) {
	kind := touchKind(ev.Operation)
	if kind == "" {
		return
	}
	if ev.Operation == "system.api_token.create" && !ev.Identity.IsZero() { // a token acts as who made it
		ev.Touches = append(ev.Touches, retinue.Touch{Kind: kind, Target: ev.Identity})
	}
	targets := l.o.Objects("target")
	for _, t := range targets[:min(len(targets), maxTargets)] {
		if r := l.target(t); !r.IsZero() {
			ev.Touches = append(ev.Touches, retinue.Touch{Kind: kind, Target: r})
		}
	}
	if ev.Touches == nil {
		ev.Touches = []retinue.Touch{{Kind: kind}}
	}
}

// touchKind is what a type of entry does; empty for those that touch nothing that
// governance is about. Source: Okta's catalogue of event types.
func touchKind(typ string) retinue.TouchKind {
	switch typ {
	case "system.api_token.create", "app.oauth2.credentials.lifecycle.create", "app.oauth2.credentials.lifecycle.activate", "app.keys.generate", "app.keys.clone",
		"app.oauth2.trusted_server.add", "pki.cert.issue", "app.app_instance.csr.generate", "system.idp.key.create":
		return retinue.TouchIssue
	case "system.api_token.revoke", "system.api_token.delete", "app.oauth2.credentials.lifecycle.delete", "app.oauth2.token.revoke", "app.oauth2.as.token.revoke",
		"credential.revoke", "pki.cert.revoke":
		return retinue.TouchDelete
	case "system.api_token.disable", "app.oauth2.credentials.lifecycle.deactivate":
		return retinue.TouchDisable
	case "system.api_token.enable":
		return retinue.TouchEnable
	case "app.oauth2.client.read_client_secret", "application.user_membership.show_password":
		return retinue.TouchRead
	case "app.keys.rotate", "app.oauth2.as.key.rollover", "app.oauth2.key.rollover", "user.account.update_password", "user.account.reset_password", "user.account.change_password":
		return retinue.TouchRotate
	}
	last := typ[strings.LastIndexByte(typ, '.')+1:]
	switch {
	case strings.HasPrefix(typ, "system.log_stream.lifecycle."), strings.HasPrefix(typ, "event_hook."), strings.HasPrefix(typ, "system.siem"):
		switch last {
		case "deactivate", "deactivated", "delete", "deleted", "update", "updated":
			return retinue.TouchSilence
		}
		return ""
	case strings.HasPrefix(typ, "application.lifecycle."), strings.HasPrefix(typ, "app.oauth2.client.lifecycle."), strings.HasPrefix(typ, "user.lifecycle."),
		strings.HasPrefix(typ, "workload_principal."), strings.HasPrefix(typ, "ai_agent."):
		return lifecycle(last)
	}
	for _, prefix := range []string{"app.oauth2.client.privilege.", "user.account.privilege.", "group.privilege.", "iam.", "application.user_membership.", "group.user_membership.",
		"group.application_assignment.", "policy.", "zone.", "system.idp.lifecycle.", "user.mfa.factor.deactivate", "user.mfa.factor.reset_all", "user.mfa.factor.update",
		"user.session.impersonation.", "app.oauth2.as.lifecycle.", "app.oauth2.as.consent.", "app.oauth2.consent.", "app.oauth2.admin.consent.", "system.feature.", "security.trusted_origin."} {
		if strings.HasPrefix(typ, prefix) && last != "evaluate_sign_on" && last != "execute" {
			return retinue.TouchEdit
		}
	}
	return ""
}

// lifecycle is what the last word of a type does to the whole of an identity.
func lifecycle(word string) retinue.TouchKind {
	switch word {
	case "create":
		return retinue.TouchCreate
	case "delete", "completed": // user.lifecycle.delete.completed
		return retinue.TouchDelete
	case "deactivate", "suspend", "disable":
		return retinue.TouchDisable
	case "activate", "reactivate", "unsuspend", "enable":
		return retinue.TouchEnable
	case "update":
		return retinue.TouchEdit
	}
	return ""
}
