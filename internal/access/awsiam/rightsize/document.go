package rightsize

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode"

	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// statement is a statement to be written.
type statement struct {
	Sid         string     `json:"Sid,omitempty"`
	Effect      string     `json:"Effect"`
	Action      list       `json:"Action,omitempty"`
	NotAction   list       `json:"NotAction,omitempty"`
	Resource    list       `json:"Resource,omitempty"`
	NotResource list       `json:"NotResource,omitempty"`
	Condition   conditions `json:"Condition,omitempty"`

	kept bool // no use is on record
}

// conditions are operators with keys with values. A condition without values
// is written as an empty list, which AWS understands.
type conditions map[string]map[string]list

// list is written as a text where it has one element.
type list []string

// MarshalJSON writes the list.
func (l list) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	var err error
	if len(l) == 1 {
		err = enc.Encode(l[0])
	} else {
		err = enc.Encode([]string(l))
	}
	return bytes.TrimSpace(b.Bytes()), err
}

// conditionsOf are the conditions of a statement as they are written in a
// document of Version2012.
func conditionsOf(st *awsiam.Statement, variables bool) conditions {
	if len(st.Conditions) == 0 {
		return nil
	}
	out := make(conditions)
	for i := range st.Conditions {
		c := &st.Conditions[i]
		keys := out[c.Operator]
		if keys == nil {
			keys = make(map[string]list)
			out[c.Operator] = keys
		}
		values := make(list, 0, len(c.Values))
		for _, v := range c.Values {
			if !variables {
				v = escape(v)
			}
			values = append(values, v)
		}
		keys[c.Key] = values
	}
	return out
}

// again is a statement as it was.
func again(st *awsiam.Statement, variables bool) statement {
	out := statement{Sid: st.Sid, Effect: string(st.Effect), Action: list(st.Actions), NotAction: list(st.NotActions),
		Resource: list(st.Resources), NotResource: list(st.NotResources), Condition: conditionsOf(st, variables)}
	// "Not" of an empty list is everything.
	if st.NotActions != nil && len(st.NotActions) == 0 {
		out.Action = list{"*"}
	}
	if st.NotResources != nil && len(st.NotResources) == 0 {
		out.Resource = list{"*"}
	}
	if !variables {
		for _, l := range []*list{&out.Resource, &out.NotResource} {
			*l = slices.Clone(*l)
			for i := range *l {
				(*l)[i] = escape((*l)[i])
			}
		}
	}
	return out
}

func reread(p *awsiam.Policy) []statement {
	var out []statement
	for i := range p.Statements() {
		out = append(out, again(&p.Statements()[i], true))
	}
	return out
}

// render writes a document.
func render(statements []statement) json.RawMessage {
	if statements == nil {
		statements = []statement{}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(struct {
		Version   string
		Statement []statement
	}{awsiam.Version2012, statements})
	if err != nil {
		panic("rightsize: a document of texts cannot be written: " + err.Error())
	}
	return bytes.TrimSpace(b.Bytes())
}

// Length is the number of characters of a document without white space: "IAM
// does not count white space when calculating the size of a policy" ("IAM and
// AWS STS quotas").
func Length(document []byte) int {
	n := 0
	for _, c := range string(document) {
		if !unicode.IsSpace(c) {
			n++
		}
	}
	return n
}

// sid makes a statement id of letters and digits ("IAM JSON policy elements:
// Sid").
func sid(words ...string) string {
	var b strings.Builder
	for _, w := range words {
		upper := true
		for _, c := range w {
			switch {
			case c >= 'a' && c <= 'z' && upper:
				b.WriteRune(c - 'a' + 'A')
				upper = false
			case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
				b.WriteRune(c)
				upper = false
			default:
				upper = true
			}
		}
	}
	return b.String()
}
