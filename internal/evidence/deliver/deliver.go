// Package deliver passes evidence on to systems outside: findings and audit
// records as a stream of OCSF events, and signed checkpoints of the audit log
// to places that the administrator of the database cannot rewrite. What is
// passed on, and when, is decided by the caller.
package deliver

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/retinue-id/retinue/internal/outlet"
)

// Batch is a part of a stream. It is sent again, whole, until it was taken, so
// that a receiver may get it more than once, and gets every batch in order.
type Batch struct {
	// ID is the same when the batch is sent again.
	ID     string
	Events []json.RawMessage
}

// Stream passes batches on. It is safe for concurrent use. Errors are sorted
// by the sentinels of the root package: only ErrInvalid says that sending the
// batch again would not help.
type Stream interface {
	Send(ctx context.Context, b Batch) (receipt string, err error)
	// Try proves that the receiver takes something.
	Try(ctx context.Context) (string, error)
}

// StreamKind is a kind of stream.
type StreamKind struct {
	Name   string
	Title  string
	Says   string
	Fields []outlet.Field
	open   func(outlet.Config) (Stream, error)
}

// StreamKinds lists the kinds of stream, by name.
func StreamKinds() []StreamKind { return []StreamKind{httpKind(), splunkKind()} }

// FindStream returns a kind by its name.
func FindStream(name string) (StreamKind, bool) {
	i := slices.IndexFunc(StreamKinds(), func(k StreamKind) bool { return k.Name == name })
	if i < 0 {
		return StreamKind{}, false
	}
	return StreamKinds()[i], true
}

// Open checks the options and secrets and makes a stream. It connects to
// nothing.
func (k StreamKind) Open(c outlet.Config) (Stream, error) {
	c, err := prepare(k.Name, k.Fields, c)
	if err != nil {
		return nil, err
	}
	s, err := k.open(c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.Name, err)
	}
	return s, nil
}

// Note is a signed checkpoint on its way to a place.
type Note struct {
	Signed []byte
	Origin string
	Size   int64
	Head   string // hexadecimal
	At     time.Time
}

// name is the file name of a checkpoint: names sort by the log's length.
func (n Note) name() string { return fmt.Sprintf("%016d-%.16s.txt", n.Size, n.Head) }

// Receipt is what a place gave for a checkpoint.
type Receipt struct {
	// Place says where it lies, and is what [Fetcher.Fetch] takes.
	Place string
	// Proof is what proves it without the place, such as a time-stamp token.
	Proof []byte
}

// Place keeps checkpoints. It is safe for concurrent use.
type Place interface {
	Put(ctx context.Context, n Note) (Receipt, error)
	// Try proves that the place can be reached and keeps what it is given.
	Try(ctx context.Context) (string, error)
}

// Fetcher is a place from which checkpoints can be read back.
type Fetcher interface {
	// Fetch returns the checkpoint that lies where a receipt says.
	Fetch(ctx context.Context, place string) ([]byte, error)
}

// Prover is a place whose receipts prove something by themselves.
type Prover interface {
	// Prove checks a proof against the checkpoint that it is of, and returns
	// what it proves in one sentence.
	Prove(signed, proof []byte) (string, error)
}

// PlaceKind is a kind of place.
type PlaceKind struct {
	Name   string
	Title  string
	Says   string
	Fields []outlet.Field
	open   func(outlet.Config) (Place, error)
}

// PlaceKinds lists the kinds of place, by name.
func PlaceKinds() []PlaceKind {
	kinds := []PlaceKind{gitKind(), mailKind(), stampKind(), s3Kind()}
	for i := range kinds {
		kinds[i].Fields = append(kinds[i].Fields, outlet.Field{Name: OptionEvery, Default: "1h", OneOf: intervals,
			Says: "how often a checkpoint is put there"})
	}
	return kinds
}

// OptionEvery is the option of every kind of place that says how often a
// checkpoint is put there.
const OptionEvery = "every"

// intervals are what can be chosen: the shortest is how often the server
// looks.
var intervals = []string{"15m", "1h", "6h", "24h", "168h"}

// Every is how often a checkpoint is put into a place with options.
func Every(options map[string]string) time.Duration {
	d, err := time.ParseDuration(options[OptionEvery])
	if err != nil || d <= 0 {
		return time.Hour
	}
	return d
}

// FindPlace returns a kind by its name.
func FindPlace(name string) (PlaceKind, bool) {
	i := slices.IndexFunc(PlaceKinds(), func(k PlaceKind) bool { return k.Name == name })
	if i < 0 {
		return PlaceKind{}, false
	}
	return PlaceKinds()[i], true
}

// Open checks the options and secrets and makes a place. It connects to
// nothing.
func (k PlaceKind) Open(c outlet.Config) (Place, error) {
	c, err := prepare(k.Name, k.Fields, c)
	if err != nil {
		return nil, err
	}
	p, err := k.open(c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.Name, err)
	}
	return p, nil
}

func prepare(kind string, fields []outlet.Field, c outlet.Config) (outlet.Config, error) {
	if err := outlet.Check(fields, c.Options, c.Secrets); err != nil {
		return c, fmt.Errorf("%s: %w", kind, err)
	}
	c.Options = outlet.WithDefaults(fields, c.Options)
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, nil
}
