package cli

import (
	"sync"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// faultList keeps the first faults of a reading, to be told when it is over. It
// is safe for concurrent use.
type faultList struct {
	mu    sync.Mutex
	limit int
	lines []string
	more  int64
}

func newFaultList(limit int) *faultList { return &faultList{limit: limit} }

func (l *faultList) add(_ string, f connector.Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) < l.limit {
		l.lines = append(l.lines, retinue.CleanName(f.Error()))
	} else {
		l.more += max(1, f.Count)
	}
}

func (l *faultList) say(e *env) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.lines {
		e.say("not read: %s", s)
	}
	if l.more > 0 {
		e.say("not read: %d more", l.more)
	}
}
