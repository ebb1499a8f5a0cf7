package escalate

import (
	"bytes"
	"encoding/json"
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

// link is an attachment by the numbers of the keys of both ends, the role in the
// policy's two highest bits.
type link struct{ target, policy uint32 }

const (
	linkIdentity = iota
	linkBoundary
	linkTrust
	linkShift = 30
)

// stated is what is collected of facts as they are kept.
type stated struct {
	texts   map[string]*awsiam.Policy // documents by their hash
	broken  map[string]error
	numbers map[string]uint32 // of keys
	keys    []string
	links   [][]link
	read    []*awsiam.Policy // documents of policies, by number
	ranks   map[uint32]rank  // of the policies that were stated several times
}

// Document takes a policy document, before the policies that have it.
func (c *Collector) Document(hash, text []byte) {
	c.begin()
	if c.texts == nil {
		c.stated = stated{texts: make(map[string]*awsiam.Policy), broken: make(map[string]error), numbers: make(map[string]uint32), ranks: make(map[uint32]rank)}
	}
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
		if policy, target, role, ok := scanAttachment(body); ok && c.link(policy, target, role) {
			return nil
		}
	case retinue.FactIdentity:
		var f struct {
			Ref    retinue.Ref          `json:"ref"`
			Kind   retinue.IdentityKind `json:"kind"`
			Labels map[string]string    `json:"labels"`
		}
		if err := json.Unmarshal(body, &f); err != nil {
			return fmt.Errorf("%w: read identity: %v", retinue.ErrInvalid, err)
		}
		c.identity(retinue.Identity{Ref: f.Ref, Kind: f.Kind, Labels: f.Labels}, r)
		return nil
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

func (c *Collector) number(key []byte) uint32 {
	n, ok := c.numbers[string(key)]
	if !ok {
		n = uint32(len(c.keys)) //nolint:gosec // far fewer than there are numbers
		text := string(key)
		c.numbers[text] = n
		c.keys = append(c.keys, text)
	}
	return n
}

// link keeps an attachment to a user, role or group; others are kept as facts.
func (c *Collector) link(policy, target, role []byte) bool {
	var kind uint32
	switch retinue.AttachmentRole(role) {
	case retinue.AttachIdentity, retinue.AttachGroup:
		kind = linkIdentity
	case retinue.AttachBoundary:
		kind = linkBoundary
	case retinue.AttachTrust:
		kind = linkTrust
	default:
		return false
	}
	if c.texts == nil || len(c.keys) >= 1<<linkShift-2 {
		return false
	}
	const chunk = 1 << 18
	if n := len(c.links); n == 0 || len(c.links[n-1]) == chunk {
		c.links = append(c.links, make([]link, 0, chunk))
	}
	last := &c.links[len(c.links)-1]
	*last = append(*last, link{c.number(target), c.number(policy) | kind<<linkShift})
	return true
}

// scanAttachment reads the policy's key, the target's and the role from a body
// that is written as the inventory writes it, and has nothing escaped.
func scanAttachment(body []byte) (policy, target, role []byte, ok bool) {
	rest, ok := bytes.CutPrefix(body, []byte(`{"policy":`))
	if !ok || bytes.IndexByte(body, '\\') >= 0 {
		return nil, nil, nil, false
	}
	if policy, rest, ok = scanRef(rest, `,"target":`); !ok {
		return nil, nil, nil, false
	}
	if target, rest, ok = scanRef(rest, `,"role":"`); !ok {
		return nil, nil, nil, false
	}
	role, _, ok = bytes.Cut(rest, []byte{'"'})
	return policy, target, role, ok
}

// scanRef reads the key of a ref and what comes after it.
func scanRef(body []byte, then string) (key, rest []byte, ok bool) {
	rest, ok = bytes.CutPrefix(body, []byte(`{"realm":"`))
	if !ok {
		return nil, nil, false
	}
	if _, rest, ok = bytes.Cut(rest, []byte(`","kind":"`)); !ok {
		return nil, nil, false
	}
	if _, rest, ok = bytes.Cut(rest, []byte(`","key":"`)); !ok {
		return nil, nil, false
	}
	if key, rest, ok = bytes.Cut(rest, []byte(`"}`)); !ok {
		return nil, nil, false
	}
	rest, ok = bytes.CutPrefix(rest, []byte(then))
	return key, rest, ok
}

func (c *Collector) policyStated(body, hash []byte, r rank) error {
	var f struct {
		Ref      retinue.Ref            `json:"ref"`
		Language retinue.PolicyLanguage `json:"language"`
		Managed  retinue.Management     `json:"managed"`
		Attrs    struct {
			Others map[string]any `json:"otherDocuments"`
		} `json:"attrs"`
	}
	if err := json.Unmarshal(body, &f); err != nil {
		return fmt.Errorf("%w: read policy: %v", retinue.ErrInvalid, err)
	}
	if f.Language != retinue.LanguageAWSIAM || len(hash) == 0 {
		return nil
	}
	n := c.number([]byte(f.Ref.Key))
	for int(n) >= len(c.read) {
		c.read = append(c.read, nil)
	}
	if c.read[n] != nil {
		if !c.ranks[n].less(r) {
			return nil
		}
	}
	c.ranks[n] = r
	p := c.texts[string(hash)]
	if p == nil {
		why := "its document is missing"
		if err := c.broken[string(hash)]; err != nil {
			why = err.Error()
		}
		c.state.Gaps = append(c.state.Gaps, f.Ref.Key+": "+why)
		return nil
	}
	c.read[n] = p.Named(c.keys[n])
	c.versions(retinue.Policy{Ref: f.Ref, Managed: f.Managed, Attrs: retinue.Attrs{"otherDocuments": f.Attrs.Others}}, c.read[n])
	return nil
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
	at := make([]uint32, len(s.keys)+1)
	for _, chunk := range s.links {
		for _, k := range chunk {
			at[k.target+1]++
		}
	}
	for i := range s.keys {
		at[i+1] += at[i]
	}
	policies, next := make([]uint32, at[len(s.keys)]), slices.Clone(at)
	for i, chunk := range s.links {
		for _, k := range chunk {
			policies[next[k.target]] = k.policy
			next[k.target]++
		}
		s.links[i] = nil
	}
	for i, key := range s.keys {
		if list := policies[at[i]:at[i+1]]; len(list) > 0 {
			slices.Sort(list) // so that what is attached does not depend on the order of reading
			l.linkedTo(key, slices.Compact(list))
		}
	}
	l.stated = stated{numbers: s.numbers, read: s.read, keys: s.keys}
}

func (l *loader) linkedTo(key string, list []uint32) {
	s := &l.stated
	group, p := l.state.Groups[key], l.state.Principals[key]
	if group == nil && p == nil {
		return
	}
	slices.SortFunc(list, func(a, b uint32) int {
		return strings.Compare(s.keys[a&(1<<linkShift-1)], s.keys[b&(1<<linkShift-1)])
	})
	for _, k := range list {
		n := k & (1<<linkShift - 1)
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
		l.attachTo(p, [...]retinue.AttachmentRole{retinue.AttachIdentity, retinue.AttachBoundary, retinue.AttachTrust}[k>>linkShift], s.keys[n], doc)
	}
}
