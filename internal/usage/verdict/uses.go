package verdict

import (
	"fmt"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/usage/rhythm"
)

// uses is what is known of when the subject was used.
type uses struct {
	// logged is the last use that a log shows, and last the last of any source.
	logged time.Time
	last   time.Time
	basis  Basis
	field  *retinue.Use
	// never is a field by which it was never used, and fields is true where there
	// is any field.
	never  *retinue.Use
	fields bool
	denied time.Time
	// doubt is true where a field contradicts the log.
	doubt   bool
	caveats []string
}

// fieldSlack is how far a field's time may be from the log's own.
const fieldSlack = time.Hour

// ambiguous reports whether a field counts attempts that were refused, or what is
// no use, as well.
func ambiguous(u *retinue.Use) bool {
	return strings.Contains(u.Meaning, "denied") || strings.Contains(u.Meaning, "attempt") ||
		strings.Contains(u.Meaning, "authenticated") && u.Outcome == ""
}

// gather weighs what the logs and the fields say of the last use.
func (e *Evidence) gather(c *cover) uses {
	u := uses{logged: e.LastUse, denied: e.LastDenied}
	if _, hour := e.Uses.Ends(); hour.After(u.logged) {
		// When in the hour is not known: nothing is silence before it is over.
		u.logged = later(hour, earlier(hour.Add(time.Hour-time.Second), e.Now))
	}
	u.logged = earlier(u.logged, e.Now) // a clock that is ahead
	u.last = u.logged
	if !u.last.IsZero() {
		u.basis = BasisLog
	}
	for i := range e.Fields {
		f := &e.Fields[i]
		switch {
		case f.Outcome == string(retinue.OutcomeDenied) || f.Meaning == "last_denied":
			if f.At.After(u.denied) {
				u.denied = f.At
			}
		case f.Never:
			u.fields = true
			if u.never == nil {
				u.never = f
			}
		case !f.At.IsZero():
			u.fields = true
			e.weigh(&u, c, f)
		}
	}
	if !u.last.IsZero() {
		u.never = nil
	}
	return u
}

// weigh takes one field's time into account.
func (e *Evidence) weigh(u *uses, c *cover, f *retinue.Use) {
	precision := time.Duration(max(f.Precision, 0)) * time.Second
	until := f.At.Add(precision)
	if until.After(e.Now) {
		until = later(f.At, e.Now)
	}
	if !f.At.Add(-fieldSlack).After(u.logged) && !u.logged.IsZero() {
		return // the log shows as much
	}
	span := rhythm.Span{From: f.At.Add(-fieldSlack), To: until.Add(fieldSlack)}
	if near(e.LastDenied, f.At, until) && ambiguous(f) {
		u.caveats = append(u.caveats, fmt.Sprintf("The source's field %q has %s; by the log that was a refused attempt.",
			f.Meaning, day(f.At)))
		return
	}
	if c.shows(span, good) {
		u.doubt = true
		u.caveats = append(u.caveats, fmt.Sprintf(
			"The source's field %q has a use on %s that its log does not show: the log is not as complete as it says.",
			f.Meaning, day(f.At)))
	}
	if until.After(u.last) {
		u.last, u.basis, u.field = until, BasisField, f
	}
}

// near reports whether t lies between two moments, or within the slack of them.
func near(t, from, to time.Time) bool {
	return !t.IsZero() && !t.Before(from.Add(-fieldSlack)) && !t.After(to.Add(fieldSlack))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
