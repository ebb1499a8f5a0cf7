package ticket

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// MaxInbound bounds the body of a request from a ticket system, in bytes.
const MaxInbound = 1 << 20

// Change is what a ticket system reports: which ticket, and where it stands.
type Change struct {
	Key   string
	State State
}

// Verify checks that a request came from the ticket system that has the secret.
type Verify func(secret retinue.Secret, header http.Header, body []byte, now time.Time) error

// Inbound checks a request from a ticket system and reads what it reports. The
// zero Change, without an error, is a report of something else. Standard checks
// a signature as Standard Webhooks has it, for the systems that have none of
// their own.
func Inbound(kind string, secret retinue.Secret, header http.Header, body []byte, now time.Time, standard Verify) (Change, error) {
	if len(body) > MaxInbound {
		return Change{}, fmt.Errorf("%w: the request is larger than %d bytes", retinue.ErrInvalid, MaxInbound)
	}
	if secret.IsZero() {
		return Change{}, fmt.Errorf("%w: the channel has no webhook secret", retinue.ErrDenied)
	}
	var err error
	switch kind {
	case "github":
		err = checkHub(secret, header.Get("X-Hub-Signature-256"), body)
	case "jira":
		err = checkHub(secret, header.Get("X-Hub-Signature"), body)
	case "gitlab":
		if subtle.ConstantTimeCompare([]byte(secret.Reveal()), []byte(header.Get("X-Gitlab-Token"))) != 1 {
			err = fmt.Errorf("%w: the token of the request is wrong", retinue.ErrDenied)
		}
	case "servicenow":
		err = standard(secret, header, body, now)
	default:
		err = fmt.Errorf("%w: channels of kind %q take no requests", retinue.ErrUnsupported, kind)
	}
	if err != nil {
		return Change{}, err
	}
	return parseInbound(kind, header, body)
}

// checkHub checks an HMAC-SHA-256 of the body, as GitHub and Jira send it.
func checkHub(secret retinue.Secret, signature string, body []byte) error {
	h := hmac.New(sha256.New, []byte(secret.Reveal()))
	h.Write(body)
	if !hmac.Equal([]byte(signature), []byte("sha256="+hex.EncodeToString(h.Sum(nil)))) {
		return fmt.Errorf("%w: the signature of the request is wrong", retinue.ErrDenied)
	}
	return nil
}

func parseInbound(kind string, header http.Header, body []byte) (Change, error) {
	read := func(v any) error {
		if err := json.Unmarshal(body, v); err != nil {
			return fmt.Errorf("%w: the request is not the JSON that was expected", retinue.ErrInvalid)
		}
		return nil
	}
	switch kind {
	case "github":
		var m struct {
			Issue githubIssue `json:"issue"`
		}
		if err := read(&m); err != nil || header.Get("X-Github-Event") != "issues" || m.Issue.Number < 1 {
			return Change{}, err
		}
		i := m.Issue.issue()
		return Change{i.Key, i.State}, nil
	case "gitlab":
		var m struct {
			Kind  string      `json:"object_kind"`
			Attrs gitlabIssue `json:"object_attributes"`
			To    []struct{}  `json:"assignees"`
		}
		if err := read(&m); err != nil || m.Kind != "issue" || m.Attrs.IID < 1 {
			return Change{}, err
		}
		i := m.Attrs.issue()
		if i.State == Open && len(m.To) > 0 {
			i.State = Working
		}
		return Change{i.Key, i.State}, nil
	case "jira":
		var m struct {
			Issue jiraIssue `json:"issue"`
		}
		if err := read(&m); err != nil || m.Issue.Key == "" || len(m.Issue.Key) > 64 {
			return Change{}, err
		}
		return Change{m.Issue.Key, jiraState(m.Issue.Fields.Status.Category.Key)}, nil
	}
	var m struct {
		SysID string          `json:"sys_id"`
		State json.RawMessage `json:"state"`
	}
	if err := read(&m); err != nil || m.SysID == "" || len(m.SysID) > 64 {
		return Change{}, err
	}
	word := strings.Trim(string(m.State), `"`)
	if _, err := strconv.Atoi(word); err != nil {
		return Change{}, nil //nolint:nilerr // a report of something else than a state
	}
	return Change{m.SysID, servicenow{}.state(word)}, nil
}
