package slack

import (
	"context"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/entry"
)

const optEnterprise = "enterprise"

// Spec describes the kind.
func Spec() connector.Spec {
	target := []connector.TargetForm{
		{Form: "PATH", Help: "answers of the Audit Logs API, or a folder or pattern of such files: whole answers, arrays or one entry a line, plain or gzip"},
	}
	return connector.Spec{
		Kind:    "slack",
		Title:   "Slack audit logs",
		Summary: "Which apps were installed and widened in Slack, by whom, and what users and apps did, from answers of the Audit Logs API.",
		Target:  target,
		Options: []connector.Option{
			{Name: optEnterprise, Help: "the id of the organisation (E…), to take all its workspaces for one system", Default: "each workspace is a system", Reach: connector.ReachSystem},
		},
		Privileges: []connector.Document{
			{Title: "Export with the Audit Logs API", Language: "sh", Body: exportScript},
		},
		Sees: []string{
			"Sign-ins, changes of roles, members and settings, and what was done with files, each with the user, the address and the program.",
			"Apps that were installed, approved, restricted, removed or given more scopes, and calls that an app made for a user.",
			"What switched off detection or single sign-on, and what was made public.",
		},
		BlindSpots: []string{
			"What the exported files do not hold: see the blind spots of the log.",
		},
		CouldRead: []string{
			"The log names people with their mail addresses and network addresses, channels and files. It holds no message.",
		},
		Activity: &connector.Activity{
			Logs: []connector.LogKind{{
				Name:  logName,
				Title: "Audit log of an Enterprise organisation",
				Covers: []string{
					"Actions of users and apps that change workspaces, channels, apps, roles and settings; sign-ins; files.",
				},
				BlindSpots: append(blindSpots(), noLog()),
			}},
			Target: target,
			Examples: []connector.TargetForm{
				{Form: "slack=slack-audit.json", Help: "answers of the API in one file"},
				{Form: "slack=/data/slack-audit/,enterprise=E0123456789", Help: "a folder of answers, as of one organisation"},
			},
			Open:      open,
			Decode:    decoder{}.decode,
			Decoder:   alone,
			Envelopes: []string{"entries"},
		},
	}
}

// configured is the decoder that the options ask for.
func configured(cfg connector.Config) decoder {
	return decoder{enterprise: cfg.Option(optEnterprise, "")}
}

func alone(cfg connector.Config, _ connector.Env) (func([]byte) ([]retinue.Event, error), error) {
	return configured(cfg).decode, nil
}

func open(_ context.Context, cfg connector.Config, _ connector.Env) (connector.ActivityReader, error) {
	d := configured(cfg)
	return &entry.Reader{
		Paths: []string{cfg.Target}, Envelopes: []string{"entries"}, Decode: d.decode,
		Blind: func(string, func(string) bool) []retinue.BlindSpot { return blindSpots() },
	}, nil
}

// noLog is why there may be no log to read. It says nothing about one that is.
func noLog() retinue.BlindSpot {
	return retinue.BlindSpot{
		Code:  "slack.enterprise_only",
		Text:  "Only Enterprise organisations have audit logs: other workspaces offer at most the access and integration logs of paid plans, which are not read.",
		Raise: "Move the workspace into an Enterprise organisation.",
		Cost:  "A licence a user.",
	}
}

func blindSpots() []retinue.BlindSpot {
	apps := []retinue.IdentityKind{retinue.IdentityApp, retinue.IdentityOAuthApp, retinue.IdentityBot, retinue.IdentityIntegration}
	return []retinue.BlindSpot{
		{
			Code:  "slack.calls_not_audited",
			Text:  "Calls that apps make with their tokens (posting, reading messages) are not in the log: an app that never appears may be busy.",
			Kinds: apps,
			Credentials: []retinue.CredentialKind{retinue.CredentialOAuthToken, retinue.CredentialRefreshToken, retinue.CredentialAPIKey,
				retinue.CredentialWebhookSecret},
		},
		{
			Code: "slack.tokens_not_named",
			Text: "The log names apps and no token: which of an app's tokens was used does not show.",
			Credentials: []retinue.CredentialKind{retinue.CredentialOAuthToken, retinue.CredentialRefreshToken,
				retinue.CredentialAPIKey},
		},
	}
}

const exportScript = `# With a user token of an owner of the Enterprise organisation that has this scope only:
#   auditlogs:read
# Each answer has up to 9,999 entries and the cursor of the next.
cursor=
while :; do
  curl -fsS -H "Authorization: Bearer $SLACK_TOKEN" \
    "https://api.slack.com/audit/v1/logs?limit=9999&cursor=$cursor" > "slack-audit-$(date -u +%s%N).json"
  cursor=$(jq -r '.response_metadata.next_cursor // empty' "$(ls -t slack-audit-*.json | head -1)")
  [ -n "$cursor" ] || break
done
`
