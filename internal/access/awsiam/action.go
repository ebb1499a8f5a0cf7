package awsiam

import (
	"slices"
	"strings"
)

// actionSet is a compiled Action or NotAction element.
type actionSet struct {
	// not is true for NotAction: everything but what the patterns name, so
	// also actions that do not exist yet ("IAM JSON policy elements:
	// NotAction").
	not bool
	all bool
	// exact are the patterns without a wildcard, sorted, in lower case.
	exact []string
	// starts are the patterns whose only wildcard is a star at the end,
	// without it; globs are the others.
	starts []string
	globs  []actionGlob
}

type actionGlob struct {
	service string
	name    glob
}

// compileActions prepares action patterns. A pattern is "*" or a service
// prefix, a colon and a name that may hold wildcards ("Grammar of the IAM JSON
// policy language", action_string); prefix and name are compared without
// regard to case ("IAM JSON policy elements: Action").
func compileActions(n *names, st *Statement, patterns []string, not bool) actionSet {
	set := actionSet{not: not}
	for _, raw := range patterns {
		p := n.lower(raw)
		service, name, colon := strings.Cut(p, ":")
		switch {
		case p != "" && strings.Trim(p, "*") == "", colon && service == "*" && name != "" && strings.Trim(name, "*") == "":
			set.all = true
		case !colon:
			st.unclear("action %q has no service prefix", raw)
		case strings.ContainsAny(service, "*?"):
			st.unclear("action %q has a wildcard in its service prefix", raw)
		case !strings.ContainsAny(name, "*?"):
			set.exact = append(set.exact, p)
		case strings.IndexAny(name, "*?") == len(name)-1 && strings.HasSuffix(name, "*"):
			set.starts = append(set.starts, strings.TrimSuffix(p, "*"))
		default:
			set.globs = append(set.globs, actionGlob{service, compileGlob(name)})
		}
	}
	slices.Sort(set.exact)
	return set
}

// covers reports whether the element covers an action in lower case.
func (s *actionSet) covers(action string) bool { return s.names(action) != s.not }

func (s *actionSet) names(action string) bool {
	if s.all {
		return true
	}
	if len(s.exact) > 8 {
		if _, ok := slices.BinarySearch(s.exact, action); ok {
			return true
		}
	} else if slices.Contains(s.exact, action) {
		return true
	}
	for _, start := range s.starts {
		if strings.HasPrefix(action, start) {
			return true
		}
	}
	if len(s.globs) == 0 {
		return false
	}
	service, name, _ := strings.Cut(action, ":")
	for i := range s.globs {
		if s.globs[i].service == service && s.globs[i].name.match(name) {
			return true
		}
	}
	return false
}

// MatchAction reports whether an action pattern, such as "s3:Get*", covers an
// action. Patterns that AWS would not accept cover nothing.
func MatchAction(pattern, action string) bool {
	p, _ := CompileAction(pattern)
	return p.Covers(action)
}

// index finds the statements of a large policy that may cover an action.
type index struct {
	// services are the statements that name actions of one service; general
	// are those that may cover any. Both in order.
	services map[string][]int32
	general  []int32
}

// indexed is the number of statements from which an index is worth its making.
const indexed = 6

func newIndex(statements []Statement) *index {
	if len(statements) < indexed {
		return nil
	}
	x := &index{services: make(map[string][]int32)}
	for n := range statements {
		st := &statements[n]
		if st.actions.not || st.actions.all || len(st.Unclear) > 0 {
			x.general = append(x.general, int32(n))
			continue
		}
		add := func(pattern string) {
			service, _, _ := strings.Cut(pattern, ":")
			list := x.services[service]
			if len(list) == 0 || list[len(list)-1] != int32(n) {
				x.services[service] = append(list, int32(n))
			}
		}
		for _, p := range st.actions.exact {
			add(p)
		}
		for _, p := range st.actions.starts {
			add(p)
		}
		for i := range st.actions.globs {
			add(st.actions.globs[i].service)
		}
	}
	return x
}
