package steward

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/retinue-id/retinue"
)

// Rule gives the identities that it matches to an owner: a person (an e-mail
// address) or a team.
type Rule struct {
	// ID names the rule for as long as it exists: "own_" and 26 characters.
	ID    string `json:"id"`
	Title string `json:"title,omitempty"`
	Match Match  `json:"match"`
	Owner string `json:"owner"`
	// Backup answers while the owner cannot.
	Backup string `json:"backup,omitempty"`
}

// Match selects identities. Every field that is given must match; the values
// of a field are alternatives. * stands for any characters and ? for one;
// letters match without regard to case. A rule without any field matches
// nothing: the fallback owner is for everything that is left.
type Match struct {
	// Accounts match the id or name of an account, project, subscription or
	// organisation around the identity.
	Accounts []string `json:"accounts,omitempty"`
	// Units match the id (ctn_…), key or name of any container around it.
	Units      []string `json:"units,omitempty"`
	Namespaces []string `json:"namespaces,omitempty"`
	// Repositories match the name of a repository that it lives in or is
	// declared in.
	Repositories []string `json:"repositories,omitempty"`
	// Paths match the file that declares it.
	Paths []string `json:"paths,omitempty"`
	// Tags match a label of the identity or of a container around it, as
	// key=value, or as a key alone.
	Tags         []string `json:"tags,omitempty"`
	Applications []string `json:"applications,omitempty"`
	Names        []string `json:"names,omitempty"`
	Sources      []string `json:"sources,omitempty"`
	Kinds        []string `json:"kinds,omitempty"`
}

// Assignee is an owner with their backup.
type Assignee struct {
	Owner  string `json:"owner"`
	Backup string `json:"backup,omitempty"`
}

// RuleSet is the ordered list of an installation: the first rule that matches
// wins, so that what has the lowest precedence comes last.
type RuleSet struct {
	Rules []Rule `json:"rules"`
	// Fallback answers for what no rule matches; nobody does without one.
	Fallback *Assignee `json:"fallback,omitempty"`
}

// Bounds of a rule set.
const (
	MaxRules  = 2000
	maxValues = 200
	maxText   = 512 // bytes of a value
)

// Validate reports the first thing that is wrong, with the path of its field
// below "body".
func (s RuleSet) Validate() error {
	if len(s.Rules) > MaxRules {
		return field("body.rules", "%d rules: the limit is %d", len(s.Rules), MaxRules)
	}
	seen := map[string]int{}
	for i, r := range s.Rules {
		at := fmt.Sprintf("body.rules[%d]", i)
		if err := r.validate(at); err != nil {
			return err
		}
		if j, ok := seen[r.ID]; ok {
			return field(at+".id", "it is the id of rule %d too", j+1)
		}
		seen[r.ID] = i
	}
	if f := s.Fallback; f != nil {
		if err := checkName("body.fallback.owner", f.Owner, true); err != nil {
			return err
		}
		return checkName("body.fallback.backup", f.Backup, false)
	}
	return nil
}

func (r Rule) validate(at string) error {
	if err := retinue.CheckID("own_", r.ID); err != nil {
		return &retinue.FieldError{Field: at + ".id", Err: err}
	}
	if err := checkName(at+".owner", r.Owner, true); err != nil {
		return err
	}
	if err := checkName(at+".backup", r.Backup, false); err != nil {
		return err
	}
	if err := checkText(at+".title", r.Title); err != nil {
		return err
	}
	n := 0
	for _, f := range r.Match.fields() {
		if len(f.values) > maxValues {
			return field(at+".match."+f.name, "%d values: the limit is %d", len(f.values), maxValues)
		}
		for j, v := range f.values {
			where := fmt.Sprintf("%s.match.%s[%d]", at, f.name, j)
			if strings.TrimSpace(v) == "" {
				return field(where, "it is empty")
			}
			if err := checkText(where, v); err != nil {
				return err
			}
			n++
		}
	}
	if n == 0 {
		return field(at+".match", "it matches nothing: give at least one field; what no rule matches goes to the fallback")
	}
	return nil
}

// matchField is one field of a match and what it is compared with.
type matchField struct {
	name   string
	values []string
	of     func(*Subject) []string
}

// fields lists the fields of a match in the order in which a reason names
// them.
func (m Match) fields() []matchField {
	return []matchField{
		{"accounts", m.Accounts, (*Subject).accounts}, {"units", m.Units, (*Subject).units},
		{"namespaces", m.Namespaces, (*Subject).namespaces}, {"repositories", m.Repositories, (*Subject).repositories},
		{"paths", m.Paths, (*Subject).paths}, {"tags", m.Tags, (*Subject).tags},
		{"applications", m.Applications, (*Subject).applications}, {"names", m.Names, (*Subject).names},
		{"sources", m.Sources, (*Subject).sources}, {"kinds", m.Kinds, (*Subject).kinds},
	}
}

// match reports whether a subject is matched, and by what, in words.
func (m Match) match(s *Subject) (string, bool) {
	var why []string
	given := false
	for _, f := range m.fields() {
		if len(f.values) == 0 {
			continue
		}
		given = true
		pattern, value, ok := firstMatch(f.values, f.of(s))
		if !ok {
			return "", false
		}
		text := singular(f.name) + " " + value
		if pattern != value {
			text += " matches " + pattern
		}
		why = append(why, text)
	}
	return strings.Join(why, ", "), given
}

func firstMatch(patterns, values []string) (pattern, value string, ok bool) {
	for _, p := range patterns {
		for _, v := range values {
			if Glob(p, v) {
				return p, v, true
			}
		}
	}
	return "", "", false
}

func singular(name string) string {
	if name == "repositories" {
		return "repository"
	}
	return strings.TrimSuffix(name, "s")
}

// How says by what an identity has its owner.
type How string

// The ways to an owner.
const (
	HowExplicit How = "explicit" // a person's word: it wins over every rule
	HowRule     How = "rule"
	HowFallback How = "fallback"
	HowNone     How = "none"
)

// Settlement is who answers for an identity, by what, and why.
type Settlement struct {
	Assignee
	How How `json:"how"`
	// Rule is the id of the rule that decided.
	Rule string `json:"rule,omitempty"`
	Why  string `json:"why,omitempty"`
}

// Settle decides who answers for a subject.
func (s RuleSet) Settle(x *Subject) Settlement {
	if x.Owner != "" {
		return Settlement{Assignee: Assignee{x.Owner, x.Backup}, How: HowExplicit, Why: "registered by a person"}
	}
	if i, why := s.find(x); i >= 0 {
		r := s.Rules[i]
		a := Assignee{r.Owner, r.Backup}
		if x.Backup != "" {
			a.Backup = x.Backup
		}
		return Settlement{Assignee: a, How: HowRule, Rule: r.ID, Why: why}
	}
	if f := s.Fallback; f != nil {
		return Settlement{Assignee: *f, How: HowFallback, Why: "no rule matches"}
	}
	return Settlement{How: HowNone}
}

// find returns the first rule that matches, or -1.
func (s RuleSet) find(x *Subject) (int, string) {
	for i := range s.Rules {
		if why, ok := s.Rules[i].Match.match(x); ok {
			return i, why
		}
	}
	return -1, ""
}

// Owners lists everyone whom the rules name, sorted.
func (s RuleSet) Owners() []string {
	var out []string
	add := func(names ...string) {
		for _, n := range names {
			if n != "" {
				out = append(out, n)
			}
		}
	}
	for _, r := range s.Rules {
		add(r.Owner, r.Backup)
	}
	if s.Fallback != nil {
		add(s.Fallback.Owner, s.Fallback.Backup)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func checkName(at, name string, required bool) error {
	if required && strings.TrimSpace(name) == "" {
		return field(at, "name a person or a team")
	}
	return checkText(at, name)
}

func checkText(at, text string) error {
	switch {
	case len(text) > maxText:
		return field(at, "longer than %d bytes", maxText)
	case !utf8.ValidString(text) || retinue.CleanName(text) != text:
		return field(at, "it holds control characters, or ones that reorder text")
	}
	return nil
}

func field(at, format string, args ...any) error {
	return &retinue.FieldError{Field: at, Err: fmt.Errorf("%w: %s", retinue.ErrInvalid, fmt.Sprintf(format, args...))}
}

// NewRuleID mints a rule's id.
func NewRuleID(now time.Time) string { return retinue.NewID("own_", now) }
