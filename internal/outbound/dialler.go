package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/retinue-id/retinue"
)

// Policy says which connections are made. The zero value allows the public
// internet only.
type Policy struct {
	// Allow are ranges that are connected to although they are not public. An
	// IPv4 range allows the forms of its addresses inside IPv6 ones too, where
	// the surrounding address is not itself of a refused range.
	Allow []netip.Prefix
	// Resolver resolves names; nil is the system's.
	Resolver *net.Resolver
	// TLS is the configuration of TLS; nil is Go's. Its root certificates are
	// the only thing that an installation sets here.
	TLS *tls.Config
}

// ParseAllow reads the ranges of a configuration: prefixes such as 10.1.0.0/16,
// or single addresses.
func ParseAllow(words []string) ([]netip.Prefix, error) {
	out := make([]netip.Prefix, 0, len(words))
	for _, w := range words {
		w = strings.TrimSpace(w)
		if a, err := netip.ParseAddr(w); err == nil {
			a = a.Unmap().WithZone("")
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(w)
		if err != nil {
			return nil, fmt.Errorf("%w: outbound.allow: %q: want an address or a range such as 10.1.0.0/16", retinue.ErrInvalid, w)
		}
		if p.Addr().Is4In6() {
			return nil, fmt.Errorf("%w: outbound.allow: %q: write the IPv4 range", retinue.ErrInvalid, w)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// Dialler makes connections under a policy. It is safe for concurrent use.
type Dialler struct {
	policy Policy
	blocks []block
	net    net.Dialer
}

// connectTimeout bounds one attempt to connect.
const connectTimeout = 15 * time.Second

// New returns a dialler that holds to the policy.
func New(p Policy) *Dialler {
	d := &Dialler{policy: p, blocks: blocks()}
	d.net = net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second, Resolver: p.Resolver, Control: d.control}
	return d
}

// control is called with the address that is about to be connected to: names
// have been resolved by then, and nothing comes between.
func (d *Dialler) control(network, address string, _ syscall.RawConn) error {
	switch network {
	case "tcp4", "tcp6":
	default:
		return fmt.Errorf("%w: connect: network %s", retinue.ErrDenied, network)
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: connect to %q: not an address", retinue.ErrDenied, address)
	}
	return d.Check(ap.Addr())
}

// DialContext connects to host:port over TCP. An address that the policy
// refuses is an error that wraps retinue.ErrDenied; of a name with several
// addresses those that are refused are passed over.
func (d *Dialler) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	switch network {
	case "tcp", "tcp4", "tcp6":
	default:
		return nil, fmt.Errorf("%w: connect: network %s: want tcp", retinue.ErrDenied, network)
	}
	c, err := d.net.DialContext(ctx, network, address)
	if err != nil {
		// The net package hides the reason of a refusal in a chain of its own.
		if errors.Is(err, retinue.ErrDenied) {
			return nil, fmt.Errorf("connect to %s: %w", retinue.CleanName(address), err)
		}
		return nil, err
	}
	return c, nil
}

// maxRedirects bounds the redirects that a client follows.
const maxRedirects = 5

// Transport returns a new transport that connects under the policy.
func (d *Dialler) Transport() *http.Transport {
	t := &http.Transport{
		DialContext:           d.DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          32,
		MaxIdleConnsPerHost:   4,
		IdleConnTimeout:       60 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 60 * time.Second,
		ExpectContinueTimeout: time.Second,
		// Answers are read by us: a header of this size is an attack.
		MaxResponseHeaderBytes: 1 << 20,
	}
	if d.policy.TLS != nil {
		t.TLSClientConfig = d.policy.TLS.Clone()
	}
	return t
}

// Client returns a new client that connects under the policy. It follows five
// redirects at most, none from https to http, and keeps no cookies.
func (d *Dialler) Client(timeout time.Duration) *http.Client {
	return &http.Client{Transport: d.Transport(), Timeout: timeout, CheckRedirect: checkRedirect}
}

func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects {
		return fmt.Errorf("%w: follow redirect: more than %d", retinue.ErrDenied, maxRedirects)
	}
	switch {
	case req.URL.Scheme == "https":
	case req.URL.Scheme == "http" && via[len(via)-1].URL.Scheme == "http":
	default:
		return fmt.Errorf("%w: follow redirect from %s to %s", retinue.ErrDenied, via[len(via)-1].URL.Scheme, retinue.CleanName(req.URL.Scheme))
	}
	return nil
}
