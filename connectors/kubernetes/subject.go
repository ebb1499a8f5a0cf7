package kubernetes

import (
	"strings"

	"github.com/retinue-id/retinue"
)

// userRef names a user; the user names of service accounts name those.
func (m *mapper) userRef(name string) retinue.Ref {
	if rest, ok := strings.CutPrefix(name, accountPrefix); ok {
		namespace, account, ok := strings.Cut(rest, ":")
		if ok && namespace != "" && account != "" && !strings.Contains(account, ":") {
			return m.accountRef(namespace, account)
		}
	}
	return m.ref("user", name)
}

// user states a user that a binding or certificate names. The cluster keeps no
// list of users: whether one exists is known to what authenticates it.
func (m *mapper) user(name string) retinue.Identity {
	class, reason, managed := classifyUser(name)
	return retinue.Identity{
		Ref: m.ref("user", name), Name: name, Kind: retinue.IdentityUser, Subtype: "user", Class: class,
		ClassReason: reason, State: retinue.StateUnknown, StateReason: "the cluster keeps no list of users",
		Container: m.clusterRef(), Managed: managed,
	}
}

// classifyUser says whether a user name is a person's, as far as the name
// tells.
func classifyUser(name string) (retinue.Class, string, retinue.Management) {
	switch {
	case name == "system:anonymous":
		return retinue.ClassNonHuman, "stands for requests without credentials", retinue.ManagedByProvider
	case strings.HasPrefix(name, "system:node:"):
		return retinue.ClassNonHuman, "the kubelet of a node", retinue.ManagedByProvider
	case strings.HasPrefix(name, "system:"):
		return retinue.ClassNonHuman, "a component of the control plane: the prefix system: is reserved for them", retinue.ManagedByProvider
	case strings.HasPrefix(name, "eks:"), strings.HasPrefix(name, "aks-"):
		return retinue.ClassNonHuman, "a component of the cloud's managed control plane, by its prefix", retinue.ManagedByProvider
	case strings.HasSuffix(name, ".gserviceaccount.com"):
		return retinue.ClassNonHuman, "a Google Cloud service account, by its address", ""
	case strings.Contains(name, ":role/"), strings.Contains(name, ":assumed-role/"):
		return retinue.ClassUnclear, "an AWS role, which people and software can assume", ""
	case isAddress(name):
		return retinue.ClassPerson, "the user name is an e-mail address", ""
	}
	return retinue.ClassUnclear, "the cluster knows users by name only, and this name does not say", ""
}

// isAddress reports a name of the form of an e-mail address, with the prefix
// that OIDC set-ups put before it ("oidc:ann@example.com").
func isAddress(name string) bool {
	local, domain, ok := strings.Cut(name, "@")
	return ok && local != "" && strings.Contains(domain, ".") && !strings.ContainsAny(domain, "@/ :")
}

// group states a group that a binding names or that the server makes.
func (m *mapper) group(name string) retinue.Group {
	g := retinue.Group{Ref: m.ref("group", name), Name: name, Container: m.clusterRef()}
	if strings.HasPrefix(name, "system:") {
		g.Managed = retinue.ManagedByProvider
	}
	if ns, ok := strings.CutPrefix(name, groupAccounts+":"); ok && ns != "" {
		g.Container = m.namespaceRef(ns)
	}
	return g
}
