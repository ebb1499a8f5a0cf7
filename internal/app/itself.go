package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app/accounts"
	"github.com/retinue-id/retinue/internal/app/itself"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/evidence"
	"github.com/retinue-id/retinue/internal/ingest"
	"github.com/retinue-id/retinue/internal/jobs"
	"github.com/retinue-id/retinue/internal/seal"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// itselfJob has the installation state its own identities.
type itselfJob struct{}

// Kind implements jobs.Args.
func (itselfJob) Kind() string { return "read_itself" }

// itselfEvery is how often the installation is read although nothing was
// changed: last uses move by themselves.
const itselfEvery = 6 * time.Hour

// changesItself lists what, once it is on record, makes the installation be
// read again. What reading it records is not among them.
func changesItself() []retinue.RecordAction {
	return []retinue.RecordAction{
		retinue.RecordTokenCreated, retinue.RecordTokenRevoked, retinue.RecordRoleBound, retinue.RecordRoleUnbound,
		retinue.RecordAccountChanged, retinue.RecordAccountDeactivated, retinue.RecordAccountActivated, retinue.RecordAccountDeleted, retinue.RecordAccountReset,
		retinue.RecordGroupChanged, retinue.RecordGroupDeleted, retinue.RecordSSOChanged, retinue.RecordSealKey, retinue.RecordSealKeyRetired, retinue.RecordFingerprintKey,
		retinue.RecordSourceConfigured, retinue.RecordSourceChanged, retinue.RecordSourceRemoved, retinue.RecordSecretSet, retinue.RecordSecretRemoved,
		retinue.RecordHookSet, retinue.RecordHookRemoved, retinue.RecordCollectorCreated, retinue.RecordCollectorChanged,
		retinue.RecordCollectorRevoked, retinue.RecordCollectorEnrolled, retinue.RecordChannelCreated, retinue.RecordChannelChanged, retinue.RecordChannelDeleted,
	}
}

// StartItself has the installation read from now on: at once, after every
// change of what it holds, and on a schedule.
func (a *App) StartItself(ctx context.Context) error {
	a.DB.OnUpdate(func(ctx context.Context, tx *sqlstore.Tx) error {
		if !tx.Recorded(changesItself()...) {
			return nil
		}
		_, err := a.queue.Insert(ctx, queueTx(tx), itselfJob{}, jobs.Options{Key: "itself"})
		return err
	})
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		if err := a.queue.SetSchedule(ctx, queueTx(tx), jobs.Schedule{Name: "itself", Every: itselfEvery, Args: itselfJob{}}); err != nil {
			return err
		}
		_, err := a.queue.Insert(ctx, queueTx(tx), itselfJob{}, jobs.Options{Key: "itself"})
		return err
	})
}

// ReadItself states the installation's own identities, credentials and rights
// into its inventory, as a scan of any other system does.
func (a *App) ReadItself(ctx context.Context) (store.Run, error) {
	in, err := a.itself(ctx)
	if err != nil {
		return store.Run{}, fmt.Errorf("read the installation itself: %w", err)
	}
	// Nothing is held back: the installation knows what it has.
	opt := ingest.Options{Actor: retinue.Actor{Kind: "system", Name: "installation"}, Log: a.log, Now: a.now, Holder: holder(), HoldShare: -1}
	run, err := ingest.Run(ctx, a.DB, itself.Kind, itself.SourceName, "", itself.New(in), opt)
	if err == nil && run.State == store.RunRefused {
		err = fmt.Errorf("%w: another process reads it", retinue.ErrUnavailable)
	}
	if err != nil {
		return run, fmt.Errorf("read the installation itself: %w", err)
	}
	return run, nil
}

// itself is the installation as it stands.
func (a *App) itself(ctx context.Context) (in itself.Installation, err error) {
	signing, err := a.signingKey(ctx)
	if err != nil {
		return in, err
	}
	in.ID = strings.TrimPrefix(signing.Origin(), "retinue/")
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		if err := ownAccounts(tx, &in); err != nil {
			return err
		}
		if err := a.ownSources(tx, &in); err != nil {
			return err
		}
		for _, p := range []store.Purpose{store.PurposeChannel, store.PurposeStream, store.PurposeCheckpoint} {
			list, err := tx.Outlets(p)
			if err != nil {
				return err
			}
			in.Outlets = append(in.Outlets, list...)
		}
		if in.Clients, err = tx.Providers(); err != nil {
			return err
		}
		return a.ownKeys(tx, signing, &in)
	})
	return in, err
}

// ownAccounts adds tokens that work, with what they may do now, and the
// accounts that hold some.
func ownAccounts(tx *sqlstore.Tx, in *itself.Installation) error {
	all, _, err := tx.Accounts(store.AccountQuery{})
	if err != nil {
		return err
	}
	in.Logins = make(map[string]string, len(all))
	for _, acc := range all {
		in.Logins[string(acc.ID)] = acc.Login
		if acc.Email != "" {
			in.Logins[string(acc.ID)] = acc.Email
		}
	}
	tokens, err := tx.Tokens(store.TokenQuery{})
	if err != nil {
		return err
	}
	holds := map[store.AccountID]bool{}
	for _, t := range tokens {
		c, err := accounts.TokenCaller(tx, t)
		if err != nil {
			return err
		}
		in.Tokens = append(in.Tokens, itself.Token{Token: t, May: rightsOf(c), Asleep: c.Kind == auth.KindNone})
		holds[t.Account] = t.Account != ""
	}
	for _, acc := range all {
		if !holds[acc.ID] {
			continue
		}
		rows, err := tx.BindingsOf(acc.Key)
		if err != nil {
			return err
		}
		own := itself.Account{Account: acc}
		for _, b := range rows {
			own.Bindings = append(own.Bindings, itself.Binding{Role: auth.Role(b.Role), On: bindingScope(b, acc), Group: string(b.Group)})
		}
		in.Accounts = append(in.Accounts, own)
	}
	return nil
}

// bindingScope is on what a role is bound; what is an account's own is named by
// its login.
func bindingScope(b store.RoleBinding, acc store.Account) store.RowScope {
	if b.Own {
		return b.Scope.Union(store.RowScope{Owners: []string{acc.Login}})
	}
	return b.Scope
}

// rightsOf lists what a caller may do, by the part of the inventory.
func rightsOf(c auth.Caller) []itself.Right {
	var out []itself.Right
	for _, p := range c.Permissions() {
		on := c.Scope(p)
		i := slices.IndexFunc(out, func(r itself.Right) bool { return auth.Contains(r.On, on) && auth.Contains(on, r.On) })
		if i < 0 {
			out = append(out, itself.Right{On: on})
			i = len(out) - 1
		}
		out[i].Permissions = append(out[i].Permissions, p)
	}
	return out
}

// ownSources adds sources with what their secrets are kept in, and collectors.
func (a *App) ownSources(tx *sqlstore.Tx, in *itself.Installation) error {
	list, err := tx.SourceConfigs()
	if err != nil {
		return err
	}
	runs, err := tx.LastRuns()
	if err != nil {
		return err
	}
	last := map[retinue.SourceID]store.Run{}
	for _, r := range runs {
		last[r.Source.ID] = r
	}
	for _, c := range list {
		s := itself.Source{SourceConfig: c, Realm: last[c.Source.ID].Access.Realm, LastRun: last[c.Source.ID].StartedAt}
		if file, ok := a.fileSource(c); ok {
			s.Files = map[string]itself.Place{}
			for name, p := range file.Secrets {
				s.Files[name] = secretFile(p)
			}
		}
		in.Sources = append(in.Sources, s)
	}
	all, err := tx.Collectors()
	for _, c := range all {
		if c.RevokedAt.IsZero() {
			in.Collectors = append(in.Collectors, c)
		}
	}
	return err
}

func secretFile(p SecretPlace) itself.Place {
	if p.Env != "" {
		return itself.Place{Kind: retinue.PlaceEnvironment, Path: "retinue", Field: p.Env}
	}
	return keyFile(p.File)
}

// keyFile is a file with a secret, as it lies there.
func keyFile(path string) itself.Place {
	at := itself.Place{Kind: retinue.PlaceFile, Path: path}
	if info, err := os.Stat(path); err == nil {
		at.At, at.Private = info.ModTime().UTC().Truncate(time.Second), !tooOpen(info)
	}
	return at
}

// ownKeys adds the keys of the server, and the secrets of its configuration.
func (a *App) ownKeys(tx *sqlstore.Tx, signing evidence.SigningKey, in *itself.Installation) error {
	rotated, err := tx.Meta("fingerprint.rotated")
	if err != nil {
		return err
	}
	at, _ := time.Parse(time.RFC3339Nano, rotated)
	for i, id := range a.Keys.IDs() {
		k := itself.Key{ID: "fingerprint/" + id, Kind: retinue.CredentialGenericSecret, Subtype: "fingerprint_key", Name: "fingerprint key " + id, Old: i > 0,
			Algorithm: "HMAC-SHA-256", Place: keyFile(a.Config.KeyFile)}
		if i == 0 {
			k.Since = at
		}
		in.Keys = append(in.Keys, k)
	}
	public := sha256.Sum256([]byte(signing.Public()))
	file := keyFile(a.Config.SigningKeyFile)
	in.Keys = append(in.Keys, itself.Key{ID: "audit/" + hex.EncodeToString(public[:6]), Kind: retinue.CredentialSigningKey, Subtype: "audit_signing_key",
		Name: "audit signing key", Since: file.At, Algorithm: "Ed25519", Place: file, Attrs: retinue.Attrs{"signsFor": signing.Origin()}})
	if u, err := url.Parse(a.Config.Database); err == nil && u.User != nil {
		if _, set := u.User.Password(); set {
			in.Keys = append(in.Keys, itself.Key{ID: "database", Kind: retinue.CredentialPassword, Subtype: "database_password",
				Name: "password of the database", EndUnknown: true, Attrs: retinue.Attrs{"user": u.User.Username(), "host": u.Host}})
		}
	}
	return a.ownSealingKeys(tx, in)
}

// ownSealingKeys adds the keys under which secrets are sealed.
func (a *App) ownSealingKeys(tx *sqlstore.Tx, in *itself.Installation) error {
	since, err := tx.Meta(metaSealingSince)
	if err != nil {
		return err
	}
	at, _ := time.Parse(time.RFC3339Nano, since)
	current, err := tx.Meta(metaSealingKey)
	if err != nil {
		return err
	}
	ids := []string{current}
	if ring, ok := a.sealKeys.keys.(*seal.Ring); ok {
		ids = ring.IDs()
	}
	for i, id := range ids {
		if id == "" {
			continue // a service that was never reached
		}
		k := itself.Key{ID: "sealing/" + id, Kind: retinue.CredentialGenericSecret, Subtype: "sealing_key", Name: "sealing key " + id, Old: i > 0,
			Algorithm: "AES-256-GCM", Place: a.sealKeys.place(a.Config), Attrs: retinue.Attrs{"heldBy": a.sealKeys.kind}}
		if id == current {
			k.Since = at
		}
		in.Keys = append(in.Keys, k)
	}
	if file := a.Config.Sealing.Transit.TokenFile; a.sealKeys.kind == sealVault && file != "" {
		in.Keys = append(in.Keys, itself.Key{ID: "transit-token", Kind: retinue.CredentialAPIKey, Subtype: "transit_token", Name: "token for the transit engine", EndUnknown: true, Place: keyFile(file)})
	}
	return nil
}

// itselfHandlers works the job that reads the installation. Another process
// that reads it at that moment may have begun before the change: it is tried
// again.
func (a *App) itselfHandlers(h *jobs.Handlers) {
	jobs.Handle(h, func(ctx context.Context, _ itselfJob) error {
		_, err := a.ReadItself(ctx)
		if errors.Is(err, retinue.ErrConflict) {
			err = fmt.Errorf("%w: %v", retinue.ErrUnavailable, err)
		}
		return err
	})
}
