package kubernetes

import (
	"strings"
	"sync"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/secrets"
)

// mapper turns objects into facts, the same for a live cluster and for files.
// It remembers only what facts about other objects need: which accounts turn
// automounting off or on.
type mapper struct {
	realm  retinue.Realm
	issuer string // of service account tokens, "" where it is not known
	env    connector.Env
	// scanner tells what values of Secrets are; nil leaves them unread.
	scanner *secrets.Scanner

	// listed says which kinds are read in a namespace, so that a pod of a
	// Deployment is left to the Deployment.
	listed func(k kind, namespace string) bool

	mu        sync.Mutex
	automount map[string]bool // by account key, where the account says so
}

// batch is facts of one scope. Shared facts may be stated by several objects of
// the scope; the first one counts.
type batch struct {
	scope  retinue.Scope
	facts  []retinue.Fact
	shared []retinue.Fact
	// once marks a scope that is complete with this batch.
	once bool
}

func newMapper(realm retinue.Realm, env connector.Env) *mapper {
	return &mapper{
		realm: realm, env: env, automount: map[string]bool{},
		listed: func(kind, string) bool { return true },
	}
}

// facts states what one object of a kind says. Objects that say nothing, such
// as pods of a Deployment, give no batch.
func (m *mapper) facts(k kind, h head, raw []byte) ([]batch, error) {
	switch k.name {
	case "Namespace":
		return m.namespace(h), nil
	case "ServiceAccount":
		return m.account(h, raw)
	case "Role", "ClusterRole":
		return m.role(k, h, raw)
	case "RoleBinding", "ClusterRoleBinding":
		return m.binding(k, h, raw)
	case "CertificateSigningRequest":
		return m.request(h, raw)
	case "Secret":
		return m.secret(h, raw)
	}
	return m.workload(k, h, raw)
}

func (m *mapper) ref(kind, key string) retinue.Ref { return retinue.NewRef(m.realm, kind, key) }

func (m *mapper) namespaceRef(name string) retinue.Ref {
	if name == "" {
		return retinue.Ref{}
	}
	return m.ref("namespace", name)
}

func (m *mapper) clusterRef() retinue.Ref { return m.ref("cluster", m.realm.ID()) }

// namespace states a namespace in a scope of its own, so that naming some
// namespaces to read completes just those.
func (m *mapper) namespace(h head) []batch {
	n := h.Metadata.Name
	facts := []retinue.Fact{retinue.Container{
		Ref: m.namespaceRef(n), Name: n, Kind: retinue.ContainerNamespace, Parent: m.clusterRef(),
		State: retinue.StateActive, Labels: h.Metadata.labels(),
	}}
	facts = append(facts, ownerSignals(m.namespaceRef(n), h.Metadata)...)
	return []batch{{scope: namespaceScope(m.realm, n), facts: facts, once: true}}
}

// clusterFacts states the cluster and the groups that every cluster has.
func (m *mapper) clusterFacts(name, version string) []retinue.Fact {
	attrs := retinue.Attrs{}
	if version != "" {
		attrs["version"] = version
	}
	if m.issuer != "" {
		attrs["tokenIssuer"] = m.issuer
	}
	if len(attrs) == 0 {
		attrs = nil
	}
	facts := []retinue.Fact{retinue.Container{
		Ref: m.clusterRef(), Name: name, Kind: retinue.ContainerCluster, State: retinue.StateActive, Attrs: attrs,
	}}
	for _, g := range []string{groupAuthenticated, groupUnauthenticated, groupAccounts} {
		facts = append(facts, m.group(g))
	}
	return append(facts, retinue.Membership{Group: m.ref("group", groupAuthenticated), Member: m.ref("group", groupAccounts)})
}

// referred states the Secrets that an object names. They may not exist.
func (m *mapper) referred(k kind, namespace, account string, u uses) batch {
	b := batch{scope: referenceScope(m.realm, namespace, k)}
	for _, name := range u.secrets() {
		c := retinue.Credential{
			Ref: m.secretRef(namespace, name), Name: name, Kind: retinue.CredentialGenericSecret, State: retinue.CredentialUnknown,
		}
		// Servers before 1.24 made a token Secret of this name for each
		// account and mounted it into its pods.
		if strings.HasPrefix(name, account+"-token-") {
			c.Kind, c.Subtype, c.Identity = retinue.CredentialServiceToken, typeAccountToken, m.accountRef(namespace, account)
		}
		b.shared = append(b.shared, c)
	}
	return b
}

func (m *mapper) secretRef(namespace, name string) retinue.Ref {
	return m.ref("secret", namespace+"/"+name)
}
