package cli

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/retinue-id/retinue/internal/access"
)

// checked is one line of answers. Its fields are a contract.
type checked struct {
	ID json.RawMessage `json:"id"`
	access.Decision
}

// appendJSON appends what a json.Encoder that does not escape HTML writes of a
// decision without conditions, without asking by reflection what there is. false
// is for others.
func (c checked) appendJSON(b []byte) ([]byte, bool) {
	if len(c.ID) == 0 || c.Because == nil || len(c.Remains) > 0 || len(c.Unread) > 0 {
		return b, false
	}
	b = append(append(b, `{"id":`...), c.ID...)
	b = appendText(append(b, `,"decision":`...), string(c.Outcome))
	b = append(b, `,"because":[`...)
	for i := range c.Because {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendReason(b, &c.Because[i])
	}
	return append(b, "]}\n"...), true
}

func appendReason(b []byte, r *access.Reason) []byte {
	b = appendText(append(b, `{"layer":`...), r.Layer)
	if r.Document != "" {
		b = appendText(append(b, `,"document":`...), r.Document)
	}
	if r.Statement != "" {
		b = appendText(append(b, `,"statement":`...), r.Statement)
	}
	b = appendText(append(b, `,"effect":`...), r.Effect)
	if r.Text != "" {
		b = appendText(append(b, `,"text":`...), r.Text)
	}
	return append(b, '}')
}

// appendText appends a JSON string.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= utf8.RuneSelf || c == '"' || c == '\\' || c == 0x7f {
			return appendEscaped(b, s)
		}
	}
	b = append(append(b, '"'), s...)
	return append(b, '"')
}

// appendEscaped appends a string that may need escapes.
func appendEscaped(b []byte, s string) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return append(b, `""`...) // no string fails
	}
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}
