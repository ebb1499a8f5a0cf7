package testkit

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"
)

// SourceEvent is one sample of an audit event: the detection that it was written
// for, what the sample is, and the event as a collector of logs hands it on.
type SourceEvent struct {
	Rule  string
	Test  string
	Event json.RawMessage
}

// Name tells the sample from others of its source.
func (e SourceEvent) Name() string { return e.Rule + "/" + e.Test }

// SourceEvents returns the sample events of a source, such as "GitHub.Audit", by
// the rules of [Data].
func SourceEvents(t testing.TB, source string) []SourceEvent {
	t.Helper()
	f, err := os.Open(Data(t, "cloudtrail", "events-by-source", source+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []SourceEvent
	s := bufio.NewScanner(f)
	s.Buffer(nil, 4<<20)
	for s.Scan() {
		var e SourceEvent
		if err := json.Unmarshal(s.Bytes(), &e); err != nil {
			t.Fatalf("sample events of %s: line %d: %v", source, len(out)+1, err)
		}
		out = append(out, e)
	}
	if err := s.Err(); err != nil {
		t.Fatalf("sample events of %s: %v", source, err)
	}
	return out
}
