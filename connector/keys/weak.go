package keys

import "strings"

// Weak says in a few words why an object's algorithm is known to be too weak,
// or "". The figures are those of NIST SP 800-131A Rev. 2 (RSA under 2,048 bits
// and curves under 224 bits are disallowed, DSA was withdrawn with FIPS 186-5)
// and RFC 9155 and the CA/Browser Forum for signatures with MD5 and SHA-1. The
// signature of a self-signed certificate proves nothing to anyone and is not
// judged.
func (o Object) Weak() string {
	if w := o.Key.Weak(); w != "" {
		return w
	}
	if c := o.Certificate; c != nil && !c.SelfSigned {
		for _, hash := range []string{"MD2", "MD5", "SHA1"} {
			if strings.HasPrefix(c.SignatureAlgorithm, hash+"-") || strings.HasSuffix(c.SignatureAlgorithm, "-"+hash) {
				return "signed with " + hash
			}
		}
	}
	return ""
}

// Weak says why a key is too weak, or "".
func (k Key) Weak() string {
	switch {
	case k.Algorithm == "DSA":
		return "DSA key"
	case k.Algorithm == "RSA" && k.Bits > 0 && k.Bits < 2048:
		return "RSA key under 2048 bits"
	case k.Algorithm == "ECDSA" && k.Bits > 0 && k.Bits < 224:
		return "ECDSA key under 224 bits"
	}
	return ""
}
