package anthropic

import (
	"context"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/entry"
)

const optOrganization = "organization"

// Spec describes the kind.
func Spec() connector.Spec {
	target := []connector.TargetForm{
		{Form: "PATH", Help: "answers of the activity feed's API, or a folder or pattern of such files: whole answers, arrays or one entry a line, plain or gzip"},
	}
	return connector.Spec{
		Kind:    "anthropic",
		Title:   "Anthropic activity feed",
		Summary: "Who made, changed and revoked API keys, service keys, service accounts and tool servers of an Anthropic organisation, from its activity feed.",
		Target:  target,
		Options: []connector.Option{
			{Name: optOrganization, Help: "the id of the organisation (org_…) of entries that name none, such as sign-ins that did not succeed", Default: "such entries are kept as unknown", Reach: connector.ReachSystem},
		},
		Privileges: []connector.Document{
			{Title: "Export the activity feed", Language: "sh", Body: exportScript},
		},
		Sees: []string{
			"Sign-ins, and changes to API keys, service keys, service accounts, federation, tool servers, roles, members and settings.",
			"Who acted: a user, an API key or admin key by its id, the directory's synchronisation, or Anthropic itself, with address and program.",
			"What was done with chats, files and projects, without what they hold; what switched off single sign-on; what was made public.",
		},
		BlindSpots: []string{
			"What the exported files do not hold: see the blind spots of the log.",
		},
		CouldRead: []string{
			"The feed names people with their mail addresses and network addresses. A key with the scope read:compliance_user_data reads chats and files as well: do not give it that.",
		},
		Activity: &connector.Activity{
			Logs: []connector.LogKind{{
				Name:       logName,
				Title:      "Activity feed of an organisation",
				Covers:     []string{"Sign-ins, administration, and access to chats, files and projects, kept for six years from when the Compliance API was enabled."},
				BlindSpots: append(blindSpots(), noLog()),
			}},
			Target: target,
			Examples: []connector.TargetForm{
				{Form: "anthropic=anthropic-activity.ndjson", Help: "entries of the feed in one file"},
				{Form: "anthropic=/data/anthropic/,organization=org_example", Help: "a folder of answers, with sign-ins that failed"},
			},
			Open:      open,
			Decode:    decoder{}.decode,
			Decoder:   alone,
			Envelopes: []string{"data"},
		},
	}
}

// configured is the decoder that the options ask for.
func configured(cfg connector.Config) decoder {
	return decoder{organization: cfg.Option(optOrganization, "")}
}

func alone(cfg connector.Config, _ connector.Env) (func([]byte) ([]retinue.Event, error), error) {
	return configured(cfg).decode, nil
}

func open(_ context.Context, cfg connector.Config, _ connector.Env) (connector.ActivityReader, error) {
	d := configured(cfg)
	return &entry.Reader{
		Paths: []string{cfg.Target}, Envelopes: []string{"data"}, Decode: d.decode,
		Blind: func(string, func(string) bool) []retinue.BlindSpot { return blindSpots() },
	}, nil
}

// noLog is why there may be no log to read. It says nothing about one that is.
func noLog() retinue.BlindSpot {
	return retinue.BlindSpot{
		Code:  "anthropic.feed_on_request",
		Text:  "The feed exists from when the Compliance API was enabled for the organisation; nothing before is in it.",
		Raise: "Ask Anthropic to enable the Compliance API.",
		Cost:  "A Claude Enterprise plan; organisations of the console have the feed alone.",
	}
}

func blindSpots() []retinue.BlindSpot {
	return []retinue.BlindSpot{
		{
			Code:        "anthropic.no_inference_calls",
			Text:        "Calls of models with an API key are not in the feed: a key that never appears may be in constant use.",
			Credentials: []retinue.CredentialKind{retinue.CredentialAPIKey},
			Raise:       "Compare with the usage report grouped by API key, which has no addresses, or send calls through a gateway that logs them and import its log.",
			Cost:        "None for the usage report; a gateway to run.",
		},
		{
			Code:  "anthropic.key_owner_unnamed",
			Text:  "An entry made with an API key names the key and not whose it is.",
			Kinds: []retinue.IdentityKind{retinue.IdentityServiceAccount, retinue.IdentityUser},
		},
	}
}

const exportScript = `# With a Compliance Access Key that has this scope only:
#   read:compliance_activities
after=
while :; do
  page=$(curl -fsS -H "x-api-key: $ANTHROPIC_COMPLIANCE_ACCESS_KEY" \
    "https://api.anthropic.com/v1/compliance/activities?limit=5000${after:+&after_id=$after}")
  jq -c '.data[]' <<<"$page" >> anthropic-activity.ndjson
  [ "$(jq -r .has_more <<<"$page")" = true ] || break
  after=$(jq -r .last_id <<<"$page")
done
`
