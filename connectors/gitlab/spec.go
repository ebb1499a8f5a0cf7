package gitlab

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/entry"
)

const (
	optHost  = "host"
	optGroup = "group"
)

// Spec describes the kind.
func Spec() connector.Spec {
	target := []connector.TargetForm{
		{Form: "PATH", Help: "a file, folder or pattern of audit events or request logs: JSON or one object a line, plain or gzip"},
	}
	return connector.Spec{
		Kind:    "gitlab",
		Title:   "GitLab audit events and request logs",
		Summary: "Who did what in GitLab, and with which token, from its audit events and from the logs of a server's own requests.",
		Target:  target,
		Options: []connector.Option{
			{Name: optHost, Help: "the server's name, which its own logs do not say", Default: publicHost, Reach: connector.ReachSystem},
			{Name: optGroup, Help: "the group at the top, of entries that say no path", Default: "such entries are of the whole server", Reach: connector.ReachSystem},
		},
		Privileges: []connector.Document{
			{Title: "Export audit events, or copy a server's logs", Language: "sh", Body: exportScript},
		},
		Sees: []string{
			"Audit events as the API lists them, as streaming delivers them, and as a server writes them: changes to tokens, keys, variables, runners, members and settings, sign-ins, and git operations where they are streamed.",
			"Requests of a server's API and pages, with the user, the address, the program and the number of the token: personal, project and group access tokens, OAuth tokens, deploy tokens and job tokens.",
			"Bots of projects and groups, told from people by their names.",
			"What switched off the streaming of audit events or single sign-on, and what was made public.",
		},
		BlindSpots: []string{
			"What the files do not hold: see the blind spots of the logs.",
			"Which pipeline a job token belongs to: entries name the user who started it.",
		},
		CouldRead: []string{
			"The logs name people, their addresses, projects and paths. Request logs hold parameters of requests, which are not read.",
		},
		Activity: &connector.Activity{
			Logs: []connector.LogKind{
				{Name: logAudit, Title: "Audit events", Covers: []string{"Changes of configuration, members and credentials; sign-ins; with streaming also clones, fetches and pushes."},
					BlindSpots: append(auditBlind(), noLog())},
				{Name: logAPI, Title: "Requests of the API (api_json.log)", Covers: []string{"Every call of the REST API of a server of one's own, with the token's number."}, BlindSpots: requestBlind()},
				{Name: logRails, Title: "Requests of pages and git over HTTP (production_json.log)", Covers: []string{"Every request of pages, GraphQL and git over HTTP of a server of one's own."}, BlindSpots: requestBlind()},
			},
			Target: target,
			Examples: []connector.TargetForm{
				{Form: "gitlab=audit-events.json,group=example", Help: "audit events of a group on gitlab.com"},
				{Form: "gitlab=/var/log/gitlab/gitlab-rails/,host=gitlab.example.com", Help: "the logs of a server of one's own, with those that were rotated"},
			},
			Open:    open,
			Decode:  decoder{host: publicHost}.decode,
			Decoder: alone,
		},
	}
}

// configured is the decoder that the options ask for.
func configured(cfg connector.Config) (decoder, error) {
	host := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(cfg.Option(optHost, publicHost), "https://"), "/"))
	if entry.Realm("forge", host) == "" || strings.ContainsAny(host, "/ ") {
		return decoder{}, fmt.Errorf("%w: open gitlab: option %s=%q: want the name of a server", retinue.ErrInvalid, optHost, host)
	}
	return decoder{host: host, group: cfg.Option(optGroup, "")}, nil
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
		Paths: []string{cfg.Target}, Match: match, Decode: d.decode,
		Blind: func(log string, _ func(string) bool) []retinue.BlindSpot {
			if log == logAudit {
				return auditBlind()
			}
			return requestBlind()
		},
	}, nil
}

// match passes over the other logs that lie beside those of interest in a server's
// folder.
func match(name string) bool {
	base := filepath.Base(name)
	if !strings.Contains(base, ".log") {
		return true
	}
	for _, prefix := range []string{"audit_json.log", "api_json.log", "production_json.log"} {
		if strings.HasPrefix(base, prefix) {
			return true
		}
	}
	return false
}

func noLog() retinue.BlindSpot {
	return retinue.BlindSpot{
		Code:  "gitlab.premium_only",
		Text:  "Most audit events, and their streaming, exist in paid plans only.",
		Raise: "Premium for the events, Ultimate for their streaming.",
		Cost:  "A licence a user.",
	}
}

func auditBlind() []retinue.BlindSpot {
	return []retinue.BlindSpot{
		{
			Code:    "gitlab.reads_not_audited",
			Text:    "Audit events are about changes: tokens that only read leave no trace in them.",
			Actions: []string{"read_api", "read_repository", "read_registry", "read_user"},
			Raise:   "On a server of one's own, also import api_json.log and production_json.log; on gitlab.com, stream audit events, which then have git operations.",
			Cost:    "None on a server of one's own; Ultimate on gitlab.com.",
		},
		{
			Code: "gitlab.tokens_not_named",
			Text: "Most audit events name a user and not the token that was used.",
			Credentials: []retinue.CredentialKind{retinue.CredentialPersonalAccessToken, retinue.CredentialOAuthToken, retinue.CredentialSSHKey,
				retinue.CredentialServiceToken},
			Raise: "On a server of one's own, also import api_json.log.",
			Cost:  "None.",
		},
	}
}

func requestBlind() []retinue.BlindSpot {
	return []retinue.BlindSpot{
		{
			Code:        "gitlab.ssh_not_in_requests",
			Text:        "Git over SSH is in gitlab-shell.log and not among the requests: SSH keys and deploy keys leave no trace here.",
			Credentials: []retinue.CredentialKind{retinue.CredentialSSHKey},
		},
		{
			Code:    "gitlab.registry_not_in_requests",
			Text:    "Pulls and pushes of container images are in the registry's own log.",
			Actions: []string{"read_registry", "write_registry"},
		},
		{
			Code:  "gitlab.nodes_not_known",
			Text:  "Each node of a server writes its own files: whether those of all nodes were read is not known.",
			Raise: "Collect the logs of all nodes in one folder.",
			Cost:  "Storage.",
		},
	}
}

const exportScript = `# gitlab.com, or any server: audit events of a group, with a token of an owner that has the scope read_api only.
glab api --paginate "groups/GROUP/audit_events?per_page=100" > gitlab-audit-events.json
# A server of one's own: all audit events, with an administrator's token that has the scope read_api only.
# glab api --paginate "audit_events?per_page=100" > gitlab-audit-events.json
# Or its own files, without any token (rotated ones end in .gz):
# rsync -a --include='audit_json.log*' --include='api_json.log*' --include='production_json.log*' --exclude='*' \
#   gitlab.example.com:/var/log/gitlab/gitlab-rails/ gitlab-rails/
`
