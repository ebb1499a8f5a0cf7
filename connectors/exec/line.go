package exec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// protocol is the version of the line format.
const protocol = 1

// line is one line of a program's output. Which fields an op has is said in
// schema.json.
type line struct {
	Op string `json:"op"`

	// realm
	Protocol  int           `json:"protocol,omitempty"`
	Realm     retinue.Realm `json:"realm,omitempty"`
	Name      string        `json:"name,omitempty"`
	Principal string        `json:"principal,omitempty"`

	// fact, complete, problem, missing, progress
	Scope *retinue.Scope  `json:"scope,omitempty"`
	Fact  json.RawMessage `json:"fact,omitempty"`
	// Secret is the value of the credential that Fact states.
	Secret *secretValue `json:"secret,omitempty"`

	// complete
	ObservedAt    time.Time `json:"observedAt,omitzero"`
	Basis         string    `json:"basis,omitempty"`
	Children      []string  `json:"children,omitempty"`
	ListsChildren bool      `json:"listsChildren,omitempty"`
	Authority     string    `json:"authority,omitempty"`

	// problem, note
	Kind    string `json:"kind,omitempty"`
	Message string `json:"message,omitempty"`
	Text    string `json:"text,omitempty"`
	Command string `json:"command,omitempty"`
	Count   int    `json:"count,omitempty"`

	// missing
	Permission  string `json:"permission,omitempty"`
	Consequence string `json:"consequence,omitempty"`

	// progress
	Stage string `json:"stage,omitempty"`
	Done  int64  `json:"done,omitempty"`
	Total int64  `json:"total,omitempty"`
	Unit  string `json:"unit,omitempty"`
}

// secretValue keeps a value from being printed from the moment it is decoded.
type secretValue struct{ retinue.Secret }

// UnmarshalJSON reads a JSON string.
func (s *secretValue) UnmarshalJSON(b []byte) error {
	var v string
	if err := json.Unmarshal(b, &v); err != nil {
		return fmt.Errorf("%w: secret: want a string", retinue.ErrInvalid)
	}
	s.Secret = retinue.NewSecret(v)
	return nil
}

// parseLine decodes one line. Errors do not quote it: it may hold a secret.
func parseLine(text []byte) (line, error) {
	var l line
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return line{}, fmt.Errorf("%w: %s", retinue.ErrInvalid, shape(err))
	}
	if d.More() {
		return line{}, fmt.Errorf("%w: more than one value", retinue.ErrInvalid)
	}
	return l, nil
}

// shape describes a decoding error by place and type, without the text that
// some of encoding/json's messages quote.
func shape(err error) string {
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("not JSON at byte %d", syntax.Offset)
	case errors.As(err, &wrong):
		return fmt.Sprintf("field %q: want %s at byte %d", retinue.CleanName(clip(wrong.Field, 64)), wrong.Type, wrong.Offset)
	}
	if name, ok := unknownField(err); ok {
		return fmt.Sprintf("unknown field %q", name)
	}
	return "not a line of the protocol"
}

// unknownField returns the name that a decoder's error says it does not know.
func unknownField(err error) (string, bool) {
	var name string
	if _, scan := fmt.Sscanf(err.Error(), "json: unknown field %q", &name); scan != nil || len(name) > 64 {
		return "", false
	}
	return retinue.CleanName(name), true
}

// authorities are the words for ranks of completions.
func authority(word string) (connector.Authority, error) {
	switch word {
	case "", "system":
		return connector.AuthoritySystem, nil
	case "report":
		return connector.AuthorityReport, nil
	case "declared":
		return connector.AuthorityDeclared, nil
	case "reference":
		return connector.AuthorityReference, nil
	}
	return 0, fmt.Errorf("%w: authority %q: want system, report, declared or reference", retinue.ErrInvalid, retinue.CleanName(clip(word, 64)))
}

// problemKind returns the error kind of a problem's word.
func problemKind(word string) error {
	switch word {
	case "invalid":
		return retinue.ErrInvalid
	case "not_found":
		return retinue.ErrNotFound
	case "conflict":
		return retinue.ErrConflict
	case "denied":
		return retinue.ErrDenied
	case "unsupported":
		return retinue.ErrUnsupported
	}
	return retinue.ErrUnavailable
}

func clip(s string, n int) string {
	if len(s) > n {
		return string(bytes.ToValidUTF8([]byte(s[:n]), nil)) + "…"
	}
	return s
}
