// Package accounts holds the use cases of people and tokens of the platform:
// signing in and out, factors, sessions, API tokens, role bindings, groups,
// single sign-on and provisioning. It belongs to the wiring: it joins what
// package auth decides with the rows of the store, each change in one
// transaction with its record.
//
// Records name accounts by their ids. What a record must say about a person
// beyond that (a login, an address) is a salted commitment beside an erasable
// payload. Nothing that a caller could present again (a password, a code, a
// token, a cookie) is ever in a record, an error or the log.
package accounts

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/evidence"
	"github.com/retinue-id/retinue/internal/seal"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// Options are what a service is made of.
type Options struct {
	DB   *sqlstore.DB
	Seal *seal.Sealer
	Log  *slog.Logger
	// Front is how the server is reached.
	Front auth.Front
	// LoopbackOnly says that the server listens on loopback addresses only.
	// Only then are one-time links given out, and is a password alone enough
	// until a second factor is set up.
	LoopbackOnly bool
	Limits       auth.SessionLimits
	// Cost is how dear a guess of a password is; auth.DefaultCost where zero.
	Cost auth.Cost
	// HTTP reaches providers of single sign-on.
	HTTP *http.Client
}

// Service is the people of one installation. It is safe for concurrent use.
type Service struct {
	db        *sqlstore.DB
	seal      *seal.Sealer
	log       *slog.Logger
	front     auth.Front
	loopback  bool
	limits    auth.SessionLimits
	passwords *auth.Passwords
	passkeys  *auth.Passkeys
	oidc      *auth.OIDC

	mu sync.Mutex
	// denied are refusals that cost nothing to make, counted here until the
	// next sweep; those that follow a check of a password are in the store.
	denied map[denial]int64
}

type denial struct {
	minute         time.Time
	origin, reason string
}

// maxDenied bounds the refusals that are told apart within a minute.
const maxDenied = 10_000

// New returns the service of an installation.
func New(o Options) (*Service, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Cost == (auth.Cost{}) {
		o.Cost = auth.DefaultCost()
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: 15 * time.Second}
	}
	keys, err := auth.NewPasskeys(o.Front)
	if err != nil {
		return nil, err
	}
	return &Service{db: o.DB, seal: o.Seal, log: o.Log, front: o.Front, loopback: o.LoopbackOnly && o.Front.Loopback(),
		limits: o.Limits.WithDefaults(), passwords: auth.NewPasswords(o.Cost), passkeys: keys,
		oidc: auth.NewOIDC(o.HTTP, o.DB.Now), denied: map[denial]int64{}}, nil
}

// Front returns how the server is reached.
func (s *Service) Front() auth.Front { return s.front }

func (s *Service) view(ctx context.Context, fn func(*sqlstore.Tx) error) error {
	return s.db.View(ctx, store.RowScope{}, fn)
}

// person is how a record names who acts from an account.
func person(id store.AccountID) retinue.Actor {
	return retinue.Actor{Kind: "person", Name: string(id)}
}

// details are the particulars of a record.
type details map[string]any

// record adds a record whose personal particulars are commitments.
func record(tx *sqlstore.Tx, by retinue.Actor, action retinue.RecordAction, subject string, d details, personal map[string]string) {
	if d == nil {
		d = details{}
	}
	var payloads []sqlstore.Payload
	for field, value := range personal {
		if value == "" {
			continue
		}
		p := evidence.Commit(field, value)
		d[field] = string(p.Commitment)
		payloads = append(payloads, sqlstore.Payload{Name: field, Salt: p.Salt, Data: p.Value})
	}
	tx.Record(by, action, subject, d, payloads...)
}

// totpPlace is where an account's secret of one-time codes stands.
func totpPlace(id store.AccountID) seal.Place {
	return seal.Place{Table: "accounts", Row: string(id), Column: "totp"}
}

// providerPlace is where a provider's client secret stands.
func providerPlace(id store.ProviderID) seal.Place {
	return seal.Place{Table: "sso_providers", Row: string(id), Column: "client_secret"}
}

// CountDenial counts a refusal by the minute and the origin. It costs no write:
// whoever knocks in vain writes nothing into the database.
func (s *Service) CountDenial(client, reason string) {
	d := denial{s.db.Now().Truncate(time.Minute), auth.ThrottleOrigin(client), reason}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.denied[d]; !ok && len(s.denied) >= maxDenied {
		d.origin = "others"
	}
	s.denied[d]++
}

// How long what was not used is kept beyond its end.
const (
	sweepDevices = auth.DeviceFor
	// RunEvery is how often Sweep is meant to be called.
	RunEvery = time.Minute
)

// Sweep writes the records of refusals in minutes that have passed, and removes
// what has run out. With all it takes the present minute too, at the end of
// the program.
func (s *Service) Sweep(ctx context.Context, all bool) error {
	before := s.db.Now().Truncate(time.Minute)
	if all {
		before = before.Add(time.Minute)
	}
	taken := s.takeDenied(before)
	err := s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		for d, n := range taken {
			if err := tx.CountDenials(store.Denials{Minute: d.minute, Origin: d.origin, Reason: d.reason, Count: n}); err != nil {
				return err
			}
		}
		rows, err := tx.TakeDenials(before)
		if err != nil {
			return err
		}
		recordDenials(tx, rows)
		return tx.SweepSignIn(s.limits.Idle, auth.ThrottleWindow, sweepDevices)
	})
	if err != nil {
		s.putBackDenied(taken)
	}
	return err
}

func (s *Service) takeDenied(before time.Time) map[denial]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := map[denial]int64{}
	for d, n := range s.denied {
		if d.minute.Before(before) {
			taken[d] = n
			delete(s.denied, d)
		}
	}
	return taken
}

func (s *Service) putBackDenied(taken map[denial]int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for d, n := range taken {
		s.denied[d] += n
	}
}

// recordDenials writes a record for each minute and origin.
func recordDenials(tx *sqlstore.Tx, rows []store.Denials) {
	for i := 0; i < len(rows); {
		first, reasons, total := rows[i], map[string]int64{}, int64(0)
		for ; i < len(rows) && rows[i].Origin == first.Origin && rows[i].Minute.Equal(first.Minute); i++ {
			reasons[rows[i].Reason] += rows[i].Count
			total += rows[i].Count
		}
		record(tx, retinue.Actor{Kind: "system", Name: "sign-in"}, retinue.RecordSignInDenied, "sign-in",
			details{"minute": first.Minute.Format(time.RFC3339), "count": total, "reasons": reasons}, map[string]string{"origin": first.Origin})
	}
}

// Close writes what waits for its minute to pass.
func (s *Service) Close(ctx context.Context) error { return s.Sweep(ctx, true) }

// clean makes foreign text fit for a name.
func clean(s string) string { return retinue.CleanName(strings.TrimSpace(s)) }

// notFound reports whether an error says that something is not there.
func notFound(err error) bool { return errors.Is(err, retinue.ErrNotFound) }
