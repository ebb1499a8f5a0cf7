// Package eventstream reads usage events from a stream of NATS JetStream. Any
// number of processes read one stream together, through one durable consumer:
// the server hands each message to one of them, and again to any of them when
// it was not acknowledged in time.
//
// # What is read once
//
// A message is acknowledged only after the transaction in which its events were
// counted. Whatever dies in between, the message comes again, and the count
// knows its events: so nothing is lost and nothing counts twice, in whatever
// order and however often messages are delivered. Acknowledgements may get lost
// for the same reason, and none is waited for one by one.
//
// # What stops nothing
//
// What cannot be read is reported with its sequence in the stream and taken off
// the consumer (Term), so that it is not delivered for ever. What could not be
// counted because the database does not answer is given back with a growing
// delay. What the database refuses is tried alone, so that one message costs no
// other its place.
//
// # Bounds
//
// A process holds Workers batches of at most Batch messages and BatchBytes bytes
// (or one message of the size that the server allows, if that is more), and of
// each batch at most one run of decoded events. It asks for more when these are
// counted: a slow database slows the reading and grows nothing but the stream.
package eventstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// Config says what to read and how.
type Config struct {
	// Name is how people call the stream's reading.
	Name string
	// Servers are addresses of the cluster, such as tls://nats-1:4222.
	Servers []string
	// TLS is how servers are known and, with a certificate, who we are.
	TLS *tls.Config
	// Plaintext allows connections that are not encrypted to other machines.
	Plaintext bool
	// Credentials is a file with the user's token and seed, as `nsc` writes it.
	// User and Password, or Token, are what simpler servers ask for.
	Credentials string
	User        string
	Password    retinue.Secret
	Token       retinue.Secret

	// Stream is the stream's name and Consumer that of the durable consumer, which
	// all processes share. It is made when there is none.
	Stream   string
	Consumer string
	Subjects []Subject

	// Batch is how many messages are counted in one go, BatchBytes how many bytes
	// of them, and Workers how many batches at the same time; InFlight is how many
	// messages all processes together may hold.
	Batch      int
	BatchBytes int
	Workers    int
	InFlight   int
	// MaxMessage bounds a message when it is uncompressed, in bytes.
	MaxMessage int
	// AckWait is after how long a message that was not acknowledged is delivered
	// again. A process that works on a message says so in time.
	AckWait time.Duration
	// Linger is how long a batch waits to become full.
	Linger time.Duration
	// Rate bounds the messages a second of this process; 0: no bound.
	Rate int
	// Watch is how often the consumer's state is asked for.
	Watch time.Duration

	// Fault is told what could not be read. It is called from several goroutines.
	Fault func(kind string, f connector.Fault)
	// Cover is told what was read of logs, with nothing missing up to the end of
	// each stretch. broken says that messages were dropped before they were read, so
	// that the stretches do not continue those before. Nil: nobody asks.
	Cover func(ctx context.Context, subject *Subject, input string, list []retinue.Coverage, broken bool) error
	Log   *slog.Logger
	Now   func() time.Time
}

// Subject says for whom the messages of a subject speak.
type Subject struct {
	// Filter is a subject of NATS, with its wildcards.
	Filter string
	// Kind is the kind of source whose log it is.
	Kind string
	// Realms are those of which events are taken, exact or, with * at the end, all
	// that begin so.
	Realms []string
	// Envelopes are names under which an object that is no record itself holds an
	// array of records.
	Envelopes []string
	// Complete and Authentic are the configuration's word that the subject carries
	// all that the log holds, and that only the system itself can write to it.
	Complete  bool
	Authentic bool
	// Decode turns one record into its events; it is safe for concurrent use.
	Decode func(record []byte) ([]retinue.Event, error)
	// Check reports an event that cannot be counted. Nil: there are none.
	Check func(e *retinue.Event) error
	// Homes says in which systems a key is known by its id; see [usage.Withhold].
	// Nil: nothing is known. It is safe for concurrent use.
	Homes func(retinue.JoinKey) []retinue.Realm
	// Count counts a batch, each event once however often it comes, and returns
	// once that is committed. It is safe for concurrent use.
	Count func(ctx context.Context, b connector.Batch) (Counted, error)
}

// Counted is what came of a batch.
type Counted struct {
	Events, New, Repeated, LateUnverified, Unknown int64
}

// The defaults, and the bounds of what can be configured.
const (
	DefaultBatch      = 512
	DefaultBatchBytes = 4 << 20
	DefaultWorkers    = 2
	DefaultInFlight   = 20_000
	DefaultMaxMessage = 8 << 20
	DefaultAckWait    = 30 * time.Second
	DefaultLinger     = time.Second
	DefaultWatch      = 10 * time.Second
)

// WithDefaults fills what is not set.
func (c Config) WithDefaults() Config {
	for _, d := range []struct {
		field *int
		value int
	}{{&c.Batch, DefaultBatch}, {&c.BatchBytes, DefaultBatchBytes}, {&c.Workers, DefaultWorkers}, {&c.InFlight, DefaultInFlight}, {&c.MaxMessage, DefaultMaxMessage}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&c.AckWait, DefaultAckWait}, {&c.Linger, DefaultLinger}, {&c.Watch, DefaultWatch}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if c.Fault == nil {
		c.Fault = func(string, connector.Fault) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Check reports the first mistake of a configuration with the field that holds
// it. It makes no connection and reads no file.
func (c Config) Check() error {
	field := func(name string, format string, args ...any) error {
		return &retinue.FieldError{Field: name, Err: fmt.Errorf("%w: "+format, append([]any{retinue.ErrInvalid}, args...)...)}
	}
	if len(c.Servers) == 0 {
		return field("servers", "none given: want addresses such as tls://nats-1:4222")
	}
	for i, s := range c.Servers {
		if err := checkServer(s, c.Plaintext); err != nil {
			return field(fmt.Sprintf("servers[%d]", i), "%s", err)
		}
	}
	for _, n := range []struct{ field, name string }{{"stream", c.Stream}, {"consumer", c.Consumer}} {
		if n.name == "" || len(n.name) > 128 || strings.ContainsAny(n.name, " \t\r\n.*>/\\") {
			return field(n.field, "%q: want a name of up to 128 characters, without spaces and . * > / \\", retinue.CleanName(n.name))
		}
	}
	ways := 0
	for _, set := range []bool{c.Credentials != "", c.User != "" || !c.Password.IsZero(), !c.Token.IsZero()} {
		if set {
			ways++
		}
	}
	if ways > 1 {
		return field("credentialsFile", "give one of credentialsFile, user and password, and token")
	}
	for _, n := range []struct {
		field           string
		value, low, top int
	}{
		{"batch", c.Batch, 1, connector.MaxActivityBatch}, {"batchBytes", c.BatchBytes, 64 << 10, 64 << 20}, {"workers", c.Workers, 1, 16},
		{"maxInFlight", c.InFlight, 1, 1_000_000}, {"maxMessageBytes", c.MaxMessage, 1 << 10, 64 << 20}, {"maxRate", c.Rate, 0, 10_000_000},
	} {
		if n.value < n.low || n.value > n.top {
			return field(n.field, "%d: want %d to %d", n.value, n.low, n.top)
		}
	}
	if c.AckWait < time.Second || c.AckWait > time.Hour {
		return field("ackWait", "%s: want 1s to 1h", c.AckWait)
	}
	return checkSubjects(c.Subjects, field)
}

func checkSubjects(list []Subject, field func(name, format string, args ...any) error) error {
	if len(list) == 0 {
		return field("subjects", "none given: say which subject is the log of which kind of source")
	}
	for i, s := range list {
		at := func(name string) string { return fmt.Sprintf("subjects[%d].%s", i, name) }
		if !validFilter(s.Filter) {
			return field(at("subject"), "%q: want a subject such as audit.aws.>", retinue.CleanName(s.Filter))
		}
		for j, other := range list[:i] {
			if overlap(other.Filter, s.Filter) {
				return field(at("subject"), "%s: messages of it may also be of subjects[%d], %s: want each message to be of one", s.Filter, j, other.Filter)
			}
		}
		if len(s.Realms) == 0 {
			return field(at("realms"), "none given: name the realms for which the subject speaks, such as aws:111122223333 or aws:*")
		}
		for j, r := range s.Realms {
			if err := checkRealm(r); err != nil {
				return field(fmt.Sprintf("%s[%d]", at("realms"), j), "%s", err)
			}
		}
	}
	return nil
}

// checkRealm takes a realm, or the beginning of realms with * behind it. The kind
// must stand in full.
func checkRealm(r string) error {
	kind, id, ok := strings.Cut(r, ":")
	if !ok || kind == "" || id == "" || strings.Contains(kind, "*") || strings.Contains(strings.TrimSuffix(id, "*"), "*") {
		return fmt.Errorf("%q: want a realm such as aws:111122223333, or aws:* for all of a kind", retinue.CleanName(r))
	}
	if id == "*" {
		return nil
	}
	if err := retinue.Realm(strings.TrimSuffix(r, "*")).Validate(); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), retinue.ErrInvalid.Error()+": "))
	}
	return nil
}

// checkServer refuses what would put a secret into logs or on the wire in clear.
func checkServer(s string, plaintext bool) error {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" { // the text may hold a password: it is not repeated
		return errors.New("want an address such as tls://nats-1:4222")
	}
	switch {
	case u.User != nil:
		return fmt.Errorf("%s holds a name or password: give user and password, token or credentialsFile", u.Host)
	case u.Scheme != "nats" && u.Scheme != "tls":
		return fmt.Errorf("%s://%s: want nats:// or tls://", retinue.CleanName(u.Scheme), u.Host)
	case u.Path != "" || u.RawQuery != "":
		return fmt.Errorf("%s: want no path behind the address", u.Host)
	case u.Scheme == "nats" && !plaintext && !loopback(u.Hostname()):
		return fmt.Errorf("nats://%s is another machine, and nothing would be encrypted: want tls://, or plaintext: true", u.Host)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
