package account

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsdata"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/awsiam/escalate"
)

// Facts are the types of fact that a Collector needs.
func Facts() []retinue.FactType { return escalate.Facts() }

// Collector builds an Engine from the facts of AWS accounts, as their connector
// states them. The zero Collector is ready. It is used by one goroutine.
type Collector struct {
	// Data is the reference data; nil means that of the program.
	Data *awsdata.Data

	loader
	paths escalate.Collector
}

// Add takes a fact; those that play no part are passed over. Of several facts
// about one thing, the first counts, completed by the others.
func (c *Collector) Add(f retinue.Fact) error {
	c.loader.take(f)
	return c.paths.Add(f)
}

// Engine returns the engine of what was added, or nil where there is no
// account. gaps say of a realm what was not read of it, whole are the scopes
// that were read completely. The Collector must not be used any more.
func (c *Collector) Engine(gaps map[retinue.Realm][]string, whole []retinue.Scope) (*Engine, error) {
	data := c.Data
	if data == nil {
		var err error
		if data, err = awsdata.Embedded(); err != nil {
			return nil, fmt.Errorf("read reference data: %w", err)
		}
	}
	var read []string
	for _, s := range whole {
		read = append(read, s.Path)
	}
	e := &Engine{data: data, kinds: NewConsequences(data), forms: &forms{data: data}, state: c.paths.State(read)}
	c.loader.ready()
	c.loader.finish(e, whole)
	e.known(gaps)
	if len(e.realms) == 0 {
		return nil, nil
	}
	return e, nil
}

// policy is a document under the name by which it is attached. Document is nil
// where it was not read.
type policy struct {
	*awsiam.Policy
	ref retinue.Ref
	// text is what policies of the same text share.
	text   *text
	number int32 // tells policies apart
}

// text is one distinct document with what it is attached to as an identity
// policy.
type text struct {
	policy     *awsiam.Policy
	principals []*principal
	groups     []*group
}

// principal is a user, a role or the root user of an account.
type principal struct {
	ref           retinue.Ref
	name          string
	as            awsiam.Principal
	account       *account
	own, boundary []*policy
	trust         []*policy
	groups        []*group
	tags          map[string]string
	// known is true where an Identity fact states it.
	known bool
}

// group is a group of users.
type group struct {
	ref     retinue.Ref
	number  int32
	known   bool
	own     []*policy
	members []*principal
}

// resource is something that is acted on.
type resource struct {
	ref       retinue.Ref
	kind      string
	name      string
	account   *account
	region    string
	dataClass string
	tags      map[string]string
	policies  []*policy
	known     bool
}

// node is a container of an organisation.
type node struct {
	ref        retinue.Ref
	parent     retinue.Ref
	management bool
	manager    string // of an organisation
	service    []*policy
	resource   []*policy
}

type loader struct {
	principals map[retinue.Ref]*principal
	groups     map[retinue.Ref]*group
	resources  map[retinue.Ref]*resource
	nodes      map[retinue.Ref]*node
	policies   map[retinue.Ref]*policy
	texts      map[[sha256.Size]byte]*text
	distinct   []*text
	accounts   map[string]*account
	gaps       map[retinue.Realm][]string
}

func (l *loader) ready() {
	if l.principals != nil {
		return
	}
	l.principals, l.groups = make(map[retinue.Ref]*principal), make(map[retinue.Ref]*group)
	l.resources, l.nodes = make(map[retinue.Ref]*resource), make(map[retinue.Ref]*node)
	l.policies, l.texts = make(map[retinue.Ref]*policy), make(map[[sha256.Size]byte]*text)
	l.accounts, l.gaps = make(map[string]*account), make(map[retinue.Realm][]string)
}

// at returns the thing of a Ref, a new one where there is none yet.
func at[T any](m map[retinue.Ref]*T, ref retinue.Ref) *T {
	t, ok := m[ref]
	if !ok {
		t = new(T)
		m[ref] = t
	}
	return t
}

func (l *loader) take(f retinue.Fact) {
	l.ready()
	switch f := f.(type) {
	case retinue.Identity:
		l.identity(f)
	case retinue.Group:
		g := at(l.groups, f.Ref)
		g.ref, g.known = f.Ref, true
	case retinue.Membership:
		l.membership(f)
	case retinue.Policy:
		l.policy(f)
	case retinue.Attachment:
		l.attachment(f)
	case retinue.Resource:
		r := at(l.resources, f.Ref)
		if !r.known {
			r.ref, r.kind, r.name, r.region, r.known = f.Ref, f.Kind, f.Name, f.Region, true
		}
		if len(r.tags) == 0 {
			r.tags = f.Labels
		}
		if r.dataClass == "" {
			r.dataClass = f.DataClass
		}
	case retinue.Container:
		l.container(f)
	}
}

func (l *loader) identity(f retinue.Identity) {
	as, err := awsiam.ParsePrincipal(f.Ref.Key)
	if err != nil || as.Account() == "" || strings.HasPrefix(f.Ref.Key, "arn:aws:sts:") {
		return // a person of Identity Center, or what a trust names
	}
	p := at(l.principals, f.Ref)
	if !p.known {
		p.ref, p.as, p.known = f.Ref, as, true
	}
	// The credential report goes before the listing of users, and has no tags.
	if p.name == "" {
		p.name = f.Name
	}
	if len(p.tags) == 0 {
		p.tags = f.Labels
	}
}

func (l *loader) membership(f retinue.Membership) {
	p, g := at(l.principals, f.Member), at(l.groups, f.Group)
	p.groups = append(p.groups, g)
	g.ref, g.members = f.Group, append(g.members, p)
}

func (l *loader) policy(f retinue.Policy) {
	if f.Language != retinue.LanguageAWSIAM || f.Document == "" {
		return
	}
	p := at(l.policies, f.Ref)
	p.ref = f.Ref
	if p.Policy == nil {
		l.parse(p, f.Document)
	}
}

// parse compiles a document, once for each distinct text.
func (l *loader) parse(p *policy, document string) {
	key := sha256.Sum256([]byte(document))
	t, ok := l.texts[key]
	if !ok {
		parsed, err := awsiam.ParseText(document)
		if err != nil {
			l.gap(p.ref.Realm, fmt.Sprintf("%s: %v", p.ref.Key, err))
			return
		}
		t = &text{policy: parsed}
		l.texts[key] = t
		l.distinct = append(l.distinct, t)
	}
	p.text, p.Policy = t, t.policy.Named(p.ref.Key)
}

func (l *loader) attachment(f retinue.Attachment) {
	p := at(l.policies, f.Policy)
	p.ref = f.Policy
	add := func(list []*policy) []*policy {
		if slices.Contains(list, p) {
			return list // two sources state it
		}
		return append(list, p)
	}
	switch f.Role {
	case retinue.AttachIdentity:
		t := at(l.principals, f.Target)
		t.own = add(t.own)
	case retinue.AttachBoundary:
		t := at(l.principals, f.Target)
		t.boundary = add(t.boundary)
	case retinue.AttachTrust:
		t := at(l.principals, f.Target)
		t.trust = add(t.trust)
	case retinue.AttachGroup:
		t := at(l.groups, f.Target)
		t.ref, t.own = f.Target, add(t.own)
	case retinue.AttachResource:
		t := at(l.resources, f.Target)
		t.ref, t.policies = f.Target, add(t.policies)
	case retinue.AttachServiceControl:
		t := at(l.nodes, f.Target)
		t.ref, t.service = f.Target, add(t.service)
	case retinue.AttachResourceControl:
		t := at(l.nodes, f.Target)
		t.ref, t.resource = f.Target, add(t.resource)
	}
}

func (l *loader) container(f retinue.Container) {
	n := at(l.nodes, f.Ref)
	n.ref = f.Ref
	if n.parent.IsZero() {
		n.parent = f.Parent
	}
	if v, ok := f.Attrs["management"].(bool); ok {
		n.management = n.management || v
	}
	if v, ok := f.Attrs["managementAccount"].(string); ok {
		n.manager = v
	}
}

// maxGaps bounds the gaps that are told of one realm.
const maxGaps = 100

func (l *loader) gap(realm retinue.Realm, text string) {
	if len(l.gaps[realm]) < maxGaps {
		l.gaps[realm] = append(l.gaps[realm], retinue.CleanName(text))
	}
}
