package aws

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// policyDocument is as much of a policy document as naming trustees needs. The
// document itself is kept verbatim; nothing is decided from this excerpt.
type policyDocument struct {
	Statement statements
}

type statement struct {
	Effect       string
	Principal    json.RawMessage
	NotPrincipal json.RawMessage
	Action       words
	NotAction    words
	Condition    map[string]map[string]words
}

type statements []statement

// UnmarshalJSON implements json.Unmarshaler: one statement may stand alone.
func (s *statements) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		var one statement
		if err := json.Unmarshal(b, &one); err != nil {
			return err
		}
		*s = statements{one}
		return nil
	}
	return json.Unmarshal(b, (*[]statement)(s))
}

// knownAccounts is what is known about which accounts belong together.
type knownAccounts struct {
	own string
	// organization holds the accounts of the organisation; nil where it is not
	// known which they are.
	organization map[string]bool
	vendors      vendorTable
}

// trustFacts states whom a role's trust policy admits. A trustee that several
// statements name is one fact with what limits it in all of them.
func trustFacts(role, via retinue.Ref, doc string, known knownAccounts) ([]retinue.Fact, error) {
	var p policyDocument
	if err := json.Unmarshal([]byte(doc), &p); err != nil {
		return nil, fmt.Errorf("%w: %s", retinue.ErrInvalid, retinue.CleanName(err.Error()))
	}
	byRef := map[retinue.Ref]int{}
	var out []retinue.Trust
	for _, s := range p.Statement {
		if s.Effect != "Allow" || !admits(s) {
			continue
		}
		for _, t := range statementTrusts(s, known) {
			t.Subject, t.Via = role, via
			at, seen := byRef[t.FactRef()]
			if !seen {
				byRef[t.FactRef()] = len(out)
				out = append(out, t)
				continue
			}
			old := &out[at]
			old.ExternalID = old.ExternalID && t.ExternalID
			old.Conditions = slices.DeleteFunc(slices.Clone(old.Conditions), func(c string) bool { return !slices.Contains(t.Conditions, c) })
		}
	}
	facts := make([]retinue.Fact, len(out))
	for i := range out {
		facts[i] = out[i]
	}
	return facts, nil
}

// admits reports whether the statement allows an action that assumes the role;
// tagging a session or naming its source alone does not.
func admits(s statement) bool {
	if len(s.NotAction) > 0 {
		return true
	}
	for _, a := range s.Action {
		a = strings.ToLower(a)
		if a == "*" || strings.HasPrefix(a, "sts:assumerole") || (strings.HasPrefix(a, "sts:") && strings.ContainsAny(a, "*?")) {
			return true
		}
	}
	return false
}

func statementTrusts(s statement, known knownAccounts) []retinue.Trust {
	conditions, external := conditionKeys(s)
	base := retinue.Trust{Conditions: conditions, ExternalID: external}
	if len(s.NotPrincipal) > 0 {
		t := base
		t.Kind, t.Name = retinue.TrusteeAnyone, "everyone except those it names"
		t.ThirdParty, t.OrganizationKnown = true, true
		return []retinue.Trust{t}
	}
	if len(s.Principal) == 0 {
		return nil
	}
	if s.Principal[0] == '"' {
		return []retinue.Trust{anyone(base)}
	}
	var byType map[string]words
	if json.Unmarshal(s.Principal, &byType) != nil {
		return nil
	}
	var out []retinue.Trust
	for _, name := range byType["Service"] {
		t := base
		t.Kind, t.Name, t.OrganizationKnown = retinue.TrusteeService, retinue.CleanName(name), true
		out = append(out, t)
	}
	for _, name := range byType["AWS"] {
		out = append(out, awsTrust(base, name, known))
	}
	for _, name := range byType["Federated"] {
		out = append(out, federatedTrusts(base, name, s)...)
	}
	for _, name := range byType["CanonicalUser"] {
		t := base
		t.Kind, t.Name = retinue.TrusteePrincipal, "canonical user "+retinue.CleanName(name)
		out = append(out, t)
	}
	return slices.DeleteFunc(out, func(t retinue.Trust) bool { return t.Name == "" })
}

// anyone is a trust in every AWS principal. A condition may still limit it.
func anyone(base retinue.Trust) retinue.Trust {
	base.Kind, base.Name = retinue.TrusteeAnyone, "anyone"
	base.ThirdParty, base.OrganizationKnown = true, true
	return base
}

// awsTrust reads an element of Principal.AWS: "*", an account id, an ARN, or
// the unique id that AWS puts in place of the ARN of a deleted principal.
func awsTrust(base retinue.Trust, name string, known knownAccounts) retinue.Trust {
	name = retinue.CleanName(name)
	if name == "*" {
		return anyone(base)
	}
	account := name
	if a, ok := parseARN(name); ok {
		account = a.account
	}
	t := base
	switch ref, ok := principalRef(name); {
	case isAccountID(name), ok && ref.Kind == "account":
		t.Kind, t.Name, t.Trustee = retinue.TrusteeAccount, account, accountRef(account)
	case ok:
		t.Kind, t.Name, t.Trustee = retinue.TrusteePrincipal, name, ref
	default:
		t.Kind, t.Name = retinue.TrusteePrincipal, name
		if !strings.HasPrefix(name, "arn:") {
			t.Attrs = attrs("deletedPrincipal", true)
		}
	}
	if !isAccountID(account) {
		return t
	}
	t.ThirdParty, t.OrganizationKnown, t.Vendor = known.relation(account)
	return t
}

// awsOwned marks the accounts of AWS itself in the table of vendors.
const awsOwned = "(AWS)"

// relation says how an account stands to the one that trusts it: whether it
// lies outside the organisation as far as that is known, whether it is known,
// and the vendor it belongs to.
func (k knownAccounts) relation(account string) (thirdParty, decided bool, vendor string) {
	if account == k.own || k.organization[account] {
		return false, true, ""
	}
	vendor = k.vendors.name(account)
	if strings.HasSuffix(vendor, awsOwned) {
		return false, true, vendor
	}
	return true, vendor != "" || k.organization != nil, vendor
}

// conditionKeys returns the condition keys of a statement, and whether one of
// them demands an external id.
func conditionKeys(s statement) ([]string, bool) {
	var out []string
	external := false
	for operator, keys := range s.Condition {
		for k, v := range keys {
			out = append(out, retinue.CleanName(k))
			op := strings.ToLower(operator)
			if strings.EqualFold(k, "sts:ExternalId") && strings.HasPrefix(op, "string") && !strings.Contains(op, "not") &&
				!strings.HasSuffix(op, "ifexists") && len(v) > 0 && !slices.Contains(v, "*") {
				external = true
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), external
}

// federatedTrusts reads an element of Principal.Federated: the ARN of an OIDC
// or SAML provider, or the name of a public web identity provider. Each subject
// pattern that the conditions admit is a trust of its own; without a condition
// on the subject it is the pattern "*".
func federatedTrusts(base retinue.Trust, name string, s statement) []retinue.Trust {
	name = retinue.CleanName(name)
	issuer, prefix := name, name
	t := base
	t.Kind = retinue.TrusteeFederated
	if a, ok := parseARN(name); ok {
		kind, rest, _ := strings.Cut(a.resource, "/")
		if kind = strings.ReplaceAll(kind, "-", "_"); isAccountID(a.account) && (kind == "oidc_provider" || kind == "saml_provider") {
			t.Trustee = refTo(kind, name, a.account)
		}
		switch kind {
		case "oidc_provider":
			issuer, prefix = "https://"+rest, rest
		case "saml_provider":
			prefix = "SAML"
		}
	} else if !strings.Contains(name, "://") {
		issuer = "https://" + name
	}
	t.Name = issuer
	audiences := conditionValues(s, prefix+":aud")
	if sharedIssuer(prefix) {
		t.Attrs = attrs("sharedIssuer", true)
	}
	subjects := conditionValues(s, prefix+":sub")
	if len(subjects) == 0 {
		subjects = []string{"*"}
	}
	if len(audiences) == 0 {
		audiences = []string{""}
	}
	var out []retinue.Trust
	for _, sub := range subjects {
		for _, aud := range audiences {
			one := t
			one.Federation = &retinue.Federation{Issuer: issuer, Subject: retinue.CleanName(sub), Audience: retinue.CleanName(aud)}
			out = append(out, one)
		}
	}
	return out
}

// conditionValues returns the values that conditions admit for a key. Negated
// operators admit everything else and count for nothing here.
func conditionValues(s statement, key string) []string {
	var out []string
	for operator, keys := range s.Condition {
		if strings.Contains(strings.ToLower(operator), "not") {
			continue
		}
		for k, v := range keys {
			if strings.EqualFold(k, key) {
				out = append(out, v...)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// sharedIssuer reports issuers whose tokens anyone can obtain by opening an
// account there, so that only the subject tells one customer from another.
func sharedIssuer(host string) bool {
	host, _, _ = strings.Cut(strings.TrimPrefix(host, "https://"), "/")
	return slices.Contains([]string{"token.actions.githubusercontent.com", "gitlab.com", "app.terraform.io",
		"accounts.google.com", "oidc.circleci.com", "agent.buildkite.com", "cognito-identity.amazonaws.com",
		"www.amazon.com", "graph.facebook.com", "oidc.vercel.com", "api.pulumi.com", "vstoken.dev.azure.com",
		"api.bitbucket.org", "sts.windows.net", "login.microsoftonline.com"}, host)
}
