package store

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/retinue-id/retinue"
)

// SignalState is where something unusual that was noticed stands.
type SignalState string

// The states of signals.
const (
	// SignalTold has a finding, whatever people decided about it.
	SignalTold SignalState = "told"
	// SignalSilenced is like one that people dismissed.
	SignalSilenced SignalState = "silenced"
	// SignalWithdrawn is explained by what was read since.
	SignalWithdrawn SignalState = "withdrawn"
)

// Signal is something unusual about a use as it is kept, named by its
// fingerprint.
type Signal struct {
	Fingerprint string
	Entity      int64 // internal key of whose use it was
	Kind        string
	State       SignalState
	First       time.Time
	Last        time.Time
	// ToldAt is when it was first noticed.
	ToldAt time.Time
	// Finding is what tells people of it; empty where there is none.
	Finding retinue.FindingID
	Body    []byte // JSON
}

// ListedSignal is a kept signal with whose use it was, and how its finding
// stands.
type ListedSignal struct {
	Signal
	ID           retinue.EntityID
	Type         retinue.FactType
	Name         string
	EntityKind   string
	Owner        string
	FindingState retinue.FindingState
}

// SignalQuery selects kept signals. Empty fields do not limit.
type SignalQuery struct {
	// Entity is whose; with its credentials, where it is an identity.
	Entity retinue.EntityID
	Kinds  []string
	States []SignalState
	// Since is the oldest Last.
	Since time.Time
	// Before continues a list: only signals that come after this one, the newest
	// first. Zero: from the beginning.
	Before SignalCursor
	Limit  int // at most MaxPage, which 0 stands for
}

// SignalCursor is a place in the list of signals.
type SignalCursor struct {
	Last        int64 // in microseconds
	Fingerprint string
}

// Dismissal is that somebody said that signals like one are all right.
type Dismissal struct {
	ID     retinue.DismissalID
	Entity int64
	// Finding is of which it was said; Kind is the kind of signal.
	Finding retinue.FindingID
	Kind    string
	By      string
	Reason  string
	At      time.Time
	Until   time.Time
	// RevokedAt is when it was taken back, and RevokedBy by whom.
	RevokedAt time.Time
	RevokedBy string
	Body      []byte // JSON: what is silenced
}

// InForce reports whether it silences at a time.
func (d *Dismissal) InForce(at time.Time) bool {
	return d.RevokedAt.IsZero() && (d.Until.IsZero() || at.Before(d.Until))
}

// ListedDismissal is a dismissal with the thing of whose signal it was said.
type ListedDismissal struct {
	Dismissal
	Subject retinue.EntityID
	Type    retinue.FactType
	Name    string
}

// Habits are what a thing does on many days, for the groups that it belongs to.
type Habits struct {
	Entity int64
	Groups []string
	Body   []byte // JSON
}

// Habit is what one of a group does on many days, as it is kept.
type Habit struct {
	Entity int64
	Ref    retinue.Ref
	Body   []byte // JSON
}

// SignalFingerprint names a signal by whose use it was, its kind, and what was new
// or too much.
func SignalFingerprint(subject retinue.Ref, kind, what string) string {
	sum := sha256.Sum256([]byte(subject.String() + "\x00" + kind + "\x00" + what))
	return hex.EncodeToString(sum[:12])
}
