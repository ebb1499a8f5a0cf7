// Package access answers what an identity can do. Its sub-packages are one
// pure engine a policy language (awsiam, k8srbac, pgacl, …): state in, answers
// out, no input or output of their own. What they have in common is here.
//
// A [Decision] is an engine's exact answer to one question, with the
// statements that decided it, the conditions that remain and the layers that
// were not read.
//
// A [Summary] is what a single document is boiled down to, so that rules and
// lists can speak of documents of every language alike. It is not an
// evaluation: nothing in it applies conditions, denies, boundaries or
// organisation policies to what a document allows. Its fields Conditional and
// HasDeny say when the truth may be less than the summary.
package access

import (
	"fmt"
	"slices"
	"strings"
)

// Summary is what one policy document allows by itself. The zero Summary
// allows nothing. Every list is sorted, without duplicates and bounded by
// MaxList; Truncated says that something was left out.
type Summary struct {
	// Admin is true where the document allows everything on everything:
	// Allow * on *, cluster-admin's rules, a database superuser.
	Admin bool `json:"admin,omitempty"`
	// Wildcard is true where it allows every action of at least one service,
	// resource type or schema, or everything on every resource of a service.
	Wildcard bool `json:"wildcard,omitempty"`
	// WildcardActions are the action patterns that hold a wildcard, as written.
	WildcardActions []string `json:"wildcardActions,omitempty"`
	// WildcardResources is true where some action that changes things is
	// allowed on every resource.
	WildcardResources bool `json:"wildcardResources,omitempty"`
	// Escalates names the allowed ways to gain further rights, such as
	// "iam:CreateAccessKey on any user" or "bind roles".
	Escalates []string `json:"escalates,omitempty"`
	// ReadsSecrets is true where it allows reading secret values without naming
	// which.
	ReadsSecrets bool `json:"readsSecrets,omitempty"`
	// Writes is true where something other than reading is allowed.
	Writes bool `json:"writes,omitempty"`
	// Services are the services, API groups or databases that it speaks of in
	// allowing statements.
	Services []string `json:"services,omitempty"`
	// Principals are who a trust document admits.
	Principals []Principal `json:"principals,omitempty"`
	// Conditional is true where an allowing statement has a condition, so that
	// the truth may be less.
	Conditional bool `json:"conditional,omitempty"`
	// HasDeny is true where a statement denies something, so that the truth
	// may be less.
	HasDeny bool `json:"hasDeny,omitempty"`
	// Sentences say in words what matters, worst first.
	Sentences []string `json:"sentences,omitempty"`
	// Truncated is true where a list was cut at MaxList.
	Truncated bool `json:"truncated,omitempty"`
}

// Principal is one principal of a trust document.
type Principal struct {
	// Kind is "anyone", "account", "principal", "service", "federated" or
	// "canonical_user".
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Conditions are the condition keys of its statement, sorted.
	Conditions []string `json:"conditions,omitempty"`
	// ExternalID is true where the statement asks for sts:ExternalId.
	ExternalID bool `json:"externalId,omitempty"`
	// Subjects and Audiences are the values that the statement asks of a
	// federated token's subject and audience; none means any.
	Subjects  []string `json:"subjects,omitempty"`
	Audiences []string `json:"audiences,omitempty"`
}

// MaxList bounds each list of a Summary.
const MaxList = 200

// Privileged reports whether the document gives so much that its holder should
// be treated as an administrator: everything, or a way to it.
func (s Summary) Privileged() bool { return s.Admin || len(s.Escalates) > 0 }

// Merge returns what both documents allow together. HasDeny and Conditional
// are true where they are true of either.
func Merge(a, b Summary) Summary {
	m := Summary{
		Admin:             a.Admin || b.Admin,
		Wildcard:          a.Wildcard || b.Wildcard,
		WildcardActions:   append(slices.Clone(a.WildcardActions), b.WildcardActions...),
		WildcardResources: a.WildcardResources || b.WildcardResources,
		Escalates:         append(slices.Clone(a.Escalates), b.Escalates...),
		ReadsSecrets:      a.ReadsSecrets || b.ReadsSecrets,
		Writes:            a.Writes || b.Writes,
		Services:          append(slices.Clone(a.Services), b.Services...),
		Principals:        append(slices.Clone(a.Principals), b.Principals...),
		Conditional:       a.Conditional || b.Conditional,
		HasDeny:           a.HasDeny || b.HasDeny,
		Sentences:         append(slices.Clone(a.Sentences), b.Sentences...),
		Truncated:         a.Truncated || b.Truncated,
	}
	m.Normalize()
	return m
}

// Normalize sorts and bounds the lists. The makers of summaries call it.
func (s *Summary) Normalize() {
	for _, list := range []*[]string{&s.WildcardActions, &s.Escalates, &s.Services} {
		slices.Sort(*list)
		*list = s.bound(slices.Compact(*list))
	}
	s.Sentences = s.bound(uniq(s.Sentences))
	slices.SortFunc(s.Principals, func(a, b Principal) int {
		return strings.Compare(a.key(), b.key())
	})
	s.Principals = slices.CompactFunc(s.Principals, func(a, b Principal) bool { return a.key() == b.key() })
	if len(s.Principals) > MaxList {
		s.Principals, s.Truncated = s.Principals[:MaxList], true
	}
}

func (s *Summary) bound(list []string) []string {
	if len(list) > MaxList {
		s.Truncated = true
		return list[:MaxList]
	}
	return list
}

func (p Principal) key() string {
	return fmt.Sprintf("%s\x00%s\x00%q\x00%t\x00%q\x00%q", p.Kind, p.Name, p.Conditions, p.ExternalID, p.Subjects, p.Audiences)
}

// uniq drops repetitions and keeps the order.
func uniq(list []string) []string {
	seen := make(map[string]bool, len(list))
	var out []string
	for _, v := range list {
		if !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}
