package eventstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// watcher tells what was read with nothing missing.
type watcher struct {
	link *link
	// held is what had been counted when the messages up to until had been given
	// out: once those are all acknowledged, nothing before is missing.
	held  map[part]extent
	until uint64

	mu      sync.Mutex
	dropped uint64 // up to where messages were dropped unread
	broken  map[*Subject]bool
}

// watch asks now and then how far the reading is, until ctx ends.
func (w *watcher) watch(ctx context.Context) {
	tick := time.NewTicker(w.link.reader.cfg.Watch)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.look(ctx)
		}
	}
}

// look asks once.
func (w *watcher) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	w.link.mu.Lock()
	b := w.link.bound
	w.link.mu.Unlock()
	if b == nil {
		return
	}
	r := w.link.reader
	if w.held == nil {
		w.held = r.seen.take() // before the question: all of it is of messages that were given out
	}
	info, err := b.consumer.Info(ctx)
	if err != nil {
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			w.link.unbind(b)
		}
		return // the workers tell
	}
	r.state.set(func(s *State) {
		s.Lag, s.Unacknowledged, s.AskedAt = int64(info.NumPending), int64(info.NumAckPending), r.cfg.Now().UTC() //nolint:gosec // a stream holds fewer than 2^63
	})
	if s, err := b.stream.Info(ctx); err == nil {
		w.lookForDropped(b, s, info)
	}
	if r.cfg.Cover == nil || len(w.held) == 0 {
		w.held = nil
		return
	}
	if w.until == 0 {
		w.until = info.Delivered.Stream
	}
	if info.NumAckPending > 0 && info.AckFloor.Stream < w.until {
		return
	}
	if err := w.tell(ctx, b); err != nil {
		r.cfg.Log.Warn("coverage of an event stream was not kept", "name", r.cfg.Name, "error", err.Error())
		return
	}
	w.held, w.until = nil, 0
}

// lookForDropped finds messages that the stream dropped, by its limits or by
// somebody's hand, before anybody was given them.
func (w *watcher) lookForDropped(b *binding, s *jetstream.StreamInfo, info *jetstream.ConsumerInfo) {
	w.mu.Lock()
	defer w.mu.Unlock()
	read, first := max(info.Delivered.Stream, info.AckFloor.Stream), s.State.FirstSeq
	if read == 0 { // nothing was asked of the stream before
		return
	}
	if read = max(read, w.dropped); first <= read+1 {
		return
	}
	r := w.link.reader
	n := int64(first - read - 1) //nolint:gosec // a stream holds fewer than 2^63
	w.dropped = first - 1
	r.state.set(func(s *State) { s.Dropped += n })
	w.broken = map[*Subject]bool{}
	for i := range r.cfg.Subjects { // which of them they were of is not known
		w.broken[&r.cfg.Subjects[i]] = true
	}
	r.state.fault(n)
	r.cfg.Fault(r.cfg.Subjects[0].Kind, connector.Fault{Input: b.input, Label: "stream " + r.cfg.Stream, Record: int64(read + 1), Count: n, //nolint:gosec // see above
		Err: fmt.Errorf("%w: up to %d messages went out of the stream before they were read", retinue.ErrUnavailable, n)})
}

// tell passes on what the held stretches cover.
func (w *watcher) tell(ctx context.Context, b *binding) error {
	r := w.link.reader
	w.mu.Lock()
	broken := w.broken
	w.broken = nil
	w.mu.Unlock()
	lists := map[*Subject][]retinue.Coverage{}
	for _, p := range slices.SortedFunc(maps.Keys(w.held), part.compare) {
		e := w.held[p]
		lists[p.subject] = append(lists[p.subject], retinue.Coverage{Log: p.log, Realm: p.realm, From: e.first, To: e.last, Classes: slices.Sorted(maps.Keys(e.classes)),
			Authenticated: p.subject.Authentic})
	}
	for s, list := range lists {
		if err := r.cfg.Cover(ctx, s, b.input, list, broken[s]); err != nil {
			w.breakAt(broken)
			return err
		}
		delete(broken, s)
		for _, c := range list {
			delete(w.held, part{s, c.Log, c.Realm})
		}
	}
	w.breakAt(broken) // of subjects that had nothing to tell yet
	return nil
}

// breakAt keeps what is broken for the next time, beside what broke since.
func (w *watcher) breakAt(subjects map[*Subject]bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken == nil {
		w.broken = map[*Subject]bool{}
	}
	maps.Copy(w.broken, subjects)
}

// part is what one realm wrote to one log.
type part struct {
	subject *Subject
	log     string
	realm   retinue.Realm
}

func (p part) compare(o part) int {
	return cmp.Or(cmp.Compare(p.realm, o.realm), cmp.Compare(p.log, o.log), cmp.Compare(p.subject.Filter, o.subject.Filter))
}

type extent struct {
	first, last time.Time
	classes     map[retinue.EventClass]bool
}

// extents are the stretches of time that were counted since they were last
// taken.
type extents struct {
	mu   sync.Mutex
	list map[part]extent
}

func (x *extents) add(s *Subject, events []retinue.Event) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.list == nil {
		x.list = map[part]extent{}
	}
	for i := range events {
		e := &events[i]
		if e.Class == retinue.EventUnknown || len(x.list) > maxParts {
			continue
		}
		p := part{s, e.Log, e.Realm}
		have, ok := x.list[p]
		if !ok {
			have = extent{first: e.At, last: e.At, classes: map[retinue.EventClass]bool{}}
		}
		if e.At.Before(have.first) {
			have.first = e.At
		}
		if e.At.After(have.last) {
			have.last = e.At
		}
		have.classes[e.Class] = true
		x.list[p] = have
	}
}

// maxParts bounds the logs and realms of which stretches are held.
const maxParts = 10_000

func (x *extents) take() map[part]extent {
	x.mu.Lock()
	defer x.mu.Unlock()
	out := x.list
	x.list = nil
	return out
}
