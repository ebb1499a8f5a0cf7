package okta

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/entry"
)

// Kind is the word for this connector on the command line.
const Kind = "okta"

// LogSystem is the name of the System Log.
const LogSystem = "okta.system"

// Spec describes the connector. It reads a log and describes no system, so its
// Open is nil.
func Spec() connector.Spec {
	return connector.Spec{
		Kind:    Kind,
		Title:   "Okta",
		Summary: "The System Log of an Okta organisation from exported files or live: what API tokens, service applications and people did and how they signed in.",
		Target: []connector.TargetForm{
			{Form: "PATH", Help: "a file, folder or pattern of JSON: pages of /api/v1/logs, event hooks, or what a log stream delivered"},
			{Form: "https://DOMAIN", Help: "the live log of the organisation, from where the last run stopped"},
		},
		Options: []connector.Option{
			{Name: "org", Help: "The organisation's domain, which files of the log do not hold, such as acme.okta.com. Required for files; event hooks name it themselves.", Default: "that of https://DOMAIN", Reach: connector.ReachSystem},
			{Name: "token", Help: "The API token or access token with which the live log is read.", Default: "OKTA_API_TOKEN", Secret: true, Reach: connector.ReachSystem},
			{Name: "authorization", Help: "How the token is sent: SSWS for an API token, Bearer for an access token.", Default: "SSWS", Values: []string{"SSWS", "Bearer"}, Reach: connector.ReachSystem},
		},
		Privileges: []connector.Document{
			{Title: "Export with an access token of a service application that has the scope okta.logs.read and the role Report Administrator", Language: "sh", Body: exportScript},
		},
		Sees: []string{
			"Changes made with an API token, by the token's id, and by whose account it acts.",
			"Tokens granted to service applications, and to applications that act for a user, with their scopes.",
			"Sign-ins of users to Okta and to applications, with address and program.",
			"Tokens, applications, their secrets and keys, users, groups, roles and policies that were made, changed, switched off or deleted, and by whom.",
		},
		BlindSpots: []string{
			"Reading through the API leaves no entry.",
			"A token of a service application shows when it is granted, not each time that it is used: it lives an hour, and a refresh token is granted a new one.",
			"What an application does after a sign-in is in its own log. Which role or scope an action needed is not told.",
			"Nothing that exists is listed: a token or application that the log does not mention is not known.",
			"Okta keeps 90 days.",
		},
		CouldRead: []string{
			"okta.logs.read shows names, addresses and e-mail addresses of every user, and what each of them did.",
		},
		Activity: &connector.Activity{
			Logs: []connector.LogKind{{
				Name: LogSystem, Title: "Okta System Log", Lateness: 24 * time.Hour, BlindSpots: blindSpots(),
				Covers: []string{"Sign-ins, tokens that were granted, and what was changed in the organisation, by whom and with which API token."},
			}},
			Target: []connector.TargetForm{
				{Form: "PATH", Help: "a file, folder or pattern of JSON: pages of /api/v1/logs, event hooks, or what a log stream delivered"},
				{Form: "https://DOMAIN", Help: "the live log of the organisation, from where the last run stopped", Remote: true},
			},
			Examples: []connector.TargetForm{
				{Form: "okta=system-log.json,org=acme.okta.com", Help: "pages of /api/v1/logs"},
				{Form: "okta=./okta,org=acme.okta.com", Help: "a folder of files that grows"},
				{Form: "okta=https://acme.okta.com", Help: "the live log, with the token in OKTA_API_TOKEN"},
			},
			Open:      open,
			Remote:    remoteLogs,
			Decode:    func(record []byte) ([]retinue.Event, error) { return decoder{}.decode(record) },
			Decoder:   alone,
			Envelopes: envelopes(), RealmKind: "okta", RealmOption: "org",
		},
	}
}

// envelopes are the names under which deliveries hold lists.
func envelopes() []string { return []string{"events", "value"} }

// alone makes a decoder of entries that come one by one. Without the option only
// event hooks say of which organisation they are.
func alone(cfg connector.Config, _ connector.Env) (func([]byte) ([]retinue.Event, error), error) {
	given := cfg.Option("org", "")
	org, ok := domain(given)
	if given != "" && !ok {
		return nil, fmt.Errorf("%w: source okta: option org=%q: want the organisation's domain, such as acme.okta.com", retinue.ErrInvalid, retinue.CleanName(given))
	}
	return decoder{org: org}.decode, nil
}

// remoteLogs allows the live log, which is read with the source's own token.
func remoteLogs(cfg connector.Config) error {
	if strings.HasPrefix(cfg.Target, "https://") {
		return nil
	}
	return fmt.Errorf("%w: source okta: logs in a path are named in retinue.yaml only: want https://DOMAIN", retinue.ErrDenied)
}

func open(_ context.Context, cfg connector.Config, env connector.Env) (connector.ActivityReader, error) {
	if strings.HasPrefix(cfg.Target, "https://") {
		return openLive(cfg, env)
	}
	org, ok := domain(cfg.Option("org", ""))
	switch {
	case cfg.Target == "":
		return nil, fmt.Errorf("%w: source okta: what to read is missing: want okta=PATH,org=DOMAIN", retinue.ErrInvalid)
	case !ok:
		return nil, fmt.Errorf("%w: source okta: option org=%q: want the organisation's domain, such as acme.okta.com", retinue.ErrInvalid, retinue.CleanName(cfg.Option("org", "")))
	}
	return &entry.Reader{Paths: []string{cfg.Target}, Envelopes: envelopes(), Decode: decoder{org: org}.decode,
		Blind: func(string, func(string) bool) []retinue.BlindSpot { return blindSpots() }}, nil
}

// domain takes the domain out of what is given as one: "https://ACME.okta.com/"
// is acme.okta.com. It reports false where there is none.
func domain(s string) (string, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if _, rest, ok := strings.Cut(s, "://"); ok {
		s = rest
	}
	s, _, _ = strings.Cut(s, "/")
	if len(s) > 253 || !strings.Contains(s, ".") || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" || strings.Contains(s, "..") || strings.HasPrefix(s, ".") {
		return "", false
	}
	return s, true
}

// blindSpots are what the System Log does not show. Sources: Okta's pages "System
// Log query" (retention), "What API Calls Generate Events in Okta System Log" and
// the event types catalogue.
func blindSpots() []retinue.BlindSpot {
	return []retinue.BlindSpot{
		{Code: "okta.reads_not_logged", Text: "Calls of Okta's API that read leave no entry, and not every change has a type of entry: a token that only reads looks unused.",
			Credentials: []retinue.CredentialKind{retinue.CredentialAPIKey, retinue.CredentialOAuthToken}, Actions: []string{"*.read", "*.get", "*.list"},
			Raise: "lastUsed of the API token in Okta's own listing (grade C), or replace the token by a service application, whose token grants are logged", Cost: "a change of each client"},
		{Code: "okta.client_credential_not_named", Text: "A grant to an application does not say reliably with which of its secrets or keys it signed in.",
			Credentials: []retinue.CredentialKind{retinue.CredentialClientSecret, retinue.CredentialPrivateKey, retinue.CredentialSigningKey}, Raise: "One secret or key for each application", Cost: "none"},
	}
}

const exportScript = `# Usage: ORG=acme.okta.com TOKEN=... SINCE=2026-01-01T00:00:00Z sh export.sh > system-log.json
# Every page is a list; one after the other in a file is fine.
set -eu
next="https://$ORG/api/v1/logs?since=$SINCE&limit=1000&sortOrder=ASCENDING"
while [ -n "$next" ]; do
  headers=$(mktemp)
  curl -fsS -D "$headers" -H "Authorization: Bearer $TOKEN" "$next" > page.json
  cat page.json
  [ "$(cat page.json)" = "[]" ] && break
  next=$(sed -n 's/^[Ll]ink: <\([^>]*\)>; rel="next".*/\1/p' "$headers")
done
`
