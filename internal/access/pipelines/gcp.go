package pipelines

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// gcpProvider is a provider of a workload identity pool that takes tokens of an
// OpenID Connect issuer.
type gcpProvider struct {
	name, pool string // projects/N/locations/global/workloadIdentityPools/P[/providers/Q]
	issuer     string
	// audiences are those that it takes; empty means its own name.
	audiences []string
	mapping   map[string]*expr
	condition *expr // nil where there is none
	disabled  bool
}

// newGCPProvider reads the provider that the connector states.
func newGCPProvider(r retinue.Resource, e *expressions) (*gcpProvider, bool) {
	issuer, _ := r.Attrs["issuer"].(string)
	pool, _, ok := strings.Cut(r.Ref.Key, "/providers/")
	if issuer == "" || !ok {
		return nil, false
	}
	p := &gcpProvider{name: r.Ref.Key, pool: pool, issuer: strings.TrimSuffix(issuer, "/"), audiences: list(r.Attrs["audiences"]), mapping: map[string]*expr{}}
	p.disabled, _ = r.Attrs["disabled"].(bool)
	for _, m := range list(r.Attrs["attributeMapping"]) {
		if k, v, ok := strings.Cut(m, "="); ok {
			p.mapping[strings.TrimSpace(k)] = e.compile(v)
		}
	}
	if c, _ := r.Attrs["attributeCondition"].(string); strings.TrimSpace(c) != "" {
		p.condition = e.compile(c)
	}
	return p, true
}

// list reads a list of strings of an attribute, as made or as decoded.
func list(v any) []string {
	switch v := v.(type) {
	case []string:
		return v
	case []any:
		out := make([]string, 0, len(v))
		for _, e := range v {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// gcpMember is a principal of a pool, or a set of them, as policies name it.
type gcpMember struct {
	provider *gcpProvider
	text     string
	// key and value are the mapped attribute that it asks for; key is empty for
	// everything in the pool.
	key, value string
	want       []wanted
	beyond     bool
}

// memberOf splits the text of a member ("Principal identifiers"); ok is false
// for what is no member of a workload identity pool.
func memberOf(text string) (pool, key, value string, ok bool) {
	kind, rest, found := strings.Cut(text, "://iam.googleapis.com/")
	if !found || kind != "principal" && kind != "principalSet" {
		return "", "", "", false
	}
	i := strings.Index(rest, "/workloadIdentityPools/")
	if i < 0 {
		return "", "", "", false
	}
	i += len("/workloadIdentityPools/")
	id, what, _ := strings.Cut(rest[i:], "/")
	pool = rest[:i] + id
	switch head, tail, _ := strings.Cut(what, "/"); {
	case what == "*":
		return pool, "", "", true
	case head == "subject":
		return pool, "google.subject", tail, true
	case head == "group":
		return pool, "google.groups", tail, true
	case strings.HasPrefix(head, "attribute."):
		return pool, head, tail, true
	}
	return "", "", "", false
}

// textClaims are the claims whose texts an expression may look at and that can
// vary.
var textClaims = [...]string{claimSubject, claimRef, "environment", "workflow_ref", "job_workflow_ref", "ref_path"}

func newGCPMember(p *gcpProvider, text string) (*gcpMember, bool) {
	pool, key, value, ok := memberOf(text)
	if !ok || pool != p.pool {
		return nil, false
	}
	m := &gcpMember{provider: p, text: text, key: key, value: value}
	literals, shapes := []string{value}, []string{"%"}
	for k, x := range p.mapping {
		if k == key || k == "google.subject" || p.condition != nil && strings.Contains(p.condition.text, k) {
			literals, shapes, m.beyond = append(literals, x.literals...), append(shapes, x.shapes...), m.beyond || x.beyond
		}
	}
	if c := p.condition; c != nil {
		literals, shapes, m.beyond = append(literals, c.literals...), append(shapes, c.shapes...), m.beyond || c.beyond
	}
	slices.Sort(literals)
	slices.Sort(shapes)
	shapes = slices.Compact(shapes)
	for _, l := range slices.Compact(literals) {
		if l == "" || strings.ContainsAny(l, "*?") {
			continue
		}
		for _, claim := range textClaims {
			for _, shape := range shapes {
				m.want = append(m.want, wanted{claim: claim, pattern: strings.Replace(shape, "%", l, 1), wild: shape != "%"})
			}
		}
	}
	return m, true
}

func (m *gcpMember) wanted() []wanted { return m.want }

func (m *gcpMember) complete() bool { return !m.beyond }

func (m *gcpMember) may(string) bool { return !m.provider.disabled }

// decide maps a token's claims, checks the provider's condition, and compares
// what the member asks for ("Configure Workload Identity Federation with
// deployment pipelines").
func (m *gcpMember) decide(t *Token, c Claims) access.Decision {
	p := m.provider
	if !m.audience(t) {
		return access.Decision{Outcome: access.ImplicitlyDenied}
	}
	vars := map[string]any{"assertion": assertion(t, c)}
	attribute, google := map[string]any{}, map[string]any{}
	vars["attribute"], vars["google"] = attribute, google
	why := access.Reason{Layer: "workload identity provider", Document: p.name, Effect: "allow"}
	subject := no
	for _, k := range sortedKeys(p.mapping) {
		v, a := p.mapping[k].eval(vars)
		var value any = v
		if a != yes {
			value = unknown(k)
		}
		if name, ok := strings.CutPrefix(k, "attribute."); ok && a != no {
			attribute[name] = value
		} else if name, ok := strings.CutPrefix(k, "google."); ok && a != no {
			google[name] = value
		}
		if k == "google.subject" {
			subject = a
		}
	}
	if len(p.mapping) == 0 {
		subject = unclear // it was not read: there is no provider without one
	}
	result := subject // without a subject the token is refused
	if p.condition != nil {
		why.Text = "admits tokens for which " + p.condition.text
		result = min(result, p.condition.holds(vars))
	}
	asked := m.asks(attribute, google)
	result = min(result, asked)
	d := access.Decision{Because: []access.Reason{why, {Layer: "policy member", Document: m.text, Effect: "allow", Text: "names the mapped identity"}}}
	switch result {
	case yes:
		d.Outcome = access.Allowed
	case open:
		d.Outcome = access.Conditional
		d.Remains = m.remains(asked)
	case unclear:
		d.Outcome = access.Unknown
		d.Because[0].Effect, d.Because[0].Text = "none", "an expression of the provider is not understood"
	default:
		d.Outcome = access.ImplicitlyDenied
	}
	return d
}

// remains says what is left open: the provider's condition, what the member asks
// for, or both.
func (m *gcpMember) remains(asked answer) []access.Condition {
	var out []access.Condition
	if c := m.provider.condition; c != nil {
		out = append(out, access.Condition{Key: "assertion", Operator: "satisfies", Values: []string{c.text}, Text: c.text})
	}
	if asked == open && m.key != "" {
		out = append(out, access.Condition{Key: m.key, Operator: "==", Values: []string{m.value}, Text: m.key + " is " + m.value})
	}
	if len(out) == 0 {
		out = append(out, access.Condition{Key: "google.subject", Operator: "is", Values: []string{"mapped"}, Text: "the provider maps a subject"})
	}
	return out
}

// asks compares the member's attribute.
func (m *gcpMember) asks(attribute, google map[string]any) answer {
	var have any
	switch name, isAttribute := strings.CutPrefix(m.key, "attribute."); {
	case m.key == "":
		return yes
	case isAttribute:
		have = attribute[name]
	default:
		have = google[strings.TrimPrefix(m.key, "google.")]
	}
	switch v := have.(type) {
	case nil:
		return no
	case types.String:
		if string(v) == m.value {
			return yes
		}
		return no
	case *types.Unknown:
		return open
	}
	return unclear // a list, such as of groups
}

// audience reports whether the token can have an audience that the provider
// takes: its own name, or those that it is configured with.
func (m *gcpMember) audience(t *Token) bool {
	if t.Audiences == nil {
		return true
	}
	take := m.provider.audiences
	if len(take) == 0 {
		name := "//iam.googleapis.com/" + m.provider.name
		take = []string{name, "https:" + name}
	}
	return slices.ContainsFunc(t.Audiences, func(a string) bool { return slices.Contains(take, a) })
}

// The claims whose values no file tells, of tokens of each system.
var (
	githubClaims = [...]string{"actor", "actor_id", "base_ref", "enterprise", "enterprise_id", "environment", "event_name", "head_ref", claimRef,
		"ref_protected", "ref_type", "repository_id", "repository_owner_id", "repository_visibility", "run_id", "run_attempt", "run_number", "runner_environment",
		"sha", "workflow", "workflow_ref", "workflow_sha", "job_workflow_ref", "job_workflow_sha", "jti"}
	gitlabClaims = [...]string{"namespace_id", "project_id", "user_id", "user_login", "user_email", "user_access_level", "pipeline_id", "pipeline_source", "job_id",
		"environment", "environment_protected", "deployment_tier", "ref_protected", "ci_config_ref_uri", "ci_config_sha", "project_visibility", "runner_id",
		"runner_environment", "sha", "jti"}
)

// assertion is the token as expressions see it.
func assertion(t *Token, c Claims) map[string]any {
	out := map[string]any{}
	for _, name := range t.others() {
		out[name] = unknown("assertion." + name)
	}
	if _, known := c[claimSubject]; !known {
		out[claimSubject] = unknown("assertion.sub")
	}
	out[claimAudience] = unknown("assertion.aud")
	for name, value := range c {
		out[name] = value
	}
	if len(t.Audiences) == 1 {
		out[claimAudience] = t.Audiences[0]
	}
	for _, name := range t.Absent {
		delete(out, name)
	}
	return out
}

// others are the claims that the tokens have and that nothing is known of.
func (t *Token) others() []string {
	switch {
	case t.Fixed["project_path"] != "":
		return gitlabClaims[:]
	case t.Fixed["repository"] != "":
		return githubClaims[:]
	}
	return nil
}
