package azure

import (
	"encoding/json"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/entry"
)

// activityCategories are those of the Activity log.
func activityCategories() []string {
	return []string{"administrative", "policy", "security", "servicehealth", "resourcehealth", "alert", "autoscale", "recommendation"}
}

// activity reads an entry of the Activity log, as the API returns it
// (eventTimestamp, caller, claims) or as a diagnostic setting exports it (time,
// identity).
func (l *logEntry) activity() ([]retinue.Event, error) {
	o := l.o
	at, ok := o.Time("eventTimestamp", "time")
	claims := o.Object("claims")
	if claims == nil {
		claims = o.Object("identity.claims")
	}
	ev, err := l.begin(LogActivity, at, ok, o.Raw("eventDataId"), o.Raw("tenantId"), claims.Raw(claimTenant, "tid"))
	if err != nil {
		return nil, err
	}
	ev.Operation = strings.ToLower(o.Text("operationName.value", "operationName"))
	auth := o.Object("authorization")
	if auth == nil {
		auth = o.Object("identity.authorization")
	}
	switch category := strings.ToLower(o.Text("category.value", "category")); category {
	case "administrative", "":
		ev.Class = retinue.EventManagement
		if ev.Action = strings.ToLower(auth.Text("action")); ev.Action == "" {
			ev.Action = ev.Operation
		}
		if ev.Action == ev.Operation {
			ev.Operation = ""
		}
	default: // what Azure saw of others' calls and of itself
		ev.Class = retinue.EventInsight
	}
	l.caller(&ev, claims, auth)
	scope := o.Raw("resourceId", "resourceUri")
	if s := auth.Raw("scope"); s != "" && scope == "" {
		scope = s
	}
	ev.Resource = l.thing(scope)
	ev.Outcome, ev.Reason = activityOutcome(o)
	ev.Region = o.Text("location", "properties.resourceLocation")
	ev.Origin.Address = entry.Address(o.Raw("httpRequest.clientIpAddress", "callerIpAddress"))
	if !ev.Origin.Address.IsValid() {
		ev.Origin.Address = entry.Address(claims.Raw("ipaddr"))
	}
	if ev.Class == retinue.EventManagement && ev.Outcome == retinue.OutcomeSuccess {
		l.activityTouches(&ev, scope)
	}
	entry.Bound(&ev)
	return []retinue.Event{ev}, nil
}

// Claims of tokens under the names that Azure's logs give them.
const (
	claimObject = "http://schemas.microsoft.com/identity/claims/objectidentifier"
	claimTenant = "http://schemas.microsoft.com/identity/claims/tenantid"
	claimUPN    = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
	claimName   = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"
	claimMail   = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"
)

// caller says who called, from the claims of the token.
func (l *logEntry) caller(ev *retinue.Event, claims, auth entry.Object) {
	caller := l.o.Raw("caller")
	upn := claims.Raw(claimUPN, "upn", claimName, "unique_name", "preferred_username", claimMail, "name")
	object, app := claims.Raw(claimObject, "oid"), claims.Raw("appid", "azp")
	switch {
	case strings.Contains(caller, "@") && !strings.Contains(upn, "@"):
		upn = caller
	case isGUID(caller) && object == "":
		object = caller
	}
	isApp := strings.EqualFold(claims.Raw("idtyp"), "app")
	if claims.Raw("idtyp") == "" && !strings.Contains(upn, "@") {
		isApp = app != "" || isGUID(caller) || strings.EqualFold(auth.Raw("evidence.principalType"), "ServicePrincipal")
	}
	switch {
	case isApp && object != "":
		ev.Identity = l.ref("service_principal", object)
	case isApp:
		ev.Identity = l.client(app)
	case strings.Contains(upn, "@") || object != "":
		if ev.Identity, ev.Person = l.ref("user", object), true; object == "" {
			ev.Identity = l.ref("user", upn)
		}
		if app != "" {
			ev.Via = []retinue.Ref{l.client(app)}
		}
	default: // a service of Azure's own
		ev.Origin.Service = entry.Text(upn + caller)
	}
	if id := claims.Raw("xms_mirid"); id != "" && isApp {
		ev.Origin.Workload = l.thing(id)
	}
	ev.Origin.Agent = l.o.Text("httpRequest.userAgent", "properties.userAgent")
}

// activityOutcome reads the status in both forms. A long operation has entries
// for its beginning, which says nothing, and its end.
func activityOutcome(o entry.Object) (retinue.Outcome, string) {
	status := strings.ToLower(o.Raw("status.value", "status", "resultType"))
	detail := o.Text("subStatus.value", "subStatus", "resultSignature", "properties.statusCode")
	switch status {
	case "start", "started", "active", "accept", "accepted", "inprogress":
		if status == "accept" || status == "accepted" {
			return retinue.OutcomeSuccess, ""
		}
		return retinue.OutcomeUnknown, ""
	case "success", "succeeded", "resolved", "updated", "0":
		return retinue.OutcomeSuccess, ""
	case "":
		return retinue.OutcomeUnknown, ""
	}
	if code := o.Text("properties.statusCode"); code != "" && !strings.EqualFold(code, detail) {
		detail += " " + code
	}
	low := strings.ToLower(detail + " " + o.Raw("properties.statusMessage"))
	for _, word := range []string{"forbidden", "unauthorized", "authorizationfailed", "disallowedbypolicy", "403", "401"} {
		if strings.Contains(low, word) {
			return retinue.OutcomeDenied, strings.TrimSpace(detail)
		}
	}
	return retinue.OutcomeError, strings.TrimSpace(detail)
}

// thing names what an id of Resource Manager is of as the connector does: a
// subscription, a group, or a resource without what lies in it. A role assignment
// or diagnostic setting is named by what it is on.
func (l *logEntry) thing(id string) retinue.Ref {
	id = lower(id)
	for _, extension := range []string{"/providers/microsoft.authorization/", "/providers/microsoft.insights/diagnosticsettings/"} {
		if i := strings.LastIndex(id, extension); i >= 0 && !strings.HasPrefix(id[i:], "/providers/microsoft.authorization/roledefinitions") {
			id = id[:i]
			if id == "" {
				return l.ref("tenant", l.realm.ID())
			}
		}
	}
	parts := strings.Split(id, "/")
	switch {
	case id == "" || id == "/":
		return retinue.Ref{}
	case strings.HasPrefix(id, managementGroup):
		return l.ref("management_group", id)
	case len(parts) < 3 || parts[1] != "subscriptions":
		return l.ref("resource", id)
	case len(parts) < 5:
		return l.ref("subscription", strings.Join(parts[:3], "/"))
	case len(parts) >= 9 && parts[3] == "resourcegroups" && parts[5] == "providers":
		return l.ref(listedKind(parts[6]+"/"+parts[7]), strings.Join(parts[:9], "/"))
	case parts[3] == "resourcegroups":
		return l.ref("resource_group", strings.Join(parts[:5], "/"))
	}
	return l.ref("subscription", strings.Join(parts[:3], "/"))
}

// listedKind is the kind under which the connector lists a type of resource. Its
// words are told apart by upper-case letters, which logs do not keep, so the
// types that have identities or hold data are listed here.
func listedKind(typ string) string {
	for _, known := range []string{"Microsoft.KeyVault/vaults", "Microsoft.Storage/storageAccounts", "Microsoft.DocumentDB/databaseAccounts",
		"Microsoft.Compute/virtualMachines", "Microsoft.Compute/virtualMachineScaleSets", "Microsoft.Web/sites", "Microsoft.ContainerService/managedClusters",
		"Microsoft.Logic/workflows", "Microsoft.DataFactory/factories", "Microsoft.Automation/automationAccounts", "Microsoft.ContainerInstance/containerGroups",
		"Microsoft.App/containerApps", "Microsoft.App/jobs", "Microsoft.MachineLearningServices/workspaces", "Microsoft.CognitiveServices/accounts",
		"Microsoft.Sql/servers", "Microsoft.ContainerRegistry/registries", "Microsoft.ApiManagement/service", "Microsoft.Synapse/workspaces"} {
		if strings.EqualFold(known, typ) {
			return resourceKind(known)
		}
	}
	if strings.EqualFold(typ, "Microsoft.ManagedIdentity/userAssignedIdentities") {
		return "managed_identity"
	}
	return "resource"
}

// activityTouches says which identities, credentials and controls a call changed
// or read, told by the operation.
func (l *logEntry) activityTouches(ev *retinue.Event, id string) {
	add := func(kind retinue.TouchKind, target retinue.Ref) {
		ev.Touches = append(ev.Touches, retinue.Touch{Kind: kind, Target: target})
	}
	op := ev.Action
	if strings.Contains(op, "/roleassignments/") {
		add(retinue.TouchEdit, l.assigned())
	}
	if kind := operationTouch(op); kind != "" {
		target := ev.Resource
		if strings.HasPrefix(op, "microsoft.authorization/roledefinitions/") {
			target = l.ref("role_definition", guid(id))
		}
		add(kind, target)
	}
}

// assigned is whom a role is given to, which the body of the request names.
func (l *logEntry) assigned() retinue.Ref {
	var body struct {
		Properties struct{ PrincipalID, PrincipalType string }
	}
	text := l.o.Raw("properties.requestbody", "properties.requestBody", "properties.responseBody")
	if len(text) > 64<<10 || json.Unmarshal([]byte(text), &body) != nil || body.Properties.PrincipalID == "" {
		return retinue.Ref{}
	}
	switch p := body.Properties; strings.ToLower(p.PrincipalType) {
	case "user", "group":
		return l.ref(strings.ToLower(p.PrincipalType), p.PrincipalID)
	case "serviceprincipal", "msi":
		return l.ref("service_principal", p.PrincipalID)
	}
	return l.ref("directory_object", body.Properties.PrincipalID)
}

// operationTouch is what an operation, in lower case, does; empty for those that
// touch nothing that governance is about.
func operationTouch(op string) retinue.TouchKind {
	verb := op[strings.LastIndexByte(strings.TrimSuffix(op, "/action"), '/')+1:]
	switch {
	case strings.HasPrefix(op, "microsoft.managedidentity/userassignedidentities/federatedidentitycredentials/"):
		if verb == "delete" {
			return retinue.TouchDelete
		}
		return retinue.TouchIssue
	case op == "microsoft.managedidentity/userassignedidentities/write":
		return retinue.TouchCreate
	case op == "microsoft.managedidentity/userassignedidentities/delete":
		return retinue.TouchDelete
	case op == "microsoft.managedidentity/userassignedidentities/assign/action":
		return retinue.TouchRun
	case strings.Contains(op, "microsoft.insights/diagnosticsettings/"), strings.HasPrefix(op, "microsoft.security/alertssuppressionrules/"), op == "microsoft.insights/actiongroups/delete",
		op == "microsoft.insights/metricalerts/delete", op == "microsoft.insights/scheduledqueryrules/delete", op == "microsoft.network/networkwatchers/delete", op == "microsoft.insights/activitylogalerts/delete", op == "microsoft.insights/logprofiles/delete",
		op == "microsoft.insights/logprofiles/write", op == "microsoft.network/networkwatchers/flowlogs/delete", op == "microsoft.security/pricings/write",
		op == "microsoft.security/pricings/delete", op == "microsoft.operationalinsights/workspaces/delete", op == "microsoft.securityinsights/alertrules/delete":
		return retinue.TouchSilence
	case strings.HasSuffix(op, "/accesspolicies/write"), strings.HasPrefix(op, "microsoft.authorization/roledefinitions/"), strings.HasPrefix(op, "microsoft.authorization/policyassignments/"),
		strings.HasPrefix(op, "microsoft.authorization/denyassignments/"), strings.HasPrefix(op, "microsoft.authorization/locks/"), op == "microsoft.authorization/elevateaccess/action",
		op == "microsoft.keyvault/vaults/write", strings.HasPrefix(op, "microsoft.authorization/roleassignments/"):
		return retinue.TouchEdit
	case strings.Contains(verb, "runcommand"), strings.HasSuffix(op, "/runcommands/write"), strings.HasSuffix(op, "/virtualmachines/extensions/write"),
		strings.HasSuffix(op, "/containers/exec/action"), op == "microsoft.automation/automationaccounts/jobs/write":
		return retinue.TouchRun
	case strings.Contains(verb, "regenerate"):
		return retinue.TouchRotate
	case strings.HasPrefix(verb, "begingetaccess"), op == "microsoft.storage/storageaccounts/listaccountsas/action", op == "microsoft.storage/storageaccounts/listservicesas/action":
		return retinue.TouchExpose
	case strings.HasPrefix(verb, "list") && (strings.Contains(verb, "key") || strings.Contains(verb, "credential") || strings.Contains(verb, "secret") || strings.Contains(verb, "connectionstring")),
		strings.HasSuffix(op, "/config/list/action"), strings.HasPrefix(verb, "publishxml"):
		return retinue.TouchRead
	}
	return ""
}
