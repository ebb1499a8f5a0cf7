package github

import (
	"context"
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/entry"
)

const (
	optHost         = "host"
	optOrganization = "organization"
)

// Spec describes the kind.
func Spec() connector.Spec {
	target := []connector.TargetForm{
		{Form: "PATH", Help: "an exported audit log, or a folder or pattern of such files: JSON or one object a line, plain or gzip"},
	}
	return connector.Spec{
		Kind:    "github",
		Title:   "GitHub audit log",
		Summary: "Who did what in a GitHub organisation or enterprise, with which token, app or deploy key, from its exported audit log.",
		Target:  target,
		Options: []connector.Option{
			{Name: optHost, Help: "the server's name", Default: publicHost, Reach: connector.ReachSystem},
			{Name: optOrganization, Help: "the organisation of entries that name none, as in a user's own security log", Default: "such entries are kept as unknown", Reach: connector.ReachSystem},
		},
		Privileges: []connector.Document{
			{Title: "Export the audit log with the API", Language: "sh", Body: exportScript},
			{Title: "A token that reads the audit log and nothing else", Language: "sh", Body: tokenText},
		},
		Sees: []string{
			"Every entry of the audit log: who acted, as a user, an app, an OAuth app, a deploy key or a workflow, from which address and with which program.",
			"With which token: its id, and the fingerprint of its value, so that a token found elsewhere is known to be the one that was used.",
			"Git events and calls of the API where the log has them, with the permission of the token that they needed.",
			"Runs of workflows by the file of the workflow, and which secrets each job was given.",
			"What was done to tokens, keys, apps, webhooks, secrets, members and runners, what switched off detection, single sign-on or the log's streaming, and what made a repository public.",
		},
		BlindSpots: []string{
			"What the exported file does not hold: see the blind spots of the log.",
			"Refused calls, but for failed sign-ins and calls of the API.",
		},
		CouldRead: []string{
			"The audit log names people, their addresses and repositories. It holds no token and no file.",
		},
		Activity: &connector.Activity{
			Logs: []connector.LogKind{{
				Name:  logName,
				Title: "Audit log of an organisation or enterprise",
				Covers: []string{
					"Changes to the organisation, its repositories, teams, members, apps, tokens, keys, secrets, runners and settings.",
					"Git events (clone, fetch, push) for 7 days, in exports of an enterprise's organisations and in streams.",
					"Calls of the API, in streams in which they are switched on.",
				},
				BlindSpots: blindSpots(nil),
			}},
			Target: target,
			Examples: []connector.TargetForm{
				{Form: "github=audit-log.json", Help: "a file exported in the browser or by the API"},
				{Form: "github=/data/github-audit/", Help: "a folder into which audit log streaming writes"},
				{Form: "github=audit-log.json,host=github.example.com", Help: "the log of a GitHub Enterprise Server"},
			},
			Open:    open,
			Decode:  decoder{host: publicHost}.decode,
			Decoder: alone,
		},
	}
}

// configured is the decoder that the options ask for.
func configured(cfg connector.Config, env connector.Env) (decoder, error) {
	host := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(cfg.Option(optHost, publicHost), "https://"), "/"))
	if entry.Realm("forge", host) == "" || strings.ContainsAny(host, "/ ") {
		return decoder{}, fmt.Errorf("%w: open github: option %s=%q: want the name of a server", retinue.ErrInvalid, optHost, host)
	}
	return decoder{host: host, organization: cfg.Option(optOrganization, ""), hashed: env.FingerprintHash}, nil
}

func alone(cfg connector.Config, env connector.Env) (func([]byte) ([]retinue.Event, error), error) {
	d, err := configured(cfg, env)
	return d.decode, err
}

func open(_ context.Context, cfg connector.Config, env connector.Env) (connector.ActivityReader, error) {
	d, err := configured(cfg, env)
	if err != nil {
		return nil, err
	}
	return &entry.Reader{
		Paths:  []string{cfg.Target},
		Decode: d.decode,
		Signs:  signsOf,
		Blind:  func(_ string, seen func(string) bool) []retinue.BlindSpot { return blindSpots(seen) },
	}, nil
}

// The signs of what is switched on.
const (
	signGit        = "git"
	signAPI        = "api"
	signEnterprise = "enterprise"
	signPassed     = "passed"
)

func signsOf(ev retinue.Event) []string {
	var out []string
	switch {
	case strings.HasPrefix(ev.Operation, "git."):
		out = append(out, signGit)
	case ev.Class == retinue.EventData && ev.Action == "":
		out = append(out, signAPI)
	case ev.Operation == "workflows.prepared_workflow_job":
		out = append(out, signPassed)
	}
	if len(ev.Fingerprints) > 0 {
		out = append(out, signEnterprise)
	}
	return out
}

// blindSpots are what the log does not show, but for what the events read prove
// that it does. With seen nil, all.
func blindSpots(seen func(string) bool) []retinue.BlindSpot {
	var out []retinue.BlindSpot
	for _, b := range []struct {
		unless string
		spot   retinue.BlindSpot
	}{{signAPI, apiOff()}, {signGit, gitOff()}, {signEnterprise, enterpriseOnly()}, {signPassed, secretsOff()}} {
		if seen == nil || !seen(b.unless) {
			out = append(out, b.spot)
		}
	}
	return append(out, retinue.BlindSpot{
		Code:  "github.oauth_apps_not_enumerable",
		Text:  "No API lists which OAuth apps users have authorised: one that is not in the log may still hold a token.",
		Kinds: []retinue.IdentityKind{retinue.IdentityOAuthApp},
		Raise: "Restrict access of OAuth apps in the organisation's settings, so that each must be approved.",
		Cost:  "None; an owner approves each app.",
	}, retinue.BlindSpot{
		Code:        "github.workflow_token_unnamed",
		Text:        "What a job does with its own token is logged for the app github-actions and names neither the workflow nor the run.",
		Credentials: []retinue.CredentialKind{retinue.CredentialSessionToken},
		Kinds:       []retinue.IdentityKind{retinue.IdentityPipeline},
	})
}

func apiOff() retinue.BlindSpot {
	return retinue.BlindSpot{
		Code: "github.api_events_off",
		Text: "No call of the API is among the entries: tokens and apps that only read, or only call the API, leave no trace.",
		Kinds: []retinue.IdentityKind{retinue.IdentityUser, retinue.IdentityBot, retinue.IdentityApp, retinue.IdentityOAuthApp,
			retinue.IdentityServiceAccount, retinue.IdentityIntegration},
		Raise: "Stream the audit log of the enterprise and switch on API request events in its settings.",
		Cost:  "GitHub Enterprise Cloud, and storage for as many entries as there are calls.",
	}
}

func gitOff() retinue.BlindSpot {
	return retinue.BlindSpot{
		Code:    "github.git_events_off",
		Text:    "No clone, fetch or push is among the entries: keys and tokens that only use git leave no trace.",
		Actions: []string{"contents:read", "contents:write"},
		Raise:   "Export with include=all at least every seven days, or stream the audit log: git events are kept for seven days.",
		Cost:    "GitHub Enterprise Cloud.",
	}
}

func enterpriseOnly() retinue.BlindSpot {
	return retinue.BlindSpot{
		Code: "github.enterprise_only",
		Text: "No entry has the hash of a token: use is tied to a user or app and to none of its tokens. Hashes, and git events, are in the logs of enterprises only.",
		Credentials: []retinue.CredentialKind{retinue.CredentialPersonalAccessToken, retinue.CredentialOAuthToken, retinue.CredentialSSHKey,
			retinue.CredentialSessionToken},
		Raise: "Move the organisation into a GitHub Enterprise Cloud account.",
		Cost:  "A licence a user.",
	}
}

func secretsOff() retinue.BlindSpot {
	return retinue.BlindSpot{
		Code:    "github.secrets_passed_rest_only",
		Text:    "Which secrets a job was given is in what the API and streams deliver, and not in what the browser exports.",
		Actions: []string{"secrets:read"},
		Raise:   "Export with the API, or stream.",
		Cost:    "None.",
	}
}

const exportScript = `# With a token of an owner of the organisation; the answer is paged to its end.
# include=all adds git events, which are kept for seven days.
gh api --paginate "/orgs/ORGANISATION/audit-log?include=all&per_page=100&phrase=created:>=$(date -u -d '7 days ago' +%F)" \
  --jq '.[]' | gzip > "github-audit-$(date -u +%FT%H).ndjson.gz"
# The log of an enterprise, with all its organisations:
# gh api --paginate "/enterprises/ENTERPRISE/audit-log?include=all&per_page=100"
`

const tokenText = `# Personal access token (classic) of an owner, with this scope only:
#   read:audit_log
# or a GitHub App that is installed on the organisation, with this permission only:
#   Organization permissions: Administration: read-only
`
