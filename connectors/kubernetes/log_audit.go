package kubernetes

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/retinue-id/retinue"
)

// auditLog is the name of the API server's audit log.
const auditLog = "kubernetes.audit"

// auditEvent is what is read of an Event of audit.k8s.io. Bodies of requests and
// answers are not, but for the names in them that say whom a change concerns.
// https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/
type auditEvent struct {
	Kind             string            `json:"kind"`
	APIVersion       string            `json:"apiVersion"`
	AuditID          string            `json:"auditID"`
	Stage            string            `json:"stage"`
	RequestURI       string            `json:"requestURI"`
	Verb             string            `json:"verb"`
	User             auditUser         `json:"user"`
	ImpersonatedUser *auditUser        `json:"impersonatedUser"`
	Authentication   auditAuthn        `json:"authenticationMetadata"`
	SourceIPs        []string          `json:"sourceIPs"`
	UserAgent        string            `json:"userAgent"`
	Object           *auditObject      `json:"objectRef"`
	Response         *auditResponse    `json:"responseStatus"`
	RequestObject    json.RawMessage   `json:"requestObject"`
	Received         string            `json:"requestReceivedTimestamp"`
	Staged           string            `json:"stageTimestamp"`
	Annotations      map[string]string `json:"annotations"`
}

type auditUser struct {
	Username string              `json:"username"`
	UID      string              `json:"uid"`
	Groups   []string            `json:"groups"`
	Extra    map[string][]string `json:"extra"`
}

type auditAuthn struct {
	// Constraint is the verb by which an impersonation was allowed, where it was
	// a narrower one than "impersonate" (Kubernetes 1.35).
	Constraint string `json:"impersonationConstraint"`
}

type auditObject struct {
	Resource    string `json:"resource"`
	Namespace   string `json:"namespace"`
	Name        string `json:"name"`
	APIGroup    string `json:"apiGroup"`
	Subresource string `json:"subresource"`
}

type auditResponse struct {
	Code   int    `json:"code"`
	Reason string `json:"reason"`
}

// Stages of a request. RequestReceived comes before anything was decided; of the
// others the first that arrives stands for the request.
const (
	stageReceived = "RequestReceived"
	stagePanic    = "Panic"
)

// What the server puts into a user's extra and into annotations
// (k8s.io/apiserver, packages authentication/user, authentication/serviceaccount;
// pkg/serviceaccount of Kubernetes; https://kubernetes.io/docs/reference/labels-annotations-taints/audit-annotations/).
const (
	extraCredential   = "authentication.kubernetes.io/credential-id"
	extraPod          = "authentication.kubernetes.io/pod-name"
	extraNode         = "authentication.kubernetes.io/node-name"
	annotationIssued  = "authentication.kubernetes.io/issued-credential-id"
	annotationDecided = "authorization.k8s.io/decision"
	annotationLegacy  = "authentication.k8s.io/legacy-token-"
	bootstrapPrefix   = "system:bootstrap:"
	nodePrefix        = "system:node:"
)

// auditDecoder turns audit events into events. The log does not say which cluster
// it is of: the realm is given, and empty where it is left to the receiver.
type auditDecoder struct {
	realm retinue.Realm
	// issuer is that of the cluster's tokens, by which a token that lies
	// elsewhere is known to be the one that was used. Empty where not known.
	issuer string
	// anonymous counts requests of service accounts of which the log does not say
	// the credential. Nil where nobody asks.
	anonymous *atomic.Int64
	// gke is the cluster of Google's of which entries of Cloud Logging are taken,
	// by its name, or in full; empty: of whichever they are, if of one alone. only
	// is that one, once it was seen; nil where nobody asks.
	gke  string
	only *atomic.Pointer[string]
}

func (d *auditDecoder) ref(kind, key string) retinue.Ref {
	return retinue.NewRef(d.realm, kind, cutText(retinue.CleanName(key), retinue.MaxRefKey))
}

// userRef names a user as the connector does.
func (d *auditDecoder) userRef(name string) retinue.Ref {
	if name == "" {
		return retinue.Ref{}
	}
	m := mapper{realm: d.realm}
	return m.userRef(cutText(retinue.CleanName(name), retinue.MaxRefKey))
}

// event states one audit event. The record's bytes are those of the event alone,
// without whatever it came wrapped in.
func (d *auditDecoder) event(record []byte) ([]retinue.Event, error) {
	var a auditEvent
	if err := json.Unmarshal(record, &a); err != nil {
		if kind, version := auditKind(record); kind == "Event" && strings.HasPrefix(version, auditGroup) {
			if e := d.unknown(record, "fields of other types than "+auditGroup+"v1 has"); !e.At.IsZero() {
				return []retinue.Event{e}, nil
			}
		}
		return nil, fmt.Errorf("%w: not an audit event: %s", retinue.ErrInvalid, jsonReason(err))
	}
	return d.state(&a, record)
}

// isEvent reports whether a record is an audit event, and not what some are
// delivered in.
func (a *auditEvent) isEvent() bool { return a.Kind == "Event" || a.Verb != "" || a.AuditID != "" }

func (d *auditDecoder) state(a *auditEvent, record []byte) ([]retinue.Event, error) {
	if a.Kind != "" && a.Kind != "Event" || a.APIVersion != "" && !strings.HasPrefix(a.APIVersion, auditGroup) || a.Verb == "" && a.Kind == "" {
		return nil, fmt.Errorf("%w: not an audit event of Kubernetes", retinue.ErrInvalid)
	}
	at, ok := a.at()
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: an audit event without a time", retinue.ErrInvalid)
	case a.Stage == stageReceived:
		return nil, nil // says nothing of the outcome; another stage of the request follows
	case a.Verb == "" || a.APIVersion != "" && a.APIVersion != auditGroup+"v1" && a.APIVersion != auditGroup+"v1beta1":
		e := d.unknown(record, "version "+a.APIVersion)
		e.At = at
		return []retinue.Event{e}, nil
	}
	e := d.request(a, at)
	e.ID = a.id(at)
	if e.ID == "" {
		e.Digest = digest(record)
	}
	return d.impersonation(a, e), nil
}

const auditGroup = "audit.k8s.io/"

// auditKind reads kind and version of a record whose other fields do not fit.
func auditKind(record []byte) (kind, version string) {
	var head struct {
		Kind       json.RawMessage `json:"kind"`
		APIVersion json.RawMessage `json:"apiVersion"`
	}
	if json.Unmarshal(record, &head) != nil {
		return "", ""
	}
	return strings.Trim(string(head.Kind), `"`), strings.Trim(string(head.APIVersion), `"`)
}

// unknown keeps an audit event of a form that is not known.
func (d *auditDecoder) unknown(record []byte, what string) retinue.Event {
	e := retinue.Event{Log: auditLog, Realm: d.realm, Class: retinue.EventUnknown, Outcome: retinue.OutcomeUnknown, Digest: digest(record),
		Operation: eventText(what), Raw: bytes.Clone(record[:min(len(record), retinue.MaxEventUnknown)])}
	var times struct {
		Received json.RawMessage `json:"requestReceivedTimestamp"`
		Staged   json.RawMessage `json:"stageTimestamp"`
	}
	if json.Unmarshal(record, &times) == nil {
		a := auditEvent{Received: strings.Trim(string(times.Received), `"`), Staged: strings.Trim(string(times.Staged), `"`)}
		e.At, _ = a.at()
	}
	return e
}

func digest(record []byte) (out [16]byte) {
	sum := sha256.Sum256(record)
	copy(out[:], sum[:])
	return out
}

// at is when the request arrived: the same for all of its stages, so that the
// one which is read first does not matter.
func (a *auditEvent) at() (time.Time, bool) {
	for _, text := range []string{a.Received, a.Staged} {
		if t, ok := parseTime(text); ok {
			return t, true
		}
	}
	return time.Time{}, false
}

func parseTime(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999"} {
		if t, err := time.Parse(layout, text); err == nil && t.Year() > 1970 {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// id names a request. The server takes the audit id from the caller's header
// Audit-ID where there is one, so it alone would let a caller give all of its
// requests one name and have them counted once; the time of arrival is the
// server's own.
func (a *auditEvent) id(at time.Time) string {
	if a.AuditID == "" {
		return ""
	}
	id := retinue.CleanName(a.AuditID) + "@" + at.Format("2006-01-02T15:04:05.000000Z")
	if len(id) > retinue.MaxEventIDLength-32 {
		sum := sha256.Sum256([]byte(id))
		id = hex.EncodeToString(sum[:])
	}
	return id
}

// request states what was asked for and by whom.
func (d *auditDecoder) request(a *auditEvent, at time.Time) retinue.Event {
	e := retinue.Event{
		Log: auditLog, At: at, Realm: d.realm, Class: a.class(), Identity: d.userRef(a.User.Username),
		Action: eventText(a.Verb), Resource: d.resource(a),
	}
	e.Outcome, e.Reason = a.outcome()
	d.credential(a, &e)
	if d.anonymous != nil && e.Identity.Kind == kindAccount.element && e.Credential.IsZero() {
		d.anonymous.Add(1)
	}
	d.origin(a, &e)
	d.chain(a, &e)
	e.Context = groupContext(a.User.Groups)
	e.Person = isPerson(a.User.Username)
	if e.Outcome == retinue.OutcomeSuccess || e.Outcome == retinue.OutcomeUnknown {
		e.Touches = d.touches(a)
	}
	return e
}

// class says that reading or writing what workloads keep in the cluster, and
// reaching into pods, is use of data. A request whose caller could not be
// authenticated is a failed sign-in.
func (a *auditEvent) class() retinue.EventClass {
	if a.User.Username == "" {
		return retinue.EventSignIn
	}
	if o := a.Object; o != nil && o.APIGroup == "" {
		if slices.Contains([]string{"secrets", "configmaps"}, o.Resource) || slices.Contains([]string{"exec", "attach", "portforward", "proxy", "log"}, o.Subresource) {
			return retinue.EventData
		}
	}
	return retinue.EventManagement
}

// outcome reads the answer's status. A 403 behind an authorizer that allowed the
// request comes from admission, or from the rule that nobody grants what he does
// not hold.
func (a *auditEvent) outcome() (retinue.Outcome, string) {
	decision := a.Annotations[annotationDecided]
	reason, code := "", 0
	if a.Response != nil {
		reason, code = eventText(a.Response.Reason), a.Response.Code
	}
	if reason == "" && code >= 400 {
		reason = strconv.Itoa(code)
	}
	switch {
	case code == 403 && decision == "allow":
		return retinue.OutcomeDenied, "Forbidden after authorization"
	case code == 401, code == 403, decision == "forbid":
		return retinue.OutcomeDenied, orText(reason, "Forbidden")
	case a.Stage == stagePanic, code >= 400:
		return retinue.OutcomeError, orText(reason, "Panic")
	case code >= 100:
		return retinue.OutcomeSuccess, ""
	}
	return retinue.OutcomeUnknown, ""
}

func orText(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
