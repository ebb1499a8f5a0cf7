package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/steward/notice"
	"github.com/retinue-id/retinue/internal/store"
)

// NoticeRoutes are the rules of who is told what.
type NoticeRoutes interface {
	NoticeRoutes(ctx context.Context) ([]NoticeRoute, error)
	// SaveNoticeRoute makes a route, or changes the one with the id.
	SaveNoticeRoute(ctx context.Context, by auth.Caller, r NoticeRoute) (NoticeRoute, error)
	DeleteNoticeRoute(ctx context.Context, by auth.Caller, id retinue.RouteID) error
	// PreviewRoutes says who would be told, and tells nobody.
	PreviewRoutes(ctx context.Context, scope store.RowScope, q RoutePreview) (RoutePreviewed, error)
}

// NoticeRoute is a route as it is shown and edited.
type NoticeRoute struct {
	ID        retinue.RouteID `json:"id"`
	Name      string          `json:"name"`
	Position  int64           `json:"position" doc:"routes are asked in the order of their positions"`
	Enabled   bool            `json:"enabled"`
	Version   int64           `json:"version"`
	CreatedAt time.Time       `json:"createdAt"`
	UpdatedAt time.Time       `json:"updatedAt"`
	notice.Route
}

func (r NoticeRoute) tag() any { return map[string]any{"id": r.ID, "version": r.Version} }

// RoutePreview asks who would be told: of a finding, or of something with
// these properties.
type RoutePreview struct {
	Finding     retinue.FindingID   `json:"finding,omitempty" maxLength:"40"`
	Kind        notice.Kind         `json:"kind,omitempty" maxLength:"40" doc:"finding.opened where absent"`
	Severity    retinue.Severity    `json:"severity,omitempty" enum:"critical,high,medium,low,info"`
	Owner       string              `json:"owner,omitempty" maxLength:"320"`
	BackupOwner string              `json:"backupOwner,omitempty" maxLength:"320"`
	Tags        []string            `json:"tags,omitempty" maxItems:"50"`
	Source      string              `json:"source,omitempty" maxLength:"200"`
	Environment retinue.Environment `json:"environment,omitempty" maxLength:"40"`
	// At is when; now where absent.
	At time.Time `json:"at,omitzero"`
}

// RoutePreviewed says who would be told.
type RoutePreviewed struct {
	Told []PreviewTold `json:"told" doc:"at once, or when the channel sends next"`
	// Escalation is who is told when nobody acknowledges.
	Escalation []PreviewStep     `json:"escalation"`
	Skipped    []notice.Skip     `json:"skipped" doc:"targets that name nobody"`
	Routes     []retinue.RouteID `json:"routes" doc:"the routes that take it"`
}

// PreviewTold is one receiver.
type PreviewTold struct {
	notice.Tell
	ChannelName string    `json:"channelName"`
	RouteName   string    `json:"routeName"`
	DueAt       time.Time `json:"dueAt" doc:"when it would be sent: digests and quiet hours count"`
}

// PreviewStep is one step of an escalation.
type PreviewStep struct {
	AfterMinutes int           `json:"afterMinutes"`
	Told         []PreviewTold `json:"told"`
}

type routeBody struct {
	Name     string `json:"name" minLength:"1" maxLength:"100"`
	Position int64  `json:"position,omitempty" minimum:"0" maximum:"1000000" doc:"absent: the last"`
	Enabled  *bool  `json:"enabled,omitempty" doc:"true where absent"`
	notice.Route
}

func (b routeBody) route() NoticeRoute {
	return NoticeRoute{Name: b.Name, Position: b.Position, Enabled: b.Enabled == nil || *b.Enabled, Route: b.Route}
}

type createRouteInput struct {
	IdempotencyKey
	Body routeBody
}

type routeInput struct {
	ID retinue.RouteID `path:"id" maxLength:"40"`
}

type putRouteInput struct {
	IfMatch
	ID   retinue.RouteID `path:"id" maxLength:"40"`
	Body routeBody
}

type previewRoutesInput struct{ Body RoutePreview }

func oneRoute(r NoticeRoute, err error) (*single[NoticeRoute], error) {
	if err != nil {
		return nil, err
	}
	tag, err := Tag(r.tag())
	return &single[NoticeRoute]{ETag: tag, CacheControl: "private, no-cache", Body: r}, err
}

func findRoute(ctx context.Context, s NoticeRoutes, id retinue.RouteID) (NoticeRoute, error) {
	all, err := s.NoticeRoutes(ctx)
	if err != nil {
		return NoticeRoute{}, err
	}
	for _, r := range all {
		if r.ID == id {
			return r, nil
		}
	}
	return NoticeRoute{}, errNoRoute(id)
}

func (a *API) noticeRoutes() {
	s := a.services.NoticeRoutes
	if s == nil {
		return
	}
	tags := []string{"Routes"}
	add(a, huma.Operation{OperationID: "list-routes", Method: http.MethodGet, Path: "/routes", Tags: tags, Summary: "The rules of who is told what, in their order"},
		everywhere(func(ctx context.Context, _ *struct{}) (*listed[NoticeRoute], error) {
			all, err := s.NoticeRoutes(ctx)
			return wholeList(all), err
		}))
	add(a, huma.Operation{OperationID: "get-route", Method: http.MethodGet, Path: "/routes/{id}", Tags: tags, Summary: "One route"},
		everywhere(func(ctx context.Context, in *routeInput) (*single[NoticeRoute], error) {
			return oneRoute(findRoute(ctx, s, in.ID))
		}))
	addOnce(a, huma.Operation{OperationID: "create-route", Method: http.MethodPost, Path: "/routes", Tags: tags, Summary: "Make a route", DefaultStatus: http.StatusCreated},
		everywhere(func(ctx context.Context, in *createRouteInput) (*single[NoticeRoute], error) {
			return oneRoute(s.SaveNoticeRoute(ctx, caller(ctx), in.Body.route()))
		}))
	add(a, huma.Operation{OperationID: "put-route", Method: http.MethodPut, Path: "/routes/{id}", Tags: tags, Summary: "Change a route"},
		everywhere(func(ctx context.Context, in *putRouteInput) (*single[NoticeRoute], error) {
			have, err := findRoute(ctx, s, in.ID)
			if err != nil {
				return nil, err
			}
			if err := in.check(have.tag()); err != nil {
				return nil, err
			}
			r := in.Body.route()
			r.ID, r.Version = in.ID, have.Version
			if r.Position == 0 {
				r.Position = have.Position
			}
			return oneRoute(s.SaveNoticeRoute(ctx, caller(ctx), r))
		}))
	add(a, huma.Operation{OperationID: "delete-route", Method: http.MethodDelete, Path: "/routes/{id}", Tags: tags, Summary: "Delete a route"},
		everywhere(func(ctx context.Context, in *routeInput) (*struct{}, error) {
			return none(s.DeleteNoticeRoute(ctx, caller(ctx), in.ID))
		}))
	add(a, huma.Operation{OperationID: "preview-routes", Method: http.MethodPost, Path: "/routes/preview", Tags: tags, Summary: "Who would be told",
		Description: "Of a finding, or of something with the properties given. Nobody is told."},
		everywhere(func(ctx context.Context, in *previewRoutesInput) (*single[RoutePreviewed], error) {
			return one(s.PreviewRoutes(ctx, caller(ctx).Scope(auth.PermChannelsManage), in.Body))
		}))
}
