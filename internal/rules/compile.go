package rules

import (
	"errors"
	"fmt"
	"slices"

	"cel.dev/cel-go/cel"

	"github.com/retinue-id/retinue"
)

// DefaultCostLimit bounds one evaluation of one expression, in CEL's cost
// units; a rule that goes over it fails on that subject and is reported. The
// starting pack stays under a hundredth of it on a subject with MaxAttached of
// everything.
const DefaultCostLimit = 2_000_000

// interruptEvery is after how many steps of a comprehension an expression looks
// whether its context has ended.
const interruptEvery = 100

// Options are settings of Compile.
type Options struct {
	// CostLimit bounds an evaluation; 0 means DefaultCostLimit.
	CostLimit uint64
	// CSV are the rows of a label file.
	CSV []LabelRow
}

// Set is compiled rules. It is safe for concurrent use.
type Set struct {
	rules  []compiledRule
	labels []compiledLabel
	csv    []LabelRow
	byKind map[Kind][]int
	// asks is true where some rule asks for access.
	asks bool
}

type compiledRule struct {
	rule        Rule
	when        cel.Program
	severities  []compiledSeverity
	message     template
	remediation template
	fix         template
	fixTitle    template
	family      template
	evidence    []compiledEvidence
}

type compiledSeverity struct {
	when     cel.Program
	severity retinue.Severity
}

type compiledEvidence struct {
	name  string
	value cel.Program
}

type compiledLabel struct {
	rule LabelRule
	when cel.Program
}

func (r compiledLabel) over(s *Subject) bool {
	return len(r.rule.Over) == 0 || slices.ContainsFunc(r.rule.Over, s.is)
}

// is reports whether rules over k are about the subject.
func (s *Subject) is(k Kind) bool {
	if s.Kind == OverIdentity && k == OverPipeline {
		return s.Identity != nil && s.Identity.Kind == retinue.IdentityPipeline
	}
	return s.Kind == k || s.Kind == OverPipeline && k == OverIdentity
}

// compiler turns expressions into programs and collects what is wrong.
type compiler struct {
	env  *cel.Env
	opts []cel.ProgramOption
	errs []error
	asks bool
}

// Compile checks and compiles a pack. The error joins everything that is wrong,
// each with file and line.
func Compile(p *Pack, o Options) (*Set, error) {
	env, err := newEnv()
	if err != nil {
		return nil, fmt.Errorf("make the rules' environment: %w", err)
	}
	limit := o.CostLimit
	if limit == 0 {
		limit = DefaultCostLimit
	}
	c := &compiler{env: env, opts: []cel.ProgramOption{cel.CostLimit(limit),
		cel.InterruptCheckFrequency(interruptEvery), cel.EvalOptions(cel.OptOptimize)}}
	s := &Set{csv: o.CSV, byKind: map[Kind][]int{}}
	for _, r := range p.Rules {
		c.errs = append(c.errs, r.check()...)
		s.rules = append(s.rules, c.rule(r))
	}
	for _, r := range p.Labels {
		c.errs = append(c.errs, r.check()...)
		s.labels = append(s.labels, compiledLabel{rule: r, when: c.condition(r.When, r.at.of("when"))})
	}
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	s.asks = c.asks
	for i := range s.rules {
		k := s.rules[i].rule.Over
		s.byKind[k] = append(s.byKind[k], i)
	}
	return s, nil
}

// AsksAccess reports whether a rule asks what identities can do, so that a
// subject's Access is of use.
func (s *Set) AsksAccess() bool { return s.asks }

// Rules returns the rules of the set, in their order.
func (s *Set) Rules() []Rule {
	out := make([]Rule, len(s.rules))
	for i := range s.rules {
		out[i] = s.rules[i].rule
	}
	return out
}

// LabelRules returns the label rules of the set, in their order.
func (s *Set) LabelRules() []LabelRule {
	out := make([]LabelRule, len(s.labels))
	for i := range s.labels {
		out[i] = s.labels[i].rule
	}
	return out
}

func (c *compiler) rule(r Rule) compiledRule {
	out := compiledRule{rule: r,
		when:        c.condition(r.When, r.at.of("when")),
		message:     c.template(r.Message, r.at.of("message")),
		remediation: c.template(r.Remediation, r.at.of("remediation")),
		fix:         c.template(r.Fix, r.at.of("fix")),
		fixTitle:    c.template(r.FixTitle, r.at.of("fix_title")),
		family:      c.template(r.Family, r.at.of("family")),
	}
	for _, s := range r.SeverityWhen {
		out.severities = append(out.severities, compiledSeverity{
			when: c.condition(s.When, r.at.of("severity_when")), severity: s.Severity})
	}
	for _, name := range sortedNames(r.Evidence) {
		out.evidence = append(out.evidence, compiledEvidence{name: name,
			value: c.expression(r.Evidence[name], r.at.of("evidence"), nil)})
	}
	return out
}

func (c *compiler) condition(text, where string) cel.Program {
	return c.expression(text, where, cel.BoolType)
}

// expression compiles a text; want limits its type where it is not nil.
func (c *compiler) expression(text, where string, want *cel.Type) cel.Program {
	if text == "" {
		return nil // check has reported it where it matters
	}
	if len(text) > maxExpression {
		c.fail(where, "expression of %d characters: the limit is %d", len(text), maxExpression)
		return nil
	}
	ast, issues := c.env.Compile(text)
	if issues.Err() != nil {
		c.fail(where, "%v", issues.Err())
		return nil
	}
	if want != nil && !ast.OutputType().IsExactType(want) {
		c.fail(where, "%q gives %s: want %s", text, ast.OutputType(), want)
		return nil
	}
	for _, r := range ast.NativeRep().ReferenceMap() {
		c.asks = c.asks || r.Name == "access" || r.Name == "excess"
	}
	prg, err := c.env.Program(ast, c.opts...)
	if err != nil {
		c.fail(where, "%v", err)
		return nil
	}
	return prg
}

func (c *compiler) fail(where, format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf("%w: %s: %s", retinue.ErrInvalid, where, fmt.Sprintf(format, args...)))
}

const maxExpression = 4096
