package app

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// ActivityOptions are how logs are read.
type ActivityOptions struct {
	Actor retinue.Actor
	// Since is the oldest event that is wanted.
	Since time.Time
	// Complete is somebody's word that what is read is all that the logs held in
	// its time, where the logs cannot prove it themselves. It is kept with the
	// actor's name.
	Complete bool
	// OnProgress and OnFault report how far the reading is and what could not be
	// read. They are called from several goroutines.
	OnProgress func(source string, p connector.Progress)
	OnFault    func(source string, f connector.Fault)
	Getenv     func(string) string
}

// ActivityRead is what came of reading a source's logs.
type ActivityRead struct {
	Source  string   `json:"source"`
	Logs    []string `json:"logs"`
	Inputs  int64    `json:"inputs"`
	Events  int64    `json:"events"`
	New     int64    `json:"new"`
	Unknown int64    `json:"unknown"`
	// Repeated had been counted before; LateUnverified were counted although it
	// can no longer be told whether they had been.
	Repeated       int64              `json:"repeated"`
	LateUnverified int64              `json:"lateUnverified"`
	Faults         int64              `json:"faults"`
	From           time.Time          `json:"from,omitzero"`
	To             time.Time          `json:"to,omitzero"`
	Coverage       []retinue.Coverage `json:"coverage"`
	Notes          []connector.Note   `json:"notes,omitempty"`
	// Concerns counts, by the code of a blind spot, the identities and credentials
	// of whose verdict it is a part. It is set by ImportActivity.
	Concerns map[string]int `json:"concerns,omitempty"`
	// HandedIn says that it was read here and counted by a server; Weak, that it is
	// weak evidence there whatever the logs prove.
	HandedIn bool `json:"handedIn,omitempty"`
	Weak     bool `json:"weak,omitempty"`
	// Refused events are of systems that the sender does not speak for, Withheld
	// names of such in events of others, which count without them, OtherKeys
	// are fingerprints under keys that the server does not have, and Places the
	// first of what the server refused or could not take.
	Refused   int64    `json:"refused,omitempty"`
	Withheld  int64    `json:"withheld,omitempty"`
	OtherKeys int64    `json:"otherKeys,omitempty"`
	Places    []string `json:"places,omitempty"`
	Error     string   `json:"error,omitempty"`
}

// maxReadNotes bounds the notes on the logs of one source.
const maxReadNotes = 200

// maxKeptFaults is how many faults of one input are kept one by one; the others
// are counted.
const maxKeptFaults = 20

// readSoFar holds what is told of a read of one source's logs, whether it is counted
// here or handed in to a server. It is the part of a connector.ActivitySink that
// both have. It is safe for concurrent use.
type readSoFar struct {
	opt ActivityOptions

	mu     sync.Mutex
	read   ActivityRead
	logs   map[string]bool
	inputs map[string]bool
	faults map[string]int // how many were told of each input
}

func newReadSoFar(read ActivityRead, opt ActivityOptions) *readSoFar {
	if opt.OnProgress == nil {
		opt.OnProgress = func(string, connector.Progress) {}
	}
	if opt.OnFault == nil {
		opt.OnFault = func(string, connector.Fault) {}
	}
	return &readSoFar{opt: opt, read: read, logs: map[string]bool{}, inputs: map[string]bool{}, faults: map[string]int{}}
}

// inputOf is the input that a batch is of, empty where all that it keeps is how far
// something came that is no file or object itself: a listing, or a name that is
// followed.
func inputOf(b connector.Batch) string {
	if len(b.Events) == 0 && b.Position.Offset == 0 {
		return ""
	}
	return b.Input
}

// add adds what came of a part of an input; an empty input says nothing of which
// it was.
func (r *readSoFar) add(input string, read ActivityRead) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sum := &r.read
	if input != "" && !r.inputs[input] {
		r.inputs[input] = true
		sum.Inputs++
	}
	sum.Events += read.Events
	sum.New += read.New
	sum.Unknown += read.Unknown
	sum.Repeated += read.Repeated
	sum.LateUnverified += read.LateUnverified
	sum.Faults += read.Faults
	sum.Refused += read.Refused
	sum.Withheld += read.Withheld
	sum.OtherKeys += read.OtherKeys
	sum.Places = append(sum.Places, read.Places[:min(len(read.Places), maxPlaces-len(sum.Places))]...)
	if !read.From.IsZero() {
		sum.From = earlierOf(sum.From, read.From)
	}
	sum.To = laterOf(sum.To, read.To)
	for _, l := range read.Logs {
		r.logs[l] = true
	}
}

// cover adds what a log covers.
func (r *readSoFar) cover(c retinue.Coverage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read.Coverage = append(r.read.Coverage, c)
	r.logs[c.Log] = true
}

// fault counts a fault and reports it, and says whether it is one of the first of
// its input, which are kept one by one.
func (r *readSoFar) fault(f connector.Fault) (kept bool) {
	r.mu.Lock()
	r.read.Faults += max(1, f.Count)
	r.faults[f.Input]++
	kept = r.faults[f.Input] <= maxKeptFaults
	r.mu.Unlock()
	r.opt.OnFault(r.read.Source, f)
	return kept
}

// Note implements connector.ActivitySink.
func (r *readSoFar) Note(n connector.Note) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.read.Notes) < maxReadNotes {
		r.read.Notes = append(r.read.Notes, n)
	}
}

// Progress implements connector.ActivitySink.
func (r *readSoFar) Progress(p connector.Progress) { r.opt.OnProgress(r.read.Source, p) }

func (r *readSoFar) result() ActivityRead {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.read.Logs = slices.Sorted(maps.Keys(r.logs)); r.read.Logs == nil {
		r.read.Logs = []string{}
	}
	if r.read.Coverage == nil {
		r.read.Coverage = []retinue.Coverage{}
	}
	return r.read
}
