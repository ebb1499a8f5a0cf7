package secrets

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/retinue-id/retinue"
)

// allowlist says what is not to be reported. With all set every condition that
// it has must hold, else one suffices.
type allowlist struct {
	all     bool
	commits map[string]bool
	paths   *regexp.Regexp
	target  string // "", "match" or "line"
	exprs   *regexp.Regexp
	stops   *automaton
}

func compileAllowlist(e allowEntry) (*allowlist, error) {
	a := &allowlist{target: e.RegexTarget}
	switch strings.ToUpper(e.Condition) {
	case "", "OR", "||":
	case "AND", "&&":
		a.all = true
	default:
		return nil, fmt.Errorf("%w: condition %q: want AND or OR", retinue.ErrInvalid, e.Condition)
	}
	switch e.RegexTarget {
	case "secret":
		a.target = ""
	case "", "match", "line":
	default:
		return nil, fmt.Errorf("%w: regexTarget %q: want secret, match or line", retinue.ErrInvalid, e.RegexTarget)
	}
	if len(e.Commits)+len(e.Paths)+len(e.Regexes)+len(e.StopWords) == 0 {
		return nil, fmt.Errorf("%w: want at least one of commits, paths, regexes, stopwords", retinue.ErrInvalid)
	}
	if len(e.Commits) > 0 {
		a.commits = map[string]bool{}
		for _, c := range e.Commits {
			a.commits[strings.ToLower(strings.TrimSpace(c))] = true
		}
	}
	var err error
	if a.paths, err = joinExprs(e.Paths); err != nil {
		return nil, fmt.Errorf("paths: %w", err)
	}
	if a.exprs, err = joinExprs(e.Regexes); err != nil {
		return nil, fmt.Errorf("regexes: %w", err)
	}
	if len(e.StopWords) > 0 {
		words := make([]string, len(e.StopWords))
		for i, w := range e.StopWords {
			words[i] = strings.ToLower(w)
		}
		a.stops = newAutomaton(words)
	}
	return a, nil
}

// joinExprs makes one expression of several, in gitleaks' way: a flag at the
// front of one holds for those after it.
func joinExprs(exprs []string) (*regexp.Regexp, error) {
	for _, e := range exprs {
		if _, err := compileExpr(e); err != nil {
			return nil, err
		}
	}
	if len(exprs) == 0 {
		return nil, nil
	}
	return compileExpr("(?:" + strings.Join(exprs, "|") + ")")
}

// skipsText reports whether the place alone keeps a whole text from being
// scanned.
func (a *allowlist) skipsText(path, commit string) bool {
	if path == "" && commit == "" {
		return false
	}
	byCommit, byPath := a.commitAllowed(commit), a.pathAllowed(path)
	if !a.all {
		return byCommit || byPath
	}
	if a.exprs != nil || a.stops != nil {
		return false // decided with the finding
	}
	return (a.commits == nil || byCommit) && (a.paths == nil || byPath)
}

// skipsValue reports whether a value that was found is allowed. Commit and
// path alone were decided by skipsText.
func (a *allowlist) skipsValue(value string, match []byte, line func() string, path, commit string) bool {
	byStop := a.stops != nil && value != "" && a.stops.contains(lowerUnicode(value))
	if !a.all {
		return byStop || a.exprAllowed(value, match, line)
	}
	return (a.commits == nil || a.commitAllowed(commit)) && (a.paths == nil || a.pathAllowed(path)) &&
		(a.stops == nil || byStop) && (a.exprs == nil || a.exprAllowed(value, match, line))
}

// lowerUnicode lower-cases what the automaton does not: it passes over the case
// of ASCII letters itself.
func lowerUnicode(s string) string {
	if isASCII(s) {
		return s
	}
	return strings.ToLower(s)
}

func (a *allowlist) exprAllowed(value string, match []byte, line func() string) bool {
	if a.exprs == nil {
		return false
	}
	switch a.target {
	case "match":
		return len(match) > 0 && a.exprs.Match(match)
	case "line":
		l := line()
		return l != "" && a.exprs.MatchString(l)
	}
	return value != "" && a.exprs.MatchString(value)
}

func (a *allowlist) commitAllowed(commit string) bool {
	return commit != "" && a.commits[strings.ToLower(commit)]
}

func (a *allowlist) pathAllowed(path string) bool {
	return path != "" && a.paths != nil && a.paths.MatchString(path)
}

func skipsText(lists []*allowlist, path, commit string) bool {
	for _, a := range lists {
		if a.skipsText(path, commit) {
			return true
		}
	}
	return false
}
