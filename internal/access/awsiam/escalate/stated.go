package escalate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// A Collector also takes facts as the inventory keeps them: documents once by
// their hash, and bodies of which only what is needed is read. It is for very
// many: an attachment takes eight bytes until all are there.

// rank says which of several facts about one thing counts.
type rank struct {
	authority int
	since     int64
}

func (r rank) less(o rank) bool {
	return r.authority < o.authority || r.authority == o.authority && r.since < o.since
}

// link is an attachment by the numbers of the keys of both ends, or a membership
// by those of member and group; the kind is in the two highest bits of other.
type link struct{ target, other uint32 }

const (
	linkIdentity = iota
	linkBoundary
	linkTrust
	linkMember
	linkShift = 30
)

// stated is what is collected of facts as they are kept.
type stated struct {
	texts   map[string]*awsiam.Policy // documents by their hash
	broken  map[string]error
	numbers map[string]uint32 // of keys
	keys    []string
	made    strings.Builder // in which the keys lie
	links   [][]link
	// By the number of their key: principals, documents of policies, and what
	// counts of the latter.
	people []*Principal
	read   []*awsiam.Policy
	ranks  []rank
	// What many share: names of realms and kinds, and labels.
	names  map[string]string
	labels map[string]map[string]string
}

func newStated() stated {
	return stated{texts: make(map[string]*awsiam.Policy), broken: make(map[string]error), numbers: make(map[string]uint32),
		names: make(map[string]string), labels: make(map[string]map[string]string)}
}

// Document takes a policy document, before the policies that have it.
func (c *Collector) Document(hash, text []byte) {
	c.begin()
	p, err := awsiam.ParseText(string(text))
	if err != nil {
		c.broken[string(hash)] = err
		return
	}
	c.texts[string(hash)] = p
}

// Stated takes a fact as it is kept. Of several about one thing that of the
// greatest authority counts, and of those the newest. body and hash are not
// kept.
func (c *Collector) Stated(t retinue.FactType, authority int, since int64, body, hash []byte) error {
	c.begin()
	r := rank{authority, since}
	switch t {
	case retinue.FactAttachment:
		if policy, target, role, ok := scanPair(body, "policy", "target", "role"); ok && c.attachment(policy, target, role) {
			return nil
		}
	case retinue.FactMembership:
		if group, member, _, ok := scanPair(body, "group", "member", ""); ok && c.link(member.key, group.key, linkMember) {
			return nil
		}
	case retinue.FactIdentity:
		if f, ok := scanIdentity(body); ok {
			return c.identityStated(f, r)
		}
	case retinue.FactPolicy:
		return c.policyStated(body, hash, r)
	}
	f, err := retinue.DecodeFact(t, body)
	if err != nil {
		return fmt.Errorf("read fact: %w", err)
	}
	c.take(f, r)
	return nil
}

// number is that of a key.
func (s *stated) number(key []byte) uint32 {
	n, ok := s.numbers[string(key)]
	if !ok {
		n = uint32(len(s.keys)) //nolint:gosec // far fewer than there are numbers
		text := s.text(key)
		s.numbers[text] = n
		s.keys = append(s.keys, text)
	}
	return n
}

// text is a text that lies with others, so that many cost few allocations.
func (s *stated) text(b []byte) string {
	const chunk = 64 << 10
	if s.made.Cap()-s.made.Len() < len(b) {
		s.made = strings.Builder{}
		s.made.Grow(max(chunk, len(b)))
	}
	start := s.made.Len()
	_, _ = s.made.Write(b)
	return s.made.String()[start:]
}

// name is a text that many share.
func (s *stated) name(b []byte) string {
	text, ok := s.names[string(b)]
	if !ok {
		text = string(b)
		s.names[text] = text
	}
	return text
}

// at is the place of a number in a list.
func at[T any](list *[]T, n uint32) *T {
	for int(n) >= len(*list) {
		var none T
		*list = append(*list, none)
	}
	return &(*list)[n]
}

// attachment keeps an attachment to a user, role or group; others are kept as
// facts.
func (s *stated) attachment(policy, target keptRef, role []byte) bool {
	switch retinue.AttachmentRole(role) {
	case retinue.AttachIdentity, retinue.AttachGroup:
		return s.link(target.key, policy.key, linkIdentity)
	case retinue.AttachBoundary:
		return s.link(target.key, policy.key, linkBoundary)
	case retinue.AttachTrust:
		return s.link(target.key, policy.key, linkTrust)
	}
	return false
}

func (s *stated) link(target, other []byte, kind uint32) bool {
	if len(s.keys) >= 1<<linkShift-2 {
		return false
	}
	const chunk = 1 << 18
	if n := len(s.links); n == 0 || len(s.links[n-1]) == chunk {
		s.links = append(s.links, make([]link, 0, chunk))
	}
	last := &s.links[len(s.links)-1]
	*last = append(*last, link{s.number(target), s.number(other) | kind<<linkShift})
	return true
}

func (c *Collector) identityStated(f keptIdentity, r rank) error {
	kind := retinue.IdentityKind(c.name(f.kind))
	if !principal(kind, f.ref.key) {
		return nil
	}
	labels, err := c.labelled(f.labels)
	if err != nil {
		return err
	}
	n := c.number(f.ref.key)
	ref := retinue.NewRef(retinue.Realm(c.name(f.ref.realm)), c.name(f.ref.kind), c.keys[n])
	*at(&c.people, n) = c.identity(retinue.Identity{Ref: ref, Kind: kind, Labels: labels}, r)
	return nil
}

func (c *Collector) policyStated(body, hash []byte, r rank) error {
	f, ok := scanPolicy(body)
	if !ok {
		return c.policyDecoded(body, hash, r)
	}
	if string(f.language) != string(retinue.LanguageAWSIAM) || len(hash) == 0 {
		return nil
	}
	others, err := f.others()
	if err != nil {
		return err
	}
	c.policyOf(c.number(f.ref.key), retinue.Management(f.managed), others, hash, r)
	return nil
}

func (c *Collector) policyDecoded(body, hash []byte, r rank) error {
	decoded, err := retinue.DecodeFact(retinue.FactPolicy, body)
	if err != nil {
		return fmt.Errorf("read fact: %w", err)
	}
	if f, ok := decoded.(retinue.Policy); ok && f.Language == retinue.LanguageAWSIAM && len(hash) > 0 {
		others, _ := f.Attrs["otherDocuments"].(map[string]any)
		c.policyOf(c.number([]byte(f.Ref.Key)), f.Managed, others, hash, r)
	}
	return nil
}

func (c *Collector) policyOf(n uint32, managed retinue.Management, others map[string]any, hash []byte, r rank) {
	key, read, known := c.keys[n], at(&c.read, n), at(&c.ranks, n)
	if *read != nil && !known.less(r) {
		return
	}
	*known = r
	p := c.texts[string(hash)]
	if p == nil {
		why := "its document is missing"
		if err := c.broken[string(hash)]; err != nil {
			why = err.Error()
		}
		c.state.Gaps = append(c.state.Gaps, key+": "+why)
		return
	}
	*read = p.Named(key)
	c.versions(key, managed, others, *read)
}

// doc is the document of a policy.
func (l *loader) doc(policy retinue.Ref) *awsiam.Policy {
	if p := l.docs[policy]; p != nil {
		return p
	}
	if n, ok := l.stated.numbers[policy.Key]; ok && int(n) < len(l.stated.read) {
		return l.stated.read[n]
	}
	return nil
}

// linked joins the attachments that were kept by numbers, all of one target
// after the other.
func (l *loader) linked() {
	s := &l.stated
	starts := make([]uint32, len(s.keys)+1)
	for _, chunk := range s.links {
		for _, k := range chunk {
			starts[k.target+1]++
		}
	}
	for i := range s.keys {
		starts[i+1] += starts[i]
	}
	policies, next := make([]uint32, starts[len(s.keys)]), slices.Clone(starts)
	for i, chunk := range s.links {
		for _, k := range chunk {
			policies[next[k.target]] = k.other
			next[k.target]++
		}
		s.links[i] = nil
	}
	for i := range s.keys {
		if list := policies[starts[i]:starts[i+1]]; len(list) > 0 {
			slices.Sort(list)
			l.linkedTo(uint32(i), slices.Compact(list)) //nolint:gosec // far fewer than there are numbers
		}
	}
	l.stated = stated{numbers: s.numbers, read: s.read, keys: s.keys}
}

func (l *loader) linkedTo(target uint32, list []uint32) {
	s := &l.stated
	const number = 1<<linkShift - 1
	key := s.keys[target]
	p := *at(&s.people, target)
	if p == nil {
		p = l.state.Principals[key]
	}
	group := l.state.Groups[key]
	if group == nil && p == nil {
		return
	}
	// What is attached does not depend on the order of reading.
	slices.SortFunc(list, func(a, b uint32) int { return strings.Compare(s.keys[a&number], s.keys[b&number]) })
	if group == nil {
		l.room(p, list)
	}
	for _, k := range list {
		n, kind := k&number, k>>linkShift
		if kind == linkMember {
			if p != nil {
				p.Groups = append(p.Groups, s.keys[n])
			}
			continue
		}
		var doc *awsiam.Policy
		if int(n) < len(s.read) {
			doc = s.read[n]
		}
		if doc == nil {
			l.state.Gaps = append(l.state.Gaps, fmt.Sprintf("the document of %s, attached to %s, was not read", s.keys[n], key))
		}
		if group != nil {
			l.attachGroup(group, s.keys[n], doc)
			continue
		}
		l.attachTo(p, [...]retinue.AttachmentRole{retinue.AttachIdentity, retinue.AttachBoundary, retinue.AttachTrust}[kind], s.keys[n], doc)
	}
}

// room makes the lists of a principal as long as they come to be.
func (l *loader) room(p *Principal, list []uint32) {
	s := &l.stated
	policies, attached := 0, 0
	for _, k := range list {
		if k>>linkShift == linkIdentity {
			policies++
			if own(s.keys[k&(1<<linkShift-1)]) {
				attached++
			}
		}
	}
	p.Own, p.Attached = slices.Grow(p.Own, policies), slices.Grow(p.Attached, attached)
}
