package anthropic

import (
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/entry"
)

const logName = "anthropic.audit"

// decoder turns records into events. It is safe for concurrent use.
type decoder struct {
	organization string // of entries that name none
}

// record is one entry with what was found out about it so far.
type record struct {
	entry.Object
	kind string
	ev   retinue.Event
}

func (d decoder) decode(raw []byte) ([]retinue.Event, error) {
	o, err := entry.Parse(raw)
	if err != nil {
		return nil, err
	}
	kind := o.Text("type")
	if kind == "" || !o.Has("actor") {
		return nil, fmt.Errorf("%w: record names no type and actor: it is no entry of Anthropic's activity feed", retinue.ErrInvalid)
	}
	at, ok := o.Time("created_at", "p_event_time")
	if !ok {
		return nil, entry.ErrNoTime()
	}
	r := &record{Object: o, kind: kind, ev: retinue.Event{Log: logName, At: at, Class: classOf(kind), Operation: kind, Outcome: retinue.OutcomeSuccess}}
	entry.Name(&r.ev, o.Raw("id"), raw)
	organization := o.ID("organization_id", "organization_uuid")
	if organization == "" {
		organization = d.organization
	}
	if r.ev.Realm = entry.Realm("anthropic", organization); r.ev.Realm == "" {
		return []retinue.Event{entry.Unknown(r.ev, raw)}, nil
	}
	r.actor()
	r.outcome()
	r.ev.Resource = r.resource()
	r.touches()
	entry.Bound(&r.ev)
	return []retinue.Event{r.ev}, nil
}

func (r *record) ref(kind, key string) retinue.Ref { return entry.Ref(r.ev.Realm, kind, key) }

// actor says who acted. Kinds of actor that are not known yet are read by the ids
// that they have.
func (r *record) actor() {
	a := r.Object.Object("actor")
	r.ev.Origin.Address, r.ev.Origin.Agent = entry.Address(a.Raw("ip_address")), a.Text("user_agent")
	for _, k := range []string{"api_key", "admin_api_key", "scoped_api_key", "service_key"} {
		if id := a.ID(k + "_id"); id != "" {
			r.ev.Credential = r.ref(k, id)
			r.ev.Joins = []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "anthropic:" + id}}
			break
		}
	}
	user := r.ref("user", a.ID("user_id"))
	switch a.Text("type") {
	case "user_actor":
		r.ev.Identity, r.ev.Person = user, !user.IsZero()
	case "unauthenticated_user_actor":
	case "anthropic_actor":
		r.ev.Origin.Service = "anthropic"
	case "system_actor":
		if r.ev.Origin.Service = a.Text("service"); r.ev.Origin.Service == "" {
			r.ev.Origin.Service = "anthropic"
		}
	case "scim_directory_sync_actor":
		r.ev.Identity = r.ref("directory_sync", a.ID("directory_id"))
	default:
		for _, k := range []string{"service_account", "service", "agent"} {
			if id := a.ID(k + "_id"); id != "" {
				r.ev.Identity, r.ev.OnBehalfOf = r.ref(k, id), user
				return
			}
		}
		r.ev.Identity = user
	}
}

func (r *record) outcome() {
	switch {
	case r.ev.Class == retinue.EventSignIn && strings.HasSuffix(r.kind, "_failed"), strings.HasSuffix(r.kind, "_access_failed"), strings.HasSuffix(r.kind, "_signature_invalid"):
		r.ev.Outcome = retinue.OutcomeDenied
	case strings.HasSuffix(r.kind, "_failed"):
		r.ev.Outcome = retinue.OutcomeError
	case strings.HasSuffix(r.kind, "_initiated") && r.ev.Class == retinue.EventSignIn:
		r.ev.Outcome = retinue.OutcomeUnknown
	}
	r.ev.Reason = r.Text("error_code", "failure_reason", "reason")
	if code, ok := r.Int("status_code"); ok && r.kind == "compliance_api_accessed" {
		switch {
		case code == 401 || code == 403:
			r.ev.Outcome = retinue.OutcomeDenied
		case code >= 400:
			r.ev.Outcome = retinue.OutcomeError
		}
	}
}

func classOf(kind string) retinue.EventClass {
	switch {
	case strings.Contains(kind, "_login_"), strings.HasSuffix(kind, "_logged_out"), strings.HasPrefix(kind, "phone_code_"), kind == "session_revoked",
		kind == "sso_second_factor_magic_link", strings.HasPrefix(kind, "lti_launch"):
		return retinue.EventSignIn
	case strings.HasPrefix(kind, "claude_chat_"), strings.HasPrefix(kind, "claude_file_"), strings.HasPrefix(kind, "claude_artifact_"),
		strings.HasPrefix(kind, "claude_project_document_"), strings.HasPrefix(kind, "claude_project_file_"), strings.HasPrefix(kind, "platform_file_"),
		strings.HasPrefix(kind, "session_share_"), kind == "claude_project_viewed":
		return retinue.EventData
	}
	return retinue.EventManagement
}

// things are what entries are about, with the fields that hold the id, the most
// particular first.
func things() []struct{ kind, field string } {
	return []struct{ kind, field string }{
		{"admin_api_key", "admin_api_key_id"}, {"api_key", "scoped_api_key_id"}, {"api_key", "api_key_id"}, {"service_key", "service_key_id"},
		{"service_account", "service_account_id"}, {"federation_rule", "federation_rule_id"}, {"federation_issuer", "federation_issuer_id"},
		{"external_key", "external_key_id"}, {"signing_key", "signing_key_id"}, {"tunnel_token", "tunnel_token_id"}, {"environment_token", "environment_token_id"},
		{"mcp_server", "mcp_server_id"}, {"service", "service_id"}, {"role", "rbac_role_id"}, {"role", "role_id"}, {"group", "group_id"},
		{"user", "deleted_user_id"}, {"user", "target_user_id"}, {"artifact", "claude_artifact_id"}, {"chat", "claude_chat_id"},
		{"file", "claude_file_id"}, {"project", "claude_project_id"}, {"environment", "environment_id"}, {"workspace", "workspace_id"},
	}
}

func (r *record) resource() retinue.Ref {
	for _, t := range things() {
		if id := r.ID(t.field); id != "" {
			return r.ref(t.kind, id)
		}
	}
	if id, kind := r.ID("resource_id"), r.Text("resource_type"); id != "" && kind != "" {
		return r.ref(kind, id)
	}
	return retinue.Ref{}
}
