package gcp

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/entry"
)

// who says who called, with which key, and through whom.
func (a *auditEntry) who(ev *retinue.Event) {
	info := a.payload.Object("authenticationInfo")
	key := info.Raw("serviceAccountKeyName")
	ev.Identity, ev.Person = a.principal(info.Raw("principalEmail"), info.Raw("principalSubject"), key)
	if account, id, ok := a.key(key); ok {
		ev.Credential = entry.Ref(account.Realm, "service_account_key", account.Key+"/"+id)
		ev.Joins = []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "gcp:" + id}}
	}
	// Google lists who delegated in the order in which they did; nearest is last.
	chain := info.Objects("serviceAccountDelegationInfo")
	slices.Reverse(chain)
	for _, link := range chain {
		by, _ := a.principal(link.Raw("firstPartyPrincipal.principalEmail"), link.Raw("principalSubject"), "")
		if by.IsZero() {
			by, _ = a.principal("", link.Raw("firstPartyPrincipal.serviceMetadata.principalSubject", "thirdPartyPrincipal.thirdPartyClaims.principalSubject"), "")
		}
		if !by.IsZero() && by != ev.Identity {
			ev.Via = append(ev.Via, by)
		}
	}
	if ev.Origin.Workload = a.workload(info.Raw("principalSubject")); !ev.Origin.Workload.IsZero() {
		return
	}
	for _, link := range chain {
		if w := a.workload(link.Raw("principalSubject")); !w.IsZero() {
			ev.Origin.Workload = w
			return
		}
	}
}

// principal names a caller as the policies' members are named. Person is true
// for accounts of people.
func (a *auditEntry) principal(email, subject, key string) (who retinue.Ref, person bool) {
	kind, name, ok := strings.Cut(subject, ":")
	switch {
	case strings.Contains(subject, ".svc.id.goog["), strings.HasPrefix(subject, "principal://"):
		return a.federatedSubject(subject), strings.Contains(subject, "/workforcePools/")
	case email == "" && ok && (kind == "user" || kind == "serviceAccount"):
		email = name
	case email == "":
		return entry.Ref(a.realm, "principal", subject), false
	}
	email = strings.ToLower(retinue.CleanName(strings.TrimSpace(email)))
	switch {
	case email == "" || email == "system@google.com":
		return retinue.Ref{}, false
	case strings.HasPrefix(email, "system:"): // a subject of a cluster, in the cluster's own words
		return entry.Ref(a.realm, "kubernetes_subject", email), false
	case !strings.Contains(email, "@"): // redacted, or cut by a collector
		return entry.Ref(a.realm, "principal", email), false
	case strings.HasSuffix(email, "gserviceaccount.com"), kind == "serviceAccount":
		return a.serviceAccount(email, key), false
	}
	return entry.Ref(google(email), "user", email), true
}

// serviceAccount names an account in the project that its address tells, or that
// the name of its key does.
func (a *auditEntry) serviceAccount(email, key string) retinue.Ref {
	if !strings.HasSuffix(email, "gserviceaccount.com") {
		if project := a.projectIn(key); project != "" {
			return entry.Ref(realmOf(project), "service_account", email)
		}
	}
	ref := a.account(email)
	return entry.Ref(ref.Realm, ref.Kind, ref.Key)
}

// federatedSubject names a subject of a pool as a policy's member does. The
// realm is the project of the pool.
func (a *auditEntry) federatedSubject(subject string) retinue.Ref {
	realm := a.realm
	if p := a.projectIn(subject); p != "" {
		realm = realmOf(p)
	} else if project, _, ok := strings.Cut(strings.TrimPrefix(subject, "serviceAccount:"), ".svc.id.goog["); ok {
		realm = realmOf("projects/" + project)
	}
	return entry.Ref(realm, "federated", subject)
}

// workload is the pod's account or the pipeline behind a subject of a pool.
// Which cluster or which forge it is of is the pool's word and not in the entry;
// the realm is the pool's.
func (a *auditEntry) workload(subject string) retinue.Ref {
	if strings.Contains(subject, ".svc.id.goog[") {
		return a.federatedSubject(subject)
	}
	_, what, ok := strings.Cut(subject, "/workloadIdentityPools/")
	if !ok || !strings.HasPrefix(subject, "principal://") {
		return retinue.Ref{}
	}
	pool, sub, _ := strings.Cut(what, "/subject/")
	switch {
	case strings.HasPrefix(sub, "repo:"), strings.HasPrefix(sub, "project_path:"):
		return entry.Ref(a.federatedSubject(subject).Realm, "pipeline", sub)
	case strings.HasSuffix(pool, ".svc.id.goog"), strings.HasPrefix(sub, "system:serviceaccount:"):
		return entry.Ref(a.federatedSubject(subject).Realm, "kubernetes_subject", pool+"/"+sub)
	}
	return retinue.Ref{}
}

// key reads the name of a service account's key.
func (a *auditEntry) key(name string) (account retinue.Ref, id string, ok bool) {
	_, rest, ok := strings.Cut(name, "/serviceAccounts/")
	if !ok {
		return retinue.Ref{}, "", false
	}
	owner, id, ok := strings.Cut(rest, "/keys/")
	id = retinue.CleanName(id)
	if !ok || id == "" {
		return retinue.Ref{}, "", false
	}
	if !strings.Contains(owner, "@") {
		owner = a.payload.Raw("authenticationInfo.principalEmail") // the account by its number
	}
	account = a.serviceAccount(strings.ToLower(owner), name)
	return account, id, !account.IsZero()
}
