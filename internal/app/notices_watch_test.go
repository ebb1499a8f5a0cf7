package app

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/steward/notice"
)

// script is a system that states what a test says.
type script struct {
	facts []retinue.Fact
	at    time.Time
}

func (*script) Check(context.Context) (connector.Access, error) {
	return connector.Access{Realm: "test:1", Principal: "tester"}, nil
}

func (s *script) Discover(_ context.Context, _ connector.Request, sink connector.Sink) error {
	scope := retinue.Scope{Realm: "test:1", Path: "all"}
	if err := sink.Emit(scope, s.facts...); err != nil {
		return err
	}
	return sink.Complete(scope, connector.Completion{ObservedAt: s.at, Basis: "all of it"})
}

func (*script) Close() error { return nil }

func TestCausesThatComeWithTime(t *testing.T) {
	eachTeller(t, func(t *testing.T, w *teller) {
		s := &script{}
		w.Specs = []connector.Spec{{Kind: "test", Title: "Test", Summary: "A scripted system.", TargetOptional: true,
			Open: func(context.Context, connector.Config, connector.Env) (connector.Connector, error) { return s, nil }}}
		o := w.webhook("ops", notice.Timetable{})
		w.route("time", notice.Route{Match: notice.Match{Kinds: []notice.Kind{notice.ExpirySoon, notice.IdentityIdle, notice.PrivilegeGranted}}, To: to(o)})
		ref := func(kind, key string) retinue.Ref { return retinue.NewRef("test:1", kind, key) }
		bot := retinue.Identity{Ref: ref("role", "bot"), Name: "bot", Kind: retinue.IdentityRole, Class: retinue.ClassNonHuman, ClassReason: "a role", State: retinue.StateActive}
		key := retinue.Credential{Ref: ref("key", "k"), Name: "key k", Kind: retinue.CredentialAccessKey, Identity: bot.Ref, State: retinue.CredentialActive, ExpiresAt: day1.AddDate(0, 0, 40)}
		grant := func(name string) retinue.Grant {
			return retinue.Grant{Subject: bot.Ref, Privileges: []string{"write"}, ResourceName: name}
		}
		s.facts = []retinue.Fact{bot, key, grant("first"), retinue.Use{Subject: bot.Ref, Meaning: "last_used", At: day1.AddDate(0, 0, -80), Grade: retinue.GradeC}}
		step := func(what string, pass time.Duration, want ...string) {
			t.Helper()
			w.pass(pass)
			s.at = w.DB.Now()
			if _, err := w.Scan(t.Context(), []SourceConfig{{Name: "lab", Kind: "test"}}, ScanOptions{}); err != nil {
				t.Fatal(err)
			}
			if err := w.watch(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.work()
			if want == nil {
				want = []string{}
			}
			got := titles(w.take())
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%s: received %q, want %q", what, got, want)
			}
		}
		end := key.ExpiresAt.UTC().Format(time.DateOnly)
		step("first scan", 0)
		step("nothing new", time.Hour)
		s.facts = append(s.facts, grant("second"))
		step("a privilege more, and idle by now", 11*day, "notice.raised New privilege: bot", "notice.raised Not used for 90 days: bot", "notice.raised Credential ends on "+end+": key k")
		step("the same again", time.Hour)
		step("two weeks before its end", 15*day, "notice.raised Credential ends on "+end+": key k")
		s.facts[3] = retinue.Use{Subject: bot.Ref, Meaning: "last_used", At: w.DB.Now(), Grade: retinue.GradeC}
		key.ExpiresAt = day1.AddDate(1, 0, 0)
		s.facts[1] = key
		step("used and renewed", time.Hour, "notice.resolved Not used for 90 days: bot", "notice.resolved Credential ends on "+end+": key k")
	})
}
