package azurerbac

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// The kinds of refs that the connector makes.
const (
	refServicePrincipal = "service_principal"
	refApplication      = "application"
	refUser             = "user"
	refGroup            = "group"
	refObject           = "directory_object"
	refManagedIdentity  = "managed_identity"
	refSubscription     = "subscription"
	refManagementGroup  = "management_group"
)

// realmKind is the kind of a tenant's realm; built-in roles have a realm of
// their own.
const (
	realmKind      = "azure"
	microsoftRealm = retinue.Realm("azure:microsoft")
)

// Collector builds a State for each tenant from the facts that the azure
// connector states. It is used by one goroutine. The zero Collector is ready.
type Collector struct {
	builtIn []retinue.Policy
	known   map[retinue.Ref]bool // documents
	tenants map[retinue.Realm]*tenantFacts
}

// tenantFacts is what was added of one tenant.
type tenantFacts struct {
	docs      []retinue.Policy
	scopes    map[string]Scope
	sps       map[string]*ServicePrincipal
	apps      map[string]*Application
	groups    map[string]*Group
	workloads map[string]*Workload
	identity  map[string]string // user-assigned identity by its resource id to its principal
	owners    []Ownership
	trusts    []retinue.Trust
	subjects  map[string]subject
	targets   map[string]retinue.Resource
	read      *Coverage
}

// subject is a principal of the inventory.
type subject struct {
	ref      retinue.Ref
	name     string
	disabled bool
}

// Facts are the types of fact that a Collector needs.
func Facts() []retinue.FactType {
	return []retinue.FactType{retinue.FactContainer, retinue.FactIdentity, retinue.FactGroup, retinue.FactPolicy,
		retinue.FactResource, retinue.FactMembership, retinue.FactAttachment, retinue.FactTrust}
}

// Reads reports whether a realm holds facts for a Collector.
func Reads(realm retinue.Realm) bool { return realm.Kind() == realmKind }

func (c *Collector) tenant(realm retinue.Realm) *tenantFacts {
	if c.tenants == nil {
		c.tenants = map[retinue.Realm]*tenantFacts{}
	}
	t := c.tenants[realm]
	if t == nil {
		t = &tenantFacts{scopes: map[string]Scope{}, sps: map[string]*ServicePrincipal{}, apps: map[string]*Application{}, groups: map[string]*Group{},
			workloads: map[string]*Workload{}, identity: map[string]string{}, subjects: map[string]subject{}, targets: map[string]retinue.Resource{},
			read: &Coverage{Assignments: map[string]bool{}, Denies: map[string]bool{}, Directory: map[string]bool{}}}
		c.tenants[realm] = t
	}
	return t
}

// Add takes a fact; those that play no part are passed over. It never fails: a
// document that cannot be read becomes a gap of its tenant.
func (c *Collector) Add(f retinue.Fact) error {
	realm := realmOf(f)
	switch {
	case realm.Kind() != realmKind:
		return nil
	case realm == microsoftRealm:
		if p, ok := f.(retinue.Policy); ok && p.Language == retinue.LanguageAzureRBAC {
			c.document(&c.builtIn, p)
		}
		return nil
	}
	t := c.tenant(realm)
	switch f := f.(type) {
	case retinue.Policy:
		if f.Language == retinue.LanguageAzureRBAC {
			c.document(&t.docs, f)
		}
	case retinue.Attachment:
		if f.Role == retinue.AttachIdentity || f.Role == retinue.AttachGroup {
			t.subject(f.Target, "", false)
		}
	case retinue.Container:
		t.container(f)
	case retinue.Resource:
		t.resource(f)
	case retinue.Identity:
		t.principal(f)
	case retinue.Group:
		assignable, _ := f.Attrs["roleAssignable"].(bool)
		t.group(f.Ref).RoleAssignable = assignable
		t.subject(f.Ref, f.Name, false)
	case retinue.Membership:
		g := t.group(f.Group)
		g.Members = append(g.Members, f.Member.Key)
		t.subject(f.Member, "", false)
	case retinue.Trust:
		t.trust(f)
	}
	return nil
}

// document keeps a document; of several of one Ref the first.
func (c *Collector) document(list *[]retinue.Policy, p retinue.Policy) {
	if c.known == nil {
		c.known = map[retinue.Ref]bool{}
	}
	if !c.known[p.Ref] {
		c.known[p.Ref] = true
		*list = append(*list, p)
	}
}

// realmOf is the realm that a fact belongs to.
func realmOf(f retinue.Fact) retinue.Realm {
	switch f := f.(type) {
	case retinue.Attachment:
		return f.Target.Realm
	case retinue.Membership:
		return f.Group.Realm
	case retinue.Trust:
		return f.Subject.Realm
	case nil:
		return ""
	}
	return f.FactRef().Realm
}

// subject remembers under which Ref the inventory knows an object; one that
// says what it is stands before a mere object.
func (t *tenantFacts) subject(ref retinue.Ref, name string, disabled bool) {
	switch ref.Kind {
	case refServicePrincipal, refApplication, refUser, refGroup, refObject:
	default:
		return
	}
	have := t.subjects[ref.Key]
	if have.ref.IsZero() || have.ref.Kind == refObject {
		have.ref = ref
	}
	have.name = cmp.Or(have.name, name)
	have.disabled = have.disabled || disabled
	t.subjects[ref.Key] = have
}

func (t *tenantFacts) container(k retinue.Container) {
	if k.Ref.Kind != refSubscription && k.Ref.Kind != refManagementGroup {
		return
	}
	s := t.scopes[k.Ref.Key]
	s.ID = k.Ref.Key
	if k.Parent.Kind == refManagementGroup {
		s.Parent = k.Parent.Key
	}
	s.Root = k.Ref.Kind == refManagementGroup && guid(k.Ref.Key) == k.Ref.Realm.ID()
	t.scopes[k.Ref.Key] = s
}

func (t *tenantFacts) resource(r retinue.Resource) {
	if r.Ref.Kind == refManagedIdentity {
		if len(r.RunsAs) == 1 {
			t.identity[r.Ref.Key] = r.RunsAs[0].Key
		}
		return
	}
	t.targets[r.Ref.Key] = r
	if len(r.RunsAs) == 0 {
		return
	}
	kind, _ := r.Attrs["type"].(string)
	w := &Workload{ID: r.Ref.Key, Type: kind}
	for _, p := range r.RunsAs {
		w.Principals = append(w.Principals, p.Key)
		t.subject(p, "", false)
	}
	t.workloads[r.Ref.Key] = w
}

func (t *tenantFacts) principal(i retinue.Identity) {
	disabled := i.State == retinue.StateDisabled
	t.subject(i.Ref, i.Name, disabled)
	appID, _ := i.Attrs["appId"].(string)
	switch i.Ref.Kind {
	case refServicePrincipal:
		p := t.sps[i.Ref.Key]
		if p == nil {
			p = &ServicePrincipal{ObjectID: i.Ref.Key}
			t.sps[i.Ref.Key] = p
		}
		resource, _ := i.Attrs["resource"].(string)
		p.AppID, p.Name, p.ManagedIdentity = cmp.Or(p.AppID, appID), cmp.Or(p.Name, i.Name), cmp.Or(p.ManagedIdentity, resource)
		_, foreign := i.Attrs["homeTenant"]
		p.Managed, p.Foreign = p.Managed || i.Managed == retinue.ManagedByProvider, p.Foreign || foreign
		if p.Disabled = p.Disabled || disabled; p.ManagedIdentity == "" && i.Kind == retinue.IdentityManagedIdentity {
			p.ManagedIdentity = i.Ref.Key // of a resource that is not known
		}
	case refApplication:
		t.apps[i.Ref.Key] = &Application{ObjectID: i.Ref.Key, AppID: appID, Name: i.Name}
	}
}

func (t *tenantFacts) group(ref retinue.Ref) *Group {
	g := t.groups[ref.Key]
	if g == nil {
		g = &Group{ID: ref.Key, Partial: true}
		t.groups[ref.Key] = g
	}
	return g
}

func (t *tenantFacts) trust(f retinue.Trust) {
	if owns, _ := f.Attrs["ownership"].(bool); owns {
		t.owners = append(t.owners, Ownership{ObjectID: f.Subject.Key, OwnerID: f.Trustee.Key})
		t.subject(f.Trustee, "", false)
	}
	if f.Federation != nil {
		t.trusts = append(t.trusts, f)
	}
}

// Coverage says what of a tenant was listed whole.
type Coverage struct {
	// Assignments and Denies are the places ("subscription/ID",
	// "management-group/NAME", "root") whose role and deny assignments were
	// listed. A listing of a subscription is taken to hold what it inherits, as
	// the documented command does with --include-inherited.
	Assignments, Denies map[string]bool
	// Directory are the listings of the directory: "role-assignments",
	// "app-role-assignments".
	Directory map[string]bool
}

// listed takes a scope that was listed whole.
func (t *tenantFacts) listed(s retinue.Scope) {
	if place, ok := strings.CutPrefix(s.Path, "rbac/role-assignments/"); ok {
		t.read.Assignments[place] = true
	} else if place, ok := strings.CutPrefix(s.Path, "rbac/deny-assignments/"); ok {
		t.read.Denies[place] = true
	} else if id, ok := strings.CutPrefix(s.Path, "directory/group-members/"); ok {
		t.group(retinue.NewRef(s.Realm, refGroup, id)).Partial = false
	} else if list, ok := strings.CutPrefix(s.Path, "directory/"); ok {
		t.read.Directory[list] = true
	}
}

// state puts together what was added of a tenant. gaps say which documents
// could not be read; the tenant then counts as not listed whole.
func (t *tenantFacts) state(builtIn []retinue.Policy) (s State, gaps []string) {
	s.Read = t.read
	for _, p := range slices.Concat(builtIn, t.docs) {
		if err := s.AddDocument(Document{Name: p.Ref.Key, Text: p.Document}); err != nil {
			gaps = append(gaps, err.Error())
			s.Read = &Coverage{}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(t.scopes)) {
		s.Scopes = append(s.Scopes, t.scopes[id])
	}
	for _, id := range slices.Sorted(maps.Keys(t.sps)) {
		s.ServicePrincipals = append(s.ServicePrincipals, *t.sps[id])
	}
	for _, id := range slices.Sorted(maps.Keys(t.apps)) {
		s.Applications = append(s.Applications, *t.apps[id])
	}
	for _, id := range slices.Sorted(maps.Keys(t.groups)) {
		s.Groups = append(s.Groups, *t.groups[id])
	}
	for _, id := range slices.Sorted(maps.Keys(t.workloads)) {
		s.Workloads = append(s.Workloads, *t.workloads[id])
	}
	s.Owners = t.owners
	return s, gaps
}

// Engine makes what was added ready for questions. gaps say, by realm, what else
// was not read, and read which scopes were listed whole: without them, what is not
// granted by the facts is not known to be denied. The Collector must not be used
// any more.
func (c *Collector) Engine(gaps map[retinue.Realm][]string, read []retinue.Scope) (*Engine, error) {
	e := &Engine{tenants: map[retinue.Realm]*tenant{}}
	for _, s := range read {
		if t := c.tenants[s.Realm]; t != nil {
			t.listed(s)
		}
	}
	for realm, facts := range c.tenants {
		s, own := facts.state(c.builtIn)
		x, err := New(s)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", realm, err)
		}
		t := &tenant{x: x, realm: realm, subjects: facts.subjects, targets: facts.targets, gaps: append(own, gaps[realm]...)}
		t.order = slices.Sorted(maps.Keys(facts.subjects))
		t.federation = facts.federation()
		e.tenants[realm] = t
		e.order = append(e.order, realm)
	}
	slices.Sort(e.order)
	return e, nil
}
