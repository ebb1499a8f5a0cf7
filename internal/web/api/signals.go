package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage/behave"
)

// Signals tells what is unusual in use, as it is kept, and what people said is
// all right.
type Signals interface {
	// Signals lists what was noticed, the newest first. People are pseudonymous.
	Signals(ctx context.Context, scope store.RowScope, q store.SignalQuery) ([]NoticedSignal, error)
	// Dismissals lists what was dismissed, the newest first.
	Dismissals(ctx context.Context, scope store.RowScope, limit int) ([]SignalDismissal, error)
	// RevokeDismissal takes a dismissal back: what it silenced is told again.
	RevokeDismissal(ctx context.Context, c auth.Caller, id retinue.DismissalID) error
	// UnmaskUsage is Usage with the names and addresses of people, for a reason
	// that is kept on record with who asked.
	UnmaskUsage(ctx context.Context, c auth.Caller, id retinue.EntityID, reason string) (Usage, error)
}

// NoticedSignal is something unusual, and where it stands.
type NoticedSignal struct {
	behave.Signal
	// Of is whose use it was: an identity or a credential.
	Of SignalOf `json:"of"`
	// State is told where it has a finding, silenced where it is like one that was
	// dismissed, withdrawn where what was read since explains it.
	State store.SignalState `json:"state" enum:"told,silenced,withdrawn"`
	// Finding tells of it, in the state FindingState.
	Finding      retinue.FindingID    `json:"finding,omitempty"`
	FindingState retinue.FindingState `json:"findingState,omitempty"`
	// NoticedAt is when it was first noticed.
	NoticedAt time.Time `json:"noticedAt"`
	// History says that it was over when it was noticed, so that nobody was sent a
	// notice.
	History bool `json:"history,omitempty"`
	// ByHand says how it is locked by hand.
	ByHand string `json:"byHand,omitempty"`
}

// SignalOf is whose use a signal is about.
type SignalOf struct {
	ID    retinue.EntityID `json:"id"`
	Type  retinue.FactType `json:"type" enum:"identity,credential"`
	Name  string           `json:"name"`
	Kind  string           `json:"kind"`
	Owner string           `json:"owner,omitempty"`
}

// SignalDismissal is that somebody said signals like one are all right.
type SignalDismissal struct {
	ID      retinue.DismissalID `json:"id"`
	Of      SignalOf            `json:"of"`
	Finding retinue.FindingID   `json:"finding"`
	Kind    behave.Kind         `json:"kind"`
	// Silences says in words what it silences.
	Silences  string    `json:"silences"`
	By        string    `json:"by"`
	Reason    string    `json:"reason"`
	At        time.Time `json:"at"`
	Until     time.Time `json:"until,omitzero"`
	RevokedAt time.Time `json:"revokedAt,omitzero"`
	RevokedBy string    `json:"revokedBy,omitempty"`
	InForce   bool      `json:"inForce"`
}

// UnmaskInput asks to be shown people.
type UnmaskInput struct {
	Reason string `json:"reason" minLength:"5" maxLength:"500" doc:"Why people's names and addresses are needed. It is kept on record with your name"`
}

// SignalFilter are the filters of lists of signals.
type SignalFilter struct {
	Kinds  []string  `query:"kind,explode" maxItems:"20" enum:"first_action,first_service,first_region,first_network,first_agent,volume,denied_burst,two_places,human_use,tombstone_use,logging_disabled,privilege_edit,exposure"`
	States []string  `query:"state,explode" maxItems:"3" enum:"told,silenced,withdrawn" doc:"Without it every one"`
	Since  time.Time `query:"since" doc:"Not those that ended before"`
}

func (f SignalFilter) query() store.SignalQuery {
	q := store.SignalQuery{Kinds: f.Kinds, Since: f.Since}
	for _, s := range f.States {
		q.States = append(q.States, store.SignalState(s))
	}
	return q
}

// ListSignalsInput selects signals.
type ListSignalsInput struct {
	ListInput
	SignalFilter
}

func (a *API) signals() {
	s := a.services.Signals
	if s == nil {
		return
	}
	tags := []string{"Signals"}
	list := func(ctx context.Context, in ListSignalsInput, entity retinue.EntityID) (*listed[NoticedSignal], error) {
		q := in.query()
		q.Entity, q.Limit = entity, in.Limit+1
		of := []any{entity, in.SignalFilter}
		if err := DecodeCursor(in.Cursor, of, &q.Before); err != nil {
			return nil, err
		}
		items, err := s.Signals(ctx, caller(ctx).Scope(auth.PermInventoryRead), q)
		if err != nil || len(items) <= in.Limit {
			return counted(items, ""), err
		}
		items = items[:in.Limit]
		last := items[in.Limit-1]
		next, err := EncodeCursor(of, store.SignalCursor{Last: last.Last.UnixMicro(), Fingerprint: last.Fingerprint})
		return counted(items, next), err
	}
	add(a, huma.Operation{OperationID: "list-signals", Method: http.MethodGet, Path: "/signals", Tags: tags, Summary: "What is unusual in use, the newest first"},
		func(ctx context.Context, in *ListSignalsInput) (*listed[NoticedSignal], error) {
			return list(ctx, *in, "")
		})
	of := func(id, path, summary string) {
		add(a, huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Tags: tags, Summary: summary},
			func(ctx context.Context, in *struct {
				ID string `path:"id" maxLength:"64"`
				ListSignalsInput
			}) (*listed[NoticedSignal], error) {
				return list(ctx, in.ListSignalsInput, retinue.EntityID(in.ID))
			})
	}
	of("get-identity-signals", "/identities/{id}/signals", "What is unusual in the use of an identity and its credentials")
	of("get-credential-signals", "/credentials/{id}/signals", "What is unusual in the use of a credential")
	a.dismissals(s, tags)
}

func (a *API) dismissals(s Signals, tags []string) {
	add(a, huma.Operation{OperationID: "list-signal-dismissals", Method: http.MethodGet, Path: "/signals/dismissals", Tags: tags,
		Summary:     "What people said is all right, the newest first",
		Description: "A signal is dismissed by accepting its finding (POST /findings/decisions)."},
		func(ctx context.Context, in *struct {
			Limit int `query:"limit" minimum:"1" maximum:"500" default:"100"`
		}) (*listed[SignalDismissal], error) {
			items, err := s.Dismissals(ctx, caller(ctx).Scope(auth.PermInventoryRead), in.Limit)
			return counted(items, ""), err
		})
	add(a, huma.Operation{OperationID: "revoke-signal-dismissal", Method: http.MethodDelete, Path: "/signals/dismissals/{id}", Tags: tags,
		Summary: "Take a dismissal back: what it silenced is told again"},
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"64"`
		}) (*struct{}, error) {
			return none(s.RevokeDismissal(ctx, caller(ctx), retinue.DismissalID(in.ID)))
		})
	of := func(id, path string) {
		add(a, huma.Operation{OperationID: id, Method: http.MethodPost, Path: path, Tags: tags, Summary: "The usage history with the names and addresses of people",
			Description: "Who asked, about what, whose names were shown and why is put on record."},
			func(ctx context.Context, in *struct {
				ID   string `path:"id" maxLength:"64"`
				Body UnmaskInput
			}) (*single[Usage], error) {
				return one(s.UnmaskUsage(ctx, caller(ctx), retinue.EntityID(in.ID), in.Body.Reason))
			})
	}
	of("unmask-identity-usage", "/identities/{id}/usage/people")
	of("unmask-credential-usage", "/credentials/{id}/usage/people")
}
