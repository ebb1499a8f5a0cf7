package gcpiam

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// The kinds of refs that the connector makes.
const (
	refAllowPolicy = "allow_policy"
	refDenyPolicy  = "deny_policy"
	refRole        = "role"
	refAccount     = "service_account"
	refUser        = "user"
	refGroup       = "group"
	refFederated   = "federated"
	refSet         = "principal_set"
	refProvider    = "workload_identity_provider"
)

// The realms: nodes of the hierarchy are "gcp:…", people and groups
// "google:DOMAIN"; predefined roles are the same everywhere.
const (
	realmKind  = "gcp"
	peopleKind = "google"
)

// Common is the realm of what is the same everywhere: predefined roles.
const Common = retinue.Realm("gcp:google")

// Collector builds a State from the facts that the gcp connector states, of as
// many projects, folders and organisations as are known: policies are inherited
// across realms. It is used by one goroutine. The zero Collector is ready.
type Collector struct {
	docs       []retinue.Policy
	known      map[retinue.Ref]bool   // documents
	attached   map[retinue.Ref]string // deny policy to its node
	containers []retinue.Container
	resources  []retinue.Resource
	accounts   []retinue.Identity
	members    map[retinue.Ref][]string
	groups     []retinue.Ref
	providers  []retinue.Resource
	subjects   map[string]subject // by the key of a member
	targets    map[string]retinue.Ref
	realms     map[retinue.Realm]bool
}

// subject is a principal of the inventory.
type subject struct {
	ref      retinue.Ref
	id       string // as a member of a policy
	name     string
	disabled bool
}

// Facts are the types of fact that a Collector needs.
func Facts() []retinue.FactType {
	return []retinue.FactType{retinue.FactContainer, retinue.FactIdentity, retinue.FactGroup, retinue.FactPolicy,
		retinue.FactResource, retinue.FactMembership, retinue.FactAttachment}
}

// Reads reports whether a realm holds facts for a Collector.
func Reads(realm retinue.Realm) bool { return realm.Kind() == realmKind || realm.Kind() == peopleKind }

// Add takes a fact; those that play no part are passed over. It never fails: a
// document that cannot be read becomes a gap of its realm.
func (c *Collector) Add(f retinue.Fact) error {
	if c.realms == nil {
		c.attached, c.members, c.realms = map[retinue.Ref]string{}, map[retinue.Ref][]string{}, map[retinue.Realm]bool{}
		c.known = map[retinue.Ref]bool{}
		c.subjects, c.targets = map[string]subject{}, map[string]retinue.Ref{}
	}
	switch f := f.(type) {
	case retinue.Policy:
		if f.Language == retinue.LanguageGCPIAM && !c.known[f.Ref] {
			c.known[f.Ref] = true // of several of one Ref the first counts
			c.docs = append(c.docs, f)
			c.knows(f.Ref.Realm)
		}
	case retinue.Attachment:
		c.attachment(f)
	case retinue.Container:
		if f.Ref.Realm.Kind() == realmKind {
			c.containers = append(c.containers, f)
			c.targets[f.Ref.Key] = f.Ref
			c.knows(f.Ref.Realm)
		}
	case retinue.Resource:
		if f.Ref.Realm.Kind() == realmKind {
			c.resource(f)
		}
	case retinue.Identity:
		c.identity(f)
	case retinue.Group:
		c.subject(f.Ref, f.Name, false)
	case retinue.Membership:
		c.membership(f)
	}
	return nil
}

func (c *Collector) knows(realm retinue.Realm) {
	if realm.Kind() == realmKind && realm != Common {
		c.realms[realm] = true
	}
}

func (c *Collector) attachment(a retinue.Attachment) {
	switch a.Role {
	case retinue.AttachDeny:
		if a.Policy.Kind == refDenyPolicy {
			c.attached[a.Policy] = a.Target.Key
		}
	case retinue.AttachResource:
		if a.Policy.Kind == refAllowPolicy {
			c.targets[CanonicalName(a.Policy.Key)] = a.Target
		}
	case retinue.AttachIdentity, retinue.AttachGroup:
		if a.Policy.Kind == refRole && a.Policy.Realm.Kind() == realmKind {
			c.subject(a.Target, "", false)
		}
	}
}

func (c *Collector) resource(r retinue.Resource) {
	c.knows(r.Ref.Realm)
	if r.Kind == refProvider {
		c.providers = append(c.providers, r)
		return
	}
	for _, a := range r.RunsAs {
		c.subject(a, "", false)
	}
	if strings.HasPrefix(r.Ref.Key, "//") {
		c.resources = append(c.resources, r)
		c.targets[CanonicalName(r.Ref.Key)] = r.Ref
	}
}

func (c *Collector) identity(i retinue.Identity) {
	disabled := i.State == retinue.StateDisabled
	c.subject(i.Ref, i.Name, disabled)
	if i.Ref.Kind != refAccount || i.Ref.Realm.Kind() != realmKind {
		return
	}
	c.knows(i.Ref.Realm)
	c.accounts = append(c.accounts, i)
}

func (c *Collector) membership(m retinue.Membership) {
	if m.Group.Kind != refGroup || m.Group.Realm.Kind() != peopleKind {
		return
	}
	c.subject(m.Group, "", false)
	c.subject(m.Member, "", false)
	if id := idOf(m.Member); id != "" {
		c.members[m.Group] = append(c.members[m.Group], id)
	}
}

// subject remembers under which Ref the inventory knows a member of policies.
func (c *Collector) subject(ref retinue.Ref, name string, disabled bool) {
	id := idOf(ref)
	if id == "" {
		return
	}
	m := parseMember(id)
	have := c.subjects[m.key]
	if have.ref.IsZero() {
		have.ref, have.id = ref, id
		if ref.Kind == refGroup {
			c.groups = append(c.groups, ref)
		}
	}
	if have.name == "" {
		have.name = name
	}
	have.disabled = have.disabled || disabled
	c.subjects[m.key] = have
}

// idOf is a Ref as a member of a policy; empty for what is none.
func idOf(ref retinue.Ref) string {
	switch ref.Kind {
	case refUser:
		if ref.Realm.Kind() == peopleKind {
			return "user:" + ref.Key
		}
	case refGroup:
		if ref.Realm.Kind() == peopleKind {
			return "group:" + ref.Key
		}
	case refAccount:
		if ref.Realm.Kind() == realmKind {
			return "serviceAccount:" + ref.Key
		}
	case refFederated, refSet:
		if ref.Realm.Kind() == realmKind {
			return ref.Key
		}
	}
	return ""
}

// State returns what was added. read are the scopes that were listed whole:
// without them, what is not granted by the facts is not known to be denied. Gaps
// say, by realm, which documents could not be read; their realms count as not
// listed whole.
func (c *Collector) State(read []retinue.Scope) (State, map[retinue.Realm][]string) {
	_ = c.Add(nil)
	s, gaps := State{Read: &Coverage{}}, map[retinue.Realm][]string{}
	broken := map[retinue.Realm]bool{}
	for _, p := range c.docs {
		d := Document{Name: p.Ref.Key, Text: p.Document}
		switch p.Ref.Kind {
		case refAllowPolicy:
			d.Target = p.Ref.Key
		case refDenyPolicy:
			d.Target = c.attached[p.Ref]
		}
		if err := s.AddDocument(d); err != nil {
			gaps[p.Ref.Realm] = append(gaps[p.Ref.Realm], err.Error())
			broken[p.Ref.Realm] = true
		}
	}
	for _, k := range c.containers {
		s.Resources = append(s.Resources, nodeOf(k))
	}
	for _, r := range c.resources {
		kind, _ := r.Attrs["assetType"].(string)
		s.Resources = append(s.Resources, Resource{Name: r.Ref.Key, Type: kind, Parent: r.Container.Key})
		if len(r.RunsAs) > 0 {
			w := Workload{Name: r.Ref.Key, Type: kind}
			for _, a := range r.RunsAs {
				w.RunsAs = append(w.RunsAs, a.Key)
			}
			s.Workloads = append(s.Workloads, w)
		}
	}
	for _, a := range c.accounts {
		unique, _ := a.Attrs["uniqueId"].(string)
		s.ServiceAccounts = append(s.ServiceAccounts, ServiceAccount{Email: a.Ref.Key, UniqueID: unique, Project: "projects/" + a.Ref.Realm.ID(), Disabled: a.State == retinue.StateDisabled})
	}
	for _, g := range c.groups {
		if list := c.members[g]; len(list) > 0 {
			s.Groups = append(s.Groups, Group{Email: g.Key, Members: list, Partial: true})
		}
	}
	s.Read.add(read, broken)
	return s, gaps
}

// nodeOf is a project, folder or organisation.
func nodeOf(k retinue.Container) Resource {
	r := Resource{Name: k.Ref.Key, Parent: k.Parent.Key}
	if n, ok := k.Attrs["number"].(string); ok && n != "" {
		r.Aliases = []string{"projects/" + n}
	} else if n, ok := k.Attrs["number"].(json.Number); ok {
		r.Aliases = []string{"projects/" + n.String()}
	}
	root, _ := k.Attrs["root"].(bool)
	r.Root = root || strings.HasPrefix(r.Name, "organizations/")
	return r
}

// Coverage says what was listed whole, by nodes of the hierarchy ("projects/ID").
// What lies in such a node belongs to it, but for other nodes below.
type Coverage struct {
	// Policies: the allow policies of the node and of everything in it.
	Policies map[string]bool
	// Denies: the deny policies of the node.
	Denies map[string]bool
}

// add takes scopes of the gcp connector.
func (c *Coverage) add(scopes []retinue.Scope, broken map[retinue.Realm]bool) {
	c.Policies, c.Denies = map[string]bool{}, map[string]bool{}
	for _, s := range scopes {
		if s.Realm.Kind() != realmKind || broken[s.Realm] {
			continue
		}
		node := s.Realm.ID()
		if !strings.Contains(node, "/") {
			node = "projects/" + node
		}
		switch s.Path {
		case "iam/policies":
			c.Policies[node] = true
		case "iam/deny-policies":
			c.Denies[node] = true
		}
	}
}

// Engine makes what was added ready for questions. gaps say, by realm, what else
// was not read, and read which scopes were listed whole. The Collector must not
// be used any more.
func (c *Collector) Engine(gaps map[retinue.Realm][]string, read []retinue.Scope) (*Engine, error) {
	s, own := c.State(read)
	for realm, list := range gaps {
		if Reads(realm) {
			own[realm] = append(own[realm], list...)
		}
	}
	x, err := New(s)
	if err != nil {
		return nil, fmt.Errorf("read Google Cloud: %w", err)
	}
	e := &Engine{x: x, subjects: c.subjects, targets: c.targets, resources: c.resources, gaps: own, byRef: make(map[retinue.Ref]string, len(c.subjects))}
	for realm := range c.realms {
		e.realms = append(e.realms, realm)
	}
	slices.Sort(e.realms)
	for key, s := range c.subjects {
		e.order, e.byRef[s.ref] = append(e.order, key), key
	}
	slices.Sort(e.order)
	e.addProviders(c.providers)
	return e, nil
}
