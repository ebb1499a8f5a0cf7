package cli

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/retinue-id/retinue/internal/access"
)

// encoded is what the encoder writes of an answer.
func encoded(t *testing.T, c checked) []byte {
	t.Helper()
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(c); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// FuzzCheckedIsEncoded holds that answers written by hand are what the encoder
// writes.
func FuzzCheckedIsEncoded(f *testing.F) {
	f.Add(`"q-1"`, "identity policy", "arn:aws:iam::aws:policy/p", "#1", "allow", "allows s3:GetObject")
	f.Add(`5`, "<&>", "\u2028\x7f", "\xff\x00\t", "\"\\", "é中")
	f.Fuzz(func(t *testing.T, id, layer, document, statement, effect, text string) {
		raw := questionID([]byte(`{"id":`+id+`}`), 7)
		c := checked{raw, access.Decision{Outcome: access.Allowed, Because: []access.Reason{
			{Layer: layer, Document: document, Statement: statement, Effect: effect, Text: text}, {Layer: text, Effect: layer}}}}
		for range 2 {
			got, ok := c.appendJSON(nil)
			if want := encoded(t, c); !ok || !bytes.Equal(got, want) {
				t.Fatalf("%s: want %s", got, want)
			}
			c.Because = c.Because[:0]
		}
	})
}

// TestCheckedLeavesTheRest holds that what has more to it is the encoder's.
func TestCheckedLeavesTheRest(t *testing.T) {
	for _, d := range []access.Decision{{}, {Because: []access.Reason{}, Unread: []string{"x"}}, {Because: []access.Reason{}, Remains: []access.Condition{{}}}} {
		if got, ok := (checked{json.RawMessage("1"), d}).appendJSON(nil); ok {
			t.Errorf("%+v written as %s", d, got)
		}
	}
}
