package pipelines

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// actionWebIdentity exchanges a token for a session of a role.
const actionWebIdentity = "sts:AssumeRoleWithWebIdentity"

// awsTrust is a role's trust policy, as far as it admits one identity provider.
type awsTrust struct {
	role     string // ARN
	provider string // ARN, or the name of a provider that AWS knows itself
	host     string // what condition keys begin with
	policy   *awsiam.Policy
	// audiences are those of the provider; nil where it was not read.
	audiences []string
	want      []wanted
	// begins are what admitted subjects begin with; nil for anything.
	begins []string
}

// claimKeys returns the claims that AWS makes condition keys of, for the issuers
// for which it takes more than the subject and the audience ("IAM and AWS STS
// condition context keys", available keys for AWS OIDC federation).
func claimKeys(host string) []string {
	keys := []string{claimSubject, claimAudience}
	switch {
	case host == "token.actions.githubusercontent.com" || strings.HasPrefix(host, "token.actions.githubusercontent.com/"):
		keys = append(keys, "actor", "actor_id", "job_workflow_ref", "repository", "repository_id", "workflow", claimRef, "environment", "enterprise_id")
	case strings.HasPrefix(host, "oidc.circleci.com/"):
		keys = append(keys, "oidc.circleci.com/project-id")
	case host == "cognito-identity.amazonaws.com":
		keys = append(keys, "amr")
	case host == "accounts.google.com":
		keys = append(keys, "oaud", "email", "google/organization_number")
	}
	return keys
}

// newAWSTrust compiles the part of a trust policy that is about a provider.
func newAWSTrust(role, provider string, policy *awsiam.Policy) *awsTrust {
	t := &awsTrust{role: role, provider: provider, host: providerHost(provider), policy: policy}
	limited := true
	for _, st := range policy.Statements() {
		if named, _ := st.Names(awsiam.Federated(provider)); !named {
			continue
		}
		var begins []string
		for i := range st.Conditions {
			begins = append(begins, t.condition(&st.Conditions[i])...)
		}
		if st.Effect == awsiam.Deny {
			continue
		}
		if begins == nil {
			limited = false
		}
		t.begins = append(t.begins, begins...)
	}
	if !limited {
		t.begins = nil
	}
	return t
}

// condition takes what a condition compares, and returns what the subject must
// begin with under it, or nil.
func (t *awsTrust) condition(c *awsiam.Condition) (begins []string) {
	claim, ok := cutPrefix(c.Key, t.host+":", true)
	if !ok {
		return nil
	}
	claim = strings.ToLower(claim)
	op := strings.ToLower(c.Operator)
	for _, v := range c.Values {
		w := wanted{claim: claim, pattern: v, fold: strings.Contains(op, "ignorecase"), wild: strings.Contains(op, "like")}
		t.want = append(t.want, w)
		if claim != claimSubject || op != "stringequals" && op != "stringlike" || strings.Contains(v, "${") {
			continue
		}
		if w.wild {
			v = literalStart(v)
		}
		begins = append(begins, v)
	}
	return begins
}

// literalStart is what stands before the first wildcard.
func literalStart(pattern string) string {
	if i := strings.IndexAny(pattern, "*?"); i >= 0 {
		return pattern[:i]
	}
	return pattern
}

func (t *awsTrust) wanted() []wanted { return t.want }

func (t *awsTrust) complete() bool { return true }

func (t *awsTrust) may(begins string) bool {
	return t.begins == nil || begins == "" || slices.ContainsFunc(t.begins, func(s string) bool {
		return strings.HasPrefix(s, begins) || strings.HasPrefix(begins, s)
	})
}

// decide puts the exchange to IAM, once for each audience that the token can
// have, and returns the best answer.
func (t *awsTrust) decide(token *Token, c Claims) access.Decision {
	var best access.Decision
	for _, audience := range t.choices(token) {
		r := t.request(token, c, audience)
		layers := &awsiam.Layers{Resource: []*awsiam.Policy{t.policy}, Unread: []awsiam.Layer{awsiam.LayerResourceControl}}
		d := awsiam.Decide(layers, r, awsiam.Open)
		d.Remains = slices.DeleteFunc(d.Remains, func(c access.Condition) bool { return chosen(c.Key) })
		if d.Outcome == access.Conditional && len(d.Remains) == 0 {
			d.Outcome = access.Allowed
		}
		if rank(d.Outcome) > rank(best.Outcome) {
			best = d
		}
		if best.Outcome == access.Allowed {
			break
		}
	}
	if t.audiences == nil && t.host != t.provider && rank(best.Outcome) > 0 {
		best.Unread = append(best.Unread, "the identity provider "+t.provider)
	}
	return best
}

// choices are the audiences to try: those of the token that the provider takes.
// "" stands for one that is not known.
func (t *awsTrust) choices(token *Token) []string {
	switch {
	case token.Audiences != nil && t.audiences != nil:
		return slices.DeleteFunc(slices.Clone(token.Audiences), func(a string) bool { return !slices.Contains(t.audiences, a) })
	case token.Audiences != nil:
		return token.Audiences
	case t.audiences != nil:
		return t.audiences
	}
	out := []string{"sts.amazonaws.com"}
	for _, w := range t.want {
		if w.claim == claimAudience && !slices.Contains(out, w.pattern) {
			out = append(out, strings.NewReplacer("*", "x", "?", "x").Replace(w.pattern))
		}
	}
	return out
}

func (t *awsTrust) request(token *Token, c Claims, audience string) *awsiam.Request {
	r := &awsiam.Request{Action: actionWebIdentity, Resource: t.role, Principal: awsiam.Federated(t.provider),
		// A token of these issuers carries no tags ("Pass session tags in AWS
		// STS"), and a call without AWS credentials has no principal.
		Absent: []string{"aws:RequestTag/*", "aws:PrincipalTag/*", "aws:TagKeys", "aws:PrincipalArn", "aws:PrincipalAccount", "aws:PrincipalOrgID",
			"sts:ExternalId", "sts:SourceIdentity", "aws:SourceArn", "aws:SourceAccount"}}
	if parts := strings.SplitN(t.role, ":", 6); len(parts) == 6 {
		r.ResourceAccount = parts[4]
	}
	r.Context.Set("aws:SecureTransport", "true")
	r.Context.Set("aws:FederatedProvider", t.provider)
	keys := claimKeys(t.host)
	for _, claim := range keys {
		value, known := c[claim]
		switch {
		case claim == claimAudience:
			r.Context.Set(t.host+":"+claim, audience)
		case known:
			r.Context.Set(t.host+":"+claim, value)
		case slices.Contains(token.Absent, claim):
			r.Absent = append(r.Absent, t.host+":"+claim)
		}
	}
	for _, w := range t.want {
		if !slices.Contains(keys, w.claim) {
			r.Absent = append(r.Absent, t.host+":"+w.claim) // no claim that AWS looks at
		}
	}
	return r
}

// chosen reports condition keys whose value the caller chooses.
func chosen(key string) bool {
	switch strings.ToLower(key) {
	case "sts:rolesessionname", "sts:durationseconds", "aws:requestedregion", "aws:useragent", "aws:referer":
		return true
	}
	return false
}

// providerHost is the issuer without its scheme, which condition keys begin with.
func providerHost(provider string) string {
	if _, host, ok := strings.Cut(provider, ":oidc-provider/"); ok {
		return host
	}
	return provider
}

// awsProviders returns the identity providers that a trust policy admits, but
// those of SAML.
func awsProviders(policy *awsiam.Policy) []string {
	var out []string
	for _, st := range policy.Statements() {
		if st.Effect == awsiam.Deny || st.Principals == nil {
			continue
		}
		for _, name := range st.Principals.Federated {
			if !strings.Contains(name, ":saml-provider/") && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// issuerOfProvider is the issuer whose tokens a provider takes.
func issuerOfProvider(provider string) string {
	return "https://" + retinue.CleanName(providerHost(provider))
}
