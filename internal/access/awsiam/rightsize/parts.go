package rightsize

import (
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/glob"
)

// partKey names an action under a set of conditions.
type partKey struct{ action, conditions string }

// part is an action that stays, under one set of conditions.
type part struct {
	action     string // in AWS's writing
	conditions conditions
	// grants are the old statements with these conditions that allow the
	// action; nothing is allowed that none of them does.
	grants []*grant
	// used are resources with uses, patterns those with policy variables that
	// uses hang on, whole the grants whose resources stay as they are.
	used     map[string]bool
	patterns map[string]bool
	whole    map[*grant]bool
	kept     bool // no use is on record
}

func (s *shrinker) part(action string, g *grant) *part {
	key := partKey{strings.ToLower(action), g.key}
	if p := s.parts[key]; p != nil {
		return p
	}
	p := &part{action: s.catalog.name(action), conditions: g.conditions, used: make(map[string]bool), patterns: make(map[string]bool),
		whole: make(map[*grant]bool), kept: true}
	for _, other := range s.old.allow {
		if other.key == g.key && other.AppliesTo(action) {
			p.grants = append(p.grants, other)
		}
	}
	if s.parts == nil {
		s.parts = make(map[partKey]*part)
	}
	s.parts[key] = p
	return p
}

// assign gives each use to the conditions under which it was allowed. Where
// something allows it without a condition, nothing else is needed. Which of
// several conditions held is not known, so that all stay.
func (s *shrinker) assign(uses []*use) {
	byAction := make(map[string][]*grant)
	for _, u := range uses {
		action := strings.ToLower(u.Action)
		grants, ok := byAction[action]
		if !ok {
			for _, g := range s.old.allow {
				if g.AppliesTo(action) {
					grants = append(grants, g)
				}
			}
			byAction[action] = grants
		}
		if u.resource == "" {
			for _, g := range grants {
				p := s.part(u.Action, g)
				p.whole[g], p.kept = true, false
			}
			continue
		}
		s.assignOne(u, grants)
	}
}

func (s *shrinker) assignOne(u *use, grants []*grant) {
	var open []*grant
	resource := u.resource
	// Listing all buckets asks for arn:aws:s3:::* as well as for "*".
	if resource == "*" && strings.EqualFold(u.Action, "s3:ListAllMyBuckets") && !slices.ContainsFunc(grants, func(g *grant) bool { _, maybe := g.covers("*"); return maybe }) {
		resource = "arn:aws:s3:::*"
	}
	for _, g := range grants {
		surely, maybe := g.covers(resource)
		if surely && g.key == "" {
			s.part(u.Action, g).use(resource, g)
			return
		}
		if maybe && !g.excluded(u.Context) {
			open = append(open, g)
		}
	}
	for _, g := range open {
		s.part(u.Action, g).use(resource, g)
	}
}

// use notes that a use hangs on a grant.
func (p *part) use(resource string, g *grant) {
	p.kept = false
	surely, _ := g.covers(resource)
	switch {
	case surely && (!strings.ContainsAny(resource, "*?") || g.grantsAll(resource)):
		p.used[resource] = true
	case g.not:
		p.whole[g] = true
	default:
		// What hangs on a policy variable stays as it is.
		for i := range g.resources {
			if x := &g.resources[i]; x.match(resource) {
				p.patterns[x.text] = true
			}
		}
	}
}

// excluded reports whether what is known of a request rules the grant out.
func (g *grant) excluded(known map[string][]string) bool {
	for key, values := range known {
		for i := range g.Conditions {
			c := &g.Conditions[i]
			if !strings.EqualFold(c.Key, key) || strings.Contains(strings.Join(c.Values, ""), "${") {
				continue
			}
			var context awsiam.Context
			if len(values) == 1 {
				context.Set(key, values[0])
			} else {
				context.SetList(key, values...)
			}
			if holds, understood := c.Holds(&context); understood && !holds {
				return true
			}
		}
	}
	return false
}

// keepUnseen keeps what the log cannot have shown, where something suggests
// that it is needed, and lists the rest.
func (s *shrinker) keepUnseen() {
	s.unseen = make(map[string][]string)
	used := make(map[string]bool)
	services, recorded := make(map[string]bool), make(map[string]bool)
	for key := range s.parts {
		used[key.action] = true
		service, _, _ := strings.Cut(key.action, ":")
		services[service] = true
		recorded[service] = recorded[service] || isDataEvent(key.action)
	}
	for _, service := range s.Recorded {
		recorded[strings.ToLower(service)] = true
	}
	for _, g := range s.old.allow {
		for _, a := range s.candidates(g, services) {
			if used[a] || !g.AppliesTo(a) {
				continue
			}
			why, keep := s.whyKeep(g, a, used, services, recorded)
			switch {
			case why == "":
			case keep && !s.DropUnseen:
				p := s.part(a, g)
				p.whole[g] = true
				s.result.Kept = appendKept(s.result.Kept, s.catalog.name(a), g, why)
			default:
				s.result.Dropped = appendKept(s.result.Dropped, s.catalog.name(a), g, why)
			}
		}
	}
	s.keepUnshown()
	s.keepOtherResources()
}

// candidates are the actions that a grant may be needed for unseen: those of
// the services that it names, that are used, or that have data events.
func (s *shrinker) candidates(g *grant, used map[string]bool) []string {
	services := maps.Clone(used)
	services["iam"], services["sts"] = true, true
	var out []string
	for _, p := range g.Actions {
		service, name, ok := strings.Cut(strings.ToLower(p), ":")
		if !ok || strings.ContainsAny(service, "*?") {
			continue
		}
		services[service] = true
		if a := service + ":" + name; !strings.ContainsAny(name, "*?") && (isDataEvent(a) || companionOf(a) != nil) {
			out = append(out, a)
		}
	}
	for service := range dataEvents {
		services[service] = true
	}
	for service := range services {
		list, ok := s.unseen[service]
		if !ok {
			list = s.catalog.unseen(service)
			s.unseen[service] = list
		}
		out = append(out, list...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// whyKeep says why the log may not show an action, and whether it should stay;
// an empty text means that the log would have shown it.
func (s *shrinker) whyKeep(g *grant, action string, used, services, recorded map[string]bool) (string, bool) {
	service, _, _ := strings.Cut(action, ":")
	if c := companionOf(action); c != nil {
		call, ok := c.comes(action, used)
		if !ok {
			return c.why + "; no call that was used goes with it", false
		}
		return c.why + "; it goes with " + s.catalog.name(call), true
	}
	if recorded[service] || recorded["all"] {
		return "", false
	}
	const text = "the log holds it only where data events are recorded"
	if services[service] || g.names(service) {
		return text, true
	}
	return text + "; nothing of the service was used, and the old policy does not name it", false
}

// names reports whether the grant names a service, rather than covering all.
func (g *grant) names(service string) bool {
	return slices.ContainsFunc(g.Actions, func(p string) bool {
		prefix, _, ok := strings.Cut(strings.ToLower(p), ":")
		return ok && prefix == service
	})
}

func appendKept(kept []Kept, action string, g *grant, why string) []Kept {
	resources := g.Resources
	if g.not {
		resources = []string{g.but()}
	}
	for i := range kept {
		if kept[i].Because == why && slices.Equal(kept[i].Resources, resources) {
			if !slices.Contains(kept[i].Actions, action) {
				kept[i].Actions = append(kept[i].Actions, action)
			}
			return kept
		}
	}
	return append(kept, Kept{Actions: []string{action}, Resources: resources, Because: why})
}

// keepOtherResources keeps the resources that a call is also checked on and that
// the record does not name, such as the subnet of an instance that is started.
func (s *shrinker) keepOtherResources() {
	for _, key := range slices.SortedFunc(maps.Keys(s.parts), byKey) {
		p := s.parts[key]
		if p.kept || len(p.used) == 0 || len(p.whole) > 0 {
			continue
		}
		types, patterns := s.catalog.others(key.action, slices.Sorted(maps.Keys(p.used)))
		var list []string
		whole := make(map[*grant]bool)
		for _, pattern := range patterns {
			list = append(list, p.within(pattern, whole)...)
		}
		for g := range whole {
			list = append(list, g.but())
		}
		if len(list) == 0 {
			continue
		}
		slices.Sort(list)
		list = slices.Compact(list)
		kept := Kept{Actions: []string{p.action}, Resources: list,
			Because: "the call is also checked on resources of other types, of which the record names none: " + strings.Join(types, ", ")}
		if s.DropUnseen {
			s.result.Dropped = append(s.result.Dropped, kept)
			continue
		}
		maps.Copy(p.whole, whole)
		for _, x := range list {
			p.patterns[x] = true
		}
		for g := range whole {
			delete(p.patterns, g.but())
		}
		s.result.Kept = append(s.result.Kept, kept)
	}
}

// within are the parts of a pattern that the old statements grant: the whole,
// or those of their own patterns that meet it. Statements with NotResource that
// grant some of it are added to whole.
func (p *part) within(pattern string, whole map[*grant]bool) []string {
	var out []string
	for _, g := range p.grants {
		switch {
		case g.grantsAll(pattern):
			return []string{pattern}
		case g.not:
			whole[g] = true
			continue
		}
		for _, x := range g.resources {
			if meet(x.plain, pattern) {
				out = append(out, x.text)
			}
		}
	}
	return out
}

// meet reports whether some text may fit both patterns.
func meet(a, b string) bool {
	classes, err := glob.Classes([]glob.Pattern{glob.Text(a), glob.Text(b)}, glob.AnyText(), 16)
	return err != nil || slices.ContainsFunc(classes, func(c glob.Class) bool { return c.Matches.Len() == 2 })
}

// but is NotResource in words.
func (g *grant) but() string { return "everything but " + strings.Join(g.NotResources, ", ") }

func newPatternOf(plain string) *pattern { return &pattern{text: plain, plain: plain} }

func byKey(a, b partKey) int {
	if c := strings.Compare(a.action, b.action); c != 0 {
		return c
	}
	return strings.Compare(a.conditions, b.conditions)
}
