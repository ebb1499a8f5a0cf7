package k8srbac

import (
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// maxWork bounds a comparison of rules, in words that are looked at: a second or
// two.
const maxWork = 300_000_000

// Covers reports whether the owner's rules together hold everything that the
// servant's rules grant, as the server asks before it lets somebody write or
// bind a role (k8s.io/component-helpers/auth/rbac/validation). Each single
// permission (group, resource, verb, name) must be held by one rule of the
// owner; missing is the first that is not. An error, which wraps
// retinue.ErrInvalid, says that there are too many to look at.
//
// Like the server, it compares what stands in the rules: a list of every verb
// does not cover "*".
func Covers(owner, servant []Rule) (ok bool, missing *Rule, err error) {
	c := comparison{owner: owner, left: maxWork}
	for i := range owner {
		c.words += owner[i].words()
	}
	for i := range servant {
		// Most rules are held by one rule whole.
		if c.held(&servant[i]) {
			continue
		}
		if missing := c.uncovered(&servant[i]); missing != nil && c.left >= 0 {
			return false, missing, nil
		}
		if c.left < 0 {
			return false, nil, fmt.Errorf("%w: compare roles: too many single permissions", retinue.ErrInvalid)
		}
	}
	return true, nil, nil
}

// comparison is one comparison of rules, with what is left of its allowance.
type comparison struct {
	owner []Rule
	words int
	left  int
}

func (r *Rule) words() int {
	return 1 + len(r.Verbs) + len(r.APIGroups) + len(r.Resources) + len(r.ResourceNames) + len(r.NonResourceURLs)
}

// held reports whether one rule of the owner covers a rule. It is false when
// the allowance is used up.
func (c *comparison) held(rule *Rule) bool {
	longest := max(len(rule.Verbs), len(rule.APIGroups), len(rule.Resources), len(rule.ResourceNames), len(rule.NonResourceURLs), 1)
	if c.left -= c.words * longest; c.left < 0 {
		return false
	}
	return slices.ContainsFunc(c.owner, func(o Rule) bool { return ruleCovers(&o, rule) })
}

// uncovered breaks a rule into single permissions and returns the first that no
// rule of the owner covers.
func (c *comparison) uncovered(rule *Rule) *Rule {
	names := [][]string{nil}
	if len(rule.ResourceNames) > 0 {
		names = nil
		for _, n := range rule.ResourceNames {
			names = append(names, []string{n})
		}
	}
	for _, verb := range rule.Verbs {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, name := range names {
					one := Rule{Verbs: []string{verb}, APIGroups: []string{group}, Resources: []string{resource}, ResourceNames: name}
					if !c.held(&one) {
						return &one
					}
				}
			}
		}
		for _, url := range rule.NonResourceURLs {
			if one := (Rule{Verbs: []string{verb}, NonResourceURLs: []string{url}}); !c.held(&one) {
				return &one
			}
		}
	}
	return nil
}

// ruleCovers reports whether one rule holds all that another grants.
func ruleCovers(owner, servant *Rule) bool {
	if !all(owner.Verbs, servant.Verbs) || !all(owner.APIGroups, servant.APIGroups) || !resourcesCover(owner.Resources, servant.Resources) {
		return false
	}
	for _, path := range servant.NonResourceURLs {
		if !slices.ContainsFunc(owner.NonResourceURLs, func(url string) bool { return urlCovers(url, path) }) {
			return false
		}
	}
	switch {
	case len(owner.ResourceNames) == 0:
		return true
	case len(servant.ResourceNames) == 0:
		return false
	}
	return !slices.ContainsFunc(servant.ResourceNames, func(n string) bool { return !slices.Contains(owner.ResourceNames, n) })
}

// all reports whether a list with "*" as everything holds every word of another.
func all(have, want []string) bool {
	if slices.Contains(have, "*") {
		return true
	}
	return !slices.ContainsFunc(want, func(w string) bool { return !slices.Contains(have, w) })
}

func resourcesCover(have, want []string) bool {
	if slices.Contains(have, "*") {
		return true
	}
	for _, w := range want {
		if slices.Contains(have, w) {
			continue
		}
		_, sub, ok := strings.Cut(w, "/")
		if !ok || !slices.Contains(have, "*/"+sub) {
			return false
		}
	}
	return true
}
