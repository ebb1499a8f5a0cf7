package keys

import (
	"encoding/binary"
	"testing"
)

func jks(tags ...uint32) []byte {
	b := []byte("\xfe\xed\xfe\xed\x00\x00\x00\x02")
	b = binary.BigEndian.AppendUint32(b, uint32(len(tags)))
	for _, tag := range tags {
		b = binary.BigEndian.AppendUint32(b, tag)
		b = append(b, 0, 3, 'a', 'b', 'c')
		b = append(b, make([]byte, 8)...)
		b = append(b, 0, 5, 'X', '.', '5', '0', '9')
		b = append(b, 0, 0, 0, 4, 1, 2, 3, 4)
	}
	return append(b, make([]byte, 20)...)
}

func TestTrustStoreHoldsNoKeys(t *testing.T) {
	for name, c := range map[string]struct {
		data   []byte
		secret bool
	}{
		"trusted certificates only": {jks(2, 2, 2), false},
		"a private key among them":  {jks(2, 1, 2), true},
		"empty":                     {jks(), false},
		"cut off":                   {jks(2, 2)[:40], true},
		"more than it says":         {append(jks(2), 0), true},
	} {
		f, err := Parse(c.data)
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Unread) != 1 || f.Unread[0].Secret != c.secret {
			t.Errorf("%s: %+v, want secret %v", name, f.Unread, c.secret)
		}
	}
}

func FuzzJKS(f *testing.F) {
	f.Add(jks(2, 1))
	f.Add(jks(2))
	f.Fuzz(func(_ *testing.T, data []byte) {
		if len(data) >= 4 {
			jksTrustOnly(data)
		}
	})
}
