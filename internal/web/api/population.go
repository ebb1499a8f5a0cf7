package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// Populations tells how the population grew.
type Populations interface {
	// Population returns the population of each source on each day of a span,
	// both ends inclusive, the oldest first. Days that were missed are told.
	Population(ctx context.Context, scope store.RowScope, from, to time.Time) ([]store.PopulationDay, error)
}

func (a *API) population() {
	s := a.services.Populations
	if s == nil {
		return
	}
	add(a, huma.Operation{OperationID: "get-population", Method: http.MethodGet, Path: "/population", Tags: []string{"Inventory"}, Summary: "The population of each day, by source",
		Description: "A day that was missed stands as missed, not as zero."},
		func(ctx context.Context, in *struct {
			From   time.Time `query:"from" doc:"90 days before to where absent"`
			To     time.Time `query:"to" doc:"Now where absent"`
			Source string    `query:"source" maxLength:"200" doc:"The name or id of a source"`
		}) (*listed[store.PopulationDay], error) {
			if in.To.IsZero() {
				in.To = a.services.Now()
			}
			from, to, err := a.span(in.From, in.To, 90*24*time.Hour, 11*366*24*time.Hour)
			if err != nil {
				return nil, err
			}
			v, err := s.Population(ctx, caller(ctx).Scope(auth.PermInventoryRead), from, to)
			if in.Source != "" {
				v = slices.DeleteFunc(v, func(d store.PopulationDay) bool { return d.Source != in.Source && string(d.SourceID) != in.Source })
			}
			return wholeList(v), err
		})
}
