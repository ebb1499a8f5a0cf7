package azure

import (
	"strconv"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/entry"
)

// signIn reads a sign-in: p is Graph's signIn object, alone or in the properties
// of an exported record.
func (l *logEntry) signIn(p entry.Object) ([]retinue.Event, error) {
	at, ok := p.Time("createdDateTime")
	if !ok {
		at, ok = l.o.Time("time", "createdDateTime")
	}
	tenants := []string{l.o.Raw("tenantId"), tenantOf(l.o.Raw("resourceId")), p.Raw("tenantId"), p.Raw("resourceTenantId"), p.Raw("homeTenantId")}
	ev, err := l.begin(LogSignIn, at, ok, p.Raw("id"), tenants...)
	if err != nil {
		return nil, err
	}
	ev.Class, ev.Operation = retinue.EventSignIn, "sign-in"
	if kinds := p.Texts("signInEventTypes"); len(kinds) > 0 {
		ev.Operation = "sign-in " + kinds[0]
	}
	l.signedIn(&ev, p)
	l.signInCredential(&ev, p)
	if sp := p.Raw("resourceServicePrincipalId"); sp != "" {
		ev.Resource = l.ref("service_principal", sp)
	} else if p.Has("resourceDisplayName") { // resourceId is a resource's own id elsewhere
		ev.Resource = l.client(p.Raw("resourceId"))
	}
	ev.Outcome, ev.Reason = signInOutcome(l.o, p)
	ev.Origin.Address = entry.Address(p.Raw("ipAddress"))
	if !ev.Origin.Address.IsValid() {
		ev.Origin.Address = entry.Address(l.o.Raw("callerIpAddress"))
	}
	ev.Origin.Agent = p.Text("userAgent")
	ev.Origin.Application = p.Text("appDisplayName", "clientAppUsed")
	ev.Origin.Host = p.Text("deviceDetail.displayName")
	ev.Origin.Interactive, _ = p.Flag("isInteractive")
	if ev.Identity.Kind == "service_principal" {
		ev.Origin.Interactive = false
	}
	for _, c := range []struct{ key, path string }{{"authenticationProtocol", "authenticationProtocol"}, {"clientAppUsed", "clientAppUsed"},
		{"clientCredentialType", "clientCredentialType"}, {"conditionalAccessStatus", "conditionalAccessStatus"}, {"incomingTokenType", "incomingTokenType"}} {
		if v := p.Text(c.path); v != "none" {
			ev.Context = append(ev.Context, retinue.ContextValue{Key: c.key, Value: v})
		}
	}
	entry.Bound(&ev)
	return []retinue.Event{ev}, nil
}

// tenantOf is the tenant in "/tenants/ID/providers/Microsoft.aadiam".
func tenantOf(id string) string {
	rest, ok := strings.CutPrefix(lower(id), "/tenants/")
	if !ok {
		return ""
	}
	tenant, _, _ := strings.Cut(rest, "/")
	return tenant
}

// signedIn says who signed in. An agent that signs in for a person acts itself,
// and the person is whom it serves.
func (l *logEntry) signedIn(ev *retinue.Event, p entry.Object) {
	user, app := l.ref("user", p.Raw("userId")), l.client(p.Raw("appId"))
	if user.IsZero() {
		user = l.ref("user", p.Raw("userPrincipalName"))
	}
	agent := p.Raw("agent.agentType")
	switch sp := l.ref("service_principal", p.Raw("servicePrincipalId")); {
	case !sp.IsZero():
		ev.Identity = sp
		if !user.IsZero() && user.Key != sp.Key {
			ev.OnBehalfOf = user
		}
	case agent != "" && agent != "notAgentic" && !app.IsZero():
		ev.Identity, ev.OnBehalfOf = app, user
	case !user.IsZero():
		ev.Identity, ev.Person = user, true
		if !app.IsZero() {
			ev.Via = []retinue.Ref{app}
		}
	default:
		ev.Identity = app
	}
	if parent := l.client(p.Raw("agent.parentAppId")); !parent.IsZero() && parent != app {
		ev.Via = append(ev.Via, parent)
	}
	if id := p.Raw("managedServiceIdentity.associatedResourceId"); id != "" {
		ev.Origin.Workload = l.thing(id)
	}
}

// signInCredential names what was signed in with. The id of a secret and that of
// a certificate look alike; where the record does not tell them apart only the
// join is set.
func (l *logEntry) signInCredential(ev *retinue.Event, p entry.Object) {
	thumb := p.Raw("servicePrincipalCredentialThumbprint")
	if id := p.Raw("servicePrincipalCredentialKeyId"); isGUID(id) {
		ev.Joins = []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "azure:" + lower(id)}}
		switch typ := strings.ToLower(p.Raw("clientCredentialType")); {
		case thumb != "", typ == "clientassertion", strings.Contains(typ, "certificate"):
			ev.Credential = l.ref("certificate", id)
		case typ == "clientsecret":
			ev.Credential = l.ref("client_secret", id)
		}
	}
	if id := p.Raw("federatedCredentialId"); id != "" && ev.Credential.IsZero() {
		ev.Credential = l.ref("federated_credential", id)
	}
}

// signInOutcome reads the error code. What Entra calls an interrupt (another
// factor asked for, a prompt to stay signed in) is no refusal. Source: Microsoft's
// page "Microsoft Entra authentication and authorization error codes".
func signInOutcome(o, p entry.Object) (retinue.Outcome, string) {
	code, ok := p.Int("status.errorCode")
	if !ok {
		code, ok = o.Int("resultType")
	}
	if !ok {
		switch strings.ToLower(o.Raw("resultType", "resultSignature")) {
		case "success":
			return retinue.OutcomeSuccess, ""
		case "failure":
			return retinue.OutcomeDenied, ""
		}
		return retinue.OutcomeUnknown, ""
	}
	reason := "AADSTS" + strconv.FormatInt(code, 10)
	switch code {
	case 0:
		return retinue.OutcomeSuccess, ""
	case 16000, 16001, 50055, 50058, 50072, 50074, 50076, 50079, 50097, 50125, 50127, 50129, 50140, 50143, 50144, 50199, 51006, 52004, 65001, 65004,
		81010, 81012, 81014, 90010, 90014, 90015, 90016, 90020, 90023, 90024, 90025, 90033, 90036:
		return retinue.OutcomeError, reason
	}
	return retinue.OutcomeDenied, reason
}
