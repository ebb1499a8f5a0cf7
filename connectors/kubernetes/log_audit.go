package kubernetes

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
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
	record = bytes.TrimSpace(record)
	var a auditEvent
	if err := json.Unmarshal(record, &a); err != nil {
		if kind, version := auditKind(record); kind == "Event" && strings.HasPrefix(version, auditGroup) {
			if e := d.unknown(record, "fields of other types than "+auditGroup+"v1 has"); !e.At.IsZero() {
				return []retinue.Event{e}, nil
			}
		}
		return nil, fmt.Errorf("%w: not an audit event: %s", retinue.ErrInvalid, jsonReason(err))
	}
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
	e := d.request(&a, at)
	e.ID = a.id(at)
	if e.ID == "" {
		e.Digest = digest(record)
	}
	return d.impersonation(&a, e), nil
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
	if groups := namedGroups(a.User.Groups); len(groups) > 0 {
		e.Context = []retinue.ContextValue{{Key: "groups", Value: eventText(strings.Join(groups, ","))}}
	}
	e.Person = isPerson(a.User.Username)
	if e.Outcome == retinue.OutcomeSuccess || e.Outcome == retinue.OutcomeUnknown {
		e.Touches = d.touches(a)
	}
	return e
}

// impersonation makes of a request in another's name two uses: the one who acts
// used its permission to impersonate, and the permission that the request needed
// is that of whom it acted as. Groups that are taken on are permissions of their
// own.
func (d *auditDecoder) impersonation(a *auditEvent, e retinue.Event) []retinue.Event {
	as := a.ImpersonatedUser
	if as == nil || as.Username == "" {
		return []retinue.Event{e}
	}
	verb := a.Authentication.Constraint
	if verb == "" {
		verb = "impersonate"
	}
	actor := e
	actor.Action, actor.OnBehalfOf, actor.Touches, actor.Context = eventText(verb), d.userRef(as.Username), nil, e.Context
	actor.Resource = d.impersonated(as.Username)
	actor.Outcome, actor.Reason = retinue.OutcomeSuccess, ""
	if e.Outcome == retinue.OutcomeUnknown {
		actor.Outcome = e.Outcome
	}
	e.Via = append([]retinue.Ref{e.Identity}, e.Via...)
	e.Identity, e.Person = d.userRef(as.Username), isPerson(as.Username)
	e.Context = nil
	if groups := namedGroups(as.Groups); len(groups) > 0 {
		e.Context = []retinue.ContextValue{{Key: "groups", Value: eventText(strings.Join(groups, ","))}}
	}
	out := []retinue.Event{e, part(actor, "#impersonate")}
	if a.Authentication.Constraint != "" {
		return out
	}
	for i, g := range namedGroups(as.Groups) {
		if i == maxImpersonatedGroups {
			break
		}
		actor.Resource = d.ref(objectKind, "groups:"+g)
		out = append(out, part(actor, "#impersonate-group-"+strconv.Itoa(i+1)))
	}
	return out
}

const maxImpersonatedGroups = 8

// part names one of several events that one record gives.
func part(e retinue.Event, suffix string) retinue.Event {
	if e.ID != "" {
		e.ID += suffix
		return e
	}
	sum := sha256.Sum256(append(e.Digest[:], suffix...))
	copy(e.Digest[:], sum[:])
	return e
}

func (d *auditDecoder) impersonated(name string) retinue.Ref {
	if r := d.userRef(name); r.Kind == kindAccount.element {
		namespace, account, _ := strings.Cut(r.Key, "/")
		return d.ref(objectKind, namespace+"/serviceaccounts:"+account)
	}
	return d.ref(objectKind, "users:"+name)
}

// namedGroups leaves out the groups that the server puts everybody into.
func namedGroups(groups []string) []string {
	var out []string
	for _, g := range groups {
		if g != "" && g != groupAuthenticated && g != groupUnauthenticated && g != groupAccounts && !strings.HasPrefix(g, groupAccounts+":") {
			out = append(out, retinue.CleanName(g))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
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

// credential says with what the caller authenticated, as far as the server does:
// the id of a token, the hash of a certificate, or the Secret of a legacy token.
func (d *auditDecoder) credential(a *auditEvent, e *retinue.Event) {
	if id := first(a.User.Extra[extraCredential]); id != "" {
		if jti, ok := strings.CutPrefix(id, "JTI="); ok && jti != "" {
			e.Credential = d.ref("token", jti)
			if d.issuer != "" {
				e.Joins = []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: d.issuer + ":" + retinue.CleanName(jti)}}
			}
		}
		if sum, ok := strings.CutPrefix(id, "X509SHA256="); ok && isHash(sum) {
			e.Credential = d.ref("certificate", strings.ToLower(sum))
			e.Joins = []retinue.JoinKey{{Kind: retinue.JoinCertificate, Value: strings.ToLower(sum)}}
		}
		return
	}
	if namespace := e.Identity.Key; e.Identity.Kind == kindAccount.element {
		namespace, _, _ = strings.Cut(namespace, "/")
		for _, how := range []string{"manual-secret", "autogenerated-secret"} {
			if name := a.Annotations[annotationLegacy+how]; name != "" {
				e.Credential = d.ref(kindSecret.element, namespace+"/"+name)
				return
			}
		}
	}
	if name, namespace, ok := strings.Cut(a.Annotations[annotationLegacy+"invalidated"], "/"); ok {
		e.Credential = d.ref(kindSecret.element, namespace+"/"+name) // written name first
		return
	}
	if id, ok := strings.CutPrefix(a.User.Username, bootstrapPrefix); ok && id != "" {
		e.Credential = d.ref(kindSecret.element, "kube-system/bootstrap-token-"+id)
		return
	}
	if key := first(a.User.Extra["accessKeyId"]); isAccessKey(key) { // of EKS
		e.Joins = []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "aws:" + key}}
	}
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

func isHash(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == sha256.Size
}

// isAccessKey reports the id of an AWS access key, which is no secret.
func isAccessKey(s string) bool {
	return len(s) >= 16 && len(s) <= 128 && strings.HasPrefix(s, "A") && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

// origin says where the request came from. Of the addresses only the last is the
// server's own word; the others are headers that a caller may write.
func (d *auditDecoder) origin(a *auditEvent, e *retinue.Event) {
	e.Origin.Agent = eventText(a.UserAgent)
	if n := len(a.SourceIPs); n > 0 {
		if addr, err := netip.ParseAddr(a.SourceIPs[n-1]); err == nil {
			e.Origin.Address = addr.Unmap().WithZone("")
		}
	}
	e.Origin.Host = eventText(first(a.User.Extra[extraNode]))
	if node, ok := strings.CutPrefix(a.User.Username, nodePrefix); ok && e.Origin.Host == "" {
		e.Origin.Host = eventText(node)
	}
	if pod := first(a.User.Extra[extraPod]); validName(pod) && e.Identity.Kind == kindAccount.element {
		namespace, _, _ := strings.Cut(e.Identity.Key, "/")
		e.Origin.Workload, e.Origin.Run = d.workload(namespace, retinue.CleanName(pod))
	}
	if a.Object != nil && slices.Contains([]string{"exec", "attach"}, a.Object.Subresource) {
		if u, err := url.Parse(a.RequestURI); err == nil {
			e.Origin.Interactive = u.Query().Get("tty") == "true"
		}
	}
}

// chain names through whom the caller came to act: the node whose kubelet was
// given the pod's token, and on EKS the AWS principal that is mapped to the user.
func (d *auditDecoder) chain(a *auditEvent, e *retinue.Event) {
	if e.Identity.Kind == kindAccount.element {
		if node := first(a.User.Extra[extraNode]); validName(node) {
			e.Via = append(e.Via, d.userRef(nodePrefix+node))
		}
		return
	}
	for _, key := range []string{"canonicalArn", "arn"} {
		if r := awsPrincipal(first(a.User.Extra[key])); !r.IsZero() {
			e.Via = append(e.Via, r)
			return
		}
	}
}
