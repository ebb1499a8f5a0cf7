package rules

import (
	"context"

	"github.com/retinue-id/retinue"
)

// LabelField is what a label rule assigns.
type LabelField string

// The label fields.
const (
	LabelEnvironment LabelField = "environment"
	LabelCriticality LabelField = "criticality"
	LabelDataClass   LabelField = "data_class"
)

// Labels are what is known of a subject's place in the organisation, and by
// whom: "registration", "source", "csv line 7" or a label rule's id. Empty
// values mean unlabelled, and are shown as such.
type Labels struct {
	Environment   retinue.Environment `json:"environment,omitempty"`
	EnvironmentBy string              `json:"environmentBy,omitempty"`
	Criticality   retinue.Criticality `json:"criticality,omitempty"`
	CriticalityBy string              `json:"criticalityBy,omitempty"`
	DataClass     string              `json:"dataClass,omitempty"`
	DataClassBy   string              `json:"dataClassBy,omitempty"`
	// Done is true where the label rules have been asked.
	Done bool `json:"-"`
}

func (l *Labels) set(f LabelField, value, by string) {
	if value == "" || l.has(f) {
		return
	}
	switch f {
	case LabelEnvironment:
		l.Environment, l.EnvironmentBy = retinue.Environment(value), by
	case LabelCriticality:
		l.Criticality, l.CriticalityBy = retinue.Criticality(value), by
	case LabelDataClass:
		l.DataClass, l.DataClassBy = value, by
	}
}

func (l *Labels) has(f LabelField) bool {
	switch f {
	case LabelEnvironment:
		return l.Environment != ""
	case LabelCriticality:
		return l.Criticality != ""
	}
	return l.DataClass != ""
}

func (l *Labels) full() bool {
	return l.Environment != "" && l.Criticality != "" && l.DataClass != ""
}

// Label returns the labels of a subject. What a person registered wins over
// what a source states, that over the CSV, and that over the label rules in
// their order. Rules that fail are reported; the others are asked all the same.
func (s *Set) Label(sub *Subject) (Labels, []EvalError) {
	l := Labels{Done: true}
	l.setAll(sub.Labels.Environment, sub.Labels.Criticality, sub.Labels.DataClass, "inventory")
	if r := sub.Registration; r != nil {
		l.setAll(r.Environment, r.Criticality, r.DataClass, "registration")
	}
	if i := sub.Identity; i != nil {
		l.setAll(i.Environment, i.Criticality, "", "source")
	}
	if r := sub.Resource; r != nil {
		l.set(LabelDataClass, r.DataClass, "source")
	}
	for i := range s.csv {
		if row := &s.csv[i]; row.matches(sub) {
			l.setAll(row.Environment, row.Criticality, row.DataClass, row.by)
		}
	}
	var problems []EvalError
	vars := newActivation(sub)
	for _, r := range s.labels {
		if l.full() {
			break
		}
		if l.has(r.rule.Sets) || !r.over(sub) {
			continue
		}
		ok, err := evalBool(context.Background(), r.when, vars)
		if err != nil {
			problems = append(problems, EvalError{Rule: r.rule.ID, Subject: sub.Ref, Err: err})
		} else if ok {
			l.set(r.rule.Sets, r.rule.Value, r.rule.ID)
		}
	}
	for i := range sub.Containers { // what a source says of the container, where no rule knew better
		l.set(LabelEnvironment, string(sub.Containers[i].Environment), "source")
	}
	return l, problems
}

func (l *Labels) setAll(e retinue.Environment, c retinue.Criticality, d, by string) {
	l.set(LabelEnvironment, string(e), by)
	l.set(LabelCriticality, string(c), by)
	l.set(LabelDataClass, d, by)
}
