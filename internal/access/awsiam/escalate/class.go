package escalate

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/glob"
)

// sorter tells the principals of one account apart as far as that matters to
// whether they reach an administrator. Of two principals of one class either
// both do or none does: what their documents say of techniques is the same, and
// nothing that anybody may call, or that limits anybody, tells one from the
// other. How they do may differ, in names.
type sorter struct {
	*State
	*index
	home *home
	// exact are principals that something names; patterns what may name several.
	exact    map[string]bool
	patterns []string
	// tags is true where something looks at tags; single where nobody is like
	// anybody.
	tags, single bool
	key          []byte
}

func newSorter(s *State, x *index, h *home, raises bool) *sorter {
	so := &sorter{State: s, index: x, home: h, exact: make(map[string]bool)}
	patterns := make(map[string]bool)
	seen := make(map[*document]bool)
	add := func(d *document) {
		if !seen[d] {
			seen[d] = true
			so.tags, so.single = so.tags || d.tags, so.single || d.loose
			for _, p := range d.patterns {
				patterns[p] = true
			}
		}
	}
	// What limits or admits everybody may look at each.
	all := func(d *document) {
		add(d)
		so.single = so.single || d.single || len(d.own) > 0
	}
	for _, p := range ordered(h.users, h.roles) {
		if p.admin || p.idle() && !raises {
			continue // nobody comes to act as it and then does anything
		}
		so.each(p, func(d *document) {
			add(d)
			for _, own := range d.own {
				if pattern := owned(own, p); so.others(pattern, p) {
					patterns[pattern] = true
				}
			}
		})
	}
	for _, d := range h.control {
		all(d)
	}
	for d := range h.trusts {
		all(d)
	}
	for _, role := range x.open {
		for _, policy := range role.Trust {
			all(x.document(policy))
		}
	}
	if h.adds || h.varies {
		so.additions(all)
	}
	so.take(patterns)
	return so
}

// additions yields what principals may come to have.
func (so *sorter) additions(yield func(*document)) {
	for _, g := range so.home.groups {
		for _, policy := range g.Policies {
			yield(so.document(policy))
		}
	}
	for _, m := range so.home.policies {
		if m.Document != nil {
			yield(so.document(m.Document))
		}
		for _, other := range m.Others {
			yield(so.document(other))
		}
	}
}

// take keeps the patterns that may match principals of the account.
func (so *sorter) take(patterns map[string]bool) {
	for _, p := range slices.Sorted(maps.Keys(patterns)) {
		end := strings.IndexAny(p, "*?")
		switch {
		case end < 0:
			so.exact[p] = true
		case strings.HasPrefix(p[:end], so.home.prefix), strings.HasPrefix(so.home.prefix, p[:end]):
			so.patterns = append(so.patterns, p)
		}
	}
}

// each yields the documents of a principal: its own, its groups' and its
// boundary's.
func (so *sorter) each(p *Principal, yield func(*document)) {
	list := func(policies []*awsiam.Policy) {
		for _, policy := range policies {
			yield(so.document(policy))
		}
	}
	list(p.Own)
	list(p.Boundary)
	for _, arn := range p.Groups {
		if g := so.Groups[arn]; g != nil {
			list(g.Policies)
		}
	}
}

// owned is a pattern with the principal's own name in it.
func owned(pattern string, p *Principal) string {
	return strings.ReplaceAll(pattern, "${aws:username}", p.ARN[strings.LastIndexByte(p.ARN, '/')+1:])
}

// others reports whether a pattern matches principals beside one.
func (so *sorter) others(pattern string, p *Principal) bool {
	last := max(strings.LastIndexByte(pattern, ':'), 0)
	if !strings.ContainsAny(pattern[last:], "*?") && strings.Count(pattern, ":") == 5 {
		// It names one thing of the account, by its whole name.
		return strings.HasPrefix(pattern[last:], ":user/") && !strings.HasSuffix(p.ARN, pattern[last:])
	}
	match := func(o *Principal) bool { return o != p && glob.Match(pattern, o.ARN) }
	return slices.ContainsFunc(so.home.users, match) || slices.ContainsFunc(so.home.roles, match)
}

// caller is the class of a principal as one that calls, and whether there may
// be others in it. The bytes are good until the next call.
func (so *sorter) caller(p *Principal) (key []byte, shared bool) {
	if so.single || p.named || so.exact[p.ARN] {
		return nil, false
	}
	key = append(so.key[:0], 'u')
	if p.Role {
		key[0] = 'r'
	}
	shared = true
	var own []int32
	so.each(p, func(d *document) {
		shared = shared && !d.single
		for _, pattern := range d.own {
			pattern = owned(pattern, p)
			if so.others(pattern, p) {
				shared = false
			}
			key = appendBit(key, glob.Match(pattern, p.ARN))
		}
	})
	if !shared {
		return nil, false
	}
	key = append(key, '|')
	for _, policy := range p.Own {
		own = append(own, so.document(policy).number)
	}
	for _, arn := range p.Groups {
		if g := so.Groups[arn]; g != nil {
			for _, policy := range g.Policies {
				own = append(own, so.document(policy).number)
			}
		}
	}
	key = appendNumbers(key, own)
	if len(p.Boundary) > 0 {
		own = own[:0]
		for _, policy := range p.Boundary {
			own = append(own, so.document(policy).number)
		}
		key = appendNumbers(append(key, 'b'), own)
	}
	for _, pattern := range so.patterns {
		key = appendBit(key, glob.Match(pattern, p.ARN))
	}
	if so.tags {
		key = so.tagged(key, p)
	}
	so.key = key
	return key, true
}

// class is a principal's class as one that may call things and be given more.
func (so *sorter) class(p *Principal) (key []byte, shared bool) {
	if key, shared = so.caller(p); !shared {
		return nil, false
	}
	so.key = so.given(key, p)
	return so.key, true
}

// raised is the class of a principal once it has every permission: what still
// limits it sets it apart.
func (so *sorter) raised(p *Principal) (key []byte, shared bool) {
	if so.single || p.named || so.exact[p.ARN] {
		return nil, false
	}
	key = append(so.key[:0], 'u')
	if p.Role {
		key[0] = 'r'
	}
	shared = true
	var denies, bounds []int32
	so.each(p, func(d *document) {
		if d.denies {
			shared = shared && !d.single && len(d.own) == 0
			denies = append(denies, d.number)
		}
	})
	for _, policy := range p.Boundary {
		d := so.document(policy)
		shared = shared && !d.single && len(d.own) == 0
		bounds = append(bounds, d.number)
	}
	if !shared {
		return nil, false
	}
	key = appendNumbers(key, denies)
	if len(p.Boundary) > 0 {
		key = appendNumbers(append(key, 'b'), bounds)
	}
	for _, pattern := range so.patterns {
		key = appendBit(key, glob.Match(pattern, p.ARN))
	}
	if so.tags {
		key = so.tagged(key, p)
	}
	so.key = key
	return key, true
}

// likeness is what sets a principal apart as the target of calls of its own
// account, and whether others may be like it.
func (so *sorter) likeness(p *Principal) (key []byte, shared bool) {
	if so.single || so.exact[p.ARN] {
		return nil, false
	}
	key = append(so.key[:0], 'u')
	if p.Role {
		key[0] = 'r'
		var trust []int32
		for _, policy := range p.Trust {
			d := so.document(policy)
			if d.single || d.loose || len(d.own) > 0 || slices.Contains(d.trust.named, p.ARN) {
				return nil, false
			}
			trust = append(trust, d.number)
		}
		key = appendNumbers(key, trust)
	}
	for _, pattern := range so.patterns {
		key = appendBit(key, glob.Match(pattern, p.ARN))
	}
	if so.tags {
		key = so.tagged(key, p)
	}
	so.key = key
	return key, true
}

func (so *sorter) tagged(key []byte, p *Principal) []byte {
	for _, k := range slices.Sorted(maps.Keys(p.Tags)) {
		key = append(key, k+"\x00"+p.Tags[k]+"\x00"...)
	}
	return key
}

// given appends by what others may give a principal more.
func (so *sorter) given(key []byte, p *Principal) []byte {
	for _, arn := range p.Groups {
		if so.home.varies || so.home.changes[arn] || so.changesOf(arn) {
			key = append(key, arn+"\x00"...)
		}
	}
	key = append(key, '|')
	for _, arn := range p.Attached {
		if so.home.changes[arn] || so.home.varies && so.Policies[arn] != nil {
			key = append(key, arn+"\x00"...)
		}
	}
	return append(key, '|')
}

// changesOf reports whether a policy of a group may be changed.
func (so *sorter) changesOf(group string) bool {
	g := so.Groups[group]
	return g != nil && slices.ContainsFunc(g.Attached, func(arn string) bool { return so.home.changes[arn] })
}

func appendBit(key []byte, bit bool) []byte {
	if bit {
		return append(key, '1')
	}
	return append(key, '0')
}

// appendNumbers appends the documents that matter, whatever their order.
func appendNumbers(key []byte, numbers []int32) []byte {
	slices.Sort(numbers)
	for i, n := range numbers {
		if n != 0 && (i == 0 || n != numbers[i-1]) {
			key = binary.AppendVarint(key, int64(n))
		}
	}
	return append(key, 0)
}
