package account_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// lines are what is held in short.
func lines(list []access.Held) []string {
	out := make([]string, 0, len(list))
	for _, h := range list {
		out = append(out, fmt.Sprintf("%s %s: %s (%s)", h.Consequence, h.Outcome, h.Sentence, strings.Join(h.Actions, " ")))
	}
	return out
}

func TestHeldInWords(t *testing.T) {
	for _, c := range []struct {
		name       string
		statements []string
		extra      func(*world)
		want       []string
	}{
		{name: "objects", statements: []string{allow("s3:GetObject", "arn:aws:s3:::invoices/*")},
			want: []string{"reads_data Allowed: reads every object of the bucket invoices (s3:GetObject)"}},
		{name: "wildcards are kept", statements: []string{allow("s3:Get* s3:DeleteObject", "arn:aws:s3:::invoices/2026/*")},
			want: []string{"destroys Allowed: deletes each object named 2026/* of the bucket invoices (s3:DeleteObject)",
				"reads_data Allowed: reads each object named 2026/* of the bucket invoices (s3:Get*)",
				"looks Allowed: lists and describes each object named 2026/* of the bucket invoices (s3:Get*)"}},
		{name: "secrets", statements: []string{allow("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:eu-west-1:"+own+":secret:prod/db-AbCdEf"), allow("ssm:GetParameter", "*"), allow("secretsmanager:GetSecretValue", "*")},
			want: []string{"reads_secrets Allowed: reads every parameter (ssm:GetParameter)", "reads_secrets Allowed: reads every secret (secretsmanager:GetSecretValue)", "reads_secrets Allowed: reads the secret prod/db-AbCdEf (secretsmanager:GetSecretValue)"}},
		{name: "denied", statements: []string{allow("ec2:TerminateInstances ec2:StopInstances", "*"), deny("ec2:Terminate*", "*")},
			want: []string{"changes Allowed: changes every instance (ec2:StopInstances)"}},
		{name: "denied in part", statements: []string{allow("s3:GetObject", "*"), deny("s3:*", "arn:aws:s3:::secret/*")},
			want: []string{"reads_data Allowed: reads every object (s3:GetObject)"}},
		{name: "denied but for one", statements: []string{allow("s3:GetObject", "*"), strings.Replace(deny("s3:*", "arn:aws:s3:::public/*"), "Resource", "NotResource", 1)},
			want: []string{"reads_data Allowed: reads every object (s3:GetObject)"}},
		{name: "pass", statements: []string{allow("iam:PassRole", arn("role/app"), `"Condition":{"StringEquals":{"iam:PassedToService":"lambda.amazonaws.com"}}`)},
			want: []string{"escalates Conditional: may pass the role app to lambda (iam:PassRole)"}},
		{name: "own key", statements: []string{allow("iam:CreateAccessKey", arn("user/${aws:username}"))},
			want: []string{"changes Allowed: changes the user ${aws:username} (iam:CreateAccessKey)"}},
		{name: "another's key", statements: []string{allow("iam:CreateAccessKey", "*")},
			want: []string{"escalates Allowed: makes access keys of every user (iam:CreateAccessKey)"}},
		{name: "administrator", statements: []string{allow("*", "*")},
			want: []string{"administers Allowed: may do everything in the account " + own + " (*)"}},
		{name: "boundary", statements: []string{allow("s3:*", "*")}, extra: func(w *world) {
			w.attach(principal("user/alice"), retinue.AttachBoundary, document(allow("s3:GetObject", "*")))
		}, want: []string{"reads_data Allowed: reads every object (s3:*)"}},
		{name: "group", extra: func(w *world) {
			w.attach(w.group("staff", "user/alice"), retinue.AttachGroup, document(allow("sqs:SendMessage", "arn:aws:sqs:eu-west-1:"+own+":jobs")))
		}, want: []string{"changes Allowed: changes the queue jobs (sqs:SendMessage)"}},
		{name: "named by a bucket", extra: func(w *world) {
			w.bucket("shared", document(allow("s3:PutBucketPolicy", "arn:aws:s3:::shared", `"Principal":{"AWS":"`+arn("user/alice")+`"}`)))
		}, want: []string{"exposes_resources Allowed: changes who may use the bucket shared (s3:PutBucketPolicy)"}},
		{name: "named by a role", extra: func(w *world) {
			w.identity("role/app", nil)
			w.attach(principal("role/app"), retinue.AttachTrust, trust(`{"AWS":"`+arn("user/alice")+`"}`))
		}, want: []string{"escalates Allowed: may act as the role app (sts:AssumeRole)"}},
		{name: "key that was not read", statements: []string{allow("kms:Decrypt", "*")}, want: []string{"reads_data Unknown: decrypts with every key (kms:Decrypt)"}},
		{name: "unknown action", statements: []string{allow("s3:FrobnicateAll nosuch:GetThing", "*")},
			want: []string{"changes Allowed: changes everything of Amazon S3 (s3:FrobnicateAll)", "looks Allowed: lists and describes everything of nosuch (nosuch:GetThing)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.identity("user/alice", nil)
			if c.statements != nil {
				w.give("user/alice", c.statements...)
			}
			if c.extra != nil {
				c.extra(w)
			}
			if got := lines(w.engine().Held(principal("user/alice"))); !slices.Equal(got, c.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
			}
		})
	}
}

// TestHeldNamesItsWay says through what a grant comes, and what limits it.
func TestHeldNamesItsWay(t *testing.T) {
	w := newWorld(t)
	w.identity("user/alice", nil)
	w.attach(w.group("staff", "user/alice"), retinue.AttachGroup,
		document(allow("s3:*", "arn:aws:s3:::logs/*", `"Sid":"Logs"`, `"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`)))
	for _, h := range w.engine().Held(principal("user/alice")) {
		if h.Outcome != access.Conditional || len(h.Remains) != 1 || h.Remains[0].Key != "aws:MultiFactorAuthPresent" {
			t.Errorf("%s: %s, %v", h.Sentence, h.Outcome, h.Remains)
		}
		if len(h.Because) != 1 || h.Because[0].Statement != "Logs" || !strings.Contains(h.Because[0].Text, "through the group "+arn("group/staff")) {
			t.Errorf("%s: because %+v", h.Sentence, h.Because)
		}
		if h.Consequence == access.ReadsData && h.Expands < 2 {
			t.Errorf("%s: %d actions", h.Sentence, h.Expands)
		}
	}
}

// TestHeldOfRandomAccounts asks whether what is listed can be done, and whether
// something is listed of what can.
func TestHeldOfRandomAccounts(t *testing.T) {
	listed := 0
	for seed := range uint64(20) {
		e := dice{rand.New(rand.NewPCG(seed, 5))}.world(t, nil).engine()
		for _, n := range people {
			held := e.Held(principal(n))
			for _, h := range held {
				listed++
				if denied(h.Outcome) {
					t.Errorf("seed %d: %s: %+v", seed, n, h)
				}
				if len(h.Actions) == 1 && !strings.Contains(h.Actions[0], "*") && h.Expands == 1 {
					if d := e.Can(principal(n), h.Actions[0], ""); denied(d.Outcome) {
						t.Errorf("seed %d: %s: %s is listed as %s, and is %s", seed, n, h.Sentence, h.Outcome, d.Outcome)
					}
				}
			}
			if slices.ContainsFunc(held, func(h access.Held) bool { return h.Consequence == access.Administers }) != e.Administrator(principal(n)) {
				t.Errorf("seed %d: %s: administers and Administrator differ", seed, n)
			}
		}
	}
	if listed < 300 {
		t.Errorf("%d grants are listed", listed)
	}
}
