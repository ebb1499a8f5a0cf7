package azure

import (
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/entry"
)

// directory reads an entry of Entra's audit log: p is Graph's directoryAudit
// object, alone or in the properties of an exported record.
func (l *logEntry) directory(p entry.Object) ([]retinue.Event, error) {
	at, ok := p.Time("activityDateTime")
	if !ok {
		at, ok = l.o.Time("time")
	}
	ev, err := l.begin(LogDirectory, at, ok, p.Raw("id"), l.o.Raw("tenantId"), tenantOf(l.o.Raw("resourceId")), p.Raw("tenantId"))
	if err != nil {
		return nil, err
	}
	ev.Class, ev.Operation = retinue.EventManagement, p.Text("activityDisplayName", "operationName")
	user, app := p.Object("initiatedBy.user"), p.Object("initiatedBy.app")
	switch {
	case app.Raw("servicePrincipalId") != "":
		ev.Identity = l.ref("service_principal", app.Raw("servicePrincipalId"))
	case app.Raw("appId") != "":
		ev.Identity = l.client(app.Raw("appId"))
	case user.Raw("id") != "" || user.Raw("userPrincipalName") != "":
		if ev.Identity, ev.Person = l.ref("user", user.Raw("id")), true; ev.Identity.IsZero() {
			ev.Identity = l.ref("user", user.Raw("userPrincipalName"))
		}
	default:
		ev.Origin.Service = app.Text("displayName")
	}
	ev.Outcome, ev.Reason = directoryOutcome(l.o, p)
	ev.Origin.Address = entry.Address(user.Raw("ipAddress"))
	if !ev.Origin.Address.IsValid() {
		ev.Origin.Address = entry.Address(l.o.Raw("callerIpAddress"))
	}
	ev.Origin.Agent = p.Text("userAgent")
	for _, d := range p.Objects("additionalDetails") {
		if strings.EqualFold(d.Raw("key"), "User-Agent") && ev.Origin.Agent == "" {
			ev.Origin.Agent = d.Text("value")
		}
	}
	ev.Origin.Application = p.Text("loggedByService")
	targets := p.Objects("targetResources")
	if len(targets) > 0 {
		ev.Resource = l.target(targets[0])
	}
	if ev.Outcome == retinue.OutcomeSuccess {
		if kind := directoryTouch(strings.ToLower(ev.Operation)); kind != "" {
			l.directoryTouches(&ev, kind, targets)
		}
	}
	entry.Bound(&ev)
	return []retinue.Event{ev}, nil
}

func directoryOutcome(o, p entry.Object) (retinue.Outcome, string) {
	reason := p.Text("resultReason", "resultDescription")
	switch strings.ToLower(p.Raw("result") + o.Raw("resultSignature")) {
	case "success", "successnone", "successsuccess":
		return retinue.OutcomeSuccess, ""
	}
	switch strings.ToLower(p.Raw("result")) {
	case "success":
		return retinue.OutcomeSuccess, ""
	case "":
		return retinue.OutcomeUnknown, ""
	}
	if low := strings.ToLower(reason); strings.Contains(low, "denied") || strings.Contains(low, "unauthorized") || strings.Contains(low, "insufficient") || strings.Contains(low, "forbidden") {
		return retinue.OutcomeDenied, reason
	}
	return retinue.OutcomeError, reason
}

// target names an object of the directory as the connector does.
func (l *logEntry) target(t entry.Object) retinue.Ref {
	id := t.Raw("id")
	switch strings.ToLower(t.Raw("type")) {
	case "user", "group", "application", "device":
		return l.ref(strings.ToLower(t.Raw("type")), id)
	case "serviceprincipal":
		return l.ref("service_principal", id)
	case "role":
		return l.ref("directory_role", id)
	case "policy":
		return l.ref("policy", id)
	}
	return l.ref("directory_object", id)
}

// maxTargets bounds the targets of one entry; Entra names a handful.
const maxTargets = 8

func (l *logEntry) directoryTouches(ev *retinue.Event, kind retinue.TouchKind, targets []entry.Object) {
	for _, t := range targets[:min(len(targets), maxTargets)] {
		ev.Touches = append(ev.Touches, retinue.Touch{Kind: kind, Target: l.target(t)})
		if kind != retinue.TouchIssue && kind != retinue.TouchDelete {
			continue
		}
		for _, id := range keyIDs(t) {
			// Which of the two kinds of credential it is, the text says.
			key := "client_secret"
			if strings.Contains(id.usage, "Verify") || strings.Contains(id.usage, "Asymmetric") {
				key = "certificate"
			}
			ev.Touches = append(ev.Touches, retinue.Touch{Kind: kind, Target: l.ref(key, id.id)})
		}
	}
}

type keyID struct{ id, usage string }

// keyIDs are the ids of credentials that are in the new value of a change and not
// in the old one. Entra writes them as
// "[KeyIdentifier=…,KeyType=Password,KeyUsage=Verify,DisplayName=…]".
func keyIDs(target entry.Object) []keyID {
	var out []keyID
	for _, p := range target.Objects("modifiedProperties") {
		if !strings.EqualFold(p.Raw("displayName"), "KeyDescription") {
			continue
		}
		old, now := p.Raw("oldValue"), p.Raw("newValue")
		for _, side := range [][2]string{{now, old}, {old, now}} {
			rest := side[0]
			for range maxTargets {
				_, after, ok := strings.Cut(rest, "KeyIdentifier=")
				if !ok {
					break
				}
				id, tail, _ := strings.Cut(after, ",")
				usage, _, _ := strings.Cut(tail, "]")
				rest = tail
				if isGUID(id) && !strings.Contains(side[1], id) {
					typ := usage
					if strings.Contains(usage, "KeyType=Password") {
						typ = ""
					}
					out = append(out, keyID{id: id, usage: typ})
				}
			}
		}
	}
	return out
}

// directoryTouch is what an activity of Entra's audit log, in lower case, does.
// Source: Microsoft's page "Microsoft Entra audit log activities".
func directoryTouch(activity string) retinue.TouchKind {
	activity = strings.ReplaceAll(activity, "\u2013", "-")
	switch {
	case strings.Contains(activity, "certificates and secrets management"), strings.HasPrefix(activity, "add service principal credentials"),
		strings.Contains(activity, "add federated identity credential"), strings.Contains(activity, "add app secret"):
		return retinue.TouchIssue
	case strings.HasPrefix(activity, "remove service principal credentials"), strings.Contains(activity, "delete federated identity credential"):
		return retinue.TouchDelete
	case strings.HasPrefix(activity, "update external secrets"), strings.HasPrefix(activity, "reset user password"), strings.HasPrefix(activity, "reset password"),
		strings.HasPrefix(activity, "change user password"), strings.HasPrefix(activity, "change password"):
		return retinue.TouchRotate
	case activity == "add application", activity == "add service principal", activity == "add user", activity == "invite external user", activity == "create user":
		return retinue.TouchCreate
	case strings.HasPrefix(activity, "delete application"), strings.HasPrefix(activity, "hard delete application"), strings.HasPrefix(activity, "remove service principal"),
		strings.HasPrefix(activity, "delete service principal"), strings.HasPrefix(activity, "hard delete service principal"), strings.HasPrefix(activity, "delete user"),
		strings.HasPrefix(activity, "hard delete user"):
		return retinue.TouchDelete
	case strings.HasPrefix(activity, "disable account"), strings.HasPrefix(activity, "disable service principal"):
		return retinue.TouchDisable
	case strings.HasPrefix(activity, "enable account"), strings.HasPrefix(activity, "restore application"), strings.HasPrefix(activity, "restore service principal"),
		strings.HasPrefix(activity, "restore user"), strings.HasPrefix(activity, "enable service principal"):
		return retinue.TouchEnable
	case strings.HasPrefix(activity, "delete diagnostic"), strings.HasPrefix(activity, "update diagnostic"):
		return retinue.TouchSilence
	}
	for _, word := range []string{"consent", "app role assignment", "delegated permission grant", "oauth2permissiongrant", "to role", "from role", "owner", "update application", "update service principal",
		"policy", "federation", "domain authentication", "add member to group", "remove member from group", "role assignment", "device registration", "authentication method"} {
		if strings.Contains(activity, word) && !strings.HasPrefix(activity, "get ") {
			return retinue.TouchEdit
		}
	}
	return ""
}
