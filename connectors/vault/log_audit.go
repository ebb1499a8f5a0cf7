package vault

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/logs"
)

// entry is what is read of an entry of an audit device. Data of requests and
// answers is not, but for the names of its fields.
// https://developer.hashicorp.com/vault/docs/audit/schema
type entry struct {
	Time     string    `json:"time"`
	Type     string    `json:"type"`
	Auth     *auth     `json:"auth"`
	Request  *request  `json:"request"`
	Response *response `json:"response"`
	Error    string    `json:"error"`
}

type auth struct {
	Accessor    string            `json:"accessor"`
	DisplayName string            `json:"display_name"`
	EntityID    string            `json:"entity_id"`
	Policies    []string          `json:"policies"`
	Metadata    map[string]string `json:"metadata"`
	TokenType   string            `json:"token_type"`
	Results     *struct {
		Allowed bool `json:"allowed"`
	} `json:"policy_results"`
}

type request struct {
	ID         string `json:"id"`
	Operation  string `json:"operation"`
	Path       string `json:"path"`
	MountPoint string `json:"mount_point"`
	MountType  string `json:"mount_type"`
	MountClass string `json:"mount_class"`
	Namespace  struct {
		Path string `json:"path"`
	} `json:"namespace"`
	Accessor    string                     `json:"client_token_accessor"`
	Address     string                     `json:"remote_address"`
	Serial      string                     `json:"client_certificate_serial_number"`
	Headers     map[string]json.RawMessage `json:"headers"`
	Data        map[string]json.RawMessage `json:"data"`
	Replication string                     `json:"replication_cluster"`
}

type response struct {
	Auth     *auth                      `json:"auth"`
	Data     map[string]json.RawMessage `json:"data"`
	WrapInfo *struct {
		Accessor string `json:"accessor"`
	} `json:"wrap_info"`
}

// decoder turns entries into events, one for each request. The response stands
// for it, since it tells the outcome; a request that none followed within
// answerTime counts by itself.
type decoder struct {
	realm retinue.Realm
	// pending are requests whose response has not come, by their id; nil where
	// entries come one by one.
	pending *logs.Pending[retinue.Event]
	gaps    *gaps
	// off is when the device that writes was switched off, zero once an entry came
	// behind it.
	off time.Time
}

const (
	// answerTime is how long an answer is waited for, by the log's clock: Vault
	// ends requests after 90 seconds (max_request_duration).
	answerTime = 2 * time.Minute
	// maxPrefix is how much may stand before an entry in its line: the device's
	// option prefix, or what syslog puts there.
	maxPrefix = 512
)

// decode states the events of one entry.
func (d *decoder) decode(record []byte) ([]retinue.Event, error) {
	record = bytes.TrimSpace(record)
	if i := bytes.IndexByte(record, '{'); i > 0 && i <= maxPrefix {
		record = record[i:]
	}
	var n entry
	if err := json.Unmarshal(record, &n); err != nil {
		if e := d.unknown(record); isEntry(record) && !e.At.IsZero() {
			return []retinue.Event{e}, nil
		}
		return nil, fmt.Errorf("%w: not an entry of an audit device", retinue.ErrInvalid)
	}
	if n.Request == nil || n.Type == "" || n.Request.Path == "" && n.Request.Operation == "" {
		return nil, fmt.Errorf("%w: not an entry of an audit device", retinue.ErrInvalid)
	}
	at, err := time.Parse(time.RFC3339Nano, n.Time)
	if err != nil || at.Year() < 1970 {
		return nil, fmt.Errorf("%w: an entry without a time", retinue.ErrInvalid)
	}
	at = at.UTC()
	if d.gaps != nil {
		d.gaps.until(at)
		if at.After(d.off) {
			d.off = time.Time{}
		}
	}
	switch n.Type {
	case "request":
		return d.request(&n, at), nil
	case "response":
		out := d.overdue(at)
		if d.pending != nil {
			d.pending.Take(n.Request.ID)
			if n.Error == "" && endsDevice(n.Request) {
				return out, nil // its request was given
			}
		}
		e := d.event(&n, at)
		d.name(&e, &n, record)
		return append(out, e), nil
	}
	e := d.unknown(record)
	e.At = at
	return []retinue.Event{e}, nil
}

// isEntry reports an entry whose fields are of other types than are known.
func isEntry(record []byte) bool {
	var head struct {
		Time    string          `json:"time"`
		Type    string          `json:"type"`
		Request json.RawMessage `json:"request"`
	}
	return json.Unmarshal(record, &head) == nil && head.Request != nil && (head.Type == "request" || head.Type == "response")
}

func (d *decoder) unknown(record []byte) retinue.Event {
	e := retinue.Event{Log: auditLog, Realm: d.realm, Class: retinue.EventUnknown, Outcome: retinue.OutcomeUnknown,
		Raw: bytes.Clone(record[:min(len(record), retinue.MaxEventUnknown)])}
	var head struct {
		Time string `json:"time"`
	}
	if json.Unmarshal(record, &head) == nil {
		if at, err := time.Parse(time.RFC3339Nano, head.Time); err == nil {
			e.At = at.UTC()
		}
	}
	sum := sha256.Sum256(record)
	copy(e.Digest[:], sum[:])
	return e
}

// name gives the event the request's id, which Vault makes.
func (d *decoder) name(e *retinue.Event, n *entry, record []byte) {
	if id := retinue.CleanName(n.Request.ID); id != "" && len(id) <= retinue.MaxEventIDLength {
		e.ID = id
		return
	}
	sum := sha256.Sum256(record)
	copy(e.Digest[:], sum[:])
}

// request keeps a request until its answer comes, and gives those for which it is
// too late.
func (d *decoder) request(n *entry, at time.Time) []retinue.Event {
	out := d.overdue(at)
	if d.pending == nil || n.Request.ID == "" {
		return out
	}
	e := d.event(n, at)
	d.name(&e, n, nil)
	if e.Outcome == retinue.OutcomeSuccess {
		e.Outcome = retinue.OutcomeUnknown
		if endsDevice(n.Request) {
			// The device that is switched off does not see the answer.
			d.gaps.add(at)
			d.off = at
			return append(out, e)
		}
	}
	e.Touches = nil
	d.pending.Put(n.Request.ID, e)
	return out
}

// overdue gives requests that were not answered in time.
func (d *decoder) overdue(now time.Time) []retinue.Event { return d.unanswered(nil, now, answerTime) }

func (d *decoder) unanswered(dst []retinue.Event, now time.Time, after time.Duration) []retinue.Event {
	if d.pending == nil {
		return dst
	}
	for {
		id, e, open := d.pending.Oldest()
		if !open || now.Sub(e.At) < after {
			return dst
		}
		d.pending.Take(id)
		dst = append(dst, e)
	}
}

func (d *decoder) ref(kind, key string) retinue.Ref {
	key = retinue.CleanName(key)
	if key == "" {
		return retinue.Ref{}
	}
	if len(key) > retinue.MaxRefKey {
		key = strings.ToValidUTF8(key[:retinue.MaxRefKey], "")
	}
	return retinue.NewRef(d.realm, kind, key)
}

// event states a request with what is known of its answer.
func (d *decoder) event(n *entry, at time.Time) retinue.Event {
	q := n.Request
	e := retinue.Event{Log: auditLog, Realm: d.realm, At: at, Class: classOf(q), Resource: d.ref("path", q.where()), Region: eventText(q.Namespace.Path)}
	if slices.Contains([]string{"create", "read", "update", "patch", "delete", "list"}, q.Operation) {
		e.Action = q.Operation
	} else {
		e.Operation = orText(eventText(q.Operation), "request")
	}
	who := n.Auth
	if e.Class == retinue.EventSignIn && n.Response != nil && n.Response.Auth != nil {
		who = n.Response.Auth
	}
	d.caller(&e, who, q)
	e.Outcome, e.Reason = outcome(n, e.Class)
	if a, err := netip.ParseAddr(q.Address); err == nil {
		e.Origin.Address = a.Unmap().WithZone("")
	}
	e.Origin.Agent = agent(q.Headers)
	if e.Outcome == retinue.OutcomeSuccess {
		e.Touches = d.touches(n)
	}
	return e
}

// where is the path with its namespace. A lease's own id at the end of a path
// would make a path of each: it is left out.
func (q *request) where() string {
	p := q.Namespace.Path + q.Path
	for _, prefix := range []string{"sys/leases/renew/", "sys/leases/revoke/", "sys/renew/", "sys/revoke/"} {
		if rest, ok := strings.CutPrefix(q.Path, prefix); ok && strings.Contains(rest, "/") {
			return q.Namespace.Path + prefix + rest[:strings.LastIndexByte(rest, '/')]
		}
	}
	return p
}

// classOf: coming in is a sign-in, what configures Vault is management, and what
// engines hold and issue is data.
func classOf(q *request) retinue.EventClass {
	switch {
	case isLogin(q):
		return retinue.EventSignIn
	case strings.HasPrefix(q.Path, "sys/wrapping/"), strings.HasPrefix(q.Path, "sys/tools/"):
		return retinue.EventData
	case strings.HasPrefix(q.Path, "sys/"), strings.HasPrefix(q.Path, "auth/"), strings.HasPrefix(q.Path, "identity/"):
		return retinue.EventManagement
	}
	return retinue.EventData
}

// isLogin reports the paths by which the methods of Vault and OpenBao sign in:
// auth/MOUNT/login, auth/MOUNT/login/NAME, and OIDC's callback.
func isLogin(q *request) bool {
	rest, ok := strings.CutPrefix(q.Path, "auth/")
	if !ok || strings.HasPrefix(rest, "token/") {
		return false
	}
	if mount, ok := strings.CutPrefix(q.MountPoint, "auth/"); ok {
		rest = strings.TrimPrefix(rest, mount)
	} else {
		_, rest, _ = strings.Cut(rest, "/")
	}
	return rest == "login" || strings.HasPrefix(rest, "login/") || rest == "oidc/callback"
}

// outcome reads whether the request was refused. An answer that holds an error
// and nothing else is a refusal of a sign-in.
func outcome(n *entry, class retinue.EventClass) (retinue.Outcome, string) {
	failed := n.Error != ""
	if n.Response != nil && len(n.Response.Data) == 1 && n.Response.Data["error"] != nil {
		failed = true
	}
	switch {
	case strings.Contains(n.Error, "permission denied"):
		return retinue.OutcomeDenied, "permission denied"
	case n.Auth != nil && n.Auth.Results != nil && !n.Auth.Results.Allowed && failed:
		return retinue.OutcomeDenied, "not allowed by policies"
	case class == retinue.EventSignIn && (failed || n.Type == "response" && (n.Response == nil || n.Response.Auth == nil && n.Response.WrapInfo == nil)):
		return retinue.OutcomeDenied, "sign-in refused"
	case failed:
		return retinue.OutcomeError, reason(n.Error)
	}
	return retinue.OutcomeSuccess, ""
}

// reason keeps the errors that are Vault's own words; others may hold values.
func reason(text string) string {
	for _, known := range []string{"unsupported path", "unsupported operation", "invalid request", "missing client token", "Vault is sealed",
		"invalid token", "lease not found", "rate limit", "context deadline exceeded", "internal error", "no handler for route"} {
		if strings.Contains(text, known) {
			return known
		}
	}
	return "error"
}

// agent returns the user agent, which a device writes only where it was told to
// (sys/config/auditing/request-headers).
func agent(headers map[string]json.RawMessage) string {
	for name, raw := range headers {
		var values []string
		if strings.EqualFold(name, "user-agent") && json.Unmarshal(raw, &values) == nil && len(values) > 0 {
			return eventText(values[0])
		}
	}
	return ""
}

func orText(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

// eventText makes foreign text fit for an event.
func eventText(s string) string {
	s = retinue.CleanName(s[:min(len(s), 4*retinue.MaxEventText)])
	if len(s) > retinue.MaxEventText {
		s = strings.ToValidUTF8(s[:retinue.MaxEventText], "")
	}
	return s
}
