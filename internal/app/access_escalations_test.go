package app_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/testkit"
)

func escalations(t *testing.T, path string) map[string]app.Escalation {
	t.Helper()
	out := make(map[string]app.Escalation)
	start := time.Now()
	err := app.AccessState(t.Context(), []app.StateExport{{Kind: "aws", Path: path}}, app.ScanOptions{Actor: app.Actor()}, func(x *app.Access) error {
		read := time.Since(start)
		start = time.Now()
		found, err := x.Escalations(t.Context(), app.EscalationQuery{To: "admin"})
		for _, e := range found.List {
			out[e.Identity] = e
		}
		t.Logf("%s: read in %v, answered in %v; gaps %q", filepath.Base(filepath.Dir(path)), read, time.Since(start), found.Gaps)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// notInTheData are labels that the account itself does not bear out: what the
// laboratory's author had in mind is not in it. docs/access-disagreements.md
// has the reasons.
var notInTheData = map[string]bool{
	// Has no policy, and no trust policy names it.
	"arn:aws:iam::111111111111:user/privesc-AssumeRole-start-user": true,
	// No policy has a version but the one in force.
	"arn:aws:iam::111111111111:user/privesc2-SetExistingDefaultPolicyVersion-user": true,
	// May give any role anything, but may assume none: the roles' trust
	// policies name the account, which leaves it to the user's own policies.
	"arn:aws:iam::111111111111:user/privesc9-AttachRolePolicy-user": true,
	"arn:aws:iam::111111111111:user/privesc12-PutRolePolicy-user":   true,
}

func TestLabelledEscalationsAreFound(t *testing.T) {
	var labels map[string]bool
	text, err := os.ReadFile(testkit.Data(t, "aws/labelled/escalation-lab-labels.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &labels); err != nil {
		t.Fatal(err)
	}
	found := escalations(t, testkit.Data(t, "aws/labelled/escalation-lab-authz.json"))
	for arn, want := range labels {
		e, ok := found[arn]
		if want = want && !notInTheData[arn]; ok != want {
			t.Errorf("%s: found %t, want %t", arn, ok, want)
		}
		if ok && !e.Already && len(e.Hops) == 0 {
			t.Errorf("%s: reaches %s by no hop", arn, e.Target)
		}
	}
}

// TestScenarioEscalations reads accounts with the functions, instances and
// tasks that their escalations need.
func TestScenarioEscalations(t *testing.T) {
	const account = "arn:aws:iam::111111111111:"
	for _, c := range []struct {
		scenario, who, target string
		hops                  []string
	}{
		{"iam_privesc_by_attachment", "user/kerrigan", "role/cg-ec2-mighty-role-var-cgid", []string{"iam:PassRole + iam:AddRoleToInstanceProfile + ec2:RunInstances"}},
		{"iam_privesc_by_ec2", "user/cg_dev_user_var-cgid", "role/cg_ec2_role_var-cgid", []string{"sts:AssumeRole",
			"ec2:DeleteTags + ec2:ModifyInstanceAttribute + ec2:StopInstances + ec2:StartInstances"}},
		{"lambda_privesc", "user/chris-var-cgid", "role/cg-debug-role-var-cgid", []string{"sts:AssumeRole", "iam:PassRole + lambda:CreateFunction + lambda:InvokeFunction"}},
		{"beanstalk_secrets", "user/var-cgid_secondary_user", "user/var-cgid_admin_user", []string{"iam:CreateAccessKey"}},
		{"ecs_takeover", "role/cg-ecs-takeover-var-cgid-privd", "", nil},
		{"detection_evasion", "user/r_waterhouse", "", nil},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			e := escalations(t, testkit.Data(t, "aws/cloudgoat/"+c.scenario))[account+c.who]
			var hops []string
			for _, h := range e.Hops {
				hops = append(hops, h.Technique)
				if len(h.Because) == 0 || h.Assumes != "" {
					t.Errorf("hop %+v: want statements and no assumption", h)
				}
			}
			if strings.TrimPrefix(e.Target, account) != c.target || !slices.Equal(hops, c.hops) {
				t.Errorf("%s reaches %q by %q; want %q by %q", c.who, e.Target, hops, c.target, c.hops)
			}
		})
	}
}
