package rightsize

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// group gathers the actions that get one statement.
type group struct {
	service, level string
	kept           bool
	conditions     conditions
	resources      list
	notResources   list
	actions        list
}

// statements writes the parts: actions of one service and access level on the
// same resources under the same conditions together, by service and level, and
// what denies behind them.
func (s *shrinker) statements() []statement {
	groups := make(map[string]*group)
	add := func(p *part, resources, notResources list) {
		service, _, _ := strings.Cut(strings.ToLower(p.action), ":")
		g := &group{service: service, level: s.catalog.level(p.action), kept: p.kept, conditions: p.conditions, resources: resources, notResources: notResources}
		key, _ := json.Marshal([]any{g.service, g.level, g.kept, g.conditions, resources, notResources})
		if have := groups[string(key)]; have != nil {
			g = have
		} else {
			groups[string(key)] = g
		}
		g.actions = append(g.actions, p.action)
	}
	for _, key := range slices.SortedFunc(maps.Keys(s.parts), byKey) {
		p := s.parts[key]
		resources, notResources := p.resources()
		if len(resources) > 0 {
			add(p, resources, nil)
		}
		for _, not := range notResources {
			add(p, nil, not)
		}
	}
	order := slices.SortedFunc(maps.Values(groups), func(a, b *group) int {
		return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(levelOrder(a.level), levelOrder(b.level)), cmp.Compare(flag(a.kept), flag(b.kept)),
			cmp.Compare(len(a.conditions), len(b.conditions)), slices.Compare(a.actions, b.actions), slices.Compare(a.resources, b.resources),
			slices.Compare(a.notResources, b.notResources), cmp.Compare(text(a.conditions), text(b.conditions)))
	})
	ids := make(map[string]bool)
	var out []statement
	for _, g := range order {
		name := sid(g.service, g.level)
		if g.kept {
			name += "Unseen"
		}
		slices.Sort(g.actions)
		out = append(out, statement{Sid: unique(ids, name), Effect: "Allow", Action: g.actions, Resource: g.resources, NotResource: g.notResources,
			Condition: g.conditions, kept: g.kept})
	}
	for _, d := range s.old.deny {
		if d.Sid != "" {
			d.Sid = unique(ids, d.Sid)
		}
		out = append(out, d)
	}
	return out
}

func text(c conditions) string {
	b, _ := json.Marshal(c)
	return string(b)
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// resources are what the part allows: a list of Resource, and lists of
// NotResource, of which each is a statement of its own.
func (p *part) resources() (resources list, notResources []list) {
	out := p.generalize()
	out = append(out, slices.Collect(maps.Keys(p.patterns))...)
	for _, g := range p.grants {
		if !p.whole[g] {
			continue
		}
		var own list
		for _, x := range g.resources {
			own = append(own, x.text)
		}
		switch {
		case !g.not:
			out = append(out, own...)
		case len(own) == 0:
			out = append(out, "*")
		default:
			slices.Sort(own)
			if !slices.ContainsFunc(notResources, func(l list) bool { return slices.Equal(l, own) }) {
				notResources = append(notResources, own)
			}
		}
	}
	return list(p.reduce(out)), notResources
}

// levelOrder puts harmless levels first, as AWS's own summaries do.
func levelOrder(level string) int {
	return slices.Index([]string{"List", "Read", "Write", "Tag", "Permissions", "Other"}, level)
}

// unique makes an id that is not taken.
func unique(taken map[string]bool, name string) string {
	try := name
	for n := 2; taken[try]; n++ {
		try = fmt.Sprint(name, n)
	}
	taken[try] = true
	return try
}
