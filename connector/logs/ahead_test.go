package logs_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/logs"
)

// TestAClockThatIsAhead: an event of a day that has not come, or of no time, is
// reported with its line, counts for nothing, and does not stretch what the log
// covers. Those beside it count, also one that is ahead by hours.
func TestAClockThatIsAhead(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	times := []time.Time{now.Add(-2 * time.Hour), now.Add(70 * 365 * 24 * time.Hour), now.Add(-time.Hour), now.Add(5 * time.Hour), now.Add(25 * time.Hour), {}}
	path := filepath.Join(t.TempDir(), "log")
	var text strings.Builder
	for i := range times {
		_, _ = fmt.Fprintf(&text, "line %d %s\n", i, strings.Repeat("x", 64))
	}
	write(t, path, text.String())
	h := newHost()
	n := -1
	err := logs.Read(t.Context(), connector.ActivityRequest{Now: now, Position: h.position}, h, logs.Options{
		Paths: []string{path},
		Decode: func([]byte) ([]retinue.Event, error) {
			n++
			e := event(fmt.Sprint(n))
			e.At = times[n]
			return []retinue.Event{e}, nil
		},
		Cover: func(s logs.Seen) []retinue.Coverage { return s.Coverage() },
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := h.sorted(); got != "0 2 3" {
		t.Errorf("events %q, want 0 2 3", got)
	}
	if len(h.faults) != 3 || h.faults[2].Line != 6 || !strings.Contains(h.faults[2].Error(), "no time") || h.faults[0].Line != 2 || h.faults[1].Line != 5 || !strings.Contains(h.faults[0].Error(), "a clock is wrong") {
		t.Errorf("faults %v, want lines 2, 5 and 6", h.faults)
	}
	if len(h.covers) != 1 || !h.covers[0].From.Equal(times[0]) || !h.covers[0].To.Equal(times[3]) {
		t.Errorf("coverage %+v", h.covers)
	}
}
