package eventstream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// stopTime is how long what was fetched may take to be counted when the reading
// stops; what is not counted by then is given back.
const stopTime = 10 * time.Second

// Reader reads one stream. It is safe for concurrent use.
type Reader struct {
	cfg   Config
	state tracker
	seen  extents
	pace  pace
}

// New makes a reader of a configuration that Check approves.
func New(cfg Config) (*Reader, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	r := &Reader{cfg: cfg, pace: pace{rate: cfg.Rate}}
	r.state.s = State{Name: cfg.Name, Stream: cfg.Stream, Consumer: cfg.Consumer}
	return r, nil
}

// Run reads until ctx ends; then it counts what it holds, acknowledges that, and
// returns. While the servers cannot be reached it tries on. It returns an error
// only for what trying again cannot mend, such as a file of credentials that is
// not there.
func (r *Reader) Run(ctx context.Context) error {
	nc, err := r.connect()
	if err != nil {
		r.state.failed(err, r.cfg.Now())
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("%w: event stream %s: %v", retinue.ErrInvalid, r.cfg.Name, err)
	}
	l := &link{reader: r, nc: nc, js: js}
	l.watcher = &watcher{link: l}
	w := l.watcher
	var all sync.WaitGroup
	for range r.cfg.Workers {
		all.Go(func() { l.work(ctx) })
	}
	all.Go(func() { w.watch(ctx) })
	all.Wait()
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if err := nc.FlushWithContext(flush); err != nil && nc.IsConnected() {
		r.cfg.Log.Warn("event stream: the last acknowledgements may be lost, and their messages come again", "stream", r.cfg.Name, "error", err.Error())
	}
	w.look(flush)
	return nil
}

// link is a connection with the consumer that is read over it.
type link struct {
	reader  *Reader
	nc      *nats.Conn
	js      jetstream.JetStream
	watcher *watcher

	mu    sync.Mutex
	bound *binding
}

// binding returns the consumer, which it looks for where there is none yet.
func (l *link) binding(ctx context.Context) (*binding, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bound != nil {
		return l.bound, nil
	}
	b, err := l.reader.bind(ctx, l.js)
	if err != nil {
		return nil, err
	}
	l.bound = b
	l.watcher.lookForDropped(b, b.stream.CachedInfo(), b.consumer.CachedInfo()) // before what came later hides it
	l.reader.cfg.Log.Info("event stream is read", "name", l.reader.cfg.Name, "stream", l.reader.cfg.Stream, "consumer", l.reader.cfg.Consumer)
	return b, nil
}

// unbind has the consumer looked for again.
func (l *link) unbind(b *binding) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bound == b {
		l.bound = nil
	}
}

// work fetches and counts one batch after the other until ctx ends.
func (l *link) work(ctx context.Context) {
	r := l.reader
	p, err := newPuller(l.nc, r.cfg.Batch)
	if err != nil {
		r.state.failed(err, r.cfg.Now())
		return
	}
	defer p.close()
	pause := backoff{}
	for ctx.Err() == nil {
		msgs, err := l.fetch(ctx, p)
		if len(msgs) > 0 {
			if cerr := r.take(ctx, msgs); cerr != nil {
				err = cerr
			}
			r.pace.wait(ctx, len(msgs))
		}
		if err == nil {
			pause.reset()
			r.state.well()
			continue
		}
		if ctx.Err() == nil {
			if !errors.Is(err, errMoved) {
				r.state.failed(err, r.cfg.Now())
			}
			pause.wait(ctx, func(d time.Duration) {
				r.cfg.Log.Warn("event stream is not read", "name", r.cfg.Name, "error", err.Error(), "again", d.String())
			})
		}
	}
}

// fetch asks for a batch and waits until it is full or has waited long enough.
func (l *link) fetch(ctx context.Context, p *puller) ([]*message, error) {
	b, err := l.binding(ctx)
	if err != nil {
		return nil, err
	}
	c := l.reader.cfg
	// A message that is larger than the bound would never come.
	bytes := max(c.BatchBytes, int(l.nc.MaxPayload())+64<<10)
	list, err := p.fetch(ctx, "$JS.API.CONSUMER.MSG.NEXT."+c.Stream+"."+c.Consumer, c.Batch, bytes, c.Linger)
	if err != nil {
		l.unbind(b)
		err = fmt.Errorf("fetch messages: %w", err)
	}
	var out []*message
	for _, msg := range list {
		if m := l.reader.message(l.nc, b, msg); m != nil {
			out = append(out, m)
		}
	}
	return out, err
}

// message is one message on its way.
type message struct {
	msg     *nats.Msg
	nc      *nats.Conn
	reader  *Reader
	input   string
	data    []byte
	seq     uint64
	given   uint64 // how often it was given out, this time included
	subject *Subject
	faults  []connector.Fault // told once the message is settled
	bad     bool              // nothing of it could be taken
}

// message takes over a message; nil where it is none of a consumer's.
func (r *Reader) message(nc *nats.Conn, b *binding, msg *nats.Msg) *message {
	meta, err := msg.Metadata()
	if err != nil {
		return nil
	}
	r.state.message(meta)
	return &message{msg: msg, nc: nc, reader: r, input: b.input, data: msg.Data, seq: meta.Sequence.Stream, given: meta.NumDelivered, subject: speaker(r.cfg.Subjects, msg.Subject)}
}

// fault notes what of a message could not be taken.
func (m *message) fault(err error, count int64) {
	m.faults = append(m.faults, connector.Fault{Input: m.input, Label: "stream " + m.reader.cfg.Stream, Record: int64(m.seq), Count: count, Err: err}) //nolint:gosec // a stream holds fewer than 2^63
}

// take counts messages and acknowledges them. With an error they were given back.
func (r *Reader) take(ctx context.Context, msgs []*message) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(stopTime, cancel) })()
	defer r.holdOn(msgs)()
	err := r.count(work, msgs)
	if err == nil {
		r.settle(msgs)
		return nil
	}
	if !errors.Is(err, retinue.ErrInvalid) {
		r.giveBack(msgs)
		return err
	}
	// The database refuses something of it, and would again: find out what.
	for i, m := range msgs {
		switch err := r.count(work, []*message{m}); {
		case err == nil:
		case errors.Is(err, retinue.ErrInvalid):
			m.bad = true
			m.fault(err, 1)
		default:
			r.giveBack(msgs[i:])
			return err
		}
		r.settle(msgs[i : i+1])
	}
	return nil
}

// holdOn tells the server, until the function that it returns is called, that
// messages are being worked on.
func (r *Reader) holdOn(msgs []*message) func() {
	tick := time.NewTicker(r.cfg.AckWait / 2)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				for _, m := range msgs {
					m.working()
				}
			}
		}
	}()
	return func() { tick.Stop(); close(done) }
}

// settle acknowledges messages that were counted and takes off those of which
// nothing could be. One whose word is lost comes again.
func (r *Reader) settle(msgs []*message) {
	for _, m := range msgs {
		r.tell(m)
		if m.bad {
			m.terminate()
		} else {
			m.acknowledge()
		}
	}
}

// tell passes on what was wrong with a message. One whose end is lost after that
// comes again, and is told again.
func (r *Reader) tell(m *message) {
	kind := r.cfg.Subjects[0].Kind
	if m.subject != nil {
		kind = m.subject.Kind
	}
	for _, f := range m.faults {
		r.state.fault(f.Count)
		r.cfg.Fault(kind, f)
	}
	m.faults = nil
}

// giveBack has messages delivered again, later the more often they were.
func (r *Reader) giveBack(msgs []*message) {
	r.state.gaveBack(int64(len(msgs)))
	for _, m := range msgs {
		m.giveBack(min(maxPause, time.Second<<min(m.given, 5)))
	}
}

// count decodes messages and counts their events. It returns nil once all is
// committed, ErrInvalid where the database refuses some of it for good, and
// another error where trying again may help. It may be repeated.
func (r *Reader) count(ctx context.Context, msgs []*message) error {
	runs := map[*Subject]*run{}
	for _, m := range msgs {
		m.faults = nil
		if m.subject == nil {
			m.bad = true
			m.fault(fmt.Errorf("%w: the configuration says of nobody that subject %q speaks for it", retinue.ErrInvalid, retinue.CleanName(m.msg.Subject)), 1)
			continue
		}
		w := runs[m.subject]
		if w == nil {
			w = &run{subject: m.subject}
			runs[m.subject] = w
		}
		taken, err := m.subject.decode(m, r.cfg.MaxMessage, func(events []retinue.Event) error {
			for len(events) > 0 {
				if w.full() {
					if err := r.commit(ctx, w, m.input); err != nil {
						return err
					}
				}
				w.events = append(w.events, events[0])
				w.places = append(w.places, int64(m.seq)) //nolint:gosec // a stream has fewer messages
				w.weight += weight(&events[0])
				events = events[1:]
			}
			return nil
		})
		m.bad = !taken
		if err != nil {
			return err
		}
	}
	for _, w := range runs {
		if err := r.commit(ctx, w, msgs[0].input); err != nil {
			return err
		}
	}
	return nil
}

// commit counts what a run holds.
func (r *Reader) commit(ctx context.Context, w *run, input string) error {
	if len(w.events) == 0 {
		return nil
	}
	got, err := w.subject.Count(ctx, connector.Batch{Input: input, Label: "stream " + r.cfg.Stream, Events: w.events, Places: w.places})
	if err != nil {
		return err
	}
	r.state.counted(got)
	if r.cfg.Cover != nil {
		r.seen.add(w.subject, w.events)
	}
	clear(w.events)
	w.events, w.places, w.weight = w.events[:0], w.places[:0], 0
	return nil
}
