package postgres

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/logs"
)

// activity describes how the server's log is read.
func activity() *connector.Activity {
	return &connector.Activity{
		Logs: []connector.LogKind{{
			Name: serverLog, Title: "PostgreSQL server log",
			Covers: []string{
				"With log_connections: each connection and each refusal, by role, database, address, application and the way the role was proved.",
				"With log_disconnections: when each connection ended.",
				"With pgaudit: each statement's command, and the tables, views and functions that it used. With log_statement: the command alone.",
				"Changes of roles and grants, and of what is logged. Never the text of a statement.",
			},
			BlindSpots: settingsSpots(nil),
		}},
		Target: []connector.TargetForm{
			{Form: "PATH", Help: "files, folders or patterns of the server's log, separated by \";\": csvlog, jsonlog, or text with line-prefix=; plain or gzip"},
		},
		Examples: []connector.TargetForm{
			{Form: "postgres=/var/lib/postgresql/16/main/log,settings=settings.json", Help: "the folder of a server's log, with its settings"},
			{Form: "postgres=postgresql-2026-11-22.csv,system-identifier=7300000000000000001", Help: "one file of csvlog"},
		},
		Open: openActivity,
		Decode: func(record []byte) ([]retinue.Event, error) {
			return (&logDecoder{}).decodeRecord(record)
		},
		Decoder:   alone,
		RealmKind: Kind, RealmOption: "system-identifier",
	}
}

// alone makes a decoder of entries of jsonlog that come one by one. How a session
// proved its role stands in an entry of its own, and does not show then.
func alone(cfg connector.Config, _ connector.Env) (func([]byte) ([]retinue.Event, error), error) {
	opt, err := parseOptions(cfg)
	if err != nil {
		return nil, err
	}
	if opt.identifier == "" {
		return nil, fmt.Errorf("%w: source postgres: a log does not say which server it is of: give system-identifier=, which `select system_identifier from pg_control_system()` prints", retinue.ErrInvalid)
	}
	zone, err := zoneOption(cfg.Option("timezone", ""))
	if err != nil {
		return nil, fmt.Errorf("source postgres: option timezone: %w", err)
	}
	return (&logDecoder{realm: realmOf(opt.identifier), zone: zone}).decodeRecord, nil
}

// logReader reads the server's log from files.
type logReader struct {
	paths    []string
	realm    retinue.Realm
	zone     *time.Location
	prefix   *prefixParser
	settings map[string]string // nil: not given
	sessions *sessionLines
}

func openActivity(_ context.Context, cfg connector.Config, _ connector.Env) (connector.ActivityReader, error) {
	opt, err := parseOptions(cfg)
	if err != nil {
		return nil, err
	}
	r := &logReader{}
	for p := range strings.SplitSeq(cfg.Target, ";") {
		if p = strings.TrimSpace(p); p != "" {
			r.paths = append(r.paths, p)
		}
	}
	if len(r.paths) == 0 {
		return nil, fmt.Errorf("%w: source postgres: want the path of a log", retinue.ErrInvalid)
	}
	if path := cfg.Option("settings", ""); path != "" {
		if r.settings, err = readSettings(path); err != nil {
			return nil, fmt.Errorf("source postgres: option settings: %w", err)
		}
	}
	identifier := opt.identifier
	if identifier == "" {
		identifier = r.settings["system_identifier"]
	}
	if identifier == "" {
		return nil, fmt.Errorf("%w: source postgres: a log does not say which server it is of: give settings=, or system-identifier=, which `select system_identifier from pg_control_system()` prints", retinue.ErrInvalid)
	}
	r.realm = realmOf(identifier)
	if r.zone, err = zoneOption(cfg.Option("timezone", r.settings["log_timezone"])); err != nil {
		return nil, fmt.Errorf("source postgres: option timezone: %w", err)
	}
	if prefix := cfg.Option("line-prefix", r.settings["log_line_prefix"]); prefix != "" {
		if r.prefix, err = newPrefix(prefix); err != nil {
			return nil, fmt.Errorf("source postgres: option line-prefix: %w", err)
		}
	}
	return r, nil
}

func zoneOption(name string) (*time.Location, error) {
	if name == "" {
		return nil, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%w: no time zone %q", retinue.ErrInvalid, retinue.CleanName(clip(name, 64)))
	}
	return zone, nil
}

// Activity implements connector.ActivityReader.
func (r *logReader) Activity(ctx context.Context, req connector.ActivityRequest, sink connector.ActivitySink) error {
	r.sessions = newSessionLines()
	return logs.Read(ctx, req, sink, logs.Options{Paths: r.paths, Open: r.open, Cover: r.cover})
}

// Close implements connector.ActivityReader.
func (r *logReader) Close() error { return nil }

// open tells the three formats apart.
func (r *logReader) open(in logs.Input, head []byte, o *logs.ReaderOptions) (logs.Decoder, error) {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	d := &logDecoder{realm: r.realm, zone: r.zone, prefix: r.prefix, open: &openSessions{}, sessions: r.sessions}
	switch {
	case bytes.HasPrefix(head, []byte("{")):
		o.Format = logs.JSON
	case csvBeginning().Match(head):
		o.Format = logs.CSV
	case r.prefix == nil:
		return nil, fmt.Errorf("%w: read %s: neither csvlog nor jsonlog: for the text format give line-prefix=, which `show log_line_prefix` prints", retinue.ErrInvalid, in.Label)
	default:
		o.Format = logs.Lines
	}
	return d, nil
}

// csvBeginning is how a line of csvlog begins: time, user, database and process.
func csvBeginning() *regexp.Regexp {
	return regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [^ ,]+,(?:"(?:[^"]|"")*"|[^",]*),(?:"(?:[^"]|"")*"|[^",]*),\d+,`)
}

func (r *logReader) cover(seen logs.Seen) []retinue.Coverage {
	proof, since, gap := r.sessions.judge()
	blind := settingsSpots(r.settings)
	if gap != nil {
		blind = append(blind, *gap)
	}
	if r.prefix != nil && !r.prefix.role {
		blind = append(blind, prefixSpot())
	}
	out := seen.Coverage(blind...)
	for i := range out {
		out[i].Classes = []retinue.EventClass{retinue.EventData, retinue.EventManagement, retinue.EventSignIn}
		out[i].Proof = proof
		if !since.IsZero() && since.Before(out[i].From) {
			out[i].From = since
		}
		out[i].Authenticated = true // the server writes these files
	}
	return out
}
