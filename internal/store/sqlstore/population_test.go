package sqlstore_test

import (
	"fmt"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

func TestPopulationShowsMissedDays(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		write := func(n int) {
			w.time = day(n)
			if err := w.Update(t.Context(), func(tx *sqlstore.Tx) error { return tx.WritePopulation(day(n), store.IdleAfter{}) }); err != nil {
				t.Fatal(err)
			}
		}
		w.scan("a", iam(day(0), identity("x"), identity("y"), retinue.Credential{Ref: retinue.NewRef(realm, "key", "k"), Kind: retinue.CredentialAPIKey}))
		write(0)
		failed := listing{scope: retinue.NewScope(realm, "other"), at: day(2), facts: []retinue.Fact{identity("z")}, fail: retinue.ErrUnavailable}
		w.scan("b", failed)
		write(2)
		write(2) // again: replaced
		w.time = day(3)
		var got []string
		err := w.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
			days, err := tx.Population(day(-1), day(9))
			for _, d := range days {
				got = append(got, fmt.Sprintf("%s %s missed=%v complete=%v %d/%d/%d", d.Day, d.Source, d.Missed, d.Complete, d.Totals.NonHuman, d.Totals.Credentials, d.Totals.Static))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		w.want("days", got, []string{
			"2026-03-01 a missed=false complete=true 2/1/1",
			"2026-03-02 a missed=true complete=false 0/0/0",
			"2026-03-03 a missed=false complete=true 2/1/1", "2026-03-03 b missed=false complete=false 1/0/0",
			"2026-03-04 a missed=true complete=false 0/0/0", "2026-03-04 b missed=true complete=false 0/0/0"})
	})
}
