package store

import (
	"encoding/json"
	"time"

	"github.com/retinue-id/retinue"
)

// Purpose says what an outlet is for.
type Purpose string

// The purposes of outlets.
const (
	PurposeChannel    Purpose = "channel"    // tells people, and keeps tickets
	PurposeStream     Purpose = "stream"     // passes findings and records on
	PurposeCheckpoint Purpose = "checkpoint" // keeps checkpoints of the audit log
)

// Outlet is a configured way out of the installation: a channel, a stream or a
// place for checkpoints. Its secrets are sealed and never leave through here.
type Outlet struct {
	ID       retinue.ChannelID
	Purpose  Purpose
	Kind     string
	Name     string
	Enabled  bool
	Settings json.RawMessage // without secrets
	// Sealed are the secrets, and SecretNames which of them are set.
	Sealed      []byte
	SecretNames []string
	// Version counts changes of the configuration, from 1.
	Version   int64
	CreatedAt time.Time
	UpdatedAt time.Time
	// Cursor is how far a stream has passed things on.
	Cursor int64
	// Failures counts failures since the last success; NextAt is when it is
	// tried again, zero for at once.
	Failures    int
	NextAt      time.Time
	LastOKAt    time.Time
	LastError   string
	LastErrorAt time.Time
	Key         int64
}

// Route is a stored routing rule; Body is its content.
type Route struct {
	ID        retinue.RouteID
	Name      string
	Position  int64
	Enabled   bool
	Version   int64
	CreatedAt time.Time
	UpdatedAt time.Time
	Body      json.RawMessage
	Key       int64
}

// NoticeState is where a notice stands.
type NoticeState string

// The notice states.
const (
	NoticeOpen         NoticeState = "open"
	NoticeAcknowledged NoticeState = "acknowledged"
	NoticeResolved     NoticeState = "resolved"
)

// Notice is something worth telling. Its key is made of its cause, so that the
// same cause is one notice however often it is found.
type Notice struct {
	ID       retinue.NoticeID
	Key      string
	Kind     string
	Severity retinue.Severity
	State    NoticeState
	// Entity is the internal key of what it is about, 0 for none.
	Entity int64
	Source string
	// Occasion counts how often there was something to tell, from 1; Routed is
	// the last one that was routed.
	Occasion int64
	Routed   int64
	// Step is the escalation step reached, 0 for none, and StepAt when the
	// next one is due, zero for never.
	Step           int64
	StepAt         time.Time
	RaisedAt       time.Time // first
	LastAt         time.Time // of the last occasion
	AcknowledgedAt time.Time
	AcknowledgedBy string
	ResolvedAt     time.Time
	Body           NoticeBody
	InternalKey    int64
}

// NoticeBody is what a notice says. It holds no secret.
type NoticeBody struct {
	Title string `json:"title"`
	Text  string `json:"text"`
	// Path is the page of the console about it, from the root.
	Path string `json:"path,omitempty"`
	// Stage tells a cause that grew from one that is merely still there; a
	// notice whose stage moved is news.
	Stage string `json:"stage,omitempty"`
	News  bool   `json:"news,omitempty"`

	Finding     retinue.FindingID   `json:"finding,omitempty"`
	Subject     retinue.EntityID    `json:"subject,omitempty"`
	SubjectName string              `json:"subjectName,omitempty"`
	Rule        string              `json:"rule,omitempty"`
	Family      string              `json:"family,omitempty"`
	Fix         string              `json:"fix,omitempty"`
	Environment retinue.Environment `json:"environment,omitempty"`
	Owner       string              `json:"owner,omitempty"`
	BackupOwner string              `json:"backupOwner,omitempty"`
	Tags        []string            `json:"tags,omitempty"` // key=value
}

// NoticeQuery selects notices, the newest first. Empty fields do not limit.
type NoticeQuery struct {
	ID       retinue.NoticeID
	State    NoticeState
	Kind     string
	Severity retinue.Severity // at least
	Source   string
	Finding  retinue.FindingID
	// Before is the internal key before which the page begins; 0: the newest.
	Before int64
	Limit  int
}

// DeliveryState is where a delivery stands.
type DeliveryState string

// The delivery states.
const (
	DeliveryWaiting   DeliveryState = "waiting"
	DeliverySent      DeliveryState = "sent"
	DeliveryDead      DeliveryState = "dead"      // given up; visible, and can be tried again
	DeliveryCancelled DeliveryState = "cancelled" // its cause went away first
)

// Delivery is one telling of a notice to one receiver: a row of the outbox.
type Delivery struct {
	ID       retinue.DeliveryID
	Notice   int64
	Occasion int64
	Step     int64
	Event    string // raised, escalated, acknowledged, resolved
	Outlet   int64
	// Address is the receiver within the channel, where there is more than
	// one: an e-mail address, a room.
	Address  string
	Route    string
	State    DeliveryState
	DueAt    time.Time
	Attempts int
	SentAt   time.Time
	Message  string // the message in which it was sent, which may hold several
	Error    string
	Receipt  string
	Key      int64
}

// DeliveryQuery selects deliveries, the newest first.
type DeliveryQuery struct {
	ID     retinue.DeliveryID
	Notice int64
	Outlet int64
	State  DeliveryState
	Before int64
	Limit  int
}

// TicketState is where a ticket stands.
type TicketState string

// The ticket states.
const (
	TicketWanted       TicketState = "wanted" // not yet made in the other system
	TicketOpen         TicketState = "open"
	TicketAcknowledged TicketState = "acknowledged" // somebody works on it there
	TicketClosed       TicketState = "closed"
	TicketDead         TicketState = "dead" // could not be made
)

// Ticket is a ticket kept in another system for findings that one change
// settles.
type Ticket struct {
	ID     retinue.TicketID
	Outlet int64
	// Marker stands in the ticket and finds it again; Group is what the
	// findings have in common.
	Marker   string
	Group    string
	External string // the other system's key
	URL      string
	State    TicketState
	Title    string
	// Digest is what was last written to the other system.
	Digest string
	// ClosedOutside is when it was closed there although findings held.
	ClosedOutside time.Time
	Attempts      int
	Error         string
	CreatedAt     time.Time
	UpdatedAt     time.Time
	Key           int64
}

// TicketEvent is a receipt of something done to a ticket, there or from there.
type TicketEvent struct {
	At    time.Time
	Event string
	OK    bool
	Text  string
}

// TicketQuery selects tickets, the newest first.
type TicketQuery struct {
	ID       retinue.TicketID
	Outlet   int64
	State    TicketState
	External string
	Marker   string
	Finding  retinue.FindingID
	Before   int64
	Limit    int
}

// Push is a checkpoint that was put, or failed to be put, into an outside
// place.
type Push struct {
	ID     retinue.PushID
	Outlet int64
	At     time.Time
	Size   int64
	Head   string
	// Note is the signed checkpoint itself.
	Note  string
	OK    bool
	Place string // where it lies: an object and its version, a commit, a stamp's serial number
	// Proof is what the place gave back, such as a time-stamp token.
	Proof []byte
	Error string
	Key   int64
}

// SavedFinding is a finding whose state or content an update changed.
type SavedFinding struct {
	Entity  int64
	Finding retinue.Finding
	// Before is the state that it had, empty for a new one.
	Before retinue.FindingState
}

// FindingVersion is one state that a finding had.
type FindingVersion struct {
	Key     int64
	Finding retinue.Finding
}
