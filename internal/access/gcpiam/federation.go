package gcpiam

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// Provider is an issuer whose tokens a workload identity pool takes.
type Provider struct {
	Ref  retinue.Ref
	Name string // full name, projects/N/locations/global/workloadIdentityPools/P/providers/X
	// Type is "oidc", "aws", "saml" or "x509".
	Type   string
	Issuer string
	// Audiences are those that a token may be meant for. Where the provider
	// names none it is the provider's own name with https://iam.googleapis.com/
	// before it ("Configure Workload Identity Federation with other identity
	// providers").
	Audiences []string
	// Mapping says by an expression on the token's claims ("assertion") what
	// "google.subject", "google.groups" and "attribute.NAME" hold.
	Mapping map[string]string
	// Condition is an expression that must hold of a token; empty for none.
	Condition string
	Disabled  bool
}

// Federated is an identity of a workload or workforce identity pool, or a set of
// them, that policies speak of. Tokens that match it act as it, and through it
// as Accounts.
type Federated struct {
	// Ref is the inventory's, and so the node in the graph.
	Ref retinue.Ref
	// Member is the principal as policies name it.
	Member string
	// Pool is the pool's full name, without its service.
	Pool string
	// Providers are the pool's issuers as far as they are known.
	Providers []Provider
	// Subject is the one subject that is meant, as google.subject; Attribute and
	// Value are an attribute ("attribute.repository", "group") and what it holds.
	// All is true where every identity of the pool is meant. Of the three exactly
	// one is given.
	Subject          string
	Attribute, Value string
	All              bool
	// Accounts are the service accounts that it can act as.
	Accounts []FederatedAccount
}

// FederatedAccount is a service account that federated identities can act as.
type FederatedAccount struct {
	Ref     retinue.Ref
	Because []access.Reason
	Remains []access.Condition
	Unread  []string
}

// Federation lists the federated identities and sets of them, sorted by their
// text, with the service accounts that they can act as: those on which they hold
// iam.serviceAccounts.getAccessToken, as Workload Identity User grants it.
// Workforce pools, which are for people, are among them.
func (e *Engine) Federation() []Federated {
	var out []Federated
	for _, key := range e.order {
		s := e.subjects[key]
		m := parseMember(s.id)
		if m.pool == "" {
			continue
		}
		f := Federated{Ref: s.ref, Member: s.id, Pool: strings.TrimPrefix(m.pool, "iam.googleapis.com/"), All: m.kind == memberPool}
		switch m.kind {
		case memberExact:
			f.Subject = m.value
		case memberPoolSet:
			f.Attribute, f.Value = m.name, m.value
		}
		f.Providers = e.providersIn(f.Pool)
		f.Accounts = e.accountsOf(s.id)
		out = append(out, f)
	}
	return out
}

func (e *Engine) accountsOf(id string) []FederatedAccount {
	const permission = "iam.serviceAccounts.getAccessToken"
	h := &hunter{x: e.x, p: Principal{ID: id}, who: e.x.resolve(Principal{ID: id}), cache: map[[2]string]access.Decision{}, held: map[string]bool{}}
	if !h.mayHold([]Need{{permission, OnTarget}}) {
		return nil
	}
	var out []FederatedAccount
	for i := range e.x.state.ServiceAccounts {
		a := &e.x.state.ServiceAccounts[i]
		d := h.ask(permission, a.name())
		if a.Disabled || d.Outcome != access.Allowed && d.Outcome != access.Conditional {
			continue
		}
		s := e.subjects[parseMember("serviceAccount:"+a.Email).key]
		out = append(out, FederatedAccount{Ref: s.ref, Because: d.Because, Remains: d.Remains, Unread: d.Unread})
	}
	slices.SortFunc(out, func(a, b FederatedAccount) int { return a.Ref.Compare(b.Ref) })
	return out
}

// providersIn finds a pool's providers by the pool's name with the project's
// number or id in it.
func (e *Engine) providersIn(pool string) []Provider { return e.providers[e.poolKey(pool)] }

// poolKey is a pool's name with the project in the one spelling that the
// hierarchy has.
func (e *Engine) poolKey(pool string) string {
	rest, ok := strings.CutPrefix(pool, "projects/")
	if !ok {
		return pool
	}
	project, path, _ := strings.Cut(rest, "/")
	if n := e.x.node("projects/" + project); n != nil {
		return n.name + "/" + path
	}
	return pool
}

// addProviders takes what the connector states of issuers.
func (e *Engine) addProviders(list []retinue.Resource) {
	e.providers = map[string][]Provider{}
	for _, r := range list {
		pool, _, ok := strings.Cut(r.Ref.Key, "/providers/")
		if !ok {
			continue
		}
		p := Provider{Ref: r.Ref, Name: r.Ref.Key, Mapping: map[string]string{}}
		p.Type, _ = r.Attrs["type"].(string)
		p.Issuer, _ = r.Attrs["issuer"].(string)
		p.Condition, _ = r.Attrs["attributeCondition"].(string)
		p.Disabled, _ = r.Attrs["disabled"].(bool)
		if p.Audiences = texts(r.Attrs["audiences"]); len(p.Audiences) == 0 && p.Type == "oidc" {
			p.Audiences = []string{"https://iam.googleapis.com/" + p.Name}
		}
		for _, kv := range texts(r.Attrs["attributeMapping"]) {
			k, v, _ := strings.Cut(kv, "=")
			p.Mapping[k] = v
		}
		key := e.poolKey(pool)
		e.providers[key] = append(e.providers[key], p)
	}
	for _, l := range e.providers {
		slices.SortFunc(l, func(a, b Provider) int { return strings.Compare(a.Name, b.Name) })
	}
}

// texts is an attribute that holds a list, as stated or as read back from JSON.
func texts(v any) []string {
	switch v := v.(type) {
	case []string:
		return v
	case []any:
		out := make([]string, 0, len(v))
		for _, e := range v {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}
