package slack

import (
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/entry"
)

const (
	logName = "slack.audit"
	// slackbot is the user by which Slack itself acts.
	slackbot = "USLACKBOT"
)

// decoder turns records into events. It is safe for concurrent use.
type decoder struct {
	enterprise string // the realm's id for all entries, where it is set
}

// record is one entry with what was found out about it so far.
type record struct {
	entry.Object
	ev retinue.Event
}

func (d decoder) decode(raw []byte) ([]retinue.Event, error) {
	o, err := entry.Parse(raw)
	if err != nil {
		return nil, err
	}
	action := o.Text("action")
	if action == "" || !o.Has("actor", "entity") {
		return nil, fmt.Errorf("%w: record names no action and actor: it is no entry of Slack's audit log", retinue.ErrInvalid)
	}
	at, ok := o.Time("date_create", "p_event_time")
	if !ok {
		return nil, entry.ErrNoTime()
	}
	r := &record{Object: o, ev: retinue.Event{Log: logName, At: at, Class: classOf(action), Operation: action, Outcome: retinue.OutcomeSuccess}}
	entry.Name(&r.ev, o.Raw("id"), raw)
	place := d.enterprise
	if place == "" {
		place = o.ID("context.location.id", "actor.user.team")
	}
	r.ev.Realm = entry.Realm("slack", place)
	if r.ev.Realm == "" {
		return []retinue.Event{entry.Unknown(r.ev, raw)}, nil
	}
	r.ev.Origin.Address = entry.Address(o.Raw("context.ip_address"))
	r.ev.Origin.Agent = o.Text("context.ua")
	r.actor()
	r.ev.Resource = r.entity()
	if strings.HasSuffix(action, "_failed") {
		r.ev.Outcome, r.ev.Reason = retinue.OutcomeDenied, o.Text("details.reason", "details.failure_reason")
		if r.ev.Class != retinue.EventSignIn {
			r.ev.Outcome = retinue.OutcomeError
		}
	}
	if r.ev.Class == retinue.EventInsight {
		r.ev.Outcome = retinue.OutcomeUnknown
	}
	r.touches(action)
	entry.Bound(&r.ev)
	return []retinue.Event{r.ev}, nil
}

func (r *record) ref(kind, key string) retinue.Ref { return entry.Ref(r.ev.Realm, kind, key) }

// actor says who acted: a user, or the app that called for a user. Users are
// persons but for bots' and Slack's own.
func (r *record) actor() {
	kind := r.Text("actor.type")
	user := r.ref("user", r.ID("actor.user.id"))
	bot, _ := r.Flag("actor.user.is_bot")
	bot = bot || user.Key == slackbot
	switch {
	case kind == "app" || kind == "bot":
		r.ev.Identity = r.ref("app", r.ID("actor.app.id", "actor.bot.app_id", "actor.bot.id"))
	case r.Has("context.app.id"):
		r.ev.Identity, r.ev.OnBehalfOf = r.ref("app", r.ID("context.app.id")), user
	default:
		r.ev.Identity, r.ev.Person = user, !user.IsZero() && !bot
	}
}

// entity says what was acted on. Its object stands under the name of its type.
func (r *record) entity() retinue.Ref {
	kind := r.Text("entity.type")
	id := r.ID("entity." + kind + ".id")
	if kind == "" || id == "" {
		return retinue.Ref{}
	}
	return r.ref(kind, id)
}

func classOf(action string) retinue.EventClass {
	switch {
	case strings.HasPrefix(action, "anomaly"):
		return retinue.EventInsight
	case strings.HasPrefix(action, "user_login"), strings.HasPrefix(action, "user_logout"), strings.HasPrefix(action, "user_session"):
		return retinue.EventSignIn
	case strings.HasPrefix(action, "file_") && !strings.HasPrefix(action, "file_malicious"), strings.HasPrefix(action, "message_"),
		strings.HasPrefix(action, "canvas_"), strings.HasPrefix(action, "list_"), strings.HasPrefix(action, "huddle_"):
		return retinue.EventData
	case action == "file_malicious_content_detected":
		return retinue.EventInsight
	}
	return retinue.EventManagement
}

// touches says what an entry did to identities, credentials and controls. Slack
// lists its actions in "Audit Logs API methods & actions".
func (r *record) touches(action string) {
	target := r.ev.Resource
	app := r.ref("app", r.ID("entity.app.id", "details.app.id", "details.app_id"))
	kind := retinue.TouchKind("")
	switch {
	case silences(action):
		kind = retinue.TouchSilence
	case exposes(action):
		kind = retinue.TouchExpose
	case strings.HasPrefix(action, "app_"), strings.HasPrefix(action, "org_app_"), strings.HasPrefix(action, "bot_"), strings.HasPrefix(action, "workflow_app_"):
		kind, target = appTouch(action), app
	case strings.HasPrefix(action, "role_"), strings.HasPrefix(action, "owner_"), strings.HasPrefix(action, "service_owner_"), strings.HasPrefix(action, "permission"):
		kind = retinue.TouchEdit
	case strings.HasPrefix(action, "user_") && r.ev.Class != retinue.EventSignIn:
		kind = userTouch(action)
	case strings.HasPrefix(action, "idp_"), strings.HasPrefix(action, "sso_"), strings.HasPrefix(action, "ekm_"), strings.HasPrefix(action, "pref."),
		strings.HasPrefix(action, "legal_hold"), strings.HasPrefix(action, "barrier_"), strings.HasPrefix(action, "intune_"), strings.HasPrefix(action, "native_dlp"):
		kind = retinue.TouchEdit
	}
	if kind != "" {
		r.ev.Touches = append(r.ev.Touches, retinue.Touch{Kind: kind, Target: target})
	}
}

func appTouch(action string) retinue.TouchKind {
	switch action {
	case "app_installed", "org_app_workspace_added":
		return retinue.TouchCreate
	case "app_uninstalled", "app_removed", "org_app_workspace_removed", "app_deleted":
		return retinue.TouchDelete
	case "app_restricted", "app_disabled", "app_token_revoked":
		return retinue.TouchDisable
	case "app_approved", "app_enabled":
		return retinue.TouchEnable
	case "bot_token_upgraded", "app_token_rotated", "bot_token_downgraded":
		return retinue.TouchRotate
	}
	return retinue.TouchEdit
}

func userTouch(action string) retinue.TouchKind {
	switch action {
	case "user_created", "user_added_to_workspace":
		return retinue.TouchCreate
	case "user_deactivated":
		return retinue.TouchDisable
	case "user_reactivated":
		return retinue.TouchEnable
	}
	return retinue.TouchEdit
}

// silences reports actions after which less is detected or single sign-on is no
// longer asked for.
func silences(action string) bool {
	switch action {
	case "idp_configuration_deleted", "ekm_logging_config_set", "native_dlp_rule_deactivated", "native_dlp_rule_deleted", "native_dlp_violation_deleted",
		"audit_logs_disabled", "anomaly_detection_disabled":
		return true
	}
	return false
}

func exposes(action string) bool {
	switch action {
	case "private_channel_converted_to_public", "file_public_link_created", "file_shared_publicly":
		return true
	}
	return false
}
