package steward

import "github.com/retinue-id/retinue"

// MaxExamples bounds the examples that a preview gives of a rule.
const MaxExamples = 10

// Example is an identity that a rule settles.
type Example struct {
	ID   retinue.EntityID `json:"id"`
	Name string           `json:"name"`
	// Now is who answers for it today, empty for nobody.
	Now string `json:"now,omitempty"`
	Why string `json:"why,omitempty"`
}

// Effect is what one rule does.
type Effect struct {
	Rule string `json:"rule,omitempty"`
	// Settles counts the identities that get their owner by the rule.
	Settles int `json:"settles"`
	// Explicit counts those that it matches and a person has already assigned,
	// Earlier those that an earlier rule settles.
	Explicit int `json:"explicit"`
	Earlier  int `json:"earlier"`
	// Changes counts those of Settles that somebody else answers for today, or
	// nobody.
	Changes  int       `json:"changes"`
	Examples []Example `json:"examples"`
}

// Preview is what a set of rules would do.
type Preview struct {
	Identities int      `json:"identities"`
	Explicit   int      `json:"explicit"`
	Rules      []Effect `json:"rules"`
	Fallback   Effect   `json:"fallback"`
	// Unowned counts those that nobody would answer for.
	Unowned int `json:"unowned"`
	// Changes counts the identities whose owner would become another.
	Changes int `json:"changes"`
}

// Previewer counts what a set of rules would do, one identity after another.
type Previewer struct {
	set RuleSet
	out Preview
}

// NewPreviewer returns a Previewer that has seen nothing.
func NewPreviewer(set RuleSet) *Previewer {
	p := &Previewer{set: set, out: Preview{Rules: make([]Effect, len(set.Rules)), Fallback: Effect{Examples: []Example{}}}}
	for i, r := range set.Rules {
		p.out.Rules[i] = Effect{Rule: r.ID, Examples: []Example{}}
	}
	return p
}

// Add counts an identity. Now is who answers for it today.
func (p *Previewer) Add(id retinue.EntityID, x *Subject, now string) {
	p.out.Identities++
	first := -1
	for i := range p.set.Rules {
		why, ok := p.set.Rules[i].Match.match(x)
		if !ok {
			continue
		}
		e := &p.out.Rules[i]
		switch {
		case x.Owner != "":
			e.Explicit++
		case first >= 0:
			e.Earlier++
		default:
			first = i
			p.settled(e, Example{ID: id, Name: x.Name, Now: now, Why: why}, p.set.Rules[i].Owner)
		}
	}
	switch {
	case x.Owner != "":
		p.out.Explicit++
	case first >= 0:
	case p.set.Fallback != nil:
		p.settled(&p.out.Fallback, Example{ID: id, Name: x.Name, Now: now}, p.set.Fallback.Owner)
	default:
		p.out.Unowned++
		if now != "" {
			p.out.Changes++
		}
	}
}

func (p *Previewer) settled(e *Effect, x Example, owner string) {
	e.Settles++
	if x.Now != owner {
		e.Changes++
		p.out.Changes++
	}
	if len(e.Examples) < MaxExamples {
		e.Examples = append(e.Examples, x)
	}
}

// Preview returns what was counted.
func (p *Previewer) Preview() Preview { return p.out }
