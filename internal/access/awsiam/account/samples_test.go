package account_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/aws"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam/account"
	"github.com/retinue-id/retinue/internal/access/awsiam/escalate"
	"github.com/retinue-id/retinue/internal/access/graph"
	"github.com/retinue-id/retinue/internal/testkit"
)

// scan reads a sample through the connector.
func scan(t testing.TB, path string) (facts []retinue.Fact, whole []retinue.Scope) {
	t.Helper()
	open := connectortest.OpenSpec(aws.Spec(), connector.Config{Name: "test", Target: path, Options: map[string]string{}})
	c := open(t, connectortest.Env(t))
	t.Cleanup(func() { _ = c.Close() })
	r := connectortest.Discover(t, c)
	for _, e := range r.Emitted {
		facts = append(facts, e.Fact)
	}
	for s := range r.Completed {
		whole = append(whole, s)
	}
	return facts, whole
}

func engineOf(t testing.TB, facts []retinue.Fact, whole []retinue.Scope) *account.Engine {
	t.Helper()
	data, err := reference()
	if err != nil {
		t.Fatal(err)
	}
	c := account.Collector{Data: data}
	for _, f := range facts {
		if err := c.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	e, err := c.Engine(nil, whole)
	if err != nil || e == nil {
		t.Fatalf("engine %v: %v", e, err)
	}
	return e
}

func identities(facts []retinue.Fact) []retinue.Ref {
	var out []retinue.Ref
	for _, f := range facts {
		if id, ok := f.(retinue.Identity); ok && (id.Ref.Kind == "user" || id.Ref.Kind == "role") && !slices.Contains(out, id.Ref) {
			out = append(out, id.Ref)
		}
	}
	return out
}

// samples are the accounts of the sample data.
func samples(t testing.TB) []string {
	t.Helper()
	out := []string{testkit.Data(t, "aws/authz/cloudsplaining-example.json"), testkit.Data(t, "aws/labelled/escalation-lab-authz.json"),
		testkit.Data(t, "aws/account-with-usage.json")}
	dirs, err := os.ReadDir(testkit.Data(t, "aws/cloudgoat"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		out = append(out, testkit.Data(t, "aws/cloudgoat", d.Name()))
	}
	return out
}

// TestHeldIsNotDenied asks for what every identity of the samples is said to
// hold.
func TestHeldIsNotDenied(t *testing.T) {
	listed := 0
	for _, path := range samples(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			facts, whole := scan(t, path)
			e := engineOf(t, facts, whole)
			for _, id := range identities(facts) {
				for _, h := range e.Held(id) {
					listed++
					if h.Sentence == "" || h.Outcome == "" || len(h.Because) == 0 || h.Expands == 0 || len(h.Actions) == 0 {
						t.Errorf("%s: %+v says too little", id.Key, h)
					}
					if (h.Outcome == access.Conditional) != (len(h.Remains) > 0) {
						t.Errorf("%s: %s: %s with %d conditions", id.Key, h.Sentence, h.Outcome, len(h.Remains))
					}
					if len(h.Actions) == 1 && !strings.ContainsAny(h.Actions[0], "*?") {
						if d := e.Can(id, h.Actions[0], ""); denied(d.Outcome) || order[d.Outcome] < order[h.Outcome] {
							t.Errorf("%s: %s is %s, and %s is %s", id.Key, h.Sentence, h.Outcome, h.Actions[0], d.Outcome)
						}
					}
				}
			}
		})
	}
	if listed < 1000 {
		t.Errorf("%d grants are listed", listed)
	}
}

// TestAdministratorsAreThoseOfEscalations compares with the search of
// escalations.
func TestAdministratorsAreThoseOfEscalations(t *testing.T) {
	found := 0
	for _, path := range samples(t) {
		facts, whole := scan(t, path)
		e := engineOf(t, facts, whole)
		var c escalate.Collector
		for _, f := range facts {
			if err := c.Add(f); err != nil {
				t.Fatal(err)
			}
		}
		want := make(map[string]bool)
		for _, x := range c.State(nil).Escalations() {
			if x.Already {
				want[x.Identity] = true
			}
		}
		for _, id := range identities(facts) {
			if got := e.Administrator(id); got != want[id.Key] {
				t.Errorf("%s: %s: administrator is %t, want %t", filepath.Base(path), id.Key, got, want[id.Key])
			}
		}
		found += len(want)
	}
	if found < 20 {
		t.Errorf("%d administrators in all samples", found)
	}
}

// TestSamplesWhoCan compares who may do something with asking everybody, and
// counts who reads secrets and data.
func TestSamplesWhoCan(t *testing.T) {
	found, steps := 0, 0
	for _, path := range samples(t) {
		facts, whole := scan(t, path)
		e := engineOf(t, facts, whole)
		ids := identities(facts)
		for _, q := range [][2]string{{"s3:GetObject", ""}, {"secretsmanager:GetSecretValue", ""}, {"iam:PassRole", ""}, {"iam:CreateAccessKey", arn("user/x")},
			{"ec2:RunInstances", "*"}, {"sts:AssumeRole", ""}, {"lambda:*", "*"}} {
			want := make(map[retinue.Ref]bool)
			for _, id := range ids {
				if d := e.Can(id, q[0], q[1]); !denied(d.Outcome) && !unreadOnly(d) {
					want[id] = true
				}
			}
			for _, h := range e.WhoCan("", q[0], q[1]) {
				if h.Subject.Kind != "user" && h.Subject.Kind != "role" {
					continue
				}
				if !want[h.Subject] {
					t.Errorf("%s: %v: %s is listed and cannot", filepath.Base(path), q, h.Subject.Key)
				}
				delete(want, h.Subject)
				found++
			}
			for id := range want {
				t.Errorf("%s: %v: %s can and is not listed", filepath.Base(path), q, id.Key)
			}
		}
		g := pictured(e)
		for id := range g.Steps() {
			if v := g.Verb(graph.StepID(id)); v == graph.ReadsSecret || v == graph.Reads {
				steps++
			}
		}
	}
	if found < 100 || steps < 20 {
		t.Errorf("%d holders, %d steps to data", found, steps)
	}
}
