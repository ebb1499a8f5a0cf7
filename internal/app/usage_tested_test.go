package app

import (
	"testing"

	"github.com/retinue-id/retinue/connector"
)

// TestTestedConditionsAreReadOncePerRevision: the documents of policies are read again
// once the inventory changed, and not for each part of a log that is counted.
func TestTestedConditionsAreReadOncePerRevision(t *testing.T) {
	eachSeen(t, seen{}, func(t *testing.T, w *teller) {
		count := func() *eventCounter {
			c, err := w.eventCounter(t.Context(), "ndjson", func(f connector.Fault) { t.Error(f) })
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		if count().tested("aws:1", "aws:SourceVpce") {
			t.Error("a condition is tested that no policy names")
		}
		w.tested.keys["aws:sourcevpce"] = true // what is held is what is asked
		if !count().tested("aws:1", "aws:SourceVpce") {
			t.Error("the documents were read again, though nothing changed")
		}
		w.tested.revision-- // as if something had changed since
		if count().tested("aws:1", "aws:SourceVpce") {
			t.Error("what was held stands, though something changed")
		}
	})
}
