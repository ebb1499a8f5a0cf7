package github

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/entry"
)

const (
	logName    = "github.audit"
	publicHost = "github.com"
)

// decoder turns records into events. It is safe for concurrent use.
type decoder struct {
	host         string // of the forge
	organization string // of records that name none
	// hashed returns the fingerprints of a token of which the SHA-256 is known; nil
	// where there is no key to make them with.
	hashed func(retinue.CredentialKind, [sha256.Size]byte) []retinue.Fingerprint
}

// record is one entry with what was found out about it so far.
type record struct {
	decoder
	entry.Object
	raw    []byte
	action string
	org    string // as the log writes it
	repo   string // with its owner
	ev     retinue.Event
}

func (d decoder) decode(raw []byte) ([]retinue.Event, error) {
	o, err := entry.Parse(raw)
	if err != nil {
		return nil, err
	}
	r := &record{decoder: d, Object: o, raw: raw, action: o.Text("action")}
	if r.action == "" {
		return nil, fmt.Errorf("%w: record names no action: it is no entry of an audit log", retinue.ErrInvalid)
	}
	at, ok := o.Time("@timestamp", "created_at", "at_sign_timestamp", "timestamp", "p_event_time")
	if !ok {
		return nil, entry.ErrNoTime()
	}
	r.ev = retinue.Event{Log: logName, At: at, Class: classOf(r.action), Operation: r.action, Outcome: retinue.OutcomeSuccess}
	entry.Name(&r.ev, o.Raw("_document_id"), raw)
	r.place()
	if r.ev.Realm == "" || !strings.ContainsAny(r.action, "._") {
		return []retinue.Event{entry.Unknown(r.ev, raw)}, nil
	}
	r.ev.Origin.Address = entry.Address(o.Raw("actor_ip"))
	r.ev.Origin.Agent = o.Text("user_agent")
	r.actor()
	r.credential()
	r.resource()
	r.outcome()
	r.ev.Action = permission(r.action)
	r.touches()
	r.run()
	entry.Bound(&r.ev)
	return []retinue.Event{r.ev}, nil
}

// place finds the realm, the organisation and the repository.
func (r *record) place() {
	r.repo = r.Text("repo", "repository")
	if !strings.Contains(r.repo, "/") {
		r.repo = ""
	}
	// In the log of an enterprise an entry may list several organisations.
	for _, name := range r.Texts("org") {
		if r.org == "" {
			r.org = name
		}
	}
	if r.org == "" && r.repo != "" {
		r.org, _, _ = strings.Cut(r.repo, "/")
	}
	business := r.Text("business")
	switch {
	case r.org != "":
		r.ev.Realm = r.realm(r.org)
	case business != "":
		r.ev.Realm = r.realm("enterprises/" + business)
	case r.organization != "":
		r.org = r.organization
		r.ev.Realm = r.realm(r.org)
	}
}

func (d decoder) realm(name string) retinue.Realm {
	if d.host != publicHost {
		name = d.host + "/" + name
	}
	return entry.Realm("forge", strings.ToLower(name))
}

// gitRealm is the realm of a repository, as the repository connector names one of
// which it knows the address and not the history.
func (r *record) gitRealm(repo string) retinue.Realm {
	if repo == "" {
		return ""
	}
	return entry.Realm("git", "origin="+r.host+"/"+repo)
}

func (r *record) ref(kind, key string) retinue.Ref { return entry.Ref(r.ev.Realm, kind, key) }

// repository is the part of a repository's name behind its owner.
func (r *record) repository() string {
	_, name, _ := strings.Cut(r.repo, "/")
	return name
}

func (r *record) resource() {
	switch {
	case r.repo != "":
		r.ev.Resource = r.ref("repository", r.repository())
	case r.org != "":
		r.ev.Resource = r.ref("organization", r.org)
	}
}

// outcome reads how it ended. The log lists what was done: what was refused is
// only among sign-ins and calls of the API.
func (r *record) outcome() {
	if status, ok := r.Int("status_code"); ok {
		r.ev.Outcome = statusOutcome(status)
		if status >= 400 {
			r.ev.Reason = r.Text("status_code")
		}
		if method := r.Text("request_method"); method != "" {
			r.ev.Operation = method + " " + r.Text("route", "controller_action")
		}
	}
	if strings.HasSuffix(r.action, "failed_login") || strings.HasSuffix(r.action, ".failed") && r.ev.Class == retinue.EventSignIn {
		r.ev.Outcome = retinue.OutcomeDenied
		r.ev.Reason = r.Text("reason", "explanation")
	}
}

func statusOutcome(status int64) retinue.Outcome {
	switch {
	case status == 401 || status == 403:
		return retinue.OutcomeDenied
	case status >= 400:
		return retinue.OutcomeError
	case status >= 200:
		return retinue.OutcomeSuccess
	}
	return retinue.OutcomeUnknown
}

// parseHash reads the SHA-256 of a token: base64 as GitHub writes it ("About
// token data in the audit log"), also without padding or in hexadecimal as
// collectors make of it.
func parseHash(s string) (sum [sha256.Size]byte, ok bool) {
	if len(s) > 128 {
		return sum, false
	}
	if b, err := hex.DecodeString(s); err == nil && len(b) == sha256.Size {
		return [sha256.Size]byte(b), true
	}
	s = strings.TrimRight(s, "=")
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if b, err := enc.DecodeString(s); err == nil && len(b) == sha256.Size {
			return [sha256.Size]byte(b), true
		}
	}
	return sum, false
}
