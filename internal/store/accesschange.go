package store

import (
	"time"

	"github.com/retinue-id/retinue"
)

// AccessChange says how what an identity can come to changed with a scan.
type AccessChange struct {
	// Key is its place in the order of changes, which only grows.
	Key    int64            `json:"-"`
	Entity retinue.EntityID `json:"entity"`
	Name   string           `json:"name"`
	// Kind is the kind of the notice that tells it, such as
	// "administrator.gained".
	Kind     string    `json:"kind"`
	Text     string    `json:"text"`
	Revision int64     `json:"revision"`
	At       time.Time `json:"at"`
}

// AccessChangeQuery asks for changes of access, the newest first. Empty fields
// do not limit.
type AccessChangeQuery struct {
	Entity retinue.EntityID
	Kind   string
	At     Window
	// Before is the key of the last change of the page before.
	Before int64
	Limit  int
}
