package store

import (
	"encoding/json"
	"time"

	"github.com/retinue-id/retinue"
)

// ViewID names a saved view: viw_.
type ViewID string

// NewViewID returns the id of a new view. It is made like every other id.
func NewViewID(now time.Time) ViewID {
	return ViewID("viw_" + string(retinue.NewChangeID(now))[len("chg_"):])
}

// SavedView is a list with filters, columns and sort that somebody gave a
// name.
type SavedView struct {
	ID        ViewID
	Account   AccountID
	List      string
	Name      string
	Shared    bool // every account sees it; its own account changes it
	UpdatedAt time.Time
	Body      json.RawMessage // the console's words: query, columns, density
}
