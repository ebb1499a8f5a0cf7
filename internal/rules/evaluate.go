package rules

import (
	"context"
	"fmt"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/retinue-id/retinue"
)

// Hit is a rule that fired on a subject. Finding is complete but for its id,
// state and times, which Next gives.
type Hit struct {
	Finding retinue.Finding
}

// EvalError is a rule that could not be evaluated for a subject.
type EvalError struct {
	Rule    string
	Subject retinue.Ref
	Err     error
}

// Error implements error.
func (e EvalError) Error() string {
	return fmt.Sprintf("evaluate rule %s for %s: %v", e.Rule, e.Subject, e.Err)
}

// Unwrap returns the cause.
func (e EvalError) Unwrap() error { return e.Err }

// Evaluate returns a hit for each rule whose condition holds for the subject,
// in the order of the rules, and the rules that could not be evaluated. It
// fills the subject's Labels where they are not done, and
// Counts.Environments where they are nil. It is safe for concurrent
// use on different subjects.
func (s *Set) Evaluate(ctx context.Context, sub *Subject) ([]Hit, []EvalError) {
	var problems []EvalError
	if !sub.Labels.Done {
		sub.Labels, problems = s.Label(sub)
	}
	if sub.Counts.Environments == nil {
		sub.Counts.Environments = s.environments(sub)
	}
	vars := newActivation(sub)
	disabled := disabledReason(sub) != ""
	var hits []Hit
	for _, i := range s.candidates(sub) {
		r := &s.rules[i]
		if disabled && !r.rule.WhileDisabled || isPerson(sub) && !r.rule.Persons {
			continue
		}
		ok, err := evalBool(ctx, r.when, vars)
		if err == nil && !ok {
			continue
		}
		var hit Hit
		if err == nil {
			hit, err = r.hit(ctx, sub, vars)
		}
		if err != nil {
			problems = append(problems, EvalError{Rule: r.rule.ID, Subject: sub.Ref, Err: err})
			continue
		}
		hits = append(hits, hit)
	}
	return hits, problems
}

// candidates returns the rules over the subject's kind, in order.
func (s *Set) candidates(sub *Subject) []int {
	switch {
	case sub.Kind == OverPipeline, sub.is(OverPipeline):
		return mergeSorted(s.byKind[OverIdentity], s.byKind[OverPipeline])
	}
	return s.byKind[sub.Kind]
}

func mergeSorted(a, b []int) []int {
	out := make([]int, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0] < b[0] {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// eval evaluates a program; a context that cannot end is not watched.
func eval(ctx context.Context, p cel.Program, vars *activation) (ref.Val, error) {
	if ctx.Done() == nil {
		v, _, err := p.Eval(vars)
		return v, err
	}
	v, _, err := p.ContextEval(ctx, vars)
	return v, err
}

func evalBool(ctx context.Context, p cel.Program, vars *activation) (bool, error) {
	v, err := eval(ctx, p, vars)
	if err != nil {
		return false, err
	}
	b, ok := v.Value().(bool)
	if !ok {
		return false, fmt.Errorf("%w: condition gave %s", retinue.ErrInvalid, v.Type().TypeName())
	}
	return b, nil
}

// hit makes the finding of a rule that fired.
func (r *compiledRule) hit(ctx context.Context, sub *Subject, vars *activation) (Hit, error) {
	f := retinue.Finding{Rule: r.rule.ID, Title: r.rule.Title, Severity: r.rule.Severity, OWASP: r.rule.OWASP,
		Controls: r.rule.Controls, Subject: sub.Ref, Entity: sub.Entity, Name: sub.title(),
		Fingerprint: fingerprint(r.rule.ID, sub.Ref), Places: places(sub)}
	for _, s := range r.severities {
		ok, err := evalBool(ctx, s.when, vars)
		if err != nil {
			return Hit{}, fmt.Errorf("severity: %w", err)
		}
		if ok {
			f.Severity = s.severity
			break
		}
	}
	var err error
	text := func(part string, t template) string {
		s, e := t.render(ctx, vars)
		if e != nil && err == nil {
			err = fmt.Errorf("%s: %w", part, e)
		}
		return clip(s)
	}
	f.Message = text("message", r.message)
	f.Remediation = text("remediation", r.remediation)
	f.Family = family(r.rule.ID, sub, text("family", r.family))
	fix := text("fix", r.fix)
	f.FixTitle = text("fix_title", r.fixTitle)
	if fix == "" {
		fix = sub.Ref.String() + " " + r.rule.ID
	}
	f.Fix = shortHash("fix", fix)
	if err != nil {
		return Hit{}, err
	}
	if f.Evidence, err = r.evaluateEvidence(ctx, vars); err != nil {
		return Hit{}, err
	}
	if !r.rule.DespiteManaged {
		f.Suppressed = suppression(sub)
	}
	f.Priority, f.PriorityReason = Priority(priorityInput(sub, f.Severity))
	return Hit{Finding: f}, nil
}

func (r *compiledRule) evaluateEvidence(ctx context.Context, vars *activation) (map[string]any, error) {
	if len(r.evidence) == 0 {
		return nil, nil
	}
	out := make(map[string]any, len(r.evidence))
	for _, e := range r.evidence {
		v, err := eval(ctx, e.value, vars)
		if err != nil {
			return nil, fmt.Errorf("evidence %s: %w", e.name, err)
		}
		out[e.name] = native(v)
	}
	return out, nil
}

func priorityInput(sub *Subject, sev retinue.Severity) PriorityInput {
	return PriorityInput{Severity: sev, Exposure: exposure(sub), Criticality: sub.Labels.Criticality,
		Environment: sub.Labels.Environment, Disabled: disabledReason(sub) != "", LastUse: sub.lastUse(),
		NeverUsed: sub.neverUsed(), Now: sub.Now}
}

// places returns where to go, without what is only a reference.
func places(sub *Subject) []retinue.Place {
	if sub.Kind != OverCredential {
		if sub.Identity != nil && sub.Kind != OverTrust {
			return sub.Identity.Declared
		}
		if sub.Resource != nil {
			return sub.Resource.Declared
		}
		return nil
	}
	var out []retinue.Place
	for i := range sub.Placements {
		if p := &sub.Placements[i]; !p.Reference && len(out) < maxPlaces {
			out = append(out, p.Place)
		}
	}
	return out
}

// What one finding holds at most.
const (
	maxPlaces = 50
	maxText   = 2000
	maxList   = 50
)

// clip bounds a text, at a rune.
func clip(s string) string {
	if len(s) <= maxText {
		return s
	}
	n := maxText
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}

// native turns a CEL value into what JSON can hold: texts, numbers, booleans
// and lists of them. Lists are bounded.
func native(v ref.Val) any {
	switch x := v.Value().(type) {
	case nil, string, bool, int64, uint64, float64:
		return x
	case time.Time:
		if unset(x) {
			return nil
		}
		return x.UTC().Format(time.RFC3339)
	case retinue.Ref:
		return x.String()
	case *retinue.Ref:
		return x.String()
	}
	if l, ok := v.(traits.Lister); ok {
		out := []any{}
		for it := l.Iterator(); it.HasNext() == types.True && len(out) < maxList; {
			out = append(out, native(it.Next()))
		}
		return out
	}
	return clip(fmt.Sprint(v.Value()))
}
