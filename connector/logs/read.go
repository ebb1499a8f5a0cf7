package logs

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// Decoder turns records of one input into events. Each input has its own, used
// from one goroutine and in the input's order.
type Decoder interface {
	// Decode adds the events of a record to dst. It keeps nothing of the record.
	// With an error, what was added is dropped and the record is reported.
	Decode(dst []retinue.Event, rec Record) ([]retinue.Event, error)
}

// DecoderFunc is a Decoder that needs no memory of earlier records.
type DecoderFunc func(dst []retinue.Event, rec Record) ([]retinue.Event, error)

// Decode calls f.
func (f DecoderFunc) Decode(dst []retinue.Event, rec Record) ([]retinue.Event, error) {
	return f(dst, rec)
}

// Options say what to read and how.
type Options struct {
	// Paths are files, folders and patterns; Match, where it is set, picks among
	// the files below a folder.
	Paths []string
	Match func(name string) bool
	// Inputs are read in place of Paths, where it is set.
	Inputs iter.Seq2[Input, error]

	// ReaderOptions hold for every input unless Open says otherwise.
	ReaderOptions
	// Decode turns one record into events; it has the form of
	// connector.Activity.Decode.
	Decode func(record []byte) ([]retinue.Event, error)
	// Open, where it is set, is asked in place of Decode for a decoder of an input,
	// of which head is the beginning of the content, up to 4 KiB. It may change the
	// options for this input. A nil Decoder passes the input over.
	Open func(in Input, head []byte, o *ReaderOptions) (Decoder, error)

	// Cover turns what was seen in all inputs into what the log shows. It is called
	// once, when all is read.
	Cover func(seen Seen) []retinue.Coverage
	// Hash picks inputs whose whole uncompressed content is hashed on the way, and
	// Hashed takes the SHA-256 of those that were read from beginning to end, by
	// this run or one before. Both are called from several goroutines.
	Hash   func(in Input) bool
	Hashed func(in Input, sum [sha256.Size]byte)
	// Workers is how many inputs are read at the same time; 0 means GOMAXPROCS.
	Workers int
}

// maxFaults is how many faults of one input are told one by one.
const maxFaults = 20

// run is one call of Read.
type run struct {
	ctx  context.Context
	req  connector.ActivityRequest
	sink connector.ActivitySink
	opts Options

	mu      sync.Mutex
	claimed map[string]connector.Position // inputs of this run, and where they stand
	later   []Input                       // begin like one that is being read
	seen    Seen
	gaps    []gap
	spare   sync.Pool // of *buffers
	done    atomic.Int64
	found   atomic.Int64
}

// Read reads all inputs from where earlier runs stopped and gives their events
// to sink. Inputs are read side by side, each in its own order. It returns an
// error when sink refused to go on, when ctx ended, or when nothing that Options
// name exists; everything else is a fault.
func Read(ctx context.Context, req connector.ActivityRequest, sink connector.ActivitySink, opts Options) error {
	if req.Now.IsZero() {
		req.Now = time.Now()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &run{ctx: ctx, req: req, sink: sink, opts: opts, claimed: map[string]connector.Position{}, seen: Seen{}}
	inputs := opts.Inputs
	if inputs == nil {
		if req.Files != nil {
			req.Files.Reading(opts.Paths)
		}
		inputs = Files(opts.Paths, opts.Match)
	}
	workers := opts.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	queue := make(chan Input)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for in := range queue {
				if err := r.input(in, true); err != nil {
					cancel(err)
				}
			}
		})
	}
	missing := r.hand(inputs, queue)
	close(queue)
	group.Wait()
	for _, in := range r.later {
		if ctx.Err() != nil {
			break
		}
		if err := r.input(in, false); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if missing != nil && r.found.Load() == 0 {
		return missing
	}
	return r.cover()
}

// hand gives the inputs to the workers and returns the last that could not be found.
func (r *run) hand(inputs iter.Seq2[Input, error], queue chan<- Input) error {
	var missing error
	for in, err := range inputs {
		if err != nil {
			missing = err
			if !in.named {
				r.sink.Fault(connector.Fault{Input: bound(in.Name), Label: in.Name, Err: err})
				continue
			}
			in.Label, in.missing = in.Name, err
		} else {
			r.found.Add(1)
		}
		select {
		case queue <- in:
		case <-r.ctx.Done():
			return missing
		}
	}
	return missing
}

func bound(s string) string { return s[:min(len(s), 1024)] }

func (r *run) cover() error {
	if r.opts.Cover == nil {
		return nil
	}
	for _, c := range r.opts.Cover(r.seen) {
		r.rotatedAway(&c)
		if err := r.sink.Cover(r.ctx, c); err != nil {
			return fmt.Errorf("keep coverage: %w", err)
		}
	}
	return nil
}

// input reads one input. An error ends the run.
func (r *run) input(in Input, first bool) error {
	if r.ctx.Err() != nil {
		return nil
	}
	defer func() {
		r.sink.Progress(connector.Progress{Stage: "reading logs", Done: r.done.Add(1), Total: 0, Unit: "files"})
	}()
	if r.unchanged(in) {
		return nil
	}
	f := &inputRun{run: r, in: in, first: first}
	err := f.read()
	var stop *stopError
	if errors.As(err, &stop) {
		return stop.err
	}
	if err != nil {
		f.fault(connector.Fault{Err: err})
	}
	f.finish()
	return nil
}

// unchanged reports that an input is as an earlier run read it to its end. One
// whose hash is wanted is opened all the same: what is kept of it tells the hash.
func (r *run) unchanged(in Input) bool {
	return r.remembers(in) && (r.opts.Hash == nil || !r.opts.Hash(in)) && r.req.Files.Unchanged(in.Name, in.Size, in.Modified)
}

// remembers reports whether the host remembers an input: it is a file that was
// left alone for a while.
func (r *run) remembers(in Input) bool {
	return r.req.Files != nil && in.ID == "" && !in.Modified.IsZero() && r.req.Now.Sub(in.Modified) >= settled
}

// ended has the host remember that an input was read to its end.
func (r *run) ended(in Input) {
	if r.remembers(in) {
		r.req.Files.Read(in.Name, in.Size, in.Modified)
	}
}

// buffers are what one input needs and the next can use again.
type buffers struct {
	events []retinue.Event
	window []byte
}

// stopError is an error of the sink: the run cannot go on.
type stopError struct{ err error }

// Error says what stopped the run.
func (e *stopError) Error() string { return e.err.Error() }
