package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// Scans are requests for scans and what became of them.
type Scans interface {
	// ListScans returns the newest first, and the key of the last one when
	// there are more.
	ListScans(ctx context.Context, scope store.RowScope, q store.ScanQuery) (items []Scan, next int64, err error)
	Scan(ctx context.Context, scope store.RowScope, id store.ScanID) (Scan, error)
	RequestScan(ctx context.Context, c auth.Caller, source string) (Scan, error)
	CancelScan(ctx context.Context, c auth.Caller, id store.ScanID) (Scan, error)
}

// Scan is a request for a scan and what became of it.
type Scan struct {
	ID          store.ScanID          `json:"id"`
	Source      string                `json:"source"`
	SourceID    retinue.SourceID      `json:"sourceId"`
	Kind        string                `json:"kind"`
	State       store.ScanState       `json:"state" enum:"waiting,running,complete,partial,failed,cancelled,crashed"`
	Reason      store.ScanReason      `json:"reason" enum:"schedule,demand,webhook,crash"`
	By          string                `json:"by" doc:"Who asked for it"`
	RequestedAt time.Time             `json:"requestedAt"`
	DueAt       time.Time             `json:"dueAt" doc:"The earliest time to begin"`
	StartedAt   time.Time             `json:"startedAt,omitzero"`
	FinishedAt  time.Time             `json:"finishedAt,omitzero"`
	Run         retinue.RunID         `json:"run,omitempty"`
	Repeats     store.ScanID          `json:"repeats,omitempty" doc:"The scan that crashed and that this one stands for"`
	Cancelling  bool                  `json:"cancelling,omitempty"`
	CancelledBy string                `json:"cancelledBy,omitempty"`
	Progress    []store.ScopeProgress `json:"progress" doc:"How far each scope is; written at most once a second"`
	Error       string                `json:"error,omitempty"`
}

type listScansInput struct {
	Limit  int             `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor string          `query:"cursor" maxLength:"2048"`
	Source string          `query:"source" maxLength:"200" doc:"Name or id"`
	State  store.ScanState `query:"state" enum:"waiting,running,complete,partial,failed,cancelled,crashed"`
}

// ScanPath names a scan.
type ScanPath struct {
	ID store.ScanID `path:"id" maxLength:"40"`
}

type cancelScanInput struct {
	ScanPath
	IdempotencyKey
}

type requestScanInput struct {
	SourcePath
	IdempotencyKey
}

// queued is the answer of a request that is carried out later.
type queued[T any] struct {
	Location string `header:"Location"`
	Body     T
}

func (a *API) scans() {
	s := a.services.Scans
	if s == nil {
		return
	}
	tags := []string{"Scans"}
	add(a, huma.Operation{OperationID: "list-scans", Method: http.MethodGet, Path: "/scans", Tags: tags, Summary: "Scans, the newest first"},
		func(ctx context.Context, in *listScansInput) (*listed[Scan], error) { return listScans(ctx, s, in) })
	add(a, huma.Operation{OperationID: "get-scan", Method: http.MethodGet, Path: "/scans/{id}", Tags: tags, Summary: "One scan, and how far it is"},
		func(ctx context.Context, in *ScanPath) (*single[Scan], error) {
			return one(s.Scan(ctx, caller(ctx).Scope(auth.PermSourcesRead), in.ID))
		})
	addOnce(a, huma.Operation{OperationID: "request-scan", Method: http.MethodPost, Path: "/sources/{name}/scan", Tags: tags, DefaultStatus: http.StatusAccepted,
		Summary: "Ask for a scan of a source", Description: "A request that waits already stands for this one too; while a scan runs, another one waits for its end."},
		func(ctx context.Context, in *requestScanInput) (*queued[Scan], error) {
			v, err := s.RequestScan(ctx, caller(ctx), in.Name)
			if err != nil {
				return nil, err
			}
			return &queued[Scan]{Location: Base + "/scans/" + string(v.ID), Body: v}, nil
		})
	addOnce(a, huma.Operation{OperationID: "cancel-scan", Method: http.MethodPost, Path: "/scans/{id}/cancel", Tags: tags, DefaultStatus: http.StatusAccepted,
		Summary: "Cancel a scan", Description: "What it has completed stays; the rest is marked incomplete."},
		func(ctx context.Context, in *cancelScanInput) (*queued[Scan], error) {
			v, err := s.CancelScan(ctx, caller(ctx), in.ID)
			if err != nil {
				return nil, err
			}
			return &queued[Scan]{Location: Base + "/scans/" + string(v.ID), Body: v}, nil
		})
}

func listScans(ctx context.Context, s Scans, in *listScansInput) (*listed[Scan], error) {
	of := struct{ Source, State string }{in.Source, string(in.State)}
	q := store.ScanQuery{Source: in.Source, State: in.State, Limit: in.Limit}
	var before string
	if err := DecodeCursor(in.Cursor, of, &before); err != nil {
		return nil, err
	}
	if before != "" {
		var err error
		if q.Before, err = strconv.ParseInt(before, 10, 64); err != nil {
			return nil, errCursor
		}
	}
	items, next, err := s.ListScans(ctx, caller(ctx).Scope(auth.PermSourcesRead), q)
	if err != nil {
		return nil, err
	}
	cursor := ""
	if next != 0 {
		if cursor, err = EncodeCursor(of, strconv.FormatInt(next, 10)); err != nil {
			return nil, err
		}
	}
	return pageOf(items, cursor, int64(len(items)), next != 0), nil
}
