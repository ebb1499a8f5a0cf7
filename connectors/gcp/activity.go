package gcp

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

// LogAudit is the name of Cloud Audit Logs: admin activity, data access, system
// events and denials by policy.
const LogAudit = "gcp.audit"

// activity describes how Cloud Audit Logs are read.
func activity() *connector.Activity {
	return &connector.Activity{
		Logs: []connector.LogKind{{
			Name:  LogAudit,
			Title: "Cloud Audit Logs",
			Covers: []string{
				"Admin Activity: every call that changes configuration or metadata. It is always on and kept for 400 days.",
				"Data Access, where it is on: calls that read configuration, and calls that read or write data.",
				"System Event and Policy Denied: what Google did by itself, and what VPC Service Controls and organisation policies refused.",
				"Who called, by which key of a service account or through which chain of impersonation and federation, the permissions that were tested, and how it ended.",
			},
			BlindSpots: blindSpots(),
			Lateness:   24 * time.Hour,
		}},
		Target: []connector.TargetForm{
			{Form: "PATH", Help: "a file, folder or pattern of JSON: `gcloud logging read --format=json`, what a sink wrote to a bucket, or messages of Pub/Sub"},
			{Form: "projects/ID", Help: "the live logs of a project; folders/NUMBER and organizations/NUMBER for those written there", Remote: true},
		},
		Examples: []connector.TargetForm{
			{Form: "gcp=./cloudaudit.googleapis.com", Help: "a copy of the folder that a sink writes in its bucket"},
			{Form: "gcp=audit.json", Help: "what `gcloud logging read --format=json` printed"},
			{Form: "gcp=audit.json,projects=123456789012=my-project", Help: "say which project a number in an address of a service account is"},
			{Form: "gcp=projects/my-project", Help: "the live logs of a project, with the key of a service account that GOOGLE_APPLICATION_CREDENTIALS names"},
		},
		Open:      openActivity,
		Remote:    remoteLogs,
		Decode:    func(record []byte) ([]retinue.Event, error) { return auditDecoder{}.decode(record) },
		Decoder:   alone,
		Envelopes: envelopes(),
	}
}

// envelopes are the names under which answers of Cloud Logging and Pub/Sub hold
// lists.
func envelopes() []string { return []string{"entries", "receivedMessages"} }

// alone makes a decoder of entries that come one by one.
func alone(cfg connector.Config, _ connector.Env) (func([]byte) ([]retinue.Event, error), error) {
	numbers, err := projectNumbers(cfg.List("projects"))
	return auditDecoder{numbers: numbers}.decode, err
}

// remoteLogs allows the live logs, which are read with the source's own secrets.
func remoteLogs(cfg connector.Config) error {
	if liveTarget(cfg.Target) {
		return nil
	}
	return fmt.Errorf("%w: source gcp: logs in a path are named in retinue.yaml only: want projects/ID, folders/NUMBER or organizations/NUMBER", retinue.ErrDenied)
}

func openActivity(_ context.Context, cfg connector.Config, env connector.Env) (connector.ActivityReader, error) {
	if cfg.Target == "" {
		return nil, fmt.Errorf("%w: source gcp: what to read is missing: want gcp=PATH", retinue.ErrInvalid)
	}
	numbers, err := projectNumbers(cfg.List("projects"))
	if err != nil {
		return nil, err
	}
	decoder := auditDecoder{numbers: numbers}
	if liveTarget(cfg.Target) {
		return openLive(cfg, env, decoder, loggingAPI)
	}
	return &entry.Reader{
		Paths: []string{cfg.Target}, Envelopes: envelopes(), Decode: decoder.decode,
		Signs: func(ev retinue.Event) []string { return []string{string(ev.Class)} }, Blind: auditBlind,
	}, nil
}

// projectNumbers reads the option projects.
func projectNumbers(list []string) (map[string]string, error) {
	out := map[string]string{}
	for _, pair := range list {
		number, id, ok := strings.Cut(pair, "=")
		if !ok || number == "" || id == "" || strings.Trim(number, "0123456789") != "" {
			return nil, fmt.Errorf("%w: source gcp: option projects=%q: want NUMBER=ID", retinue.ErrInvalid, retinue.CleanName(pair))
		}
		out[number] = retinue.CleanName(id)
	}
	return out, nil
}

// auditBlind are the blind spots of what was read. That Data Access is on can be
// told from entries of it; that it is on for every service cannot.
func auditBlind(_ string, seen func(sign string) bool) []retinue.BlindSpot {
	data := seen(string(retinue.EventData))
	return slices.DeleteFunc(blindSpots(), func(b retinue.BlindSpot) bool {
		return b.Code == codeDataOff && data || b.Code == codeDataPartial && !data
	})
}

const (
	codeDataOff     = "gcp.data_access_off"
	codeDataPartial = "gcp.data_access_partial"
)

// blindSpots are what Cloud Audit Logs do not show. Sources: Google's pages
// "Cloud Audit Logs overview", "Enable Data Access audit logs", "Understanding
// audit logs" (redacted caller identities) and "Monitor usage of service
// accounts" with its list of what is not recorded.
func blindSpots() []retinue.BlindSpot {
	// What Data Access logs hold is told from Admin Activity by the verb: reading
	// is in the former, changing in the latter.
	reads := []string{"*.get", "*.list", "*.getIamPolicy", "*.access", "*.getData", "*.readRows", "*.generateAccessToken", "iam.serviceAccounts.getAccessToken",
		"iam.serviceAccounts.signBlob", "iam.serviceAccounts.signJwt", "storage.objects.*", "bigquery.tables.*", "bigquery.jobs.*", "secretmanager.versions.*",
		"cloudkms.cryptoKeyVersions.*", "pubsub.*", "spanner.sessions.*", "datastore.entities.*"}
	enable := "Data Access audit logs for the services in use, with no exempted members (IAM & Admin, Audit Logs; or auditConfigs in the policy of the organisation)"
	cost := "ingestion into Cloud Logging above the free 50 GiB a project and month; reads of busy buckets and tables can be many gigabytes a day"
	return []retinue.BlindSpot{
		{Code: codeDataOff, Text: "No entry of Data Access is in the log: reads of configuration, and reads and writes of data, do not show. Only BigQuery writes them by default.",
			Actions: reads, Raise: enable, Cost: cost},
		{Code: codeDataPartial, Text: "Data Access logs are switched on service by service and kind by kind; entries of one service say nothing of another.",
			Actions: reads, Raise: enable, Cost: cost},
		{Code: "gcp.members_exempted", Text: "Members that the audit configuration exempts leave no Data Access entries.", Actions: reads,
			Raise: "Remove exemptedMembers from the audit configuration of the project, its folders and the organisation", Cost: cost},
		{Code: "gcp.hmac_not_logged", Text: "A request signed with an HMAC key shows its service account and not the key, and Google's last-used figures leave HMAC keys out: such a key can be in use unseen.",
			Credentials: []retinue.CredentialKind{retinue.CredentialAccessKey}, Raise: "Replace HMAC keys by service account credentials; list them with `gcloud storage hmac list`", Cost: "a change of each client that uses the interoperable interface"},
		{Code: "gcp.api_keys_not_named", Text: "Calls with an API key name no key, also where the key is bound to a service account.",
			Credentials: []retinue.CredentialKind{retinue.CredentialAPIKey}, Raise: "The metric serviceruntime.googleapis.com/api/request_count by credential_id counts calls of a key for 6 weeks", Cost: "none; reading Cloud Monitoring"},
		{Code: "gcp.delegation_not_logged", Text: "A service account that acts for users of Google Workspace by domain-wide delegation leaves its traces in Workspace's logs only.",
			Kinds: []retinue.IdentityKind{retinue.IdentityServiceAccount}, Raise: "Import Google Workspace's activity (token and admin)", Cost: "none; the reports are kept 180 days"},
		{Code: "gcp.other_projects", Text: "An account can be used in every project that admits it, and each project has logs of its own: those that were not read do not show.",
			Elsewhere: Kind,
			Raise:     "Scan an export of the whole organisation (gcloud asset export --organization --content-type=resource), and import the logs of every project and folder that it lists and its own, as from an aggregated sink with includeChildren and without exclusions", Cost: "storage of the sink's bucket"},
		{Code: "gcp.kubernetes_elsewhere", Text: "Use within clusters of GKE is in the clusters' audit logs: their entries (service k8s.io) are left out here, so that each counts once.",
			Actions: []string{"container.*"}, Raise: "Import the same files as kubernetes= as well, with the cluster-uid of each cluster", Cost: "none"},
	}
}
