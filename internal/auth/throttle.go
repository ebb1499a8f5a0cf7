package auth

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// Guessing is slowed by delays that double, never by locking an account: the
// delays belong to a pair of account and origin, to an origin, and to a browser
// that the account has used before. So an attacker slows nobody but who shares
// their address, and not even those on a browser that is known.

// Pace is how failures turn into waiting.
type Pace struct {
	// Free is how many failures cost nothing.
	Free int
	// Longest is the longest wait; the first is a second.
	Longest time.Duration
}

// The paces.
const (
	longestWait = 15 * time.Minute
	// AttackAfter is how many failures against one account, from wherever,
	// count as an attack: from then on an origin that is not known has one
	// free attempt.
	AttackAfter = 50
	// ThrottleWindow is after what time without failures they are forgotten.
	ThrottleWindow = 24 * time.Hour
)

// PacePair is the pace of an account and an origin.
func PacePair(attacked bool) Pace {
	if attacked {
		return Pace{Free: 1, Longest: longestWait}
	}
	return Pace{Free: 5, Longest: longestWait}
}

// PaceOrigin is the pace of an origin over all accounts.
func PaceOrigin() Pace { return Pace{Free: 30, Longest: longestWait} }

// PaceDevice is the pace of a browser that an account has used before.
func PaceDevice() Pace { return Pace{Free: 8, Longest: longestWait} }

// PaceFactor is the pace of second factors of an account on browsers that are
// not known: whoever gets so far has the password.
func PaceFactor() Pace { return Pace{Free: 10, Longest: longestWait} }

// PaceToken is the pace of tokens that are wrong, by origin.
func PaceToken() Pace { return Pace{Free: 60, Longest: longestWait} }

// Wait returns how long an attempt must wait; zero lets it through.
func (p Pace) Wait(t store.Throttle, now time.Time) time.Duration {
	over := t.Failures - p.Free
	if over < 0 {
		return 0
	}
	wait := p.Longest
	if over < 20 {
		wait = min(time.Second<<over, p.Longest)
	}
	return max(0, wait-now.Sub(t.LastAt))
}

// ThrottleKey names what failures are counted by. It is a hash: the table
// holds neither logins nor addresses.
func ThrottleKey(kind string, parts ...string) []byte {
	h := sha256.New()
	for _, p := range append([]string{kind}, parts...) {
		fmt.Fprintf(h, "%d:%s,", len(p), p)
	}
	return h.Sum(nil)
}

// ThrottleLogin is the form of a login in a throttle key.
func ThrottleLogin(login string) string { return strings.ToLower(strings.TrimSpace(login)) }

// TooManyError says that an attempt came too early. It tells nothing about the
// account.
type TooManyError struct{ Wait time.Duration }

func (e *TooManyError) Error() string { return "too many attempts: wait" }

// Unwrap makes it an ErrUnavailable: trying again later helps.
func (e *TooManyError) Unwrap() error { return retinue.ErrUnavailable }

// RetryAfter is how long to wait.
func (e *TooManyError) RetryAfter() time.Duration { return e.Wait }
