package connector

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// Spec describes a kind of connector: enough to write its help, its page and
// its configuration form, and to open it.
type Spec struct {
	// Kind is the word of the command line, such as "aws".
	Kind string
	// Title and Summary are for people: a name, and one sentence.
	Title   string
	Summary string
	// Target says what may follow "KIND=", one form a line, each with what it
	// means. TargetOptional allows the bare kind.
	Target         []TargetForm
	TargetOptional bool
	Options        []Option
	// Examples are arguments of `retinue scan`, each with what it does.
	Examples []TargetForm
	// Privileges are documents ready to paste that grant the least the
	// connector needs.
	Privileges []Document
	// Sees, BlindSpots and CouldRead are sentences for the connector's page:
	// what is stated, what is never seen, and what the privileges would let a
	// holder read beyond that.
	Sees       []string
	BlindSpots []string
	CouldRead  []string
	// Open makes a connector from a configuration. It reads no more than it
	// must and makes no call. Nil for a kind that only reads logs.
	Open func(ctx context.Context, cfg Config, env Env) (Connector, error)
	// Remote reports, as ErrDenied with what would be right, a configuration that
	// reaches into the machine that runs the connector: a path, a profile or
	// service of its configuration files, a program, or a socket. A server takes
	// configurations from its API, whose users do not administer the machine,
	// only where Remote allows them and every option that is set has
	// [ReachSystem]. Nil: the kind is about the machine itself, and is
	// configured in a file only.
	Remote func(cfg Config) error
	// Script writes a shell script that exports, with the vendor's own tools,
	// the files that the connector reads in place of a live system. Nil where
	// there is none.
	Script func(cfg Config) (string, error)
	// Activity describes the logs that the kind reads; nil where it reads none.
	Activity *Activity
}

// TargetForm is one form of a target or an example, with its meaning.
type TargetForm struct {
	Form string
	Help string
	// Remote says of a form of target that Spec.Remote allows it.
	Remote bool
}

// Reach says what an option lets whoever sets it reach. Every option has one:
// the test of package connectors/all fails on an option without.
type Reach string

// The reaches.
const (
	// ReachSystem: what is selected lies in the system that is read, and is
	// read with the source's own credentials.
	ReachSystem Reach = "system"
	// ReachMachine: the value names a path, program or setting of the machine
	// that runs the connector.
	ReachMachine Reach = "machine"
	// ReachAddress: the value says where calls, and the credentials that go
	// with them, are sent.
	ReachAddress Reach = "address"
)

// FileOnly reports whether such an option is set in a configuration file only,
// never through an API.
func (r Reach) FileOnly() bool { return r != ReachSystem }

// Option is a named setting beside the target.
type Option struct {
	Name string
	Help string
	// Default is what an empty value means, in words or as a value.
	Default string
	// Values limits the value where it is not empty.
	Values []string
	// Secret options are read from the environment or a file, never from an
	// argument.
	Secret bool
	// List allows several values, separated by ";".
	List bool
	// Reach says what the option lets whoever sets it reach.
	Reach Reach
}

// Document is a text ready to paste.
type Document struct {
	Title    string
	Language string // json, yaml, sql, hcl, sh
	Body     string
}

// Config is one configured source of a kind.
type Config struct {
	// Name is the source's name; it is provenance and appears in no ref.
	Name string
	// Target is what follows "KIND=".
	Target string
	// Options are the settings by name; only those that the Spec declares.
	Options map[string]string
	// Secrets are the values of secret options.
	Secrets map[string]retinue.Secret
	// Remote says that whoever configured the source does not administer the
	// machine that runs the connector. It then uses nothing of the machine that
	// the target does not name: no variables, no files, no stored passwords.
	Remote bool
}

// Option returns the value of an option, or def.
func (c Config) Option(name, def string) string {
	if v := c.Options[name]; v != "" {
		return v
	}
	return def
}

// List returns the values of a list option.
func (c Config) List(name string) []string {
	var out []string
	for v := range strings.SplitSeq(c.Options[name], ";") {
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, v)
		}
	}
	return out
}

// ParseArg reads the text after "KIND=": a target, then ",name=value" for each
// option that the Spec declares. A comma that no declared option follows
// belongs to the target.
func (s Spec) ParseArg(text string) (Config, error) {
	cfg := Config{Options: map[string]string{}}
	rest := text
	for {
		i := strings.LastIndexByte(rest, ',')
		tail := rest[i+1:]
		name, value, ok := strings.Cut(tail, "=")
		if !ok || (i < 0 && !s.TargetOptional) || s.option(name) == nil {
			break
		}
		if _, dup := cfg.Options[name]; dup {
			return Config{}, fmt.Errorf("%w: source %s: option %s is given twice", retinue.ErrInvalid, s.Kind, name)
		}
		cfg.Options[name] = value
		if i < 0 {
			rest = ""
			break
		}
		rest = rest[:i]
	}
	cfg.Target = rest
	return cfg, s.Validate(cfg)
}

// Validate reports a target that is missing and options that the Spec does not
// declare or allow, saying what would be right.
func (s Spec) Validate(cfg Config) error {
	if cfg.Target == "" && !s.TargetOptional {
		forms := make([]string, len(s.Target))
		for i, t := range s.Target {
			forms[i] = s.Kind + "=" + t.Form
		}
		return fmt.Errorf("%w: source %s: what to scan is missing: want %s", retinue.ErrInvalid, s.Kind, strings.Join(forms, " or "))
	}
	for name, value := range cfg.Options {
		o := s.option(name)
		if o == nil {
			names := make([]string, len(s.Options))
			for i := range s.Options {
				names[i] = s.Options[i].Name
			}
			return fmt.Errorf("%w: source %s: no option %q: it has %s", retinue.ErrInvalid, s.Kind, name, orNone(names))
		}
		if o.Secret && value != "" {
			return fmt.Errorf("%w: source %s: option %s is secret: give it in a file or the environment, not as an argument", retinue.ErrInvalid, s.Kind, name)
		}
		if len(o.Values) > 0 && value != "" && !slices.Contains(o.Values, value) {
			return fmt.Errorf("%w: source %s: option %s=%q: want %s", retinue.ErrInvalid, s.Kind, name, value, strings.Join(o.Values, ", "))
		}
	}
	return nil
}

// CheckRemote reports, as ErrDenied, what of a configuration may be given in a
// configuration file only. Secret options are given as such.
func (s Spec) CheckRemote(cfg Config) error {
	if s.Remote == nil {
		return fmt.Errorf("%w: source %s: it is about the machine that runs it: configure it in retinue.yaml, or scan there and push with --server", retinue.ErrDenied, s.Kind)
	}
	if err := s.checkReach(cfg); err != nil {
		return err
	}
	return s.Remote(cfg)
}

// CheckRemoteLogs is CheckRemote of the logs that a configuration names as its
// target.
func (s Spec) CheckRemoteLogs(cfg Config) error {
	switch {
	case s.Activity == nil:
		return fmt.Errorf("%w: source %s: it reads no logs", retinue.ErrUnsupported, s.Kind)
	case s.Activity.Remote == nil:
		return fmt.Errorf("%w: source %s: its logs are files of the server: name them in retinue.yaml", retinue.ErrDenied, s.Kind)
	}
	if err := s.checkReach(cfg); err != nil {
		return err
	}
	return s.Activity.Remote(cfg)
}

func (s Spec) checkReach(cfg Config) error {
	for name, value := range cfg.Options {
		if o := s.option(name); o != nil && value != "" && o.Reach.FileOnly() {
			return fmt.Errorf("%w: source %s: option %s can be set in retinue.yaml only", retinue.ErrDenied, s.Kind, name)
		}
	}
	return nil
}

// Connect opens a connector, or says that the kind only reads logs.
func (s Spec) Connect(ctx context.Context, cfg Config, env Env) (Connector, error) {
	if s.Open == nil {
		return nil, fmt.Errorf("%w: source %s: it reads logs and describes no system: import them with activity import %s=…", retinue.ErrUnsupported, s.Kind, s.Kind)
	}
	return s.Open(ctx, cfg, env)
}

func (s Spec) option(name string) *Option {
	for i := range s.Options {
		if s.Options[i].Name == name {
			return &s.Options[i]
		}
	}
	return nil
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
