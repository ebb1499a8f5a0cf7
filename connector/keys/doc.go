// Package keys reads certificates and keys for connectors and keeps metadata
// only: algorithms, sizes, validity, names and SHA-256 names of public keys. A
// private key is parsed for its public half and dropped; no function of this
// package returns or prints private material.
//
// Input is foreign: sizes and counts are bounded, every parser is fuzzed, and
// what is recognised but not read is said ([Unread]) rather than left out.
package keys

import (
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// The limits on input. The largest CA bundles in use hold about 400
// certificates in 700 KB.
const (
	// MaxInput is the largest input, in bytes.
	MaxInput = 4 << 20
	// MaxObjects is how many objects of one input are read.
	MaxObjects = 4096
	// maxBlock is the largest single object, in bytes as it stands in the
	// input: room for a post-quantum certificate with a long SAN list.
	maxBlock = 256 << 10
	// maxPrivate is the largest private key, in bytes of DER: a 16,384-bit RSA
	// key has 9,300. Larger ones are made to be slow to check.
	maxPrivate = 16 << 10
	// maxNames bounds the names kept of a certificate.
	maxNames = 256
	// maxText bounds one kept text, such as a comment, in bytes.
	maxText = 1024
)

// Kind says what an object is.
type Kind string

// The kinds of object.
const (
	KindCertificate    Kind = "certificate"
	KindPrivateKey     Kind = "private_key"
	KindPublicKey      Kind = "public_key"
	KindSSHPublicKey   Kind = "ssh_public_key"
	KindSSHCertificate Kind = "ssh_certificate"
)

// Key describes a public key, or the public half of a private one.
type Key struct {
	// Algorithm is "RSA", "ECDSA", "Ed25519", "DSA", "X25519", or an SSH key
	// type for security keys. Empty where only encrypted material is there.
	Algorithm string
	// Bits is the size: of the modulus for RSA and DSA, of the curve's order
	// otherwise; zero where it is not known.
	Bits int
	// SPKI is the SHA-256 of the SubjectPublicKeyInfo (RFC 5280, 4.1), lower
	// case hexadecimal; empty for keys that X.509 has no form for here.
	SPKI string
	// SSH is the OpenSSH fingerprint, "SHA256:" and unpadded base64; empty for
	// keys that SSH has no form for.
	SSH string
}

// Object is one certificate or key of an input.
type Object struct {
	Kind Kind
	// Format is the encoding, such as "PKCS#8" or "OpenSSH".
	Format string
	// Line is where the object begins in a text, from 1; zero in binary input.
	Line int
	Key  Key
	// Encrypted is true for a private key under a passphrase.
	Encrypted bool
	// Comment is the comment of an SSH key.
	Comment string

	// SHA256 names a whole certificate, lower case hexadecimal.
	SHA256      string
	Certificate *retinue.Certificate
	// SSHCertificate is what an SSH certificate says.
	SSHCertificate *SSHCertificate
	NotBefore      time.Time
	NotAfter       time.Time
	// NeverExpires is true for an SSH certificate without an end, and for a
	// certificate that ends at 9999-12-31 23:59:59, which says "no end" in
	// RFC 5280, 4.1.2.5.
	NeverExpires bool
}

// SSHCertificate is what an OpenSSH certificate says (PROTOCOL.certkeys).
type SSHCertificate struct {
	Host       bool // a host certificate; else a user's
	KeyID      string
	Serial     uint64
	Principals []string // empty: valid for every principal
	Critical   []string // names of the critical options
	Extensions []string
	// CA is the fingerprint of the signing key.
	CA string
}

// Unread is something recognised and not read, or malformed.
type Unread struct {
	Line int
	// What names it, such as "PKCS#12 store"; Reason says why it was not read.
	// Neither holds any of the content.
	What   string
	Reason string
	// Secret is true where it holds or may hold private material.
	Secret bool
}

// File is what an input holds.
type File struct {
	Objects []Object
	Unread  []Unread
}

// HasPrivate reports whether the input holds private key material, read or
// only recognised.
func (f File) HasPrivate() bool {
	for _, o := range f.Objects {
		if o.Kind == KindPrivateKey {
			return true
		}
	}
	for _, u := range f.Unread {
		if u.Secret {
			return true
		}
	}
	return false
}

// Certificates returns the certificates, in order.
func (f File) Certificates() []Object {
	var out []Object
	for _, o := range f.Objects {
		if o.Kind == KindCertificate {
			out = append(out, o)
		}
	}
	return out
}

// Credential states the object as a credential of the given ref. An SSH use is
// told by the caller through Kind where the format does not show it. State is
// left open: whether it has expired follows from ExpiresAt and a clock.
func (o Object) Credential(ref retinue.Ref) retinue.Credential {
	c := retinue.Credential{
		Ref: ref, Kind: o.credentialKind(), Subtype: o.subtype(), Name: o.name(),
		NotBefore: o.NotBefore, ExpiresAt: o.NotAfter, NeverExpires: o.NeverExpires,
		Algorithm: o.Key.Algorithm, Bits: o.Key.Bits, PublicKey: o.Key.SPKI, Certificate: o.Certificate,
	}
	switch {
	case o.SHA256 != "":
		c.Joins = []retinue.JoinKey{{Kind: retinue.JoinCertificate, Value: o.SHA256}}
	case o.Key.SPKI != "":
		c.Joins = []retinue.JoinKey{{Kind: retinue.JoinPublicKey, Value: o.Key.SPKI}}
	}
	switch s := o.SSHCertificate; {
	case s != nil:
		c.Joins = append(c.Joins, retinue.JoinKey{Kind: retinue.JoinProviderID, Value: SSHCertificateID(s.CA, s.Serial, o.Key.SSH, s.KeyID)})
	case o.Key.SSH != "" && o.Kind != KindCertificate:
		c.Joins = append(c.Joins, retinue.JoinKey{Kind: retinue.JoinProviderID, Value: SSHKeyID(o.Key.SSH)})
	}
	attrs := retinue.Attrs{}
	if o.Kind == KindPrivateKey {
		attrs["encrypted"] = o.Encrypted
	}
	if o.Key.SSH != "" && o.Kind != KindCertificate {
		attrs["sshFingerprint"] = o.Key.SSH
	}
	if o.Comment != "" {
		attrs["comment"] = o.Comment
	}
	if weak := o.Weak(); weak != "" {
		attrs["weak"] = weak
	}
	if s := o.SSHCertificate; s != nil {
		c.Scopes = s.Principals
		attrs["keyId"], attrs["certificateAuthority"] = s.KeyID, s.CA
		attrs["extensions"], attrs["criticalOptions"] = s.Extensions, s.Critical
		attrs["hostCertificate"] = s.Host
	}
	if len(attrs) > 0 {
		c.Attrs = attrs
	}
	return c
}

func (o Object) credentialKind() retinue.CredentialKind {
	switch o.Kind {
	case KindCertificate:
		return retinue.CredentialCertificate
	case KindSSHCertificate:
		return retinue.CredentialSSHCertificate
	case KindSSHPublicKey:
		return retinue.CredentialSSHKey
	}
	if o.Format == formatOpenSSH || o.Format == formatPuTTY {
		return retinue.CredentialSSHKey
	}
	return retinue.CredentialPrivateKey
}

func (o Object) subtype() string {
	if o.Format == "" {
		return ""
	}
	return strings.ToLower(strings.NewReplacer("#", "", " ", "-").Replace(o.Format))
}

func (o Object) name() string {
	switch {
	case o.Certificate != nil && o.Certificate.Subject != "":
		return o.Certificate.Subject
	case o.Certificate != nil && len(o.Certificate.SANs) > 0:
		return o.Certificate.SANs[0]
	case o.SSHCertificate != nil && o.SSHCertificate.KeyID != "":
		return o.SSHCertificate.KeyID
	}
	return o.Comment
}

// clip cleans a text of foreign origin and bounds it.
func clip(s string) string {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	return retinue.CleanName(s)
}
