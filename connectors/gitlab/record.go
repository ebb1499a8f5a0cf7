package gitlab

import (
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/entry"
)

const (
	logAudit   = "gitlab.audit"
	logAPI     = "gitlab.api"
	logRails   = "gitlab.production"
	publicHost = "gitlab.com"
)

// decoder turns records into events. It is safe for concurrent use.
type decoder struct {
	host  string
	group string // of entries that say no path, on gitlab.com
}

// record is one entry with what was found out about it so far.
type record struct {
	decoder
	entry.Object
	raw    []byte
	header string // the type of the event by the header of its delivery
	ev     retinue.Event
}

func (d decoder) decode(raw []byte) ([]retinue.Event, error) {
	o, err := entry.Parse(raw)
	if err != nil {
		return nil, err
	}
	r := &record{decoder: d, raw: raw}
	if o, r.header = unwrap(o); o == nil {
		return nil, fmt.Errorf("%w: record is a delivery without an audit event", retinue.ErrInvalid)
	}
	r.Object = o
	log := kindOf(o)
	if log == "" {
		return nil, fmt.Errorf("%w: record is neither an audit event nor a request of GitLab", retinue.ErrInvalid)
	}
	at, ok := o.Time("created_at", "time", "timestamp", "p_event_time")
	if !ok {
		return nil, entry.ErrNoTime()
	}
	r.ev = retinue.Event{Log: log, At: at, Class: retinue.EventManagement, Outcome: retinue.OutcomeSuccess}
	if log == logAudit {
		r.audit()
	} else {
		r.request()
	}
	if r.ev.Operation == "" {
		return []retinue.Event{entry.Unknown(r.ev, raw)}, nil
	}
	entry.Bound(&r.ev)
	return []retinue.Event{r.ev}, nil
}

// unwrap takes an audit event out of its delivery, where a collector kept a
// request of GitLab's streaming with its headers, and returns the type of the event
// that these say.
func unwrap(o entry.Object) (entry.Object, string) {
	headers := o.Object("headers")
	if headers == nil || !o.Has("body") {
		return o, ""
	}
	var kind string
	for name := range headers {
		if strings.EqualFold(name, "X-Gitlab-Audit-Event-Type") {
			for _, s := range headers.Texts(name) {
				kind = s
			}
		}
	}
	body := o.Object("body")
	if s := o.Raw("body"); body == nil && s != "" {
		body, _ = entry.Parse([]byte(s)) // else it is none
	}
	return body, kind
}

// kindOf tells the logs apart by what their entries always have.
func kindOf(o entry.Object) string {
	switch {
	case o.Has("method") && o.Has("status") && o.Has("controller"):
		return logRails
	case o.Has("method") && o.Has("status"):
		return logAPI
	case o.Has("entity_type") || o.Has("details", "detail") || o.Has("author_id") && o.Has("target_type", "event_type", "event_name", "change", "add", "remove"):
		return logAudit
	}
	return ""
}

// setRealm names the system: the server, and on gitlab.com the group at the top of
// a path.
func (r *record) setRealm(path string) {
	name := r.host
	if r.host == publicHost {
		top, _, _ := strings.Cut(path, "/")
		if r.group != "" {
			top = r.group
		}
		if top != "" {
			name += "/" + top
		}
	}
	r.ev.Realm = entry.Realm("forge", strings.ToLower(name))
}

func (r *record) ref(kind, key string) retinue.Ref { return entry.Ref(r.ev.Realm, kind, key) }

// user sets who acted, by GitLab's number, else the name.
func (r *record) user(id, name, email string) {
	switch {
	case id != "" && !strings.HasPrefix(id, "-"):
		r.ev.Identity = r.ref("user", id)
	case name != "" && id == "":
		r.ev.Identity = r.ref("user", name)
	}
	r.ev.Person = !r.ev.Identity.IsZero() && !isBot(name) && !isBot(email)
}

// isBot reports names and addresses of GitLab's bot users: of project and group
// access tokens ("project_34_bot3", "group_12_bot_ab…"), of service accounts
// ("service_account_group_…") and of GitLab itself ("support-bot"). GitLab,
// "Project access tokens: bot users for projects".
func isBot(name string) bool {
	name, _, _ = strings.Cut(strings.ToLower(name), "@")
	for _, prefix := range []string{"project_", "group_"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			digits := strings.TrimLeft(rest, "0123456789")
			if digits != rest && strings.HasPrefix(digits, "_bot") {
				return true
			}
		}
	}
	switch name {
	case "ghost", "support-bot", "alert-bot", "security-bot", "migration-bot", "gitlab-security-bot", "automation-bot", "visual-review-bot",
		"suggested-reviewers-bot", "llm-bot", "duo-code-review-bot":
		return true
	}
	return strings.HasPrefix(name, "service_account_")
}
