package auth

import (
	"context"
	"net/http"
	"time"

	"github.com/retinue-id/retinue/internal/store"
)

// SessionLimits are how long a session lives.
type SessionLimits struct {
	// Idle ends a session that is not used, Absolute any.
	Idle, Absolute time.Duration
	// Rotate is after what time the value of the cookie changes.
	Rotate time.Duration
}

// The limits of sessions where the configuration does not say otherwise.
const (
	DefaultIdle     = 12 * time.Hour
	DefaultAbsolute = 7 * 24 * time.Hour
	DefaultRotate   = 15 * time.Minute
	// rotateGrace is how long the value before the last is taken after the new
	// one was seen: requests of a page overtake each other.
	rotateGrace = time.Minute
	// rotateAgain is after what time a new value that was never seen counts as
	// lost on its way, and another is made.
	rotateAgain = 30 * time.Second
	// seenEvery is how often the time of last use is written.
	seenEvery = time.Minute
)

// WithDefaults fills in the limits that are not set.
func (l SessionLimits) WithDefaults() SessionLimits {
	if l.Idle <= 0 {
		l.Idle = DefaultIdle
	}
	if l.Absolute <= 0 {
		l.Absolute = DefaultAbsolute
	}
	if l.Rotate <= 0 {
		l.Rotate = DefaultRotate
	}
	return l
}

// SessionStep is what is to be done with a session that was presented.
type SessionStep int

// The steps.
const (
	SessionUse      SessionStep = iota // nothing but use it
	SessionSee                         // keep that it was used
	SessionConfirm                     // keep that its new value arrived
	SessionRotate                      // give it a new value
	SessionEnded                       // it ran out
	SessionReplayed                    // an old value came back: somebody has a copy
)

// Step decides about a session that was presented at a time.
func (l SessionLimits) Step(s store.Session, now time.Time) SessionStep {
	switch {
	case !now.Before(s.ExpiresAt) || now.Sub(s.SeenAt) >= l.Idle:
		return SessionEnded
	case s.Replaced && !s.ConfirmedAt.IsZero() && now.Sub(s.ConfirmedAt) > rotateGrace:
		return SessionReplayed
	case s.Replaced && s.ConfirmedAt.IsZero() && now.Sub(s.RotatedAt) > rotateAgain:
		return SessionRotate
	case s.Replaced:
		return SessionUse
	case s.ConfirmedAt.IsZero():
		return SessionConfirm
	case now.Sub(s.RotatedAt) >= l.Rotate:
		return SessionRotate
	case now.Sub(s.SeenAt) >= seenEvery:
		return SessionSee
	}
	return SessionUse
}

// SeenEvery is how often the last use of a session or token is written.
const SeenEvery = seenEvery

// Presented is what a request brought to prove who sends it.
type Presented struct {
	// Client is the address that it comes from, Agent the browser's name.
	Client, Agent string
	// Session, Flow and Device are the values of cookies, Bearer that of the
	// Authorization header; each empty where absent.
	Session, Flow, Device, Bearer string
}

// The names of cookies. With TLS they begin with __Host-, by which a browser
// holds them to this host, to TLS and to the path / (RFC 6265bis, section
// 4.1.3.2): no neighbour can set one.
const (
	hostPrefix    = "__Host-"
	sessionCookie = "retinue"
	flowCookie    = "retinue-flow"
	deviceCookie  = "retinue-device"
	// DeviceFor is how long a browser is known.
	DeviceFor = 180 * 24 * time.Hour
	// FlowFor is how long a sign-in may take.
	FlowFor = 10 * time.Minute
)

func (f Front) cookieName(name string) string {
	if f.Secure() {
		return hostPrefix + name
	}
	return name
}

func (f Front) cookie(name, value string, age time.Duration, site http.SameSite) *http.Cookie {
	c := &http.Cookie{Name: f.cookieName(name), Value: value, Path: "/", HttpOnly: true, Secure: f.Secure(), SameSite: site,
		MaxAge: int(age / time.Second)}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// SessionCookie carries a session; an empty value removes it. It is strict:
// the console's page is public, and the requests that it then makes are from
// its own site even when a link elsewhere, or a provider of single sign-on, led
// to it.
func (f Front) SessionCookie(value string, age time.Duration) *http.Cookie {
	return f.cookie(sessionCookie, value, age, http.SameSiteStrictMode)
}

// FlowCookie carries a sign-in that is not finished. It is lax, because a
// provider of single sign-on leads back from its own site.
func (f Front) FlowCookie(value string) *http.Cookie {
	return f.cookie(flowCookie, value, FlowFor, http.SameSiteLaxMode)
}

// DeviceCookie marks a browser that has signed in.
func (f Front) DeviceCookie(value string) *http.Cookie {
	return f.cookie(deviceCookie, value, DeviceFor, http.SameSiteStrictMode)
}

// Present reads what a request from an address brought.
func (f Front) Present(r *http.Request, client string) Presented {
	p := Presented{Client: client, Agent: printable(r.UserAgent(), 200)}
	value := func(name string) string {
		c, err := r.Cookie(f.cookieName(name))
		if err != nil || len(c.Value) > 128 {
			return ""
		}
		return c.Value
	}
	p.Session, p.Flow, p.Device = value(sessionCookie), value(flowCookie), value(deviceCookie)
	if b, ok := bearer(r.Header.Get("Authorization")); ok {
		p.Bearer = b
	} else if b := r.Header.Get(firehoseKey); b != "" && len(b) <= 256 {
		p.Bearer = b
	}
	return p
}

// firehoseKey is the header in which Amazon Data Firehose sends its access key,
// which is a token here: it sends no other.
const firehoseKey = "X-Amz-Firehose-Access-Key"

func bearer(h string) (string, bool) {
	const scheme = "bearer "
	if len(h) <= len(scheme) || len(h) > 256 || !equalFold(h[:len(scheme)], scheme) {
		return "", false
	}
	return h[len(scheme):], true
}

type presentedKey struct{}

// WithPresented gives a request's context what the request brought.
func WithPresented(ctx context.Context, p Presented) context.Context {
	return context.WithValue(ctx, presentedKey{}, p)
}

// PresentedBy returns what the request of a context brought.
func PresentedBy(ctx context.Context) Presented {
	p, _ := ctx.Value(presentedKey{}).(Presented)
	return p
}
