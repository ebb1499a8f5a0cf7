package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// throng is a source of made-up identities that have what a verdict asks: keys
// that a log names by their ids, last uses as a source tells them, pipelines of a
// repository that a log names by its address, persons, and what is disabled.
type throng struct {
	n    int
	seed uint64
}

const throngRepository = retinue.Realm("git:abababababababababababababababababababab")

func (throng) Check(context.Context) (connector.Access, error) {
	return connector.Access{Realm: seenRealm}, nil
}
func (throng) Close() error { return nil }

func (c throng) Discover(_ context.Context, _ connector.Request, sink connector.Sink) error {
	rng := rand.New(rand.NewPCG(c.seed, 1)) //nolint:gosec // made-up facts
	var facts []retinue.Fact
	at := day1.AddDate(0, 0, -90)
	for i := range c.n {
		name := fmt.Sprint("svc-", i)
		id := retinue.Identity{Ref: retinue.NewRef(seenRealm, "account", name), Name: name, Kind: retinue.IdentityServiceAccount, Class: retinue.ClassNonHuman, State: retinue.StateActive}
		switch rng.IntN(6) {
		case 0:
			id.Class, id.Kind = retinue.ClassPerson, retinue.IdentityUser
		case 1:
			id.State = retinue.StateDisabled
		case 2:
			id.CreatedAt = day1.AddDate(0, 0, -rng.IntN(30))
		}
		facts = append(facts, id)
		for k := range rng.IntN(3) {
			key := fmt.Sprint(name, "-key-", k)
			ref := retinue.NewRef(seenRealm, "access_key", key)
			facts = append(facts, retinue.Credential{Ref: ref, Name: key, Kind: retinue.CredentialAccessKey, State: retinue.CredentialActive, Identity: id.Ref,
				Joins: []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "test:" + key}}})
			if rng.IntN(2) == 0 {
				facts = append(facts, retinue.Use{Subject: ref, Meaning: "last_used", At: day1.AddDate(0, 0, -rng.IntN(60))})
			}
		}
		if rng.IntN(3) == 0 {
			facts = append(facts, retinue.Use{Subject: id.Ref, Meaning: "last_used", Never: true})
		}
	}
	scope := retinue.NewScope(seenRealm, "part", "all")
	for _, f := range facts {
		if err := sink.Emit(scope, f); err != nil {
			return err
		}
	}
	if err := sink.Complete(scope, connector.Completion{ObservedAt: at, Basis: "the whole part"}); err != nil {
		return err
	}
	files := retinue.NewScope(throngRepository, "files")
	pipeline := retinue.Identity{Ref: retinue.NewRef(throngRepository, "pipeline", "release.yml"), Name: "release", Kind: retinue.IdentityPipeline, Class: retinue.ClassNonHuman, State: retinue.StateActive}
	repository := retinue.Container{Ref: retinue.NewRef(throngRepository, "repository", "/"), Name: "pay", Kind: retinue.ContainerRepository,
		Attrs: retinue.Attrs{"remotes": []string{"github.com/acme/pay"}}}
	for _, f := range []retinue.Fact{repository, pipeline} {
		if err := sink.Emit(files, f); err != nil {
			return err
		}
	}
	return sink.Complete(files, connector.Completion{ObservedAt: at, Basis: "the whole tree"})
}

// count counts made-up uses of two months, of which the last days stay unpacked.
func (c throng) count(t *testing.T, a *App) {
	t.Helper()
	rng := rand.New(rand.NewPCG(c.seed, 2)) //nolint:gosec // made-up events
	for part := range 6 {
		b := store.UsageBatch{Log: "made.up", Input: fmt.Sprint("part-", part)}
		for i := range c.n {
			for range rng.IntN(5) {
				c.behave(rng, &b, i, day1.AddDate(0, 0, -10*(6-part)))
			}
		}
		b.Behaviours = append(b.Behaviours, store.Behaviour{Log: "made.up", Realm: "git:origin=github.com/acme/pay", Class: retinue.EventManagement,
			Identity: retinue.NewRef("git:origin=github.com/acme/pay", "pipeline", "release.yml"), Action: "run", Outcome: retinue.OutcomeSuccess})
		b.Events = append(b.Events, store.UsageEvent{Hash: rng.Uint64(), At: day1.AddDate(0, 0, -part-1).Unix(), Behaviour: int32(len(b.Behaviours) - 1)}) //nolint:gosec // few
		if _, err := a.DB.CountUsage(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.DB.PackUsage(t.Context(), day1.AddDate(0, 0, -4)); err != nil {
		t.Fatal(err)
	}
}

// behave adds a way of use of an identity, on some of ten days.
func (c throng) behave(rng *rand.Rand, b *store.UsageBatch, who int, from time.Time) {
	name := fmt.Sprint("svc-", who)
	x := store.Behaviour{Log: "made.up", Realm: seenRealm, Class: retinue.EventData, Identity: retinue.NewRef(seenRealm, "account", name),
		Action: fmt.Sprintf("docs:%c", 'a'+rng.IntN(6)), Region: fmt.Sprint("region-", rng.IntN(3)), Outcome: retinue.OutcomeSuccess,
		Resource: retinue.NewRef(seenRealm, "document", fmt.Sprint(rng.IntN(4))),
		Consumer: store.Consumer{Kind: "network", Network: fmt.Sprintf("10.%d.0.0/24", rng.IntN(4)), Agent: []string{"worker", "curl", "aws-cli"}[rng.IntN(3)]}}
	if rng.IntN(3) == 0 {
		x.Credential = store.KeyRef(string(retinue.JoinProviderID), "test:"+name+"-key-0")
	}
	if rng.IntN(4) == 0 {
		x.Via = retinue.NewRef(seenRealm, "account", fmt.Sprint("svc-", rng.IntN(c.n)))
	}
	if rng.IntN(8) == 0 {
		x.Outcome = retinue.OutcomeDenied
	}
	if rng.IntN(12) == 0 {
		x.Consumer = store.Consumer{Kind: "workload", Name: "pod", Workload: retinue.NewRef(seenRealm, "pod", "w"), Network: "203.0.113.0/24"}
	}
	b.Behaviours = append(b.Behaviours, x)
	at := int32(len(b.Behaviours) - 1) //nolint:gosec // few
	hour := rng.IntN(24)
	for day := range 10 {
		if rng.IntN(3) == 0 {
			continue
		}
		b.Events = append(b.Events, store.UsageEvent{Hash: rng.Uint64(), At: from.AddDate(0, 0, day).Truncate(24*time.Hour).Unix() + int64(hour)*3600 + int64(rng.IntN(3600)), Behaviour: at})
		if rng.IntN(20) == 0 {
			b.Touches = append(b.Touches, store.UsageTouch{Kind: retinue.TouchRead, Event: int32(len(b.Events) - 1), //nolint:gosec // few
				Target: retinue.NewRef(seenRealm, "access_key", fmt.Sprintf("svc-%d-key-0", rng.IntN(c.n)))})
		}
	}
}

// TestManyAreJudgedLikeOne: what is read ahead of many at a time comes to the same
// verdicts, signals and habits as what is asked of each alone, and it is read in
// parts where it is too much.
func TestManyAreJudgedLikeOne(t *testing.T) {
	for seed := range uint64(3) {
		c, dir := throng{n: 150, seed: seed}, t.TempDir()
		a, err := Open(t.Context(), Config{Database: filepath.Join(dir, "r.db"), KeyFile: filepath.Join(dir, "f.key"), SigningKeyFile: filepath.Join(dir, "c.key")},
			Options{Now: func() time.Time { return day1 }, Specs: []connector.Spec{{Kind: "throng", TargetOptional: true,
				Open: func(context.Context, connector.Config, connector.Env) (connector.Connector, error) { return c, nil }}}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = a.Close() })
		if _, err := a.Scan(t.Context(), []SourceConfig{{Name: "throng", Kind: "throng"}}, ScanOptions{Actor: Actor()}); err != nil {
			t.Fatal(err)
		}
		c.count(t, a)
		var due []store.UsageSubject
		err = a.DB.Update(t.Context(), func(tx *sqlstore.Tx) (err error) {
			keys, _, err := tx.UsageDue(0, 0, 10_000)
			if err == nil {
				due, err = tx.TakeUsage(keys)
			}
			return err
		})
		if err != nil || len(due) < c.n {
			t.Fatalf("%d are due, %v", len(due), err)
		}
		j := a.newUsageJudge()
		if err := j.prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		together, err := j.round(t.Context(), due)
		if err != nil {
			t.Fatal(err)
		}
		var used, credentials, signals, habits, deeds int
		err = a.DB.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
			for i, s := range due {
				alone, err := j.judge(tx, s)
				if err != nil {
					return err
				}
				if !reflect.DeepEqual(alone, together[i]) {
					t.Errorf("%s:\nalone:    %s %+v\ntogether: %s %+v", s.Ref, alone.verdict.Body, alone.noticed, together[i].verdict.Body, together[i].noticed)
				}
				if alone.noticed.looked {
					used++
				}
				signals += len(alone.noticed.signals)
				habits += len(alone.noticed.habits)
				credentials += strings.Count(s.Ref.Kind, "access_key")
				list, err := tx.UsageDeeds(s.ID)
				if deeds += len(list); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if used == 0 || credentials == 0 || signals == 0 || habits == 0 || deeds == 0 {
			t.Errorf("seed %d: %d were used, %d credentials, %d signals, %d bytes of habits, %d deeds: want some of each", seed, used, credentials, signals, habits, deeds)
		}
	}
}

// TestRoundsGoOnFromWhatIsKnown: a round in which nothing is due knows that all that
// is there has a verdict, so that the next one looks at what is newer alone.
func TestRoundsGoOnFromWhatIsKnown(t *testing.T) {
	eachSeen(t, seen{}, func(t *testing.T, w *teller) {
		if _, err := w.JudgeUsage(t.Context()); err != nil {
			t.Fatal(err)
		}
		last := w.usageKnown
		w.usageKnown = 0 // as in a process that begins
		if n, err := w.JudgeUsage(t.Context()); n != 0 || err != nil {
			t.Errorf("%d are due again, %v", n, err)
		}
		if w.usageKnown != last || last == 0 {
			t.Errorf("known up to %d, before %d", w.usageKnown, last)
		}
	})
}
