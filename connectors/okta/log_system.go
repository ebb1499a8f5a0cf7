package okta

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/entry"
)

// decoder turns entries of the System Log into events. It is safe for concurrent
// use.
type decoder struct {
	org string
}

// maxHook bounds the entries of one delivery of an event hook; Okta sends far
// fewer.
const maxHook = 1000

// decode reads one entry, alone, in the detail of an event of Amazon EventBridge,
// or with others in a delivery of an event hook.
func (d decoder) decode(record []byte) ([]retinue.Event, error) {
	o, err := entry.Parse(record)
	if err != nil {
		return nil, err
	}
	switch {
	case o.Has("data.events"):
		return d.hook(record)
	case o.Has("detail.uuid"):
		var env struct{ Detail json.RawMessage }
		if err := json.Unmarshal(record, &env); err != nil {
			return nil, fmt.Errorf("%w: event without a detail", retinue.ErrInvalid)
		}
		record, o = env.Detail, o.Object("detail")
	}
	fold(o, "eventType", "authenticationContext", "debugContext", "securityContext", "displayMessage")
	if !o.Has("eventType") || !o.Has("actor") && !o.Has("uuid") {
		return nil, fmt.Errorf("%w: not an entry of Okta's System Log", retinue.ErrInvalid)
	}
	return d.event(o, record)
}

func (d decoder) hook(record []byte) ([]retinue.Event, error) {
	var env struct {
		Source string
		Data   struct{ Events []json.RawMessage }
	}
	if err := json.Unmarshal(record, &env); err != nil || len(env.Data.Events) > maxHook {
		return nil, fmt.Errorf("%w: event hook: want at most %d events in data.events", retinue.ErrInvalid, maxHook)
	}
	if org, ok := domain(env.Source); ok && d.org == "" {
		d.org = org
	}
	var out []retinue.Event
	for _, raw := range env.Data.Events {
		o, err := entry.Parse(raw)
		if err != nil {
			return nil, err
		}
		evs, err := d.event(o, raw)
		if err != nil {
			return nil, err
		}
		out = append(out, evs...)
	}
	return out, nil
}

// fold gives the fields of an object the spelling that Okta uses where a
// collector's copy has them in lower case.
func fold(o entry.Object, fields ...string) {
	for _, name := range fields {
		if low := strings.ToLower(name); !o.Has(name) && o.Has(low) {
			o[name] = o[low]
		}
	}
}

// logEntry is one entry of an organisation.
type logEntry struct {
	o     entry.Object
	realm retinue.Realm
}

func (d decoder) event(o entry.Object, record []byte) ([]retinue.Event, error) {
	l := &logEntry{o: o, realm: entry.Realm("okta", d.org)}
	if d.org == "" || l.realm == "" {
		return nil, fmt.Errorf("%w: entry does not name its organisation: give org=", retinue.ErrInvalid)
	}
	at, ok := o.Time("published")
	if !ok {
		return nil, entry.ErrNoTime()
	}
	typ := strings.ToLower(o.Text("eventType"))
	ev := retinue.Event{Log: LogSystem, At: at, Realm: l.realm, Class: class(typ), Operation: typ}
	entry.Name(&ev, o.Raw("uuid"), record)
	if typ == "" {
		return []retinue.Event{entry.Unknown(ev, record)}, nil
	}
	l.who(&ev)
	ev.Outcome, ev.Reason = outcome(o, ev.Class)
	ev.Resource = l.resource()
	l.where(&ev)
	if ev.Outcome == retinue.OutcomeSuccess {
		l.touches(&ev)
	}
	entry.Bound(&ev)
	return []retinue.Event{ev}, nil
}

// class tells what sort of entry a type is.
func class(typ string) retinue.EventClass {
	for _, prefix := range []string{"user.session.start", "user.session.end", "user.session.access", "user.authentication.", "policy.evaluate_sign_on", "app.oauth2.signon", "user.mfa.attempt", "app.generic.unauth_app_access"} {
		if strings.HasPrefix(typ, prefix) {
			return retinue.EventSignIn
		}
	}
	if strings.HasPrefix(typ, "app.oauth2.") && (strings.Contains(typ, ".grant.") || strings.HasSuffix(typ, ".token.grant") || strings.Contains(typ, ".authorize") || strings.HasSuffix(typ, "invalid_client_credentials")) && !strings.Contains(typ, "privilege") {
		return retinue.EventSignIn
	}
	if strings.Contains(typ, "rate_limit") {
		return retinue.EventInsight
	}
	for _, prefix := range []string{"security.threat", "security.attack", "security.breached", "security.request.blocked", "core.concurrency", "user.risk.", "user.account.report_suspicious", "app.oauth2.token.detect_reuse", "app.oauth2.as.token.detect_reuse"} {
		if strings.HasPrefix(typ, prefix) {
			return retinue.EventInsight
		}
	}
	return retinue.EventManagement
}

func (l *logEntry) ref(kind, key string) retinue.Ref {
	if strings.EqualFold(key, "unknown") {
		return retinue.Ref{}
	}
	return entry.Ref(l.realm, kind, key)
}

// principal names an actor; person is true for users of the directory.
func (l *logEntry) principal(a entry.Object) (who retinue.Ref, person bool) {
	id := a.Raw("id")
	switch typ := strings.ToLower(a.Raw("type")); {
	case typ == "user":
		if who = l.ref("user", id); who.IsZero() {
			who = l.ref("user", strings.ToLower(a.Raw("alternateId")))
		}
		return who, true
	case strings.Contains(typ, "agent"):
		return l.ref("agent", id), false
	case strings.Contains(typ, "app"), strings.Contains(typ, "client"):
		return l.ref("app", id), false
	case typ == "ip address", typ == "systemprincipal", typ == "":
		return retinue.Ref{}, false // nobody, or Okta itself
	}
	return l.ref("principal", id), false
}

// who says who acted and with what. Who acts with an API token is the account
// that made it; that a person sat there the log does not say then.
func (l *logEntry) who(ev *retinue.Event) {
	actor := l.o.Object("actor")
	ev.Identity, ev.Person = l.principal(actor)
	if strings.EqualFold(actor.Raw("type"), "SystemPrincipal") {
		ev.Origin.Service = actor.Text("displayName", "id")
	}
	if original, person := l.principal(l.o.Object("debugContext.debugData.originalPrincipal")); !original.IsZero() && original != ev.Identity {
		if ev.Identity.IsZero() {
			ev.Identity, ev.Person = original, person
		} else {
			ev.Via = append(ev.Via, original) // somebody acts in another's session
		}
	}
	if token := l.o.Raw("transaction.detail.requestApiTokenId", "debugContext.debugData.requestApiTokenId"); token != "" {
		ev.Credential, ev.Person = l.ref("api_token", token), false
		ev.Joins = []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "okta:" + retinue.CleanName(token)}}
		if ev.Credential.IsZero() {
			ev.Joins = nil
		}
	}
	if client := l.ref("app", l.o.Raw("client.id")); !client.IsZero() && client != ev.Identity {
		if ev.Identity.IsZero() {
			ev.Identity = client
		} else {
			ev.Via = append(ev.Via, client)
		}
	}
	// A service application that was granted a token for a user acts for them.
	if ev.Identity.Kind != "app" {
		return
	}
	for _, t := range l.o.Objects("target") {
		if u := l.ref("user", t.Raw("id")); strings.EqualFold(t.Raw("type"), "User") && !u.IsZero() && ev.Class == retinue.EventSignIn {
			ev.OnBehalfOf = u
			return
		}
	}
}

// outcome reads Okta's result. A challenge asks for more and says nothing yet.
func outcome(o entry.Object, class retinue.EventClass) (retinue.Outcome, string) {
	reason := o.Text("outcome.reason")
	switch strings.ToUpper(o.Raw("outcome.result")) {
	case "SUCCESS", "ALLOW":
		return retinue.OutcomeSuccess, ""
	case "DENY":
		if class == retinue.EventInsight {
			return retinue.OutcomeError, reason // a limit on how often, not on what
		}
		return retinue.OutcomeDenied, reason
	case "FAILURE":
		low := strings.ToLower(reason)
		for _, word := range []string{"invalid", "denied", "not allowed", "not authorized", "unauthorized", "access_denied", "locked", "insufficient"} {
			if strings.Contains(low, word) {
				return retinue.OutcomeDenied, reason
			}
		}
		if class == retinue.EventSignIn {
			return retinue.OutcomeDenied, reason
		}
		return retinue.OutcomeError, reason
	case "RATE_LIMIT":
		return retinue.OutcomeError, reason
	}
	return retinue.OutcomeUnknown, reason
}

// target names something that an entry is about; zero for what is new with every
// entry, such as a token that lives an hour.
func (l *logEntry) target(t entry.Object) retinue.Ref {
	id := t.Raw("id")
	switch typ := strings.ToLower(t.Raw("type")); typ {
	case "user":
		return l.ref("user", id)
	case "appinstance", "app", "publicclientapp", "oauth2client", "client":
		return l.ref("app", id)
	case "token":
		return l.ref("api_token", id)
	case "usergroup", "group":
		return l.ref("group", id)
	case "policyentity", "policy", "policyrule", "rule":
		return l.ref("policy", id)
	case "logstream", "log_stream", "eventhook", "event_hook":
		return l.ref("log_stream", id)
	case "clientsecret", "client_secret", "secret":
		return l.ref("client_secret", id)
	case "jwk", "key", "certificate", "csr":
		return l.ref("key", id)
	case "authorizationserver", "authorization server":
		return l.ref("authorization_server", id)
	case "", "access_token", "id_token", "refresh_token", "code", "appuser", "bucket uuid", "url pattern", "authenticatorenrollment", "ip address":
		return retinue.Ref{}
	}
	return l.ref("object", id)
}

// resource is what the entry is about: an application before all else, as that is
// what people and clients sign in to.
func (l *logEntry) resource() retinue.Ref {
	var first retinue.Ref
	for _, t := range l.o.Objects("target") {
		r := l.target(t)
		if r.Kind == "app" {
			return r
		}
		if first.IsZero() {
			first = r
		}
	}
	return first
}

// where says from where the entry's call came.
func (l *logEntry) where(ev *retinue.Event) {
	client, debug := l.o.Object("client"), l.o.Object("debugContext.debugData")
	ev.Origin.Address = entry.Address(client.Raw("ipAddress"))
	if chain := l.o.Objects("request.ipChain"); !ev.Origin.Address.IsValid() && len(chain) > 0 {
		ev.Origin.Address = entry.Address(chain[0].Raw("ip"))
	}
	ev.Origin.Agent = client.Text("userAgent.rawUserAgent")
	ev.Origin.Host = l.o.Text("device.name")
	browser := client.Raw("userAgent.browser")
	ev.Origin.Interactive = ev.Person && browser != "" && !strings.EqualFold(browser, "UNKNOWN")
	add := func(key, value string) {
		if value != "" && !strings.EqualFold(value, "unknown") {
			ev.Context = append(ev.Context, retinue.ContextValue{Key: key, Value: value})
		}
	}
	add("credentialType", l.o.Text("authenticationContext.credentialType"))
	add("grantType", debug.Text("grantType"))
	scopes := debug.Texts("grantedScopes")
	slices.Sort(scopes)
	add("grantedScopes", strings.Join(scopes, ","))
	if proxy, known := l.o.Flag("securityContext.isProxy"); known && proxy {
		add("isProxy", "true")
	}
	if threat, known := debug.Flag("threatSuspected"); known && threat {
		add("threatSuspected", "true")
	}
}
