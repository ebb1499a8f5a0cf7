package awsiam

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// admitted returns the principals of an allowing statement with its conditions.
func admitted(st *statement) []access.Principal {
	if len(st.NotPrincipal) > 0 {
		p := limits(st)
		p.Kind, p.Name = "anyone", "everyone but those it names"
		return []access.Principal{p}
	}
	var out []access.Principal
	for _, typ := range []string{"AWS", "Service", "Federated", "CanonicalUser"} {
		for _, name := range st.Principal[typ] {
			p := limits(st)
			p.Kind, p.Name = principalKind(typ, name), retinue.CleanName(name)
			out = append(out, p)
		}
	}
	return out
}

func principalKind(typ, name string) string {
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
func limits(st *statement) access.Principal {
	var p access.Principal
	for operator, keys := range st.Condition {
		op := strings.ToLower(operator)
		positive := !strings.Contains(op, "not") && !strings.HasSuffix(op, "ifexists") && op != "null"
		for k, values := range keys {
			p.Conditions = append(p.Conditions, retinue.CleanName(k))
			low := strings.ToLower(k)
			switch {
			case !positive:
			case low == "sts:externalid" && len(values) > 0 && !slices.Contains(values, "*"):
				p.ExternalID = true
			case strings.HasSuffix(low, ":sub"):
				p.Subjects = append(p.Subjects, values...)
			case strings.HasSuffix(low, ":aud"):
				p.Audiences = append(p.Audiences, values...)
			}
		}
	}
	slices.Sort(p.Conditions)
	p.Conditions = slices.Compact(p.Conditions)
	slices.Sort(p.Subjects)
	slices.Sort(p.Audiences)
	return p
}
