package events

import (
	"context"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/entry"
)

// kind is the word of the command line.
const kind = "ndjson"

// Spec describes the kind.
func Spec() connector.Spec {
	target := []connector.TargetForm{
		{Form: "PATH", Help: "a file, folder or pattern of events, one JSON object a line, plain or gzip"},
	}
	return connector.Spec{
		Kind:    kind,
		Title:   "Events in the program's own form",
		Summary: "Events of any system, written one JSON object a line in the words of this program.",
		Target:  target,
		Privileges: []connector.Document{
			{Title: "Turn a log of one's own into events", Language: "sh", Body: example},
		},
		Sees: []string{
			"What each line says, field by field: who, with what, what was done to what, how it ended, from where.",
		},
		BlindSpots: []string{
			"Whatever the writer of the lines left out. Nothing proves that they are complete: the evidence is never better than weak.",
		},
		CouldRead: []string{
			"The file. Put no secret into it: texts are kept as they are.",
		},
		Activity: &connector.Activity{
			Logs: []connector.LogKind{{
				Name:       kind,
				Title:      "The log that each line names in its field log",
				Covers:     []string{"What the lines say."},
				BlindSpots: blindSpots(),
			}},
			Target: target,
			Examples: []connector.TargetForm{
				{Form: "ndjson=events.ndjson", Help: "a file of events"},
				{Form: "ndjson=/data/shop-audit/", Help: "a folder of files, with those that were rotated"},
			},
			Open:   open,
			Decode: decode,
		},
	}
}

func open(_ context.Context, cfg connector.Config, _ connector.Env) (connector.ActivityReader, error) {
	return &entry.Reader{
		Paths: []string{cfg.Target}, Decode: decode,
		Blind: func(string, func(string) bool) []retinue.BlindSpot { return blindSpots() },
	}, nil
}

func blindSpots() []retinue.BlindSpot {
	return []retinue.BlindSpot{{
		Code: "ndjson.completeness_unknown",
		Text: "The events were written by another program: whether it wrote all that happened is not known.",
	}}
}

const example = `# Requests of a service, from its own log:
jq -c 'select(.client != null) | {
  log: "shop.access", id: .request_id, at: .time, realm: "shop:eu", class: "data",
  identity: ("shop:eu/client/" + .client), operation: (.method + " " + .route),
  outcome: (if .status < 400 then "success" elif .status == 401 or .status == 403 then "denied" else "error" end),
  origin: {address: .remote_ip, agent: .user_agent}
}' shop-access.log | gzip > events.ndjson.gz
`
