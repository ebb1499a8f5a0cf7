package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
)

// add registers an operation: who may call it stands in the access table, and
// its errors become problems.
func add[I, O any](a *API, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	a.prepare(&op)
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, a.failed(ctx, op.OperationID, err)
		}
		return out, nil
	})
}

// addRaw registers an operation that reads the request and writes the response
// by itself.
func addRaw(a *API, op huma.Operation, handler http.HandlerFunc) {
	a.prepare(&op)
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{"200": {Description: "OK"}}
	}
	op.SkipValidateParams = true
	huma.Register(a.huma, op, func(context.Context, *struct{}) (*stream, error) {
		return &stream{Body: func(c huma.Context) {
			r, w := humago.Unwrap(c)
			r = r.WithContext(c.Context())
			r.Body = http.MaxBytesReader(w, r.Body, op.MaxBodyBytes)
			handler(w, r)
		}}, nil
	})
}

// stream is an output that writes itself.
type stream struct {
	Body func(huma.Context)
}

// prepare gives an operation what all have in common.
func (a *API) prepare(op *huma.Operation) {
	line, ok := a.access[op.OperationID]
	switch {
	case !ok:
		a.errs = append(a.errs, fmt.Errorf("%w: operation %q (%s %s) has no line in the access table", retinue.ErrInvalid, op.OperationID, op.Method, op.Path))
	case a.used[op.OperationID]:
		a.errs = append(a.errs, fmt.Errorf("%w: operation %q is registered twice", retinue.ErrInvalid, op.OperationID))
	}
	a.used[op.OperationID] = true
	a.routes = append(a.routes, Route{op.OperationID, op.Method, op.Path, line.Permission, line.SignedIn, line.Public, line.Fresh})
	if op.MaxBodyBytes == 0 {
		op.MaxBodyBytes = maxBody
	}
	if op.BodyReadTimeout == 0 {
		op.BodyReadTimeout = 15 * time.Second
	}
	if !line.Public {
		op.Security = []map[string][]string{{"session": {}}, {"bearer": {}}}
	}
	if op.Extensions == nil {
		op.Extensions = map[string]any{}
	}
	if line.Permission != "" {
		op.Extensions["x-permission"] = string(line.Permission)
	}
	if line.Fresh {
		op.Extensions["x-fresh-second-factor"] = true
	}
	if len(op.Errors) == 0 {
		op.Errors = defaultErrors(*op, line)
	}
	op.Middlewares = append(huma.Middlewares{a.authorise(line)}, op.Middlewares...)
}

func defaultErrors(op huma.Operation, line access) []int {
	var out []int
	if !line.Public {
		out = append(out, http.StatusUnauthorized, http.StatusForbidden)
	}
	if strings.Contains(op.Path, "{") {
		out = append(out, http.StatusNotFound)
	}
	if op.Method != http.MethodGet {
		out = append(out, http.StatusConflict)
	}
	return append(out, http.StatusUnprocessableEntity)
}

// authorise lets a request through to the handler, or not. It runs before
// anything of the request but its head is read.
func (a *API) authorise(line access) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		var c auth.Caller
		var err error
		if a.services.Auth != nil {
			c, err = a.services.Auth.Authenticate(r)
		}
		if errors.Is(err, retinue.ErrDenied) {
			c, err = auth.Caller{}, errSignIn
		}
		if line.Public {
			if err != nil {
				c = auth.Caller{}
			}
			next(huma.WithValue(ctx, callerKey{}, c))
			return
		}
		if err == nil {
			err = line.check(c, a.services.Now())
		}
		if err != nil {
			writeProblem(w, r, a.failed(r.Context(), ctx.Operation().OperationID, err))
			return
		}
		next(huma.WithValue(ctx, callerKey{}, c))
	}
}

// failed turns an error into the problem that the caller gets, and logs what
// the caller is not told.
func (a *API) failed(ctx context.Context, op string, err error) *Problem {
	p := problem(err)
	if p.Status >= http.StatusInternalServerError && ctx.Err() == nil { // nobody waits any more otherwise
		a.services.Log.ErrorContext(ctx, "operation failed", "operation", op, "request_id", RequestID(ctx), "error", err)
	}
	return p
}
