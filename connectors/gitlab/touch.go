package gitlab

import (
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/entry"
)

// touches says what an audit event did to identities, credentials and controls,
// by the words of its name: GitLab has several hundred, made of a thing and a
// verb ("Audit event types").
func (r *record) touches(path string) {
	op := r.ev.Operation
	switch {
	case silences(op):
		r.touch(retinue.TouchSilence, r.ev.Resource)
	case strings.Contains(op, "visibility"):
		if to := r.Text("details.to", "to", "details.target_details"); strings.EqualFold(to, "public") || strings.HasSuffix(strings.ToLower(r.Text("details.custom_message")), "to public") {
			r.touch(retinue.TouchExpose, r.ev.Resource)
		} else {
			r.touch(retinue.TouchEdit, r.ev.Resource)
		}
	default:
		t := thingOf(op, r.Text("target_type", "details.target_type"))
		switch t {
		case thingNone:
		case thingMember: // whoever it is, was there before
			r.touch(retinue.TouchEdit, r.ref("user", r.ID("target_id", "details.target_id")))
		default:
			r.touch(verbOf(op, t.made()), r.target(t, path))
		}
	}
}

func (r *record) touch(kind retinue.TouchKind, target retinue.Ref) {
	r.ev.Touches = append(r.ev.Touches, retinue.Touch{Kind: kind, Target: target})
}

// thing is what governance is about.
type thing string

const (
	thingNone      thing = ""
	thingToken     thing = "personal_access_token"
	thingDeploy    thing = "deploy_token"
	thingDeployKey thing = "deploy_key"
	thingSSHKey    thing = "ssh_key"
	thingAgent     thing = "agent_token"
	thingRunner    thing = "runner"
	thingVariable  thing = "variable"
	thingHook      thing = "webhook"
	thingApp       thing = "oauth_app"
	thingUser      thing = "user"
	thingMember    thing = "member"
	thingControl   thing = "control"
)

// made says what making a thing is: a credential is issued, an identity created.
func (t thing) made() retinue.TouchKind {
	switch t {
	case thingRunner, thingHook, thingApp, thingUser:
		return retinue.TouchCreate
	case thingControl:
		return retinue.TouchEdit
	}
	return retinue.TouchIssue
}

// thingOf finds the thing in an event's name, else by the type of its target.
func thingOf(op, target string) thing {
	for _, w := range []struct {
		word string
		t    thing
	}{
		{"deploy_token", thingDeploy}, {"deploy_key", thingDeployKey}, {"agent_token", thingAgent}, {"access_token", thingToken},
		{"ssh_key", thingSSHKey}, {"ssh_certificate", thingSSHKey}, {"gpg_key", thingSSHKey}, {"variable", thingVariable}, {"webhook", thingHook}, {"_hook", thingHook},
		{"oauth_application", thingApp}, {"runner", thingRunner}, {"user_access", thingMember}, {"member", thingMember}, {"service_account", thingUser},
		{"protected_branch", thingControl}, {"job_token", thingControl}, {"merge_request_approv", thingControl}, {"two_factor", thingControl}, {"ip_restriction", thingControl},
	} {
		if strings.Contains(op, w.word) {
			return w.t
		}
	}
	switch target {
	case "PersonalAccessToken", "ProjectAccessToken", "GroupAccessToken", "ResourceAccessToken":
		return thingToken
	case "DeployToken":
		return thingDeploy
	case "DeployKey":
		return thingDeployKey
	case "Key":
		return thingSSHKey
	case "Ci::Runner":
		return thingRunner
	case "Ci::Variable", "Ci::GroupVariable", "Ci::InstanceVariable":
		return thingVariable
	case "Doorkeeper::Application", "Authn::OauthApplication":
		return thingApp
	case "User":
		return thingUser
	}
	return thingNone
}

// verbOf finds in an event's name what was done.
func verbOf(op string, made retinue.TouchKind) retinue.TouchKind {
	for _, w := range []struct {
		word string
		kind retinue.TouchKind
	}{
		{"unblock", retinue.TouchEnable}, {"reactivat", retinue.TouchEnable}, {"unban", retinue.TouchEnable},
		{"revoke", retinue.TouchDisable}, {"block", retinue.TouchDisable}, {"deactivat", retinue.TouchDisable}, {"expire", retinue.TouchDisable}, {"banned", retinue.TouchDisable},
		{"rotate", retinue.TouchRotate}, {"reset", retinue.TouchRotate},
		{"destroy", retinue.TouchDelete}, {"delete", retinue.TouchDelete}, {"remove", retinue.TouchDelete}, {"unregister", retinue.TouchDelete},
		{"create", made}, {"add", made}, {"issue", made}, {"register", made}, {"generat", made},
	} {
		if strings.Contains(op, w.word) {
			return w.kind
		}
	}
	return retinue.TouchEdit
}

// silences reports events after which less is logged or detected, or single
// sign-on is no longer asked for.
func silences(op string) bool {
	off := false
	for _, w := range []string{"destroy", "delete", "disable", "deactivat", "remove"} {
		off = off || strings.Contains(op, w)
	}
	if !off {
		return false
	}
	for _, w := range []string{"streaming_destination", "audit_event", "streaming_http", "event_streaming", "saml", "secret_push_protection", "secret_detection", "scan_execution"} {
		if strings.Contains(op, w) {
			return true
		}
	}
	return false
}

// target names the thing that an event is about.
func (r *record) target(t thing, path string) retinue.Ref {
	id := r.ID("target_id", "details.target_id")
	name := r.Text("target_details", "details.target_details")
	switch t {
	case thingVariable:
		if name == "" {
			return retinue.Ref{}
		}
		if strings.EqualFold(r.Text("entity_type"), "Project") && path != "" {
			return entry.Ref(entry.Realm("git", "origin="+r.host+"/"+path), "named_secret", "gitlab_ci:"+name)
		}
		return r.ref("variable", strings.TrimPrefix(path+"/"+name, "/"))
	case thingControl:
		return r.ev.Resource
	case thingToken:
		if target := r.Text("target_type", "details.target_type"); !strings.Contains(target, "Token") {
			id = "" // the target is whose token it is
		}
	}
	return r.ref(string(t), id)
}
