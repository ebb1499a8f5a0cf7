package eventstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/retinue-id/retinue"
)

// The waits between attempts to reach the servers, and how long one may take.
const (
	reconnectWait = 500 * time.Millisecond
	askTime       = 10 * time.Second
	maxPause      = 30 * time.Second
)

// madeBy marks the consumers that were made here, whose settings follow the
// configuration. One that somebody else made is used as it is.
const madeBy = "retinue"

// connect makes the connection, or has it made in the background until it can be.
func (r *Reader) connect() (*nats.Conn, error) {
	c := r.cfg
	opts := []nats.Option{
		nats.Name("retinue " + c.Name), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(reconnectWait, reconnectWait), nats.PingInterval(10 * time.Second), nats.MaxPingsOutstanding(2), nats.Timeout(5 * time.Second), nats.IgnoreAuthErrorAbort(),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { r.disconnected(err) }),
		nats.ConnectHandler(func(nc *nats.Conn) { r.connected(nc) }), nats.ReconnectHandler(func(nc *nats.Conn) { r.connected(nc) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			c.Log.Warn("event stream", "stream", c.Name, "error", err.Error())
		}),
	}
	switch {
	case c.Credentials != "":
		if _, err := os.Stat(c.Credentials); err != nil {
			return nil, fmt.Errorf("%w: event stream %s: credentialsFile: %v", retinue.ErrInvalid, c.Name, err)
		}
		opts = append(opts, nats.UserCredentials(c.Credentials))
	case c.User != "":
		opts = append(opts, nats.UserInfo(c.User, c.Password.Reveal()))
	case !c.Token.IsZero():
		opts = append(opts, nats.Token(c.Token.Reveal()))
	}
	encrypted := c.TLS != nil || slices.ContainsFunc(c.Servers, func(s string) bool { return strings.HasPrefix(s, "tls://") })
	if encrypted {
		conf := c.TLS
		if conf == nil {
			conf = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		opts = append(opts, nats.Secure(conf))
	}
	nc, err := nats.Connect(strings.Join(c.Servers, ","), opts...)
	if err != nil {
		return nil, fmt.Errorf("%w: connect to event stream %s: %v", retinue.ErrInvalid, c.Name, err)
	}
	return nc, nil
}

// binding is the consumer as this process uses it.
type binding struct {
	consumer jetstream.Consumer
	stream   jetstream.Stream
	// input names the stream for good: one that is made anew under the old name
	// counts its messages from 1 again.
	input string
}

// bind finds the stream and the consumer, which it makes where there is none.
func (r *Reader) bind(ctx context.Context, js jetstream.JetStream) (*binding, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	s, err := js.Stream(ctx, r.cfg.Stream)
	if err != nil {
		return nil, r.say("find stream "+r.cfg.Stream, err)
	}
	info := s.CachedInfo()
	b := &binding{stream: s, input: fmt.Sprintf("nats:%s@%d", r.cfg.Stream, info.Created.UnixNano())}
	want := r.consumerConfig()
	c, err := s.Consumer(ctx, r.cfg.Consumer)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound):
		c, err = s.CreateConsumer(ctx, want)
		if errors.Is(err, jetstream.ErrConsumerExists) { // another process was faster
			c, err = s.Consumer(ctx, r.cfg.Consumer)
		}
	case err == nil && c.CachedInfo().Config.Metadata[madeBy] != "" && changed(c.CachedInfo().Config, want):
		c, err = s.UpdateConsumer(ctx, want)
	}
	if err != nil {
		return nil, r.say("find or make consumer "+r.cfg.Consumer, err)
	}
	b.consumer = c
	return b, r.checkConsumer(c.CachedInfo().Config)
}

func (r *Reader) consumerConfig() jetstream.ConsumerConfig {
	c := r.cfg
	var filters []string
	for _, s := range c.Subjects {
		filters = append(filters, s.Filter)
	}
	return jetstream.ConsumerConfig{Durable: c.Consumer, Description: "Usage events for Retinue", Metadata: map[string]string{madeBy: "1"},
		DeliverPolicy: jetstream.DeliverAllPolicy, AckPolicy: jetstream.AckExplicitPolicy, AckWait: c.AckWait, MaxDeliver: -1,
		MaxAckPending: c.InFlight, FilterSubjects: filters}
}

func changed(have, want jetstream.ConsumerConfig) bool {
	return have.AckWait != want.AckWait || have.MaxAckPending != want.MaxAckPending || !slices.Equal(filtersOf(have), filtersOf(want))
}

func filtersOf(c jetstream.ConsumerConfig) []string {
	f := c.FilterSubjects
	if len(f) == 0 && c.FilterSubject != "" {
		f = []string{c.FilterSubject}
	}
	return slices.Sorted(slices.Values(f))
}

// checkConsumer refuses a consumer that somebody else made with which messages
// could be lost, or of which some are of nobody's subject.
func (r *Reader) checkConsumer(c jetstream.ConsumerConfig) error {
	wrong := func(what string) error {
		return r.say("use consumer "+r.cfg.Consumer, fmt.Errorf("%w: %s: delete it, and it is made anew, or change it", retinue.ErrInvalid, what))
	}
	switch {
	case c.AckPolicy != jetstream.AckExplicitPolicy:
		return wrong("its messages need no acknowledgement each: want ack policy explicit")
	case c.DeliverSubject != "":
		return wrong("it pushes messages: want a pull consumer")
	case c.MaxDeliver > 0:
		return wrong(fmt.Sprintf("it gives a message up after %d deliveries: want no limit", c.MaxDeliver))
	case len(filtersOf(c)) == 0:
		return wrong("it takes every subject of the stream: want the subjects of the configuration as its filter")
	}
	for _, f := range filtersOf(c) {
		if !slices.ContainsFunc(r.cfg.Subjects, func(s Subject) bool { return covers(s.Filter, f) }) {
			return wrong("the configuration says of nobody that " + f + " speaks for it")
		}
	}
	return nil
}

// say puts an error of the servers in words; ErrUnavailable unless it is known to
// stay.
func (r *Reader) say(what string, err error) error {
	kind := retinue.ErrUnavailable
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		kind = retinue.ErrNotFound
	case errors.Is(err, retinue.ErrInvalid):
		return fmt.Errorf("%s: %w", what, err)
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrPermissionViolation):
		kind = retinue.ErrDenied
	}
	return fmt.Errorf("%w: %s: %v", kind, what, err)
}
