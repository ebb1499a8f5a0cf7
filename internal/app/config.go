package app

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connectors/all"
	"github.com/retinue-id/retinue/internal/store"
)

// Config is an installation's configuration: the file retinue.yaml, then the
// environment, then flags.
type Config struct {
	// Database is a file or a PostgreSQL URL.
	Database string `yaml:"database"`
	// KeyFile holds the fingerprint keys; it lies outside the database and
	// belongs into the backup. The default is a file beside the database that has
	// its name with .fingerprint.key at its end, where there is one as with the
	// sample company, else fingerprint.key in the data folder.
	KeyFile string `yaml:"keyFile"`
	// SigningKeyFile holds the key that signs checkpoints of the audit log.
	SigningKeyFile string `yaml:"signingKeyFile"`
	// Rules are folders of rule packs beside the one that is built in.
	Rules []string `yaml:"rules"`
	// Labels is a CSV file of environments, criticalities and data classes.
	Labels string `yaml:"labels"`
	// FingerprintPasswords has passwords fingerprinted too. A password can be
	// guessed: whoever steals the key can then try guesses.
	FingerprintPasswords bool `yaml:"fingerprintPasswords"`
	// Idle says after how long without use something is idle. Where it is given
	// it cannot be changed in the console or by the API.
	Idle IdleConfig `yaml:"idle"`
	// Outbound says which connections the server makes for what was configured
	// through the API or the console.
	Outbound OutboundConfig `yaml:"outbound"`
	// Access says how people sign in to the server.
	Access AccessConfig `yaml:"access"`
	// Sealing says what holds the keys under which secrets are sealed.
	Sealing SealingConfig `yaml:"sealing"`
	// Networks are blocks of addresses that have a name here: an office, the machines
	// that build, the way in from home. What uses a credential is called by them where
	// nothing better is known of it. A change holds for what is read from then on.
	Networks []NetworkConfig `yaml:"networks"`
	// Usage says what is kept of the use of identities beside the counts.
	Usage UsageConfig `yaml:"usage"`
	// Sources are the named sources that a bare `retinue scan` reads, and that
	// the server shows and scans.
	Sources []SourceConfig `yaml:"sources"`
	// EventStreams are streams of usage events, which the server reads as they
	// come.
	EventStreams []EventStreamConfig `yaml:"eventStreams"`
}

// IdleConfig is after how long without a sight of use something is idle.
type IdleConfig struct {
	// Days is the number of days, from 1 to 3650; 90 without it.
	Days int `yaml:"days"`
	// ByKind are the days of kinds of identity that have their own, such as
	// `workload: 30`.
	ByKind map[string]int `yaml:"byKind"`
}

// UsageConfig is what is kept of the use of identities beside the counts.
type UsageConfig struct {
	// RawDays is for how many days after they happened the events themselves are
	// kept, compressed and sealed, from 1 to 400. Without it only what is counted of
	// them is kept.
	RawDays int `yaml:"rawDays"`
	// RawMegabytesPerDay bounds what is kept of the events of one day, from 1 to
	// 1048576; 512 without it. What comes beyond it is counted as any other, and of
	// it that it was not kept.
	RawMegabytesPerDay int `yaml:"rawMegabytesPerDay"`
	// UnusedCheck is the periodic check for identities that are not in use any more.
	UnusedCheck UnusedCheckConfig `yaml:"unusedCheck"`
}

// The bounds and defaults of UsageConfig.
const (
	maxRawDays          = 400
	maxRawMegabytes     = 1 << 20
	defaultRawMegabytes = 512
)

func (c UsageConfig) check() error {
	if err := c.UnusedCheck.check(); err != nil {
		return err
	}
	switch {
	case c.RawDays < 0 || c.RawDays > maxRawDays:
		return fmt.Errorf("%w: usage: rawDays %d: want 1 to %d, or 0 to keep no events", retinue.ErrInvalid, c.RawDays, maxRawDays)
	case c.RawMegabytesPerDay < 0 || c.RawMegabytesPerDay > maxRawMegabytes:
		return fmt.Errorf("%w: usage: rawMegabytesPerDay %d: want 1 to %d", retinue.ErrInvalid, c.RawMegabytesPerDay, maxRawMegabytes)
	}
	return nil
}

// megabytes is the bound of a day.
func (c UsageConfig) megabytes() int {
	if c.RawMegabytesPerDay == 0 {
		return defaultRawMegabytes
	}
	return c.RawMegabytesPerDay
}

// OutboundConfig is a restriction of the server's own connections. Sources of
// this file are not under it: whoever writes the file may connect anywhere.
type OutboundConfig struct {
	// Allow are addresses and ranges, such as 10.1.0.0/16, that may be connected
	// to although they are private, loopback or link-local. Without it only the
	// public internet can be reached.
	Allow []string `yaml:"allow"`
}

// SourceConfig is one named source.
type SourceConfig struct {
	// Name is how the source is called everywhere; it may change without
	// losing history.
	Name string `yaml:"name"`
	// Kind is the connector that reads it: see `retinue sources show`.
	Kind string `yaml:"kind"`
	// Target is what it reads, in the connector's own words.
	Target string `yaml:"target"`
	// Options are the connector's options, by name.
	Options map[string]string `yaml:"options"`
	// Secrets say where the connector's secrets are read, by name. They are
	// never written into this file.
	Secrets map[string]SecretPlace `yaml:"secrets"`
	// Interval is the time between two scans by the server, such as 6h; without
	// it the server scans on demand only. At least one minute.
	Interval time.Duration `yaml:"interval"`
	// Jitter is by how much at most each scan is put off, at random, so that
	// sources do not all start at once; a tenth of the interval by default.
	Jitter time.Duration `yaml:"jitter"`
	// Logs are the logs of the same system. The server reads them by itself, and
	// goes on reading them.
	Logs LogsConfig `yaml:"logs"`
}

// LogsConfig says which logs of a source the server reads.
type LogsConfig struct {
	// Target is what is read, as `retinue activity import` has it behind `KIND=`: a
	// file, a folder or a pattern, which is watched, or a live log such as
	// s3://BUCKET. The options of the source hold for it too.
	Target string `yaml:"target"`
	// Interval is the time between two reads, 5m without it. Files that are watched
	// are read within seconds of a change besides.
	Interval time.Duration `yaml:"interval"`
}

// NetworkConfig are blocks of addresses with one name. Of blocks that hold an
// address, the narrowest names it.
type NetworkConfig struct {
	// Name is what people read, such as "office Berlin".
	Name string `yaml:"name"`
	// Blocks are addresses and blocks of them, such as 192.0.2.0/24 or 2001:db8::/32.
	Blocks []string `yaml:"blocks"`
}

// SecretPlace says where a secret option is read: exactly one is set.
type SecretPlace struct {
	// Env is the environment variable that holds the secret.
	Env string `yaml:"env"`
	// File is the file that holds it; line ends behind it are dropped.
	File string `yaml:"file"`
}

var unknownField = regexp.MustCompile(`field (\S+) not found in type \S+`)

// maxConfig bounds a configuration file, in bytes.
const maxConfig = 1 << 20

// LoadConfig reads a configuration file. With an empty path it reads
// retinue.yaml of the working folder if there is one. The environment variable
// RETINUE_DATABASE wins over the file, and flags of the caller over both.
func LoadConfig(path string, getenv func(string) string) (Config, error) {
	var cfg Config
	name := path
	if name == "" {
		name = "retinue.yaml"
	}
	f, err := os.Open(name)
	switch {
	case err == nil:
		defer func() { _ = f.Close() }()
		if err := cfg.read(name, f); err != nil {
			return cfg, err
		}
	case path != "" || !errors.Is(err, os.ErrNotExist):
		return cfg, fmt.Errorf("%w: read configuration: %v", retinue.ErrInvalid, err)
	}
	if v := getenv("RETINUE_DATABASE"); v != "" {
		cfg.Database = v
	}
	return cfg.withDefaults(getenv)
}

func (c *Config) read(name string, r io.Reader) error {
	b, err := io.ReadAll(io.LimitReader(r, maxConfig+1))
	if err != nil {
		return fmt.Errorf("%w: read configuration: %v", retinue.ErrUnavailable, err)
	}
	if len(b) > maxConfig {
		return fmt.Errorf("%w: %s: larger than %d bytes", retinue.ErrInvalid, name, maxConfig)
	}
	d := yaml.NewDecoder(strings.NewReader(string(b)))
	d.KnownFields(true)
	if err := d.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %s: %s", retinue.ErrInvalid, name, unknownField.ReplaceAllString(strings.TrimPrefix(err.Error(), "yaml: "), "unknown field $1"))
	}
	return c.check(name)
}

func (c *Config) check(name string) error {
	if err := checkIdle(store.IdleAfter{Days: c.Idle.Days, ByKind: c.Idle.ByKind}); err != nil {
		return fmt.Errorf("%s: idle: %w", name, err)
	}
	if err := c.Usage.check(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := checkEventStreams(c.EventStreams, all.Specs()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if _, err := c.networks(); err != nil {
		return fmt.Errorf("%w: %s: %s", retinue.ErrInvalid, name, strings.TrimPrefix(err.Error(), retinue.ErrInvalid.Error()+": "))
	}
	seen := map[string]bool{}
	for i, s := range c.Sources {
		switch {
		case s.Kind == "":
			return fmt.Errorf("%w: %s: source %d has no kind", retinue.ErrInvalid, name, i+1)
		case s.Name == "":
			return fmt.Errorf("%w: %s: source %d (%s) has no name", retinue.ErrInvalid, name, i+1, s.Kind)
		case seen[s.Name]:
			return fmt.Errorf("%w: %s: two sources are named %q", retinue.ErrInvalid, name, s.Name)
		}
		seen[s.Name] = true
		if err := checkInterval(s.Interval, s.Jitter); err != nil {
			return fmt.Errorf("%s: source %s: %w", name, s.Name, err)
		}
		if err := s.Logs.check(); err != nil {
			return fmt.Errorf("%s: source %s: logs: %w", name, s.Name, err)
		}
		for opt, p := range s.Secrets {
			if (p.Env == "") == (p.File == "") {
				return fmt.Errorf("%w: %s: source %s: secret %s: give env or file", retinue.ErrInvalid, name, s.Name, opt)
			}
		}
	}
	return nil
}

func (l LogsConfig) check() error {
	if l.Target == "" && l.Interval != 0 {
		return fmt.Errorf("%w: target is missing: want what is to be read", retinue.ErrInvalid)
	}
	return checkLogsInterval(l.Interval)
}

func (c Config) withDefaults(getenv func(string) string) (Config, error) {
	dir, err := dataDir(getenv)
	if err != nil && (c.Database == "" || c.KeyFile == "") {
		return c, err
	}
	if c.Database == "" {
		c.Database = filepath.Join(dir, "retinue.db")
	}
	if c.KeyFile == "" {
		c.KeyFile = filepath.Join(dir, "fingerprint.key")
		if beside := keysBeside(c.Database); isThere(beside) {
			c.KeyFile, c.SigningKeyFile = beside, cmp.Or(c.SigningKeyFile, checkpointsBeside(c.Database))
		}
	}
	if c.SigningKeyFile == "" {
		c.SigningKeyFile = filepath.Join(filepath.Dir(c.KeyFile), "checkpoint.key")
	}
	return c, nil
}

// keysBeside is where a database that is made to be carried about, such as the sample
// company's, has its keys.
func keysBeside(database string) string { return database + ".fingerprint.key" }

func checkpointsBeside(database string) string { return database + ".checkpoint.key" }

func isThere(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// dataDir is where an installation keeps its database and keys:
// $XDG_DATA_HOME/retinue (XDG Base Directory Specification), or the system's
// own place.
func dataDir(getenv func(string) string) (string, error) {
	if d := getenv("XDG_DATA_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "retinue"), nil
	}
	home := getenv("HOME")
	switch runtime.GOOS {
	case "windows":
		if d := getenv("LocalAppData"); d != "" {
			return filepath.Join(d, "retinue"), nil
		}
	case "darwin":
		if home != "" {
			return filepath.Join(home, "Library", "Application Support", "retinue"), nil
		}
	default:
		if home != "" {
			return filepath.Join(home, ".local", "share", "retinue"), nil
		}
	}
	return "", fmt.Errorf("%w: find a place for the database: HOME is not set: give --db", retinue.ErrInvalid)
}

// connectorConfig reads the secrets of a source and makes what its connector
// takes.
func (s SourceConfig) connectorConfig(getenv func(string) string) (connector.Config, error) {
	cfg := connector.Config{Name: s.Name, Target: s.Target, Options: s.Options, Secrets: map[string]retinue.Secret{}}
	for name, p := range s.Secrets {
		v, err := p.read(getenv)
		if err != nil {
			return cfg, fmt.Errorf("source %s: secret %s: %w", s.Name, name, err)
		}
		if v.IsZero() {
			return cfg, fmt.Errorf("%w: source %s: secret %s is empty", retinue.ErrInvalid, s.Name, name)
		}
		cfg.Secrets[name] = v
	}
	return cfg, nil
}

// read reads the secret, the zero Secret where no place is given. One that is
// given and holds nothing is ErrInvalid.
func (p SecretPlace) read(getenv func(string) string) (retinue.Secret, error) {
	var v string
	switch {
	case p.File != "":
		b, err := os.ReadFile(p.File)
		if err != nil {
			return retinue.Secret{}, fmt.Errorf("%w: %v", retinue.ErrInvalid, err)
		}
		v = strings.TrimRight(string(b), "\r\n")
	case p.Env != "":
		v = getenv(p.Env)
	default:
		return retinue.Secret{}, nil
	}
	if v == "" {
		return retinue.Secret{}, fmt.Errorf("%w: it is empty", retinue.ErrInvalid)
	}
	return retinue.NewSecret(v), nil
}
