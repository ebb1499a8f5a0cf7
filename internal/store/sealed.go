package store

import "time"

// SealedValue is a sealed secret where it stands.
type SealedValue struct {
	Table, Row, Column string
	Sealed             []byte
}

// Resealing is how far the sealing of all secrets under the current key is.
type Resealing struct {
	// State is running or done.
	State string    `json:"state"`
	By    string    `json:"by"`
	Begun time.Time `json:"begun"`
	Ended time.Time `json:"ended,omitzero"`
	// Table and Row are after which it goes on.
	Table string `json:"table,omitempty"`
	Row   string `json:"row,omitempty"`
	// Done counts values that were sealed again, Lost those that no key opens.
	Done int64 `json:"done"`
	Lost int64 `json:"lost"`
}
