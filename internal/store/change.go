package store

import (
	"encoding/json"
	"time"

	"github.com/retinue-id/retinue"
)

// ChangeQuery asks for what changed in the inventory, the newest first. Empty
// fields do not limit.
type ChangeQuery struct {
	Types   []retinue.FactType
	Kinds   []string // added, changed, ended
	Sources []string // names
	Entity  retinue.EntityID
	At      Window // when it was recorded
	// Before is the place of the last change of the page before.
	Before ChangePlace
	Limit  int
}

// ChangePlace is where a change stands in the order of changes.
type ChangePlace struct {
	Revision int64 `json:"r"`
	Fact     int64 `json:"f"`
	Ended    bool  `json:"e,omitempty"`
}

// RecordedChange is a change of one fact, as it was recorded.
type RecordedChange struct {
	Kind     string           `json:"change" enum:"added,changed,ended"`
	Type     retinue.FactType `json:"type"`
	Ref      retinue.Ref      `json:"ref"`
	Entity   retinue.EntityID `json:"entity,omitempty" doc:"What it is about"`
	Name     string           `json:"name"`
	Source   string           `json:"source"`
	Scope    retinue.Scope    `json:"scope"`
	At       time.Time        `json:"at" doc:"When it was observed"`
	Recorded time.Time        `json:"recorded"`
	Revision int64            `json:"revision"`
	Before   json.RawMessage  `json:"before,omitempty"`
	After    json.RawMessage  `json:"after,omitempty"`
}

// ChangePage is a page of changes.
type ChangePage struct {
	Items []RecordedChange
	// Next is the Before of the next page; zero: this is the last.
	Next ChangePlace
}
