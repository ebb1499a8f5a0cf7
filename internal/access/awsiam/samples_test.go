package awsiam

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/testkit"
)

// sampleLines reads the question file.
func sampleLines(t testing.TB) [][]byte {
	t.Helper()
	f, err := os.Open(testkit.Data(t, "access/aws/check-samples.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out [][]byte
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		out = append(out, append([]byte(nil), s.Bytes()...))
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// exceptions are the sample questions in which the peer's answer is not AWS's,
// with AWS's. docs/access-disagreements.md has the reasons.
func exceptions() map[string]access.Outcome {
	return map[string]access.Outcome{
		// The resource's policy allows "*"; the session policy does not allow:
		// "permissions boundaries or session policies, do not limit permissions
		// granted using the aws:PrincipalArn condition key with a wildcard(*)
		// in the Principal element".
		"fuzz-7-105":  access.Allowed,
		"fuzz-7-1605": access.Allowed,
	}
}

// TestSamples answers every sample question as the peer that produced the
// answers did, but for the exceptions.
func TestSamples(t *testing.T) {
	lines := sampleLines(t)
	wrong := 0
	for n, line := range lines {
		var want struct {
			Expected struct{ Response string }
		}
		if err := json.Unmarshal(line, &want); err != nil {
			t.Fatal(err)
		}
		c, err := ParseCase(line)
		if err != nil {
			t.Fatalf("line %d: %v", n+1, err)
		}
		d := c.Decide()
		if other, ok := exceptions()[c.ID]; ok {
			want.Expected.Response = string(other)
		}
		if string(d.Outcome) != want.Expected.Response {
			wrong++
			if wrong < 20 {
				t.Errorf("%s: %s, want %s: %+v\n%s", c.ID, d.Outcome, want.Expected.Response, d.Because, line)
			}
		}
		if len(d.Because) == 0 {
			t.Errorf("%s: %s without a reason", c.ID, d.Outcome)
		}
	}
	t.Logf("%d of %d right", len(lines)-wrong, len(lines))
}
