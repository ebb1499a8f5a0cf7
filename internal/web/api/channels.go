package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/evidence/deliver"
	"github.com/retinue-id/retinue/internal/outlet"
	"github.com/retinue-id/retinue/internal/steward/channel"
	"github.com/retinue-id/retinue/internal/steward/notice"
	"github.com/retinue-id/retinue/internal/steward/ticket"
	"github.com/retinue-id/retinue/internal/store"
)

// Outlets are the configured ways out of an installation: channels, streams
// and places for checkpoints.
type Outlets interface {
	Outlets(ctx context.Context, p store.Purpose) ([]store.Outlet, error)
	Outlet(ctx context.Context, p store.Purpose, id retinue.ChannelID) (store.Outlet, error)
	// SaveOutlet makes an outlet, or changes the one that the edit names.
	SaveOutlet(ctx context.Context, by auth.Caller, e OutletEdit) (store.Outlet, error)
	DeleteOutlet(ctx context.Context, by auth.Caller, p store.Purpose, id retinue.ChannelID) error
	// TestOutlet sends something through an outlet, now. That it was refused
	// is part of the answer and no error.
	TestOutlet(ctx context.Context, by auth.Caller, p store.Purpose, id retinue.ChannelID) (OutletTest, error)
}

// OutletEdit is the whole configuration of an outlet as it shall be.
type OutletEdit struct {
	Purpose   store.Purpose
	ID        retinue.ChannelID // empty: a new one
	Version   int64             // 0: any
	Kind      string
	Name      string
	Enabled   bool
	Options   map[string]string
	Timetable notice.Timetable
	Closing   bool
	// Secrets are those to set; an empty one is dropped, one that is not
	// named stays, unless the outlet sends elsewhere now.
	Secrets map[string]string
}

// OutletTest is what became of a test.
type OutletTest struct {
	OK      bool      `json:"ok"`
	At      time.Time `json:"at"`
	Receipt string    `json:"receipt,omitempty" doc:"what the other side answered"`
	Error   string    `json:"error,omitempty"`
}

// Outlet is a way out as it is shown: of its secrets there are the names only.
type Outlet struct {
	ID        retinue.ChannelID `json:"id"`
	Kind      string            `json:"kind"`
	Name      string            `json:"name"`
	Enabled   bool              `json:"enabled"`
	Options   map[string]string `json:"options"`
	Timetable *notice.Timetable `json:"timetable,omitempty" doc:"of channels: when they send"`
	Closing   bool              `json:"closing,omitempty" doc:"of channels: they are told too when a notice is acknowledged or resolved"`
	Secrets   []string          `json:"secrets" doc:"the names of the secrets that are set"`
	Version   int64             `json:"version"`
	CreatedAt time.Time         `json:"createdAt"`
	UpdatedAt time.Time         `json:"updatedAt"`
	Cursor    int64             `json:"cursor,omitempty" doc:"of streams: how far they have come"`
	Health    OutletHealth      `json:"health"`
}

// OutletHealth is how an outlet works.
type OutletHealth struct {
	Failures    int       `json:"failures" doc:"since it last worked"`
	NextTry     time.Time `json:"nextTry,omitzero"`
	LastOK      time.Time `json:"lastOk,omitzero"`
	LastError   string    `json:"lastError,omitempty"`
	LastErrorAt time.Time `json:"lastErrorAt,omitzero"`
}

// OutletKind describes a kind of outlet.
type OutletKind struct {
	Kind      string         `json:"kind"`
	Title     string         `json:"title"`
	Says      string         `json:"says"`
	Fields    []outlet.Field `json:"fields"`
	Addressed string         `json:"addressed,omitempty" doc:"what an address within the channel is; absent where it has none"`
	Tickets   bool           `json:"tickets,omitempty" doc:"it keeps tickets"`
}

// outletBody is what makes or changes an outlet.
type outletBody struct {
	Kind      string            `json:"kind" maxLength:"40"`
	Name      string            `json:"name" minLength:"1" maxLength:"100"`
	Enabled   *bool             `json:"enabled,omitempty" doc:"true where absent"`
	Options   map[string]string `json:"options,omitempty"`
	Timetable notice.Timetable  `json:"timetable,omitempty" doc:"of channels"`
	Closing   bool              `json:"closing,omitempty" doc:"of channels: tell too when a notice is acknowledged or resolved"`
	Secrets   map[string]string `json:"secrets,omitempty" doc:"secrets to set; an empty one is dropped, one that is not named stays, unless the outlet sends elsewhere now"`
}

func (b outletBody) edit(p store.Purpose) OutletEdit {
	e := OutletEdit{Purpose: p, Kind: b.Kind, Name: b.Name, Enabled: b.Enabled == nil || *b.Enabled, Options: b.Options, Timetable: b.Timetable,
		Closing: b.Closing, Secrets: b.Secrets}
	if e.Options == nil {
		e.Options = map[string]string{}
	}
	return e
}

type createOutletInput struct{ Body outletBody }

type putOutletInput struct {
	IfMatch
	ID   retinue.ChannelID `path:"id" maxLength:"40"`
	Body outletBody
}

type outletInput struct {
	ID retinue.ChannelID `path:"id" maxLength:"40"`
}

func shownOutlet(o store.Outlet) (Outlet, error) {
	out := Outlet{ID: o.ID, Kind: o.Kind, Name: o.Name, Enabled: o.Enabled, Secrets: o.SecretNames, Version: o.Version, CreatedAt: o.CreatedAt,
		UpdatedAt: o.UpdatedAt, Health: OutletHealth{Failures: o.Failures, NextTry: o.NextAt, LastOK: o.LastOKAt, LastError: o.LastError, LastErrorAt: o.LastErrorAt}}
	var s struct {
		Options   map[string]string `json:"options"`
		Timetable notice.Timetable  `json:"timetable"`
		Closing   bool              `json:"closing"`
	}
	if err := json.Unmarshal(o.Settings, &s); err != nil {
		return out, err
	}
	out.Options = s.Options
	switch o.Purpose {
	case store.PurposeChannel:
		out.Timetable, out.Closing = &s.Timetable, s.Closing
	case store.PurposeStream:
		out.Cursor = o.Cursor
	}
	if out.Secrets == nil {
		out.Secrets = []string{}
	}
	return out, nil
}

// tag is the entity tag of an outlet: its configuration, without how it works.
func (o Outlet) tag() any {
	return map[string]any{"id": o.ID, "version": o.Version}
}

func oneOutlet(o store.Outlet, err error) (*single[Outlet], error) {
	if err != nil {
		return nil, err
	}
	shown, err := shownOutlet(o)
	if err != nil {
		return nil, err
	}
	tag, err := Tag(shown.tag())
	return &single[Outlet]{ETag: tag, CacheControl: "private, no-cache", Body: shown}, err
}

// everywhere lets a request through from who may change channels everywhere:
// what goes out is of the whole installation, so a scope of it is not enough.
func everywhere[I, O any](handler func(context.Context, *I) (*O, error)) func(context.Context, *I) (*O, error) {
	return func(ctx context.Context, in *I) (*O, error) {
		if !caller(ctx).Scope(auth.PermChannelsManage).All {
			return nil, fail(http.StatusForbidden, ProblemPermission, "it needs the permission "+string(auth.PermChannelsManage)+" on everything")
		}
		return handler(ctx, in)
	}
}

// outlets registers the operations of one purpose.
func (a *API) outlets(s Outlets, p store.Purpose, noun, plural, path, tag string, kinds []OutletKind) {
	tags := []string{tag}
	add(a, huma.Operation{OperationID: "list-" + noun + "-kinds", Method: http.MethodGet, Path: path + "/kinds", Tags: tags, Summary: "The kinds of " + plural + " and their options"},
		func(context.Context, *struct{}) (*listed[OutletKind], error) { return wholeList(kinds), nil })
	add(a, huma.Operation{OperationID: "list-" + plural, Method: http.MethodGet, Path: path, Tags: tags, Summary: "The " + plural},
		everywhere(func(ctx context.Context, _ *struct{}) (*listed[Outlet], error) {
			all, err := s.Outlets(ctx, p)
			if err != nil {
				return nil, err
			}
			items := make([]Outlet, len(all))
			for i, o := range all {
				if items[i], err = shownOutlet(o); err != nil {
					return nil, err
				}
			}
			return wholeList(items), nil
		}))
	add(a, huma.Operation{OperationID: "get-" + noun, Method: http.MethodGet, Path: path + "/{id}", Tags: tags, Summary: "One of the " + plural},
		everywhere(func(ctx context.Context, in *outletInput) (*single[Outlet], error) {
			return oneOutlet(s.Outlet(ctx, p, in.ID))
		}))
	add(a, huma.Operation{OperationID: "create-" + noun, Method: http.MethodPost, Path: path, Tags: tags, DefaultStatus: http.StatusCreated,
		Summary: "Make one of the " + plural, Description: "Secrets are sealed and never shown again."},
		everywhere(func(ctx context.Context, in *createOutletInput) (*single[Outlet], error) {
			return oneOutlet(s.SaveOutlet(ctx, caller(ctx), in.Body.edit(p)))
		}))
	add(a, huma.Operation{OperationID: "put-" + noun, Method: http.MethodPut, Path: path + "/{id}", Tags: tags, Summary: "Change one of the " + plural},
		everywhere(func(ctx context.Context, in *putOutletInput) (*single[Outlet], error) {
			o, err := s.Outlet(ctx, p, in.ID)
			if err != nil {
				return nil, err
			}
			if err := in.check(Outlet{ID: o.ID, Version: o.Version}.tag()); err != nil {
				return nil, err
			}
			e := in.Body.edit(p)
			e.ID, e.Version = in.ID, o.Version
			return oneOutlet(s.SaveOutlet(ctx, caller(ctx), e))
		}))
	add(a, huma.Operation{OperationID: "delete-" + noun, Method: http.MethodDelete, Path: path + "/{id}", Tags: tags, Summary: "Delete one of the " + plural},
		everywhere(func(ctx context.Context, in *outletInput) (*struct{}, error) {
			return none(s.DeleteOutlet(ctx, caller(ctx), p, in.ID))
		}))
	add(a, huma.Operation{OperationID: "test-" + noun, Method: http.MethodPost, Path: path + "/{id}/test", Tags: tags, Summary: "Send a test, now"},
		everywhere(func(ctx context.Context, in *outletInput) (*single[OutletTest], error) {
			return one(s.TestOutlet(ctx, caller(ctx), p, in.ID))
		}))
}

func channelKinds() []OutletKind {
	var out []OutletKind
	for _, k := range channel.Kinds() {
		out = append(out, OutletKind{Kind: k.Name, Title: k.Title, Says: k.Says, Fields: k.Fields, Addressed: k.Addressed})
	}
	for _, k := range ticket.Kinds() {
		out = append(out, OutletKind{Kind: k.Name, Title: k.Title, Says: k.Says, Fields: k.Fields, Tickets: true})
	}
	return out
}

func (a *API) channels() {
	if s := a.services.Outlets; s != nil {
		a.outlets(s, store.PurposeChannel, "channel", "channels", "/channels", "Channels", channelKinds())
	}
}

func (a *API) streams() {
	s := a.services.Outlets
	if s == nil {
		return
	}
	var kinds []OutletKind
	for _, k := range deliver.StreamKinds() {
		kinds = append(kinds, OutletKind{Kind: k.Name, Title: k.Title, Says: k.Says, Fields: k.Fields})
	}
	a.outlets(s, store.PurposeStream, "stream", "streams", "/streams", "Streams", kinds)
}
