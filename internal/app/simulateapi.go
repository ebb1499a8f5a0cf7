package app

import (
	"context"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/web/api"
)

// The changes that can be simulated.
const (
	ChangeDisable = api.SimulateDisable
	ChangeSplit   = api.SimulateSplit
	ChangeDeny    = api.SimulateDeny
	ChangeRevoke  = api.SimulateRevoke
	ChangePolicy  = api.SimulatePolicy
)

// MaxSimulationLines is how many lines the interface gives at most.
const MaxSimulationLines = api.MaxSimulationLines

// simulationTime is how long the interface lets a simulation judge.
const simulationTime = 20 * time.Second

// Simulate says what a change would have refused.
func (a *App) Simulate(ctx context.Context, scope store.RowScope, q SimulationQuestion) (Simulation, error) {
	switch q.Change {
	case api.SimulateDisable:
		return a.SimulateDisable(ctx, scope, q.ID)
	case api.SimulateSplit:
		return a.SimulateSplit(ctx, scope, q.ID)
	case api.SimulateDeny:
		return a.SimulateDeny(ctx, scope, q.ID, q.Environment)
	case api.SimulateRevoke:
		return a.SimulateRevoke(ctx, scope, q.ID, q.Grants)
	case api.SimulatePolicy:
		return a.SimulatePolicy(ctx, scope, q.ID, q.Policy, []byte(q.Document))
	}
	return Simulation{}, fmt.Errorf("%w: simulate: no change %.40q", retinue.ErrInvalid, q.Change)
}

// SimulateChange implements api.Simulator.
func (a *App) SimulateChange(ctx context.Context, scope store.RowScope, q SimulationQuestion) (Simulation, error) {
	ctx, done := context.WithTimeoutCause(ctx, simulationTime, errNoTime)
	defer done()
	s, err := a.Simulate(ctx, scope, q)
	if err != nil {
		return s, err
	}
	a.shorten(&s, q.Lines)
	return s, nil
}

// shorten leaves so many lines of a simulation, and gives people their pseudonyms.
func (a *App) shorten(s *Simulation, lines int) {
	if n := len(s.Lines) - lines; lines > 0 && n > 0 {
		s.Lines, s.LinesLeft = s.Lines[:lines], n
	}
	for i := range s.Lines {
		if c := &s.Lines[i].Consumer; c.Person {
			c.Name = a.pseudonym(c.Name)
		}
	}
	for i := range s.RefusedBy {
		if c := &s.RefusedBy[i].Consumer; c.Person {
			c.Name = a.pseudonym(c.Name)
		}
	}
	for i := range s.Shares {
		if c := &s.Shares[i].Consumer; c.Person {
			c.Name = a.pseudonym(c.Name)
		}
	}
}
