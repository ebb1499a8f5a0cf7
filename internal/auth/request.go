package auth

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Front is what the server knows of how it is reached.
type Front struct {
	// Public is the address that people use, such as
	// https://retinue.example.org; on loopback http://localhost:8420.
	Public *url.URL
	// Hosts are further host names (with port) that are served.
	Hosts []string
}

// Loopback reports whether the public address is of this machine only.
func (f Front) Loopback() bool { return f.Public != nil && loopbackHost(f.Public.Hostname()) }

// Secure reports whether people use TLS, so that cookies may ask for it.
func (f Front) Secure() bool { return f.Public != nil && f.Public.Scheme == "https" }

// Origin is the public address as browsers name it.
func (f Front) Origin() string {
	if f.Public == nil {
		return ""
	}
	return f.Public.Scheme + "://" + f.Public.Host
}

// RelyingParty is the id under which passkeys are made: localhost on loopback,
// else the host of the public address.
func (f Front) RelyingParty() string {
	if f.Public == nil || f.Loopback() {
		return "localhost"
	}
	return f.Public.Hostname()
}

func loopbackHost(h string) bool {
	if strings.EqualFold(h, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(h)
	return err == nil && a.IsLoopback()
}

// HostAllowed reports whether a Host header names this server. A page of
// another site whose name was pointed here after it was loaded (DNS rebinding)
// sends its own name, and is refused.
func (f Front) HostAllowed(host string) bool {
	host = strings.ToLower(host)
	if f.Public != nil && host == strings.ToLower(f.Public.Host) || slices.ContainsFunc(f.Hosts, func(h string) bool { return strings.EqualFold(h, host) }) {
		return true
	}
	if !f.Loopback() {
		return false
	}
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = host, ""
	}
	return loopbackHost(strings.Trim(name, "[]")) && port == f.Public.Port()
}

// SameSite reports whether a request that changes something comes from a page
// of this server. Browsers say so in Sec-Fetch-Site, which pages cannot set;
// those that do not send it send Origin with every such request. A request
// with neither is not a browser's, and has no business with a cookie.
func (f Front) SameSite(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return true
	}
	origin := r.Header.Get("Origin")
	if origin != "" && !f.originAllowed(origin) {
		return false
	}
	switch site := r.Header.Get("Sec-Fetch-Site"); site {
	case "same-origin":
		return true
	case "":
		return origin != ""
	}
	return false
}

func (f Front) originAllowed(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	scheme := "http"
	if f.Secure() {
		scheme = "https"
	}
	return u.Scheme == scheme && f.HostAllowed(u.Host)
}

// ThrottleOrigin is by what an address is counted: one IPv6 customer has at
// least a /64.
func ThrottleOrigin(client string) string {
	a, err := netip.ParseAddr(client)
	if err != nil || a.Is4() {
		return client
	}
	p, err := a.Prefix(64)
	if err != nil {
		return client
	}
	return p.Masked().String()
}
