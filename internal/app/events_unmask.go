package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/evidence"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// UnmaskEvents implements api.UsageEventReader.
func (a *App) UnmaskEvents(ctx context.Context, c auth.Caller, q api.UsageEventQuery, reason string) (api.UsageEvents, error) {
	return a.NamedEvents(ctx, c.Actor, c.Scope(auth.PermUsagePeople), q, reason)
}

// NamedEvents is UsageEvents with the names and addresses of people. Who asked,
// for what, why, and whose names are shown goes on record before they are.
func (a *App) NamedEvents(ctx context.Context, by retinue.Actor, scope store.RowScope, q api.UsageEventQuery, reason string) (api.UsageEvents, error) {
	if reason = strings.TrimSpace(reason); len(reason) < 5 || len(reason) > 500 || retinue.CleanName(reason) != reason {
		return api.UsageEvents{}, badField("body.reason", "say in 5 to 500 characters why people's names are needed")
	}
	out, people, err := a.searchEvents(ctx, scope, q, reason)
	if err != nil {
		return api.UsageEvents{}, err
	}
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		slices.Sort(people)
		people = slices.Compact(people)
		q.Cursor = ""
		details := map[string]any{"reason": reason, "people": len(people), "events": len(out.Items), "asked": q}
		payloads := commitPeople(details, people)
		tx.Record(by, retinue.RecordPeopleShown, "events", details, payloads...)
		return nil
	})
	if err != nil {
		return api.UsageEvents{}, err
	}
	return out, nil
}

// commitPeople adds to the details of a record commitments to the names of
// people, at most maxNamedPeople, and returns what is kept beside it.
func commitPeople(details map[string]any, people []string) []sqlstore.Payload {
	var payloads []sqlstore.Payload
	for i, n := range people[:min(len(people), maxNamedPeople)] {
		p := evidence.Commit("person", n)
		name := fmt.Sprintf("person%d", i+1)
		details[name] = p.Commitment
		payloads = append(payloads, sqlstore.Payload{Name: name, Salt: p.Salt, Data: p.Value})
	}
	return payloads
}
