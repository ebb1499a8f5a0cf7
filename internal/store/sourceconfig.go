package store

import (
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// SourceOrigin says where a source was configured.
type SourceOrigin string

// The origins.
const (
	OriginFile      SourceOrigin = "file"      // the configuration file: shown, and changed there
	OriginAPI       SourceOrigin = "api"       // the console or the API
	OriginCollector SourceOrigin = "collector" // made by what a collector hands in
)

// SourceConfig is how a source is configured. Its secrets are elsewhere, and
// sealed.
type SourceConfig struct {
	Source Source
	Origin SourceOrigin
	// Target is what the connector takes; of a source of the configuration file
	// only what may be shown.
	Target  string
	Options map[string]string
	// Interval is the time between two scans, zero for scans on demand only;
	// each is put off by up to Jitter, at random.
	Interval, Jitter time.Duration
	// Paused sources are not scanned by schedule or webhook.
	Paused    bool
	Collector CollectorID
	Secrets   []SecretInfo
	Hook      *HookInfo
	// Checked is what the last check of the access said.
	Checked   *Checked
	CreatedAt time.Time
	UpdatedAt time.Time
	UpdatedBy retinue.Actor
	Version   int64
}

// Checked is the outcome of a check of a source's access.
type Checked struct {
	At     time.Time        `json:"at"`
	OK     bool             `json:"ok"`
	Access connector.Access `json:"access"`
	Error  string           `json:"error,omitempty"`
}

// SecretInfo is what is told about a secret: that it is set.
type SecretInfo struct {
	Name  string
	SetAt time.Time
	SetBy retinue.Actor
}

// HookInfo is what is told about the webhook that starts scans of a source.
type HookInfo struct {
	SetAt    time.Time
	SetBy    retinue.Actor
	LastUsed time.Time
}

// ScanID names one request for a scan and what became of it: scn_.
type ScanID string

// ScanState is how far a scan is.
type ScanState string

// The states of a scan. What is not waiting or running has ended.
const (
	ScanWaiting   ScanState = "waiting"
	ScanRunning   ScanState = "running"
	ScanComplete  ScanState = "complete"
	ScanPartial   ScanState = "partial"
	ScanFailed    ScanState = "failed"
	ScanCancelled ScanState = "cancelled"
	// ScanCrashed: the process that ran it went away. It is run again once, as
	// a scan of its own.
	ScanCrashed ScanState = "crashed"
)

// Ended reports whether nothing more comes of a scan.
func (s ScanState) Ended() bool { return s != ScanWaiting && s != ScanRunning }

// ScanReason says why a scan was asked for.
type ScanReason string

// The reasons.
const (
	ScanScheduled ScanReason = "schedule"
	ScanDemanded  ScanReason = "demand"
	ScanHooked    ScanReason = "webhook"
	ScanRepeated  ScanReason = "crash" // the one before crashed
)

// Scan is one request for a scan of a source and what became of it.
type Scan struct {
	ID     ScanID
	Source Source
	State  ScanState
	Reason ScanReason
	// Actor is who asked; of several requests that one scan answers, the first.
	Actor       retinue.Actor
	RequestedAt time.Time
	// DueAt is the earliest time to begin.
	DueAt      time.Time
	StartedAt  time.Time
	FinishedAt time.Time
	Run        retinue.RunID
	// Repeats is the scan that crashed and that this one stands for.
	Repeats ScanID
	// Holder is the process that runs it, AliveAt its last sign of life.
	Holder   string
	AliveAt  time.Time
	CancelAt time.Time
	CancelBy retinue.Actor
	Progress []ScopeProgress
	Error    string
	Key      int64
}

// ScopeProgress is how far the reading of one scope is.
type ScopeProgress struct {
	Scope string `json:"scope"`
	Stage string `json:"stage,omitempty"`
	Done  int64  `json:"done,omitempty"`
	Total int64  `json:"total,omitempty"`
	Unit  string `json:"unit,omitempty"`
	// State is set once the scope is written.
	State  ScopeState `json:"state,omitempty"`
	Counts *Counts    `json:"counts,omitempty"`
}

// ScanQuery selects scans, the newest first. Empty fields do not limit.
type ScanQuery struct {
	Source string // name or id
	State  ScanState
	// Before is the key of the last scan of the page before.
	Before int64
	Limit  int
}

// CollectorID names a collector: col_.
type CollectorID string

// Enrolment is whether a collector may have, or has, the fingerprint key.
type Enrolment string

// The states of enrolment.
const (
	EnrolmentNone    Enrolment = "none"
	EnrolmentAllowed Enrolment = "allowed" // the key is handed out once
	EnrolmentDone    Enrolment = "done"
)

// Collector is a place from which scans are handed in.
type Collector struct {
	ID    CollectorID
	Name  string
	Token TokenID
	// Realms are what it may state facts about.
	Realms    []retinue.Realm
	Enrolment Enrolment
	// Recipient is the age recipient to which the key was encrypted, KeyID the
	// id of that key.
	Recipient  string
	KeyID      string
	EnrolledAt time.Time
	CreatedAt  time.Time
	CreatedBy  retinue.Actor
	LastPush   time.Time
	// ProgramVersion and Host are what it said of itself at its last push.
	ProgramVersion string
	Host           string
	RevokedAt      time.Time
	Version        int64
	Key            int64
}

// UploadID names a hand-in on its way: upl_.
type UploadID string

// UploadState is how far a hand-in is.
type UploadState string

// The states of a hand-in.
const (
	UploadOpen    UploadState = "open"    // chunks are coming
	UploadWaiting UploadState = "waiting" // it is whole, and is taken in
	UploadDone    UploadState = "done"
	UploadFailed  UploadState = "failed"
	UploadExpired UploadState = "expired"
)

// Upload is a scan that a collector hands in, in numbered chunks.
type Upload struct {
	ID        UploadID
	Collector CollectorID
	// Digest is the SHA-256 of the whole, hexadecimal, Size its length in
	// bytes; chunks but the last are ChunkSize long.
	Digest    string
	Size      int64
	ChunkSize int64
	State     UploadState
	// Have are the numbers of the chunks that have come, from 0, in order.
	Have      []int64
	CreatedAt time.Time
	ExpiresAt time.Time
	EndedAt   time.Time
	// Taken counts the sources inside that were taken in, Runs are their runs.
	Taken int
	Runs  []HandedRun
	// Refused counts facts of realms that the collector is not bound to.
	Refused int64
	Error   string
	Key     int64
}

// Chunks is how many chunks the hand-in has.
func (u Upload) Chunks() int64 { return (u.Size + u.ChunkSize - 1) / max(u.ChunkSize, 1) }

// HandedRun is how one source of a hand-in went.
type HandedRun struct {
	Source string        `json:"source"`
	Run    retinue.RunID `json:"run"`
	State  RunState      `json:"state"`
	Facts  int64         `json:"facts"`
	// Refused counts facts of realms that the collector is not bound to, and
	// Dropped fingerprints that it may not state.
	Refused int64  `json:"refused,omitempty"`
	Dropped int64  `json:"dropped,omitempty"`
	Error   string `json:"error,omitempty"`
}
