package app

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/access/estate"
	"github.com/retinue-id/retinue/internal/steward/notice"
	"github.com/retinue-id/retinue/internal/store"
)

// cloud is an AWS account that states what a test says.
type cloud struct {
	facts []retinue.Fact
	at    time.Time
}

const cloudRealm = retinue.Realm("aws:111122223333")

func (*cloud) Check(context.Context) (connector.Access, error) {
	return connector.Access{Realm: cloudRealm, Principal: "tester"}, nil
}

func (s *cloud) Discover(_ context.Context, _ connector.Request, sink connector.Sink) error {
	scope := retinue.Scope{Realm: cloudRealm, Path: "iam"}
	if err := sink.Emit(scope, s.facts...); err != nil {
		return err
	}
	return sink.Complete(scope, connector.Completion{ObservedAt: s.at, Basis: "all of it"})
}

func (*cloud) Close() error { return nil }

// TestDriftOfAccess scans an account again and again, and listens to what is
// told of it.
func TestDriftOfAccess(t *testing.T) {
	eachTeller(t, func(t *testing.T, w *teller) {
		s := &cloud{}
		w.Specs = []connector.Spec{{Kind: "aws", Title: "Test", Summary: "A scripted account.", TargetOptional: true,
			Open: func(context.Context, connector.Config, connector.Env) (connector.Connector, error) { return s, nil }}}
		o := w.webhook("ops", notice.Timetable{})
		w.route("access", notice.Route{Match: notice.Match{Kinds: []notice.Kind{notice.AdministratorGained, notice.AdministratorLost, notice.TrustWidened,
			notice.ProductionReached}}, To: to(o)})
		ref := func(kind, key string) retinue.Ref { return retinue.NewRef(cloudRealm, kind, key) }
		const prefix = "arn:aws:iam::111122223333:"
		user := func(name string) retinue.Identity {
			return retinue.Identity{Ref: ref("user", prefix+"user/"+name), Name: name, Kind: retinue.IdentityUser, Class: retinue.ClassNonHuman, State: retinue.StateActive}
		}
		ci, dev := user("ci"), user("dev")
		boss := retinue.Identity{Ref: ref("role", prefix+"role/boss"), Name: "boss", Kind: retinue.IdentityRole, Class: retinue.ClassNonHuman, State: retinue.StateActive}
		policy := func(name, document string) retinue.Policy {
			return retinue.Policy{Ref: ref("policy", prefix+"policy/"+name), Name: name, Language: retinue.LanguageAWSIAM, Document: document}
		}
		attach := func(p retinue.Policy, to retinue.Identity) retinue.Attachment {
			return retinue.Attachment{Policy: p.Ref, Target: to.Ref, Role: retinue.AttachIdentity}
		}
		all := policy("all", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)
		keys := policy("keys", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:CreateAccessKey","Resource":"*"}}`)
		trusts := func(subject string, conditions ...string) retinue.Trust {
			return retinue.Trust{Subject: boss.Ref, Kind: retinue.TrusteeFederated, Name: "https://oidc.example.com", Conditions: conditions,
				Federation: &retinue.Federation{Issuer: "https://oidc.example.com", Subject: subject}}
		}
		step := func(what string, facts []retinue.Fact, want ...string) {
			t.Helper()
			w.pass(time.Hour)
			s.facts, s.at = facts, w.DB.Now()
			if _, err := w.Scan(t.Context(), []SourceConfig{{Name: "lab", Kind: "aws"}}, ScanOptions{}); err != nil {
				t.Fatal(err)
			}
			w.work()
			got := titles(w.take())
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%s: received %q, want %q", what, got, want)
			}
		}
		first := []retinue.Fact{ci, dev, boss, all, attach(all, ci), trusts("repo:acme/*", "oidc.example.com:sub")}
		step("first scan", first)
		step("nothing new", first)
		other := policy("all", `{"Version":"2012-10-17","Statement":[{"Sid":"Everything","Effect":"Allow","Action":["s3:*","*"],"Resource":["*"]}]}`)
		said := []retinue.Fact{ci, dev, boss, other, attach(other, ci), trusts("repo:acme/*", "oidc.example.com:sub")}
		step("the same in other words", said)
		step("an administrator more", append(slices.Clone(said), attach(other, dev)), "notice.raised Gained administrator: dev")
		step("and one less", said, "notice.raised Lost administrator: dev", "notice.resolved Gained administrator: dev")
		step("a way to one", append(slices.Clone(said), keys, attach(keys, dev)), "notice.raised Gained administrator: dev")
		narrow := []retinue.Fact{ci, dev, boss, other, attach(other, ci), keys, attach(keys, dev), trusts("repo:acme/shop", "oidc.example.com:sub")}
		step("a narrower trust", narrow)
		wide := append(slices.Clone(narrow[:len(narrow)-1]), trusts("repo:*", "oidc.example.com:sub"))
		step("a wider trust", wide, "notice.raised Trust widened: boss")

		changes, err := w.AccessChanges(t.Context(), store.Everything(), store.AccessChangeQuery{})
		if err != nil {
			t.Fatal(err)
		}
		var kinds []string
		for _, c := range changes {
			kinds = append(kinds, c.Kind+" "+c.Name)
		}
		if want := []string{"trust.widened boss", "administrator.gained dev", "administrator.lost dev", "administrator.gained dev"}; !slices.Equal(kinds, want) {
			t.Errorf("changes %q, want %q", kinds, want)
		}
		if none, err := w.AccessChanges(t.Context(), store.RowScope{Owners: []string{"nobody"}}, store.AccessChangeQuery{}); err != nil || len(none) > 0 {
			t.Errorf("somebody who owns nothing sees %v, %v", none, err)
		}
	})
}

// TestFirstReadingsAreNoNews tells a system that was read before from one that
// was not, or that another source reads too.
func TestFirstReadingsAreNoNews(t *testing.T) {
	before := driftMark{Read: []string{"aws:1 lab", "aws:2 lab"}}
	known := before.known(driftMark{Read: []string{"aws:1 lab", "aws:2 lab", "aws:2 terraform", "aws:3 lab"}})
	for realm, want := range map[retinue.Realm]bool{"aws:1": true, "aws:2": false, "aws:3": false, "aws:4": false} {
		if known(realm) != want {
			t.Errorf("%s is known: %t, want %t", realm, !want, want)
		}
	}
	is := estate.Standing{Reaches: []estate.Reached{{Sort: estate.ReachedAdministrator, Realm: "aws:3"}, {Sort: estate.ReachedProduction, Realm: "aws:1"}}}
	got := drifts(estate.Standing{}, is, known)
	if len(got) != 1 || got[0].kind != notice.ProductionReached {
		t.Errorf("drifts %+v, want the reach to production of the system that was read before", got)
	}
}
