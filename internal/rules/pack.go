package rules

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/retinue-id/retinue"
)

// Pack is a set of rules and label rules, as written in files.
type Pack struct {
	Rules  []Rule
	Labels []LabelRule
}

// Rule is a condition that should not hold.
type Rule struct {
	// ID names the rule for ever, in lower-case words joined by hyphens.
	ID    string `yaml:"id"`
	Title string `yaml:"title"`
	// Over is the kind of subject it is about.
	Over Kind `yaml:"over"`
	// When is the condition, a CEL expression of type bool.
	When     string           `yaml:"when"`
	Severity retinue.Severity `yaml:"severity"`
	// SeverityWhen changes the severity where an expression holds; the first
	// that does wins.
	SeverityWhen []SeverityStep  `yaml:"severity_when,omitempty"`
	OWASP        []retinue.OWASP `yaml:"owasp,omitempty"`
	// Controls are ids of controls that the rule supports, as
	// "framework:id", such as "NIST-800-53:IA-5".
	Controls []string `yaml:"controls,omitempty"`
	// Message is one sentence about the subject, with CEL expressions in {}.
	Message string `yaml:"message"`
	// Remediation says what to do, in imperative words, with expressions in {}.
	Remediation string `yaml:"remediation"`
	// Evidence are named expressions whose values go into the finding.
	Evidence map[string]string `yaml:"evidence,omitempty"`
	// Fix names the one change that settles the finding, a template: findings
	// of all rules and subjects with equal text are one fix. Empty means that
	// each subject is a fix of its own.
	Fix string `yaml:"fix,omitempty"`
	// FixTitle says in words what that change is, a template.
	FixTitle string `yaml:"fix_title,omitempty"`
	// Family says what makes two subjects instances of one definition, a
	// template. Empty means the kind and the name without ids and hashes.
	Family string `yaml:"family,omitempty"`
	// WhileDisabled rules are evaluated for disabled identities and inactive
	// credentials too.
	WhileDisabled bool `yaml:"while_disabled,omitempty"`
	// DespiteManaged findings are not suppressed on what a provider, package
	// or platform manages.
	DespiteManaged bool `yaml:"despite_managed,omitempty"`
	// Persons rules are evaluated for persons too.
	Persons bool  `yaml:"persons,omitempty"`
	Cases   Cases `yaml:"cases"`

	// File and line of the rule and of its parts, for errors.
	at position
}

// SeverityStep is a severity under a condition.
type SeverityStep struct {
	When     string           `yaml:"when"`
	Severity retinue.Severity `yaml:"severity"`
}

// Cases are the rule's own tests.
type Cases struct {
	Fire  []Case `yaml:"fire"`
	Quiet []Case `yaml:"quiet"`
}

// Case is a subject for which a rule must fire, or must not.
type Case struct {
	Name string `yaml:"name"`
	// Subject is a Subject in its JSON names. Times may be given as days from
	// CaseNow, such as -120d.
	Subject yaml.Node `yaml:"subject"`
	// Severity and Message are checked where they are given.
	Severity retinue.Severity `yaml:"severity,omitempty"`
	Message  string           `yaml:"message,omitempty"`
	// Suppressed is checked for firing cases: whether the finding is noise.
	Suppressed bool `yaml:"suppressed,omitempty"`
}

// LabelRule assigns an environment, criticality or data class.
type LabelRule struct {
	ID string `yaml:"id"`
	// Sets is "environment", "criticality" or "data_class".
	Sets LabelField `yaml:"sets"`
	// Over limits the rule to kinds of subject; none means all.
	Over []Kind `yaml:"over,omitempty"`
	When string `yaml:"when"`
	// Value is what is assigned.
	Value string     `yaml:"value"`
	Cases LabelCases `yaml:"cases"`

	at position
}

// LabelCases are a label rule's own tests: with only this rule, the label is
// assigned or is not.
type LabelCases struct {
	Set   []Case `yaml:"set"`
	Quiet []Case `yaml:"quiet"`
}

// position is where a rule stands, with the lines of its parts.
type position struct {
	file  string
	line  int
	parts map[string]int
}

func (p position) of(part string) string {
	if l := p.parts[part]; l > 0 {
		return fmt.Sprintf("%s:%d", p.file, l)
	}
	return fmt.Sprintf("%s:%d", p.file, p.line)
}

// Where returns "file:line" of the rule.
func (r Rule) Where() string { return r.at.of("") }

// Where returns "file:line" of the label rule.
func (r LabelRule) Where() string { return r.at.of("") }

// Merge joins packs. A rule id that two packs give is an error that names both
// places: nobody should replace a rule by accident.
func Merge(packs ...*Pack) (*Pack, error) {
	var all Pack
	rules, labels := map[string]string{}, map[string]string{}
	for _, p := range packs {
		for _, r := range p.Rules {
			if first, dup := rules[r.ID]; dup {
				return nil, fmt.Errorf("%w: %s: rule %s is already defined at %s", retinue.ErrInvalid, r.Where(), r.ID, first)
			}
			rules[r.ID] = r.Where()
		}
		for _, r := range p.Labels {
			if first, dup := labels[r.ID]; dup {
				return nil, fmt.Errorf("%w: %s: label rule %s is already defined at %s", retinue.ErrInvalid, r.Where(), r.ID, first)
			}
			labels[r.ID] = r.Where()
		}
		all.Rules = append(all.Rules, p.Rules...)
		all.Labels = append(all.Labels, p.Labels...)
	}
	return &all, nil
}
