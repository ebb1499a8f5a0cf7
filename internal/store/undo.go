package store

import (
	"encoding/json"
	"time"
)

// UndoTime is how long a bulk action can be taken back.
const UndoTime = 10 * time.Minute

// Undo is what a bulk action replaced, so that it can be taken back.
type Undo struct {
	// Token is the word that the caller was given; the store keeps its hash.
	Token string
	// Caller is who may take it back.
	Caller string
	// Kind says whose body it is: "registrations" or "findings".
	Kind    string
	Expires time.Time
	Body    json.RawMessage
}
