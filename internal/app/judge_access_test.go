package app_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/testkit"
)

// TestAccessIsJudged scans an export of an AWS account, on both databases:
// findings are of what policies come to, they name the way and the grant, and
// they end when a boundary takes that away, also of those who only came through
// it.
func TestAccessIsJudged(t *testing.T) {
	sample, err := os.ReadFile(testkit.Data(t, "aws/labelled/escalation-lab-authz.json"))
	if err != nil {
		t.Fatal(err)
	}
	const (
		boss     = "privesc-AssumeRole-ending-role"
		through  = "privesc-AssumeRole-intermediate-role"
		start    = "privesc-AssumeRole-starting-role"
		boundary = "arn:aws:iam::111111111111:policy/lists-buckets"
	)
	tagged := account(t, sample)
	tagged.role(t, boss)["Tags"] = []any{map[string]any{"Key": "environment", "Value": "production"}}
	tagged.role(t, start)["Tags"] = []any{map[string]any{"Key": "environment", "Value": "test"}}
	before := tagged.encode(t)
	tagged["Policies"] = append(tagged["Policies"].([]any), map[string]any{"PolicyName": "lists-buckets", "Arn": boundary, "PolicyId": "ANPA0000000000000LIST",
		"DefaultVersionId": "v1", "PolicyVersionList": []any{map[string]any{"VersionId": "v1", "IsDefaultVersion": true,
			"Document": map[string]any{"Version": "2012-10-17", "Statement": map[string]any{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}}}}})
	tagged.role(t, boss)["PermissionsBoundary"] = map[string]any{"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": boundary}
	after := tagged.encode(t)

	eachStore(t, func(t *testing.T, dir, db string) {
		path := filepath.Join(dir, "account.json")
		cfg := crashConfig(dir, db)
		cfg.Sources = []app.SourceConfig{{Name: "lab", Kind: "aws", Target: path}}
		a, err := app.Open(t.Context(), cfg, app.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		})
		scan := func(data []byte) map[string]retinue.Finding {
			t.Helper()
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := a.Scan(t.Context(), cfg.Sources, app.ScanOptions{Actor: app.Actor()}); err != nil {
				t.Fatal(err)
			}
			return openFindings(t, a)
		}
		got := scan(before)
		wants := []struct {
			key      string
			severity retinue.Severity
			says     string
		}{
			{"nhi5-effective-administrator " + boss, retinue.SeverityHigh, "policy/privesc-AssumeRole-high-priv-policy"},
			{"nhi5-reaches-administrator " + through, retinue.SeverityHigh, "in 1 step: " + through + " assumes " + boss},
			{"nhi5-reaches-administrator " + start, retinue.SeverityHigh, "in 2 steps: " + start + " assumes " + through},
			{"nhi5-reaches-administrator privesc-CloudFormationUpdateStack-role", retinue.SeverityMedium, "under conditions"},
			{"nhi5-gains-rights privesc10-PutUserPolicy-role", retinue.SeverityHigh, "writes the policies of every user"},
			{"nhi8-lower-environment-reaches-production " + start, retinue.SeverityHigh, "is labelled test and comes to " + boss},
		}
		for _, w := range wants {
			f, ok := got[w.key]
			if !ok || f.Severity != w.severity || !strings.Contains(f.Message, w.says) {
				t.Errorf("%s: found %t, %s %q, want %s with %q", w.key, ok, f.Severity, f.Message, w.severity, w.says)
			}
		}
		if f := got["nhi5-effective-administrator "+boss]; !strings.Contains(f.Remediation, "privesc-AssumeRole-high-priv-policy") {
			t.Errorf("the remediation does not name the grant: %q", f.Remediation)
		}
		for k := range got {
			switch rule, _, _ := strings.Cut(k, " "); rule {
			case "nhi5-administrator", "nhi5-privilege-escalation", "nhi5-wildcard-actions", "nhi5-reads-all-secrets":
				t.Errorf("%s: a summary speaks where policies are evaluated", k)
			}
		}
		now := scan(after)
		gone := map[string]bool{"nhi5-effective-administrator " + boss: true, "nhi5-reaches-administrator " + through: true,
			"nhi5-reaches-administrator " + start: true}
		for k := range got {
			if _, stands := now[k]; stands == gone[k] {
				t.Errorf("%s stands after the boundary: %t", k, stands)
			}
		}
		for k, f := range now {
			if _, ok := got[k]; !ok {
				t.Errorf("%s is new after the boundary: %s", k, f.Message)
			}
		}
	})
}

// authz is an export of get-account-authorization-details.
type authz map[string]any

func account(t *testing.T, data []byte) authz {
	t.Helper()
	var out authz
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (x authz) role(t *testing.T, name string) map[string]any {
	t.Helper()
	list, _ := x["RoleDetailList"].([]any)
	for _, r := range list {
		if role, ok := r.(map[string]any); ok && role["RoleName"] == name {
			return role
		}
	}
	t.Fatalf("the sample has no role %s", name)
	return nil
}

func (x authz) encode(t *testing.T) []byte {
	t.Helper()
	data, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func openFindings(t *testing.T, a *app.App) map[string]retinue.Finding {
	t.Helper()
	out := map[string]retinue.Finding{}
	err := a.View(t.Context(), store.Everything(), func(tx *app.Snapshot) error {
		for f, err := range tx.Findings(store.FindingQuery{Suppressed: true}) {
			if err != nil {
				return err
			}
			out[f.Rule+" "+f.Name] = f
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
