// Package awsiam summarises single AWS IAM policy documents. It is no
// evaluator: it applies no condition, deny, boundary or organisation policy;
// the summary's Conditional and HasDeny say when the truth may be less.
//
// The grammar is that of the IAM User Guide, "Grammar of the IAM JSON policy
// language".
package awsiam

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
)

// maxStatements bounds the statements of a document: AWS's largest document of
// 20,480 characters holds fewer than 700.
const maxStatements = 2000

type document struct {
	Version   string
	Statement statements
}

type statement struct {
	Effect       string
	Principal    principals
	NotPrincipal principals
	Action       words
	NotAction    words
	Resource     words
	NotResource  words
	Condition    map[string]map[string]words
}

type statements []statement

// UnmarshalJSON implements json.Unmarshaler: one statement may stand alone.
func (s *statements) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		var one statement
		if err := json.Unmarshal(b, &one); err != nil {
			return err
		}
		*s = statements{one}
		return nil
	}
	return json.Unmarshal(b, (*[]statement)(s))
}

// words is a string or a list of strings; numbers and booleans, which stand in
// conditions, are taken as they are written.
type words []string

// UnmarshalJSON implements json.Unmarshaler.
func (w *words) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return err
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, e := range list {
		switch e.(type) {
		case string, bool, json.Number:
			*w = append(*w, fmt.Sprint(e))
		case nil:
		default:
			return fmt.Errorf("a %T where a text is expected", e)
		}
	}
	return nil
}

// principals are by type, with "*" under "AWS".
type principals map[string]words

// UnmarshalJSON implements json.Unmarshaler.
func (p *principals) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*p = principals{"AWS": {s}}
		return nil
	}
	return json.Unmarshal(b, (*map[string]words)(p))
}

func parse(text string) (document, error) {
	var d document
	if len(text) > retinue.MaxDocument {
		return d, fmt.Errorf("%w: policy document of %d bytes: the limit is %d", retinue.ErrInvalid, len(text), retinue.MaxDocument)
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return d, fmt.Errorf("%w: policy document: %s", retinue.ErrInvalid, retinue.CleanName(err.Error()))
	}
	if len(d.Statement) > maxStatements {
		return d, fmt.Errorf("%w: policy document of %d statements: the limit is %d", retinue.ErrInvalid, len(d.Statement), maxStatements)
	}
	return d, nil
}

// names reports whether a list of action patterns matches an action. Actions
// are written in any case.
func (w words) names(action string) bool {
	for _, p := range w {
		if glob(strings.ToLower(p), strings.ToLower(action)) {
			return true
		}
	}
	return false
}

// allows reports whether the statement speaks of an action, leaving resources
// and conditions aside.
func (s *statement) allows(action string) bool {
	if len(s.NotAction) > 0 {
		return !s.NotAction.names(action)
	}
	return s.Action.names(action)
}

// broad reports whether the statement is about more than resources that it
// names: "*", or every resource of a type. A pattern with a policy variable
// such as ${aws:username} is about the caller's own.
func (s *statement) broad() bool {
	if len(s.NotResource) > 0 {
		return true
	}
	for _, r := range s.Resource {
		if broadResource(r) {
			return true
		}
	}
	return false
}

func broadResource(r string) bool {
	if strings.Contains(r, "${") {
		return false
	}
	if strings.Trim(r, "*") == "" && r != "" {
		return true
	}
	parts := strings.SplitN(r, ":", 6)
	if len(parts) < 6 {
		return strings.HasPrefix(r, "arn:") && strings.HasSuffix(r, "*")
	}
	rest := parts[5]
	if strings.Trim(rest, "*") == "" {
		return true
	}
	_, name, found := cutAny(rest, "/:")
	return found && strings.Trim(name, "*") == "" && name != "" || !found && strings.HasSuffix(rest, "*") && len(rest) < 12
}

func cutAny(s, seps string) (before, after string, found bool) {
	if i := strings.IndexAny(s, seps); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// glob matches a pattern with * and ? in linear time for each star.
func glob(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
