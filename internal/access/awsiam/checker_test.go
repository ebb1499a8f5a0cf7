package awsiam

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// sameAnswer holds that a Checker, whatever it has read before, answers a line as
// ParseCase and Decide do.
func sameAnswer(t *testing.T, c *Checker, line []byte) {
	t.Helper()
	read, wantErr := ParseCase(line)
	got, err := c.Check(string(line))
	if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
		t.Fatalf("%.200q: error %v, and %v of ParseCase", line, err, wantErr)
	}
	if err != nil {
		return
	}
	want, _ := json.Marshal(read.Decide())
	if text, _ := json.Marshal(got); !bytes.Equal(text, want) {
		t.Fatalf("%.200q: %s, and %s of a case", line, text, want)
	}
}

// TestChecker asks the samples and broken questions in turn.
func TestChecker(t *testing.T) {
	lines := sampleLines(t)
	var c Checker
	for i, line := range lines {
		sameAnswer(t, &c, line)
		if i%10 == 0 {
			sameAnswer(t, &c, line[:len(line)*(i%100)/100])
			sameAnswer(t, &c, bytes.Replace(line, []byte(`"Resource"`), []byte(`"Resources"`), 1))
		}
	}
}

// TestCheckerGrows asks of ever more statements, then of one, so that what is
// kept is outgrown and dropped.
func TestCheckerGrows(t *testing.T) {
	var c Checker
	for _, n := range []int{1, 3, 40, 1, 700, 2, 1999, 1} {
		statement := `{"Effect":"Allow","Action":["a:b","s3:Get*","s3:PutObject"],"Resource":["arn:aws:s3:::b/?","*"],"Condition":{"StringLike":{"k":["a*","b"]}}},`
		line := strings.Replace(question1, `"identityPolicies":[`, `"identityPolicies":[{"Version":"2012-10-17","Statement":[`+
			strings.Repeat(statement, n)+`{"Effect":"Deny","NotAction":"s3:*","Resource":"*"}]},`, 1)
		line = strings.Replace(line, `"n":5`, `"n":5,"k":"a"`, 1)
		sameAnswer(t, &c, []byte(line))
	}
}

// FuzzChecker asks two questions, each after the other.
func FuzzChecker(f *testing.F) {
	f.Add([]byte(question1), []byte(strings.Replace(question1, "NumericEquals", "Numeric", 1)))
	f.Add([]byte(`{"request":{"action":"a:b","resource":"*","principal":"111111111111"},"resourcePolicy":{"Statement":{"Effect":"Deny","NotPrincipal":{"AWS":["111111111111"]},"Action":["a","a:?"],"Resource":"*"}}}`), []byte(question1))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var c Checker
		for _, line := range [][]byte{a, b, a, b} {
			sameAnswer(t, &c, line)
		}
	})
}
