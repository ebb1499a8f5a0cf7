package openai

import (
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/entry"
)

const (
	logName             = "openai.audit"
	defaultOrganization = "default"
)

// decoder turns records into events. It is safe for concurrent use.
type decoder struct {
	organization string
}

// record is one entry with what was found out about it so far.
type record struct {
	entry.Object
	kind    string       // of the entry
	payload entry.Object // what the entry is about
	ev      retinue.Event
}

func (d decoder) decode(raw []byte) ([]retinue.Event, error) {
	o, err := entry.Parse(raw)
	if err != nil {
		return nil, err
	}
	kind := o.Text("type")
	if kind == "" || !o.Has("effective_at", "actor", "p_event_time") {
		return nil, fmt.Errorf("%w: record names no type and actor: it is no entry of OpenAI's audit log", retinue.ErrInvalid)
	}
	at, ok := o.Time("effective_at", "p_event_time")
	if !ok {
		return nil, entry.ErrNoTime()
	}
	r := &record{Object: o, kind: kind, ev: retinue.Event{Log: logName, At: at, Class: retinue.EventManagement, Operation: kind,
		Outcome: retinue.OutcomeSuccess, Realm: entry.Realm("openai", d.organization)}}
	entry.Name(&r.ev, o.Raw("id"), raw)
	if !strings.Contains(kind, ".") {
		return []retinue.Event{entry.Unknown(r.ev, raw)}, nil
	}
	// Details stand under the name of the type, in some deliveries with its dots
	// made underscores.
	if r.payload = o.Object(kind); r.payload == nil {
		r.payload = o.Object(strings.ReplaceAll(kind, ".", "_"))
	}
	r.actor()
	r.resource()
	if strings.HasPrefix(kind, "login.") || strings.HasPrefix(kind, "logout.") {
		r.ev.Class = retinue.EventSignIn
		if strings.HasSuffix(kind, ".failed") {
			r.ev.Outcome, r.ev.Reason = retinue.OutcomeDenied, r.payload.Text("error_code")
		}
	}
	r.touches()
	entry.Bound(&r.ev)
	return []retinue.Event{r.ev}, nil
}

func (r *record) ref(kind, key string) retinue.Ref { return entry.Ref(r.ev.Realm, kind, key) }

// actor says who acted: a user in a session, or whoever an API key belongs to.
func (r *record) actor() {
	switch r.Text("actor.type") {
	case "session":
		s := r.Object.Object("actor.session")
		r.ev.Identity = r.ref("user", s.ID("user.id"))
		r.ev.Person = !r.ev.Identity.IsZero()
		r.ev.Origin.Address, r.ev.Origin.Agent = entry.Address(s.Raw("ip_address")), s.Text("user_agent")
		r.ev.Origin.Interactive = true
	case "api_key":
		k := r.Object.Object("actor.api_key")
		if id := k.ID("service_account.id"); id != "" {
			r.ev.Identity = r.ref("service_account", id)
		} else {
			r.ev.Identity = r.ref("user", k.ID("user.id"))
			r.ev.Person = !r.ev.Identity.IsZero()
		}
		r.ev.Origin.Address, r.ev.Origin.Agent = entry.Address(k.Raw("ip_address")), k.Text("user_agent")
		if id := k.ID("id"); id != "" {
			r.ev.Credential = r.ref("api_key", id)
			r.ev.Joins = []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "openai:" + id}}
		}
	case "service_account":
		r.ev.Identity = r.ref("service_account", r.ID("actor.service_account.id"))
	}
}

// noun is what an entry's type is about: what stands before its last dot, in lower
// snake case.
func (r *record) noun() string {
	return strings.ReplaceAll(r.kind[:strings.LastIndexByte(r.kind, '.')], ".", "_")
}

func (r *record) resource() {
	if id := r.payload.ID("id"); id != "" && r.noun() != "login" && r.noun() != "logout" {
		r.ev.Resource = r.ref(resourceKind(r.noun()), id)
	}
	if r.ev.Resource.IsZero() {
		r.ev.Resource = r.ref("project", r.ID("project.id"))
	}
}

// resourceKind makes one kind of the words that types have for one thing.
func resourceKind(noun string) string {
	switch noun {
	case "scim", "organization", "ip_allowlist_config":
		return "organization"
	case "certificates":
		return "certificate"
	}
	return noun
}

// touches says what an entry did to identities, credentials and controls (OpenAI,
// "Audit logs": types).
func (r *record) touches() {
	noun, verb := r.noun(), r.kind[strings.LastIndexByte(r.kind, '.')+1:]
	target := r.ev.Resource
	var made retinue.TouchKind
	switch noun {
	case "api_key", "certificate", "certificates", "external_key":
		made = retinue.TouchIssue
	case "service_account", "user", "tunnel":
		made = retinue.TouchCreate
	case "role_assignment":
		kind := r.payload.Text("principal_type")
		if kind == "" {
			kind = "principal"
		}
		r.touch(retinue.TouchEdit, r.ref(kind, r.payload.ID("principal_id")))
		return
	case "role", "ip_allowlist", "ip_allowlist_config", "scim", "organization", "checkpoint_permission", "group", "invite", "project":
		r.touch(retinue.TouchEdit, target)
		return
	default:
		return
	}
	r.touch(verbKind(verb, made), target)
}

func (r *record) touch(kind retinue.TouchKind, target retinue.Ref) {
	r.ev.Touches = append(r.ev.Touches, retinue.Touch{Kind: kind, Target: target})
}

func verbKind(verb string, made retinue.TouchKind) retinue.TouchKind {
	switch verb {
	case "created", "added", "registered":
		return made
	case "deleted", "removed":
		return retinue.TouchDelete
	case "deactivated", "disabled":
		return retinue.TouchDisable
	case "activated", "enabled":
		return retinue.TouchEnable
	}
	return retinue.TouchEdit
}
