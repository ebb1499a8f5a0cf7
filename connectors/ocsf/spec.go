package ocsf

import (
	"context"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/entry"
)

const optRealm = "realm"

// Spec describes the kind.
func Spec() connector.Spec {
	target := []connector.TargetForm{
		{Form: "PATH", Help: "events of OCSF 1.x, or a folder or pattern of such files: arrays or one event a line, plain or gzip"},
	}
	return connector.Spec{
		Kind:    "ocsf",
		Title:   "OCSF events",
		Summary: "Calls, sign-ins and changes of accounts that a data lake or a collector of logs holds in the Open Cybersecurity Schema Framework.",
		Target:  target,
		Options: []connector.Option{
			{Name: optRealm, Help: "the system that all events are of, such as okta:example.okta.com", Default: "what each event says of its cloud account or product", Reach: connector.ReachSystem},
		},
		Privileges: []connector.Document{
			{Title: "Export from a data lake as JSON", Language: "sh", Body: exportScript},
		},
		Sees: []string{
			"API Activity (6003), Authentication (3002) and Account Change (3001) of schema versions 1.x: who, with which credential and session, which operation, from where, and how it ended.",
			"Roles, users and access keys of AWS, service accounts of Google Cloud and principals of Azure under the names that their own connectors give them.",
		},
		BlindSpots: []string{
			"What the schema loses: the permission that a call needed, what a call changed, and most of a session's history. A product's own reader sees more.",
			"Parquet, in which many data lakes keep events: it is reported and not read.",
		},
		CouldRead: []string{
			"A data lake holds the logs of many systems. Export the classes that are read, and no more.",
		},
		Activity: &connector.Activity{
			Logs: []connector.LogKind{{
				Name:       logName,
				Title:      "API Activity, Authentication and Account Change",
				Covers:     []string{"What the product that made the events puts into these classes. Events of other classes are kept as unknown."},
				BlindSpots: append(blindSpots(), noActions()),
			}},
			Target: target,
			Examples: []connector.TargetForm{
				{Form: "ocsf=events.ndjson.gz", Help: "a file of events"},
				{Form: "ocsf=/data/ocsf/okta/,realm=okta:example.okta.com", Help: "a folder of events of one system"},
			},
			Open:      open,
			Decode:    decoder{}.decode,
			Decoder:   alone,
			Envelopes: []string{"events", "Records"},
		},
	}
}

// configured is the decoder that the options ask for.
func configured(cfg connector.Config) (decoder, error) {
	d := decoder{realm: retinue.Realm(cfg.Option(optRealm, ""))}
	if d.realm != "" {
		if err := d.realm.Validate(); err != nil {
			return decoder{}, fmt.Errorf("open ocsf: option %s: %w", optRealm, err)
		}
	}
	return d, nil
}

func alone(cfg connector.Config, _ connector.Env) (func([]byte) ([]retinue.Event, error), error) {
	d, err := configured(cfg)
	return d.decode, err
}

func open(_ context.Context, cfg connector.Config, _ connector.Env) (connector.ActivityReader, error) {
	d, err := configured(cfg)
	if err != nil {
		return nil, err
	}
	return &entry.Reader{
		Paths: []string{cfg.Target}, Envelopes: []string{"events", "Records"}, Decode: d.decode,
		Blind: func(string, func(string) bool) []retinue.BlindSpot { return blindSpots() },
	}, nil
}

// noActions is what events leave out of every use. Whether there was one shows.
func noActions() retinue.BlindSpot {
	return retinue.BlindSpot{
		Code:  "ocsf.actions_not_named",
		Text:  "Events name an operation and not the permission that it needed: which grants were used is not known.",
		Raise: "Read the product's own log with its own reader.",
		Cost:  "None where the log is kept.",
	}
}

func blindSpots() []retinue.BlindSpot {
	return []retinue.BlindSpot{
		{
			Code:  "ocsf.source_settings_unknown",
			Text:  "Which events the product was told to log, and which the pipeline dropped, does not show in them.",
			Raise: "Read the product's own log with its own reader.",
			Cost:  "None where the log is kept.",
		},
	}
}

const exportScript = `# Amazon Security Lake keeps Parquet. Athena writes JSON, with read access to the lake's tables only:
#   UNLOAD (SELECT * FROM amazon_security_lake_table_eu_west_1_cloud_trail_mgmt_2_0
#           WHERE time_dt BETWEEN current_timestamp - INTERVAL '7' DAY AND current_timestamp)
#   TO 's3://my-export/ocsf/' WITH (format = 'JSON', compression = 'GZIP')
aws s3 sync s3://my-export/ocsf/ ocsf/
# A Parquet file that is at hand:
# duckdb -c "COPY (FROM 'events.parquet') TO 'events.ndjson' (FORMAT JSON)"
`
