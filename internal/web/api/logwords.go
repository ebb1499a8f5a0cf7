package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// LogWords says what logs cover, and takes somebody's word that they are whole.
type LogWords interface {
	LogCoverage(ctx context.Context, of CoverageOf) (KeptCoverage, error)
	// AttestLogs keeps the caller's word that what was read is all that the logs
	// held. ErrNotFound says that there is no stretch that does not prove it by
	// itself.
	AttestLogs(ctx context.Context, c auth.Caller, of CoverageOf, reason string) ([]store.Attestation, error)
	// WithdrawWords takes back every word that reaches into a stretch.
	WithdrawWords(ctx context.Context, c auth.Caller, of CoverageOf, reason string) ([]store.Attestation, error)
}

// CoverageOf selects what logs cover: the log, realm or source of that name,
// everything where Name is empty, from From to To where they are set.
type CoverageOf struct {
	Name     string
	Realm    retinue.Realm
	From, To time.Time
}

// KeptCoverage is what is known of what logs cover, and whose word stands on it.
type KeptCoverage struct {
	Coverage     []retinue.Coverage  `json:"coverage"`
	Attestations []store.Attestation `json:"attestations"`
}

// LogWordInput says of which stretches somebody gives their word, or takes it
// back.
type LogWordInput struct {
	Name   string        `json:"name" minLength:"1" maxLength:"300" doc:"A log, a realm, or a source whose logs the server reads"`
	Realm  retinue.Realm `json:"realm,omitempty" maxLength:"300" doc:"Only of this realm"`
	From   time.Time     `json:"from,omitzero" doc:"Only from then on"`
	To     time.Time     `json:"to,omitzero" doc:"Only until then"`
	Reason string        `json:"reason,omitempty" maxLength:"500" doc:"Why: it is kept with the word, and on record"`
}

func (in LogWordInput) of() (CoverageOf, error) {
	of := CoverageOf{Name: in.Name, Realm: in.Realm, From: in.From, To: in.To}
	if !of.To.IsZero() && !of.From.Before(of.To) {
		return of, &retinue.FieldError{Field: "body.to", Err: fmt.Errorf("%w: it is not after from", retinue.ErrInvalid)}
	}
	return of, nil
}

type coverageInput struct {
	Name  string    `query:"name" maxLength:"300" doc:"A log, a realm, or a source whose logs the server reads; none: all"`
	Realm string    `query:"realm" maxLength:"300" doc:"Only of this realm"`
	From  time.Time `query:"from" doc:"Only from then on"`
	To    time.Time `query:"to" doc:"Only until then"`
}

type logWordInput struct{ Body LogWordInput }

// LogWordsGiven are the stretches of which a word was given or taken back.
type LogWordsGiven struct {
	Items []store.Attestation `json:"items"`
}

func (a *API) logWords() {
	s := a.services.LogWords
	if s == nil {
		return
	}
	tags := []string{"Usage"}
	add(a, huma.Operation{OperationID: "get-log-coverage", Method: http.MethodGet, Path: "/activity/coverage", Tags: tags,
		Summary: "What was read of logs: from when to when, why that is all, and whose word stands on it"},
		func(ctx context.Context, in *coverageInput) (*single[KeptCoverage], error) {
			return one(s.LogCoverage(ctx, CoverageOf{Name: in.Name, Realm: retinue.Realm(in.Realm), From: in.From, To: in.To}))
		})
	for _, o := range []struct {
		op  huma.Operation
		act func(context.Context, auth.Caller, CoverageOf, string) ([]store.Attestation, error)
	}{
		{huma.Operation{OperationID: "attest-logs", Path: "/activity/words", Summary: "Say that what was read of logs is all that they held",
			Description: "It holds for the stretches that were read and do not prove it by themselves, and for no others. The word has your name, goes on record, and verdicts follow."}, s.AttestLogs},
		{huma.Operation{OperationID: "withdraw-log-words", Path: "/activity/words/withdraw", Summary: "Take back every word on logs that reaches into a stretch",
			Description: "That it was given stays on record. Verdicts follow."}, s.WithdrawWords},
	} {
		o.op.Method, o.op.Tags = http.MethodPost, tags
		add(a, o.op, func(ctx context.Context, in *logWordInput) (*single[LogWordsGiven], error) {
			of, err := in.Body.of()
			if err != nil {
				return nil, err
			}
			items, err := o.act(ctx, caller(ctx), of, in.Body.Reason)
			return one(LogWordsGiven{Items: items}, err)
		})
	}
}
