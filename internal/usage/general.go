package usage

import (
	"net/netip"
	"regexp"
	"strings"
)

// The parts of names that change from one instance of a thing to the next.
var (
	uuidPart = regexp.MustCompile(`(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	// A pod of a ReplicaSet ends in the hash of its template and five letters, one
	// of a DaemonSet or Job in five, all of the alphabet without vowels that
	// Kubernetes draws from (k8s.io/apimachinery/pkg/util/rand).
	replicaPart = regexp.MustCompile(`-[bcdfghjklmnpqrstvwxz2456789]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}$`)
	podPart     = regexp.MustCompile(`-[bcdfghjklmnpqrstvwxz2456789]{5}$`)
	numberPart  = regexp.MustCompile(`\d{4,}`)
	hexPart     = regexp.MustCompile(`(?i)\b[0-9a-f]{16,}\b`)
)

// generalName takes off a name what changes from run to run. Most names hold
// nothing of the kind, which a look at their letters tells.
func generalName(s string) string {
	digits, hexes := runs(s)
	if len(s) >= 36 && hexes >= 12 && strings.Count(s, "-") >= 4 {
		s = uuidPart.ReplaceAllString(s, "*")
	}
	if len(s) >= 6 && s[len(s)-6] == '-' {
		s = replicaPart.ReplaceAllString(s, "-*")
		s = podPart.ReplaceAllString(s, "-*")
	}
	if hexes >= 16 {
		s = hexPart.ReplaceAllString(s, "*")
	}
	if digits >= 4 {
		s = numberPart.ReplaceAllString(s, "*")
	}
	return s
}

// runs are the lengths of the longest runs of digits and of hexadecimal digits.
func runs(s string) (digits, hexes int) {
	d, h := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			d, h = d+1, h+1
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			d, h = 0, h+1
		default:
			d, h = 0, 0
		}
		digits, hexes = max(digits, d), max(hexes, h)
	}
	return digits, hexes
}

// maxRecalled bounds what a Folder remembers of user agents and of addresses.
const maxRecalled = 1024

// family is AgentFamily of agents that come again.
func (f *Folder) family(agent string) string {
	if agent == "" {
		return ""
	}
	name, ok := f.families[agent]
	if !ok {
		name = AgentFamily(agent)
		if f.families == nil || len(f.families) >= maxRecalled {
			f.families = map[string]string{}
		}
		f.families[agent] = name
	}
	return name
}

// block is Networks.block of addresses that come again.
func (f *Folder) block(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	name, ok := f.blocks[a]
	if !ok {
		name = f.Networks.block(a)
		if f.blocks == nil || len(f.blocks) >= maxRecalled {
			f.blocks = map[netip.Addr]string{}
		}
		f.blocks[a] = name
	}
	return name
}
