package rules

import (
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/parser"
)

// Access is what the evaluation of policies answers about an identity. It is
// asked only where a rule asks, by one goroutine. What was not read or not
// understood is left out of every answer, so that no rule fires on it.
type Access interface {
	// Judged reports whether policies of the identity's system are evaluated.
	// Where they are not, the other answers are empty.
	Judged() bool
	// Administrator reports whether it administers its own system, after
	// everything that limits it.
	Administrator() bool
	// Way is the surest and then shortest way to a target: "administrator",
	// "production", "data" for what has any class, or a class of data. The
	// identity itself is no target.
	Way(target string) Way
	// Can reports whether it may do something for certain. It is false of a
	// question that its system has no words for.
	Can(action, resource string) bool
	// Held lists what it can do, worst first.
	Held() []Holding
	// Excess is how much more that is than is good.
	Excess() Excess
}

// Way is how an identity comes to something that it was not given.
type Way struct {
	// Hops counts the steps; 0 means that no way is known.
	Hops int `json:"hops,omitempty"`
	// Certain is true where no step hangs on something that was not read or
	// that the caller does not choose.
	Certain bool `json:"certain,omitempty"`
	// To is what it comes to, How the way in words.
	To  string `json:"to,omitempty"`
	How string `json:"how,omitempty"`
	// Grant is what allows the first step, in the vendor's words.
	Grant string `json:"grant,omitempty"`
}

// Holding is one thing that an identity can do.
type Holding struct {
	// Consequence is one of those in docs/access.md, such as "reads_secrets".
	Consequence string   `json:"consequence"`
	Sentence    string   `json:"sentence,omitempty"`
	Actions     []string `json:"actions,omitempty"`
	Resources   []string `json:"resources,omitempty"`
	// Breadth is everything, type, part or named.
	Breadth string `json:"breadth,omitempty"`
	// Within limits where it holds, such as a namespace.
	Within string `json:"within,omitempty"`
	// Certain is false where conditions remain.
	Certain bool `json:"certain,omitempty"`
	// Grant is the statement, binding or membership that gives it.
	Grant string `json:"grant,omitempty"`
}

// Excess is how much more an identity can do than is good; docs/access.md says
// how it is computed.
type Excess struct {
	Score    int    `json:"score,omitempty"`
	Level    string `json:"level,omitempty"`
	Sentence string `json:"sentence,omitempty"`
	// Wildcards are sentences about grants of patterns of actions that change
	// or read something.
	Wildcards    []string      `json:"wildcards,omitempty"`
	Combinations []Combination `json:"combinations,omitempty"`
}

// Combination is grants that together allow what none of them does.
type Combination struct {
	ID       string   `json:"id"`
	Title    string   `json:"title,omitempty"`
	Severity string   `json:"severity,omitempty"`
	Grants   []string `json:"grants,omitempty"`
}

// StatedAccess is the access that a case states.
type StatedAccess struct {
	IsJudged        bool           `json:"judged,omitempty"`
	IsAdministrator bool           `json:"administrator,omitempty"`
	Reaches         map[string]Way `json:"reaches,omitempty"`
	// Cans are what it can do, each an action, or an action and a resource with
	// a blank between.
	Cans   []string  `json:"can,omitempty"`
	Holds  []Holding `json:"held,omitempty"`
	Excels Excess    `json:"excess,omitzero"`
}

// Judged implements Access.
func (a *StatedAccess) Judged() bool { return a.IsJudged }

// Administrator implements Access.
func (a *StatedAccess) Administrator() bool { return a.IsAdministrator }

// Way implements Access.
func (a *StatedAccess) Way(target string) Way { return a.Reaches[target] }

// Can implements Access.
func (a *StatedAccess) Can(action, resource string) bool {
	if resource != "" {
		action += " " + resource
	}
	return slices.Contains(a.Cans, action)
}

// Held implements Access.
func (a *StatedAccess) Held() []Holding { return a.Holds }

// Excess implements Access.
func (a *StatedAccess) Excess() Excess { return a.Excels }

// accessMacros let rules write reaches(t) for a question to the subject's
// access.
func accessMacros() []cel.Macro {
	of := func(name string, argc int) cel.Macro {
		return cel.GlobalMacro(name, argc, func(f parser.ExprHelper, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
			return f.NewCall("_"+name, append([]ast.Expr{f.NewIdent("access")}, args...)...), nil
		})
	}
	return []cel.Macro{of("reaches", 1), of("can", 2), of("held", 1)}
}

func accessFunctions(natives types.Adapter) []Function {
	str, of := cel.StringType, object[Granted]()
	asked := func(name string, argTypes []*cel.Type, out *cel.Type, empty any, fn func(a Access, words []string) any) cel.EnvOption {
		return cel.Function("_"+name, cel.Overload("_"+name, append([]*cel.Type{of}, argTypes...), out,
			cel.FunctionBinding(func(args ...ref.Val) ref.Val {
				words := make([]string, len(args)-1)
				for i := range words {
					words[i], _ = args[i+1].Value().(string)
				}
				a := engineOf(args[0])
				if a == nil || !a.Judged() {
					return natives.NativeToValue(empty)
				}
				return natives.NativeToValue(fn(a, words))
			})))
	}
	return []Function{
		{"reaches(target) Way", "the surest, then shortest way to an \"administrator\", \"production\", \"data\" of any class, or a class of data; its hops are 0 where none is known",
			asked("reaches", []*cel.Type{str}, object[Way](), &Way{}, func(a Access, w []string) any { way := a.Way(w[0]); return &way })},
		{"can(action, resource) bool", "policies allow it after everything that limits them, for certain; an empty resource means any",
			asked("can", []*cel.Type{str, str}, cel.BoolType, false, func(a Access, w []string) any { return a.Can(w[0], w[1]) })},
		{"held(consequence) list", "what it can do with that consequence, widest first; with \"\" everything",
			asked("held", []*cel.Type{str}, cel.ListType(object[Holding]()), []Holding{}, func(a Access, w []string) any {
				out := []Holding{}
				for _, h := range a.Held() {
					if w[0] == "" || h.Consequence == w[0] {
						out = append(out, h)
					}
				}
				return out
			})},
	}
}

// engineOf returns the answers behind the variable access.
func engineOf(v ref.Val) Access {
	switch g := v.Value().(type) {
	case Granted:
		return g.engine
	case *Granted:
		return g.engine
	}
	return nil
}

// caseSubject is a subject as a case writes it.
type caseSubject struct {
	Subject
	Stated *StatedAccess `json:"access"`
}

// subject is the subject of a case.
func (c *caseSubject) subject() *Subject {
	if c.Stated != nil {
		c.Access = c.Stated
	}
	return &c.Subject
}
