package store

import (
	"context"
	"time"

	"github.com/retinue-id/retinue"
)

// EventRecord is an event as it is kept beside the counts, where an installation
// keeps events for a number of days.
type EventRecord struct {
	Event retinue.Event // without Raw
	// Hash names the event within its log, Behaviour the way of use that it was
	// counted as.
	Hash      uint64
	Behaviour BehaviourHash
	// Label is the input that it stood in, and Place the line or record there, from
	// 1; 0 where that is not known.
	Label string
	Place int64
}

// EventKeeping says whether and how events are kept.
type EventKeeping struct {
	// Days is for how many days after they happened; 0 keeps none.
	Days int
	// DayBytes bounds what is kept of one day. What comes when it is reached is
	// counted as over.
	DayBytes int64
	// Seal makes sealed blocks of the records of one log and day. It drops what it
	// cannot keep and counts that. It is called in the transaction that counts.
	Seal func(ctx context.Context, records []EventRecord) ([]EventBlock, EventsLost)
}

// EventsLost are events that were counted and of which no record is kept, by
// why.
type EventsLost struct {
	// Over came when as much was kept of their day as may be.
	Over int64 `json:"over"`
	// TooLarge have a record beyond the bound of one.
	TooLarge int64 `json:"tooLarge"`
	// Unsealed came when the sealing key could not be reached.
	Unsealed int64 `json:"unsealed"`
}

// EventBlock is a run of records of one log and day, compressed and sealed.
type EventBlock struct {
	ID   int64
	Name string // by which it is sealed
	Log  string
	Day  int64 // since 1970: when they happened, or came, where a clock was ahead
	N    int64
	// First and Last bound their times, in seconds since 1970.
	First, Last int64
	// Hashes are the upper halves of the hashes of its events, sorted. Lists of
	// blocks leave them out.
	Hashes []uint32
	// Behaviours are their ways of use.
	Behaviours []BehaviourHash
	Sealed     []byte
}

// EventBlockQuery selects blocks; zero fields select all.
type EventBlockQuery struct {
	// From and To bound when something of it happened, To being part of it; in
	// seconds since 1970.
	From, To int64
	// Of are the keys of those who acted: what UserRefs returns.
	Of []int64
	// Hash is of an event.
	Hash uint64
	// Below selects blocks of fewer events.
	Below int64
	// After continues a list in the order of ids, in place of the latest first; the
	// smallest number begins one.
	After int64
	Limit int
}

// EventDay is what is kept of the events of a day, and what of them is not.
type EventDay struct {
	Day    int64 `json:"day"` // since 1970
	Events int64 `json:"events"`
	Bytes  int64 `json:"bytes"`
	EventsLost
}

// UnknownKept is an entry that no reader understood, as it is kept.
type UnknownKept struct {
	Name   string // by which it is sealed
	Log    string
	At     time.Time
	Label  string
	Place  int64
	Sealed []byte
}
