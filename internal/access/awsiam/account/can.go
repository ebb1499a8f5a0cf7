package account

import (
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// Can answers whether an identity may do something.
func (e *Engine) Can(identity retinue.Ref, action, resource string) access.Decision {
	p := e.byRef[identity]
	if p == nil {
		return unknown("no AWS account of the inventory has the identity " + identity.Key)
	}
	if why := unanswerable(action, resource); why != "" {
		return unknown(why)
	}
	return e.asker(p).answer(action, resource)
}

// Administrator reports whether an identity is an administrator: every action
// on "*" is allowed without a condition, with its boundary, the service control
// policies and all denies in force. It is what package escalate calls one.
func (e *Engine) Administrator(identity retinue.Ref) bool {
	p := e.byRef[identity]
	return p != nil && e.asker(p).administrator()
}

func understood(action string) bool {
	_, ok := awsiam.CompileAction(action)
	return ok
}

func (a *asker) answer(action, resource string) access.Decision {
	switch {
	case strings.ContainsAny(action, "*?"):
		return a.every(action, resource)
	case resource == "":
		return a.anywhere(action)
	}
	return a.decide(action, resource)
}

// unanswerable says why a question is none.
func unanswerable(action, resource string) string {
	switch {
	case action != "*" && !strings.Contains(action, ":"):
		return fmt.Sprintf("%.200q is no action of AWS, which have the form service:Name", action)
	case !understood(action):
		return fmt.Sprintf("%.200q is no pattern of actions that AWS accepts: the service must be whole", action)
	case resource != "*" && strings.ContainsAny(resource, "*?"):
		return fmt.Sprintf("%.200q is a pattern: ask for one resource, or leave it out to ask for any", resource)
	}
	return ""
}

func unknown(text string) access.Decision {
	return access.Decision{Outcome: access.Unknown, Because: []access.Reason{{Effect: "none", Text: retinue.CleanName(text)}}}
}

// unheard is a name that no policy and no inventory has.
const unheard = "0q0"

// fill is a name that fits a pattern and that nothing else names.
func fill(pattern string) string { return strings.NewReplacer("*", unheard, "?", "q").Replace(pattern) }

// actions lists the known actions that a pattern covers, and one that AWS may
// add.
func (e *Engine) actions(pattern string) []string {
	future := fill(pattern)
	if pattern == "*" {
		future = unheard + ":" + unheard
	}
	return append(e.data.Expand(pattern), future)
}

// every answers for all actions of a pattern: the worst answer of any.
func (a *asker) every(pattern, resource string) access.Decision {
	all := a.actions(pattern)
	counts := make(map[access.Outcome]int)
	examples := make(map[access.Outcome][]string)
	var first access.Decision
	for _, action := range all {
		o := a.best(action, resource)
		counts[o]++
		if len(examples[o]) < maxExamples {
			examples[o] = append(examples[o], action)
		}
	}
	out := access.Allowed
	switch {
	case counts[access.ExplicitlyDenied] == len(all):
		out = access.ExplicitlyDenied
	case counts[access.ExplicitlyDenied]+counts[access.ImplicitlyDenied] > 0:
		out = access.ImplicitlyDenied
	case counts[access.Unknown] > 0:
		out = access.Unknown
	case counts[access.Conditional] > 0:
		out = access.Conditional
	}
	for _, o := range []access.Outcome{out, access.ExplicitlyDenied} {
		if len(examples[o]) > 0 {
			first = a.answer(examples[o][0], resource)
			break
		}
	}
	first.Outcome = out
	if out == access.Conditional {
		first.Remains = a.remains(all, resource)
	}
	text := fmt.Sprintf("of the %d known actions that %s covers, and those that AWS may add", len(all)-1, pattern)
	for _, o := range []access.Outcome{access.Allowed, access.Conditional, access.Unknown, access.ImplicitlyDenied, access.ExplicitlyDenied} {
		if n := counts[o]; n > 0 {
			text += fmt.Sprintf(", %d are %s (%s)", n, o, strings.Join(shown(examples[o]), ", "))
		}
	}
	first.Because = slices.Insert(first.Because, 0, access.Reason{Effect: "none", Text: text})
	return first
}

// maxExamples is how many actions of an answer about many are named.
const maxExamples = 3

func shown(actions []string) []string {
	out := slices.Clone(actions)
	for i, a := range out {
		if strings.Contains(a, unheard) {
			out[i] = "future ones"
		}
	}
	return out
}

// remains are the conditions of all actions that have some.
func (a *asker) remains(actions []string, resource string) []access.Condition {
	var out []access.Condition
	seen := make(map[string]bool)
	for _, action := range actions {
		if a.best(action, resource) != access.Conditional {
			continue
		}
		for _, c := range a.answer(action, resource).Remains {
			if key := c.String(); !seen[key] && len(out) < maxRemains {
				seen[key] = true
				out = append(out, c)
			}
		}
	}
	return out
}

const maxRemains = 50

// best is the outcome on a resource, or on the best one.
func (a *asker) best(action, resource string) access.Outcome {
	if resource == "" {
		o, _ := a.search(action, a.named(action))
		return o
	}
	return a.outcome(action, resource)
}
