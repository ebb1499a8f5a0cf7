package app_test

import (
	"sync"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/ingest"
	"github.com/retinue-id/retinue/internal/store"
)

// TestTwoJudgesOpenAFindingOnce has two servers on one database judge the same
// changes at the same time: each finding is opened once.
func TestTwoJudgesOpenAFindingOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, dir, db string) {
		cfg := crashConfig(dir, db)
		var servers []*app.App
		for range 2 {
			a, err := app.Open(t.Context(), cfg, app.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := a.Close(); err != nil {
					t.Error(err)
				}
			})
			servers = append(servers, a)
		}
		_, err := ingest.Run(t.Context(), servers[0].DB, "test", "crash", "", estate{1}, ingest.Options{Actor: retinue.Actor{Kind: "system", Name: "test"}})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for _, a := range append(servers, servers...) { // twice in each process
			wg.Go(func() {
				if err := a.Judge(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		opened, standing := map[string]int{}, 0
		err = servers[1].View(t.Context(), store.Everything(), func(tx *app.Snapshot) error {
			for r, err := range tx.Records(1) {
				if err != nil {
					return err
				}
				if r.Action == retinue.RecordFindingOpened {
					opened[r.Subject]++
				}
			}
			for _, err := range tx.Findings(store.FindingQuery{Suppressed: true}) {
				if err != nil {
					return err
				}
				standing++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if standing < crashScopes*crashInScope || len(opened) != standing {
			t.Errorf("%d findings stand, %d were opened", standing, len(opened))
		}
		for id, n := range opened {
			if n != 1 {
				t.Errorf("finding %s was opened %d times", id, n)
			}
		}
	})
}
