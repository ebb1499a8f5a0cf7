package app

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/seal"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// hookPlace is where the secret of a webhook stands sealed.
func hookPlace(id retinue.SourceID) seal.Place {
	return seal.Place{Table: "source_hooks", Row: string(id), Column: "sealed"}
}

// SetHook implements api.Hooks.
func (a *App) SetHook(ctx context.Context, c auth.Caller, source string) (out api.NewHook, err error) {
	sealer, err := a.fleet.sealing()
	if err != nil {
		return out, err
	}
	secret := auth.NewSecret()
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		cfg, err := a.scannable(tx, store.Everything(), source)
		if err != nil {
			return err
		}
		sealed, err := sealer.Seal(ctx, []byte(secret), hookPlace(cfg.Source.ID))
		if err != nil {
			return fmt.Errorf("seal secret of webhook: %w", err)
		}
		out = api.NewHook{Path: hookURLPath(cfg.Source.ID), Secret: secret}
		tx.Record(c.Actor, retinue.RecordHookSet, cfg.Source.Name, map[string]any{"source": cfg.Source.ID})
		return tx.SetHook(cfg.Source.Key, sealed, c.Actor)
	})
	if err != nil {
		return api.NewHook{}, err
	}
	return out, nil
}

// RemoveHook implements api.Hooks.
func (a *App) RemoveHook(ctx context.Context, c auth.Caller, source string) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		cfg, err := tx.SourceConfig(source)
		if err != nil {
			return err
		}
		if err := tx.RemoveHook(cfg.Source.Key); err != nil {
			return err
		}
		tx.Record(c.Actor, retinue.RecordHookRemoved, cfg.Source.Name, map[string]any{"source": cfg.Source.ID})
		return nil
	})
}

const (
	// hookWindow is by how much the time in a signature may differ from ours.
	hookWindow = 5 * time.Minute
	// keepDeliveries is how long deliveries are known again. Signatures without
	// a time, as GitHub's, are refused a second time for that long.
	keepDeliveries = 90 * 24 * time.Hour
)

// errHook is the answer to whoever does not know the secret: it tells nothing
// about what there is.
var errHook = fmt.Errorf("%w: the request is not signed as this webhook wants it", retinue.ErrDenied)

// TakeHook implements api.Hooks.
func (a *App) TakeHook(ctx context.Context, id retinue.SourceID, d api.HookDelivery) (out api.HookAnswer, err error) {
	cfg, secret, err := a.hookOf(ctx, id)
	if err != nil {
		return out, err
	}
	digest, err := verifyHook(secret, d, a.DB.Now())
	if err != nil || secret == "" {
		return out, errHook
	}
	if d.GitHubEvent == "ping" {
		return api.HookAnswer{Ignored: true}, nil
	}
	actor := retinue.Actor{Kind: "system", Name: "webhook"}
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		out = api.HookAnswer{}
		before, err := takeDelivery(tx, cfg, digest, "")
		if err != nil {
			return err
		}
		if before != "" {
			out = api.HookAnswer{Scan: before, Repeated: true}
			return nil
		}
		if cfg, err = tx.SourceConfig(string(id)); err != nil {
			return err
		}
		if cfg.Paused {
			return fmt.Errorf("%w: scan %s: it is paused", retinue.ErrConflict, cfg.Source.Name)
		}
		s, _, err := a.requestScan(ctx, tx, store.Scan{Source: cfg.Source, Reason: store.ScanHooked, Actor: actor, DueAt: tx.At()})
		if err != nil {
			return err
		}
		out.Scan = s.ID
		_, err = takeDelivery(tx, cfg, digest, s.ID)
		return err
	})
	return out, err
}

func takeDelivery(tx *sqlstore.Tx, cfg store.SourceConfig, digest []byte, scan store.ScanID) (store.ScanID, error) {
	if digest == nil {
		return "", nil
	}
	return tx.TakeDelivery(cfg.Source.Key, digest, scan, keepDeliveries)
}

// hookOf returns the source and the secret of a webhook. Where there is none it
// returns an empty secret, under which nothing verifies, after the same work.
func (a *App) hookOf(ctx context.Context, id retinue.SourceID) (cfg store.SourceConfig, secret string, err error) {
	sealer, err := a.fleet.sealing()
	if err != nil {
		return cfg, "", errHook
	}
	var sealed []byte
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		if cfg, err = tx.SourceConfig(string(id)); err != nil {
			return err
		}
		if cfg.Source.ID != id {
			return fmt.Errorf("%w: webhook", retinue.ErrNotFound) // a name is no address
		}
		sealed, err = tx.HookSecret(cfg.Source.Key)
		return err
	})
	if errors.Is(err, retinue.ErrNotFound) {
		return cfg, "", nil
	}
	if err != nil {
		return cfg, "", err
	}
	plain, err := sealer.Open(ctx, sealed, hookPlace(id))
	return cfg, string(plain), err
}

// verifyHook checks how a delivery is signed, and returns by what it is known
// again; nil where the sender gives nothing to tell two deliveries apart.
func verifyHook(secret string, d api.HookDelivery, now time.Time) ([]byte, error) {
	switch {
	case d.Signature != "":
		return verifyOwn(secret, d, now)
	case d.GitHubSignature != "":
		// https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
		text, ok := strings.CutPrefix(d.GitHubSignature, "sha256=")
		sum, err := hex.DecodeString(text)
		if !ok || err != nil || !hmac.Equal(sum, mac(secret, d.Body)) {
			return nil, errHook
		}
		return deliveryDigest("github", sum), nil
	case d.GitLabToken != "":
		// https://docs.gitlab.com/user/project/integrations/webhooks/
		if subtle.ConstantTimeCompare([]byte(d.GitLabToken), []byte(secret)) != 1 {
			return nil, errHook
		}
		if d.GitLabEvent == "" {
			return nil, nil
		}
		return deliveryDigest("gitlab", []byte(d.GitLabEvent)), nil
	}
	return nil, errHook
}

// verifyOwn checks t=SECONDS,v1=HEX.
func verifyOwn(secret string, d api.HookDelivery, now time.Time) ([]byte, error) {
	var at, v1 string
	for part := range strings.SplitSeq(d.Signature, ",") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(part), "="); name {
		case "t":
			at = value
		case "v1":
			v1 = value
		}
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	sum, hexErr := hex.DecodeString(v1)
	if err != nil || hexErr != nil {
		return nil, errHook
	}
	if !hmac.Equal(sum, mac(secret, append([]byte(at+"."), d.Body...))) {
		return nil, errHook
	}
	if off := now.Sub(time.Unix(seconds, 0)); off > hookWindow || off < -hookWindow {
		return nil, errHook
	}
	return deliveryDigest("retinue", sum), nil
}

func mac(secret string, text []byte) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	_, _ = h.Write(text) // never fails, see hash.Hash
	return h.Sum(nil)
}

func deliveryDigest(scheme string, id []byte) []byte {
	sum := sha256.Sum256(append([]byte(scheme+"\x00"), id...))
	return sum[:]
}

// SignHook signs a request to a webhook: what a deployment's script sends as
// X-Retinue-Signature.
func SignHook(secret string, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac(secret, append([]byte(t+"."), body...)))
}
