package usage

import (
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/retinue-id/retinue"
)

// plainName is generalName without the look at the letters.
func plainName(s string) string {
	s = uuidPart.ReplaceAllString(s, "*")
	s = replicaPart.ReplaceAllString(s, "-*")
	s = podPart.ReplaceAllString(s, "-*")
	s = hexPart.ReplaceAllString(s, "*")
	return numberPart.ReplaceAllString(s, "*")
}

// TestNamesAreTheSameWithoutLooking holds the short way to the rules.
func TestNamesAreTheSameWithoutLooking(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	parts := []string{"a", "f", "0", "9", "-", "-", ".", "/", "é", "Z", "7c9f8d6b5d", "x2kqz", "-x2kqz", "0123456789abcdef", "ABCDEF0123", "1234", "123",
		"3f2504e0-4f89-41d3-9a0c-0305e82c3301", "3F2504E0-4F89-41D3-9A0C-0305E82C330", "job", "\xff", "_"}
	for range 200_000 {
		s := ""
		for range 1 + r.IntN(7) {
			s += parts[r.IntN(len(parts))]
		}
		if got, want := generalName(s), plainName(s); got != want {
			t.Fatalf("general name of %q: got %q, want %q", s, got, want)
		}
	}
}

// TestAddressesKeepTheirHash holds the hash of an address to that of hash/fnv:
// sketches on disk are made of it.
func TestAddressesKeepTheirHash(t *testing.T) {
	for _, s := range []string{"10.0.0.1", "2001:db8::1", "203.0.113.255"} {
		a := netip.MustParseAddr(s)
		h := fnv.New32a()
		b := a.As16()
		_, _ = h.Write(b[:])
		if got := origin(&retinue.Event{Origin: retinue.Origin{Address: a}}); got != h.Sum32() {
			t.Errorf("hash of %s: got %d, want %d", s, got, h.Sum32())
		}
	}
}
