package api

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue/internal/store"
)

// Answers keeps the answers to actions that carry an idempotency key, for a
// day.
type Answers interface {
	// Claim takes a key for an action. It returns the stored answer when the
	// same caller has sent the same request under the key before; ErrConflict
	// says that the key was used for another request, or that the first is
	// still under way.
	Claim(ctx context.Context, k store.AnswerKey) (answer []byte, err error)
	// Keep stores the answer under a key that was claimed, Drop gives the key
	// back because the action failed.
	Keep(ctx context.Context, k store.AnswerKey, answer []byte) error
	Drop(ctx context.Context, k store.AnswerKey) error
}

// IdempotencyKey is embedded in the input of actions that are registered by
// addOnce.
type IdempotencyKey struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"128" doc:"Sent again with the same key within a day, the request is not carried out again: the first answer comes back"`
}

func (k IdempotencyKey) idempotencyKey() string { return k.IdempotencyKey }

// addOnce registers an action that is carried out once for each idempotency
// key of a caller. Its input and output must hold no secret: a digest of the
// one and the whole of the other are kept for a day.
func addOnce[I interface{ idempotencyKey() string }, O any](a *API, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	s := a.services.Answers
	add(a, op, func(ctx context.Context, in *I) (*O, error) {
		word := (*in).idempotencyKey()
		if word == "" || s == nil {
			return handler(ctx, in)
		}
		k := store.AnswerKey{Caller: callerName(ctx), Operation: op.OperationID, Key: word, Request: digest(in)}
		kept, err := s.Claim(ctx, k)
		if err != nil {
			return nil, err
		}
		if kept != nil {
			out := new(O)
			return out, json.Unmarshal(kept, out)
		}
		// Whether or not the caller still listens, the key must not stay
		// claimed without an answer.
		rest := context.WithoutCancel(ctx)
		out, err := handler(ctx, in)
		if err != nil {
			return nil, errors.Join(err, s.Drop(rest, k))
		}
		b, err := json.Marshal(out)
		if err != nil {
			return nil, err
		}
		return out, s.Keep(rest, k, b)
	})
}

// callerName tells callers apart.
func callerName(ctx context.Context) string {
	c := caller(ctx)
	switch {
	case c.Token != "":
		return string(c.Token)
	case c.Account != "":
		return string(c.Account)
	}
	return string(c.Kind) + ":" + c.Actor.Name
}
