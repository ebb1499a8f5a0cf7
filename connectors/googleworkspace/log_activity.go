package googleworkspace

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/entry"
)

// decoder turns activities into events. It is safe for concurrent use.
type decoder struct {
	domain string
}

// maxEvents bounds the events of one activity; Google sends a few.
const maxEvents = 256

// decode reads one activity, whose events happened together.
func (d decoder) decode(record []byte) ([]retinue.Event, error) {
	o, err := entry.Parse(record)
	if err != nil {
		return nil, err
	}
	if !o.Has("id.applicationName") {
		return nil, fmt.Errorf("%w: not an activity of Google Workspace's reports", retinue.ErrInvalid)
	}
	at, ok := o.Time("id.time", "p_event_time")
	if !ok {
		return nil, entry.ErrNoTime()
	}
	list := o.Objects("events")
	if list == nil { // a collector's copy that has each event by itself
		list = []entry.Object{o}
	}
	if len(list) > maxEvents {
		return nil, fmt.Errorf("%w: activity of %d events: at most %d are read", retinue.ErrInvalid, len(list), maxEvents)
	}
	a := &activity{o: o, report: strings.ToLower(o.Text("id.applicationName")), realm: d.realm(o)}
	if a.realm == "" {
		return nil, fmt.Errorf("%w: activity does not name its domain: give domain=", retinue.ErrInvalid)
	}
	out := make([]retinue.Event, 0, len(list))
	for i, e := range list {
		ev := retinue.Event{Log: LogActivity, At: at, Realm: a.realm}
		a.name(&ev, i, record)
		out = append(out, a.event(ev, e, record))
	}
	return out, nil
}

// realm is the domain of the option, else that whose data an activity is about,
// else that of who acted.
func (d decoder) realm(o entry.Object) retinue.Realm {
	domain := d.domain
	if domain == "" {
		domain = strings.ToLower(o.Raw("ownerDomain"))
	}
	if _, own, ok := strings.Cut(strings.ToLower(o.Raw("actor.email")), "@"); domain == "" && ok && !strings.HasSuffix(own, "gserviceaccount.com") {
		domain = own
	}
	if domain == "" {
		return ""
	}
	return entry.Realm("google", domain)
}

// activity is one record.
type activity struct {
	o      entry.Object
	report string // "admin", "token"
	realm  retinue.Realm
}

// name gives an event its id: Google's unique qualifier is one of an activity's
// time, report and customer, and the event's place in it follows.
func (a *activity) name(ev *retinue.Event, i int, record []byte) {
	if q := a.o.Raw("id.uniqueQualifier"); q != "" {
		entry.Name(ev, strings.Join([]string{a.o.Raw("id.customerId"), a.report, strconv.FormatInt(ev.At.UnixNano(), 10), q, strconv.Itoa(i)}, "/"), record)
		return
	}
	if i > 0 {
		record = append(append([]byte{}, record...), "#"+strconv.Itoa(i)...)
	}
	ev.Digest = entry.Digest(record)
}

func (a *activity) event(ev retinue.Event, e entry.Object, record []byte) retinue.Event {
	p := parameters(e)
	name := e.Text("name")
	if name == "" && a.report != "rules" {
		return entry.Unknown(ev, record)
	}
	ev.Operation = strings.TrimSuffix(a.report+"."+name, ".")
	ev.Class = class(a.report, name)
	a.who(&ev, p, name)
	ev.Outcome, ev.Reason = outcome(name, p)
	ev.Resource = a.resource(p)
	ev.Origin.Address = entry.Address(a.o.Raw("ipAddress"))
	ev.Origin.Agent = entry.Text(p["user_agent"])
	if ev.Origin.Application == "" {
		ev.Origin.Application = entry.Text(first(p, "app_name", "originating_app_id"))
	}
	ev.Origin.Interactive = a.report == "login" && strings.HasPrefix(name, "login_") && ev.Person
	for _, key := range []string{"login_type", "scope", "client_type", "api_name"} {
		if v := entry.Text(p[key]); v != "" {
			ev.Context = append(ev.Context, retinue.ContextValue{Key: key, Value: v})
		}
	}
	if ev.Outcome == retinue.OutcomeSuccess {
		a.touches(&ev, name, p)
	}
	entry.Bound(&ev)
	return ev
}

// maxParameters bounds the parameters of an event that are looked at.
const maxParameters = 256

// parameters are the texts, numbers and truth values of an event by name, as
// Google lists them or as a collector's copy has them in one object. Lists are
// joined by commas.
func parameters(e entry.Object) map[string]string {
	out := map[string]string{}
	if list := e.Objects("parameters"); len(list) > 0 && list[0].Has("name") && (len(list) > 1 || list[0].Has("value", "multiValue", "boolValue", "intValue", "messageValue", "multiMessageValue", "multiIntValue")) {
		for _, p := range list[:min(len(list), maxParameters)] {
			v := p.Raw("value", "intValue")
			if v == "" {
				v = strings.Join(p.Texts("multiValue"), ",")
			}
			if b, known := p.Flag("boolValue"); v == "" && known {
				v = strconv.FormatBool(b)
			}
			out[p.Text("name")] = v
		}
		return out
	}
	o := e.Object("parameters")
	for name := range o {
		if len(out) == maxParameters {
			break
		}
		if v := strings.Join(o.Texts(name), ","); v != "" {
			out[name] = v
		} else if b, known := o.Flag(name); known {
			out[name] = strconv.FormatBool(b)
		}
	}
	return out
}

func first(p map[string]string, names ...string) string {
	for _, n := range names {
		if p[n] != "" {
			return p[n]
		}
	}
	return ""
}

// class tells what sort of entry an event of a report is.
func class(report, name string) retinue.EventClass {
	switch report {
	case "login", "saml":
		if strings.HasPrefix(name, "account_disabled") || strings.Contains(name, "warning") || strings.HasPrefix(name, "suspicious") || name == "risky_sensitive_action_allowed" {
			return retinue.EventInsight
		}
		return retinue.EventSignIn
	case "token":
		if name == "activity" {
			return retinue.EventData
		}
		return retinue.EventSignIn
	case "admin", "groups", "groups_enterprise", "user_accounts", "mobile", "gcp", "chrome", "directory_sync", "ldap":
		return retinue.EventManagement
	case "rules", "access_transparency", "context_aware_access", "alert", "data_migration":
		return retinue.EventInsight
	}
	return retinue.EventData
}

// who says who acted. Where an application used a user's data it acted, and the
// user is for whom; a grant or its withdrawal is the user's own act.
func (a *activity) who(ev *retinue.Event, p map[string]string, name string) {
	actor := a.o.Object("actor")
	user, person := a.principal(actor.Raw("email"))
	if user.IsZero() {
		user = entry.Ref(a.realm, "user", actor.Raw("profileId"))
		person = !user.IsZero()
	}
	if user.IsZero() && a.report == "login" {
		user, person = a.principal(p["affected_email_address"])
	}
	if k := actor.Raw("key"); user.IsZero() && strings.EqualFold(actor.Raw("callerType"), "KEY") {
		user, person = entry.Ref(a.realm, "oauth_client", k), false
	}
	client := entry.Ref(a.realm, "oauth_client", actor.Raw("applicationInfo.oauthClientId"))
	ev.Origin.Application = actor.Text("applicationInfo.applicationName")
	impersonates, _ := actor.Flag("applicationInfo.impersonation")
	if a.report == "token" {
		client, impersonates = entry.Ref(a.realm, "oauth_client", p["client_id"]), name == "activity"
	}
	switch {
	case impersonates && !client.IsZero():
		ev.Identity = client
		if user != client {
			ev.OnBehalfOf = user
		}
	default:
		ev.Identity, ev.Person = user, person
		if a.report != "token" && client != user {
			ev.Via = []retinue.Ref{client}
		}
	}
}

// principal names an account by its address as the policies of Google Cloud do:
// service accounts in the project that the address tells, people in the realm of
// their domain.
func (a *activity) principal(email string) (who retinue.Ref, person bool) {
	email = strings.ToLower(strings.TrimSpace(email))
	local, domain, ok := strings.Cut(email, "@")
	switch {
	case !ok || local == "" || domain == "":
		return retinue.Ref{}, false
	case strings.HasSuffix(domain, "gserviceaccount.com"):
		return entry.Ref(entry.Realm("gcp", project(local, domain)), "service_account", email), false
	}
	return entry.Ref(entry.Realm("google", domain), "user", email), true
}

// project is the project that a service account's address tells, by its id or its
// number, as the connector of Google Cloud reads it.
func project(local, domain string) string {
	number := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	if p, ok := strings.CutSuffix(domain, ".iam.gserviceaccount.com"); ok {
		if n, agent := strings.CutPrefix(local, "service-"); agent && number(n) {
			return n
		}
		return p
	}
	if domain == "appspot.gserviceaccount.com" {
		return local
	}
	n, _, _ := strings.Cut(local, "-")
	return n
}

// outcome is told by the event's name, as Google says nothing else.
func outcome(name string, p map[string]string) (retinue.Outcome, string) {
	low := strings.ToLower(name)
	switch {
	case low == "login_failure", strings.Contains(low, "denied"), strings.Contains(low, "_deny_"), strings.Contains(low, "blocked"), low == "failed_password_attempts_event":
		return retinue.OutcomeDenied, entry.Text(first(p, "login_failure_type", "failure_type", "saml_status_code", "saml_second_level_status_code"))
	case low == "login_challenge" && strings.Contains(strings.ToLower(p["login_challenge_status"]), "fail"):
		return retinue.OutcomeDenied, entry.Text(p["login_challenge_status"])
	case strings.Contains(low, "failed"), strings.HasSuffix(low, "_failure"):
		return retinue.OutcomeError, ""
	}
	return retinue.OutcomeSuccess, ""
}

// resource is what an event is about: an application, a shared drive, a group or
// a user. A document is named by the drive or the user who owns it, so that names
// do not grow with the data.
func (a *activity) resource(p map[string]string) retinue.Ref {
	if a.report == "token" || p["API_CLIENT_NAME"] != "" || p["OAUTH2_APP_ID"] != "" {
		return entry.Ref(a.realm, "oauth_client", first(p, "client_id", "API_CLIENT_NAME", "OAUTH2_APP_ID"))
	}
	if a.report == "saml" {
		return entry.Ref(a.realm, "saml_app", p["application_name"])
	}
	if drive := first(p, "shared_drive_id", "team_drive_id"); drive != "" {
		return entry.Ref(a.realm, "shared_drive", drive)
	}
	if group := first(p, "GROUP_EMAIL", "group_email", "group_id"); strings.Contains(group, "@") {
		_, domain, _ := strings.Cut(strings.ToLower(group), "@")
		return entry.Ref(entry.Realm("google", domain), "group", strings.ToLower(group))
	}
	who, _ := a.principal(first(p, "USER_EMAIL", "owner", "affected_email_address", "calendar_id"))
	return who
}

// touches says which identities, credentials and controls an event changed.
func (a *activity) touches(ev *retinue.Event, name string, p map[string]string) {
	kind := touchKind(a.report, name)
	if kind == "" {
		return
	}
	ev.Touches = []retinue.Touch{{Kind: kind, Target: ev.Resource}}
	if name == "ADD_GROUP_MEMBER" || name == "REMOVE_GROUP_MEMBER" {
		if member, _ := a.principal(p["USER_EMAIL"]); !member.IsZero() {
			ev.Touches = append(ev.Touches, retinue.Touch{Kind: kind, Target: member})
		}
	}
}

// touchKind is what an event does; empty for those that touch nothing that
// governance is about.
func touchKind(report, name string) retinue.TouchKind {
	switch report + "." + name {
	case "token.authorize":
		return retinue.TouchIssue
	case "token.revoke", "admin.REVOKE_3LO_TOKEN", "admin.REVOKE_ASP", "admin.REVOKE_DEVICE_TOKENS", "admin.REVOKE_3LO_DEVICE_TOKENS":
		return retinue.TouchDelete
	case "admin.CREATE_USER", "admin.UNDELETE_USER":
		return retinue.TouchCreate
	case "admin.DELETE_USER":
		return retinue.TouchDelete
	case "admin.SUSPEND_USER", "admin.ARCHIVE_USER":
		return retinue.TouchDisable
	case "admin.UNSUSPEND_USER", "admin.UNARCHIVE_USER":
		return retinue.TouchEnable
	case "admin.CHANGE_PASSWORD", "admin.CHANGE_PASSWORD_ON_NEXT_LOGIN", "user_accounts.password_edit":
		return retinue.TouchRotate
	case "admin.AUTHORIZE_API_CLIENT_ACCESS", "admin.REMOVE_API_CLIENT_ACCESS", "admin.ADD_TO_TRUSTED_OAUTH2_APPS", "admin.REMOVE_FROM_TRUSTED_OAUTH2_APPS",
		"admin.ADD_TO_BLOCKED_OAUTH2_APPS", "admin.REMOVE_FROM_BLOCKED_OAUTH2_APPS", "admin.TRUST_DOMAIN_OWNED_OAUTH2_APPS", "admin.ASSIGN_ROLE", "admin.UNASSIGN_ROLE",
		"admin.CREATE_ROLE", "admin.DELETE_ROLE", "admin.UPDATE_ROLE", "admin.ADD_PRIVILEGE", "admin.REMOVE_PRIVILEGE", "admin.GRANT_ADMIN_PRIVILEGE", "admin.REVOKE_ADMIN_PRIVILEGE",
		"admin.GRANT_DELEGATED_ADMIN_PRIVILEGES", "admin.ADD_GROUP_MEMBER", "admin.REMOVE_GROUP_MEMBER", "admin.TURN_OFF_2_STEP_VERIFICATION",
		"admin.ENFORCE_STRONG_AUTHENTICATION", "admin.ALLOW_STRONG_AUTHENTICATION", "admin.TOGGLE_SSO_ENABLED", "admin.CHANGE_SSO_SETTINGS", "admin.ADD_TRUSTED_DOMAINS",
		"admin.UNENROLL_USER_FROM_STRONG_AUTH", "user_accounts.2sv_disable", "user_accounts.2sv_enroll", "user_accounts.titanium_unenroll", "user_accounts.email_forwarding_out_of_domain":
		return retinue.TouchEdit
	case "admin.DELETE_ALERT", "admin.ALERT_STATUS_CHANGED", "admin.DELETE_RULE", "admin.TOGGLE_BIGQUERY_EXPORT", "admin.CHANGE_DATA_SHARING":
		return retinue.TouchSilence
	case "gcp.IMPORT_SSH_PUBLIC_KEY":
		return retinue.TouchIssue
	case "drive.change_document_visibility", "drive.change_document_access_scope", "drive.shared_drive_settings_change":
		return retinue.TouchEdit
	}
	return ""
}
