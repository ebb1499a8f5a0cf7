package kubernetes

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/retinue-id/retinue"
)

// auditPolicy is what is read of an audit policy. The first rule that a request
// matches decides about it; what no rule matches is not logged.
// https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/#audit-policy
type auditPolicy struct {
	Kind       string       `yaml:"kind"`
	OmitStages []string     `yaml:"omitStages"`
	Rules      []policyRule `yaml:"rules"`
}

type policyRule struct {
	Level      string   `yaml:"level"`
	Users      []string `yaml:"users"`
	Groups     []string `yaml:"userGroups"`
	Verbs      []string `yaml:"verbs"`
	Namespaces []string `yaml:"namespaces"`
	Paths      []string `yaml:"nonResourceURLs"`
	OmitStages []string `yaml:"omitStages"`
	Resources  []struct {
		Group     string   `yaml:"group"`
		Resources []string `yaml:"resources"`
		Names     []string `yaml:"resourceNames"`
	} `yaml:"resources"`
}

// Bounds on a policy.
const (
	maxPolicy      = 1 << 20 // bytes
	maxPolicyRules = 500
)

// readPolicy reads an audit policy and says what it does not log.
func (d *auditDecoder) readPolicy(path string) ([]retinue.BlindSpot, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fileError("open", path, err)
	}
	if info.Size() > maxPolicy {
		return nil, fmt.Errorf("%w: read %s: longer than %d bytes", retinue.ErrInvalid, retinue.CleanName(path), maxPolicy)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fileError("read", path, err)
	}
	spots, err := d.policySpots(text)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", retinue.CleanName(path), err)
	}
	return spots, nil
}

func (d *auditDecoder) policySpots(text []byte) ([]retinue.BlindSpot, error) {
	var p auditPolicy
	if err := yaml.Unmarshal(text, &p); err != nil || p.Kind != "Policy" || len(p.Rules) == 0 {
		return nil, fmt.Errorf("%w: not an audit policy: want kind Policy of audit.k8s.io with rules", retinue.ErrInvalid)
	}
	if len(p.Rules) > maxPolicyRules {
		return nil, fmt.Errorf("%w: an audit policy of %d rules: the limit is %d", retinue.ErrInvalid, len(p.Rules), maxPolicyRules)
	}
	var out []retinue.BlindSpot
	for i := range p.Rules {
		r := &p.Rules[i]
		if !r.logs(p.OmitStages) {
			out = append(out, d.spot(r, i+1))
		}
		if r.everything() {
			return out, nil
		}
	}
	return append(out, retinue.BlindSpot{
		Code: "kubernetes.audit_policy_rest", Text: "The audit policy logs nothing that none of its rules names.",
		Raise: "End the audit policy with the rule \"level: Metadata\".", Cost: "Log volume: every request that is not logged now.",
	}), nil
}

// logs reports whether a request that the rule matches leaves an entry that says
// how it ended.
func (r *policyRule) logs(omitted []string) bool {
	omits := func(stage string) bool {
		return slices.Contains(r.OmitStages, stage) || slices.Contains(omitted, stage)
	}
	return !strings.EqualFold(r.Level, "None") && r.Level != "" && !omits("ResponseComplete")
}

// everything reports a rule that every request matches.
func (r *policyRule) everything() bool {
	return len(r.Users)+len(r.Groups)+len(r.Verbs)+len(r.Namespaces)+len(r.Paths)+len(r.Resources) == 0
}

// spot says what a rule keeps out of the log. Groups of users do not bound it: who
// is in them the cluster does not know.
func (d *auditDecoder) spot(r *policyRule, number int) retinue.BlindSpot {
	s := retinue.BlindSpot{
		Code: "kubernetes.audit_policy_none", Actions: cleanAll(r.Verbs), Resources: r.patterns(),
		Raise: fmt.Sprintf("Give rule %d of the audit policy the level Metadata.", number), Cost: "Log volume: these requests are often very many.",
	}
	for _, u := range r.Users {
		s.Identities = append(s.Identities, d.userRef(u))
	}
	if slices.Contains(r.Verbs, "*") {
		s.Actions = nil
	}
	var limits []string
	for _, l := range []struct {
		word   string
		values []string
	}{{"by", r.Users}, {"by members of", r.Groups}, {"in", r.Namespaces}, {"on", s.Resources}} {
		if len(l.values) > 0 {
			limits = append(limits, l.word+" "+cutText(retinue.CleanName(strings.Join(l.values, ", ")), 200))
		}
	}
	what := "any verb"
	if len(s.Actions) > 0 {
		what = strings.Join(s.Actions, ", ")
	}
	s.Text = fmt.Sprintf("Rule %d of the audit policy logs nothing of %s.", number, cutText(strings.Join(append([]string{what}, limits...), " "), 700))
	return s
}

// patterns writes what the rule is about as resources of events are written.
func (r *policyRule) patterns() []string {
	out := cleanAll(r.Paths)
	prefixes := []string{"", "*/"}
	if len(r.Namespaces) > 0 {
		prefixes = nil
		for _, n := range r.Namespaces {
			if n != "" {
				n += "/"
			}
			prefixes = append(prefixes, n)
		}
	}
	if len(r.Resources) == 0 && len(r.Namespaces) > 0 {
		for _, p := range prefixes {
			out = append(out, retinue.CleanName(p)+"*")
		}
	}
	for _, g := range r.Resources {
		for _, prefix := range prefixes {
			out = append(out, groupPatterns(prefix, g.Group, g.Resources, g.Names)...)
		}
	}
	return out
}

// groupPatterns: "pods" is the resource without its subresources, "pods/log" one
// of those, "pods/*" all of them, and no resource is the whole group.
func groupPatterns(prefix, group string, resources, names []string) []string {
	suffix := ""
	if group != "" {
		suffix = "." + group
	}
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	var out []string
	for _, r := range resources {
		resource, sub, isSub := strings.Cut(r, "/")
		p := prefix + resource + suffix
		if isSub {
			p += "/" + sub
		}
		if len(names) == 0 {
			out = append(out, retinue.CleanName(p), retinue.CleanName(p+":*"))
		}
		for _, n := range names {
			out = append(out, retinue.CleanName(p+":"+n))
		}
	}
	return out
}

func cleanAll(in []string) []string {
	var out []string
	for _, s := range in {
		out = append(out, cutText(retinue.CleanName(s), 256))
	}
	return out
}
