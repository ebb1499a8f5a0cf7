package kubernetes

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// Groups that the server itself puts its callers into.
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings
const (
	groupAuthenticated   = "system:authenticated"
	groupUnauthenticated = "system:unauthenticated"
	groupAccounts        = "system:serviceaccounts"
	accountPrefix        = "system:serviceaccount:"
)

// serviceAccount is what is read of a ServiceAccount.
type serviceAccount struct {
	Secrets          []localRef `json:"secrets"`
	ImagePullSecrets []localRef `json:"imagePullSecrets"`
	Automount        *bool      `json:"automountServiceAccountToken"`
}

type localRef struct {
	Name string `json:"name"`
}

// accountRef names a service account.
func (m *mapper) accountRef(namespace, name string) retinue.Ref {
	return m.ref("service_account", namespace+"/"+name)
}

// noteAutomount remembers what an account says about mounting its token.
func (m *mapper) noteAutomount(h head, raw []byte) {
	var sa serviceAccount
	if decode(raw, &sa) != nil || sa.Automount == nil {
		return
	}
	m.mu.Lock()
	m.automount[h.Metadata.key()] = *sa.Automount
	m.mu.Unlock()
}

// account states a service account, its groups, the Secrets it names and the
// cloud identities it is bound to.
func (m *mapper) account(h head, raw []byte) ([]batch, error) {
	var sa serviceAccount
	if err := decode(raw, &sa); err != nil {
		return nil, err
	}
	m.noteAutomount(h, raw)
	md := h.Metadata
	id := m.accountIdentity(md, sa)
	b := batch{scope: kindAccount.scope(m.realm, md.Namespace)}
	group := groupAccounts + ":" + md.Namespace
	b.facts = append(b.facts, id, retinue.Membership{Group: m.ref("group", group), Member: id.Ref})
	b.shared = append(b.shared, m.group(group), retinue.Membership{Group: m.ref("group", groupAccounts), Member: m.ref("group", group)})
	used := sa.uses()
	b.facts = append(b.facts, m.placements(md.Namespace, id.Ref, used)...)
	b.facts = append(b.facts, m.cloudTrusts(md, id.Ref)...)
	b.facts = append(b.facts, ownerSignals(id.Ref, md)...)
	return []batch{b, m.referred(kindAccount, md.Namespace, md.Name, used)}, nil
}

func (m *mapper) accountIdentity(md meta, sa serviceAccount) retinue.Identity {
	id := retinue.Identity{
		Ref: m.accountRef(md.Namespace, md.Name), Name: md.Name, Kind: retinue.IdentityServiceAccount,
		Subtype: "service_account", Class: retinue.ClassNonHuman, ClassReason: "service accounts are made for software",
		State: retinue.StateActive, Container: m.namespaceRef(md.Namespace), CreatedAt: md.created(),
		Federation: &retinue.Federation{Issuer: m.issuer, Subject: accountPrefix + md.Namespace + ":" + md.Name},
		Labels:     md.labels(),
	}
	switch {
	case md.Name == "default":
		id.Managed = retinue.ManagedByPlatform
	case isControllerAccount(md.Namespace, md.Name):
		id.Managed = retinue.ManagedByProvider
	}
	if sa.Automount != nil {
		id.Attrs = retinue.Attrs{"automount": *sa.Automount}
	}
	return id
}

// uses returns the Secrets that an account names: the token Secrets that
// servers before 1.24 made for each account, and the image pull Secrets that
// pods of the account inherit.
func (sa *serviceAccount) uses() uses {
	u := uses{}
	for _, s := range sa.Secrets {
		u.add(s.Name, "", "service account")
	}
	for _, s := range sa.ImagePullSecrets {
		u.add(s.Name, "", "image pull")
	}
	return u
}

func validName(name string) bool { return name != "" && len(name) <= maxName }

// isControllerAccount reports the accounts that the control plane makes for its
// own controllers in kube-system.
func isControllerAccount(namespace, name string) bool {
	if namespace != "kube-system" {
		return false
	}
	// The controllers of kube-controller-manager that run under an account of
	// their own (--use-service-account-credentials) and whose names do not
	// end in "-controller"; see cmd/kube-controller-manager/names of
	// Kubernetes.
	return strings.HasSuffix(name, "-controller") || slices.Contains([]string{
		"bootstrap-signer", "generic-garbage-collector", "horizontal-pod-autoscaler", "legacy-service-account-token-cleaner",
		"persistent-volume-binder", "pod-garbage-collector", "root-ca-cert-publisher", "token-cleaner",
		"validatingadmissionpolicy-status-controller", "kube-apiserver-serving-clustertrustbundle-publisher",
		"selinux-warning-controller", "device-taint-eviction-controller", "storage-version-garbage-collector",
		"kube-proxy", "coredns", "service-cidrs-controller",
	}, name)
}

// ownerSignals quotes labels and annotations that say who answers for a thing.
func ownerSignals(subject retinue.Ref, md meta) []retinue.Fact {
	found := map[string]retinue.Fact{}
	for _, src := range []struct {
		what string
		from map[string]string
	}{{"annotation", md.Annotations}, {"label", md.Labels}} {
		for key, value := range src.from {
			if value == "" || len(value) > maxName || !isOwnerKey(key) {
				continue
			}
			value := retinue.CleanName(value)
			quote := src.what + " " + retinue.CleanName(key) + "=" + value
			if have, ok := found[value].(retinue.OwnerSignal); ok && have.Quote <= quote {
				continue // one signal a candidate, the same whatever the order
			}
			found[value] = retinue.OwnerSignal{Subject: subject, Candidate: value, Signal: "label", Quote: quote}
		}
	}
	out := make([]retinue.Fact, 0, len(found))
	for _, f := range found {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b retinue.Fact) int { return a.FactRef().Compare(b.FactRef()) })
	return out
}

// isOwnerKey reports label and annotation keys that name an owner, with or
// without a prefix: "owner", "example.com/team".
func isOwnerKey(key string) bool {
	name := key[strings.LastIndexByte(key, '/')+1:]
	return slices.Contains([]string{"owner", "team", "contact", "squad", "owned-by", "maintainer", "maintainers"}, strings.ToLower(name))
}
