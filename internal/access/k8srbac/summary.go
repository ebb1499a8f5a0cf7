// Package k8srbac answers what users of a Kubernetes cluster may do, exactly as
// its RBAC authorizer does: [New] compiles a [State], an [Index] answers. It
// also summarises the rules of single Roles and ClusterRoles ([Summarize]),
// which is no evaluation. RBAC has neither denies nor conditions.
//
// The semantics are those of the Kubernetes documentation, "Using RBAC
// Authorization", and of the authorizer's source (k8s.io/kubernetes,
// plugin/pkg/auth/authorizer/rbac, and pkg/registry/rbac/validation). The node
// and webhook authorizers and admission are not asked.
//
// The risks of summaries are those that the documentation names in "Role Based
// Access Control Good Practices", section "Kubernetes RBAC - privilege
// escalation risks".
package k8srbac

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// maxRules bounds the rules of a role.
const maxRules = 5000

// rule is a PolicyRule of rbac.authorization.k8s.io/v1.
type rule struct {
	Verbs           []string `json:"verbs"`
	APIGroups       []string `json:"apiGroups"`
	Resources       []string `json:"resources"`
	ResourceNames   []string `json:"resourceNames"`
	NonResourceURLs []string `json:"nonResourceURLs"`
}

// risk is something that gives more than it seems to.
type risk struct {
	text      string
	group     string
	resources []string
	verbs     []string
}

func risks() []risk {
	writes := []string{"create", "update", "patch"}
	return []risk{
		{"bind any role", "rbac.authorization.k8s.io", []string{"roles", "clusterroles"}, []string{"bind"}},
		{"escalate roles", "rbac.authorization.k8s.io", []string{"roles", "clusterroles"}, []string{"escalate"}},
		{"impersonate others", "", []string{"users", "groups", "serviceaccounts"}, []string{"impersonate"}},
		{"create tokens of service accounts", "", []string{"serviceaccounts/token"}, []string{"create"}},
		{"run commands in pods", "", []string{"pods/exec", "pods/attach"}, []string{"create", "get"}},
		{"change running pods", "", []string{"pods/ephemeralcontainers"}, []string{"update", "patch"}},
		{"run pods as any service account", "", []string{"pods", "replicationcontrollers"}, []string{"create"}},
		{"run workloads as any service account", "apps", []string{"deployments", "daemonsets", "statefulsets", "replicasets"}, writes},
		{"run jobs as any service account", "batch", []string{"jobs", "cronjobs"}, writes},
		{"reach the kubelet of nodes", "", []string{"nodes/proxy"}, []string{"get", "create"}},
		{"create volumes of the host's files", "", []string{"persistentvolumes"}, []string{"create"}},
		{"approve certificates", "certificates.k8s.io", []string{"certificatesigningrequests/approval"}, []string{"update", "patch"}},
		{"change admission webhooks", "admissionregistration.k8s.io",
			[]string{"mutatingwebhookconfigurations", "validatingwebhookconfigurations"}, writes},
	}
}

// Summarize says what the rules of a role allow, as the JSON list that stands
// under "rules". Errors wrap retinue.ErrInvalid.
func Summarize(text string) (access.Summary, error) {
	var rules []rule
	if len(text) > retinue.MaxDocument {
		return access.Summary{}, fmt.Errorf("%w: role of %d bytes: the limit is %d", retinue.ErrInvalid, len(text), retinue.MaxDocument)
	}
	if err := json.Unmarshal([]byte(text), &rules); err != nil {
		return access.Summary{}, fmt.Errorf("%w: rules of a role: %s", retinue.ErrInvalid, retinue.CleanName(err.Error()))
	}
	if len(rules) > maxRules {
		return access.Summary{}, fmt.Errorf("%w: role of %d rules: the limit is %d", retinue.ErrInvalid, len(rules), maxRules)
	}
	var s access.Summary
	known := risks()
	for i := range rules {
		add(&s, &rules[i], known)
	}
	s.Sentences = sentences(s)
	s.Normalize()
	return s, nil
}

func add(s *access.Summary, r *rule, known []risk) {
	allVerbs, allGroups := slices.Contains(r.Verbs, "*"), slices.Contains(r.APIGroups, "*")
	allResources := slices.Contains(r.Resources, "*")
	named := len(r.ResourceNames) > 0
	s.Admin = s.Admin || allVerbs && allGroups && allResources && !named
	s.Wildcard = s.Wildcard || allVerbs && len(r.Resources) > 0 && !named
	s.WildcardResources = s.WildcardResources || allResources && !named && !readOnly(r.Verbs)
	if allVerbs {
		s.WildcardActions = append(s.WildcardActions, retinue.CleanName("* on "+strings.Join(r.Resources, ", ")))
	}
	if len(r.Resources) > 0 {
		s.Writes = s.Writes || !readOnly(r.Verbs)
		for _, g := range r.APIGroups {
			if g == "" {
				g = "core"
			}
			s.Services = append(s.Services, retinue.CleanName(g))
		}
	}
	if named {
		return // what it names can be weighed; the risks are about everything
	}
	for _, k := range known {
		if r.covers(k) {
			s.Escalates = append(s.Escalates, k.text)
		}
	}
	s.ReadsSecrets = s.ReadsSecrets || r.covers(risk{"", "", []string{"secrets"}, []string{"get", "list", "watch"}})
}

func readOnly(verbs []string) bool {
	return !slices.ContainsFunc(verbs, func(v string) bool { return v != "get" && v != "list" && v != "watch" })
}

func (r *rule) covers(k risk) bool {
	if !slices.Contains(r.APIGroups, k.group) && !slices.Contains(r.APIGroups, "*") {
		return false
	}
	has := func(v string) bool { return slices.Contains(r.Verbs, v) }
	// "*" stands for the special verbs as well.
	if !has("*") && !slices.ContainsFunc(k.verbs, has) {
		return false
	}
	return slices.ContainsFunc(k.resources, func(want string) bool {
		_, sub, isSub := strings.Cut(want, "/")
		return slices.ContainsFunc(r.Resources, func(p string) bool {
			return p == "*" || p == want || isSub && p == "*/"+sub
		})
	})
}

func sentences(s access.Summary) []string {
	var out []string
	add := func(when bool, text string) {
		if when {
			out = append(out, text)
		}
	}
	add(s.Admin, "It allows every verb on every resource.")
	add(!s.Admin && len(s.Escalates) > 0, "It allows ways to gain further rights.")
	add(!s.Admin && s.ReadsSecrets, "It allows reading every Secret where it is bound.")
	add(!s.Admin && s.Wildcard, "It allows every verb on some resources, those of later versions included.")
	return out
}
