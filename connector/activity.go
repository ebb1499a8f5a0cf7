package connector

import (
	"context"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
)

// MaxActivityBatch is how many events a batch holds at most.
const MaxActivityBatch = 4096

// MaxAhead is by how much an event may be ahead of the clock of whoever reads it.
// One that is further ahead was written by a clock that is wrong: when it happened
// is not known, so that it would be taken for use of a day that has not come. It is
// a fault. The day allows for logs whose zone is not told.
const MaxAhead = 24 * time.Hour

// Activity describes how a kind of connector reads what was done: its logs. It
// is a part of a [Spec]; a kind may read logs, or describe a system, or both.
type Activity struct {
	// Logs are the logs that it reads.
	Logs []LogKind
	// Target says what may follow "KIND=" where activity is read.
	Target []TargetForm
	// Examples are arguments of `retinue activity import`.
	Examples []TargetForm
	// Open makes a reader from a configuration, with the options of the Spec. It
	// reads no more than it must and makes no call.
	Open func(ctx context.Context, cfg Config, env Env) (ActivityReader, error)
	// Remote is to logs what Spec.Remote is to systems: it reports, as ErrDenied, a
	// configuration that reaches into the machine that runs the reader. Nil: logs of
	// the kind are files, and are named in a configuration file only.
	Remote func(cfg Config) error
	// Decode turns one record as the system itself sends it (a webhook's element, a
	// message of a stream) into its events. It reports a record that is none of its
	// as ErrInvalid. It is safe for concurrent use and keeps nothing of record. Nil
	// where records make no sense by themselves.
	Decode func(record []byte) ([]retinue.Event, error)
	// Decoder makes a Decode from a configuration, for a kind whose records leave
	// out what its options say (which organisation they are of), or hold hashes that
	// env turns into fingerprints. Of cfg only the options count. Nil where Decode is
	// all that there is.
	Decoder func(cfg Config, env Env) (func(record []byte) ([]retinue.Event, error), error)
	// Envelopes are the names under which an object that is no record itself holds
	// an array of records, as deliveries of several have it ("Records", "items").
	Envelopes []string
	// RealmOption is the option that says which system records are of, for a kind
	// whose records do not say it, and RealmKind the kind of that system's realm: the
	// option's value is the realm's id. Both are empty where records say it.
	RealmKind   string
	RealmOption string
}

// LogKind is one log that a connector understands.
type LogKind struct {
	// Name is what events carry in Log: "aws.cloudtrail".
	Name  string
	Title string
	// Covers and BlindSpots are for the connector's page; the reader's Coverage
	// says what holds for what it read.
	Covers     []string
	BlindSpots []retinue.BlindSpot
	// Lateness is how late events are known to arrive, 0 meaning the default of
	// seven days.
	Lateness time.Duration
}

// ActivityReader reads a system's logs. It keeps no state between runs: the host
// keeps where each input's reading stands, in the transaction that keeps the
// events. A reader may be killed at any time and read the same events again; the
// host counts them once.
type ActivityReader interface {
	// Activity reads what there is from where earlier runs ended, and returns. It
	// returns an error only when it could not go on at all; what was wrong with a
	// record or an input goes to ActivitySink.Fault and never stops the rest. It
	// returns ctx.Err() soon after ctx ends.
	Activity(ctx context.Context, req ActivityRequest, sink ActivitySink) error
	// Close releases what the reader holds. It is called once.
	Close() error
}

// ActivityRequest is what a run asks for.
type ActivityRequest struct {
	Now time.Time
	// Since is the oldest event that is wanted; zero means all. A reader may send
	// older ones that it read anyhow.
	Since time.Time
	// Position says where the reading of an input stands; the zero Position for
	// an input that was never read. It is safe for concurrent use.
	Position func(input string) (Position, error)
	// Files is what a host that reads the same logs again and again remembers of
	// files; nil where it remembers nothing.
	Files Files
}

// Files is what a host remembers of the files of its machine from one run to the
// next, and is told of them. It is safe for concurrent use.
type Files interface {
	// Reading is told which files, folders and patterns a run reads: the host may
	// watch them.
	Reading(paths []string)
	// Unchanged reports whether a file was read to its end when it was of this size
	// and last written at this time. It need not be opened then.
	Unchanged(name string, size int64, modified time.Time) bool
	// Read is told that a file was read to its end.
	Read(name string, size int64, modified time.Time)
}

// Position is where the reading of an input stands.
type Position struct {
	// Offset counts the input's own units: bytes of a file's content when it is
	// uncompressed, records of other inputs.
	Offset int64 `json:"offset,omitempty"`
	// Cursor is the reader's own word: a page token, the last key of a listing.
	Cursor string `json:"cursor,omitempty"`
	// Digest identifies the input's content as far as it was read, so that a file
	// which was rotated, replaced or renamed is known.
	Digest string `json:"digest,omitempty"`
	// Done is true once the input cannot grow: it is not opened again.
	Done bool `json:"done,omitempty"`
}

// Batch is a run of events of one input, in the input's order.
type Batch struct {
	// Input names what is read, the same in every run and on every machine where
	// it can be: "s3://bucket/key", a file's digest of its beginning. At most 1,024
	// bytes.
	Input string
	// Label is what people read in its place: a file's name.
	Label  string
	Events []retinue.Event
	// Places are where the record of each event stands in the input: its line, else
	// its number, from 1. Nil where that is not known.
	Places []int64
	// Position is where reading stands after these events.
	Position Position
}

// ActivitySink takes what is read. It is safe for concurrent use. It keeps
// neither the batch nor its slices after it returns. An error means that the run
// cannot go on; the reader returns it.
type ActivitySink interface {
	// Batch takes events, at most MaxActivityBatch. It may block. The position is
	// kept in the transaction in which the events are counted; batches of one input
	// are given in order, by one goroutine at a time.
	Batch(ctx context.Context, b Batch) error
	// Cover says what a log shows. It is kept after the batches before it.
	Cover(ctx context.Context, c retinue.Coverage) error
	// Fault says that something could not be read.
	Fault(f Fault)
	// Note passes on what is worth saying, and Progress how far the reading is.
	Note(n Note)
	Progress(p Progress)
}

// Fault is something of a log that could not be read.
type Fault struct {
	Input string
	Label string
	// Line counts from 1 in text, Record in other inputs; 0 where not known.
	Line   int64
	Record int64
	// Count is how many records it stands for; 0 means 1.
	Count int64
	// At bounds what is missing in time, where it is known: a truncated file is a
	// gap in the log.
	From time.Time
	To   time.Time
	// Err says what is wrong, without the record's text.
	Err error
}

// Error says the place and what is wrong.
func (f Fault) Error() string {
	name := f.Label
	if name == "" {
		name = f.Input
	}
	switch {
	case f.Line > 0:
		return fmt.Sprintf("%s:%d: %v", name, f.Line, f.Err)
	case f.Record > 0:
		return fmt.Sprintf("%s: record %d: %v", name, f.Record, f.Err)
	}
	return fmt.Sprintf("%s: %v", name, f.Err)
}
