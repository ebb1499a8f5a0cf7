package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// CoverageOf selects what logs cover.
type CoverageOf = api.CoverageOf

// KeptCoverage is what is known of what logs cover, and whose word stands on it.
type KeptCoverage = api.KeptCoverage

// KeptCoverage lists what logs cover.
func (a *App) KeptCoverage(ctx context.Context, of CoverageOf) (out KeptCoverage, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		if out, err = keptCoverage(tx, of); err == nil {
			named(tx, out.Coverage, out.Attestations)
		}
		return err
	})
	return out, err
}

func keptCoverage(tx *sqlstore.Tx, of CoverageOf) (KeptCoverage, error) {
	out := KeptCoverage{Coverage: []retinue.Coverage{}, Attestations: []store.Attestation{}}
	var read []store.LogCovered
	l, err := tx.SourceLogsOf(of.Name)
	switch {
	case err == nil:
		read = l.Standing.Covered
	case !errors.Is(err, retinue.ErrNotFound):
		return out, err
	}
	wanted := func(log string, realm retinue.Realm, from, to time.Time) bool {
		named := of.Name == "" || of.Name == log || of.Name == string(realm) ||
			slices.ContainsFunc(read, func(c store.LogCovered) bool { return c.Log == log && c.Realm == realm })
		return named && (of.Realm == "" || of.Realm == realm) && (of.From.IsZero() || to.After(of.From)) && (of.To.IsZero() || from.Before(of.To))
	}
	coverage, err := tx.UsageCoverage("")
	if err != nil {
		return out, err
	}
	for _, c := range coverage {
		if wanted(c.Log, c.Realm, c.From, c.To) {
			out.Coverage = append(out.Coverage, c)
		}
	}
	words, err := tx.Attestations("")
	for _, w := range words {
		if wanted(w.Log, w.Realm, w.From, w.To) {
			out.Attestations = append(out.Attestations, w)
		}
	}
	return out, err
}

// calledIn is an actor as people know them: a person by the name of the account,
// of which only the id is kept.
func calledIn(tx *sqlstore.Tx, who retinue.Actor) retinue.Actor {
	who.Name = accountName(tx, who.Name)
	return who
}

// accountName is the name of an account, or what is no account as it is.
func accountName(tx *sqlstore.Tx, who string) string {
	if acc, err := tx.Account(store.AccountID(who)); err == nil && acc.Name != "" {
		return acc.Name
	}
	return who
}

// named has words and the proofs that rest on them call people by their names.
func named(tx *sqlstore.Tx, coverage []retinue.Coverage, words []store.Attestation) {
	for i := range words {
		id := words[i].By.Name
		words[i].By = calledIn(tx, words[i].By)
		for j := range coverage {
			if rest, ok := strings.CutPrefix(coverage[j].Proof, id+" said "); ok {
				coverage[j].Proof = words[i].By.Name + " said " + rest
			}
		}
	}
}

// Attest is AttestFor without a reason.
func (a *App) Attest(ctx context.Context, who retinue.Actor, of CoverageOf) ([]store.Attestation, error) {
	return a.AttestFor(ctx, who, of, "")
}

// AttestFor keeps somebody's word that what was read of logs is all that they
// held, for the stretches that were read and do not prove it by themselves, and
// why. It returns the stretches. The verdicts that follow are formed. ErrNotFound says that there
// is no such stretch.
func (a *App) AttestFor(ctx context.Context, who retinue.Actor, of CoverageOf, reason string) ([]store.Attestation, error) {
	var out []store.Attestation
	err := a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		out = nil
		kept, err := keptCoverage(tx, of)
		if err != nil {
			return err
		}
		for _, c := range kept.Coverage {
			if c.Proof != "" {
				continue
			}
			w := store.Attestation{Log: c.Log, Realm: c.Realm, From: c.From, To: c.To, By: who, At: tx.At(), Reason: reason}
			if of.From.After(w.From) {
				w.From = of.From
			}
			if !of.To.IsZero() && of.To.Before(w.To) {
				w.To = of.To
			}
			if err := attest(tx, who, c.Log, w); err != nil {
				return err
			}
			out = append(out, w)
		}
		if len(out) == 0 {
			return fmt.Errorf("%w: a stretch of %q that was read and is not proven to be whole", retinue.ErrNotFound, of.Name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	_, err = a.JudgeUsage(ctx)
	return out, err
}

// attest keeps a word on a log with its record.
func attest(tx *sqlstore.Tx, who retinue.Actor, subject string, w store.Attestation) error {
	tx.Record(who, retinue.RecordActivityAttested, subject, wordDetails(w))
	if err := tx.Attest(w); err != nil {
		return err
	}
	return tx.JudgeRealmAgain(w.Realm)
}

func wordDetails(w store.Attestation) map[string]any {
	d := map[string]any{"log": w.Log, "realm": w.Realm, "from": w.From.Format(time.RFC3339), "to": w.To.Format(time.RFC3339)}
	if w.Reason != "" {
		d["reason"] = w.Reason
	}
	return d
}

// Withdraw takes back every word on logs that reaches into a stretch: that it was
// given stays on record. The verdicts that follow are formed. ErrNotFound says
// that there is none.
func (a *App) Withdraw(ctx context.Context, who retinue.Actor, of CoverageOf, reason string) ([]store.Attestation, error) {
	var out []store.Attestation
	err := a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		kept, err := keptCoverage(tx, of)
		if err != nil {
			return err
		}
		out = kept.Attestations
		if len(out) == 0 {
			return fmt.Errorf("%w: anybody's word on %q", retinue.ErrNotFound, of.Name)
		}
		for _, w := range out {
			details := wordDetails(w)
			details["of"] = w.By.Name
			delete(details, "reason")
			if reason != "" {
				details["reason"] = reason
			}
			tx.Record(who, retinue.RecordActivityWithdrawn, w.Log, details)
			if err := errors.Join(tx.WithdrawAttestation(w.Key, who), tx.JudgeRealmAgain(w.Realm)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	_, err = a.JudgeUsage(ctx)
	return out, err
}

// LogCoverage implements api.LogWords.
func (a *App) LogCoverage(ctx context.Context, of CoverageOf) (KeptCoverage, error) {
	return a.KeptCoverage(ctx, of)
}

// AttestLogs implements api.LogWords.
func (a *App) AttestLogs(ctx context.Context, c auth.Caller, of CoverageOf, reason string) ([]store.Attestation, error) {
	return a.AttestFor(ctx, c.Actor, of, reason)
}

// WithdrawWords implements api.LogWords.
func (a *App) WithdrawWords(ctx context.Context, c auth.Caller, of CoverageOf, reason string) ([]store.Attestation, error) {
	return a.Withdraw(ctx, c.Actor, of, reason)
}
