package sqlstore

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/retinue-id/retinue"
)

// cursor is where a page ended: the value that the last row was ordered by and
// its key. Rows that lack a value come after all others and are ordered by key
// alone.
type cursor struct {
	List  string `json:"l"` // identifies the list that it belongs to
	Bare  bool   `json:"b,omitempty"`
	Text  string `json:"t,omitempty"`
	Num   int64  `json:"n,omitempty"`
	Key   int64  `json:"k"`
	Total int64  `json:"c"`
	More  bool   `json:"m,omitempty"`
}

func (c cursor) encode() string {
	b, _ := json.Marshal(c) // strings, numbers and booleans: it cannot fail
	return base64.RawURLEncoding.EncodeToString(b)
}

// maxCursor bounds a cursor; the longest holds a name and a key.
const maxCursor = 16 << 10

func decodeCursor(s, list string) (*cursor, error) {
	if s == "" {
		return nil, nil
	}
	invalid := func(why string) error {
		return fmt.Errorf("%w: cursor: %s: use the next of the page before, unchanged", retinue.ErrInvalid, why)
	}
	if len(s) > maxCursor {
		return nil, invalid("too long")
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil, invalid("not a cursor")
	}
	var c cursor
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, invalid("not a cursor")
	}
	if c.List != list {
		return nil, invalid("it belongs to a list with another filter, order or date")
	}
	return &c, nil
}

// listID identifies a list by everything that decides which rows it has, in
// which order.
func listID(parts ...any) string {
	b, _ := json.Marshal(parts)
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}
