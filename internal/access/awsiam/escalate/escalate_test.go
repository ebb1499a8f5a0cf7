package escalate_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsiam/escalate"
)

const account = "111122223333"

func arn(name string) string { return "arn:aws:iam::" + account + ":" + name }

// world collects facts of a small account: a user alice who starts, a user root
// and a role boss that are administrators.
type world struct {
	t *testing.T
	c escalate.Collector
}

func (w *world) add(facts ...retinue.Fact) {
	w.t.Helper()
	for _, f := range facts {
		if err := w.c.Add(f); err != nil {
			w.t.Fatal(err)
		}
	}
}

func ref(kind, key string) retinue.Ref { return retinue.NewRef("aws:"+account, kind, key) }

func (w *world) principal(name string, labels map[string]string) {
	kind := retinue.IdentityUser
	if strings.HasPrefix(name, "role/") {
		kind = retinue.IdentityRole
	}
	w.add(retinue.Identity{Ref: ref("identity", arn(name)), Kind: kind, Labels: labels})
}

func (w *world) policy(target string, role retinue.AttachmentRole, name, document string) {
	policy := ref("policy", name)
	w.add(retinue.Policy{Ref: policy, Language: retinue.LanguageAWSIAM, Document: document},
		retinue.Attachment{Policy: policy, Target: ref("identity", arn(target)), Role: role})
}

const admin = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`

func allow(action, resource, condition string) string {
	actions, _ := json.Marshal(strings.Fields(action))
	if condition != "" {
		condition = `,"Condition":` + condition
	}
	return fmt.Sprintf(`{"Effect":"Allow","Action":%s,"Resource":%q%s}`, actions, resource, condition)
}

func deny(action, resource string) string {
	return strings.Replace(allow(action, resource, ""), "Allow", "Deny", 1)
}

func document(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

func trust(principal string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"}}`
}

// TestTechniquesAndTheirNearMisses gives alice a policy in an account with
// administrators, and looks whether she can become one. Each way is followed by
// accounts that miss it by one thing.
func TestTechniquesAndTheirNearMisses(t *testing.T) {
	lambda := "lambda:CreateFunction lambda:InvokeFunction"
	passTo := func(service string) string {
		return `{"StringEquals":{"iam:PassedToService":"` + service + `"}}`
	}
	for _, c := range []struct {
		name     string
		alice    string
		boundary string
		read     []string
		extra    func(*world)
		want     string // the techniques, or "" for none
	}{
		{name: "nothing", alice: document(allow("s3:*", "*", ""))},
		{name: "own policy", alice: document(allow("iam:PutUserPolicy", arn("user/alice"), "")), want: "iam:PutUserPolicy"},
		{name: "own policy, another user", alice: document(allow("iam:PutUserPolicy", arn("user/bob"), ""))},
		{name: "own policy, boundary", alice: document(allow("iam:PutUserPolicy", "*", "")), boundary: document(allow("iam:Put* s3:*", "*", ""))},
		{name: "own policy, boundary can be dropped", alice: document(allow("iam:PutUserPolicy iam:DeleteUserPermissionsBoundary", "*", "")),
			boundary: document(allow("iam:Put* iam:Delete*", "*", "")), want: "iam:DeleteUserPermissionsBoundary,iam:PutUserPolicy"},
		{name: "own policy, denied", alice: document(allow("iam:*", "*", ""), deny("iam:Put* iam:Attach* iam:Create* iam:Update* iam:PassRole iam:AddUserToGroup iam:Set* iam:Delete*", "*"))},
		{name: "attach", alice: document(allow("iam:AttachUserPolicy", "*", "")), want: "iam:AttachUserPolicy"},
		{name: "attach, one policy only", alice: document(allow("iam:AttachUserPolicy", "*", `{"ArnEquals":{"iam:PolicyARN":"arn:aws:iam::aws:policy/ReadOnlyAccess"}}`))},
		{name: "key of an administrator", alice: document(allow("iam:CreateAccessKey", arn("user/root"), "")), want: "iam:CreateAccessKey"},
		{name: "key of herself", alice: document(allow("iam:CreateAccessKey", arn("user/${aws:username}"), ""))},
		{name: "trust", alice: document(allow("iam:UpdateAssumeRolePolicy", "*", "")), want: "iam:UpdateAssumeRolePolicy"},
		{name: "assume", alice: document(allow("sts:AssumeRole", "*", "")), want: "sts:AssumeRole", extra: func(w *world) {
			w.policy("role/boss", retinue.AttachTrust, "boss#trust2", trust(`{"AWS":"`+arn("root")+`"}`))
		}},
		{name: "assume, not named", alice: document(allow("sts:AssumeRole", "*", ""))},
		{name: "assume, account named and no permission", alice: document(allow("s3:*", "*", "")), extra: func(w *world) {
			w.policy("role/boss", retinue.AttachTrust, "boss#trust2", trust(`{"AWS":"`+arn("root")+`"}`))
		}},
		{name: "assume, she is named", alice: document(allow("s3:*", "*", "")), want: "sts:AssumeRole", extra: func(w *world) {
			w.policy("role/boss", retinue.AttachTrust, "boss#trust2", trust(`{"AWS":"`+arn("user/alice")+`"}`))
		}},
		{name: "assume by tag", alice: document(allow("sts:AssumeRole", "*", `{"StringEquals":{"aws:PrincipalTag/team":"blue"}}`)), extra: func(w *world) {
			w.policy("role/boss", retinue.AttachTrust, "boss#trust2", trust(`{"AWS":"`+arn("root")+`"}`))
		}},
		{name: "assume from an office", alice: document(allow("sts:AssumeRole", "*", `{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`)), extra: func(w *world) {
			w.policy("role/boss", retinue.AttachTrust, "boss#trust2", trust(`{"AWS":"`+arn("root")+`"}`))
		}},
		{name: "pass to a function", alice: document(allow("iam:PassRole "+lambda, "*", "")), want: "iam:PassRole + lambda:CreateFunction + lambda:InvokeFunction"},
		{name: "pass to a function, that service", alice: document(allow("iam:PassRole", "*", passTo("lambda.amazonaws.com")), allow(lambda, "*", "")), want: "iam:PassRole + lambda:CreateFunction + lambda:InvokeFunction"},
		{name: "pass to a function, another service", alice: document(allow("iam:PassRole", "*", passTo("glue.amazonaws.com")), allow(lambda, "*", ""))},
		{name: "pass to a function, another role", alice: document(allow("iam:PassRole", arn("role/plain"), ""), allow(lambda, "*", ""))},
		{name: "pass to a function, never run", alice: document(allow("iam:PassRole lambda:CreateFunction", "*", ""))},
		{name: "functions of two names", alice: document(allow("iam:PassRole", "*", ""), allow("lambda:CreateFunction", "arn:aws:lambda:*:"+account+":function:dev-*", ""),
			allow("lambda:InvokeFunction", "arn:aws:lambda:*:"+account+":function:*-dev", "")), want: "iam:PassRole + lambda:CreateFunction + lambda:InvokeFunction"},
		{name: "functions that never meet", alice: document(allow("iam:PassRole", "*", ""), allow("lambda:CreateFunction", "arn:aws:lambda:*:"+account+":function:a-*", ""),
			allow("lambda:InvokeFunction", "arn:aws:lambda:*:"+account+":function:b-*", ""))},
		{name: "pass to glue, no trust", alice: document(allow("iam:PassRole glue:CreateDevEndpoint", "*", ""))},
		{name: "function there is", alice: document(allow("lambda:UpdateFunctionCode", "*", "")), read: []string{"terraform/x"}, want: "lambda:UpdateFunctionCode", extra: function},
		{name: "function there is not", alice: document(allow("lambda:UpdateFunctionCode", "*", "")), read: []string{"terraform/x"}},
		{name: "functions not read", alice: document(allow("lambda:UpdateFunctionCode", "*", "")), want: "lambda:UpdateFunctionCode"},
		{name: "group", alice: document(allow("iam:AddUserToGroup", "*", "")), want: "iam:AddUserToGroup", extra: group},
		{name: "group, another", alice: document(allow("iam:AddUserToGroup", arn("group/readers"), "")), extra: group},
		{name: "new user", alice: document(allow("iam:CreateUser iam:AttachUserPolicy iam:CreateAccessKey", arn("user/bot-*"), "")), want: "iam:CreateUser + iam:AttachUserPolicy + iam:CreateAccessKey"},
		{name: "new user, with a boundary", alice: document(allow("iam:CreateUser", "*", `{"StringEquals":{"iam:PermissionsBoundary":"arn:aws:iam::aws:policy/ReadOnlyAccess"}}`),
			allow("iam:AttachUserPolicy iam:CreateAccessKey", arn("user/bot-*"), ""))},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &world{t: t}
			for _, name := range []string{"user/alice", "user/bob", "user/root", "role/boss", "role/plain"} {
				w.principal(name, nil)
			}
			w.policy("user/root", retinue.AttachIdentity, "root#p", admin)
			w.policy("role/boss", retinue.AttachIdentity, "boss#p", admin)
			w.policy("role/boss", retinue.AttachTrust, "boss#trust", trust(`{"Service":"lambda.amazonaws.com"}`))
			w.policy("role/plain", retinue.AttachTrust, "plain#trust", trust(`{"Service":["lambda.amazonaws.com","glue.amazonaws.com"]}`))
			w.policy("user/alice", retinue.AttachIdentity, "alice#p", c.alice)
			if c.boundary != "" {
				w.policy("user/alice", retinue.AttachBoundary, "alice#b", c.boundary)
			}
			if c.extra != nil {
				c.extra(w)
			}
			var hops []string
			for _, e := range w.c.State(c.read).Escalations() {
				if e.Identity != arn("user/alice") {
					continue
				}
				for _, h := range e.Hops {
					hops = append(hops, h.Technique)
					if len(h.Because) == 0 {
						t.Errorf("%s has no reason", h.Technique)
					}
				}
				if got := len(e.Hops) > 0 && strings.Contains(fmt.Sprint(e.Hops), "not read"); got != (c.name == "functions not read") {
					t.Errorf("assumptions: %+v", e.Hops)
				}
			}
			if got := strings.Join(hops, ","); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func function(w *world) {
	w.add(retinue.Resource{Ref: ref("lambda_function", "arn:aws:lambda:eu-west-1:"+account+":function:jobs"), Kind: "lambda_function",
		RunsAs: []retinue.Ref{ref("identity", arn("role/boss"))}})
}

func group(w *world) {
	w.add(retinue.Group{Ref: ref("group", arn("group/admins"))}, retinue.Policy{Ref: ref("policy", "admins#p"), Language: retinue.LanguageAWSIAM, Document: admin},
		retinue.Attachment{Policy: ref("policy", "admins#p"), Target: ref("group", arn("group/admins")), Role: retinue.AttachGroup})
}

// TestVersionsThatAreNotInForce puts an older version of a policy in force.
func TestVersionsThatAreNotInForce(t *testing.T) {
	w := &world{t: t}
	w.principal("user/alice", nil)
	policy := retinue.Policy{Ref: ref("policy", arn("policy/p")), Language: retinue.LanguageAWSIAM, Version: "v2",
		Document: document(allow("iam:SetDefaultPolicyVersion", "*", "")), Attrs: retinue.Attrs{"otherDocuments": map[string]any{"v1": admin}}}
	w.add(policy, retinue.Attachment{Policy: policy.Ref, Target: ref("identity", arn("user/alice")), Role: retinue.AttachIdentity})
	got := w.c.State(nil).Escalations()
	if len(got) != 1 || len(got[0].Hops) != 1 || got[0].Hops[0].Through != arn("policy/p")+" version v1" {
		t.Errorf("%+v", got)
	}
}

// TestOrganisationPoliciesHold takes away by a service control policy what a
// path needs.
func TestOrganisationPoliciesHold(t *testing.T) {
	for _, blocked := range []bool{false, true} {
		w := &world{t: t}
		w.principal("user/alice", nil)
		w.policy("user/alice", retinue.AttachIdentity, "alice#p", document(allow("iam:PutUserPolicy", "*", "")))
		root, own := ref("organization", "o-x"), ref("account", account)
		guard := retinue.Policy{Ref: ref("policy", "scp"), Language: retinue.LanguageAWSIAM, Document: admin}
		if blocked {
			guard.Document = document(allow("*", "*", ""), deny("iam:PutUserPolicy", "*"))
		}
		w.add(retinue.Container{Ref: root}, retinue.Container{Ref: own, Parent: root}, guard,
			retinue.Attachment{Policy: guard.Ref, Target: root, Role: retinue.AttachServiceControl})
		if got := w.c.State(nil).Escalations(); (len(got) == 0) != blocked {
			t.Errorf("blocked %t: %+v", blocked, got)
		}
	}
}

// TestOneConditionTwice attaches what is allowed from an office only twice: it is
// not allowed from elsewhere for that.
func TestOneConditionTwice(t *testing.T) {
	for _, region := range []bool{false, true} {
		w := &world{t: t}
		w.principal("user/alice", nil)
		for _, name := range []string{"alice#p", "alice#q"} {
			w.policy("user/alice", retinue.AttachIdentity, name, document(allow("iam:PutUserPolicy", "*", `{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`)))
		}
		if region { // which she chooses
			w.policy("user/alice", retinue.AttachIdentity, "alice#r", document(allow("iam:PutUserPolicy", "*", `{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}`)))
		}
		if got := w.c.State(nil).Escalations(); len(got) > 0 != region {
			t.Errorf("with a region %t: %+v", region, got)
		}
	}
}

// TestARoleHasNoUserName gives a role what is about the caller's own user.
func TestARoleHasNoUserName(t *testing.T) {
	w := &world{t: t}
	for _, name := range []string{"user/root", "role/app"} {
		w.principal(name, nil)
	}
	w.policy("user/root", retinue.AttachIdentity, "root#p", admin)
	w.policy("role/app", retinue.AttachIdentity, "app#p", document(allow("iam:CreateAccessKey iam:UpdateLoginProfile", arn("user/${aws:username}"), "")))
	if got := w.c.State(nil).Escalations(); len(got) != 1 || !got[0].Already {
		t.Errorf("%+v", got)
	}
}

func TestFromListsAllThatCanBeReached(t *testing.T) {
	w := &world{t: t}
	for _, name := range []string{"user/alice", "role/a", "role/b", "role/c"} {
		w.principal(name, nil)
	}
	w.policy("user/alice", retinue.AttachIdentity, "alice#p", document(allow("sts:AssumeRole", arn("role/a"), "")))
	w.policy("role/a", retinue.AttachTrust, "a#trust", trust(`{"AWS":"`+arn("root")+`"}`))
	w.policy("role/b", retinue.AttachTrust, "b#trust", trust(`{"AWS":"`+arn("role/a")+`"}`))
	w.policy("role/c", retinue.AttachTrust, "c#trust", trust(`{"AWS":"`+arn("user/bob")+`"}`))
	got, ok := w.c.State(nil).From(arn("user/alice"))
	if !ok || len(got) != 2 || got[0].ARN != arn("role/a") || got[1].ARN != arn("role/b") || len(got[1].Hops) != 2 {
		t.Errorf("%t, %+v", ok, got)
	}
	if _, ok := w.c.State(nil).From(arn("user/nobody")); ok {
		t.Error("somebody who is not there was found")
	}
}
