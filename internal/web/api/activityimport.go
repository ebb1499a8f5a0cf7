package api

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/auth"
)

// ActivityImporter takes what was read of logs on another machine, by a reader of
// this program.
type ActivityImporter interface {
	// ActivityPosition says where the reading of an input stands, and how what the
	// caller hands in is taken.
	ActivityPosition(ctx context.Context, c auth.Caller, kind, input string) (ActivityPosition, error)
	// ImportHanded takes a part of what was read. When it returns without an error,
	// what it counted is committed. ErrDenied says that the caller may hand in
	// nothing, *PushSizeError that it is too much at once, ErrConflict that somebody
	// else hands the same in; an error with RetryAfter that the database is behind.
	ImportHanded(ctx context.Context, c auth.Caller, in HandedActivity) (TakenActivity, error)
}

// The bounds of what is handed in at once.
const (
	MaxHandedEvents  = 16_384
	MaxHandedLines   = 16_384
	MaxHandedContent = 64 << 20 // once it is uncompressed, in bytes
	// MaxInput bounds the name of an input, in bytes.
	MaxInput = 1024
)

// HandedActivity is a part of what a reader read of the logs of one source.
type HandedActivity struct {
	// Kind is that of the source, Source what the caller calls it.
	Kind   string
	Source string
	// Body holds a [HandedItem] a line, plain or compressed with gzip.
	Body io.Reader
}

// HandedItem is a line of what is handed in: one of its fields is set.
type HandedItem struct {
	Batch    *HandedBatch    `json:"batch,omitempty" doc:"Events of an input, and where its reading then stands"`
	Coverage *HandedCoverage `json:"coverage,omitempty" doc:"What a log covers; behind the events"`
	Fault    *HandedFault    `json:"fault,omitempty" doc:"What could not be read"`
}

// HandedBatch are events of one input, in the input's order. The position is kept
// in the transaction that counts the events.
type HandedBatch struct {
	Input string `json:"input"`
	Label string `json:"label,omitempty"`
	// From is where the reading stood before, by which two that hand in the same at
	// once are told; nil where that is not known.
	From     *connector.Position `json:"from,omitempty" doc:"Where the reading stood before these events; if it stands elsewhere by now, the answer is 409 and nothing is counted"`
	Position connector.Position  `json:"position"`
	Events   HandedEvents        `json:"events"`
	// Places are the lines or records in which the events stand; empty where these
	// are not known.
	Places []int64 `json:"places,omitempty" doc:"The line or record of each event in the input; left out where these are not known"`
}

// HandedEvent is an event whose digest is hexadecimal.
type HandedEvent struct {
	retinue.Event
	Digest string `json:"digest,omitempty"`
}

// NewHandedEvent is an event as it is handed in.
func NewHandedEvent(e retinue.Event) HandedEvent {
	h := HandedEvent{Event: e}
	if e.Digest != [16]byte{} {
		h.Digest = hex.EncodeToString(e.Digest[:])
	}
	h.Event.Digest = [16]byte{}
	return h
}

// Read returns the event that was handed in.
func (h HandedEvent) Read() (retinue.Event, error) {
	e := h.Event
	if h.Digest != "" {
		b, err := hex.DecodeString(h.Digest)
		if err != nil || len(b) != len(e.Digest) {
			return e, fmt.Errorf("%w: digest of an event: want %d hexadecimal digits", retinue.ErrInvalid, 2*len(e.Digest))
		}
		copy(e.Digest[:], b)
	}
	return e, nil
}

// HandedCoverage is what a log covers by its reader, and whether the caller says
// that it is all that the log held.
type HandedCoverage struct {
	retinue.Coverage
	Complete bool `json:"complete,omitempty" doc:"The caller's word, on record, that this is all that the log held"`
}

// HandedFault is something of a log that could not be read.
type HandedFault struct {
	Input  string    `json:"input,omitempty"`
	Label  string    `json:"label,omitempty"`
	Line   int64     `json:"line,omitempty"`
	Record int64     `json:"record,omitempty"`
	Count  int64     `json:"count,omitempty"`
	From   time.Time `json:"from,omitzero"`
	To     time.Time `json:"to,omitzero"`
	Text   string    `json:"text"`
}

// ActivityStanding says how what is handed in is taken.
type ActivityStanding struct {
	// Weak says that it is weak evidence whatever the logs prove: of a collector, or
	// of an account that does not manage sources, nobody knows what it left out.
	Weak bool `json:"weak" doc:"It is weak evidence whatever the logs prove: the caller hands in, and does not manage sources"`
	// Realms are those for which the caller speaks; none is all.
	Realms []retinue.Realm `json:"realms,omitempty" doc:"The systems of which the caller may hand in events; left out: all"`
}

// ActivityPosition is where the reading of an input stands.
type ActivityPosition struct {
	ActivityStanding
	Position connector.Position `json:"position"`
}

// TakenActivity is what became of a part.
type TakenActivity struct {
	ActivityStanding
	Events         int64 `json:"events" doc:"Events that the caller may tell of and that make sense"`
	New            int64 `json:"new" doc:"Events that were counted now"`
	Repeated       int64 `json:"repeated" doc:"Events that had been counted before"`
	LateUnverified int64 `json:"lateUnverified" doc:"Events that were counted although it can no longer be told whether they had been before"`
	Unknown        int64 `json:"unknown" doc:"Events of a sort that is not understood"`
	Refused        int64 `json:"refused" doc:"Events and stretches of systems that the caller does not speak for: they were dropped"`
	Withheld       int64 `json:"withheld,omitempty" doc:"Names of systems that the caller does not speak for, in events of others: they count without them"`
	Faults         int64 `json:"faults" doc:"Events that make no sense: they were dropped"`
	OtherKeys      int64 `json:"otherKeys,omitempty" doc:"Fingerprints of credentials under a key that this installation does not have: they were dropped"`
	// Places are the first of what was refused or makes no sense.
	Places []PushPlace `json:"places" doc:"The first twenty of what was refused or makes no sense; record is the line of the body"`
}

type activityPositionInput struct {
	Kind  string `query:"kind" required:"true" maxLength:"64" doc:"The kind of source whose logs are read"`
	Input string `query:"input" maxLength:"1024" doc:"The input as its reader names it; none: only how what is handed in is taken"`
}

const handedDescription = "For programs that read logs where they lie, as `retinue activity import --server` does: what they read is handed in as events, coverage and faults, one JSON object a line, " +
	"plain or compressed with gzip. A part is counted in one transaction together with where the reading of its inputs then stands; sent again, it counts for nothing. " +
	"Of an account that manages sources, what the logs prove of being whole is kept, and goes on record as handed in; of collectors and others it is dropped, and the evidence is weak. " +
	"Events of systems that a collector is not bound to are refused. 409 says that the reading of an input stands elsewhere by now, because somebody else hands the same in: ask where it stands, and go on from there. 429 and 503 say with Retry-After when to send the same again."

func (a *API) activityImports() {
	s := a.services.ActivityImporter
	if s == nil {
		return
	}
	tags := []string{"Usage"}
	add(a, huma.Operation{OperationID: "get-activity-position", Method: http.MethodGet, Path: "/activity/imports/position", Tags: tags,
		Summary: "Where the reading of an input stands, and how what is handed in is taken"},
		func(ctx context.Context, in *activityPositionInput) (*single[ActivityPosition], error) {
			return one(s.ActivityPosition(ctx, caller(ctx), in.Kind, in.Input))
		})
	text := &huma.Schema{Type: "string"}
	// Lines are read one by one, so that huma is told of no schema of the body.
	a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[HandedItem](), true, "HandedItem")
	answer := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[TakenActivity](), true, "TakenActivity")
	addRaw(a, huma.Operation{OperationID: "import-activity", Method: http.MethodPost, Path: "/activity/imports", Tags: tags, MaxBodyBytes: MaxPush + 1,
		Summary: "Hand in what was read of logs elsewhere", Description: handedDescription,
		Parameters: []*huma.Param{
			{Name: "kind", In: "query", Required: true, Schema: text, Description: "The kind of source whose logs were read"},
			{Name: "source", In: "query", Schema: text, Description: "What the caller calls the source, for the record"},
			{Name: "Content-Encoding", In: "header", Schema: text, Description: "gzip, or none"},
		},
		RequestBody: &huma.RequestBody{Required: true, Description: "Each line is a HandedItem", Content: map[string]*huma.MediaType{"application/x-ndjson": {}}},
		Responses:   map[string]*huma.Response{"200": {Description: "What became of it", Content: map[string]*huma.MediaType{"application/json": {Schema: answer}}}},
		Errors:      []int{400, 401, 403, 409, 413, 415, 422, 429, 503}}, a.importActivity)
}

func (a *API) importActivity(w http.ResponseWriter, r *http.Request) {
	const id = "import-activity"
	q := r.URL.Query()
	switch enc := strings.ToLower(r.Header.Get("Content-Encoding")); {
	case enc != "" && enc != "identity" && enc != "gzip":
		a.pushFailed(w, r, id, "", fmt.Errorf("%w: Content-Encoding: want gzip, or none", retinue.ErrUnsupported))
		return
	case len(q.Get("source")) > 300 || len(q.Get("kind")) > 64:
		a.pushFailed(w, r, id, "", fmt.Errorf("%w: the name of the source or its kind is too long", retinue.ErrInvalid))
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(pushTime)) // recorders of tests have none
	out, err := a.services.ActivityImporter.ImportHanded(r.Context(), caller(r.Context()), HandedActivity{Kind: q.Get("kind"), Source: q.Get("source"), Body: r.Body})
	if err != nil {
		a.pushFailed(w, r, id, "", err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = marshal(w, out)
}
