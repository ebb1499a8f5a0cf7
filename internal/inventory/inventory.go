// Package inventory answers questions about what exists: one thing with
// everything that hangs on it ([Things.Thing]), and what a principal is granted
// ([Things.Grants]).
//
// It reads a snapshot through [Reader] and writes nothing. A Things is used by
// one goroutine: it remembers groups, policies and containers that many things
// share, so that looking at all things of a scan costs their own size.
package inventory

import (
	"errors"
	"fmt"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/summary"
	"github.com/retinue-id/retinue/internal/store"
)

// MaxAttached bounds how many relations of one sort a Thing carries; Counts
// say how many there are.
const MaxAttached = 200

// Reader is the snapshot that questions are asked of.
type Reader interface {
	Facts
	Names
}

// Facts is what is stated of an entity.
type Facts interface {
	Merged(entity int64) (retinue.Fact, []store.Fact, error)
	Related(entity int64, limit int, roles ...int) ([]store.Fact, error)
	CountRelated(entity int64, role int) (int64, error)
	Uses(entity int64) ([]retinue.Use, error)
	Registration(entity int64) (*retinue.Registration, error)
}

// Names leads from refs and keys to entities and back.
type Names interface {
	Resolve(r retinue.Ref) (int64, error)
	RefsOf(entity int64) ([]retinue.Ref, error)
	SamePublicKey(key string) ([]int64, error)
}

// Things answers about things of one snapshot.
type Things struct {
	r        Reader
	policies map[retinue.Ref]*Policy
	groups   map[int64][]Membership // memberships of a group itself
	attached map[int64][]Attachment // of a group
	names    map[retinue.Ref]named
}

type named struct {
	entity    int64
	name      string
	container *retinue.Container
}

// New returns a Things over a snapshot.
func New(r Reader) *Things {
	return &Things{r: r, policies: map[retinue.Ref]*Policy{}, groups: map[int64][]Membership{},
		attached: map[int64][]Attachment{}, names: map[retinue.Ref]named{}}
}

// Thing is one thing and what hangs on it.
type Thing struct {
	Entity int64
	// Fact is the merged current fact; Refs every ref by which it is known,
	// the one that was first seen first.
	Fact  retinue.Fact
	Refs  []retinue.Ref
	Facts []store.Fact // by scope, the most authoritative first

	Credentials  []Credential
	Placements   []retinue.Placement // of a credential; of an identity, those that it consumes
	Attachments  []Attachment
	Memberships  []Membership
	Grants       []retinue.Grant
	Trusts       []retinue.Trust
	Uses         []retinue.Use
	OwnerSignals []retinue.OwnerSignal
	Runners      []retinue.Resource
	Containers   []retinue.Container // the nearest first
	Registration *retinue.Registration
	// Holder is, for a credential, the identity that acts with it.
	Holder *retinue.Identity
	// Holders counts the distinct identities that the same credential acts
	// for, SamePublicKey the other credentials with its public key.
	Holders       int
	SamePublicKey int
	Counts        Counts
}

// Counts are of everything, however much is attached.
type Counts struct {
	Placements, Runners, Trusts, Credentials int64
}

// Credential is a credential of an identity.
type Credential struct {
	Entity     int64
	Credential retinue.Credential
	Placements []retinue.Placement
	Uses       []retinue.Use
	Holders    int
}

// Policy is a policy with what its document allows by itself.
type Policy struct {
	Policy  retinue.Policy
	Known   bool // false: only referred to, its document was not seen
	Hash    string
	Summary access.Summary
	Problem string // why the document could not be summed up
}

// Attachment is a policy in force for a subject. Path is what it comes
// through, empty when it is attached directly.
type Attachment struct {
	Attachment retinue.Attachment
	Policy     *Policy
	Path       []string
}

// Membership is a membership with the group's name. Path is what it comes
// through, empty when it is direct.
type Membership struct {
	Membership retinue.Membership
	Name       string
	Path       []string
}

// Thing returns a thing with everything that hangs on it. ErrNotFound says
// that nothing about it is in force.
func (t *Things) Thing(entity int64) (*Thing, error) {
	fact, facts, err := t.r.Merged(entity)
	if err != nil {
		return nil, err
	}
	th := &Thing{Entity: entity, Fact: fact, Facts: facts}
	if th.Refs, err = t.r.RefsOf(entity); err != nil {
		return nil, err
	}
	if th.Uses, err = t.r.Uses(entity); err != nil {
		return nil, err
	}
	switch f := fact.(type) {
	case retinue.Identity:
		err = t.identity(th, f)
	case retinue.Credential:
		err = t.credential(th, f)
	case retinue.Resource:
		err = t.resource(th, f)
	}
	if err != nil {
		return nil, fmt.Errorf("describe %s: %w", fact.FactRef(), err)
	}
	th.Registration, err = t.r.Registration(entity)
	return th, err
}

func (t *Things) identity(th *Thing, f retinue.Identity) error {
	rel, err := t.r.Related(th.Entity, 5*MaxAttached, store.EdgeMember, store.EdgeTarget, store.EdgeSubject,
		store.EdgeConsumer, store.EdgeIdentity, store.EdgeRunsAs)
	if err != nil {
		return err
	}
	var direct []retinue.Membership
	for _, r := range rel {
		fact, err := retinue.DecodeFact(r.Type, r.Body)
		if err != nil {
			return err
		}
		switch v := fact.(type) {
		case retinue.Membership:
			direct = append(direct, v)
		case retinue.Attachment:
			if err := t.attach(&th.Attachments, v, nil); err != nil {
				return err
			}
		case retinue.Credential:
			if err := t.held(th, v); err != nil {
				return err
			}
		default:
			th.relation(fact)
		}
	}
	if err := t.groupsOf(th, direct); err != nil {
		return err
	}
	th.Counts.Runners, err = t.r.CountRelated(th.Entity, store.EdgeRunsAs)
	if err != nil {
		return err
	}
	th.Containers, err = t.chain(f.Container)
	return err
}

// relation keeps a relation that needs nothing looked up.
func (th *Thing) relation(f retinue.Fact) {
	switch v := f.(type) {
	case retinue.Grant:
		th.Grants = append(th.Grants, v)
	case retinue.Trust:
		th.Trusts = append(th.Trusts, v)
	case retinue.Placement:
		th.Placements = append(th.Placements, v)
	case retinue.OwnerSignal:
		th.OwnerSignals = append(th.OwnerSignals, v)
	case retinue.Resource:
		if len(th.Runners) < MaxAttached {
			th.Runners = append(th.Runners, v)
		}
	}
}

// held adds a credential of an identity with its placements and uses.
func (t *Things) held(th *Thing, c retinue.Credential) error {
	th.Counts.Credentials++
	entity, err := t.r.Resolve(c.Ref)
	if err != nil {
		return err
	}
	for _, have := range th.Credentials {
		if have.Entity == entity {
			return nil // another observation of the same one
		}
	}
	if len(th.Credentials) >= MaxAttached {
		return nil
	}
	h := Credential{Entity: entity, Credential: c}
	if fact, _, err := t.r.Merged(entity); err == nil {
		if m, ok := fact.(retinue.Credential); ok {
			h.Credential = m
		}
	} else if !errors.Is(err, retinue.ErrNotFound) {
		return err
	}
	if h.Placements, err = t.placements(entity); err != nil {
		return err
	}
	if h.Holders, err = t.holders(entity); err != nil {
		return err
	}
	h.Uses, err = t.r.Uses(entity)
	th.Credentials = append(th.Credentials, h)
	return err
}

func (t *Things) placements(entity int64) ([]retinue.Placement, error) {
	rel, err := t.r.Related(entity, MaxAttached, store.EdgeCredential)
	if err != nil {
		return nil, err
	}
	var out []retinue.Placement
	for _, r := range rel {
		f, err := retinue.DecodeFact(r.Type, r.Body)
		if err != nil {
			return nil, err
		}
		if p, ok := f.(retinue.Placement); ok {
			out = append(out, p)
		}
	}
	return out, nil
}

// holders counts the distinct identities that observations of a credential
// name.
func (t *Things) holders(entity int64) (int, error) {
	_, facts, err := t.r.Merged(entity)
	if errors.Is(err, retinue.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	seen := map[retinue.Ref]bool{}
	for _, f := range facts {
		if d, err := retinue.DecodeFact(f.Type, f.Body); err == nil {
			if c, ok := d.(retinue.Credential); ok && !c.Identity.IsZero() {
				seen[c.Identity] = true
			}
		}
	}
	return len(seen), nil
}

func (t *Things) credential(th *Thing, f retinue.Credential) error {
	var err error
	if th.Placements, err = t.placements(th.Entity); err != nil {
		return err
	}
	if th.Counts.Placements, err = t.r.CountRelated(th.Entity, store.EdgeCredential); err != nil {
		return err
	}
	if th.Holders, err = t.holders(th.Entity); err != nil {
		return err
	}
	if f.PublicKey != "" {
		same, err := t.r.SamePublicKey(f.PublicKey)
		if err != nil {
			return err
		}
		for _, e := range same {
			if e != th.Entity {
				th.SamePublicKey++
			}
		}
	}
	if f.Identity.IsZero() {
		return nil
	}
	entity, err := t.r.Resolve(f.Identity)
	if err != nil || entity == 0 {
		return err
	}
	fact, _, err := t.r.Merged(entity)
	if errors.Is(err, retinue.ErrNotFound) {
		return nil
	}
	if id, ok := fact.(retinue.Identity); ok && err == nil {
		th.Holder = &id
		th.Containers, err = t.chain(id.Container)
	}
	return err
}

func (t *Things) resource(th *Thing, f retinue.Resource) error {
	rel, err := t.r.Related(th.Entity, 2*MaxAttached, store.EdgeTarget, store.EdgeSubject, store.EdgeConsumer)
	if err != nil {
		return err
	}
	for _, r := range rel {
		fact, err := retinue.DecodeFact(r.Type, r.Body)
		if err != nil {
			return err
		}
		if a, ok := fact.(retinue.Attachment); ok {
			if err := t.attach(&th.Attachments, a, nil); err != nil {
				return err
			}
			continue
		}
		th.relation(fact)
	}
	th.Containers, err = t.chain(f.Container)
	return err
}

// attach adds an attachment with its policy.
func (t *Things) attach(to *[]Attachment, a retinue.Attachment, path []string) error {
	if len(*to) >= MaxAttached {
		return nil
	}
	p, err := t.Policy(a.Policy)
	if err != nil {
		return err
	}
	*to = append(*to, Attachment{Attachment: a, Policy: p, Path: path})
	return nil
}

// Policy returns a policy with its summary.
func (t *Things) Policy(ref retinue.Ref) (*Policy, error) {
	if p := t.policies[ref]; p != nil {
		return p, nil
	}
	p := &Policy{Policy: retinue.Policy{Ref: ref, Name: ref.Key}}
	entity, err := t.r.Resolve(ref)
	if err != nil {
		return nil, err
	}
	if entity != 0 {
		fact, _, err := t.r.Merged(entity)
		if err != nil && !errors.Is(err, retinue.ErrNotFound) {
			return nil, err
		}
		if pol, ok := fact.(retinue.Policy); ok && err == nil {
			p.Policy, p.Known = pol, true
			hash := store.HashContent(nil, pol.Document)
			p.Hash = fmt.Sprintf("%x", hash)
			if p.Summary, err = summary.Of(pol.Language, pol.Document); err != nil {
				p.Problem = err.Error()
			}
		}
	}
	t.policies[ref] = p
	return p, nil
}

// maxDepth bounds how far groups of groups are followed.
const maxDepth = 20

// groupsOf follows memberships outwards and adds what is attached to each
// group, with the path it comes through.
func (t *Things) groupsOf(th *Thing, direct []retinue.Membership) error {
	type step struct {
		m    retinue.Membership
		path []string
	}
	var queue []step
	for _, m := range direct {
		queue = append(queue, step{m, nil})
	}
	seen := map[retinue.Ref]bool{}
	for len(queue) > 0 && len(th.Memberships) < MaxAttached {
		s := queue[0]
		queue = queue[1:]
		if seen[s.m.Group] || len(s.path) >= maxDepth {
			continue
		}
		seen[s.m.Group] = true
		name, entity, err := t.name(s.m.Group)
		if err != nil {
			return err
		}
		th.Memberships = append(th.Memberships, Membership{Membership: s.m, Name: name, Path: s.path})
		if entity == 0 {
			continue
		}
		path := append(slices.Clone(s.path), name)
		attached, above, err := t.group(entity)
		if err != nil {
			return err
		}
		for _, a := range attached {
			a.Path = path
			if len(th.Attachments) < MaxAttached {
				th.Attachments = append(th.Attachments, a)
			}
		}
		for _, m := range above {
			queue = append(queue, step{m.Membership, path})
		}
	}
	return nil
}

// group returns what is attached to a group and what it belongs to itself.
func (t *Things) group(entity int64) ([]Attachment, []Membership, error) {
	if m, ok := t.groups[entity]; ok {
		return t.attached[entity], m, nil
	}
	rel, err := t.r.Related(entity, 2*MaxAttached, store.EdgeTarget, store.EdgeMember)
	if err != nil {
		return nil, nil, err
	}
	var attached []Attachment
	var above []Membership
	for _, r := range rel {
		f, err := retinue.DecodeFact(r.Type, r.Body)
		if err != nil {
			return nil, nil, err
		}
		switch v := f.(type) {
		case retinue.Attachment:
			if v.Role != retinue.AttachTrust && v.Role != retinue.AttachResource {
				if err := t.attach(&attached, v, nil); err != nil {
					return nil, nil, err
				}
			}
		case retinue.Membership:
			above = append(above, Membership{Membership: v})
		}
	}
	t.attached[entity], t.groups[entity] = attached, above
	return attached, above, nil
}

// name returns the name of a thing and its entity, the key where it is not
// known.
func (t *Things) name(ref retinue.Ref) (string, int64, error) {
	n, err := t.lookup(ref)
	return n.name, n.entity, err
}

func (t *Things) lookup(ref retinue.Ref) (named, error) {
	if n, ok := t.names[ref]; ok {
		return n, nil
	}
	n := named{name: ref.Key}
	var err error
	if n.entity, err = t.r.Resolve(ref); err != nil {
		return n, err
	}
	if n.entity != 0 {
		fact, _, err := t.r.Merged(n.entity)
		if err != nil && !errors.Is(err, retinue.ErrNotFound) {
			return n, err
		}
		switch f := fact.(type) {
		case retinue.Group:
			n.name = orKey(f.Name, ref)
		case retinue.Identity:
			n.name = orKey(f.Name, ref)
		case retinue.Resource:
			n.name = orKey(f.Name, ref)
		case retinue.Container:
			n.name, n.container = orKey(f.Name, ref), &f
		}
	}
	t.names[ref] = n
	return n, nil
}

func orKey(name string, ref retinue.Ref) string {
	if name == "" {
		return ref.Key
	}
	return name
}

// chain returns the containers around a thing, the nearest first.
func (t *Things) chain(ref retinue.Ref) ([]retinue.Container, error) {
	var out []retinue.Container
	for !ref.IsZero() && len(out) < maxDepth {
		n, err := t.lookup(ref)
		if err != nil || n.container == nil {
			return out, err
		}
		out = append(out, *n.container)
		ref = n.container.Parent
	}
	return out, nil
}
