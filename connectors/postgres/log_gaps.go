package postgres

import (
	"sync"
	"time"

	"github.com/retinue-id/retinue"
)

// maxSessions bounds the sessions whose lines are counted in a run. Beyond it
// nothing is said about gaps.
const maxSessions = 500_000

// sessionLines watches the numbers that the server gives the lines of each of its
// processes. A number that is missing between two that were read is a line that
// was logged and is not there.
type sessionLines struct {
	mu       sync.Mutex
	sessions map[string]*lineSpan
	full     bool
}

type lineSpan struct {
	first, last, count int64
	from, to           time.Time
	own                bool // of a process of the server's own
	went               bool // it goes on from an earlier reading
}

func newSessionLines() *sessionLines { return &sessionLines{sessions: map[string]*lineSpan{}} }

// see counts a line. before is how far an earlier reading had come in the session.
func (s *sessionLines) see(l *logLine, before numbered) {
	s.mu.Lock()
	defer s.mu.Unlock()
	span := s.sessions[l.session]
	if span == nil {
		if len(s.sessions) >= maxSessions {
			s.full = true
			return
		}
		span = &lineSpan{first: l.number, last: l.number, from: l.at, to: l.at, own: l.user == ""}
		if before.Last > 0 && before.Last < l.number {
			span.first, span.from, span.own = before.Last+1, before.At, span.own && before.Own
			span.went = true
		}
		s.sessions[l.session] = span
	}
	span.count++
	span.first, span.last = min(span.first, l.number), max(span.last, l.number)
	if l.at.Before(span.from) {
		span.from = l.at
	}
	if l.at.After(span.to) {
		span.to = l.at
	}
	span.own = span.own && l.user == ""
}

// judge says whether lines are missing, between which times, and else why
// none are, and since when: from before this reading where the numbers of the
// server's own processes go on from an earlier one.
func (s *sessionLines) judge() (proof string, since time.Time, gap *retinue.BlindSpot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	own, twice := false, false
	for _, span := range s.sessions {
		own = own || span.own && (span.count > 1 || span.went)
		if span.own && span.went && (since.IsZero() || span.from.Before(since)) {
			since = span.from
		}
		switch missing := span.last - span.first + 1 - span.count; {
		case missing < 0:
			twice = true // the same lines in two formats
		case missing > 0 && gap == nil:
			gap = &retinue.BlindSpot{Code: "postgres.lines_missing", Text: "Lines of sessions are missing: their numbers leave gaps.",
				From: span.from, To: span.to, Raise: "Import the files that are missing.", Cost: "None."}
		case missing > 0:
			gap.From, gap.To = earlier(gap.From, span.from), later(gap.To, span.to)
		}
	}
	if gap != nil || s.full || twice || !own {
		return "", time.Time{}, gap
	}
	return "the lines of every session, the server's own processes among them, are numbered without a gap", since, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
