package gcp

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/entry"
)

// touches says which identities, credentials and controls a call changed or
// read. What it is told by is the permission, which stays the same over versions
// of an API, else the method's last word.
func (a *auditEntry) touches(ev *retinue.Event) {
	words := append([]string{ev.Action}, ev.More...)
	if ev.Action == "" {
		words = []string{methodPermission(a.payload.Raw("methodName"))}
	}
	// A permission is tested on what holds the thing where the thing is new.
	target := a.resource(a.service(words[0]), a.payload.Raw("resourceName"))
	if target.IsZero() {
		target = ev.Resource
	}
	add := func(kind retinue.TouchKind, targets ...retinue.Ref) {
		for _, t := range targets {
			ev.Touches = append(ev.Touches, retinue.Touch{Kind: kind, Target: t})
		}
	}
	for _, word := range words {
		switch kind := touchKind(word); {
		case strings.HasPrefix(word, "iam.serviceAccountKeys."), strings.HasPrefix(word, "storage.hmacKeys."):
			if kind != "" {
				a.keyTouch(kind, add)
			}
		case kind == retinue.TouchRun:
			add(kind, a.runsAs(word)...)
		case kind == retinue.TouchCreate && word == "iam.serviceAccounts.create":
			add(kind, a.made(target))
		case kind != "":
			add(kind, target)
		}
	}
	a.policyTouches(target, add)
}

// methodPermission is the permission that a method's name stands for where the
// entry has none: "google.iam.admin.v1.CreateServiceAccount".
func methodPermission(method string) string {
	switch last := method[strings.LastIndexByte(method, '.')+1:]; last {
	case "CreateServiceAccount":
		return "iam.serviceAccounts.create"
	case "DeleteServiceAccount":
		return "iam.serviceAccounts.delete"
	case "CreateServiceAccountKey":
		return "iam.serviceAccountKeys.create"
	case "DeleteServiceAccountKey":
		return "iam.serviceAccountKeys.delete"
	case "DisableServiceAccount":
		return "iam.serviceAccounts.disable"
	case "EnableServiceAccount":
		return "iam.serviceAccounts.enable"
	case "AccessSecretVersion":
		return "secretmanager.versions.access"
	case "SetIamPolicy", "SetIAMPolicy", "setIamPolicy":
		return "setIamPolicy"
	case "DeleteSink":
		return "logging.sinks.delete"
	case "UpdateSink":
		return "logging.sinks.update"
	case "CreateKey":
		if strings.Contains(method, "ApiKeys") {
			return "apikeys.keys.create"
		}
	case "setCommonInstanceMetadata":
		return "compute.projects.setCommonInstanceMetadata"
	}
	return ""
}

// touchKind is what using a permission does; empty for those that change no
// identity, credential or control.
func touchKind(permission string) retinue.TouchKind {
	if permission == "setIamPolicy" || strings.HasSuffix(permission, ".setIamPolicy") {
		return retinue.TouchEdit
	}
	switch permission {
	case "iam.serviceAccounts.create":
		return retinue.TouchCreate
	case "iam.serviceAccounts.delete", "iam.serviceAccountKeys.delete", "iam.roles.delete", "iam.workloadIdentityPools.delete", "iam.workloadIdentityPoolProviders.delete",
		"secretmanager.secrets.delete", "secretmanager.versions.destroy", "storage.hmacKeys.delete", "apikeys.keys.delete", "serviceusage.apiKeys.delete",
		"resourcemanager.projects.delete", "cloudkms.cryptoKeyVersions.destroy":
		return retinue.TouchDelete
	case "iam.serviceAccounts.disable", "iam.serviceAccountKeys.disable", "secretmanager.versions.disable":
		return retinue.TouchDisable
	case "iam.serviceAccounts.enable", "iam.serviceAccounts.undelete", "iam.serviceAccountKeys.enable", "secretmanager.versions.enable", "iam.roles.undelete":
		return retinue.TouchEnable
	case "iam.serviceAccountKeys.create", "iam.serviceAccountKeys.upload", "storage.hmacKeys.create", "apikeys.keys.create", "serviceusage.apiKeys.create":
		return retinue.TouchIssue
	case "secretmanager.versions.access", "apikeys.keys.getKeyString", "serviceusage.apiKeys.get", "container.clusters.getCredentials":
		return retinue.TouchRead
	case "secretmanager.versions.add", "apikeys.keys.update", "serviceusage.apiKeys.regenerate", "storage.hmacKeys.update":
		return retinue.TouchRotate
	case "iam.serviceAccounts.update", "iam.roles.update", "iam.roles.create", "iam.workloadIdentityPools.create", "iam.workloadIdentityPools.update",
		"iam.workloadIdentityPoolProviders.create", "iam.workloadIdentityPoolProviders.update", "iam.workforcePools.create", "iam.workforcePools.update",
		"iam.denypolicies.create", "iam.denypolicies.update", "iam.denypolicies.delete", "orgpolicy.policy.set", "compute.projects.setCommonInstanceMetadata",
		"compute.instances.setMetadata", "accesscontextmanager.servicePerimeters.update", "accesscontextmanager.servicePerimeters.delete":
		return retinue.TouchEdit
	case "logging.sinks.delete", "logging.sinks.update", "logging.exclusions.create", "logging.exclusions.update", "logging.buckets.update", "logging.buckets.delete",
		"logging.logs.delete", "logging.settings.update", "monitoring.alertPolicies.delete", "securitycenter.notificationconfig.delete",
		"securitycenter.muteconfigs.create":
		return retinue.TouchSilence
	case "iam.serviceAccounts.actAs", "compute.instances.setServiceAccount", "cloudfunctions.functions.create", "cloudfunctions.functions.update", "run.services.create",
		"run.services.update", "run.jobs.run", "dataflow.jobs.create", "dataproc.clusters.create", "cloudbuild.builds.create", "deploymentmanager.deployments.create":
		return retinue.TouchRun
	}
	return ""
}

// made is the account that a call created, which its answer names.
func (a *auditEntry) made(otherwise retinue.Ref) retinue.Ref {
	if email := a.payload.Raw("response.email"); strings.Contains(email, "@") {
		return a.serviceAccount(strings.ToLower(email), "")
	}
	if id := a.payload.Raw("request.account_id", "request.accountId"); id != "" && !strings.Contains(a.realm.ID(), "/") {
		return a.serviceAccount(strings.ToLower(id)+"@"+a.realm.ID()+".iam.gserviceaccount.com", "")
	}
	return otherwise
}

// keyTouch adds a touch of a key and of the account that it is of.
func (a *auditEntry) keyTouch(kind retinue.TouchKind, add func(retinue.TouchKind, ...retinue.Ref)) {
	account := a.resource(a.service("iam"), a.payload.Raw("resourceName"))
	if email := a.payload.Raw("request.serviceAccountEmail", "response.metadata.serviceAccountEmail"); strings.Contains(email, "@") {
		account = a.serviceAccount(strings.ToLower(email), "")
	}
	var key retinue.Ref
	for _, name := range []string{a.payload.Raw("response.name"), a.payload.Raw("request.name"), a.payload.Raw("resourceName")} {
		if _, id, ok := strings.Cut(name, "/keys/"); ok && id != "" && account.Kind == "service_account" {
			key = entry.Ref(account.Realm, "service_account_key", account.Key+"/"+id)
			break
		}
	}
	if kind == retinue.TouchIssue || key.IsZero() {
		add(kind, account)
	}
	if !key.IsZero() {
		add(kind, key)
	}
}

// runsAs are the accounts that what a call started acts as.
func (a *auditEntry) runsAs(permission string) []retinue.Ref {
	var out []retinue.Ref
	add := func(name string) {
		name = name[strings.LastIndexByte(name, '/')+1:]
		if strings.Contains(name, "@") && len(out) < retinue.MaxEventTouches {
			if ref := a.serviceAccount(strings.ToLower(name), ""); !ref.IsZero() && !slices.Contains(out, ref) {
				out = append(out, ref)
			}
		}
	}
	request := a.payload.Object("request")
	for _, path := range []string{"serviceAccountEmail", "serviceAccount", "function.serviceAccountEmail", "function.serviceConfig.serviceAccountEmail",
		"service.spec.template.spec.serviceAccountName", "service.template.serviceAccount", "job.template.template.serviceAccount", "email"} {
		add(request.Raw(path))
	}
	for _, s := range request.Objects("serviceAccounts") {
		add(s.Raw("email"))
	}
	if permission == "iam.serviceAccounts.actAs" {
		for _, p := range a.permissions() {
			if p.name == permission {
				add(p.resource)
			}
		}
	}
	if len(out) == 0 {
		return []retinue.Ref{{}}
	}
	return out
}

// policyTouches adds who was put into or taken from a policy, and what a change
// of the audit configuration silenced.
func (a *auditEntry) policyTouches(target retinue.Ref, add func(retinue.TouchKind, ...retinue.Ref)) {
	for _, at := range []string{"serviceData.policyDelta", "metadata.policyDelta"} {
		delta := a.payload.Object(at)
		for _, b := range delta.Objects("bindingDeltas") {
			member := b.Raw("member")
			if member == "allUsers" || member == "allAuthenticatedUsers" {
				if b.Raw("action") == "ADD" {
					add(retinue.TouchExpose, target)
				}
				continue
			}
			kind, name, _ := strings.Cut(member, ":")
			if kind == "group" {
				add(retinue.TouchEdit, entry.Ref(google(name), "group", strings.ToLower(name)))
				continue
			}
			if kind != "user" && kind != "serviceAccount" && !strings.HasPrefix(member, "principal://") {
				continue
			}
			if who, _ := a.principal("", member, ""); !who.IsZero() {
				add(retinue.TouchEdit, who)
			}
		}
		for _, c := range delta.Objects("auditConfigDeltas") {
			// Taking a kind of log away, or adding a member that is exempt.
			if (c.Raw("action") == "REMOVE") == (c.Raw("exemptedMember") == "") {
				add(retinue.TouchSilence, target)
			}
		}
	}
}
