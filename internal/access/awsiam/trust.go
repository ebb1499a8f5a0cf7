package awsiam

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// admitted returns the principals of an allowing statement with its conditions.
func admitted(st *Statement) []access.Principal {
	if st.NotPrincipals != nil {
		p := limits(st)
		p.Kind, p.Name = "anyone", "everyone but those it names"
		return []access.Principal{p}
	}
	var out []access.Principal
	add := func(typ string, names ...string) {
		for _, name := range names {
			p := limits(st)
			p.Kind, p.Name = kindOf(typ, name), retinue.CleanName(name)
			out = append(out, p)
		}
	}
	if e := st.Principals; e != nil {
		if e.All {
			add("AWS", "*")
		}
		add("AWS", e.AWS...)
		add("Service", e.Service...)
		add("Federated", e.Federated...)
		add("CanonicalUser", e.CanonicalUser...)
	}
	return out
}

func kindOf(typ, name string) string {
	switch typ {
	case "Service":
		return "service"
	case "Federated":
		return "federated"
	case "CanonicalUser":
		return "canonical_user"
	}
	switch {
	case name == "*":
		return "anyone"
	case strings.HasSuffix(name, ":root"), len(name) == 12 && strings.Trim(name, "0123456789") == "":
		return "account"
	}
	return "principal"
}

// limits returns what the statement's conditions ask of a principal.
func limits(st *Statement) access.Principal {
	var p access.Principal
	for i := range st.Conditions {
		c := &st.Conditions[i]
		op, low := lower(c.Operator), lower(c.Key)
		p.Conditions = append(p.Conditions, retinue.CleanName(c.Key))
		switch {
		case strings.Contains(op, "not"), strings.HasSuffix(op, "ifexists"), op == "null":
		case low == "sts:externalid" && len(c.Values) > 0 && !slices.Contains(c.Values, "*"):
			p.ExternalID = true
		case strings.HasSuffix(low, ":sub"):
			p.Subjects = append(p.Subjects, c.Values...)
		case strings.HasSuffix(low, ":aud"):
			p.Audiences = append(p.Audiences, c.Values...)
		}
	}
	slices.Sort(p.Conditions)
	p.Conditions = slices.Compact(p.Conditions)
	slices.Sort(p.Subjects)
	slices.Sort(p.Audiences)
	return p
}
