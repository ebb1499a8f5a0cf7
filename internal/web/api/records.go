package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// Records reads the audit log. Whoever may read it reads all of it.
type Records interface {
	ListRecords(ctx context.Context, q store.RecordQuery) (store.RecordPage, error)
	VerifyRecords(ctx context.Context) (Verification, error)
}

// Verification is the outcome of verifying the audit log.
type Verification struct {
	OK      bool      `json:"ok"`
	Summary string    `json:"summary"`
	At      time.Time `json:"at"`
}

// RecordFilter are the filters of lists of records.
type RecordFilter struct {
	Actions []string  `query:"action,explode" maxItems:"50" doc:"Actions, or the part before the dot"`
	Actor   string    `query:"actor" maxLength:"200" doc:"The name of who did it"`
	Subject string    `query:"subject" maxLength:"200" doc:"What it was done to"`
	From    time.Time `query:"from"`
	To      time.Time `query:"to"`
	FromSeq int64     `query:"from_seq" minimum:"0" doc:"From this sequence number on"`
}

func (f RecordFilter) query() store.RecordQuery {
	return store.RecordQuery{Actions: f.Actions, Actor: f.Actor, Subject: f.Subject, At: store.Window{From: f.From, To: f.To}, FromSeq: f.FromSeq}
}

// ListRecordsInput is what the list of records takes, and so does their export.
type ListRecordsInput struct {
	ListInput
	RecordFilter
	Sort string `query:"sort" default:"-seq" enum:"seq,-seq" doc:"seq: the oldest first"`
}

func (a *API) records() {
	s := a.services.Records
	if s == nil {
		return
	}
	tags := []string{"Audit log"}
	add(a, huma.Operation{OperationID: "list-records", Method: http.MethodGet, Path: "/records", Tags: tags, Summary: "The audit log"},
		func(ctx context.Context, in *ListRecordsInput) (*listed[retinue.Record], error) {
			q := in.query()
			q.Limit, q.Desc = in.Limit, in.Sort != "seq"
			q.Count = in.count()
			at := int64(0)
			if err := DecodeCursor(in.Cursor, cursorOf(q), &at); err != nil {
				return nil, err
			}
			q.After = at
			p, err := s.ListRecords(ctx, q)
			if err != nil {
				return nil, err
			}
			next := ""
			if p.Next != 0 {
				if next, err = EncodeCursor(cursorOf(q), p.Next); err != nil {
					return nil, err
				}
			}
			return pageOf(p.Items, next, p.Total, p.TotalIsMore), nil
		})
	add(a, huma.Operation{OperationID: "verify-records", Method: http.MethodPost, Path: "/records/verify", Tags: tags, Summary: "Verify the hash chain of the audit log"},
		func(ctx context.Context, _ *struct{}) (*single[Verification], error) {
			return one(s.VerifyRecords(ctx))
		})
}

// cursorOf is what a cursor of records belongs to.
func cursorOf(q store.RecordQuery) any {
	return []any{q.Actions, q.Actor, q.Subject, q.At, q.FromSeq, q.Desc}
}
