package vault

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
)

// traffic is a log as a device writes it: requests and their answers of several
// clients at once, some without an answer, and some of the device itself.
func traffic(rng *rand.Rand, requests int) []byte {
	type line struct {
		at   time.Time
		text string
	}
	at := connectortest.Epoch().Add(-48 * time.Hour)
	var waiting []line
	var out strings.Builder
	write := func(now time.Time) {
		for i := 0; i < len(waiting); {
			if waiting[i].at.After(now) {
				i++
				continue
			}
			out.WriteString(waiting[i].text)
			waiting = append(waiting[:i], waiting[i+1:]...)
		}
	}
	entry := func(kind string, n int, at time.Time, operation, path string) string {
		return fmt.Sprintf(`{"time":%q,"type":%q,"auth":{"accessor":"hmac-sha256:%02d","client_token":%q,"entity_id":"e-%d","display_name":"approle","policies":["default","ci"],"policy_results":{"allowed":true},"token_type":"service"},`+
			`"request":{"id":"r-%d","operation":%q,"path":%q,"mount_point":"secret/","mount_type":"kv","client_token":%q,"remote_address":"10.0.0.%d"}}`+"\n",
			at.Format(time.RFC3339Nano), kind, n%7, planted(), n%7, n, operation, path, planted(), n%200)
	}
	for n := range requests {
		at = at.Add(time.Duration(rng.IntN(40_000)) * time.Millisecond)
		write(at)
		operation, path := "read", fmt.Sprintf("secret/data/%d", n%5)
		if rng.IntN(40) == 0 {
			operation, path = "delete", "sys/audit/file"
		}
		out.WriteString(entry("request", n, at, operation, path))
		if rng.IntN(8) > 0 {
			answered := at.Add(time.Duration(rng.IntN(100_000)) * time.Millisecond)
			waiting = append(waiting, line{answered, entry("response", n, answered, operation, path)})
		}
	}
	return []byte(out.String())
}

// TestPieces: however a log is cut into readings, requests find their answers,
// those without one count once, and what ended with the device is a gap.
func TestPieces(t *testing.T) {
	open := connectortest.OpenActivity(Spec(), options())
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 7))
		content := traffic(rng, 120)
		whole := connectortest.InPieces(t, open, "audit.log", content, nil)
		unknown := 0
		for _, e := range whole.Events {
			if e.Outcome == retinue.OutcomeUnknown {
				unknown++
			}
		}
		if unknown == 0 {
			t.Fatalf("seed %d: every request was answered: the test says nothing", seed)
		}
		pieces := connectortest.InPieces(t, open, "audit.log", content, connectortest.Lengths(rng, content, 15))
		connectortest.SameEvents(t, "one reading", whole, fmt.Sprintf("pieces of seed %d", seed), pieces)
		if gone, want := gapsOf(pieces), gapsOf(whole); strings.Join(gone, " ") != strings.Join(want, " ") {
			t.Errorf("seed %d: gaps %v in pieces, want %v", seed, gone, want)
		}
		for _, p := range pieces.Positions {
			if strings.Contains(p.Cursor, planted()) {
				t.Errorf("a token stands in a position")
			}
		}
	}
}

// gapsOf are the times behind which the device was off, that are known to have
// ended.
func gapsOf(r *connectortest.Reading) []string {
	seen := map[string]bool{}
	var out []string
	for _, c := range r.Coverage {
		for _, s := range c.BlindSpots {
			text := s.From.Format(time.RFC3339) + "-" + s.To.Format(time.RFC3339)
			if s.Code == "vault.audit_disabled" && !s.To.IsZero() && !seen[text] {
				seen[text] = true
				out = append(out, text)
			}
		}
	}
	return out
}

// TestUnanswered: a request that nothing answers shows also where it is the last
// of a log that is written no more, once, and not before it can be known.
func TestUnanswered(t *testing.T) {
	at := connectortest.Epoch().Add(-3 * time.Minute)
	content := fmt.Sprintf(`{"time":%q,"type":"request","auth":{"entity_id":"e"},"request":{"id":"r-1","operation":"read","path":"secret/x"}}`+"\n", at.Format(time.RFC3339)) + ""
	dir := connectortest.LogFile(t, "audit.log", strings.Repeat(" ", 200)+"\n"+content)
	open := func() connector.ActivityReader {
		return connectortest.OpenActivity(Spec(), options())(t, connectortest.Env(t), dir)
	}
	first := connectortest.Read(t, open(), nil)
	if len(first.Events) != 0 {
		t.Fatalf("%d events of a request that may yet be answered", len(first.Events))
	}
	second := connectortest.ReadAt(t, open(), first, connectortest.Epoch().Add(5*time.Minute))
	if len(second.Events) != 1 || second.Events[0].ID != "r-1" || second.Events[0].Outcome != retinue.OutcomeUnknown {
		t.Fatalf("events %+v, want the request", second.Events)
	}
	if third := connectortest.ReadAt(t, open(), second, connectortest.Epoch().Add(time.Hour)); len(third.Events) != 0 {
		t.Errorf("the request counts again: %+v", third.Events)
	}
}

// TestManyOpen: beyond a thousand open requests the oldest are forgotten, which is
// told with their number; what is kept stays within its bound.
func TestManyOpen(t *testing.T) {
	var b strings.Builder
	at := connectortest.Epoch().Add(-time.Minute)
	rng := rand.New(rand.NewPCG(3, 4))
	for n := range 1500 {
		fmt.Fprintf(&b, `{"time":%q,"type":"request","auth":{"entity_id":"%x","accessor":"hmac-sha256:%x%x%x%x"},"request":{"id":"%x-%d","operation":"read","path":"secret/%x"}}`+"\n",
			at.Add(time.Duration(n)*time.Millisecond).Format(time.RFC3339Nano), rng.Uint64(), rng.Uint64(), rng.Uint64(), rng.Uint64(), rng.Uint64(), rng.Uint64(), n, rng.Uint64())
	}
	dir := connectortest.LogFile(t, "audit.log", b.String())
	r := connectortest.Read(t, connectortest.OpenActivity(Spec(), options())(t, connectortest.Env(t), dir), nil)
	for input, p := range r.Positions {
		if len(p.Cursor) > 66<<10 {
			t.Errorf("the position of %s has %d bytes", input, len(p.Cursor))
		}
	}
	for _, n := range r.Notes {
		if n.Kind == connector.NoteNotCovered && n.Count == 500 && strings.Contains(n.Text, "forgotten") {
			return
		}
	}
	t.Errorf("notes %+v do not say that 500 requests were forgotten", r.Notes)
}

// TestOlderPositions: what earlier versions kept, which carried nothing, is gone on
// from, and so is what a later one carries that is not understood.
func TestOlderPositions(t *testing.T) {
	open := connectortest.OpenActivity(Spec(), options())
	content := traffic(rand.New(rand.NewPCG(1, 1)), 40)
	dir := connectortest.LogFile(t, "audit.log", string(content))
	first := connectortest.Read(t, open(t, connectortest.Env(t), dir), nil)
	for name, state := range map[string]string{"none": "", "another packing": " state=9:AAAA", "not base64": " state=1:%%%", "not packed": " state=1:AAAA"} {
		earlier := &connectortest.Reading{Positions: map[string]connector.Position{}}
		for input, p := range first.Positions {
			p.Cursor, _, _ = strings.Cut(p.Cursor, " state=")
			p.Cursor += state
			earlier.Positions[input] = p
		}
		again := connectortest.Read(t, open(t, connectortest.Env(t), dir), earlier)
		if len(again.Events) != 0 || len(again.Faults) != 0 {
			t.Errorf("%s: %d events, faults %v", name, len(again.Events), again.Faults)
		}
		if told := len(again.Notes) > 0; told != strings.Contains(state, "=1:") {
			t.Errorf("%s: notes %+v", name, again.Notes)
		}
	}
}
