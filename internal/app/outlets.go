package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/evidence/deliver"
	"github.com/retinue-id/retinue/internal/outbound"
	"github.com/retinue-id/retinue/internal/outlet"
	"github.com/retinue-id/retinue/internal/seal"
	"github.com/retinue-id/retinue/internal/steward/channel"
	"github.com/retinue-id/retinue/internal/steward/notice"
	"github.com/retinue-id/retinue/internal/steward/ticket"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// Telling is what an installation needs to tell people and systems.
type Telling struct {
	// Sealer keeps the secrets of channels; without one none can be set.
	Sealer Sealer
	// Outbound is the policy for connections; nil refuses all that are not to
	// the public internet.
	Outbound *outbound.Dialler
	// PublicURL is the address of the console, for links; empty for none.
	PublicURL string
	// HTTP, Dial and Endpoints replace connections and vendors' own addresses
	// (by kind), in tests.
	HTTP      *http.Client
	Dial      func(ctx context.Context, network, address string) (net.Conn, error)
	Endpoints map[string]string
}

// Tell gives the installation what it needs to tell people and systems. It
// must be called before jobs are worked.
func (a *App) Tell(t Telling) {
	if t.Outbound == nil {
		t.Outbound = outbound.New(outbound.Policy{})
	}
	if t.HTTP == nil {
		t.HTTP = t.Outbound.Client(30 * time.Second)
	}
	if t.Dial == nil {
		t.Dial = t.Outbound.DialContext
	}
	t.PublicURL = strings.TrimRight(t.PublicURL, "/")
	a.tell = t
}

// link is the address of a page of the console, empty where that is not known.
func (a *App) link(path string) string {
	if a.tell.PublicURL == "" || path == "" {
		return ""
	}
	return a.tell.PublicURL + path
}

// outletSettings are the settings of an outlet as they are kept.
type outletSettings struct {
	Options   map[string]string `json:"options"`
	Timetable notice.Timetable  `json:"timetable"`
	// Closing has a channel told too when a notice is acknowledged or resolved.
	Closing bool `json:"closing,omitempty"`
}

func settingsOf(o store.Outlet) (outletSettings, error) {
	var s outletSettings
	if err := json.Unmarshal(o.Settings, &s); err != nil {
		return s, fmt.Errorf("%w: read settings of %s %s: %v", retinue.ErrInvalid, o.Purpose, o.Name, err)
	}
	return s, nil
}

// outletKind is what is common to the kinds of channels, trackers, streams and
// places.
type outletKind struct {
	fields []outlet.Field
	check  func(outlet.Config) error
}

func findOutletKind(p store.Purpose, name string) (outletKind, error) {
	switch p {
	case store.PurposeChannel:
		if k, ok := channel.Find(name); ok {
			return outletKind{k.Fields, func(c outlet.Config) error { _, err := k.Open(c); return err }}, nil
		}
		if k, ok := ticket.Find(name); ok {
			return outletKind{k.Fields, func(c outlet.Config) error { _, err := k.Open(c); return err }}, nil
		}
	case store.PurposeStream:
		if k, ok := deliver.FindStream(name); ok {
			return outletKind{k.Fields, func(c outlet.Config) error { _, err := k.Open(c); return err }}, nil
		}
	case store.PurposeCheckpoint:
		if k, ok := deliver.FindPlace(name); ok {
			return outletKind{k.Fields, func(c outlet.Config) error { _, err := k.Open(c); return err }}, nil
		}
	}
	return outletKind{}, &retinue.FieldError{Field: "kind", Err: fmt.Errorf("%w: no %s is of kind %q", retinue.ErrInvalid, p, name)}
}

func sealedPlace(id retinue.ChannelID) seal.Place {
	return seal.Place{Table: "outlets", Row: string(id), Column: "sealed"}
}

// openSecrets returns the secrets of an outlet.
func (a *App) openSecrets(ctx context.Context, o store.Outlet) (map[string]retinue.Secret, error) {
	out := map[string]retinue.Secret{}
	if len(o.Sealed) == 0 {
		return out, nil
	}
	if a.tell.Sealer == nil {
		return nil, fmt.Errorf("%w: open secrets of %s: there is no sealing key", retinue.ErrUnavailable, o.Name)
	}
	raw, err := a.tell.Sealer.Open(ctx, o.Sealed, sealedPlace(o.ID))
	if err != nil {
		return nil, fmt.Errorf("open secrets of %s: %w", o.Name, err)
	}
	var plain map[string]string
	if err := json.Unmarshal(raw, &plain); err != nil {
		return nil, fmt.Errorf("%w: open secrets of %s: not an object", retinue.ErrInvalid, o.Name)
	}
	for k, v := range plain {
		out[k] = retinue.NewSecret(v)
	}
	return out, nil
}

func (a *App) sealSecrets(ctx context.Context, o *store.Outlet, secrets map[string]retinue.Secret) error {
	o.Sealed, o.SecretNames = nil, slices.Sorted(maps.Keys(secrets))
	if len(secrets) == 0 {
		return nil
	}
	if a.tell.Sealer == nil {
		return fmt.Errorf("%w: keep secrets of %s: there is no sealing key", retinue.ErrUnavailable, o.Name)
	}
	plain := map[string]string{}
	for k, v := range secrets {
		plain[k] = v.Reveal()
	}
	raw, err := json.Marshal(plain)
	if err != nil {
		return err
	}
	o.Sealed, err = a.tell.Sealer.Seal(ctx, raw, sealedPlace(o.ID))
	return err
}

// outletConfig is what a way out of this installation is opened with.
func (a *App) outletConfig(kind string, options map[string]string, secrets map[string]retinue.Secret) outlet.Config {
	return outlet.Config{Options: options, Secrets: secrets, HTTP: a.tell.HTTP, Dial: a.tell.Dial, Now: a.now,
		Agent: "retinue/" + Version, Endpoint: a.tell.Endpoints[kind]}
}

// openConfig opens the secrets of a stored outlet and makes its configuration.
func (a *App) openConfig(ctx context.Context, o store.Outlet) (outlet.Config, outletSettings, error) {
	s, err := settingsOf(o)
	if err != nil {
		return outlet.Config{}, s, err
	}
	secrets, err := a.openSecrets(ctx, o)
	if err != nil {
		return outlet.Config{}, s, err
	}
	return a.outletConfig(o.Kind, s.Options, secrets), s, nil
}

// Outlets implements api.Outlets.
func (a *App) Outlets(ctx context.Context, p store.Purpose) (out []store.Outlet, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		out, err = tx.Outlets(p)
		return err
	})
	return out, err
}

// Outlet implements api.Outlets.
func (a *App) Outlet(ctx context.Context, p store.Purpose, id retinue.ChannelID) (o store.Outlet, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		o, err = tx.Outlet(p, id)
		return err
	})
	return o, err
}

// SaveOutlet implements api.Outlets: it makes an outlet, or changes the one
// that the edit names.
func (a *App) SaveOutlet(ctx context.Context, by auth.Caller, e api.OutletEdit) (store.Outlet, error) {
	o := store.Outlet{Purpose: e.Purpose, Kind: e.Kind, ID: retinue.NewChannelID(a.DB.Now())}
	have := map[string]retinue.Secret{}
	if e.ID != "" {
		var err error
		if o, err = a.Outlet(ctx, e.Purpose, e.ID); err != nil {
			return o, err
		}
		if e.Kind != "" && e.Kind != o.Kind {
			return o, &retinue.FieldError{Field: "kind", Err: fmt.Errorf("%w: the kind stays; make another", retinue.ErrInvalid)}
		}
		if e.Version != 0 && e.Version != o.Version {
			return o, fmt.Errorf("%w: change %s %s: somebody else changed it meanwhile", retinue.ErrConflict, o.Purpose, o.Name)
		}
		before, err := settingsOf(o)
		if err != nil {
			return o, err
		}
		// A stored secret goes only where whoever set it sent it: with a new
		// receiver it must be given again.
		if !movesSecrets(o, before.Options, e) {
			if have, err = a.openSecrets(ctx, o); err != nil {
				return o, err
			}
		}
	}
	if err := a.editOutlet(ctx, &o, have, e); err != nil {
		return o, err
	}
	return o, a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		action := retinue.RecordChannelChanged
		if e.ID == "" {
			action = retinue.RecordChannelCreated
			if err := a.startCursor(tx, &o); err != nil {
				return err
			}
			if err := tx.CreateOutlet(&o); err != nil {
				return err
			}
		} else if err := tx.ChangeOutlet(&o); err != nil {
			return err
		}
		tx.Record(by.Actor, action, string(o.ID), map[string]any{"purpose": o.Purpose, "kind": o.Kind, "name": o.Name, "enabled": o.Enabled,
			"secrets": o.SecretNames, "secretsSet": slices.Sorted(maps.Keys(e.Secrets)), "version": o.Version})
		return a.wakeOutlet(ctx, tx, o)
	})
}

// movesSecrets reports whether an edit changes where an outlet sends, so that
// its secrets must not follow by themselves.
func movesSecrets(o store.Outlet, before map[string]string, e api.OutletEdit) bool {
	for _, name := range []string{"url", "host", "port", "endpoint", "region", "repository", "bucket"} {
		if before[name] != e.Options[name] && len(o.SecretNames) > 0 {
			return true
		}
	}
	return false
}

// editOutlet lays an edit over an outlet and checks the whole. Have are the
// secrets that stay unless the edit changes them.
func (a *App) editOutlet(ctx context.Context, o *store.Outlet, have map[string]retinue.Secret, e api.OutletEdit) error {
	kind, err := findOutletKind(e.Purpose, o.Kind)
	if err != nil {
		return err
	}
	if name := strings.TrimSpace(e.Name); name == "" || len(name) > 100 || retinue.CleanName(name) != name {
		return &retinue.FieldError{Field: "name", Err: fmt.Errorf("%w: want a name of at most 100 characters", retinue.ErrInvalid)}
	}
	if err := e.Timetable.Validate(); err != nil {
		return &retinue.FieldError{Field: "timetable", Err: err}
	}
	for name, v := range e.Secrets {
		if v == "" {
			delete(have, name)
			continue
		}
		have[name] = retinue.NewSecret(v)
	}
	o.Name, o.Enabled = strings.TrimSpace(e.Name), e.Enabled
	if err := kind.check(a.outletConfig(o.Kind, e.Options, have)); err != nil {
		return err
	}
	if o.Settings, err = json.Marshal(outletSettings{Options: e.Options, Timetable: e.Timetable, Closing: e.Closing}); err != nil {
		return err
	}
	return a.sealSecrets(ctx, o, have)
}

// DeleteOutlet implements api.Outlets.
func (a *App) DeleteOutlet(ctx context.Context, by auth.Caller, p store.Purpose, id retinue.ChannelID) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		o, err := tx.Outlet(p, id)
		if err != nil {
			return err
		}
		routes, err := readRoutes(tx)
		if err != nil {
			return err
		}
		for _, r := range routes {
			if r.names(id) {
				return fmt.Errorf("%w: delete channel %s: the route %q names it", retinue.ErrConflict, o.Name, r.stored.Name)
			}
		}
		tx.Record(by.Actor, retinue.RecordChannelDeleted, string(o.ID), map[string]any{"purpose": o.Purpose, "kind": o.Kind, "name": o.Name})
		return tx.DeleteOutlet(o.Key)
	})
}

// TestOutlet implements api.Outlets: it sends a test through an outlet, now.
func (a *App) TestOutlet(ctx context.Context, by auth.Caller, p store.Purpose, id retinue.ChannelID) (api.OutletTest, error) {
	o, err := a.Outlet(ctx, p, id)
	if err != nil {
		return api.OutletTest{}, err
	}
	out := api.OutletTest{At: a.DB.Now()}
	out.Receipt, err = a.tryOutlet(ctx, o)
	if errors.Is(err, context.Canceled) {
		return out, err
	}
	if out.OK = err == nil; !out.OK {
		out.Error = outlet.Clean(err.Error(), 500)
	}
	return out, a.DB.Update(context.WithoutCancel(ctx), func(tx *sqlstore.Tx) error {
		tx.Record(by.Actor, retinue.RecordChannelTested, string(o.ID), map[string]any{"purpose": o.Purpose, "name": o.Name, "ok": out.OK})
		if !out.OK {
			return tx.OutletFailed(o.Key, out.Error, time.Time{})
		}
		return tx.OutletWorked(o.Key, 0)
	})
}

func (a *App) tryOutlet(ctx context.Context, o store.Outlet) (string, error) {
	c, _, err := a.openConfig(ctx, o)
	if err != nil {
		return "", err
	}
	switch o.Purpose {
	case store.PurposeStream:
		k, _ := deliver.FindStream(o.Kind)
		s, err := k.Open(c)
		if err != nil {
			return "", err
		}
		return s.Try(ctx)
	case store.PurposeCheckpoint:
		k, _ := deliver.FindPlace(o.Kind)
		s, err := k.Open(c)
		if err != nil {
			return "", err
		}
		return s.Try(ctx)
	}
	if k, ok := ticket.Find(o.Kind); ok {
		t, err := k.Open(c)
		if err != nil {
			return "", err
		}
		return t.Try(ctx)
	}
	k, _ := channel.Find(o.Kind)
	s, err := k.Open(c)
	if err != nil {
		return "", err
	}
	now := a.DB.Now()
	return s.Send(ctx, channel.Message{ID: "test_" + strings.TrimPrefix(string(retinue.NewNoticeID(now)), "ntc_"), Event: channel.Raised, At: now,
		Console: a.link("/notices"), Items: []channel.Item{{Notice: retinue.NewNoticeID(now), Kind: string(notice.Test), Severity: retinue.SeverityInfo,
			Title: "Test of the channel " + o.Name, Text: "If you can read this, Retinue can reach you here.", URL: a.link("/settings/channels"),
			Occasion: 1, RaisedAt: now}}}, "")
}
