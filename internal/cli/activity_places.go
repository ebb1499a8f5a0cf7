package cli

import (
	"context"
	"net/http"
	"net/url"

	"github.com/retinue-id/retinue/client"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
)

// logbook says what logs cover, and takes somebody's word that they are whole.
type logbook interface {
	coverage(ctx context.Context, of app.CoverageOf) (app.KeptCoverage, error)
	attest(ctx context.Context, of app.CoverageOf, reason string) ([]store.Attestation, error)
	withdraw(ctx context.Context, of app.CoverageOf, reason string) ([]store.Attestation, error)
}

// askLogs is ask for what logs cover.
func (e *env) askLogs(ctx context.Context, fn func(logbook) error) error {
	return e.at(ctx, func(r *remote) error { return fn(r) }, func(l local) error { return fn(l) })
}

func (l local) coverage(ctx context.Context, of app.CoverageOf) (app.KeptCoverage, error) {
	return l.KeptCoverage(ctx, of)
}

func (l local) attest(ctx context.Context, of app.CoverageOf, reason string) ([]store.Attestation, error) {
	return l.settled(ctx)(l.AttestFor(ctx, app.Actor(), of, reason))
}

func (l local) withdraw(ctx context.Context, of app.CoverageOf, reason string) ([]store.Attestation, error) {
	return l.settled(ctx)(l.Withdraw(ctx, app.Actor(), of, reason))
}

// settled has the rules look at what is concluded now: it may be a finding.
func (l local) settled(ctx context.Context) func([]store.Attestation, error) ([]store.Attestation, error) {
	return func(words []store.Attestation, err error) ([]store.Attestation, error) {
		if err == nil {
			_, err = l.Settle(ctx)
		}
		return words, err
	}
}

func (r *remote) coverage(ctx context.Context, of app.CoverageOf) (kept app.KeptCoverage, err error) {
	v := url.Values{}
	set(v, "name", of.Name)
	set(v, "realm", string(of.Realm))
	set(v, "from", timeOf(of.From))
	set(v, "to", timeOf(of.To))
	_, err = r.c.Do(ctx, client.Request{Path: "/activity/coverage", Query: v}, &kept)
	return kept, err
}

func (r *remote) attest(ctx context.Context, of app.CoverageOf, reason string) ([]store.Attestation, error) {
	return r.word(ctx, "/activity/words", of, reason)
}

func (r *remote) withdraw(ctx context.Context, of app.CoverageOf, reason string) ([]store.Attestation, error) {
	return r.word(ctx, "/activity/words/withdraw", of, reason)
}

func (r *remote) word(ctx context.Context, path string, of app.CoverageOf, reason string) ([]store.Attestation, error) {
	in := app.LogWordInput{Name: of.Name, Realm: of.Realm, From: of.From, To: of.To, Reason: reason}
	var out struct {
		Items []store.Attestation `json:"items"`
	}
	_, err := r.c.Do(ctx, client.Request{Method: http.MethodPost, Path: path, Body: in}, &out)
	return out.Items, err
}
