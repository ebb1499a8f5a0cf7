package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app/itself"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// ListCollectors implements api.Collectors.
func (a *App) ListCollectors(ctx context.Context, scope store.RowScope) (out []api.Collector, err error) {
	err = a.viewSources(ctx, scope, func(tx *sqlstore.Tx) error {
		list, err := tx.Collectors()
		if err != nil {
			return err
		}
		for _, c := range list {
			v, err := a.collectorView(tx, c)
			if err != nil {
				return err
			}
			out = append(out, v)
		}
		return nil
	})
	return out, err
}

// Collector implements api.Collectors.
func (a *App) Collector(ctx context.Context, scope store.RowScope, id store.CollectorID) (out api.Collector, err error) {
	err = a.viewSources(ctx, scope, func(tx *sqlstore.Tx) error {
		c, err := tx.Collector(id)
		if err != nil {
			return err
		}
		out, err = a.collectorView(tx, c)
		return err
	})
	return out, err
}

func (a *App) collectorView(tx *sqlstore.Tx, c store.Collector) (api.Collector, error) {
	v := api.Collector{ID: c.ID, Name: c.Name, Realms: c.Realms, Sources: []string{}, Fingerprints: c.Enrolment, EnrolledAt: c.EnrolledAt,
		KeyCurrent: c.Enrolment == store.EnrolmentDone && c.KeyID == a.Keys.Current().ID, CreatedAt: c.CreatedAt, CreatedBy: c.CreatedBy.Name,
		LastPush: c.LastPush, Version: c.ProgramVersion, Host: c.Host, RevokedAt: c.RevokedAt}
	sources, err := tx.SourceConfigs()
	if err != nil {
		return v, err
	}
	for _, s := range sources {
		if s.Collector == c.ID {
			v.Sources = append(v.Sources, s.Source.Name)
		}
	}
	t, err := tx.Token(c.Token)
	if errors.Is(err, retinue.ErrNotFound) {
		return v, nil
	}
	v.TokenHint, v.ExpiresAt = t.Hint, t.ExpiresAt
	return v, err
}

// parseRealms checks the realms that a collector is bound to.
func parseRealms(words []string) ([]retinue.Realm, error) {
	out := make([]retinue.Realm, 0, len(words))
	for i, w := range words {
		r := retinue.Realm(strings.TrimSpace(w))
		if err := r.Validate(); err != nil {
			return nil, &retinue.FieldError{Field: fmt.Sprintf("body.realms[%d]", i), Err: err}
		}
		if kind, id, _ := strings.Cut(string(r), ":"); strings.Contains(id, "*") && id != "*" || strings.Contains(kind, "*") {
			return nil, fieldError(fmt.Sprintf("body.realms[%d]", i), "%.100q: a star stands alone after the colon, for every realm of a kind", w)
		}
		if r.Kind() == itself.Kind {
			return nil, fieldError(fmt.Sprintf("body.realms[%d]", i), "%.100q: an installation states its own facts", w)
		}
		out = append(out, r)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// mayState reports whether a collector is bound to a realm.
func mayState(c store.Collector, realm retinue.Realm) bool {
	kind, _, _ := strings.Cut(string(realm), ":")
	return slices.Contains(c.Realms, realm) || slices.Contains(c.Realms, retinue.Realm(kind+":*"))
}

// collectorDays is how long a collector's token works where nobody says.
const collectorDays = 365

// CreateCollector implements api.Collectors.
func (a *App) CreateCollector(ctx context.Context, c auth.Caller, in api.CollectorInput) (out api.NewCollector, err error) {
	realms, err := parseRealms(in.Realms)
	if err != nil {
		return out, err
	}
	if in.Days == 0 {
		in.Days = collectorDays
	}
	col := store.Collector{Name: in.Name, Realms: realms, Enrolment: store.EnrolmentNone, CreatedBy: c.Actor}
	if in.Fingerprints {
		col.Enrolment = store.EnrolmentAllowed
	}
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		if out.Token, col.Token, err = a.collectorToken(tx, c, col, time.Duration(in.Days)*24*time.Hour); err != nil {
			return err
		}
		if col, err = tx.CreateCollector(col); err != nil {
			return err
		}
		tx.Record(c.Actor, retinue.RecordCollectorCreated, col.Name, map[string]any{"collector": col.ID, "realms": col.Realms, "token": col.Token, "fingerprints": col.Enrolment})
		out.Collector, err = a.collectorView(tx, col)
		return err
	})
	if err != nil {
		return api.NewCollector{}, err
	}
	return out, nil
}

func (a *App) collectorToken(tx *sqlstore.Tx, by auth.Caller, c store.Collector, life time.Duration) (string, store.TokenID, error) {
	token := auth.NewToken()
	hash, err := auth.ParseToken(token)
	if err != nil {
		return "", "", err
	}
	t, err := tx.CreateToken(store.Token{Kind: store.TokenKindCollector, Name: c.Name, Hint: auth.TokenHint(token), Permissions: []string{string(auth.PermIngestWrite)},
		Scope: store.Everything(), Realms: c.Realms, CreatedBy: by.Actor.Name, ExpiresAt: tx.At().Add(life)}, hash)
	return token, t.ID, err
}

// ChangeCollector implements api.Collectors.
func (a *App) ChangeCollector(ctx context.Context, c auth.Caller, id store.CollectorID, in api.CollectorChange, check func(api.Collector) error) (out api.Collector, err error) {
	var realms []retinue.Realm
	if in.Realms != nil {
		if realms, err = parseRealms(*in.Realms); err != nil {
			return out, err
		}
	}
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		col, err := workingCollector(tx, id)
		if err != nil {
			return err
		}
		if out, err = a.collectorView(tx, col); err != nil {
			return err
		}
		if err := check(out); err != nil {
			return err
		}
		if realms != nil {
			col.Realms = realms
		}
		switch {
		case in.Fingerprints == nil:
		case *in.Fingerprints:
			col.Enrolment = store.EnrolmentAllowed
		default:
			col.Enrolment, col.Recipient, col.KeyID, col.EnrolledAt = store.EnrolmentNone, "", "", time.Time{}
		}
		if col, err = tx.SaveCollector(col); err != nil {
			return err
		}
		tx.Record(c.Actor, retinue.RecordCollectorChanged, col.Name, map[string]any{"collector": col.ID, "realms": col.Realms, "fingerprints": col.Enrolment})
		out, err = a.collectorView(tx, col)
		return err
	})
	return out, err
}

// workingCollector returns a collector that is not revoked.
func workingCollector(tx *sqlstore.Tx, id store.CollectorID) (store.Collector, error) {
	c, err := tx.Collector(id)
	if err == nil && !c.RevokedAt.IsZero() {
		err = fmt.Errorf("%w: collector %s: it was revoked", retinue.ErrConflict, c.Name)
	}
	return c, err
}

// RenewCollectorToken implements api.Collectors.
func (a *App) RenewCollectorToken(ctx context.Context, c auth.Caller, id store.CollectorID) (out api.NewCollector, err error) {
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		col, err := workingCollector(tx, id)
		if err != nil {
			return err
		}
		if err := endToken(tx, col.Token); err != nil {
			return err
		}
		if out.Token, col.Token, err = a.collectorToken(tx, c, col, collectorDays*24*time.Hour); err != nil {
			return err
		}
		if col, err = tx.SaveCollector(col); err != nil {
			return err
		}
		tx.Record(c.Actor, retinue.RecordCollectorChanged, col.Name, map[string]any{"collector": col.ID, "token": col.Token})
		out.Collector, err = a.collectorView(tx, col)
		return err
	})
	if err != nil {
		return api.NewCollector{}, err
	}
	return out, nil
}

func endToken(tx *sqlstore.Tx, id store.TokenID) error {
	t, err := tx.Token(id)
	if errors.Is(err, retinue.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = tx.RevokeToken(t.Key)
	return err
}

// RevokeCollector implements api.Collectors.
func (a *App) RevokeCollector(ctx context.Context, c auth.Caller, id store.CollectorID) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		col, err := workingCollector(tx, id)
		if err != nil {
			return err
		}
		if err := endToken(tx, col.Token); err != nil {
			return err
		}
		open, err := tx.OpenUploads(col.Key)
		if err != nil {
			return err
		}
		for _, u := range open {
			u.State, u.EndedAt, u.Error = store.UploadFailed, tx.At(), "the collector was revoked"
			if err := tx.SaveUpload(u); err != nil {
				return err
			}
		}
		col.RevokedAt, col.Enrolment = tx.At(), store.EnrolmentNone
		tx.Record(c.Actor, retinue.RecordCollectorRevoked, col.Name, map[string]any{"collector": col.ID})
		_, err = tx.SaveCollector(col)
		return err
	})
}

// callingCollector returns the collector that calls. Others hand nothing in,
// whatever they may do otherwise.
func callingCollector(tx *sqlstore.Tx, c auth.Caller) (store.Collector, error) {
	col, err := tx.CollectorOfToken(c.Token)
	if errors.Is(err, retinue.ErrNotFound) || err == nil && (c.Kind != auth.KindCollector || !col.RevokedAt.IsZero()) {
		return col, fmt.Errorf("%w: only collectors hand in, with their own tokens", retinue.ErrDenied)
	}
	return col, err
}

// selfID stands for the collector that calls.
const selfID store.CollectorID = "self"

// EnrollCollector implements api.Collectors.
func (a *App) EnrollCollector(ctx context.Context, c auth.Caller, id store.CollectorID, recipient string) (out api.Enrolled, err error) {
	to, err := age.ParseX25519Recipient(recipient)
	if err != nil {
		return out, fieldError("body.recipient", "it is not an age recipient (age1…)")
	}
	key := a.Keys.Current()
	sealed, err := encryptTo(to, key.Encode())
	if err != nil {
		return out, err
	}
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		col, err := callingCollector(tx, c)
		if err != nil {
			return err
		}
		if id != selfID && id != col.ID {
			return fmt.Errorf("%w: collector", retinue.ErrNotFound)
		}
		switch col.Enrolment {
		case store.EnrolmentAllowed:
		case store.EnrolmentDone:
			return fmt.Errorf("%w: enrol collector %s: it has fetched the key already; an administrator can allow it once more", retinue.ErrConflict, col.Name)
		default:
			return fmt.Errorf("%w: enrol collector %s: an administrator has to allow it", retinue.ErrDenied, col.Name)
		}
		col.Enrolment, col.Recipient, col.KeyID, col.EnrolledAt = store.EnrolmentDone, to.String(), key.ID, tx.At()
		if _, err := tx.SaveCollector(col); err != nil {
			return err
		}
		tx.Record(c.Actor, retinue.RecordCollectorEnrolled, col.Name, map[string]any{"collector": col.ID, "key": key.ID, "recipient": to.String()})
		return nil
	})
	if err != nil {
		return api.Enrolled{}, err
	}
	return api.Enrolled{KeyID: key.ID, Key: sealed}, nil
}

// encryptTo encrypts a text in the armoured form of age.
func encryptTo(to age.Recipient, text string) (string, error) {
	var b bytes.Buffer
	arm := armor.NewWriter(&b)
	w, err := age.Encrypt(arm, to)
	if err != nil {
		return "", fmt.Errorf("encrypt fingerprint key: %w", err)
	}
	_, err = io.WriteString(w, text)
	if err := errors.Join(err, w.Close(), arm.Close()); err != nil {
		return "", fmt.Errorf("encrypt fingerprint key: %w", err)
	}
	return b.String(), nil
}
