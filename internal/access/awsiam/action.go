package awsiam

import (
	"slices"
	"strings"
	"unicode/utf8"

	globs "github.com/retinue-id/retinue/internal/access/glob"
)

// actionSet is a compiled Action or NotAction element.
type actionSet struct {
	// not is true for NotAction: everything but what the patterns name, so
	// also actions that do not exist yet ("IAM JSON policy elements:
	// NotAction").
	not bool
	all bool
	// patterns are compared one after the other.
	patterns []actionPattern
	// exact are the patterns without a wildcard where there are many: sorted,
	// in lower case.
	exact []string
}

// sorted is the number of patterns from which those without a wildcard are
// looked up instead of compared.
const sorted = 12

// actionPattern is a pattern such as "s3:Get*", compared as it is written.
type actionPattern struct {
	// text is in any case; what is not ASCII is in lower case.
	text  string
	colon int // length of the service prefix
	form  actionForm
}

type actionForm uint8

const (
	actionExact  actionForm = iota
	actionStarts            // its only wildcard is a star at the end
	actionWild
)

// service is the pattern's service prefix in lower case.
func (p *actionPattern) service() string { return lower(p.text[:p.colon]) }

// names compares with an action in lower case. The prefix before the colon
// holds no wildcard, so that nothing in the name goes over it.
func (p *actionPattern) names(action string) bool {
	switch p.form {
	case actionExact:
		return len(p.text) == len(action) && startsFolded(action, p.text)
	case actionStarts:
		return startsFolded(action, p.text[:len(p.text)-1])
	}
	if !startsFolded(action, p.text[:p.colon]) {
		return false
	}
	if len(p.text)*len(action) <= quick {
		return globs.MatchFold(p.text, action)
	}
	g := compileGlob(lower(p.text))
	return g.match(action)
}

// startsFolded reports whether a text in lower case starts with another in any
// case.
func startsFolded(text, start string) bool {
	if len(text) < len(start) {
		return false
	}
	for i := range len(start) {
		c := start[i]
		if c-'A' <= 'Z'-'A' {
			c += 'a' - 'A'
		}
		if c != text[i] {
			return false
		}
	}
	return true
}

// compileActions prepares action patterns. A pattern is "*" or a service
// prefix, a colon and a name that may hold wildcards ("Grammar of the IAM JSON
// policy language", action_string); prefix and name are compared without
// regard to case ("IAM JSON policy elements: Action").
func compileActions(m *memory, st *Statement, patterns []string, not bool) actionSet {
	set := actionSet{not: not}
	out := m.actions.room(len(patterns), m.share(160))
	for _, raw := range patterns {
		p, problem := compileAction(raw)
		switch {
		case problem == everyAction:
			set.all = true
		case problem != "":
			st.unclear(problem, raw)
		case p.form == actionExact && len(patterns) >= sorted && !m.once:
			set.exact = append(set.exact, lower(p.text))
		default:
			out = append(out, p)
		}
	}
	set.patterns = m.actions.taken(out)
	if len(set.exact) > 0 {
		slices.Sort(set.exact)
	}
	return set
}

// everyAction stands for a pattern that names every action.
const everyAction = "every action"

// compileAction prepares one pattern; problem is a format for what is wrong
// with it, or everyAction.
func compileAction(raw string) (p actionPattern, problem string) {
	p = actionPattern{text: raw, colon: -1}
	first, wild, stars, ascii := -1, 0, 0, true
	for i := range len(raw) {
		switch c := raw[i]; {
		case c == ':' && p.colon < 0:
			p.colon = i
		case c == '*' || c == '?':
			if wild++; wild == 1 {
				first = i
			}
			if c == '*' {
				stars++
			}
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	switch {
	case stars > 0 && stars == len(raw), p.colon == 1 && raw[0] == '*' && stars > 1 && stars == len(raw)-1:
		return p, everyAction
	case p.colon < 0:
		return p, "action %q has no service prefix"
	case wild > 0 && first < p.colon:
		return p, "action %q has a wildcard in its service prefix"
	case stars == 1 && wild == 1 && first == len(raw)-1:
		p.form = actionStarts
	case wild > 0:
		p.form = actionWild
	}
	if !ascii {
		p.text = strings.ToLower(raw)
		p.colon = strings.IndexByte(p.text, ':')
	}
	return p, ""
}

// covers reports whether the element covers an action in lower case.
func (s *actionSet) covers(action string) bool { return s.names(action) != s.not }

func (s *actionSet) names(action string) bool {
	if s.all {
		return true
	}
	if len(s.exact) > 0 {
		if _, ok := slices.BinarySearch(s.exact, action); ok {
			return true
		}
	}
	for i := range s.patterns {
		if s.patterns[i].names(action) {
			return true
		}
	}
	return false
}

// understood is the number of patterns that were, where not all are named.
func (s *actionSet) understood() int { return len(s.exact) + len(s.patterns) }

// services calls yield for the service prefix of each pattern, in lower case.
func (s *actionSet) services(yield func(string)) {
	for _, p := range s.exact {
		yield(serviceOf(p))
	}
	for i := range s.patterns {
		yield(s.patterns[i].service())
	}
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
		st.actions.services(func(service string) {
			list := x.services[service]
			if len(list) == 0 || list[len(list)-1] != int32(n) {
				x.services[service] = append(list, int32(n))
			}
		})
	}
	return x
}
