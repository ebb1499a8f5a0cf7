package api

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// ListInput is embedded in the input of every list.
type ListInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"How many items a page holds"`
	Cursor string `query:"cursor" maxLength:"2048" doc:"Where the page begins: the next of the page before"`
	Count  string `query:"count" enum:"exact" doc:"Count everything that matches; otherwise counting stops at 1,000"`
}

// AsOfInput is embedded in the input of every read of the inventory.
type AsOfInput struct {
	AsOf    time.Time `query:"as_of" doc:"As it was observed at this time (RFC 3339); now where absent"`
	KnownAt time.Time `query:"known_at" doc:"With as_of: by what had been recorded by this time"`
}

// count returns how the list is counted.
func (in ListInput) count() store.CountMode {
	if in.Count == "exact" {
		return store.CountExact
	}
	return store.CountBounded
}

// sorting splits "-name" into a column and a direction.
func sorting(sort string) (key store.SortKey, desc bool) {
	name, desc := strings.CutPrefix(sort, "-")
	return store.SortKey(name), desc
}

// asOf returns the time that is asked about.
func (in AsOfInput) asOf() store.AsOf {
	return store.AsOf{Observed: in.AsOf.UTC(), Known: in.KnownAt.UTC()}
}

// Page is a page of a list.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty" doc:"The cursor of the next page; absent on the last"`
	// Total is how many match, at least.
	Total       int64 `json:"total" doc:"How many match"`
	TotalIsMore bool  `json:"totalIsMore" doc:"There are more than total"`
}

// listed is the output of a list.
type listed[T any] struct {
	CacheControl string `header:"Cache-Control"`
	Body         Page[T]
}

// pageOf is the answer of a list.
func pageOf[T any](items []T, next string, total int64, more bool) *listed[T] {
	if items == nil {
		items = []T{}
	}
	return &listed[T]{CacheControl: "no-store", Body: Page[T]{Items: items, Next: next, Total: total, TotalIsMore: more}}
}

// wholeList is the answer of a list that is short by nature and not paged.
func wholeList[T any](items []T) *listed[T] { return pageOf(items, "", int64(len(items)), false) }

// cursorEnvelope binds a position to the list that it is of.
type cursorEnvelope struct {
	Of string          `json:"o"` // a digest of the list's filters and sort
	At json.RawMessage `json:"a"`
}

// EncodeCursor makes a cursor of a position. Of is what else the list was
// asked: filters and sort.
func EncodeCursor(of, at any) (string, error) {
	raw, err := json.Marshal(at)
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(cursorEnvelope{Of: digest(of), At: raw})
	return base64.RawURLEncoding.EncodeToString(b), err
}

// DecodeCursor reads a cursor into at, which stays as it is when the cursor is
// empty. A cursor of another list is refused.
func DecodeCursor(cursor string, of, at any) error {
	if cursor == "" {
		return nil
	}
	var c cursorEnvelope
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err == nil && c.Of == digest(of) {
		err = json.Unmarshal(c.At, at)
	}
	if err != nil || c.Of != digest(of) {
		return errCursor
	}
	return nil
}

var errCursor = &statusError{status: http.StatusUnprocessableEntity, typ: ProblemCursor,
	text: "query.cursor: it belongs to no page of this list with these filters and this sort: begin with the first page", field: "query.cursor"}

func invalidField(field, text string) error {
	return &retinue.FieldError{Field: field, Err: wrapInvalid(text)}
}
