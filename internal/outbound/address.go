package outbound

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/retinue-id/retinue"
)

// block is a range of addresses that are not of the public internet.
type block struct {
	prefix netip.Prefix
	why    string
}

// blocks are the ranges that nothing connects to unless they are allowed.
func blocks() []block {
	table := []struct{ prefix, why string }{
		{"0.0.0.0/8", "this network (RFC 791)"},
		{"10.0.0.0/8", "private (RFC 1918)"},
		{"100.64.0.0/10", "shared by carriers (RFC 6598)"},
		{"127.0.0.0/8", "loopback (RFC 1122)"},
		{"169.254.0.0/16", "link-local, with the metadata service of clouds (RFC 3927)"},
		{"172.16.0.0/12", "private (RFC 1918)"},
		{"192.0.0.0/24", "protocol assignments (RFC 6890)"},
		{"192.0.2.0/24", "documentation (RFC 5737)"},
		{"192.88.99.0/24", "6to4 relays (RFC 7526)"},
		{"192.168.0.0/16", "private (RFC 1918)"},
		{"198.18.0.0/15", "benchmarks (RFC 2544)"},
		{"198.51.100.0/24", "documentation (RFC 5737)"},
		{"203.0.113.0/24", "documentation (RFC 5737)"},
		{"224.0.0.0/4", "multicast (RFC 5771)"},
		{"240.0.0.0/4", "reserved, with limited broadcast (RFC 1112)"},
		{"168.63.129.16/32", "the virtual host of Azure"},
		{"::/128", "unspecified (RFC 4291)"},
		{"::1/128", "loopback (RFC 4291)"},
		{"64:ff9b:1::/48", "local translation (RFC 8215)"},
		{"100::/64", "discard (RFC 6666)"},
		{"2001::/32", "Teredo (RFC 4380)"},
		{"2001:2::/48", "benchmarks (RFC 5180)"},
		{"2001:10::/28", "ORCHID (RFC 4843)"},
		{"2001:20::/28", "ORCHIDv2 (RFC 7343)"},
		{"2001:db8::/32", "documentation (RFC 3849)"},
		{"3fff::/20", "documentation (RFC 9637)"},
		{"5f00::/16", "segment routing (RFC 9602)"},
		{"fc00::/7", "unique local, with the metadata service of clouds (RFC 4193)"},
		{"fe80::/10", "link-local (RFC 4291)"},
		{"fec0::/10", "site-local (RFC 3879)"},
		{"ff00::/8", "multicast (RFC 4291)"},
	}
	out := make([]block, len(table))
	for i, t := range table {
		out[i] = block{netip.MustParsePrefix(t.prefix), t.why}
	}
	return out
}

// Check reports whether the policy lets a connection be made to an address. The
// error wraps retinue.ErrDenied and names address and reason.
func (d *Dialler) Check(addr netip.Addr) error {
	if !addr.IsValid() {
		return fmt.Errorf("%w: connect: not an IP address", retinue.ErrDenied)
	}
	// A zone names an interface of this machine and does not change the range.
	for _, a := range forms(addr.WithZone("")) {
		if d.allowed(a) {
			continue
		}
		for _, b := range d.blocks {
			if b.prefix.Contains(a) {
				return fmt.Errorf("%w: connect to %s: %s; the configuration can allow it (outbound.allow)", retinue.ErrDenied, addr, b.why)
			}
		}
	}
	return nil
}

func (d *Dialler) allowed(a netip.Addr) bool {
	for _, p := range d.policy.Allow {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// forms are the addresses that a packet to addr may end at: itself, and the
// IPv4 addresses that translators and tunnels find inside it. Each must be
// allowed. An IPv4-mapped address is the IPv4 one in every respect.
func forms(addr netip.Addr) []netip.Addr {
	addr = addr.Unmap()
	if addr.Is4() {
		return []netip.Addr{addr}
	}
	out := []netip.Addr{addr}
	b := addr.As16()
	four := func(at int) { out = append(out, netip.AddrFrom4([4]byte(b[at:at+4]))) }
	high := binary.BigEndian.Uint64(b[:8])
	switch {
	case high == 0 && binary.BigEndian.Uint32(b[8:12]) == 0 && !addr.IsLoopback() && !addr.IsUnspecified():
		four(12) // IPv4-compatible ::a.b.c.d (RFC 4291, deprecated)
	case high == 0 && binary.BigEndian.Uint32(b[8:12]) == 0xffff0000:
		four(12) // IPv4-translated ::ffff:0:a.b.c.d (RFC 2765)
	case high == 0x0064_ff9b_0000_0000 && binary.BigEndian.Uint32(b[8:12]) == 0:
		four(12) // NAT64 64:ff9b::a.b.c.d (RFC 6052)
	case binary.BigEndian.Uint16(b[:2]) == 0x2002:
		four(2) // 6to4 2002:aabb:ccdd:: (RFC 3056)
	}
	if binary.BigEndian.Uint32(b[8:12])&^0x0200_0000 == 0x0000_5efe {
		four(12) // ISATAP ...:0:5efe:a.b.c.d (RFC 5214)
	}
	return out
}
