package pipelines

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"

	"github.com/retinue-id/retinue"
)

// The bounds on an expression of a provider: its length in bytes, and the cost
// of evaluating it in the units of CEL.
const (
	maxExpression = 16 << 10
	maxCost       = 100_000
)

// answer is what an expression came to.
type answer uint8

const (
	no answer = iota
	open
	unclear
	yes
)

// expressions compiles what providers of workload identity pools are configured
// with ("Workload Identity Federation", attribute mappings and conditions; the
// functions are those of "Using Common Expression Language").
type expressions struct{ env *cel.Env }

func newExpressions() (*expressions, error) {
	env, err := cel.NewEnv(
		cel.Variable("assertion", cel.DynType), cel.Variable("attribute", cel.DynType), cel.Variable("google", cel.DynType),
		cel.ParserExpressionSizeLimit(maxExpression), cel.ParserRecursionLimit(64),
		ext.Strings(ext.StringsVersion(2)),
		cel.Function("extract", cel.MemberOverload("string_extract", []*cel.Type{cel.DynType, cel.StringType}, cel.StringType, cel.FunctionBinding(extract))),
	)
	if err != nil {
		return nil, fmt.Errorf("%w: make the language of providers: %w", retinue.ErrInvalid, err)
	}
	return &expressions{env: env}, nil
}

// expr is a compiled expression, or the reason why it is not understood.
type expr struct {
	text    string
	program cel.Program
	broken  string
	// literals are the strings in it, and shapes how they are looked for: at the
	// beginning, the end, or inside. beyond says that it makes other texts of
	// them, so that they do not tell all.
	literals []string
	shapes   []string
	beyond   bool
}

func (e *expressions) compile(text string) *expr {
	x := &expr{text: text}
	if len(text) > maxExpression {
		x.broken = fmt.Sprintf("it has %d bytes: the limit is %d", len(text), maxExpression)
		return x
	}
	tree, issues := e.env.Compile(text)
	if issues.Err() != nil {
		x.broken = oneLine(issues.Err().Error())
		return x
	}
	p, err := e.env.Program(tree, cel.CostLimit(maxCost), cel.EvalOptions(cel.OptPartialEval))
	if err != nil {
		x.broken = oneLine(err.Error())
		return x
	}
	x.program = p
	ast.PreOrderVisit(tree.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.LiteralKind:
			if s, ok := e.AsLiteral().(types.String); ok && s != "" {
				x.literals = append(x.literals, string(s))
			}
		case ast.CallKind:
			switch e.AsCall().FunctionName() {
			case "startsWith":
				x.shapes = append(x.shapes, "%*")
			case "endsWith":
				x.shapes = append(x.shapes, "*%")
			case "contains":
				x.shapes = append(x.shapes, "*%*")
			case operators.Equals, operators.NotEquals, operators.In, operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.Conditional,
				operators.Index, operators.Has, operators.NotStrictlyFalse:
			default:
				x.beyond = true
			}
		}
	}))
	return x
}

func oneLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return retinue.CleanName(s)
}

// eval evaluates an expression. An error is a no: Google refuses the token.
func (x *expr) eval(vars map[string]any) (ref.Val, answer) {
	if x.broken != "" {
		return nil, unclear
	}
	out, _, err := x.program.Eval(vars)
	switch {
	case types.IsUnknown(out):
		return nil, open
	case err != nil:
		return nil, no
	}
	return out, yes
}

// holds evaluates a condition.
func (x *expr) holds(vars map[string]any) answer {
	v, a := x.eval(vars)
	if a != yes {
		return a
	}
	if v == types.True {
		return yes
	}
	return no
}

// unknown is the value of a claim that is not known.
func unknown(name string) ref.Val { return types.NewUnknown(1, types.NewAttributeTrail(name)) }

// extract is the function of Google's that takes the part of a text that stands
// at the braces of a template ("Attribute reference for IAM Conditions",
// extract).
func extract(args ...ref.Val) ref.Val {
	if i := slices.IndexFunc(args, func(v ref.Val) bool { return types.IsUnknown(v) }); i >= 0 {
		return args[i]
	}
	text, ok := args[0].(types.String)
	template, ok2 := args[1].(types.String)
	if !ok || !ok2 {
		return types.NewErr("extract of something that is no text")
	}
	before, rest, ok := strings.Cut(string(template), "{")
	_, after, ok2 := strings.Cut(rest, "}")
	if !ok || !ok2 {
		return types.NewErr("a template without braces")
	}
	i := strings.Index(string(text), before)
	if i < 0 {
		return types.String("")
	}
	found := string(text)[i+len(before):]
	if after != "" {
		if i = strings.Index(found, after); i < 0 {
			return types.String("")
		}
		found = found[:i]
	}
	return types.String(found)
}
