package openai

import (
	"context"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/entry"
)

const optOrganization = "organization"

// Spec describes the kind.
func Spec() connector.Spec {
	target := []connector.TargetForm{
		{Form: "PATH", Help: "answers of the audit log's API, or a folder or pattern of such files: whole answers, arrays or one entry a line, plain or gzip"},
	}
	return connector.Spec{
		Kind:    "openai",
		Title:   "OpenAI audit log",
		Summary: "Who made, changed and deleted API keys, service accounts and roles of an OpenAI organisation, and with which key, from its audit log.",
		Target:  target,
		Options: []connector.Option{
			{Name: optOrganization, Help: "the id of the organisation (org-…), which entries do not say", Default: defaultOrganization, Reach: connector.ReachSystem},
		},
		Privileges: []connector.Document{
			{Title: "Export the audit log", Language: "sh", Body: exportScript},
		},
		Sees: []string{
			"Sign-ins, and changes to API keys, service accounts, users, roles, projects, certificates and settings.",
			"Who acted: a user in a session, with address and program, or a user or service account by an API key, with the key's id.",
		},
		BlindSpots: []string{
			"What the exported files do not hold: see the blind spots of the log.",
		},
		CouldRead: []string{
			"An admin key reads and changes the whole administration of the organisation, not only its audit log: OpenAI has no narrower one for every plan. Delete it after the export.",
		},
		Activity: &connector.Activity{
			Logs: []connector.LogKind{{
				Name:       logName,
				Title:      "Audit log of an organisation",
				Covers:     []string{"Changes of configuration and sign-ins, from when audit logging was switched on in the organisation's settings."},
				BlindSpots: append(blindSpots(), noLog()),
			}},
			Target: target,
			Examples: []connector.TargetForm{
				{Form: "openai=openai-audit.json,organization=org-example", Help: "answers of the API in one file"},
				{Form: "openai=/data/openai-audit/,organization=org-example", Help: "a folder of answers"},
			},
			Open:      open,
			Decode:    decoder{organization: defaultOrganization}.decode,
			Decoder:   alone,
			Envelopes: []string{"data"},
		},
	}
}

// configured is the decoder that the options ask for.
func configured(cfg connector.Config) (decoder, error) {
	d := decoder{organization: cfg.Option(optOrganization, defaultOrganization)}
	if entry.Realm("openai", d.organization) == "" {
		return decoder{}, fmt.Errorf("%w: open openai: option %s: want the id of an organisation", retinue.ErrInvalid, optOrganization)
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
		Paths: []string{cfg.Target}, Envelopes: []string{"data"}, Decode: d.decode,
		Blind: func(string, func(string) bool) []retinue.BlindSpot { return blindSpots() },
	}, nil
}

// noLog is why there may be no log to read. It says nothing about one that is.
func noLog() retinue.BlindSpot {
	return retinue.BlindSpot{
		Code:  "openai.logging_off_before",
		Text:  "Nothing is logged until audit logging is switched on in the organisation's settings; it cannot be switched off again.",
		Raise: "Switch on audit logging under data controls.",
		Cost:  "None.",
	}
}

func blindSpots() []retinue.BlindSpot {
	return []retinue.BlindSpot{
		{
			Code:        "openai.no_inference_calls",
			Text:        "Calls of models with an API key are not in the audit log: a key that never appears may be in constant use.",
			Credentials: []retinue.CredentialKind{retinue.CredentialAPIKey},
			Raise:       "Compare with the usage API grouped by API key, which has no addresses, or send calls through a gateway that logs them and import its log.",
			Cost:        "None for the usage API; a gateway to run.",
		},
		{
			Code:    "openai.reads_not_audited",
			Text:    "Listing and reading of configuration is not logged.",
			Actions: []string{"*.list", "*.read"},
		},
	}
}

const exportScript = `# With an admin key of an organisation owner.
after=
while :; do
  page=$(curl -fsS -H "Authorization: Bearer $OPENAI_ADMIN_KEY" \
    "https://api.openai.com/v1/organization/audit_logs?limit=100${after:+&after=$after}")
  jq -c '.data[]' <<<"$page" >> openai-audit.ndjson
  [ "$(jq -r .has_more <<<"$page")" = true ] || break
  after=$(jq -r .last_id <<<"$page")
done
`
