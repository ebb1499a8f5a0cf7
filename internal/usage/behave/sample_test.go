package behave_test

import (
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/aws"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/testkit"
	"github.com/retinue-id/retinue/internal/usage/behave"
)

// TestRecordedAttacks looks at an attack run that was recorded in a real account:
// what needs no history is told, and there is little of it.
func TestRecordedAttacks(t *testing.T) {
	file := testkit.Data(t, "cloudtrail", "attack-run-first-half.json.gz")
	l := &ledger{t: t, seen: map[string]bool{}, counts: map[store.Behaviour]map[int64]*store.Tally{}, deeds: map[retinue.Ref][]behave.Deed{}}
	r, err := aws.Spec().Activity.Open(t.Context(), connector.Config{Name: "attack", Target: file}, connectortest.Env(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	err = r.Activity(t.Context(), connector.ActivityRequest{Now: connectortest.Epoch(),
		Position: func(string) (connector.Position, error) { return connector.Position{}, nil }}, l)
	if err != nil {
		t.Fatal(err)
	}
	days := map[string]bool{}
	var told []behave.Signal
	used := l.used()
	for _, ref := range sortedRefs(used) {
		for _, u := range used[ref] {
			for _, m := range u.Months {
				for _, h := range m.Hours {
					days[ref.String()+time.Unix(h.First, 0).UTC().Format(time.DateOnly)] = true
				}
			}
		}
		told = append(told, behave.Detect(behave.Subject{Ref: ref, Deeds: l.deeds[ref]}, used[ref], behave.Options{})...)
	}
	for _, s := range told {
		t.Logf("%s %s: %s", s.Severity, s.Kind, s.Sentence)
		if strings.HasPrefix(string(s.Kind), "first_") {
			t.Errorf("%s is told of half an hour", s.Kind)
		}
	}
	t.Logf("%d events of %d identities on %d identity-days, %d signals", l.events, len(used), len(days), len(told))
	if len(told) == 0 || float64(len(told)) > float64(len(days)) {
		t.Errorf("%d signals on %d identity-days", len(told), len(days))
	}
}
