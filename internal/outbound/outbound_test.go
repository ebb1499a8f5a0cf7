package outbound_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/outbound"
	"github.com/retinue-id/retinue/internal/testkit"
)

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		addr, allow string
		ok          bool
	}{
		{"93.184.216.34", "", true},
		{"8.8.8.8", "", true},
		{"172.15.255.255", "", true},
		{"172.32.0.0", "", true},
		{"100.63.255.255", "", true},
		{"100.128.0.0", "", true},
		{"192.167.255.255", "", true},
		{"2606:4700::1111", "", true},
		{"64:ff9b::5db8:d822", "", true}, // NAT64 of a public address
		{"2002:5db8:d822::1", "", true},  // 6to4 of a public address

		{"0.0.0.0", "", false},
		{"0.1.2.3", "", false},
		{"10.0.0.1", "", false},
		{"10.255.255.255", "", false},
		{"100.64.0.1", "", false},
		{"100.127.255.255", "", false},
		{"127.0.0.1", "", false},
		{"127.255.255.254", "", false},
		{"169.254.169.254", "", false},
		{"169.254.170.2", "", false},
		{"168.63.129.16", "", false},
		{"172.16.0.1", "", false},
		{"172.31.255.255", "", false},
		{"192.0.0.192", "", false},
		{"192.168.1.1", "", false},
		{"198.18.0.1", "", false},
		{"224.0.0.1", "", false},
		{"239.255.255.255", "", false},
		{"240.0.0.1", "", false},
		{"255.255.255.255", "", false},
		{"::", "", false},
		{"::1", "", false},
		{"fe80::1", "", false},
		{"fe80::1%eth0", "", false},
		{"fec0::1", "", false},
		{"fc00::1", "", false},
		{"fd00:ec2::254", "", false},
		{"ff02::1", "", false},
		{"2001:db8::1", "", false},
		{"2001::1", "", false},
		{"100::1", "", false},
		{"5f00::1", "", false},
		{"::ffff:127.0.0.1", "", false},
		{"::ffff:169.254.169.254", "", false},
		{"::ffff:10.0.0.1", "", false},
		{"::ffff:0:10.0.0.1", "", false},
		{"::127.0.0.1", "", false},
		{"64:ff9b::127.0.0.1", "", false},
		{"64:ff9b::169.254.169.254", "", false},
		{"64:ff9b:1::10.0.0.1", "", false},
		{"2002:7f00:1::", "", false},
		{"2002:a9fe:a9fe::1", "", false},
		{"2606:4700::5efe:10.0.0.1", "", false},
		{"2606:4700::200:5efe:10.0.0.1", "", false},

		{"10.1.2.3", "10.1.0.0/16", true},
		{"::ffff:10.1.2.3", "10.1.0.0/16", true},
		{"64:ff9b::10.1.2.3", "10.1.0.0/16", true},
		{"10.2.0.1", "10.1.0.0/16", false},
		{"127.0.0.1", "127.0.0.1", true},
		{"127.0.0.2", "127.0.0.1", false},
		{"::1", "127.0.0.1", false},
		{"::1", "::1", true},
		{"fd00::1", "fd00::/8", true},
		{"fe80::5efe:10.1.2.3", "10.1.0.0/16", false}, // the outer address counts too
	} {
		var allow []string
		if c.allow != "" {
			allow = []string{c.allow}
		}
		ranges, err := outbound.ParseAllow(allow)
		if err != nil {
			t.Fatal(err)
		}
		err = outbound.New(outbound.Policy{Allow: ranges}).Check(netip.MustParseAddr(c.addr))
		if (err == nil) != c.ok {
			t.Errorf("%s with %q: %v, want allowed %v", c.addr, c.allow, err, c.ok)
		}
		if err != nil && !errors.Is(err, retinue.ErrDenied) {
			t.Errorf("%s: %v is not ErrDenied", c.addr, err)
		}
	}
	if err := outbound.New(outbound.Policy{}).Check(netip.Addr{}); !errors.Is(err, retinue.ErrDenied) {
		t.Errorf("no address: %v", err)
	}
}

func TestParseAllow(t *testing.T) {
	for _, bad := range []string{"", "example.com", "10.0.0.0/33", "10.0.0.0-10.0.0.9", "::ffff:10.0.0.0/104"} {
		if _, err := outbound.ParseAllow([]string{bad}); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("%q: %v, want ErrInvalid", bad, err)
		}
	}
	got, err := outbound.ParseAllow([]string{" 10.1.2.3/16 ", "::ffff:192.168.1.1", "fd00::/8"})
	if err != nil || len(got) != 3 || got[0].String() != "10.1.0.0/16" || got[1].String() != "192.168.1.1/32" {
		t.Errorf("%v, %v", got, err)
	}
}

// server is on a loopback address, which nothing reaches unless it is allowed.
func server(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func get(t *testing.T, c *http.Client, url string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

func TestClientRefusesPrivateAddresses(t *testing.T) {
	var asked atomic.Int32
	s := server(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = io.WriteString(w, "hello")
	}))
	_, port, _ := strings.Cut(strings.TrimPrefix(s.URL, "http://"), ":")
	strict := outbound.New(outbound.Policy{}).Client(5 * time.Second)
	for _, url := range []string{s.URL, "http://localhost:" + port, "http://[::ffff:127.0.0.1]:" + port, "http://0.0.0.0:" + port, "http://2130706433:" + port} {
		if body, err := get(t, strict, url); err == nil {
			t.Errorf("%s was read: %q", url, body)
		}
	}
	if _, err := get(t, strict, s.URL); !errors.Is(err, retinue.ErrDenied) {
		t.Errorf("refused without ErrDenied: %v", err)
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("%d requests came through", n)
	}
	open := outbound.New(outbound.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}).Client(5 * time.Second)
	if body, err := get(t, open, s.URL); err != nil || body != "hello" {
		t.Errorf("an allowed address: %q, %v", body, err)
	}
}

// TestRedirectIsChecked has an allowed server redirect to one that is not, on
// another loopback address.
func TestRedirectIsChecked(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.2:0")
	if err != nil {
		testkit.Absent(t, "a second loopback address: "+err.Error())
	}
	var asked atomic.Int32
	inner := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	_ = inner.Listener.Close()
	inner.Listener = l
	inner.Start()
	t.Cleanup(inner.Close)
	hops := 0
	outer := server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/private":
			http.Redirect(w, r, inner.URL, http.StatusFound)
		case "/loop":
			hops++
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}
	}))
	c := outbound.New(outbound.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}).Client(5 * time.Second)
	for _, path := range []string{"/private", "/loop", "/file"} {
		if _, err := get(t, c, outer.URL+path); !errors.Is(err, retinue.ErrDenied) {
			t.Errorf("%s: %v, want ErrDenied", path, err)
		}
	}
	if asked.Load() != 0 {
		t.Error("the redirect was followed")
	}
	if hops != 5 {
		t.Errorf("%d redirects were followed, want 5", hops)
	}
}

func TestRedirectToPlainHTTP(t *testing.T) {
	plain := server(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "plain") }))
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, plain.URL, http.StatusFound)
	}))
	t.Cleanup(s.Close)
	tls := s.Client().Transport.(*http.Transport).TLSClientConfig
	c := outbound.New(outbound.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, TLS: tls}).Client(5 * time.Second)
	if body, err := get(t, c, s.URL); !errors.Is(err, retinue.ErrDenied) {
		t.Errorf("%q, %v", body, err)
	}
}

func TestProxyOfTheEnvironmentIsNotUsed(t *testing.T) {
	var asked atomic.Int32
	proxy := server(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("HTTPS_PROXY", proxy.URL)
	c := outbound.New(outbound.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}).Client(time.Second)
	_, _ = get(t, c, "http://203.0.113.1/")
	if asked.Load() != 0 {
		t.Error("a proxy was asked")
	}
}

// TestRebinding resolves a name to a public address first and to loopback
// afterwards. What is connected to is what was checked.
func TestRebinding(t *testing.T) {
	var asked atomic.Int32
	s := server(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	_, port, _ := strings.Cut(strings.TrimPrefix(s.URL, "http://"), ":")
	var queries atomic.Int32
	resolver := nameserver(t, func() [4]byte {
		if queries.Add(1) == 1 {
			return [4]byte{192, 0, 2, 1} // of documentation: refused as well, without a wait
		}
		return [4]byte{127, 0, 0, 1}
	})
	c := outbound.New(outbound.Policy{Resolver: resolver}).Client(5 * time.Second)
	for range 3 {
		if _, err := get(t, c, "http://rebind.example:"+port); !errors.Is(err, retinue.ErrDenied) {
			t.Errorf("%v, want ErrDenied", err)
		}
	}
	if asked.Load() != 0 {
		t.Error("the name led to loopback")
	}
	if queries.Load() < 3 {
		t.Errorf("%d queries: the resolver was not used", queries.Load())
	}
	// The resolver itself works: with loopback allowed the name leads there.
	c = outbound.New(outbound.Policy{Resolver: resolver, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}).Client(5 * time.Second)
	if _, err := get(t, c, "http://rebind.example:"+port); err != nil || asked.Load() != 1 {
		t.Errorf("with loopback allowed: %v, %d requests", err, asked.Load())
	}
}

// nameserver is a resolver that answers every question for an address with
// what answer returns.
func nameserver(t *testing.T, answer func() [4]byte) *net.Resolver {
	t.Helper()
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, srv := net.Pipe() // no packets, so questions come framed as over TCP
		go func() {
			defer func() { _ = srv.Close() }()
			for {
				var size [2]byte
				if _, err := io.ReadFull(srv, size[:]); err != nil {
					return
				}
				msg := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(srv, msg); err != nil {
					return
				}
				var q dnsmessage.Message
				if err := q.Unpack(msg); err != nil || len(q.Questions) != 1 {
					return
				}
				q.Response, q.RecursionAvailable, q.Additionals = true, true, nil
				if q.Questions[0].Type == dnsmessage.TypeA {
					q.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Questions[0].Name, Type: dnsmessage.TypeA,
						Class: dnsmessage.ClassINET}, Body: &dnsmessage.AResource{A: answer()}}}
				}
				out, err := q.Pack()
				if err != nil {
					return
				}
				if _, err := srv.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...)); err != nil {
					return
				}
			}
		}()
		return client, nil
	}}
}

func TestDialOnlyTCP(t *testing.T) {
	d := outbound.New(outbound.Policy{})
	for _, network := range []string{"unix", "udp", "ip4:icmp"} {
		if c, err := d.DialContext(t.Context(), network, "/tmp/socket"); !errors.Is(err, retinue.ErrDenied) {
			t.Errorf("%s: %v", network, err)
			if c != nil {
				_ = c.Close()
			}
		}
	}
}

// FuzzCheck holds the judgement of an address to that of the forms in which it
// can be written.
func FuzzCheck(f *testing.F) {
	for _, a := range []string{"127.0.0.1", "169.254.169.254", "10.0.0.1", "8.8.8.8", "::1", "fe80::1", "64:ff9b::7f00:1", "2002:7f00:1::"} {
		b := netip.MustParseAddr(a).As16()
		f.Add(b[:])
	}
	d := outbound.New(outbound.Policy{})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 16 {
			return
		}
		b := [16]byte(data[:16])
		addr := netip.AddrFrom16(b)
		inner := netip.AddrFrom4([4]byte(b[12:]))
		if d.Check(addr) != nil {
			// what is refused is refused with a zone, too
			if d.Check(addr.WithZone("eth0")) == nil {
				t.Errorf("%s is refused, and allowed with a zone", addr)
			}
		} else if u := addr.Unmap(); u.IsLoopback() || u.IsPrivate() || u.IsLinkLocalUnicast() || u.IsMulticast() || u.IsUnspecified() || !u.IsGlobalUnicast() {
			t.Errorf("%s is allowed", addr)
		}
		for _, prefix := range []string{"::ffff:0:0", "64:ff9b::", "::ffff:0:0:0", "::"} {
			p := netip.MustParseAddr(prefix).As16()
			copy(p[12:], b[12:])
			if d.Check(inner) != nil && d.Check(netip.AddrFrom16(p)) == nil {
				t.Errorf("%s is refused, and allowed as %s", inner, netip.AddrFrom16(p))
			}
		}
		six := netip.AddrFrom16([16]byte{0x20, 0x02, b[12], b[13], b[14], b[15]})
		if d.Check(inner) != nil && d.Check(six) == nil {
			t.Errorf("%s is refused, and allowed as %s", inner, six)
		}
	})
}
