package aws

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/logs"
)

// activity describes the logs of AWS.
func activity() *connector.Activity {
	tables := sync.OnceValues(newTrailTables)
	return &connector.Activity{
		Logs: []connector.LogKind{{
			Name: trailLog, Title: "AWS CloudTrail",
			Covers: []string{
				"Management events of every version 1.x: who called which API, with which key or role session, from where, and how it ended.",
				"Data events, where the trail has them, network activity events, and Insights events.",
				"Sign-ins to the console, and sessions of roles with whoever opened them.",
			},
			BlindSpots: trailBlindSpots(),
		}},
		Target: []connector.TargetForm{
			{Form: "PATH", Help: "files or folders of CloudTrail: as the trail delivers them, NDJSON, exports of CloudTrail Lake, of Athena, of LookupEvents, EventBridge's or CloudWatch Logs' wrappers, plain or gzip"},
			{Form: "s3://BUCKET[/PREFIX]", Help: "the bucket of a trail, with the default credentials", Remote: true},
			{Form: "sqs:QUEUE_URL", Help: "new files that S3 or CloudTrail announces in a queue, with the default credentials", Remote: true},
			{Form: "lookup:env", Help: "the last 90 days of management events by LookupEvents, for a small account without a trail", Remote: true},
		},
		Examples: []connector.TargetForm{
			{Form: "aws=./AWSLogs", Help: "read a copy of a trail's bucket"},
			{Form: "aws=s3://org-trail/AWSLogs/o-example1234", Help: "read an organisation's trail from its bucket"},
			{Form: "aws=lookup:env,regions=eu-west-1;us-east-1", Help: "read the event history of two regions"},
		},
		Open: func(_ context.Context, cfg connector.Config, env connector.Env) (connector.ActivityReader, error) {
			t, err := tables()
			if err != nil {
				return nil, err
			}
			return openTrail(cfg, env, t)
		},
		Remote: remoteTrail,
		Decode: func(record []byte) ([]retinue.Event, error) {
			t, err := tables()
			if err != nil {
				return nil, err
			}
			if len(record) > logs.DefaultMaxRecord {
				return nil, fmt.Errorf("%w: record of %d bytes: at most %d are read", retinue.ErrInvalid, len(record), logs.DefaultMaxRecord)
			}
			return newTrailDecoder(t).decode(nil, record, maxNested)
		},
		Envelopes: envelopes(),
	}
}

// envelopes are the names under which files of CloudTrail, answers of LookupEvents
// and subscriptions of CloudWatch Logs hold records.
func envelopes() []string { return []string{"Records", "Events", "logEvents"} }

// remoteTrail allows what is read with the server's own identity, which an
// administrator gave it for this.
func remoteTrail(cfg connector.Config) error {
	if strings.HasPrefix(cfg.Target, "s3://") || strings.HasPrefix(cfg.Target, "sqs:https://") || cfg.Target == "lookup:env" {
		return nil
	}
	return fmt.Errorf("%w: source aws: logs in a path, or read with a profile, are named in retinue.yaml only: want s3://BUCKET, sqs:https://QUEUE or lookup:env", retinue.ErrDenied)
}

// trailReader reads CloudTrail from files.
type trailReader struct {
	paths  []string
	tables *trailTables
	idle   sync.Pool // of *trailDecoder
}

// openTrail makes the reader of a configuration.
func openTrail(cfg connector.Config, env connector.Env, t *trailTables) (connector.ActivityReader, error) {
	r := &trailReader{tables: t}
	switch {
	case strings.HasPrefix(cfg.Target, "s3://"), strings.HasPrefix(cfg.Target, "sqs:"), strings.HasPrefix(cfg.Target, "lookup:"):
		return openLiveTrail(r, cfg, env)
	case cfg.Target == "env", strings.HasPrefix(cfg.Target, "profile:"), strings.HasPrefix(cfg.Target, "org:"):
		return nil, fmt.Errorf("%w: source aws: to read activity name the trail's bucket (s3://BUCKET), a queue (sqs:URL), files, or lookup:env", retinue.ErrInvalid)
	case cfg.Target == "":
		return nil, fmt.Errorf("%w: source aws: want aws=PATH, aws=s3://BUCKET, aws=sqs:URL or aws=lookup:env", retinue.ErrInvalid)
	}
	r.paths = []string{cfg.Target}
	return r, nil
}

// Close implements connector.ActivityReader.
func (*trailReader) Close() error { return nil }

// Activity implements connector.ActivityReader.
func (r *trailReader) Activity(ctx context.Context, req connector.ActivityRequest, sink connector.ActivitySink) error {
	run := r.newRun(sink)
	if err := run.findBeside(ctx, r.paths); err != nil {
		return err
	}
	return logs.Read(ctx, req, sink, run.options(logs.Options{Paths: r.paths, Match: trailFile}))
}

// trailFile passes over what lies beside logs: digest files are read apart.
func trailFile(name string) bool {
	return !isDigestName(name) && !isKeysName(name)
}

// trailRun is one run of the reader.
type trailRun struct {
	*trailReader
	sink    connector.ActivitySink
	proven  *digests
	trails  trailConfigs
	beside  map[string]bool // descriptions of trails that were read apart
	gone    bool            // LookupEvents: no trail is behind it
	special []retinue.BlindSpot
}

func (r *trailReader) newRun(sink connector.ActivitySink) *trailRun {
	return &trailRun{trailReader: r, sink: sink, proven: newDigests()}
}

// options completes options with what this log needs.
func (r *trailRun) options(o logs.Options) logs.Options {
	o.Envelopes = envelopes()
	o.MaxRecord = logs.DefaultMaxRecord
	o.Open = r.open
	o.Cover = r.cover
	o.Hash = r.proven.wants
	o.Hashed = r.proven.hashed
	return o
}

// open chooses the decoder of an input: records, lines of CSV that an export of
// a table holds, or a description of trails.
func (r *trailRun) open(in logs.Input, head []byte, o *logs.ReaderOptions) (logs.Decoder, error) {
	switch text := string(head); {
	case r.beside[in.Name]:
		return nil, nil //nolint:nilnil // it holds no records
	case isTrailConfig(text):
		o.Envelopes = nil
		return &r.trails, nil
	case looksLikeCSV(text):
		o.Format = logs.CSV
		return newTrailCSV(r.tables, head), nil
	}
	o.Format = logs.JSON
	return &pooledDecoder{run: r}, nil
}

// pooledDecoder borrows what a decoder remembers for each record: inputs are
// many and short, workers are few.
type pooledDecoder struct{ run *trailRun }

// Decode implements logs.Decoder.
func (p *pooledDecoder) Decode(dst []retinue.Event, rec logs.Record) ([]retinue.Event, error) {
	d, ok := p.run.idle.Get().(*trailDecoder)
	if !ok {
		d = newTrailDecoder(p.run.tables)
	}
	dst, err := d.Decode(dst, rec)
	p.run.idle.Put(d)
	return dst, err
}
