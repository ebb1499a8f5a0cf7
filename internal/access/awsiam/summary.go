package awsiam

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// secretReads are the calls that return secret values.
func secretReads() []string {
	return []string{"secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue", "ssm:GetParameter",
		"ssm:GetParameters", "ssm:GetParametersByPath"}
}

// Summarize says what a policy document allows by itself. Errors wrap
// retinue.ErrInvalid.
func Summarize(text string) (access.Summary, error) {
	d, err := ParseText(text)
	if err != nil {
		return access.Summary{}, err
	}
	var s access.Summary
	var allow []*Statement
	for i := range d.Statements() {
		st := &d.Statements()[i]
		switch {
		case strings.EqualFold(string(st.Effect), "Allow"):
			allow = append(allow, st)
			s.Conditional = s.Conditional || len(st.Conditions) > 0
			s.Principals = append(s.Principals, admitted(st)...)
			grants(&s, st)
		case strings.EqualFold(string(st.Effect), "Deny"):
			s.HasDeny = true
		}
	}
	for _, t := range techniques() {
		if possible(allow, t) {
			s.Escalates = append(s.Escalates, t.text)
		}
	}
	s.ReadsSecrets = slices.ContainsFunc(secretReads(), func(a string) bool { return broadly(allow, a) })
	s.Sentences = sentences(s)
	s.Normalize()
	return s, nil
}

// grants adds what one allowing statement gives.
func grants(s *access.Summary, st *Statement) {
	all := slices.ContainsFunc(st.Actions, everything)
	everywhere := slices.ContainsFunc(st.Resources, everything)
	if all && everywhere {
		s.Admin = true
	}
	for _, a := range st.Actions {
		service, name, ok := strings.Cut(a, ":")
		if ok && service != "" {
			s.Services = append(s.Services, strings.ToLower(service))
		}
		if strings.ContainsAny(a, "*?") {
			s.WildcardActions = append(s.WildcardActions, retinue.CleanName(a))
		}
		whole := everything(a) || ok && everything(name)
		s.Wildcard = s.Wildcard || whole
		if whole || !reads(name) {
			s.Writes = true
			s.WildcardResources = s.WildcardResources || everywhere
		}
	}
	if len(st.NotActions) > 0 {
		s.Wildcard, s.Writes = true, true
		s.WildcardResources = s.WildcardResources || everywhere
		s.WildcardActions = append(s.WildcardActions, "everything but "+retinue.CleanName(strings.Join(st.NotActions, ", ")))
	}
}

func everything(p string) bool {
	return p != "" && strings.Trim(p, "*:") == "" && strings.Contains(p, "*")
}

// reads reports whether an action's name says that it changes nothing, by the
// verbs that AWS uses for its access levels List and Read.
func reads(name string) bool {
	name = strings.ToLower(name)
	for _, verb := range []string{"get", "list", "describe", "batchget", "head", "search", "lookup", "query", "scan",
		"view", "check", "select", "estimate", "simulate", "preview", "generatecredentialreport", "decode"} {
		if strings.HasPrefix(name, verb) {
			return true
		}
	}
	return false
}

func broadly(allow []*Statement, action string) bool {
	return slices.ContainsFunc(allow, func(s *Statement) bool { return s.AppliesTo(action) && s.broad() })
}

func possible(allow []*Statement, t technique) bool {
	if !broadly(allow, t.actions[0]) {
		return false
	}
	for _, a := range t.actions[1:] {
		if !slices.ContainsFunc(allow, func(s *Statement) bool { return s.AppliesTo(a) && (len(s.Resources) > 0 || len(s.NotResources) > 0) }) {
			return false
		}
	}
	return true
}

func sentences(s access.Summary) []string {
	var out []string
	add := func(when bool, text string) {
		if when {
			out = append(out, text)
		}
	}
	add(s.Admin, "It allows every action on every resource.")
	add(!s.Admin && len(s.Escalates) > 0, "It allows ways to gain further rights.")
	add(!s.Admin && s.ReadsSecrets, "It allows reading secret values without naming which.")
	add(!s.Admin && s.Wildcard, "It allows every action of at least one service.")
	for _, p := range s.Principals {
		add(p.Kind == "anyone" && len(p.Conditions) == 0, "It admits anyone, without a condition.")
	}
	add(s.Conditional, "Some of it holds under conditions only.")
	add(s.HasDeny, "It denies something as well, which is not taken off here.")
	return out
}
