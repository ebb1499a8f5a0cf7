package rightsize

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// grants are the statements of the old policies.
type grants struct {
	allow []*grant
	deny  []statement
}

// grant is an allowing statement.
type grant struct {
	*awsiam.Statement
	conditions conditions
	// key is equal for equal conditions; empty means none.
	key string
	// resources are the patterns of Resource, or of NotResource where not.
	resources []pattern
	not       bool
}

func (g *grants) add(p *awsiam.Policy, st *awsiam.Statement) {
	if st.Actions != nil && len(st.Actions) == 0 || st.Resources != nil && len(st.Resources) == 0 {
		return // about nothing
	}
	variables := p.Version() == awsiam.Version2012
	if st.Effect == awsiam.Deny {
		g.deny = append(g.deny, again(st, variables))
		return
	}
	out := &grant{Statement: st, conditions: conditionsOf(st, variables), not: st.Resources == nil}
	if len(out.conditions) > 0 {
		key, _ := json.Marshal(out.conditions)
		out.key = string(key)
	}
	list := st.Resources
	if out.not {
		list = st.NotResources
	}
	for _, text := range list {
		out.resources = append(out.resources, newPattern(text, variables))
	}
	g.allow = append(g.allow, out)
}

// allows reports whether an action is allowed on something, denies aside.
func (g *grants) allows(action string) bool {
	return slices.ContainsFunc(g.allow, func(x *grant) bool { return x.AppliesTo(action) })
}

// covers reports whether the grant names a resource: surely, or only if its
// policy variables have the right values.
func (g *grant) covers(resource string) (surely, maybe bool) {
	if g.not {
		surely = true
		for _, p := range g.resources {
			if p.match(resource) {
				if !p.variable {
					return false, false
				}
				surely = false
			}
		}
		return surely, true
	}
	for _, p := range g.resources {
		if !p.match(resource) {
			continue
		}
		maybe = true
		if !p.variable {
			return true, true
		}
	}
	return false, maybe
}

// pattern is an element of Resource or NotResource.
type pattern struct {
	// text is how it is written in a document of Version2012.
	text string
	// plain is the pattern with a star for each policy variable.
	plain    string
	variable bool
}

func newPattern(text string, variables bool) pattern {
	if !strings.Contains(text, "${") {
		return pattern{text: text, plain: text}
	}
	if !variables {
		return pattern{text: escape(text), plain: text}
	}
	p := pattern{text: text}
	var b strings.Builder
	rest := text
	for {
		start := strings.Index(rest, "${")
		end := -1
		if start >= 0 {
			end = strings.IndexByte(rest[start:], '}')
		}
		if end < 0 {
			break
		}
		b.WriteString(rest[:start] + "*")
		rest = rest[start+end+1:]
	}
	p.plain = b.String() + rest
	// ${*} and the like are characters and no variables, but a pattern that
	// has them is kept as it is all the same.
	p.variable = true
	return p
}

// escape writes a text of a document without policy variables for one with.
func escape(text string) string { return strings.ReplaceAll(text, "${", "${$}{") }

func (p *pattern) match(resource string) bool {
	switch i := strings.IndexAny(p.plain, "*?"); {
	case i < 0:
		return p.plain == resource
	case i == len(p.plain)-1 && p.plain[i] == '*':
		return strings.HasPrefix(resource, p.plain[:i])
	}
	return awsiam.MatchResource(p.plain, resource)
}

// fresh is a character that no policy has.
const fresh = "\x01"

// matchAll reports whether the pattern matches everything that another does,
// whose wildcards are stars at any place. Text that stands for a star can only
// be matched by wildcards of the pattern, and once it is longer than the
// pattern has question marks, by a star, which then matches any text.
func (p *pattern) matchAll(other string) bool {
	if !strings.ContainsAny(other, "*?") {
		return p.match(other)
	}
	other = strings.ReplaceAll(other, "?", fresh)
	for n := range strings.Count(p.plain, "?") + 2 {
		if !p.match(strings.ReplaceAll(other, "*", strings.Repeat(fresh, n))) {
			return false
		}
	}
	return true
}

// mayMatch reports whether the pattern may match something that starts with a
// text. It says yes too often rather than too seldom.
func (p *pattern) mayMatch(start string) bool {
	states := map[int]bool{0: true}
	for i := 0; ; {
		// Stars may stand for nothing.
		for s := range states {
			for s < len(p.plain) && p.plain[s] == '*' {
				s++
				states[s] = true
			}
		}
		if i == len(start) || len(states) == 0 {
			return len(states) > 0
		}
		next := make(map[int]bool)
		for s := range states {
			switch {
			case s == len(p.plain):
			case p.plain[s] == '*':
				next[s] = true
			case p.plain[s] == '?', p.plain[s] == start[i]:
				next[s+1] = true
			}
		}
		states = next
		i++
	}
}

// grantsAll reports whether the grant covers everything that a pattern does.
func (g *grant) grantsAll(other string) bool {
	if !g.not {
		return slices.ContainsFunc(g.resources, func(p pattern) bool { return !p.variable && p.matchAll(other) })
	}
	start, _, _ := strings.Cut(other, "*")
	start, _, _ = strings.Cut(start, "?")
	return !slices.ContainsFunc(g.resources, func(p pattern) bool {
		if !strings.ContainsAny(other, "*?") {
			return p.match(other)
		}
		return p.mayMatch(start)
	})
}
