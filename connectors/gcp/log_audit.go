package gcp

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/entry"
)

// auditDecoder turns entries of Cloud Audit Logs into events. It is safe for
// concurrent use.
type auditDecoder struct {
	numbers map[string]string // of projects, to their ids
}

// auditEntry is one LogEntry whose payload is an AuditLog.
type auditEntry struct {
	*names
	entry   entry.Object
	payload entry.Object
	logID   string // "cloudaudit.googleapis.com/activity"; empty where not said
	realm   retinue.Realm
}

// decode reads a LogEntry, alone or in a message of Pub/Sub. An entry of another
// log than the audit logs, which sinks often hold as well, has no events, and
// neither has one of a cluster, whose home is the cluster's audit log.
func (d auditDecoder) decode(record []byte) ([]retinue.Event, error) {
	o, err := entry.Parse(record)
	if err != nil {
		return nil, err
	}
	if data := o.Raw("message.data"); data != "" {
		inner, err := base64.StdEncoding.DecodeString(data)
		if err != nil {
			return nil, fmt.Errorf("%w: message of Pub/Sub: its data is not base64", retinue.ErrInvalid)
		}
		if o, err = entry.Parse(inner); err != nil {
			return nil, err
		}
		record = inner
	}
	fold(o, "logName", "insertId", "protoPayload", "receiveTimestamp")
	logName := o.Raw("logName")
	_, logID, _ := strings.Cut(logName, "/logs/")
	if id, err := url.PathUnescape(logID); err == nil {
		logID = id
	}
	payload := o.Object("protoPayload")
	switch audit := strings.HasPrefix(logID, "cloudaudit.googleapis.com/") || strings.HasPrefix(logID, "externalaudit.googleapis.com/"); {
	case logName != "" && !audit, ofCluster(payload):
		return nil, nil
	case payload == nil && !audit, logName == "" && !payload.Has("methodName", "authenticationInfo", "authorizationInfo"):
		return nil, fmt.Errorf("%w: not an entry of Cloud Audit Logs", retinue.ErrInvalid)
	}
	a := &auditEntry{names: &names{ids: d.numbers, unknown: map[string]bool{}}, entry: o, payload: payload, logID: logID}
	return a.events(record)
}

// ofCluster reports an entry that the API server of a GKE cluster wrote. The
// connector to Kubernetes takes the same entries, by the same signs: each is counted
// once, in the realm of the cluster.
func ofCluster(payload entry.Object) bool {
	return payload.Raw("serviceName") == "k8s.io" || strings.HasPrefix(payload.Raw("methodName"), "io.k8s.")
}

// fold gives the fields of an object the spelling that Google uses where a
// collector's copy has them in lower case.
func fold(o entry.Object, fields ...string) {
	for _, name := range fields {
		if low := strings.ToLower(name); !o.Has(name) && o.Has(low) {
			o[name] = o[low]
		}
	}
}

func (a *auditEntry) events(record []byte) ([]retinue.Event, error) {
	at, ok := a.entry.Time("timestamp", "protoPayload.timestamp", "protoPayload.requestMetadata.requestAttributes.time", "receiveTimestamp")
	if !ok {
		return nil, entry.ErrNoTime()
	}
	if a.realm = a.home(); a.realm == "" {
		return nil, fmt.Errorf("%w: entry names neither a project nor a folder or organisation", retinue.ErrInvalid)
	}
	ev := retinue.Event{Log: LogAudit, At: at, Realm: a.realm, Class: a.class(), Operation: a.payload.Text("methodName")}
	id := ""
	if insert := a.entry.Raw("insertId"); insert != "" && a.logID != "" {
		// Cloud Logging's own rule of what is one entry: log, time and insert id.
		id = a.entry.Raw("logName") + "/" + strconv.FormatInt(at.UnixNano(), 10) + "/" + insert
	}
	entry.Name(&ev, id, record)
	typ := a.payload.Raw("@type", "at_sign_type", "at_type")
	if a.payload == nil || typ != "" && !strings.HasSuffix(typ, "google.cloud.audit.AuditLog") || ev.Operation == "" && !a.payload.Has("authorizationInfo") {
		return []retinue.Event{entry.Unknown(ev, record)}, nil
	}
	a.who(&ev)
	a.what(&ev)
	a.where(&ev)
	if ev.Outcome == retinue.OutcomeSuccess {
		a.touches(&ev)
	}
	entry.Bound(&ev)
	return []retinue.Event{ev}, nil
}

// home is the realm in which an entry was written: that of its log, else of the
// resource that it is about.
func (a *auditEntry) home() retinue.Realm {
	node, _, ok := strings.Cut(a.entry.Raw("logName"), "/logs/")
	if !ok {
		node = ""
	}
	for _, label := range []struct{ name, prefix string }{{"project_id", "projects/"}, {"folder_id", "folders/"}, {"organization_id", "organizations/"}} {
		if v := a.entry.Raw("resource.labels." + label.name); v != "" && node == "" {
			node = label.prefix + v
		}
	}
	if node == "" {
		node = a.projectIn(a.payload.Raw("resourceName"))
	}
	if node == "" {
		for _, p := range a.permissions() {
			if node = a.projectIn(p.resource); node != "" {
				break
			}
		}
	}
	if node == "" {
		if email := a.payload.Raw("authenticationInfo.principalEmail"); strings.HasSuffix(email, ".iam.gserviceaccount.com") {
			return a.account(email).Realm
		}
		return ""
	}
	realm := realmOf(a.node(node))
	if realm.Validate() != nil {
		return ""
	}
	return realm
}

// class tells what sort of entry it is from its log and from what was called.
func (a *auditEntry) class() retinue.EventClass {
	method := a.payload.Raw("methodName")
	switch service := a.payload.Raw("serviceName"); {
	case service == "sts.googleapis.com", service == "login.googleapis.com", service == "iamcredentials.googleapis.com":
		return retinue.EventSignIn
	case method == "GenerateAccessToken", method == "GenerateIdToken", method == "SignJwt", method == "SignBlob":
		return retinue.EventSignIn
	}
	switch a.logID {
	case "cloudaudit.googleapis.com/data_access":
		if typ := a.payload.Objects("authorizationInfo"); len(typ) > 0 && typ[0].Raw("permissionType") == "ADMIN_READ" {
			return retinue.EventManagement
		}
		return retinue.EventData
	case "cloudaudit.googleapis.com/policy":
		return retinue.EventData
	}
	return retinue.EventManagement
}

// permission is one that a call needed.
type permission struct {
	name     string
	resource string
	granted  bool
}

// permissions are what the call was tested for, each once. In the JSON of
// Google's messages a field that is false is left out: what is not said to be
// granted was not.
func (a *auditEntry) permissions() []permission {
	var out []permission
	for _, o := range a.payload.Objects("authorizationInfo") {
		granted, _ := o.Flag("granted")
		p := permission{name: o.Text("permission"), resource: o.Raw("resource", "resourceAttributes.name"), granted: granted}
		if p.name != "" && !slices.ContainsFunc(out, func(q permission) bool { return q.name == p.name && q.granted == p.granted }) {
			out = append(out, p)
		}
	}
	return out
}

// what says which permissions were used on what, and how the call ended. A call
// that went through counts the permissions that it had, a call that was refused
// those that it lacked.
func (a *auditEntry) what(ev *retinue.Event) {
	all := a.permissions()
	lacked := slices.DeleteFunc(slices.Clone(all), func(p permission) bool { return p.granted })
	held := slices.DeleteFunc(slices.Clone(all), func(p permission) bool { return !p.granted })
	ev.Outcome, ev.Reason = a.outcome(len(held) > 0, len(lacked) > 0)
	used := held
	if ev.Outcome == retinue.OutcomeDenied {
		used = append(lacked, held...)
	}
	name := a.payload.Raw("resourceName")
	if len(used) > 0 && used[0].resource != "" {
		name = used[0].resource
	}
	for i, p := range used {
		switch {
		case i == 0:
			ev.Action = p.name
		case ev.Action == "":
			ev.Action = p.name
		case p.name != ev.Action && !slices.Contains(ev.More, p.name):
			ev.More = append(ev.More, p.name)
		}
	}
	if ev.Operation == ev.Action {
		ev.Operation = ""
	}
	ev.Resource = a.resource(a.service(ev.Action), name)
}

// service is the API that was called; where it is not said, the one that a
// permission is of.
func (a *auditEntry) service(permission string) string {
	if s := a.payload.Raw("serviceName"); s != "" && s != "..." {
		return s
	}
	short, _, _ := strings.Cut(permission, ".")
	return short
}

// outcome reads google.rpc.Status. An absent status is that of a call that went
// through, unless nothing that it needed was granted.
func (a *auditEntry) outcome(held, lacked bool) (retinue.Outcome, string) {
	code, ok := a.payload.Int("status.code")
	switch {
	case code == 7 || code == 16:
		return retinue.OutcomeDenied, codeName(code)
	case a.logID == "cloudaudit.googleapis.com/policy":
		return retinue.OutcomeDenied, "POLICY"
	case ok && code != 0:
		return retinue.OutcomeError, codeName(code)
	case lacked && !held:
		return retinue.OutcomeDenied, "NOT_GRANTED"
	}
	return retinue.OutcomeSuccess, ""
}

// codeName is the name of a code of google.rpc.Code; services that use codes of
// HTTP show the number.
func codeName(code int64) string {
	list := []string{"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
		"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"}
	if code >= 0 && code < int64(len(list)) {
		return list[code]
	}
	return strconv.FormatInt(code, 10)
}

// where says from where the call came.
func (a *auditEntry) where(ev *retinue.Event) {
	m := a.payload.Object("requestMetadata")
	ev.Origin.Address = entry.Address(m.Raw("callerIp", "callerIP"))
	ev.Origin.Agent = m.Text("callerSuppliedUserAgent")
	// gcloud says itself whether a person sat at a terminal.
	ev.Origin.Interactive = strings.Contains(ev.Origin.Agent, "interactive/True") && !strings.Contains(ev.Origin.Agent, "from-script/True")
	ev.Origin.Application = a.payload.Text("authenticationInfo.oauthInfo.oauthClientId")
	if a.logID == "cloudaudit.googleapis.com/system_event" {
		ev.Origin.Service = a.payload.Text("serviceName")
	}
	if levels := m.Object("requestAttributes.auth").Texts("accessLevels"); len(levels) > 0 {
		ev.Context = append(ev.Context, retinue.ContextValue{Key: "request.auth.access_levels", Value: strings.Join(levels, ",")})
	}
	labels := a.entry.Object("resource.labels")
	ev.Region = labels.Text("location", "zone", "region")
	if places := a.payload.Texts("resourceLocation.currentLocations"); ev.Region == "" && len(places) > 0 {
		ev.Region = places[0]
	}
}
