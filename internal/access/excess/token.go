package excess

import (
	"cmp"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/glob"
)

// WideToken is a token with scopes wider than most uses need.
type WideToken struct {
	Name     string           `json:"name"`
	Severity retinue.Severity `json:"severity"`
	// Scopes are its wide scopes, widest first.
	Scopes []WideScope `json:"scopes"`
}

// WideScope is a scope that gives much, and what is narrower.
type WideScope struct {
	Scope       string             `json:"scope"`
	Vendor      string             `json:"vendor"`
	Severity    retinue.Severity   `json:"severity"`
	Consequence access.Consequence `json:"consequence"`
	// Gives says what it is for, as the end of "the scope …".
	Gives string `json:"gives"`
	// Narrower says what to ask for instead.
	Narrower string `json:"narrower"`
	Source   string `json:"source"`
}

// scope is an entry of the table of scopes; its name may be a pattern.
type scope struct {
	name        string
	severity    retinue.Severity
	consequence access.Consequence
	gives       string
	narrower    string
}

// vendor is a vendor's scopes with the page that describes them.
type vendor struct {
	name   string
	source string
	scopes []scope
}

// wideTokens finds the tokens with wide scopes, widest first.
func wideTokens(tokens []Token) []WideToken {
	var out []WideToken
	for _, t := range tokens {
		if w := WideScopes(t.Vendor, t.Scopes); len(w) > 0 {
			out = append(out, WideToken{Name: t.Name, Severity: w[0].Severity, Scopes: w})
		}
	}
	slices.SortStableFunc(out, func(a, b WideToken) int {
		return cmp.Or(cmp.Compare(severityWeight(b.Severity), severityWeight(a.Severity)),
			cmp.Compare(scopeRank(a.Scopes[0]), scopeRank(b.Scopes[0])), cmp.Compare(a.Name, b.Name))
	})
	return out[:min(len(out), MaxList)]
}

// WideScopes returns those of the scopes that are wide, widest first. With an
// empty vendor every table is tried for scopes whose names are unmistakable;
// plain words such as "read" or "api" mean different things to each vendor.
func WideScopes(vendorName string, scopes []string) []WideScope {
	var out []WideScope
	for _, s := range scopes {
		for _, name := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ';' }) {
			if w, ok := wideScope(vendorName, strings.TrimSpace(name)); ok && !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b WideScope) int {
		return cmp.Or(cmp.Compare(severityWeight(b.Severity), severityWeight(a.Severity)), cmp.Compare(scopeRank(a), scopeRank(b)), cmp.Compare(a.Scope, b.Scope))
	})
	return out[:min(len(out), MaxList)]
}

func scopeRank(w WideScope) int { return slices.Index(access.Consequences(), w.Consequence) }

func wideScope(vendorName, name string) (WideScope, bool) {
	lower := strings.ToLower(name)
	for _, v := range scopeTable {
		if vendorName != "" && vendorName != v.name {
			continue
		}
		for _, s := range v.scopes {
			if vendorName == "" && !strings.ContainsAny(s.name, ":._/") {
				continue
			}
			if glob.Match(s.name, lower) {
				return WideScope{name, v.name, s.severity, s.consequence, s.gives, s.narrower, v.source}, true
			}
		}
	}
	return WideScope{}, false
}

// Vendor names the vendor whose table of scopes is about a credential, from its
// subtype (such as "github-pat") or the kind of its realm; empty where none is.
func Vendor(words ...string) string {
	for _, w := range words {
		lower := strings.ToLower(w)
		for _, v := range scopeTable {
			if strings.HasPrefix(lower, v.name) {
				return v.name
			}
		}
		switch {
		case strings.HasPrefix(lower, "gcp"), strings.HasPrefix(lower, "gmail"), strings.HasPrefix(lower, "workspace"):
			return "google"
		case strings.HasPrefix(lower, "entra"), strings.HasPrefix(lower, "graph"), strings.HasPrefix(lower, "msgraph"):
			return "microsoft"
		case strings.HasPrefix(lower, "jira"), strings.HasPrefix(lower, "confluence"):
			return "atlassian"
		}
	}
	return ""
}
