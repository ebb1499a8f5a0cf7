package keys

import "encoding/binary"

// jksTrustOnly reports that a Java key store (JKS or JCEKS, version 1 or 2)
// holds trusted certificates only, such as the cacerts of a Java runtime. The
// kinds of its entries stand in clear; only private and secret keys are under
// passwords. What does not parse to its end is taken to hold keys. Layout: the
// class comment of OpenJDK's sun.security.provider.JavaKeyStore.
func jksTrustOnly(data []byte) bool {
	r := jksReader{rest: data[4:]}
	version := r.number(4)
	count := r.number(4)
	if (version != 1 && version != 2) || count > maxJKSEntries {
		return false
	}
	for range count {
		if r.number(4) != jksTrustedCertificate {
			return false
		}
		r.skip(r.number(2)) // alias
		r.skip(8)           // time
		if version == 2 {
			r.skip(r.number(2)) // certificate type
		}
		r.skip(r.number(4)) // certificate
	}
	const digest = 20 // SHA-1 at the end
	return !r.short && len(r.rest) == digest
}

const (
	jksTrustedCertificate = 2
	maxJKSEntries         = 100_000
)

// jksReader reads big-endian numbers and notes when the data ends too soon.
type jksReader struct {
	rest  []byte
	short bool
}

func (r *jksReader) skip(n uint64) {
	if n > uint64(len(r.rest)) {
		r.rest, r.short = nil, true
		return
	}
	r.rest = r.rest[n:]
}

func (r *jksReader) number(size int) uint64 {
	if len(r.rest) < size {
		r.rest, r.short = nil, true
		return 0
	}
	var b [8]byte
	copy(b[8-size:], r.rest[:size])
	r.rest = r.rest[size:]
	return binary.BigEndian.Uint64(b[:])
}
