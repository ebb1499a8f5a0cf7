package azure

import (
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/entry"
)

// resourceLog reads a resource log of a storage account or a key vault.
func (l *logEntry) resourceLog(category string, p entry.Object) ([]retinue.Event, error) {
	o := l.o
	at, ok := o.Time("time")
	requester := o.Object("identity.requester")
	claims := o.Object("identity.claim")
	if claims == nil {
		claims = o.Object("identity.claims")
	}
	ev, err := l.begin(LogResource, at, ok, "", o.Raw("tenantId"), requester.Raw("tenantId"), claims.Raw(claimTenant, "tid"))
	if err != nil {
		return nil, err
	}
	ev.Class, ev.Operation = retinue.EventData, o.Text("operationName")
	ev.Resource = l.thing(o.Raw("resourceId"))
	ev.Region = o.Text("location")
	ev.Origin.Address = entry.Address(o.Raw("callerIpAddress"))
	ev.Origin.Agent = p.Text("userAgentHeader", "clientInfo")
	ev.Outcome, ev.Reason = resourceOutcome(o, p)
	if category == "auditevent" {
		l.vault(&ev, claims)
	} else {
		l.storage(&ev, requester, p)
	}
	entry.Bound(&ev)
	return []retinue.Event{ev}, nil
}

func resourceOutcome(o, p entry.Object) (retinue.Outcome, string) {
	code, ok := o.Int("statusCode")
	if !ok {
		if code, ok = p.Int("httpStatusCode"); !ok {
			code, ok = o.Int("resultSignature")
		}
	}
	reason := o.Text("statusText", "resultSignature", "resultType")
	if r := p.Text("metricResponseType"); r != "" && (reason == "" || reason == "Success") {
		reason = r
	}
	low := strings.ToLower(reason)
	switch {
	case code == 401 || code == 403, strings.Contains(low, "authorizationfail"), strings.Contains(low, "authenticationfail"), strings.Contains(low, "forbidden"):
		return retinue.OutcomeDenied, reason
	case ok && code >= 400, strings.HasSuffix(low, "error"):
		return retinue.OutcomeError, reason
	case ok, low == "success", low == "ok", strings.EqualFold(o.Raw("resultType"), "success"):
		return retinue.OutcomeSuccess, ""
	}
	return retinue.OutcomeUnknown, ""
}

// storage says with what a storage account was used: an account key and which of
// the two, a shared access signature, or an identity of Entra.
func (l *logEntry) storage(ev *retinue.Event, requester, p entry.Object) {
	hash := l.o.Raw("identity.tokenHash")
	key, _, _ := strings.Cut(hash, "(")
	switch typ := strings.ToLower(l.o.Raw("identity.type")); {
	case typ == "accountkey" || typ == "sas":
		if strings.EqualFold(key, "key1") || strings.EqualFold(key, "key2") {
			ev.Credential = l.ref("storage_account_key", ev.Resource.Key+"/"+key)
		}
		ev.Context = append(ev.Context, retinue.ContextValue{Key: "authenticationType", Value: typ})
	case requester.Raw("upn") != "":
		if ev.Identity, ev.Person = l.ref("user", requester.Raw("objectId")), true; ev.Identity.IsZero() {
			ev.Identity = l.ref("user", requester.Raw("upn"))
		}
		if app := l.client(requester.Raw("appId")); !app.IsZero() {
			ev.Via = []retinue.Ref{app}
		}
	case requester.Raw("objectId") != "":
		ev.Identity = l.ref("service_principal", requester.Raw("objectId"))
	default:
		ev.Identity = l.client(requester.Raw("appId"))
	}
	for _, a := range l.o.Objects("identity.authorization") {
		if action := strings.ToLower(a.Text("action")); action != "" && ev.Action == "" {
			ev.Action = action
		}
	}
	if !ev.Origin.Address.IsValid() {
		ev.Origin.Address = entry.Address(p.Raw("clientIpAddress"))
	}
}

// vault says who used what of a key vault.
func (l *logEntry) vault(ev *retinue.Event, claims entry.Object) {
	upn, object, app := claims.Raw(claimUPN, "upn", "unique_name"), claims.Raw(claimObject, "oid"), claims.Raw("appid", "azp")
	switch {
	case strings.Contains(upn, "@"):
		if ev.Identity, ev.Person = l.ref("user", object), true; ev.Identity.IsZero() {
			ev.Identity = l.ref("user", upn)
		}
		if app != "" {
			ev.Via = []retinue.Ref{l.client(app)}
		}
	case object != "":
		ev.Identity = l.ref("service_principal", object)
	default:
		ev.Identity = l.client(app)
	}
	if id := claims.Raw("xms_mirid"); id != "" {
		ev.Origin.Workload = l.thing(id)
	}
	var touch retinue.TouchKind
	ev.Action, touch = vaultAction(ev.Operation)
	if ev.Outcome == retinue.OutcomeSuccess && touch != "" {
		target := ev.Resource
		if object := vaultObject(l.o.Raw("properties.id", "properties.requestUri")); object != "" {
			target = l.ref("key_vault_object", ev.Resource.Key+"/"+object)
		}
		ev.Touches = []retinue.Touch{{Kind: touch, Target: target}}
	}
}

// vaultObject is "secrets/NAME" of the address of an object of a vault.
func vaultObject(address string) string {
	for _, collection := range []string{"secrets", "keys", "certificates"} {
		if _, rest, ok := strings.Cut(address, "/"+collection+"/"); ok {
			name := rest
			if i := strings.IndexAny(rest, "/?"); i >= 0 {
				name = rest[:i]
			}
			if name != "" {
				return collection + "/" + name
			}
		}
	}
	return ""
}

// vaultAction is the data action of Azure RBAC that an operation of a key vault
// needs, in lower case, and what it does. Vaults with access policies write the
// same operations. Source: Microsoft's pages "Azure Key Vault logging" and "Azure
// permissions for Security".
func vaultAction(operation string) (string, retinue.TouchKind) {
	const vaults = "microsoft.keyvault/vaults/"
	switch strings.ToLower(operation) {
	case "secretget":
		return vaults + "secrets/getsecret/action", retinue.TouchRead
	case "secretset":
		return vaults + "secrets/setsecret/action", retinue.TouchRotate
	case "secretlist", "secretlistversions":
		return vaults + "secrets/readmetadata/action", ""
	case "secretdelete":
		return vaults + "secrets/delete", retinue.TouchDelete
	case "secretbackup":
		return vaults + "secrets/backup/action", retinue.TouchRead
	case "secretrestore":
		return vaults + "secrets/restore/action", ""
	case "keyget", "keylist":
		return vaults + "keys/read", ""
	case "keysign":
		return vaults + "keys/sign/action", ""
	case "keydecrypt":
		return vaults + "keys/decrypt/action", ""
	case "keyencrypt":
		return vaults + "keys/encrypt/action", ""
	case "keyunwrap":
		return vaults + "keys/unwrap/action", ""
	case "keywrap":
		return vaults + "keys/wrap/action", ""
	case "keycreate":
		return vaults + "keys/create/action", retinue.TouchIssue
	case "keydelete":
		return vaults + "keys/delete", retinue.TouchDelete
	case "vaultaccesspolicychangedeventgridnotification", "vaultpatch", "vaultput":
		return "", retinue.TouchEdit
	}
	return "", ""
}
