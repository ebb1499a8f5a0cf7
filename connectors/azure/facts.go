package azure

import (
	"encoding/base64"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/export"
)

const (
	microsoft       = retinue.Realm("azure:microsoft")
	microsoftTenant = "f8cdef31-a31e-4b4a-93e4-5f571e91255a" // owns Microsoft's own applications
)

// directory is what the first reading knows of the tenant's objects.
type directory struct {
	kinds map[string]string            // object id to the kind of its ref
	roles map[string]map[string]string // service principal to its application permissions by id
	sps   map[string]string            // application id to its service principal
	apps  map[string]string            // application id to its registration
}

// mapper turns objects into facts.
type mapper struct {
	*directory
	realm retinue.Realm
	w     *export.Writer
	at    time.Time
	// unnamed counts last sign-ins of which the export does not say whose they are.
	unnamed int
}

func lower(s string) string { return strings.ToLower(retinue.CleanName(strings.TrimSuffix(s, "/"))) }

func (m *mapper) ref(kind, key string) retinue.Ref { return retinue.NewRef(m.realm, kind, lower(key)) }

// object names an object of the directory; hint is its kind where this place
// tells it.
func (m *mapper) object(id, hint string) retinue.Ref {
	if k := m.kinds[lower(id)]; k != "" {
		return m.ref(k, id)
	}
	switch strings.ToLower(strings.TrimPrefix(hint, "#microsoft.graph.")) {
	case "user":
		return m.ref("user", id)
	case "group", "foreigngroup":
		return m.ref("group", id)
	case "serviceprincipal", "msi":
		return m.ref("service_principal", id)
	}
	return m.ref("directory_object", id)
}

// covers opens the scope of a listing.
func (m *mapper) covers(basis string, path ...string) retinue.Scope {
	for i, elem := range path {
		if path[i] = retinue.CleanName(elem); elem == "" {
			path[i] = "-" // hostile input leaves out what names a listing
		}
	}
	sc := retinue.NewScope(m.realm, path...)
	m.w.Covers(sc, m.at, connector.Completion{Authority: connector.AuthoritySystem,
		Basis: basis + " was read to its end; that it was not filtered or cut is its maker's word"})
	return sc
}

// element states one object. The error is the sink's.
func (m *mapper) element(e *element, k kind) error {
	switch k {
	case kindServicePrincipal:
		return m.servicePrincipal(e)
	case kindApplication:
		return m.application(e)
	case kindManagedIdentity:
		return m.managedIdentity(e)
	case kindGroup:
		return m.group(e)
	case kindUser:
		return m.user(e)
	case kindMembers:
		return m.members(e)
	case kindOwners:
		return m.owners(e)
	case kindFederated:
		return m.federation(e)
	case kindCredentialSignIn:
		return m.credentialSignIn(e)
	case kindPrincipalSignIn:
		return m.principalSignIn(e)
	case kindSubscription:
		return m.subscription(e)
	case kindManagementGroup:
		return m.managementGroup(e, "", 0)
	case kindResource:
		return m.resource(e)
	}
	return m.policy(e, k)
}

func (m *mapper) tenantRef() retinue.Ref { return m.ref("tenant", m.realm.ID()) }

func (m *mapper) servicePrincipal(e *element) error {
	sc := m.covers("the listing of service principals", "directory", "service-principals")
	ref := m.ref("service_principal", e.ID)
	id := retinue.Identity{Ref: ref, Name: retinue.CleanName(e.DisplayName), Kind: retinue.IdentityServicePrincipal, Subtype: e.SPType, Class: retinue.ClassNonHuman,
		ClassReason: "A service principal is an application's identity.", State: retinue.StateActive, Container: m.tenantRef(), CreatedAt: moment(e.Created),
		Description: e.Description, Attrs: retinue.Attrs{"appId": lower(e.AppID)}}
	if e.Enabled != nil && !*e.Enabled {
		id.State, id.StateReason = retinue.StateDisabled, "Sign-in is disabled."
	}
	if e.SPType == "ManagedIdentity" {
		id.Kind, id.ClassReason = retinue.IdentityManagedIdentity, "A managed identity belongs to machines."
		for _, n := range e.AlternativeNames {
			if strings.HasPrefix(n, "/subscriptions/") {
				id.Attrs["resource"] = lower(n)
			}
		}
	}
	switch owner := lower(e.OwnerTenant); {
	case owner == microsoftTenant:
		id.Managed, id.Publisher = retinue.ManagedByProvider, "Microsoft"
	case owner != "" && owner != m.realm.ID():
		id.Publisher = retinue.CleanName(e.PublisherName)
		if id.Publisher == "" {
			id.Publisher = "tenant " + owner
		}
		id.Attrs["homeTenant"] = owner
	}
	facts := append([]retinue.Fact{id}, m.credentials(e, ref)...)
	if app := m.apps[lower(e.AppID)]; app != "" {
		facts = append(facts, retinue.Trust{Subject: ref, Kind: retinue.TrusteePrincipal, Trustee: m.ref("application", app), Name: "credentials of the app registration"})
	}
	return m.w.Emit(sc, append(facts, m.owned(ref, e.Owners)...)...)
}

func (m *mapper) application(e *element) error {
	sc := m.covers("the listing of app registrations", "directory", "applications")
	ref := m.ref("application", e.ID)
	id := retinue.Identity{Ref: ref, Name: retinue.CleanName(e.DisplayName), Kind: retinue.IdentityApp, Subtype: "app_registration", Class: retinue.ClassNonHuman,
		ClassReason: "An app registration is an application.", State: retinue.StateActive, Container: m.tenantRef(), CreatedAt: moment(e.Created),
		Description: e.Description + e.Notes, Attrs: retinue.Attrs{"appId": lower(e.AppID), "signInAudience": retinue.CleanName(e.SignIn)}}
	holder := ref
	if sp := m.sps[lower(e.AppID)]; sp != "" {
		holder = m.ref("service_principal", sp)
	}
	facts := append([]retinue.Fact{id}, m.credentials(e, holder)...)
	for i := range e.Federated {
		facts = append(facts, m.trust(holder, &e.Federated[i]))
	}
	return m.w.Emit(sc, append(facts, m.owned(ref, e.Owners)...)...)
}

// credentials are the secrets and certificates of an application. They act as
// its service principal.
func (m *mapper) credentials(e *element, holder retinue.Ref) []retinue.Fact {
	var out []retinue.Fact
	add := func(kind retinue.CredentialKind, refKind string, s *secret) {
		if s.KeyID == "" {
			return
		}
		c := retinue.Credential{Ref: m.ref(refKind, s.KeyID), Name: retinue.CleanName(s.DisplayName), Kind: kind, Subtype: "entra_" + refKind, Identity: holder,
			State: retinue.CredentialActive, Joins: []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "azure:" + lower(s.KeyID)}},
			CreatedAt: moment(s.StartDateTime), NotBefore: moment(s.StartDateTime), ExpiresAt: moment(s.EndDateTime), Attrs: retinue.Attrs{}}
		if kind == retinue.CredentialCertificate {
			c.Attrs["usage"] = retinue.CleanName(s.Usage)
			if t := thumbprint(s.Custom); t != "" {
				c.Attrs["thumbprint"] = t
			}
		}
		if e.SPType == "ManagedIdentity" {
			c.Managed, c.ShortLived = retinue.ManagedByProvider, true
		}
		out = append(out, c)
	}
	for i := range e.Passwords {
		add(retinue.CredentialClientSecret, "client_secret", &e.Passwords[i])
	}
	for i := range e.Keys {
		add(retinue.CredentialCertificate, "certificate", &e.Keys[i])
	}
	return out
}

// thumbprint is a certificate's SHA-1, which Graph gives in base64 and `az` in
// hexadecimal.
func thumbprint(s string) string {
	if len(s) == 40 && strings.Trim(s, "0123456789abcdefABCDEF") == "" {
		return strings.ToUpper(s)
	}
	if b, err := base64.StdEncoding.DecodeString(s); err == nil && len(b) == 20 {
		return strings.ToUpper(hex.EncodeToString(b))
	}
	return "" // a name that somebody chose
}

// moment reads a time; zero where there is none.
func moment(s string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// owned states who owns an application, service principal or group: owners can
// add secrets to it.
func (m *mapper) owned(ref retinue.Ref, owners []member) []retinue.Fact {
	var out []retinue.Fact
	for _, o := range owners {
		if o.ID == "" {
			continue
		}
		candidate := o.UPN
		if candidate == "" {
			candidate = o.ID
		}
		out = append(out, retinue.OwnerSignal{Subject: ref, Candidate: retinue.CleanName(candidate), Signal: "directory", Quote: "owner in Entra"},
			retinue.Trust{Subject: ref, Kind: retinue.TrusteePrincipal, Trustee: m.object(o.ID, o.Type), Name: "owner", Attrs: retinue.Attrs{"ownership": true}})
	}
	return out
}

func (m *mapper) owners(e *element) error {
	sc := m.covers("AzureHound's listing of owners", "directory", "owners")
	ref := m.object(e.ID, "servicePrincipal")
	if e.AppID != "" {
		app := m.apps[lower(e.AppID)]
		if app == "" {
			return nil // AzureHound names the registration by its application id
		}
		ref = m.ref("application", app)
	}
	return m.w.Emit(sc, m.owned(ref, e.Owners)...)
}

func (m *mapper) trust(subject retinue.Ref, f *federated) retinue.Trust {
	t := retinue.Trust{Subject: subject, Kind: retinue.TrusteeFederated, Name: retinue.CleanName(f.Issuer),
		Federation: &retinue.Federation{Issuer: retinue.CleanName(f.Issuer), Subject: retinue.CleanName(f.Subject)}, Attrs: retinue.Attrs{"credential": retinue.CleanName(f.Name)}}
	if len(f.Audiences) == 1 {
		t.Federation.Audience = retinue.CleanName(f.Audiences[0])
	}
	return t
}

// federation states a federated credential of a managed identity, whose id
// names it. One of an app registration that stands alone does not say whose it
// is.
func (m *mapper) federation(e *element) error {
	resource, _, ok := strings.Cut(lower(e.ID), "/federatedidentitycredentials/")
	if !ok {
		return nil
	}
	sc := m.covers("the listing of federated credentials", "managed-identities", "federated", resource)
	return m.w.Emit(sc, m.trust(m.ref("managed_identity", resource), &federated{Name: e.Name, Issuer: e.Issuer, Subject: e.Subject, Audiences: e.Audiences}))
}

// managedIdentity states a user-assigned identity as the resource that it is,
// which runs as its service principal.
func (m *mapper) managedIdentity(e *element) error {
	sc := m.covers("az identity list", "managed-identities", "subscription", subscriptionOf(e.ID))
	r := retinue.Resource{Ref: m.ref("managed_identity", e.ID), Name: retinue.CleanName(e.Name), Kind: "managed_identity", Container: m.groupOf(e.ID), Region: e.Location,
		Labels: e.Tags, Attrs: retinue.Attrs{"clientId": lower(e.ClientID)}}
	sp := m.ref("service_principal", e.PrincipalID)
	facts := []retinue.Fact{r}
	if e.PrincipalID != "" {
		r.RunsAs = []retinue.Ref{sp}
		facts[0] = r
		facts = append(facts, retinue.Identity{Ref: sp, Name: retinue.CleanName(e.Name), Kind: retinue.IdentityManagedIdentity, Subtype: "ManagedIdentity", Class: retinue.ClassNonHuman,
			ClassReason: "A managed identity belongs to machines.", State: retinue.StateActive, Container: m.groupOf(e.ID), Labels: e.Tags,
			Attrs: retinue.Attrs{"appId": lower(e.ClientID), "resource": lower(e.ID)}})
	}
	return m.w.Emit(sc, append(facts, tagOwners(r.Ref, e.Tags)...)...)
}

func tagOwners(subject retinue.Ref, tags map[string]string) []retinue.Fact {
	var out []retinue.Fact
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		v := tags[name]
		switch plain := strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "").Replace(name)); plain {
		case "owner", "team", "contact", "maintainer", "createdby":
			if v = strings.TrimSpace(v); v != "" && !seen[v] {
				seen[v] = true
				out = append(out, retinue.OwnerSignal{Subject: subject, Candidate: v, Signal: "tag", Quote: plain + "=" + v})
			}
		}
	}
	return out
}

func (m *mapper) group(e *element) error {
	sc := m.covers("the listing of groups", "directory", "groups")
	g := retinue.Group{Ref: m.ref("group", e.ID), Name: retinue.CleanName(e.DisplayName), Container: m.tenantRef(), Attrs: retinue.Attrs{}}
	if e.Assignable != nil {
		g.Attrs["roleAssignable"] = *e.Assignable
	}
	if err := m.w.Emit(sc, append([]retinue.Fact{g}, m.owned(g.Ref, e.Owners)...)...); err != nil || e.Members == nil {
		return err
	}
	return m.members(e)
}

func (m *mapper) members(e *element) error {
	if e.ID == "" {
		return nil
	}
	sc := m.covers("the listing of the group's members", "directory", "group-members", lower(e.ID))
	facts := make([]retinue.Fact, 0, len(e.Members))
	for _, x := range e.Members {
		if x.ID != "" {
			facts = append(facts, retinue.Membership{Group: m.ref("group", e.ID), Member: m.object(x.ID, x.Type)})
		}
	}
	return m.w.Emit(sc, facts...)
}

func (m *mapper) user(e *element) error {
	sc := m.covers("the listing of users", "directory", "users")
	id := retinue.Identity{Ref: m.ref("user", e.ID), Name: retinue.CleanName(e.UPN), Kind: retinue.IdentityUser, Subtype: "entra_user", Class: retinue.ClassPerson,
		ClassReason: "A user of Entra is made for a person.", State: retinue.StateUnknown, Container: m.tenantRef(), Attrs: retinue.Attrs{"displayName": retinue.CleanName(e.DisplayName)}}
	if e.Enabled != nil {
		id.State = retinue.StateActive
		if !*e.Enabled {
			id.State, id.StateReason = retinue.StateDisabled, "Sign-in is disabled."
		}
	}
	if e.UserType != "" {
		id.Attrs["userType"] = retinue.CleanName(e.UserType)
	}
	return m.w.Emit(sc, id)
}
