package azure

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/entry"
)

// The logs that are read.
const (
	LogActivity  = "azure.activity"  // Activity log of Azure Resource Manager
	LogSignIn    = "azure.signin"    // sign-in logs of Entra
	LogDirectory = "azure.directory" // audit log of Entra
	LogResource  = "azure.resource"  // resource logs of storage accounts and key vaults
)

// activity describes how the logs of Azure and Entra are read.
func activity() *connector.Activity {
	return &connector.Activity{
		Logs: []connector.LogKind{
			{Name: LogActivity, Title: "Azure Activity log", Lateness: 24 * time.Hour, BlindSpots: activityBlind(), Covers: []string{
				"Every call to Azure Resource Manager that writes, deletes or does something, with who called, what was authorized and how it ended. It is always on and kept for 90 days."}},
			{Name: LogSignIn, Title: "Entra sign-in logs", BlindSpots: signInBlind(), Covers: []string{
				"Sign-ins of service principals with the id of the secret or certificate, of managed identities with the resource that they belong to, and of users, interactive or not, with the application in between."}},
			{Name: LogDirectory, Title: "Entra audit log", Lateness: 24 * time.Hour, BlindSpots: directoryBlind(), Covers: []string{
				"Changes of applications, their credentials and owners, consents, roles, users and policies of the directory."}},
			{Name: LogResource, Title: "Resource logs of storage accounts and key vaults", BlindSpots: resourceBlind(), Covers: []string{
				"Reads, writes and deletions of blobs, files, queues and tables, by account key, shared access signature or Entra identity; use of secrets, keys and certificates of key vaults."}},
		},
		Target: []connector.TargetForm{
			{Form: "PATH", Help: "a file, folder or pattern of JSON: `az monitor activity-log list`, pages of Microsoft Graph, or what a diagnostic setting exported"},
			{Form: "tenant:ID", Help: "the live sign-in logs and audit log of a tenant of Entra, through Microsoft Graph", Remote: true},
			{Form: "subscription:ID", Help: "the live Activity log of a subscription; give its tenant with tenant=", Remote: true},
		},
		Examples: []connector.TargetForm{
			{Form: "azure=./insights-logs-serviceprincipalsigninlogs", Help: "a copy of a container that a diagnostic setting writes"},
			{Form: "azure=activity.json", Help: "what `az monitor activity-log list --offset 90d` printed"},
			{Form: "azure=signins.json,tenant=11111111-1111-1111-1111-111111111111", Help: "pages of Graph's auditLogs/signIns, which do not name their tenant"},
			{Form: "azure=tenant:11111111-1111-1111-1111-111111111111", Help: "the live logs of a tenant, with an application's id and secret in AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"},
		},
		Open:      openActivity,
		Remote:    remoteLogs,
		Decode:    func(record []byte) ([]retinue.Event, error) { return logDecoder{}.decode(record) },
		Decoder:   alone,
		Envelopes: envelopes(),
	}
}

// alone makes a decoder of records that come one by one.
func alone(cfg connector.Config, _ connector.Env) (func([]byte) ([]retinue.Event, error), error) {
	d, err := configured(cfg)
	return d.decode, err
}

// configured is the decoder that the options ask for.
func configured(cfg connector.Config) (logDecoder, error) {
	tenant := strings.ToLower(cfg.Option("tenant", ""))
	if tenant != "" && !isGUID(tenant) {
		return logDecoder{}, fmt.Errorf("%w: source azure: option tenant=%q: want the tenant's id, such as 00000000-0000-0000-0000-000000000000", retinue.ErrInvalid, retinue.CleanName(tenant))
	}
	return logDecoder{tenant: tenant}, nil
}

// remoteLogs allows the live logs, which are read with the source's own secret.
func remoteLogs(cfg connector.Config) error {
	if strings.HasPrefix(cfg.Target, "tenant:") || strings.HasPrefix(cfg.Target, "subscription:") {
		return nil
	}
	return fmt.Errorf("%w: source azure: logs in a path are named in retinue.yaml only: want tenant:ID or subscription:ID", retinue.ErrDenied)
}

func openActivity(_ context.Context, cfg connector.Config, env connector.Env) (connector.ActivityReader, error) {
	if strings.HasPrefix(cfg.Target, "tenant:") || strings.HasPrefix(cfg.Target, "subscription:") {
		return openLive(cfg, env, public())
	}
	if cfg.Target == "" {
		return nil, fmt.Errorf("%w: source azure: what to read is missing: want azure=PATH", retinue.ErrInvalid)
	}
	decoder, err := configured(cfg)
	if err != nil {
		return nil, err
	}
	return &entry.Reader{Paths: []string{cfg.Target}, Envelopes: envelopes(), Decode: decoder.decode, Signs: signs, Blind: blind}, nil
}

// envelopes are the names under which exports and pages of Graph hold lists.
func envelopes() []string { return []string{"records", "value"} }

// signs are which of the sign-in logs an event proves to be there.
func signs(ev retinue.Event) []string {
	switch {
	case ev.Log != LogSignIn:
		return nil
	case ev.Identity.Kind == "service_principal" && !ev.Origin.Workload.IsZero():
		return []string{signManaged}
	case ev.Identity.Kind == "service_principal":
		return []string{signPrincipal}
	case !ev.Origin.Interactive:
		return []string{signNonInteractive}
	}
	return nil
}

const (
	signManaged        = "managed identity"
	signPrincipal      = "service principal"
	signNonInteractive = "non-interactive"
)

// blind are the blind spots of a log. Which of the four sign-in logs a file holds
// shows from what is in it; one that is not there may be empty or not exported.
func blind(log string, seen func(string) bool) []retinue.BlindSpot {
	switch log {
	case LogActivity:
		return activityBlind()
	case LogDirectory:
		return directoryBlind()
	case LogResource:
		return resourceBlind()
	}
	return slices.DeleteFunc(signInBlind(), func(b retinue.BlindSpot) bool {
		return b.Code == codePrincipalsOff && seen(signPrincipal) || b.Code == codeManagedOff && seen(signManaged) || b.Code == codeNonInteractiveOff && seen(signNonInteractive)
	})
}

// logDecoder turns records of all four logs into events. It is safe for
// concurrent use.
type logDecoder struct {
	tenant string
}

// decode reads one record, or an envelope of several as Event Hubs and Graph
// pass them.
func (d logDecoder) decode(record []byte) ([]retinue.Event, error) {
	o, err := entry.Parse(record)
	if err != nil {
		return nil, err
	}
	if !o.Has("category") && !o.Has("operationName") && (o.Has("records") || o.Has("value")) {
		return d.several(record)
	}
	fold(o, "resourceId", "operationName", "tenantId", "callerIpAddress", "correlationId", "resultType", "resultSignature")
	l := &logEntry{o: o, raw: record, tenant: d.tenant}
	category, p := strings.ToLower(o.Raw("category")), o.Object("properties")
	switch {
	case strings.HasSuffix(category, "signinlogs"), o.Raw("operationName") == "Sign-in activity":
		if p == nil {
			p = o
		}
		return l.signIn(p)
	case category == "auditlogs", p.Has("activityDisplayName"):
		if p == nil {
			p = o
		}
		return l.directory(p)
	case o.Has("activityDisplayName") && o.Has("activityDateTime"):
		return l.directory(o)
	case o.Has("createdDateTime") && o.Has("resourceId") && o.Has("appId"):
		return l.signIn(o)
	case strings.HasPrefix(category, "storage") || category == "auditevent":
		return l.resourceLog(category, p)
	case slices.Contains(activityCategories(), strings.ToLower(o.Text("category.value", "category"))), o.Has("eventTimestamp") && o.Has("operationName"):
		return l.activity()
	case category != "" && o.Has("resourceId"):
		return nil, nil // a resource log of another service
	}
	return nil, fmt.Errorf("%w: not a record of the Activity log, of Entra's logs, or of storage and key vaults", retinue.ErrInvalid)
}

// maxSeveral bounds the records of one envelope.
const maxSeveral = 10_000

func (d logDecoder) several(record []byte) ([]retinue.Event, error) {
	var env struct{ Records, Value []json.RawMessage }
	if err := json.Unmarshal(record, &env); err != nil {
		return nil, fmt.Errorf("%w: records are no list", retinue.ErrInvalid)
	}
	list := append(env.Records, env.Value...)
	if len(list) > maxSeveral {
		return nil, fmt.Errorf("%w: %d records in one envelope: at most %d are read", retinue.ErrInvalid, len(list), maxSeveral)
	}
	var out []retinue.Event
	for _, raw := range list {
		var in struct{ Records, Value json.RawMessage }
		if json.Unmarshal(raw, &in) == nil && (in.Records != nil || in.Value != nil) {
			return nil, fmt.Errorf("%w: envelope within an envelope", retinue.ErrInvalid)
		}
		evs, err := d.decode(raw)
		if err != nil {
			return nil, err
		}
		out = append(out, evs...)
	}
	return out, nil
}

// fold gives the fields of an object the spelling that Azure uses where a
// collector's copy has them in lower case.
func fold(o entry.Object, fields ...string) {
	for _, name := range fields {
		if low := strings.ToLower(name); !o.Has(name) && o.Has(low) {
			o[name] = o[low]
		}
	}
}

// logEntry is one record.
type logEntry struct {
	o      entry.Object
	raw    []byte
	tenant string // of the option; the record's own comes after it
	realm  retinue.Realm
}

// begin makes the event of a record, with its time, tenant and id.
func (l *logEntry) begin(log string, at time.Time, ok bool, id string, tenants ...string) (retinue.Event, error) {
	if !ok {
		return retinue.Event{}, entry.ErrNoTime()
	}
	for _, t := range append([]string{l.tenant}, tenants...) {
		if l.realm = entry.Realm("azure", lower(t)); t != "" && l.realm != "" {
			break
		}
		l.realm = ""
	}
	if l.realm == "" {
		return retinue.Event{}, fmt.Errorf("%w: record names no tenant: give tenant=", retinue.ErrInvalid)
	}
	ev := retinue.Event{Log: log, At: at, Realm: l.realm}
	entry.Name(&ev, strings.ToLower(id), l.raw)
	return ev, nil
}

func (l *logEntry) ref(kind, key string) retinue.Ref { return entry.Ref(l.realm, kind, lower(key)) }

// client names an application by its application id, where its service principal
// is not told.
func (l *logEntry) client(appID string) retinue.Ref { return l.ref("client", appID) }
