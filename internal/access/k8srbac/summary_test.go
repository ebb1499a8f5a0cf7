package k8srbac

import (
	"errors"
	"slices"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

func TestSummarize(t *testing.T) {
	tests := []struct {
		name, doc string
		want      func(access.Summary) bool
	}{
		{"cluster-admin", `[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]},{"nonResourceURLs":["*"],"verbs":["*"]}]`,
			func(s access.Summary) bool { return s.Admin && s.ReadsSecrets && len(s.Escalates) == len(risks()) }},
		{"all verbs on one resource", `[{"apiGroups":["apps"],"resources":["deployments"],"verbs":["*"]}]`,
			func(s access.Summary) bool { return !s.Admin && s.Wildcard && len(s.Escalates) == 1 }},
		{"every URL is not every resource", `[{"nonResourceURLs":["*"],"verbs":["*"]}]`,
			func(s access.Summary) bool { return !s.Admin && !s.Wildcard && !s.ReadsSecrets && !s.Writes }},
		{"view", `[{"apiGroups":[""],"resources":["pods","services"],"verbs":["get","list","watch"]}]`,
			func(s access.Summary) bool { return !s.Writes && len(s.Escalates) == 0 && !s.ReadsSecrets }},
		{"read secrets", `[{"apiGroups":[""],"resources":["secrets"],"verbs":["list"]}]`,
			func(s access.Summary) bool { return s.ReadsSecrets && !s.Writes }},
		{"read one secret", `[{"apiGroups":[""],"resources":["secrets"],"resourceNames":["tls"],"verbs":["get"]}]`,
			func(s access.Summary) bool { return !s.ReadsSecrets }},
		{"secrets of another group", `[{"apiGroups":["example.com"],"resources":["secrets"],"verbs":["get"]}]`,
			func(s access.Summary) bool { return !s.ReadsSecrets }},
		{"bind", `[{"apiGroups":["rbac.authorization.k8s.io"],"resources":["clusterroles"],"verbs":["bind"]}]`,
			func(s access.Summary) bool { return slices.Equal(s.Escalates, []string{"bind any role"}) }},
		{"bind one role", `[{"apiGroups":["rbac.authorization.k8s.io"],"resources":["clusterroles"],"resourceNames":["view"],"verbs":["bind"]}]`,
			func(s access.Summary) bool { return len(s.Escalates) == 0 }},
		{"tokens by subresource wildcard", `[{"apiGroups":[""],"resources":["*/token"],"verbs":["create"]}]`,
			func(s access.Summary) bool {
				return slices.Equal(s.Escalates, []string{"create tokens of service accounts"})
			}},
		{"exec", `[{"apiGroups":[""],"resources":["pods/exec"],"verbs":["create"]}]`,
			func(s access.Summary) bool { return slices.Equal(s.Escalates, []string{"run commands in pods"}) }},
		{"impersonate", `[{"apiGroups":[""],"resources":["users"],"verbs":["impersonate"]}]`,
			func(s access.Summary) bool { return slices.Equal(s.Escalates, []string{"impersonate others"}) }},
		{"nothing", `[]`, func(s access.Summary) bool { return !s.Privileged() && !s.Wildcard }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Summarize(tt.doc)
			if err != nil {
				t.Fatal(err)
			}
			if !tt.want(s) {
				t.Errorf("got %+v", s)
			}
		})
	}
}

func FuzzSummarize(f *testing.F) {
	f.Add(`[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]`)
	f.Add(`[{"resources":["pods/exec"],"verbs":["create"],"resourceNames":[""]}]`)
	f.Add(`{}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Summarize(text)
		if err != nil && !errors.Is(err, retinue.ErrInvalid) {
			t.Fatalf("error %v does not wrap ErrInvalid", err)
		}
		if s.Admin && !s.ReadsSecrets {
			t.Fatal("admin that reads no secrets")
		}
	})
}
