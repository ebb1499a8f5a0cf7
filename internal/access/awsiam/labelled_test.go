package awsiam

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/testkit"
)

// authorization is as much of get-account-authorization-details as a summary of
// each principal needs.
type authorization struct {
	UserDetailList  []principal
	RoleDetailList  []principal
	GroupDetailList []principal
	Policies        []struct {
		Arn               string
		PolicyVersionList []struct {
			IsDefaultVersion bool
			Document         json.RawMessage
		}
	}
}

type principal struct {
	Arn, GroupName                                  string
	GroupList                                       []string
	UserPolicyList, RolePolicyList, GroupPolicyList []struct{ PolicyDocument json.RawMessage }
	AttachedManagedPolicies                         []struct{ PolicyArn string }
	PermissionsBoundary                             *struct{ PermissionsBoundaryArn string }
	AssumeRolePolicyDocument                        json.RawMessage
}

func readAuthorization(t *testing.T, path string) authorization {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var a authorization
	if err := json.Unmarshal(data, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// granted merges the summaries of everything attached to a principal.
func (a authorization) granted(t *testing.T, p principal) access.Summary {
	t.Helper()
	var s access.Summary
	add := func(doc json.RawMessage) {
		one, err := Summarize(string(doc))
		if err != nil {
			t.Fatalf("%s: %v", p.Arn, err)
		}
		s = access.Merge(s, one)
	}
	for _, list := range [][]struct{ PolicyDocument json.RawMessage }{p.UserPolicyList, p.RolePolicyList, p.GroupPolicyList} {
		for _, d := range list {
			add(d.PolicyDocument)
		}
	}
	for _, m := range p.AttachedManagedPolicies {
		for _, pol := range a.Policies {
			if pol.Arn != m.PolicyArn {
				continue
			}
			for _, v := range pol.PolicyVersionList {
				if v.IsDefaultVersion {
					add(v.Document)
				}
			}
		}
	}
	for _, name := range p.GroupList {
		for _, g := range a.GroupDetailList {
			if g.GroupName == name {
				s = access.Merge(s, a.granted(t, g))
			}
		}
	}
	return s
}

// TestLabelledAccount compares with a laboratory account in which it is known
// who can reach administrator.
func TestLabelledAccount(t *testing.T) {
	a := readAuthorization(t, testkit.Data(t, "aws/labelled/escalation-lab-authz.json"))
	data, err := os.ReadFile(testkit.Data(t, "aws/labelled/escalation-lab-labels.json"))
	if err != nil {
		t.Fatal(err)
	}
	var labels map[string]bool
	if err := json.Unmarshal(data, &labels); err != nil {
		t.Fatal(err)
	}
	hit, missed, wrong := 0, []string{}, []string{}
	for _, p := range append(a.UserDetailList, a.RoleDetailList...) {
		label, ok := labels[p.Arn]
		if !ok {
			continue
		}
		name := p.Arn[strings.LastIndexByte(p.Arn, '/')+1:]
		switch s := a.granted(t, p); {
		case label && s.Privileged():
			hit++
		case label:
			missed = append(missed, name)
		case s.Privileged():
			wrong = append(wrong, name+" "+strings.Join(s.Escalates, ","))
		}
	}
	// One needs more than single documents: a user whose role's trust lets it
	// go on to an administrator.
	if hit < 31 || len(wrong) > 0 {
		t.Errorf("%d of %d found: want 31", hit, len(labels))
	}
	t.Logf("%d found, %d missed: %v, %d wrong: %v", hit, len(missed), missed, len(wrong), wrong)
}

// TestRealAccounts reads every document of accounts that others published.
func TestRealAccounts(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testkit.Data(t, "aws/authz"), "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	admins, trusts := 0, 0
	for _, f := range files {
		a := readAuthorization(t, f)
		for _, p := range append(a.UserDetailList, a.RoleDetailList...) {
			if a.granted(t, p).Admin {
				admins++
			}
			if len(p.AssumeRolePolicyDocument) == 0 {
				continue
			}
			s, err := Summarize(string(p.AssumeRolePolicyDocument))
			if err != nil || len(s.Principals) == 0 && !s.HasDeny {
				t.Errorf("%s: trust of %s: %d principals, %v", filepath.Base(f), p.Arn, len(s.Principals), err)
			}
			trusts += len(s.Principals)
		}
	}
	if admins == 0 || trusts == 0 {
		t.Errorf("%d administrators, %d principals of trusts: want some of both", admins, trusts)
	}
	t.Logf("%d administrators, %d principals of trusts", admins, trusts)
}
