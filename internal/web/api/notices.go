package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/steward/notice"
	"github.com/retinue-id/retinue/internal/store"
)

// Notices are what was worth telling, and who was told.
type Notices interface {
	Notices(ctx context.Context, scope store.RowScope, q store.NoticeQuery) ([]store.Notice, error)
	// NoticeDeliveries lists who is and was told, the newest first.
	NoticeDeliveries(ctx context.Context, scope store.RowScope, q DeliveryQuery) ([]Delivery, error)
	AcknowledgeNotice(ctx context.Context, by auth.Caller, id retinue.NoticeID) (store.Notice, error)
	// RetryDelivery puts a delivery that was given up back into the outbox.
	RetryDelivery(ctx context.Context, by auth.Caller, id retinue.DeliveryID) (Delivery, error)
}

// DeliveryQuery selects deliveries. Empty fields do not limit.
type DeliveryQuery struct {
	Notice  retinue.NoticeID
	Channel retinue.ChannelID
	State   store.DeliveryState
	Before  int64
	Limit   int
}

// Notice is a notice as it is shown.
type Notice struct {
	ID             retinue.NoticeID  `json:"id"`
	Kind           string            `json:"kind"`
	Severity       retinue.Severity  `json:"severity"`
	State          store.NoticeState `json:"state"`
	Title          string            `json:"title"`
	Text           string            `json:"text"`
	Path           string            `json:"path,omitempty" doc:"the console's page about it"`
	Finding        retinue.FindingID `json:"finding,omitempty"`
	Subject        retinue.EntityID  `json:"subject,omitempty"`
	SubjectName    string            `json:"subjectName,omitempty"`
	Rule           string            `json:"rule,omitempty"`
	Source         string            `json:"source,omitempty"`
	Occasion       int64             `json:"occasion" doc:"how often there was something to tell"`
	Step           int64             `json:"step" doc:"the step of the escalation that was reached"`
	NextStepAt     time.Time         `json:"nextStepAt,omitzero"`
	RaisedAt       time.Time         `json:"raisedAt"`
	LastAt         time.Time         `json:"lastAt"`
	AcknowledgedAt time.Time         `json:"acknowledgedAt,omitzero"`
	AcknowledgedBy string            `json:"acknowledgedBy,omitempty"`
	ResolvedAt     time.Time         `json:"resolvedAt,omitzero"`
}

func shownNotice(n store.Notice) Notice {
	return Notice{ID: n.ID, Kind: n.Kind, Severity: n.Severity, State: n.State, Title: n.Body.Title, Text: n.Body.Text, Path: n.Body.Path,
		Finding: n.Body.Finding, Subject: n.Body.Subject, SubjectName: n.Body.SubjectName, Rule: n.Body.Rule, Source: n.Source, Occasion: n.Occasion,
		Step: n.Step, NextStepAt: n.StepAt, RaisedAt: n.RaisedAt, LastAt: n.LastAt, AcknowledgedAt: n.AcknowledgedAt, AcknowledgedBy: n.AcknowledgedBy,
		ResolvedAt: n.ResolvedAt}
}

// Delivery is one telling as it is shown.
type Delivery struct {
	ID          retinue.DeliveryID  `json:"id"`
	Notice      retinue.NoticeID    `json:"notice"`
	Title       string              `json:"title"`
	Event       string              `json:"event" enum:"raised,escalated,acknowledged,resolved"`
	Channel     retinue.ChannelID   `json:"channel"`
	ChannelName string              `json:"channelName"`
	Address     string              `json:"address,omitempty"`
	State       store.DeliveryState `json:"state" enum:"waiting,sent,dead,cancelled"`
	Step        int64               `json:"step"`
	DueAt       time.Time           `json:"dueAt"`
	Attempts    int                 `json:"attempts"`
	SentAt      time.Time           `json:"sentAt,omitzero"`
	Message     string              `json:"message,omitempty" doc:"the message in which it was sent"`
	Receipt     string              `json:"receipt,omitempty"`
	Error       string              `json:"error,omitempty"`
	Key         int64               `json:"-"`
}

type listNoticesInput struct {
	ListInput
	State    store.NoticeState `query:"state" enum:"open,acknowledged,resolved"`
	Kind     string            `query:"kind" maxLength:"40"`
	Severity retinue.Severity  `query:"severity" enum:"critical,high,medium,low,info" doc:"at least"`
	Source   string            `query:"source" maxLength:"200"`
	Finding  retinue.FindingID `query:"finding" maxLength:"40"`
}

func (in listNoticesInput) filters() any {
	return []any{in.State, in.Kind, in.Severity, in.Source, in.Finding}
}

type listDeliveriesInput struct {
	ListInput
	Notice  retinue.NoticeID    `query:"notice" maxLength:"40"`
	Channel retinue.ChannelID   `query:"channel" maxLength:"40"`
	State   store.DeliveryState `query:"state" enum:"waiting,sent,dead,cancelled"`
}

type noticeInput struct {
	ID retinue.NoticeID `path:"id" maxLength:"40"`
}

type retryDeliveryInput struct {
	ID retinue.DeliveryID `path:"id" maxLength:"40"`
}

// paged cuts a list that was asked for one more item than the page holds.
func paged[T any](items []T, limit int, of any, key func(T) int64) (rest []T, next string, err error) {
	if len(items) <= limit {
		return items, "", nil
	}
	items = items[:limit]
	next, err = EncodeCursor(of, key(items[limit-1]))
	return items, next, err
}

// counted is a page of a list that is not counted beyond itself.
func counted[T any](items []T, next string) *listed[T] {
	return pageOf(items, next, int64(len(items)), next != "")
}

func errNoRoute(id retinue.RouteID) error { return fmt.Errorf("%w: route %s", retinue.ErrNotFound, id) }

type noticeKind struct {
	Kind notice.Kind `json:"kind"`
	Says string      `json:"says"`
}

func (a *API) notices() {
	s := a.services.Notices
	if s == nil {
		return
	}
	tags := []string{"Notices"}
	add(a, huma.Operation{OperationID: "list-notice-kinds", Method: http.MethodGet, Path: "/notices/kinds", Tags: tags, Summary: "The kinds of notices"},
		func(context.Context, *struct{}) (*listed[noticeKind], error) {
			var out []noticeKind
			for _, k := range notice.Kinds() {
				out = append(out, noticeKind{k.Kind, k.Says})
			}
			return wholeList(out), nil
		})
	add(a, huma.Operation{OperationID: "list-notices", Method: http.MethodGet, Path: "/notices", Tags: tags, Summary: "What was worth telling, the newest first"},
		func(ctx context.Context, in *listNoticesInput) (*listed[Notice], error) {
			q := store.NoticeQuery{State: in.State, Kind: in.Kind, Severity: in.Severity, Source: in.Source, Finding: in.Finding, Limit: in.Limit + 1}
			if err := DecodeCursor(in.Cursor, in.filters(), &q.Before); err != nil {
				return nil, err
			}
			all, err := s.Notices(ctx, caller(ctx).Scope(auth.PermInventoryRead), q)
			if err != nil {
				return nil, err
			}
			all, next, err := paged(all, in.Limit, in.filters(), func(n store.Notice) int64 { return n.InternalKey })
			out := make([]Notice, len(all))
			for i, n := range all {
				out[i] = shownNotice(n)
			}
			return counted(out, next), err
		})
	add(a, huma.Operation{OperationID: "get-notice", Method: http.MethodGet, Path: "/notices/{id}", Tags: tags, Summary: "One notice"},
		func(ctx context.Context, in *noticeInput) (*single[Notice], error) {
			all, err := s.Notices(ctx, caller(ctx).Scope(auth.PermInventoryRead), store.NoticeQuery{ID: in.ID, Limit: 1})
			if err == nil && len(all) == 0 {
				err = fmt.Errorf("%w: notice %s", retinue.ErrNotFound, in.ID)
			}
			if err != nil {
				return nil, err
			}
			return one(shownNotice(all[0]), nil)
		})
	add(a, huma.Operation{OperationID: "acknowledge-notice", Method: http.MethodPost, Path: "/notices/{id}/acknowledge", Tags: tags,
		Summary: "Say that somebody acts on it", Description: "Its escalation ends. The finding behind it stays as it is."},
		func(ctx context.Context, in *noticeInput) (*single[Notice], error) {
			n, err := s.AcknowledgeNotice(ctx, caller(ctx), in.ID)
			return one(shownNotice(n), err)
		})
	a.deliveries(s)
}

func (a *API) deliveries(s Notices) {
	tags := []string{"Notices"}
	add(a, huma.Operation{OperationID: "list-deliveries", Method: http.MethodGet, Path: "/deliveries", Tags: tags, Summary: "Who is and was told, the newest first",
		Description: "state=dead lists what could not be delivered and was given up."},
		func(ctx context.Context, in *listDeliveriesInput) (*listed[Delivery], error) {
			filters := []any{in.Notice, in.Channel, in.State}
			q := DeliveryQuery{Notice: in.Notice, Channel: in.Channel, State: in.State, Limit: in.Limit + 1}
			if err := DecodeCursor(in.Cursor, filters, &q.Before); err != nil {
				return nil, err
			}
			all, err := s.NoticeDeliveries(ctx, caller(ctx).Scope(auth.PermChannelsManage), q)
			if err != nil {
				return nil, err
			}
			all, next, err := paged(all, in.Limit, filters, func(d Delivery) int64 { return d.Key })
			return counted(all, next), err
		})
	add(a, huma.Operation{OperationID: "retry-delivery", Method: http.MethodPost, Path: "/deliveries/{id}/retry", Tags: tags, Summary: "Try again what was given up"},
		func(ctx context.Context, in *retryDeliveryInput) (*single[Delivery], error) {
			return one(s.RetryDelivery(ctx, caller(ctx), in.ID))
		})
}
