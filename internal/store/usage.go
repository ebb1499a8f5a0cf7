package store

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// Consumer is what uses a credential, as far as a log tells it. Kind and Name
// say who it is; the rest is how it was seen, by which it may be told from
// others that have no better name.
type Consumer struct {
	// Kind is workload, pipeline, service, host, application, network or
	// unknown.
	Kind string `json:"kind"`
	Name string `json:"name,omitempty"`
	// Workload is what the log named, without what changes from run to run.
	Workload retinue.Ref `json:"workload,omitzero"`
	// Network is the block that the address lies in, Agent the family of the
	// client program ("aws-cli", "kubectl", "browser").
	Network string `json:"network,omitempty"`
	Agent   string `json:"agent,omitempty"`
}

// Behaviour is one distinct way of use, by which events are counted: two events
// that differ in nothing here differ only in time and address. It is comparable.
type Behaviour struct {
	Log        string
	Realm      retinue.Realm
	Class      retinue.EventClass
	Identity   retinue.Ref
	Credential retinue.Ref
	Via        retinue.Ref // the nearest of them
	Behalf     retinue.Ref
	Resource   retinue.Ref // without what changes from call to call
	Consumer   Consumer
	Person     bool
	// Interactive is true where the log says that a terminal or browser was used.
	Interactive bool
	Action      string
	More        string // further permissions, sorted, separated by spaces
	Operation   string
	Region      string
	Context     string // the class of request conditions
	Outcome     retinue.Outcome
}

// BehaviourHash names a behaviour wherever it is counted.
type BehaviourHash [16]byte

// Hash returns the name of the behaviour: the first half of the SHA-256 of its
// parts.
func (b Behaviour) Hash() BehaviourHash {
	buf := make([]byte, 0, 512)
	for _, s := range []string{b.Log, string(b.Realm), string(b.Class), b.Consumer.Kind, b.Consumer.Name, b.Consumer.Network, b.Consumer.Agent,
		b.Action, b.More, b.Operation, b.Region, b.Context, string(b.Outcome)} {
		buf = append(append(buf, s...), 0)
	}
	for _, r := range b.Refs() {
		buf = append(append(buf, r.Realm...), 0)
		buf = append(append(buf, r.Kind...), 0)
		buf = append(append(buf, r.Key...), 0)
	}
	buf = append(buf, byte(b.Flags())) //nolint:gosec // two bits
	sum := sha256.Sum256(buf)
	return BehaviourHash(sum[:16])
}

// UsageEvent is an event as it is counted.
type UsageEvent struct {
	// Hash names the event within its log: by the log's id, else by the record.
	Hash uint64
	// At is when it happened, in seconds since 1970.
	At int64
	// Behaviour is an index into the batch's Behaviours.
	Behaviour int32
	// Origin is a hash of the address that it came from; 0 where none is known.
	Origin uint32
}

// UsageTouch is what somebody did to something that governance is about.
type UsageTouch struct {
	Kind   retinue.TouchKind
	Target retinue.Ref
	// Event is an index into the batch's Events.
	Event int32
}

// UsageBatch is what is counted in one transaction.
type UsageBatch struct {
	Log   string
	Input string
	Label string
	// Position is where the reading of the input stands after these events; it is
	// kept if Keep is true.
	Position connector.Position
	Keep     bool
	// From is where the reading of the input must stand before, of the first batch
	// of an input; nil: anywhere. It is asked in the transaction that counts, in
	// which those who bring the same input take turns.
	From       *connector.Position
	Behaviours []Behaviour
	Events     []UsageEvent
	Touches    []UsageTouch
	Unknown    []UnknownEvent
	// Records are those of Events, in their order; nil where they are not kept.
	Records []EventRecord
	// Horizon is for how long after an event was last delivered the same event is
	// known again.
	Horizon time.Duration
}

// UnknownEvent is an entry that no reader understood, sealed.
type UnknownEvent struct {
	Event int32 // index into Events
	Name  string
	// Label is the input that it stood in, and Place the line or record there, from
	// 1; 0 where that is not known.
	Label  string
	Place  int64
	Sealed []byte
}

// UnknownName is the name under which an unknown event is kept.
func UnknownName(log string, hash uint64) string { return fmt.Sprintf("%s %016x", log, hash) }

// UsageCounted is what came of a batch.
type UsageCounted struct {
	// New were counted; Repeated had been counted before.
	New, Repeated int64
	// LateUnverified were counted although it can no longer be told whether they
	// had been before, only that their input had not been read.
	LateUnverified int64
	// Hours are the rollup rows that were written.
	Hours int64
}

// UsageHour is the hour of a moment given in seconds.
func UsageHour(at int64) int64 {
	h := at / 3600
	if at%3600 < 0 {
		h--
	}
	return h
}

// EventHash names an event within its log by the log's own id, or by the digest
// of its record where it has none. Two of a billion events of one hour share a
// hash by chance in three of a hundred such hours.
func EventHash(id string, digest [16]byte) uint64 {
	if id == "" {
		return binary.LittleEndian.Uint64(digest[:8]) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(digest[8:]), 29)
	}
	sum := sha256.Sum256([]byte(id))
	return binary.LittleEndian.Uint64(sum[:8])
}

// UsageMonth is the calendar month, in UTC, of a moment given in seconds: months
// since the year 0.
func UsageMonth(at int64) int64 {
	t := time.Unix(at, 0).UTC()
	return int64(t.Year())*12 + int64(t.Month()) - 1
}

// MonthStart is the first hour of a month.
func MonthStart(month int64) int64 {
	return time.Date(int(month/12), time.Month(month%12+1), 1, 0, 0, 0, 0, time.UTC).Unix() / 3600
}

// Flags is how the behaviour's yes and no are kept: 1 a person acted, 2
// interactive.
func (b Behaviour) Flags() int64 {
	var f int64
	if b.Person {
		f |= 1
	}
	if b.Interactive {
		f |= 2
	}
	return f
}

// Refs are the things that the behaviour names, zero where it names none:
// identity, credential, via, behalf, resource, and the consumer's workload.
func (b Behaviour) Refs() [6]retinue.Ref {
	return [6]retinue.Ref{b.Identity, b.Credential, b.Via, b.Behalf, b.Resource, b.Consumer.Workload}
}

// Hash names the consumer.
func (c Consumer) Hash() BehaviourHash {
	sum := sha256.Sum256([]byte(c.Kind + "\x00" + c.Name + "\x00" + c.Network + "\x00" + c.Agent + "\x00" + c.Workload.String()))
	return BehaviourHash(sum[:16])
}

// SetFlags is the inverse of Flags.
func (b *Behaviour) SetFlags(f int64) { b.Person, b.Interactive = f&1 != 0, f&2 != 0 }

// Used is a behaviour with its counts.
type Used struct {
	Key       int64
	Behaviour Behaviour
	// FirstSeen is when it was first recorded here, which may be long after it
	// happened.
	FirstSeen time.Time
	Months    []Month // sorted
}

// KeyRef is the ref under which a credential is counted of which a log gives an
// id or a fingerprint in place of a name. kind is that of a join key, or "fp:"
// and the id of a fingerprint key, as the inventory keeps them.
func KeyRef(kind, value string) retinue.Ref {
	return retinue.NewRef("credential:"+retinue.Realm(kind), "key", value)
}

// UsageFault is something of a log that could not be read, as it is kept.
type UsageFault struct {
	Log        string    `json:"log"`
	Input      string    `json:"input"`
	Place      int64     `json:"place,omitempty"`
	Count      int64     `json:"count"`
	Message    string    `json:"message"`
	From       time.Time `json:"from,omitzero"`
	To         time.Time `json:"to,omitzero"`
	RecordedAt time.Time `json:"recordedAt"`
}

// UsageTally is what a log brought on a day of a realm.
type UsageTally struct {
	Log   string        `json:"log"`
	Realm retinue.Realm `json:"realm"`
	Day   int64         `json:"day"` // since 1970
	// What is a class of event, repeated, or late.
	What string `json:"what"`
	N    int64  `json:"n"`
}

// VerdictRow is a verdict as it is kept.
type VerdictRow struct {
	Entity retinue.EntityID
	Type   int // of the thing, as the store numbers it
	Name   string
	Kind   string
	Status string
	Grade  retinue.Grade
	// LastUsed is when it was last used, Silent since when it is known not to have
	// been, Due when the verdict could change by time alone.
	LastUsed time.Time
	Silent   time.Time
	Due      time.Time
	JudgedAt time.Time
	// Shared is true where several consumers use one credential.
	Shared bool
	Body   []byte // JSON
	// Reason is the verdict in a sentence; it is read of what was concluded at a
	// time, which has no Body.
	Reason string
	// Version is what is added to the history when the verdict is kept; nil: it
	// says nothing else than before.
	Version *VerdictVersion
}

// VerdictVersion is what was concluded about the use of a thing for some time, as
// it was when that began: of what is active the last use moves on, and is not
// history.
type VerdictVersion struct {
	// From is since when it was concluded, and To until when; zero: it still is.
	From     time.Time
	To       time.Time
	Status   string
	Grade    retinue.Grade
	LastUsed time.Time
	// Silent is since when it was known not to have been used, of what was idle,
	// dormant or never used.
	Silent time.Time
	Reason string
	// Why says what had changed.
	Why []VerdictCause
}

// VerdictCause is one thing that changed a verdict: its kind, and a sentence.
type VerdictCause struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// VerdictQuery selects verdicts; a zero field selects all.
type VerdictQuery struct {
	Type     retinue.FactType
	Status   string
	Grade    retinue.Grade
	Shared   bool // only what several consumers share
	NonHuman bool // leave out persons
	// AsOf asks for what was concluded at a time; zero: what is. Shared is not known
	// of the past.
	AsOf  time.Time
	After retinue.EntityID
	Limit int
}

// VerdictShare is how many things have a status on some evidence.
type VerdictShare struct {
	Type   retinue.FactType `json:"type"`
	Status string           `json:"status"`
	Grade  retinue.Grade    `json:"grade"`
	N      int64            `json:"n"`
}

// UsageShare is how many things of a source in a system have a usage status on some
// evidence.
type UsageShare struct {
	Source   string
	Realm    retinue.Realm
	Type     retinue.FactType // identity or credential
	Workload bool             // an identity of a machine
	Status   string           // empty: nothing is concluded yet
	Grade    retinue.Grade    // empty: nothing is concluded yet
	N        int64
}

// UsageSubject is a thing whose verdict is to be formed.
type UsageSubject struct {
	Key  int64
	ID   retinue.EntityID
	Type int
	Ref  retinue.Ref
}

// Unlisted is somebody who was seen in logs and is in no listing.
type Unlisted struct {
	Ref        retinue.Ref `json:"ref"`
	Behaviours int64       `json:"behaviours"`
	FirstSeen  time.Time   `json:"firstSeen"`
}

// UsedTouch is what somebody did to a thing.
type UsedTouch struct {
	Kind   retinue.TouchKind `json:"kind"`
	By     retinue.Ref       `json:"by"`
	Person bool              `json:"person"`
	Action string            `json:"action"`
	N      int64             `json:"n"`
	First  time.Time         `json:"first"`
	Last   time.Time         `json:"last"`
}

// UsedDeed is what a thing did to another, in one way of use.
type UsedDeed struct {
	Kind      retinue.TouchKind
	Target    retinue.Ref
	Behaviour BehaviourHash
	N         int64
	First     time.Time
	Last      time.Time
}

// PushCursor is the cursor of inputs that are batches which a system pushed.
const PushCursor = "push"

// UsageActor is who did something to things that governance is about.
type UsageActor struct {
	Key int64 // of the ref
	Ref retinue.Ref
	// Person is true where a log says that a person acted.
	Person bool
	// Targets is to how many things.
	Targets int64
}

// ActorTouch is what an actor did to a thing.
type ActorTouch struct {
	Actor  int64 // key of the actor's ref
	Entity int64
	ID     retinue.EntityID
	Type   retinue.FactType
	Kind   retinue.TouchKind
	Log    string
	Action string
	N      int64
	First  time.Time
	Last   time.Time
}

// HandUse is one way in which somebody used a credential by hand.
type HandUse struct {
	Entity    int64 // of the credential
	ID        retinue.EntityID
	Behaviour Behaviour
	First     time.Time
	Last      time.Time
}
