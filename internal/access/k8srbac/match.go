package k8srbac

import (
	"slices"
	"strings"
)

// set is a compiled list of alternatives. "*" is everything.
type set struct {
	all bool
	ids []uint32 // sorted
}

// has reports whether a set holds a word. Zero is a word that no rule has.
func (s *set) has(id uint32) bool {
	if s.all {
		return true
	}
	if len(s.ids) > 8 {
		_, ok := slices.BinarySearch(s.ids, id)
		return ok
	}
	for _, v := range s.ids {
		if v == id {
			return true
		}
	}
	return false
}

// compiledRule is a rule over interned words. Its resources stand in the
// role's tables.
type compiledRule struct {
	verbs  set
	groups set
	names  set // all: the rule names none
	urls   []string
}

// compiledRole finds the rules of a role that can matter to a request.
type compiledRole struct {
	rules []compiledRule
	// anything lists the rules with the resource "*", byResource those that
	// name "resource" or "resource/subresource", bySub those with
	// "*/subresource", keyed by the subresource.
	anything   []int32
	byResource map[uint32][]int32
	bySub      map[uint32][]int32
	// paths lists the rules with URLs.
	paths []int32
}

func (x *Index) compile(r *Role) compiledRole {
	c := compiledRole{rules: make([]compiledRule, len(r.Rules))}
	for i := range r.Rules {
		rule, n := &r.Rules[i], int32(i)
		c.rules[i] = compiledRule{verbs: x.set(rule.Verbs), groups: x.set(rule.APIGroups), names: x.words(rule.ResourceNames),
			urls: rule.NonResourceURLs}
		// An empty list of names is every name; "*" in it is a name like others.
		c.rules[i].names.all = len(rule.ResourceNames) == 0
		if len(rule.NonResourceURLs) > 0 {
			c.paths = append(c.paths, n)
		}
		c.resources(x, rule, n)
	}
	return c
}

func (c *compiledRole) resources(x *Index, rule *Rule, n int32) {
	if slices.Contains(rule.Resources, "*") {
		c.anything = append(c.anything, n)
		return
	}
	put := func(m *map[uint32][]int32, id uint32) {
		if *m == nil {
			*m = map[uint32][]int32{}
		}
		if have := (*m)[id]; len(have) == 0 || have[len(have)-1] != n {
			(*m)[id] = append(have, n)
		}
	}
	for _, res := range rule.Resources {
		put(&c.byResource, x.intern(res))
		if sub, ok := strings.CutPrefix(res, "*/"); ok {
			put(&c.bySub, x.intern(sub))
		}
	}
}

// set interns alternatives of which "*" is everything.
func (x *Index) set(words []string) set {
	if slices.Contains(words, "*") {
		return set{all: true}
	}
	return x.words(words)
}

func (x *Index) words(words []string) set {
	ids := make([]uint32, len(words))
	for i, w := range words {
		ids[i] = x.intern(w)
	}
	slices.Sort(ids)
	return set{ids: slices.Compact(ids)}
}

// intern numbers the words of rules from 1.
func (x *Index) intern(word string) uint32 {
	id, ok := x.vocabulary[word]
	if !ok {
		id = uint32(len(x.vocabulary) + 1)
		x.vocabulary[word] = id
	}
	return id
}

// request is a question over interned words.
type request struct {
	verb, group, combined, sub, name uint32
	path                             string
	resource                         bool
}

// ask interns a question. Words that no rule has become 0, which only "*"
// matches.
func (x *Index) ask(a *Attributes) request {
	q := request{verb: x.vocabulary[a.Verb]}
	if a.isPath() {
		q.path = a.Path
		return q
	}
	q.resource, q.group, q.name = true, x.vocabulary[a.APIGroup], x.vocabulary[a.Name]
	if a.Subresource == "" {
		q.combined = x.vocabulary[a.Resource]
		return q
	}
	var room [96]byte
	combined := append(append(append(room[:0], a.Resource...), '/'), a.Subresource...)
	q.combined, q.sub = x.vocabulary[string(combined)], x.vocabulary[a.Subresource]
	return q
}

// match returns the first rule of a role that allows a request, or -1.
func (c *compiledRole) match(q *request) int32 {
	if !q.resource {
		for _, n := range c.paths {
			if r := &c.rules[n]; r.verbs.has(q.verb) && r.hasPath(q.path) {
				return n
			}
		}
		return -1
	}
	if n := c.among(c.anything, q); n >= 0 {
		return n
	}
	if q.combined != 0 {
		if n := c.among(c.byResource[q.combined], q); n >= 0 {
			return n
		}
	}
	if q.sub != 0 {
		return c.among(c.bySub[q.sub], q)
	}
	return -1
}

func (c *compiledRole) among(rules []int32, q *request) int32 {
	for _, n := range rules {
		r := &c.rules[n]
		if r.verbs.has(q.verb) && r.groups.has(q.group) && r.names.has(q.name) {
			return n
		}
	}
	return -1
}

// hasPath reports whether the rule names a path: as it stands, by "*", or by a
// beginning with "*" behind it.
func (r *compiledRule) hasPath(path string) bool {
	return slices.ContainsFunc(r.urls, func(url string) bool { return urlCovers(url, path) })
}

func urlCovers(url, path string) bool {
	return url == path || strings.HasSuffix(url, "*") && strings.HasPrefix(path, strings.TrimRight(url, "*"))
}
