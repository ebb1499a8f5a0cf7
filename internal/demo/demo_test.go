package demo_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/demo"
)

// kept is a sink that keeps what is stated, as JSON by scope, type and ref.
type kept struct {
	t        *testing.T
	facts    map[string]string
	complete map[retinue.Scope]time.Time
	problems int
	class    map[retinue.Class]int
}

func (k *kept) Emit(scope retinue.Scope, facts ...retinue.Fact) error {
	for _, f := range facts {
		if err := f.Validate(); err != nil {
			k.t.Errorf("%s: %v", scope, err)
		}
		b, err := json.Marshal(f)
		if err != nil {
			return err
		}
		key := scope.String() + "|" + string(f.FactType()) + "|" + f.FactRef().String()
		if old, ok := k.facts[key]; ok && old != string(b) {
			k.t.Errorf("%s is stated twice:\n%s\n%s", key, old, b)
		}
		k.facts[key] = string(b)
		if id, ok := f.(retinue.Identity); ok {
			k.class[id.Class]++
		}
	}
	return nil
}

func (k *kept) Complete(scope retinue.Scope, c connector.Completion) error {
	k.complete[scope] = c.ObservedAt
	return nil
}
func (k *kept) Problem(retinue.Scope, error) { k.problems++ }
func (k *kept) Note(connector.Note)          {}

func read(t *testing.T, c *demo.Company, at time.Time) *kept {
	t.Helper()
	k := &kept{t: t, facts: map[string]string{}, complete: map[retinue.Scope]time.Time{}, class: map[retinue.Class]int{}}
	for _, s := range c.Sources() {
		con := s.Connector(at)
		if _, err := con.Check(t.Context()); err != nil {
			if !errors.Is(err, retinue.ErrUnavailable) {
				t.Errorf("%s: %v", s.Name, err)
			}
			k.problems++
			continue
		}
		if err := con.Discover(context.Background(), connector.Request{Now: at}, k); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
		if err := con.Close(); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
	return k
}

func TestEqualSeedsMakeEqualCompanies(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	a, b := demo.New(demo.Options{Now: now}), demo.New(demo.Options{Now: now, Seed: 1})
	for _, at := range []time.Time{a.Scans()[0], now} {
		if diff := cmp.Diff(read(t, a, at).facts, read(t, b, at).facts); diff != "" {
			t.Errorf("at %s: %s", at, diff)
		}
	}
	if c := demo.New(demo.Options{Now: now, Seed: 2}); cmp.Equal(read(t, a, now).facts, read(t, c, now).facts) {
		t.Error("another seed makes the same company")
	}
}

func TestCompanyHasWhatIsPromised(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	c := demo.New(demo.Options{Now: now})
	days := c.Scans()
	if first := days[0]; now.Sub(first) < demo.Days*23*time.Hour || !days[len(days)-1].Equal(now) {
		t.Errorf("scans from %s to %s", first, days[len(days)-1])
	}
	then, today := read(t, c, days[0]), read(t, c, now)
	if n := today.class[retinue.ClassNonHuman]; n < 300 || n > 3000 {
		t.Errorf("%d non-human identities", n)
	}
	if then.class[retinue.ClassNonHuman] >= today.class[retinue.ClassNonHuman] {
		t.Errorf("the population did not grow: %d then, %d now", then.class[retinue.ClassNonHuman], today.class[retinue.ClassNonHuman])
	}
	if today.class[retinue.ClassPerson] == 0 || today.class[retinue.ClassUnclear] == 0 {
		t.Errorf("classes: %v", today.class)
	}
	if then.problems != 0 || today.problems == 0 {
		t.Errorf("%d problems at first, %d today; want none and some", then.problems, today.problems)
	}
	for scope, at := range today.complete {
		if !at.Equal(now) {
			t.Errorf("%s observed at %s", scope, at)
		}
	}
}
