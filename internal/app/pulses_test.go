package app

import (
	"strconv"
	"testing"
	"time"
)

// TestPulses has a process look for signs of life of another: it is dead once it
// was silent for long enough while this one looked, and never for another reason.
func TestPulses(t *testing.T) {
	now := time.Now()
	p := newPulses()
	p.now = func() time.Time { return now }
	look := func(after time.Duration, sign string) bool {
		now = now.Add(after)
		return p.dead("scan", sign)
	}
	if look(0, "1") || look(24*time.Hour, "1") || look(24*time.Hour, "1") {
		t.Error("dead after two looks a day apart, in which nothing here ran")
	}
	for i := range 100 {
		if look(beatEvery, strconv.Itoa(2+i)) {
			t.Fatalf("dead although it gives signs of life (look %d)", i)
		}
	}
	looks := 0
	for !look(beatEvery, "200") {
		if looks++; looks > 100 {
			t.Fatal("alive for ever without a sign")
		}
	}
	if silent := time.Duration(looks) * beatEvery; silent < deadAfter || silent > deadAfter+2*beatEvery {
		t.Errorf("dead after %s of silence, want %s", silent, deadAfter)
	}
	now = now.Add(time.Hour)
	if p.forget(); len(p.seen) != 0 {
		t.Errorf("%v is kept", p.seen)
	}
}
