package host

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/logs"
)

// activity describes how the log of sign-ins is read.
func activity() *connector.Activity {
	return &connector.Activity{
		Logs: []connector.LogKind{{
			Name: sshLog, Title: "SSH sign-ins, sudo and su",
			Covers: []string{
				"Sign-ins by sshd, let in and refused, with the account, the key's fingerprint or the certificate's authority, serial and id, and the address.",
				"Ends of connections; at LogLevel VERBOSE refused keys, and each shell, command and subsystem.",
				"Who acted as another account by sudo and su, and with which program.",
			},
			BlindSpots: append(sshdSpots(nil), forgeable()),
		}},
		Target: []connector.TargetForm{
			{Form: "FOLDER", Help: "a copy or mounted image of a machine, of which var/log/auth.log* and var/log/secure* are read; without it, this machine"},
			{Form: "PATH", Help: "a file, folder or pattern of such logs, or of what `journalctl -o json` printed; plain or gzip"},
		},
		Examples: []connector.TargetForm{
			{Form: "host", Help: "the logs of this machine"},
			{Form: "host=journal.json", Help: "the journal, as `journalctl -o json SYSLOG_IDENTIFIER=sshd + SYSLOG_IDENTIFIER=sshd-session + SYSLOG_IDENTIFIER=sudo + SYSLOG_IDENTIFIER=su` prints it"},
			{Form: "host=auth.log,id=bastion,timezone=Europe/Berlin", Help: "one file of another machine"},
		},
		Open: openActivity,
		Decode: func(record []byte) ([]retinue.Event, error) {
			return (&journalDecoder{}).decode(record)
		},
		Decoder: alone,
	}
}

// alone makes a decoder of entries of the journal, which name their machine where
// the options do not.
func alone(cfg connector.Config, _ connector.Env) (func([]byte) ([]retinue.Event, error), error) {
	d := &journalDecoder{}
	if id := cfg.Option("id", ""); id != "" {
		d.realm = retinue.NewRealm("host", retinue.CleanName(id))
		if err := d.realm.Validate(); err != nil {
			return nil, fmt.Errorf("source host: option id: %w", err)
		}
	}
	return d.decode, nil
}

// sshReader reads logs of sign-ins from files.
type sshReader struct {
	paths []string
	match func(name string) bool
	realm retinue.Realm // empty: what the journal's entries say
	zone  *time.Location
	sshd  map[string]string // settings; nil: not known
	now   time.Time
	// syslog is true once lines of syslog were read, and opened once anything was.
	syslog atomic.Bool
	opened atomic.Bool
}

func openActivity(_ context.Context, cfg connector.Config, env connector.Env) (connector.ActivityReader, error) {
	r := &sshReader{zone: time.Local}
	if name := cfg.Option("timezone", ""); name != "" {
		zone, err := time.LoadLocation(name)
		if err != nil {
			return nil, fmt.Errorf("%w: source host: option timezone: no time zone %q", retinue.ErrInvalid, retinue.CleanName(name[:min(len(name), 64)]))
		}
		r.zone = zone
	}
	if cfg.Target != "" && !isMachine(cfg.Target) {
		r.paths = []string{cfg.Target}
		if id := cfg.Option("id", ""); id != "" {
			r.realm = retinue.NewRealm("host", retinue.CleanName(id))
			if err := r.realm.Validate(); err != nil {
				return nil, fmt.Errorf("source host: option id: %w", err)
			}
		}
		return r, nil
	}
	m, err := (&host{cfg: cfg, env: env}).machine()
	if err != nil {
		return nil, err
	}
	r.realm, r.sshd = m.realm, m.sshdConfig.settings
	if r.sshd == nil {
		r.sshd = map[string]string{}
	}
	root := "/"
	if cfg.Target != "" {
		root = cfg.Target
	}
	r.paths, r.match = []string{filepath.Join(root, "var", "log")}, isAuthLog
	return r, nil
}

// isMachine tells a copy of a machine's file system from a folder of logs.
func isMachine(path string) bool {
	for _, p := range []string{"etc/machine-id", "etc/passwd"} {
		if _, err := os.Stat(filepath.Join(path, p)); err == nil {
			return true
		}
	}
	return false
}

// isAuthLog picks the logs of sign-ins, with those that were rotated, directly
// below var/log.
func isAuthLog(path string) bool {
	name := filepath.Base(path)
	return filepath.Base(filepath.Dir(path)) == "log" && (strings.HasPrefix(name, "auth.log") || name == "secure" || strings.HasPrefix(name, "secure-") || strings.HasPrefix(name, "secure."))
}

// Activity implements connector.ActivityReader.
func (r *sshReader) Activity(ctx context.Context, req connector.ActivityRequest, sink connector.ActivitySink) error {
	r.now = req.Now
	if r.now.IsZero() {
		r.now = time.Now()
	}
	err := logs.Read(ctx, req, sink, logs.Options{Paths: r.paths, Match: r.match, Open: r.open, Cover: r.cover})
	if err == nil && r.match != nil && !r.opened.Load() && !r.any() {
		sink.Note(connector.Note{Kind: connector.NoteNotCovered, Text: "there is no auth.log or secure in " + retinue.CleanName(r.paths[0]) +
			": the machine logs to its journal only. Import what `journalctl -o json` prints"})
	}
	return err
}

// any reports whether there is a log of sign-ins at all.
func (r *sshReader) any() bool {
	for _, err := range logs.Files(r.paths, r.match) {
		if err == nil {
			return true
		}
	}
	return false
}

// Close implements connector.ActivityReader.
func (r *sshReader) Close() error { return nil }

// open tells the journal from lines of syslog.
func (r *sshReader) open(in logs.Input, head []byte, o *logs.ReaderOptions) (logs.Decoder, error) {
	r.opened.Store(true)
	if bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte("{")) {
		o.Format = logs.JSON
		d := &journalDecoder{realm: r.realm}
		return logs.DecoderFunc(func(dst []retinue.Event, rec logs.Record) ([]retinue.Event, error) {
			events, err := d.decode(rec.Data)
			return append(dst, events...), err
		}), nil
	}
	if r.realm == "" {
		return nil, fmt.Errorf("%w: read %s: the lines do not say which machine they are of: give id=, as the scan of that machine has it", retinue.ErrInvalid, in.Label)
	}
	o.Format, o.MaxRecord = logs.Lines, maxLogLine
	r.syslog.Store(true)
	latest := r.now
	if !in.Modified.IsZero() && in.Modified.Before(latest) {
		latest = in.Modified
	}
	return newSyslogDecoder(r.realm, r.zone, latest), nil
}

func (r *sshReader) cover(seen logs.Seen) []retinue.Coverage {
	blind := sshdSpots(r.sshd)
	if r.syslog.Load() {
		blind = append(blind, forgeable())
	}
	out := seen.Coverage(blind...)
	for i := range out {
		out[i].Classes = []retinue.EventClass{retinue.EventData, retinue.EventSignIn}
		out[i].Authenticated = !r.syslog.Load()
	}
	return out
}

// forgeable: syslog takes lines from every account of the machine, and over the
// network from anybody. journald notes who wrote an entry.
func forgeable() retinue.BlindSpot {
	return retinue.BlindSpot{
		Code:  "ssh.syslog_forgeable",
		Text:  "Every account of the machine can write lines to syslog in sshd's name.",
		Raise: "Import the journal (journalctl -o json) in place of auth.log.", Cost: "None.",
	}
}

// sshdSpots says what the log cannot show by the server's settings; nil where
// they are not known.
func sshdSpots(settings map[string]string) []retinue.BlindSpot {
	out := []retinue.BlindSpot{{
		Code:  "ssh.local_use",
		Text:  "What an account does without signing in, as a service, by a job or at the console, is not in this log.",
		Kinds: []retinue.IdentityKind{retinue.IdentityServiceAccount, retinue.IdentityUser},
	}}
	level := strings.ToUpper(settings["loglevel"])
	switch {
	case settings == nil:
		out = append(out, retinue.BlindSpot{
			Code: "ssh.settings_unknown", Text: "At which LogLevel sshd writes is not known: below INFO it logs no sign-ins.",
			Raise: "Read the log where sshd_config is: on the machine, or from a copy of it.", Cost: "None.",
		})
	case level == "QUIET" || level == "FATAL" || level == "ERROR":
		out = append(out, retinue.BlindSpot{
			Code: "ssh.log_level", Text: "sshd logs at LogLevel " + level + ", at which sign-ins do not show.",
			Raise: "Set LogLevel VERBOSE in sshd_config.", Cost: "A few lines for each connection.",
		})
	}
	if level != "VERBOSE" && !strings.HasPrefix(level, "DEBUG") {
		out = append(out, retinue.BlindSpot{
			Code: "ssh.shared_connections", Text: "Sessions that a client opens later over one connection (ControlMaster), and keys that were refused, do not show.",
			Raise: "Set LogLevel VERBOSE in sshd_config.", Cost: "A few lines for each connection.",
		})
	}
	return out
}
