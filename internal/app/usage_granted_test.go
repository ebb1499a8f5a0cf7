package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connectors/all"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/testkit"
	"github.com/retinue-id/retinue/internal/usage/replay"
)

// granted is an account whose user ci is given more and more, and uses one
// permission each day.
type granted struct {
	*teller
	account *cloud
	id      retinue.EntityID
}

const grantedPrefix = "arn:aws:iam::111122223333:"

func openGranted(t *testing.T, database string) *granted {
	t.Helper()
	g := &granted{teller: &teller{t: t, time: day1}, account: &cloud{}}
	dir := t.TempDir()
	specs := []connector.Spec{{Kind: "aws", Title: "Test", Summary: "A scripted account.", TargetOptional: true,
		Open: func(context.Context, connector.Config, connector.Env) (connector.Connector, error) {
			return g.account, nil
		}}}
	for _, s := range all.Specs() {
		if s.Kind == "ndjson" {
			specs = append(specs, s)
		}
	}
	a, err := Open(t.Context(), Config{Database: database, KeyFile: filepath.Join(dir, "f.key"), SigningKeyFile: filepath.Join(dir, "c.key")},
		Options{Now: g.clock, Sealer: boundSealer{}, Specs: specs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	g.App = a
	return g
}

// has scans the account as it was so many days ago: the user with policies, each a
// name and the actions that it allows.
func (g *granted) has(days int, policies ...[]string) {
	g.t.Helper()
	user := retinue.Identity{Ref: retinue.NewRef(cloudRealm, "user", grantedPrefix+"user/ci"), Name: "ci", Kind: retinue.IdentityUser, Class: retinue.ClassNonHuman, State: retinue.StateActive,
		CreatedAt: day1.AddDate(-2, 0, 0)}
	facts := []retinue.Fact{user}
	for _, p := range policies {
		f := retinue.Policy{Ref: retinue.NewRef(cloudRealm, "policy", grantedPrefix+"policy/"+p[0]), Name: p[0], Language: retinue.LanguageAWSIAM,
			Document: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["` + strings.Join(p[1:], `","`) + `"],"Resource":"*"}]}`}
		facts = append(facts, f, retinue.Attachment{Policy: f.Ref, Target: user.Ref, Role: retinue.AttachIdentity})
	}
	g.account.facts, g.account.at = facts, day1.AddDate(0, 0, -days)
	g.time = g.account.at.Add(time.Hour)
	runs, err := g.Scan(g.t.Context(), []SourceConfig{{Name: "account", Kind: "aws"}}, ScanOptions{Actor: Actor()})
	if err != nil || runs[0].Error != "" {
		g.t.Fatal(err, runs)
	}
}

// uses says that the user did something each day from so many days ago on, and
// that a log covers it.
func (g *granted) uses(days int, action string, until int) {
	g.t.Helper()
	g.time = day1
	var lines []string
	for d := days; d > until; d-- {
		lines = append(lines, fmt.Sprintf(`{"log":"aws.cloudtrail","id":"%s-%d","at":%q,"realm":%q,"class":"management","identity":{"realm":%q,"kind":"user","key":%q},"operation":%q,"action":%q,"outcome":"success","origin":{"address":"10.0.0.9","agent":"boto3/1.34"}}`,
			action, d, day1.AddDate(0, 0, -d).Format(time.RFC3339), cloudRealm, cloudRealm, grantedPrefix+"user/ci", action, action))
	}
	file := filepath.Join(g.t.TempDir(), "log.ndjson")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		g.t.Fatal(err)
	}
	reads, err := g.ImportActivity(g.t.Context(), []SourceConfig{{Name: "log", Kind: "ndjson", Target: file}}, ActivityOptions{Actor: Actor(), Getenv: os.Getenv})
	if err != nil || reads[0].Error != "" {
		g.t.Fatalf("%v %+v", err, reads)
	}
	err = g.DB.Update(g.t.Context(), func(tx *sqlstore.Tx) error {
		return tx.AddCoverage(retinue.Coverage{Log: "aws.cloudtrail", Realm: cloudRealm, From: day1.AddDate(0, 0, -days), To: day1, Classes: []retinue.EventClass{retinue.EventManagement, retinue.EventData}})
	})
	if err == nil {
		_, err = g.JudgeUsage(g.t.Context())
	}
	if err == nil {
		err = g.DB.View(g.t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
			for e, err := range tx.Entities(store.EntityQuery{Type: retinue.FactIdentity, Key: grantedPrefix + "user/ci"}) {
				if err != nil {
					return err
				}
				g.id = e.ID
			}
			return nil
		})
	}
	if err != nil {
		g.t.Fatal(err)
	}
}

func eachGranted(t *testing.T, test func(t *testing.T, g *granted)) {
	t.Run("sqlite", func(t *testing.T) { test(t, openGranted(t, filepath.Join(t.TempDir(), "r.db"))) })
	t.Run("postgres", func(t *testing.T) { test(t, openGranted(t, testkit.Postgres(t).Database(t))) })
}

// inShort are unused grants in short: their actions, and how many days ago they came.
func inShort(list []replay.UnusedGrant) (out []string) {
	for _, g := range list {
		since := ""
		if !g.GrantedSince.IsZero() {
			since = fmt.Sprintf(" since %d", int(day1.Sub(g.GrantedSince).Hours()/24))
		}
		out = append(out, strings.Join(g.Actions, " ")+since)
	}
	slices.Sort(out)
	return out
}

// TestGrantsOfLateAreNotCalledUnused: what was granted a few days ago, by another
// policy or in another version of one, had no time to be used. It is told apart,
// and a smaller policy keeps it. What has stood for long enough is unused, with
// since when it stands, whichever document it stood in before.
func TestGrantsOfLateAreNotCalledUnused(t *testing.T) {
	eachGranted(t, func(t *testing.T, g *granted) {
		g.has(300, []string{"base", "iam:ListUsers", "kms:CreateKey"}, []string{"moved", "sns:CreateTopic"})
		g.has(150, []string{"base", "iam:ListUsers", "kms:CreateKey"}, []string{"moved", "sns:CreateTopic"}, []string{"middle", "ec2:RunInstances"})
		g.has(3, []string{"base", "iam:ListUsers", "kms:CreateKey", "iam:CreateUser", "sns:CreateTopic"}, []string{"middle", "ec2:RunInstances"}, []string{"late", "sqs:CreateQueue"})
		g.uses(200, "iam:ListUsers", 0)
		u, err := g.UnusedGrants(t.Context(), store.Everything(), g.id)
		if err != nil || !u.Known {
			t.Fatalf("%v %+v", err, u)
		}
		if got, want := inShort(u.Unused), []string{"ec2:RunInstances since 150", "kms:CreateKey", "sns:CreateTopic"}; !slices.Equal(got, want) {
			t.Errorf("unused %q, want %q", got, want)
		}
		if got, want := inShort(u.Recent), []string{"iam:CreateUser since 3", "sqs:CreateQueue since 3"}; !slices.Equal(got, want) {
			t.Errorf("recent %q, want %q", got, want)
		}
		if !u.GrantsKnownFrom.IsZero() {
			t.Errorf("grants are known since %s", u.GrantsKnownFrom)
		}
		r, err := g.AccessOf(store.Everything(), store.AsOf{}).RightSize(t.Context(), RightSizeQuery{Identity: grantedPrefix + "user/ci", History: true})
		if err != nil {
			t.Fatal(err)
		}
		text := string(r.Policy)
		for action, in := range map[string]bool{"iam:ListUsers": true, "iam:CreateUser": true, "sqs:CreateQueue": true, "ec2:RunInstances": false, "kms:CreateKey": false, "sns:CreateTopic": false} {
			if strings.Contains(text, `"`+action+`"`) != in {
				t.Errorf("%s in the smaller policy: %v in %s", action, !in, text)
			}
		}
		if got := inShort(r.History.Recent); len(got) != 2 {
			t.Errorf("kept as recent: %q", got)
		}
	})
}

// TestGrantsThatWereAlwaysThere: what the first reading found may be as old as the
// uses, and is not called recent; from when grants are known is told.
func TestGrantsThatWereAlwaysThere(t *testing.T) {
	eachGranted(t, func(t *testing.T, g *granted) {
		g.has(3, []string{"base", "iam:ListUsers", "kms:CreateKey"})
		g.uses(200, "iam:ListUsers", 0)
		u, err := g.UnusedGrants(t.Context(), store.Everything(), g.id)
		if err != nil || !slices.Equal(inShort(u.Unused), []string{"kms:CreateKey"}) || len(u.Recent) != 0 || !u.GrantsKnownFrom.Equal(day1.AddDate(0, 0, -3)) {
			t.Errorf("%v %+v", err, u)
		}
	})
}

// TestUsesByGrantsThatWent: a use that is denied by what is granted now was
// allowed by what was granted then. The simulation says so, and of one that nothing
// ever allowed it does not.
func TestUsesByGrantsThatWent(t *testing.T) {
	eachGranted(t, func(t *testing.T, g *granted) {
		g.has(250, []string{"base", "iam:ListUsers"}, []string{"went", "ec2:RunInstances"})
		g.has(20, []string{"base", "iam:ListUsers"})
		g.uses(200, "iam:ListUsers", 0)
		g.uses(200, "ec2:RunInstances", 50)
		g.uses(200, "kms:CreateKey", 0)
		s, err := g.SimulateRevoke(t.Context(), store.Everything(), g.id, []string{"base"})
		if err != nil {
			t.Fatal(err)
		}
		if s.Counts[replay.Refused] != 200 || s.Counts[replay.Unexplained] != 350 || s.AllowedThen != 150 {
			t.Errorf("counts %v, %d allowed then", s.Counts, s.AllowedThen)
		}
		for _, l := range s.Of(replay.Unexplained) {
			if then := l.Action == "ec2:RunInstances"; l.AllowedThen != then || strings.Contains(l.Why, "taken away since") != then {
				t.Errorf("%+v", l)
			}
		}
	})
}
