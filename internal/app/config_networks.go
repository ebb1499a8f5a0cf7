package app

import (
	"fmt"
	"net/netip"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/usage"
)

// maxNetworkName bounds the name of a block of addresses, in bytes: it becomes a
// part of the names of what uses credentials.
const maxNetworkName = 64

// networks reads the blocks of addresses that have a name. ErrInvalid says which
// one is wrong, and what would be right.
func (c Config) networks() (usage.Networks, error) {
	var out usage.Networks
	named := map[netip.Prefix]string{}
	bad := func(i int, n NetworkConfig, format string, args ...any) error {
		return fmt.Errorf("%w: networks: %d (%s): %s", retinue.ErrInvalid, i+1, n.Name, fmt.Sprintf(format, args...))
	}
	for i, n := range c.Networks {
		switch {
		case n.Name == "":
			return nil, bad(i, n, "name is missing")
		case len(n.Name) > maxNetworkName || retinue.CleanName(n.Name) != n.Name:
			return nil, bad(i, n, "name: want at most %d bytes of printable text", maxNetworkName)
		case len(n.Blocks) == 0:
			return nil, bad(i, n, "blocks are missing: want such as 192.0.2.0/24")
		}
		for _, text := range n.Blocks {
			p, err := netip.ParsePrefix(text)
			if a, aerr := netip.ParseAddr(text); aerr == nil {
				p, err = netip.PrefixFrom(a.Unmap().WithZone(""), a.Unmap().BitLen()), nil
			}
			switch {
			case err != nil:
				return nil, bad(i, n, "blocks: %q: want an address or a block such as 192.0.2.0/24", text)
			case p != p.Masked():
				return nil, bad(i, n, "blocks: %q begins in the middle of a block: want %s", text, p.Masked())
			case p.Addr().Is4In6():
				return nil, bad(i, n, "blocks: %q: write it as a block of IPv4", text)
			case named[p] != "":
				return nil, bad(i, n, "blocks: %s is named %s already", p, named[p])
			}
			named[p] = n.Name
			out = append(out, usage.Network{Prefix: p, Name: n.Name})
		}
	}
	return out, nil
}
