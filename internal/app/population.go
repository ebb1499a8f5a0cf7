package app

import (
	"context"
	"time"

	"github.com/retinue-id/retinue/internal/jobs"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// populationJob writes the population of today.
type populationJob struct{}

// Kind implements jobs.Args.
func (populationJob) Kind() string { return "population" }

// populationEvery is how often the day's population is written: the last time
// of a day stands for it.
const populationEvery = time.Hour

func (a *App) populationHandlers(h *jobs.Handlers) {
	jobs.Handle(h, func(ctx context.Context, _ populationJob) error {
		return a.WritePopulation(ctx)
	})
}

// WritePopulation writes the population of today, as the clock of the
// installation has it.
func (a *App) WritePopulation(ctx context.Context) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		idle, err := a.idleAfter(tx)
		if err != nil {
			return err
		}
		return tx.WritePopulation(tx.At(), idle)
	})
}

// startPopulation has the population written from now on.
func (a *App) startPopulation(ctx context.Context) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		sqltx, conn := tx.SQL()
		at := jobs.Tx{Tx: sqltx, Conn: conn}
		if err := a.queue.SetSchedule(ctx, at, jobs.Schedule{Name: "population", Every: populationEvery, Args: populationJob{}}); err != nil {
			return err
		}
		_, err := a.queue.Insert(ctx, at, populationJob{}, jobs.Options{Key: "population"})
		return err
	})
}

// Population implements api.Populations.
func (a *App) Population(ctx context.Context, scope store.RowScope, from, to time.Time) (out []store.PopulationDay, err error) {
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		out, err = tx.Population(from, to)
		return err
	})
	return out, err
}
