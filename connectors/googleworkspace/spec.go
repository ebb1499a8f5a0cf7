package googleworkspace

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/entry"
)

// Kind is the word for this connector on the command line.
const Kind = "googleworkspace"

// LogActivity is the name of the activity reports.
const LogActivity = "googleworkspace.activity"

// Spec describes the connector. It reads a log and describes no system, so its
// Open is nil.
func Spec() connector.Spec {
	return connector.Spec{
		Kind:    Kind,
		Title:   "Google Workspace",
		Summary: "The activity reports of Google Workspace from exported files: which applications used whose data, what service accounts did by domain-wide delegation, and what administrators changed.",
		Target: []connector.TargetForm{
			{Form: "PATH", Help: "a file, folder or pattern of JSON: pages of the Admin SDK's activities.list, one file or many"},
		},
		Options: []connector.Option{
			{Name: "domain", Help: "The organisation's primary domain, such as example.com, whose report it is. Required; the reports do not always say.", Default: "none", Reach: connector.ReachSystem},
		},
		Privileges: []connector.Document{
			{Title: "Export with an access token that has the scope https://www.googleapis.com/auth/admin.reports.audit.readonly, of an administrator with the privilege Reports", Language: "sh", Body: exportScript},
		},
		Sees: []string{
			"Applications that were granted access to a user's data, with their scopes, that used it, method by method, and that lost it.",
			"Service accounts that act for users by domain-wide delegation, by their client id, with the user for whom they acted.",
			"Sign-ins to Google and, by SAML, to other applications.",
			"What administrators changed: users, roles, delegation to clients, trusted applications, two-step verification.",
			"Use of Drive, Gmail, Calendar and the other reports that were exported, by user and application.",
		},
		BlindSpots: []string{
			"Nothing that exists is listed: an application that no report mentions is not known.",
			"Each application has its own report; those that were not exported do not show.",
			"Google keeps 180 days. The reports of Drive, Gmail logs and context-aware access need certain editions; without them they are empty.",
			"Which privilege or scope an action needed is not told.",
		},
		CouldRead: []string{
			"The scope shows who did what in every report of the organisation, with titles of documents and subjects of mail in some; they are not read from the files.",
		},
		Activity: &connector.Activity{
			Logs: []connector.LogKind{{
				Name: LogActivity, Title: "Google Workspace activity reports", Lateness: 3 * 24 * time.Hour, BlindSpots: blindSpots(),
				Covers: []string{"The reports that were exported, such as admin, login, token, saml and drive. Google delivers most within minutes and some after three days."},
			}},
			Target: []connector.TargetForm{
				{Form: "PATH", Help: "a file, folder or pattern of JSON: pages of the Admin SDK's activities.list, one file or many"},
			},
			Examples: []connector.TargetForm{
				{Form: "googleworkspace=./reports,domain=example.com", Help: "a folder with a file for each report"},
				{Form: "googleworkspace=token.json,domain=example.com", Help: "the report token alone: which applications were used"},
			},
			Open:    open,
			Decode:  func(record []byte) ([]retinue.Event, error) { return decoder{}.decode(record) },
			Decoder: alone, Envelopes: []string{"items"},
			RealmKind: "google", RealmOption: "domain",
		},
	}
}

func open(_ context.Context, cfg connector.Config, _ connector.Env) (connector.ActivityReader, error) {
	if cfg.Target == "" {
		return nil, fmt.Errorf("%w: source googleworkspace: what to read is missing: want googleworkspace=PATH,domain=DOMAIN", retinue.ErrInvalid)
	}
	d, err := configured(cfg)
	if err != nil {
		return nil, err
	}
	return &entry.Reader{Paths: []string{cfg.Target}, Envelopes: []string{"items"}, Decode: d.decode, Signs: signs, Blind: blind}, nil
}

// alone makes a decoder of activities that come one by one.
func alone(cfg connector.Config, _ connector.Env) (func([]byte) ([]retinue.Event, error), error) {
	d, err := configured(cfg)
	return d.decode, err
}

// configured is the decoder that the options ask for.
func configured(cfg connector.Config) (decoder, error) {
	domain := strings.ToLower(strings.TrimSpace(cfg.Option("domain", "")))
	if !strings.Contains(domain, ".") || strings.ContainsAny(domain, "@/ ") || entry.Realm("google", domain) == "" {
		return decoder{}, fmt.Errorf("%w: source googleworkspace: option domain=%q: want the organisation's primary domain, such as example.com", retinue.ErrInvalid, retinue.CleanName(domain))
	}
	return decoder{domain: domain}, nil
}

// signs is the report that an event is of.
func signs(ev retinue.Event) []string {
	report, _, _ := strings.Cut(ev.Operation, ".")
	return []string{report}
}

// blind leaves out the blind spots of reports that are there.
func blind(_ string, seen func(string) bool) []retinue.BlindSpot {
	return slices.DeleteFunc(blindSpots(), func(b retinue.BlindSpot) bool { return b.Code == codeNoToken && seen("token") })
}

const codeNoToken = "googleworkspace.token_report_missing"

// blindSpots are what the reports do not show. Sources: Google's pages "Data
// retention and lag times", "OAuth Token Audit Activity Events" and "Activities".
func blindSpots() []retinue.BlindSpot {
	apps := []retinue.IdentityKind{retinue.IdentityOAuthApp, retinue.IdentityServiceAccount, retinue.IdentityIntegration, retinue.IdentityApp}
	return []retinue.BlindSpot{
		{Code: codeNoToken, Text: "The report token is not in the files: what applications and delegated service accounts did does not show.", Kinds: apps,
			Raise: "Export the report token", Cost: "none; it is the largest of the reports"},
		{Code: "googleworkspace.reports_partial", Text: "Each report is exported by itself; what belongs to one that was not exported does not show."},
		{Code: "googleworkspace.client_key_not_named", Text: "Which key of a service account or which secret of a client was used is not told.",
			Credentials: []retinue.CredentialKind{retinue.CredentialPrivateKey, retinue.CredentialClientSecret, retinue.CredentialRefreshToken},
			Raise:       "For service accounts import Cloud Audit Logs, which name the key where it minted a token", Cost: "Data Access logs of the IAM Service Account Credentials API"},
		{Code: "googleworkspace.app_passwords", Text: "A sign-in by IMAP, POP or SMTP with an application password does not show as one of the application.", Credentials: []retinue.CredentialKind{retinue.CredentialPassword}},
		{Code: "googleworkspace.unlogged_apis", Text: "Not every method of every API is in the report token; which ones, Google does not list.", Kinds: apps},
	}
}

const exportScript = `# Usage: TOKEN=... sh export.sh writes a file for each report.
set -eu
for report in admin login token saml user_accounts groups drive; do
  page=""
  : > "$report.json"
  while :; do
    curl -fsS -H "Authorization: Bearer $TOKEN" \
      "https://admin.googleapis.com/admin/reports/v1/activity/users/all/applications/$report?maxResults=1000&pageToken=$page" > page.json
    cat page.json >> "$report.json"
    page=$(sed -n 's/.*"nextPageToken": *"\([^"]*\)".*/\1/p' page.json)
    [ -z "$page" ] && break
  done
done
rm -f page.json
`
