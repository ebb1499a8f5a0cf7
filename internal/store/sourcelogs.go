package store

import (
	"time"

	"github.com/retinue-id/retinue"
)

// SourceLogs are the logs of a source that the server reads by itself, and how
// that stands.
type SourceLogs struct {
	Source Source
	Origin SourceOrigin
	// Target is what is read, in the words of the kind's logs; of a source of the
	// configuration file only what may be shown.
	Target string
	// Interval is the time between two reads where nothing tells of a change.
	Interval time.Duration
	// PausedAt and PausedBy are set while somebody wants nothing read.
	PausedAt time.Time
	PausedBy retinue.Actor
	// DueAt is when they are read next. Asked is true where somebody asked for
	// that, or something told of a change; AskedBy says who did, nobody where it is
	// the latter.
	DueAt   time.Time
	Asked   bool
	AskedBy retinue.Actor
	// Holder is the process that reads them, empty where none does, and Signs
	// counts its signs of life.
	Holder    string
	Signs     int64
	StartedAt time.Time
	// TriedAt is when the last read ended and ReadAt when the last one that went
	// well did; Failures counts those that failed since, and Error says why the
	// last did.
	TriedAt  time.Time
	ReadAt   time.Time
	Failures int64
	Error    string
	Standing LogsStanding
}

// Paused reports whether somebody wants nothing read.
func (l SourceLogs) Paused() bool { return !l.PausedAt.IsZero() }

// LogsStanding is what came of reading the logs of a source.
type LogsStanding struct {
	// Total is of all reads, Last of the last one, and Open of those that no
	// record tells of yet, the first of which ended at OpenSince.
	Total     LogsCount `json:"total"`
	Last      LogsCount `json:"last"`
	Open      LogsCount `json:"open"`
	OpenSince time.Time `json:"openSince,omitzero"`
	// NewAt is when something new was last counted.
	NewAt time.Time `json:"newAt,omitzero"`
	// Logs are the names of the logs that were read.
	Logs []string `json:"logs,omitempty"`
	// Covered is up to when each log of a realm was read without a gap.
	Covered []LogCovered `json:"covered,omitempty"`
}

// LogsCount counts what reads brought.
type LogsCount struct {
	Reads    int64 `json:"reads"`
	Events   int64 `json:"events"`
	New      int64 `json:"new"`
	Repeated int64 `json:"repeated"`
	Faults   int64 `json:"faults"`
}

// Add adds what other reads brought.
func (c *LogsCount) Add(o LogsCount) {
	c.Reads += o.Reads
	c.Events += o.Events
	c.New += o.New
	c.Repeated += o.Repeated
	c.Faults += o.Faults
}

// LogCovered is up to when a log of a realm was read without a gap.
type LogCovered struct {
	Log   string        `json:"log"`
	Realm retinue.Realm `json:"realm"`
	To    time.Time     `json:"to"`
}

// Attestation is somebody's word that what was read of a log is all that it held
// from From to To. Where the log proves it by itself it says nothing.
type Attestation struct {
	Key   int64         `json:"id"`
	Log   string        `json:"log"`
	Realm retinue.Realm `json:"realm"`
	From  time.Time     `json:"from"`
	To    time.Time     `json:"to"`
	By    retinue.Actor `json:"by"`
	At    time.Time     `json:"at"`
	// Reason is why, where they said.
	Reason string `json:"reason,omitempty"`
}

// StreamPause says that a stream of events is not read for now.
type StreamPause struct {
	Name string
	By   retinue.Actor
	At   time.Time
}
