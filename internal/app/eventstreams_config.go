package app

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/eventstream"
)

// EventStreamConfig is one stream of usage events in NATS JetStream. Servers
// that share a PostgreSQL database read it together.
type EventStreamConfig struct {
	// Name is how the stream is called in logs, metrics and the console.
	Name string `yaml:"name"`
	// Servers are addresses of the cluster, such as tls://nats-1:4222.
	Servers []string `yaml:"servers"`
	// Plaintext allows connections to other machines that are not encrypted.
	Plaintext bool `yaml:"plaintext"`
	// TLS says how servers are known, and with which certificate to come.
	TLS EventStreamTLS `yaml:"tls"`
	// CredentialsFile holds the token and seed of a user, as nsc writes them.
	CredentialsFile string `yaml:"credentialsFile"`
	// User is a name, for servers that take a name and password.
	User string `yaml:"user"`
	// Password is where the password of User is read.
	Password SecretPlace `yaml:"password"`
	// Token is where a token is read, for servers that take that alone.
	Token SecretPlace `yaml:"token"`
	// Stream is the name of the stream.
	Stream string `yaml:"stream"`
	// Consumer is the name of the durable consumer that all servers share;
	// retinue without it. It is made if there is none, and then follows this file.
	Consumer string `yaml:"consumer"`
	// Subjects say of which subject the messages are the log of which system.
	Subjects []EventSubjectConfig `yaml:"subjects"`
	// Batch is how many messages are counted in one transaction at most, 512
	// without it.
	Batch int `yaml:"batch"`
	// BatchBytes is how many bytes of messages are held for a batch at most, 4 MiB
	// without it, or one message of the size that the servers allow.
	BatchBytes int `yaml:"batchBytes"`
	// Workers is how many batches are counted at the same time, 2 without it.
	Workers int `yaml:"workers"`
	// MaxInFlight is how many messages all servers together hold at most that are
	// not counted yet, 20000 without it.
	MaxInFlight int `yaml:"maxInFlight"`
	// MaxMessageBytes bounds a message once it is uncompressed, 8 MiB without it.
	MaxMessageBytes int `yaml:"maxMessageBytes"`
	// MaxRate is how many messages a second this server takes at most; without it
	// as many as it can.
	MaxRate int `yaml:"maxRate"`
	// AckWait is after how long without a sign of the server that holds it a message
	// is given to another, 30s without it.
	AckWait time.Duration `yaml:"ackWait"`
	// Linger is how long a batch waits to become full, 1s without it.
	Linger time.Duration `yaml:"linger"`
}

// EventStreamTLS is how connections to the servers of a stream are encrypted.
type EventStreamTLS struct {
	// CAFile holds the certificates of authorities, in place of the system's.
	CAFile string `yaml:"caFile"`
	// CertFile and KeyFile are the certificate to come with.
	CertFile string `yaml:"certFile"`
	// KeyFile is its private key.
	KeyFile string `yaml:"keyFile"`
	// ServerName is the name in the servers' certificates, where it is not that of
	// the address.
	ServerName string `yaml:"serverName"`
}

// EventSubjectConfig says whose log the messages of a subject are.
type EventSubjectConfig struct {
	// Subject is a subject of the stream, with * and > as NATS has them. No two may
	// match the same message.
	Subject string `yaml:"subject"`
	// Kind is the kind of source whose log it is: see `retinue activity import
	// --help`.
	Kind string `yaml:"kind"`
	// Options are those of the kind that say of which system records are, where
	// they do not say it themselves.
	Options map[string]string `yaml:"options"`
	// Realms are those for which the subject speaks, such as aws:111122223333, or
	// aws:* for all of a kind. Events of others are refused. May be left out where
	// an option says which system it is.
	Realms []string `yaml:"realms"`
	// Complete is your word that the subject carries everything that the log holds.
	// It is put on record. Without it silence is weak evidence.
	Complete bool `yaml:"complete"`
	// Authentic is your word that only the system itself can write to the subject.
	// Without it the evidence is weak.
	Authentic bool `yaml:"authentic"`
}

// defaultConsumer is the name of the durable consumer where none is given.
const defaultConsumer = "retinue"

// checkEventStreams reports the first mistake with its place. It opens no file
// and makes no connection.
func checkEventStreams(list []EventStreamConfig, specs []connector.Spec) error {
	seen := map[string]bool{}
	for i, s := range list {
		err := s.check(specs)
		if err == nil && seen[s.Name] {
			err = wrong("name", "%q is the name of another", s.Name)
		}
		if err != nil {
			return atStream(i, err)
		}
		seen[s.Name] = true
	}
	return nil
}

// atStream says in which of the streams a mistake is.
func atStream(i int, err error) error {
	var f *retinue.FieldError
	if errors.As(err, &f) {
		return fmt.Errorf("eventStreams[%d].%s: %w", i, f.Field, f.Err)
	}
	return fmt.Errorf("eventStreams[%d]: %w", i, err)
}

func wrong(field, format string, args ...any) error {
	return &retinue.FieldError{Field: field, Err: fmt.Errorf("%w: "+format, append([]any{retinue.ErrInvalid}, args...)...)}
}

func (s EventStreamConfig) check(specs []connector.Spec) error {
	switch {
	case s.Name == "":
		return wrong("name", "none given")
	case (s.TLS.CertFile == "") != (s.TLS.KeyFile == ""):
		return wrong("tls", "give both certFile and keyFile")
	case (s.User == "") != (s.Password == SecretPlace{}):
		return wrong("user", "give both user and password")
	case s.Password.Env != "" && s.Password.File != "":
		return wrong("password", "give env or file")
	case s.Token.Env != "" && s.Token.File != "":
		return wrong("token", "give env or file")
	case s.Token != SecretPlace{} && (s.User != "" || s.CredentialsFile != ""):
		return wrong("token", "give one of credentialsFile, user and password, and token")
	}
	c := s.base()
	for j, sub := range s.Subjects {
		at, err := sub.subject(specs)
		if err != nil {
			var f *retinue.FieldError
			if errors.As(err, &f) {
				f.Field = fmt.Sprintf("subjects[%d].%s", j, f.Field)
			}
			return err
		}
		c.Subjects = append(c.Subjects, at)
	}
	return c.WithDefaults().Check()
}

// subject is what the configuration says of a subject.
func (s EventSubjectConfig) subject(specs []connector.Spec) (eventstream.Subject, error) {
	out := eventstream.Subject{Filter: s.Subject, Kind: s.Kind, Realms: s.Realms, Complete: s.Complete, Authentic: s.Authentic}
	spec, err := FindSpec(specs, s.Kind)
	if err != nil {
		return out, &retinue.FieldError{Field: "kind", Err: err}
	}
	if spec.Activity == nil || spec.Activity.Decode == nil && spec.Activity.Decoder == nil {
		return out, wrong("kind", "%s has no log that comes record by record", s.Kind)
	}
	check := connector.Config{Target: s.Subject, Options: s.Options} // the target is none of the records' business
	if err := spec.Validate(check); err != nil {
		return out, &retinue.FieldError{Field: "options", Err: err}
	}
	out.Envelopes = spec.Activity.Envelopes
	if id := s.Options[spec.Activity.RealmOption]; len(out.Realms) == 0 && spec.Activity.RealmOption != "" && id != "" {
		out.Realms = []string{spec.Activity.RealmKind + ":" + id}
	}
	return out, nil
}

// base is what of a stream's configuration needs no file, connector or secret.
func (s EventStreamConfig) base() eventstream.Config {
	consumer := s.Consumer
	if consumer == "" {
		consumer = defaultConsumer
	}
	return eventstream.Config{Name: s.Name, Servers: s.Servers, Plaintext: s.Plaintext, Credentials: s.CredentialsFile, User: s.User, Stream: s.Stream, Consumer: consumer,
		Batch: s.Batch, BatchBytes: s.BatchBytes, Workers: s.Workers, InFlight: s.MaxInFlight, MaxMessage: s.MaxMessageBytes, AckWait: s.AckWait, Linger: s.Linger, Rate: s.MaxRate}
}

// config reads the stream's secrets and certificates.
func (s EventStreamConfig) config(getenv func(string) string) (eventstream.Config, error) {
	c := s.base()
	var err error
	if c.Password, err = s.Password.read(getenv); err != nil {
		return c, &retinue.FieldError{Field: "password", Err: err}
	}
	if c.Token, err = s.Token.read(getenv); err != nil {
		return c, &retinue.FieldError{Field: "token", Err: err}
	}
	if c.TLS, err = s.TLS.config(); err != nil {
		return c, &retinue.FieldError{Field: "tls", Err: err}
	}
	return c, nil
}

// config returns nil where nothing is set.
func (t EventStreamTLS) config() (*tls.Config, error) {
	if t == (EventStreamTLS{}) {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("%w: caFile: %v", retinue.ErrInvalid, err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%w: caFile: %s holds no certificate", retinue.ErrInvalid, t.CAFile)
		}
	}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("%w: certFile: %v", retinue.ErrInvalid, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
