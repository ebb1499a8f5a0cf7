package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// EventReceiver takes records of logs that systems push.
type EventReceiver interface {
	// ReceiveEvents takes what a collector pushes with its token. When it returns
	// without an error, what it counted is committed. ErrDenied says that the caller
	// is no collector, ErrNotFound that there is no such source, *PushSizeError that
	// it is too much at once, *PushCutError that it ended too early; an error with
	// RetryAfter that the database is behind.
	ReceiveEvents(ctx context.Context, c auth.Caller, p EventPush) (Received, error)
	// ReceiveSigned is ReceiveEvents for a sender that signs in place of sending a
	// token. ErrDenied says that the signature is wrong or that there is no such
	// collector: the two look alike.
	ReceiveSigned(ctx context.Context, id store.CollectorID, signature string, p EventPush) (Received, error)
	// SetSigningKey makes the key under which a collector signs, or a new one, which
	// is returned this once.
	SetSigningKey(ctx context.Context, c auth.Caller, id store.CollectorID) (NewSigningKey, error)
	RemoveSigningKey(ctx context.Context, c auth.Caller, id store.CollectorID) error
}

// EventPush is what a system pushed.
type EventPush struct {
	// Source is the name of a source, whose options say how records are read, or a
	// kind of source that has no such options.
	Source string
	// Batch is the sender's own id of what it sends, the same when it sends it
	// again; empty where it has none.
	Batch    string
	Encoding string
	// Firehose says that records lie in the envelope of Amazon Data Firehose.
	Firehose bool
	Body     io.Reader
}

// Received is what became of a push.
type Received struct {
	Records        int64 `json:"records" doc:"Records that were read"`
	Events         int64 `json:"events" doc:"Events in them that this sender may tell of"`
	Taken          int64 `json:"taken" doc:"Events that were counted now"`
	Repeated       int64 `json:"repeated" doc:"Events that had been counted before"`
	LateUnverified int64 `json:"lateUnverified" doc:"Events that were counted although it can no longer be told whether they had been before"`
	Unknown        int64 `json:"unknown" doc:"Events of a sort that is not understood: they are kept, and taken neither for use nor for silence"`
	Refused        int64 `json:"refused" doc:"Events of systems that this sender does not speak for: they were dropped"`
	Withheld       int64 `json:"withheld" doc:"Names in events that were counted, of identities and credentials of systems that this sender does not speak for: the events count without them"`
	Faults         int64 `json:"faults" doc:"Records that could not be read: they were dropped"`
	// Places are the first of what was refused or could not be read.
	Places []PushPlace `json:"places" doc:"The first twenty places at which something was refused, withheld or could not be read"`
	// RequestID and Timestamp answer Amazon Data Firehose.
	RequestID string `json:"requestId,omitempty" doc:"For Amazon Data Firehose: the id of its request"`
	Timestamp int64  `json:"timestamp,omitempty" doc:"For Amazon Data Firehose: when it was taken, in milliseconds since 1970"`
}

// PushPlace is where something of a push was not taken.
type PushPlace struct {
	Record int64  `json:"record,omitempty" doc:"Which record, from 1"`
	Line   int64  `json:"line,omitempty" doc:"On which line it begins, from 1"`
	Text   string `json:"text"`
}

// where names the place in a problem.
func (p PushPlace) where() string {
	if p.Record == 0 {
		return "body"
	}
	return "body.record[" + strconv.FormatInt(p.Record, 10) + "]"
}

// NewSigningKey is the key under which a collector signs, shown once.
type NewSigningKey struct {
	Path string `json:"path" doc:"Where to post"`
	Key  string `json:"key" doc:"Shown this once"`
}

// PushSizeError says that a push is too much at once. What was counted of it is
// counted.
type PushSizeError struct {
	Text  string
	Taken Received
}

// Error says what is too much.
func (e *PushSizeError) Error() string { return e.Text }

// PushCutError says that a push ended in its midst. What was counted of it is
// counted.
type PushCutError struct {
	Text  string
	Taken Received
}

// Error says where it ended.
func (e *PushCutError) Error() string { return e.Text }

// MaxPush bounds what is pushed at once, in bytes as it is sent.
const MaxPush = 16 << 20

// pushTime is how long a sender may take to send.
const pushTime = time.Minute

const pushDescription = "The body holds records as the system itself sends them: one, a JSON array, one a line, or the system's own envelope of several " +
	"(EventList of Kubernetes, Records of CloudTrail, subscriptions of CloudWatch Logs, deliveries of Amazon Data Firehose). It may be compressed with gzip. " +
	"Events of systems that the collector is not bound to are refused, names of such systems' identities withheld from the others, and records that cannot be read reported; the rest is counted, each event once however " +
	"often it is sent, and nothing is acknowledged before it is committed. Pushed events prove no silence: verdicts that rest on them alone have weak evidence. " +
	"The answer is 200 when something was taken, 4xx when sending the same again is of no use, and 429 or 503 when it is."

func (a *API) eventReceiver() {
	s := a.services.EventReceiver
	if s == nil {
		return
	}
	tags := []string{"Events"}
	text := &huma.Schema{Type: "string"}
	batch := &huma.Param{Name: "Idempotency-Key", In: "header", Schema: text, Description: "The sender's own id of what it sends, the same when it sends it again: it is then known again even when its events are not"}
	encoding := &huma.Param{Name: "Content-Encoding", In: "header", Schema: text, Description: "gzip, or none"}
	query := &huma.Param{Name: "source", In: "query", Required: true, Schema: text,
		Description: "The name of a source, whose options say how records are read; or, where no source is called so, a kind of connector that reads logs"}
	op := func(id, path, summary string, params ...*huma.Param) huma.Operation {
		return huma.Operation{OperationID: id, Method: http.MethodPost, Path: path, Tags: tags, MaxBodyBytes: MaxPush + 1, Summary: summary, Description: pushDescription,
			Parameters: append(params, batch, encoding), Responses: a.received(), Errors: []int{400, 401, 403, 404, 413, 415, 422, 429, 503},
			RequestBody: &huma.RequestBody{Required: true, Description: "Records", Content: map[string]*huma.MediaType{"application/json": {}, "application/x-ndjson": {}}}}
	}
	take := func(id string, source func(*http.Request) string) http.HandlerFunc {
		return a.push(id, source, func(r *http.Request, p EventPush) (Received, error) {
			return s.ReceiveEvents(r.Context(), caller(r.Context()), p)
		})
	}
	inQuery := func(r *http.Request) string { return r.URL.Query().Get("source") }
	addRaw(a, op("push-events", "/events", "Push records of a log", query), take("push-events", inQuery))
	addRaw(a, op("push-events-of", "/events/{source}", "Push records of a log, for senders that can set no query",
		&huma.Param{Name: "source", In: "path", Required: true, Schema: text, Description: query.Description}),
		take("push-events-of", func(r *http.Request) string { return r.PathValue("source") }))
	addRaw(a, op("push-signed-events", "/hooks/events/{id}", "Push records of a log, signed in place of a token",
		&huma.Param{Name: "id", In: "path", Required: true, Schema: text, Description: "The collector"}, query,
		&huma.Param{Name: "X-Retinue-Signature", In: "header", Required: true, Schema: text,
			Description: "t=SECONDS,v1=HEX: the time, and the HMAC-SHA-256 under the collector's signing key of the time, a full stop and the body as it is sent; five minutes off at most"}),
		a.push("push-signed-events", inQuery, func(r *http.Request, p EventPush) (Received, error) {
			return s.ReceiveSigned(r.Context(), store.CollectorID(r.PathValue("id")), r.Header.Get("X-Retinue-Signature"), p)
		}))
	add(a, huma.Operation{OperationID: "set-collector-signing-key", Method: http.MethodPost, Path: "/collectors/{id}/signing-key", Tags: []string{"Collectors"}, DefaultStatus: http.StatusCreated,
		Summary: "Make the key under which a collector signs what it pushes, or a new one", Description: "The key is returned this once. The one before works no more."},
		func(ctx context.Context, in *CollectorPath) (*secretly[NewSigningKey], error) {
			return secretlyOne(s.SetSigningKey(ctx, caller(ctx), in.ID))
		})
	add(a, huma.Operation{OperationID: "remove-collector-signing-key", Method: http.MethodDelete, Path: "/collectors/{id}/signing-key", Tags: []string{"Collectors"}, DefaultStatus: http.StatusNoContent,
		Summary: "Remove the key under which a collector signs"},
		func(ctx context.Context, in *CollectorPath) (*struct{}, error) {
			return none(s.RemoveSigningKey(ctx, caller(ctx), in.ID))
		})
}

// received describes the answer to a push.
func (a *API) received() map[string]*huma.Response {
	schema := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Received](), true, "Received")
	return map[string]*huma.Response{"200": {Description: "What became of it", Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}}
}

// push answers a push in the sender's terms.
func (a *API) push(id string, source func(*http.Request) string, take func(*http.Request, EventPush) (Received, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		request := r.Header.Get("X-Amz-Firehose-Request-Id")
		p := EventPush{Source: source(r), Batch: r.Header.Get("Idempotency-Key"), Encoding: r.Header.Get("Content-Encoding"), Firehose: request != "", Body: r.Body}
		if p.Batch == "" {
			p.Batch = request
		}
		var out Received
		err := checkPush(p)
		if err == nil {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(pushTime)) // recorders of tests have none
			out, err = take(r, p)
		}
		if err == nil {
			err = nothingTaken(out)
		}
		if err != nil {
			a.pushFailed(w, r, id, request, err)
			return
		}
		if request != "" {
			out.RequestID, out.Timestamp = request, a.services.Now().UnixMilli()
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = marshal(w, out)
	}
}

// maxBatchID bounds what a sender calls a batch.
const maxBatchID = 200

func checkPush(p EventPush) error {
	switch {
	case p.Source == "" || len(p.Source) > 300:
		return &retinue.FieldError{Field: "query.source", Err: fmt.Errorf("%w: want the name of a source, or a kind of connector that reads logs", retinue.ErrInvalid)}
	case len(p.Batch) > maxBatchID:
		return &retinue.FieldError{Field: "header.Idempotency-Key", Err: fmt.Errorf("%w: longer than %d bytes", retinue.ErrInvalid, maxBatchID)}
	}
	return nil
}

// nothingTaken reports a push of which nothing could be taken: sending it again
// would be of no use.
func nothingTaken(out Received) error {
	if out.Events > 0 || out.Refused+out.Faults == 0 {
		return nil
	}
	p := newProblem(http.StatusUnprocessableEntity, fmt.Sprintf("none of %d records could be read as such of this source", out.Records))
	if out.Refused > 0 {
		p = newProblem(http.StatusForbidden, "all events are of systems that this sender does not speak for")
	}
	for _, e := range out.Places {
		p.Errors = append(p.Errors, &huma.ErrorDetail{Location: e.where(), Message: e.Text})
	}
	return p
}

// pushFailed answers with a problem, and Amazon Data Firehose in its own form.
func (a *API) pushFailed(w http.ResponseWriter, r *http.Request, id, request string, err error) {
	var p *Problem
	var large *PushSizeError
	var cut *PushCutError
	var body *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		p = newProblem(http.StatusRequestEntityTooLarge, large.Text+taken(large.Taken))
	case errors.As(err, &body):
		p = newProblem(http.StatusRequestEntityTooLarge, fmt.Sprintf("larger than %d bytes: send less at once", MaxPush))
	case errors.As(err, &cut):
		p = newProblem(http.StatusBadRequest, cut.Text+taken(cut.Taken))
	case errors.Is(err, retinue.ErrUnsupported):
		p = newProblem(http.StatusUnsupportedMediaType, err.Error())
	default:
		p = a.failed(r.Context(), id, err)
	}
	var wait interface{ RetryAfter() time.Duration }
	switch {
	case errors.As(err, &wait):
		w.Header().Set("Retry-After", strconv.Itoa(seconds(wait.RetryAfter())))
	case p.Status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "30")
	}
	if request == "" {
		writeProblem(w, r, p)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(map[string]any{"requestId": request, "timestamp": a.services.Now().UnixMilli(), "errorMessage": p.Detail})
}

// taken says what of a push was counted although the push failed.
func taken(r Received) string {
	if r.Events == 0 {
		return ""
	}
	return fmt.Sprintf("; %d events before that were counted, and will not count again", r.Events)
}
