package k8srbac

import (
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// maxTuples bounds the single permissions that a comparison of rules looks at.
const maxTuples = 2_000_000

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
	left := maxTuples
	for i := range servant {
		whole := slices.ContainsFunc(owner, func(o Rule) bool { return ruleCovers(&o, &servant[i]) })
		if left -= len(owner); whole {
			continue
		}
		missing, left = uncovered(owner, &servant[i], left)
		if left < 0 {
			return false, nil, fmt.Errorf("%w: compare roles: more than %d single permissions", retinue.ErrInvalid, maxTuples)
		}
		if missing != nil {
			return false, missing, nil
		}
	}
	return true, nil, nil
}

// uncovered breaks a rule into single permissions and returns the first that no
// rule of the owner covers, and what is left of the allowance.
func uncovered(owner []Rule, rule *Rule, left int) (*Rule, int) {
	names := rule.ResourceNames
	if len(names) == 0 {
		names = []string{""}
	}
	held := func(one *Rule) bool {
		left -= len(owner) + 1
		return left < 0 || slices.ContainsFunc(owner, func(o Rule) bool { return ruleCovers(&o, one) })
	}
	for _, verb := range rule.Verbs {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, name := range names {
					one := Rule{Verbs: []string{verb}, APIGroups: []string{group}, Resources: []string{resource}}
					if len(rule.ResourceNames) > 0 {
						one.ResourceNames = []string{name}
					}
					if !held(&one) {
						return &one, left
					}
					if left < 0 {
						return nil, left
					}
				}
			}
		}
		for _, url := range rule.NonResourceURLs {
			one := Rule{Verbs: []string{verb}, NonResourceURLs: []string{url}}
			if !held(&one) {
				return &one, left
			}
			if left < 0 {
				return nil, left
			}
		}
	}
	return nil, left
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
