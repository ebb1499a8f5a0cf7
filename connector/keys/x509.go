package keys

import (
	"bytes"
	"crypto/dsa"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/retinue-id/retinue"
)

// The formats of private keys whose use they show.
const (
	formatOpenSSH = "OpenSSH"
	formatPuTTY   = "PuTTY"
)

// noEnd is the end that says there is none (RFC 5280, 4.1.2.5).
func noEnd(t time.Time) bool { return t.UTC().Format("20060102150405") == "99991231235959" }

func (f *File) addCertificate(der []byte, line int) bool {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		f.unread(line, "certificate", "it is malformed", false)
		return false
	}
	sum := sha256.Sum256(c.Raw)
	o := Object{
		Kind: KindCertificate, Format: "X.509", Line: line, Key: Describe(c.PublicKey),
		SHA256: hex.EncodeToString(sum[:]), Certificate: Certificate(c),
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(),
	}
	// From the bytes as they stand: some algorithms have no Go type.
	spki := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	o.Key.SPKI = hex.EncodeToString(spki[:])
	if o.Key.Algorithm == "" && c.PublicKeyAlgorithm != x509.UnknownPublicKeyAlgorithm {
		o.Key.Algorithm = c.PublicKeyAlgorithm.String()
	}
	if noEnd(c.NotAfter) {
		o.NotAfter, o.NeverExpires = time.Time{}, true
	}
	f.Objects = append(f.Objects, o)
	return true
}

// Certificate returns what an X.509 certificate says, in the terms of the root
// package. At most 256 names are kept.
func Certificate(c *x509.Certificate) *retinue.Certificate {
	out := &retinue.Certificate{
		Issuer: clip(c.Issuer.String()), Subject: clip(c.Subject.String()),
		CA: c.BasicConstraintsValid && c.IsCA, SelfSigned: bytes.Equal(c.RawIssuer, c.RawSubject),
		SignatureAlgorithm: c.SignatureAlgorithm.String(), Usages: usages(c),
	}
	if c.SerialNumber != nil {
		out.Serial = c.SerialNumber.Text(16)
	}
	add := func(name string) {
		if len(out.SANs) < maxNames {
			out.SANs = append(out.SANs, clip(name))
		}
	}
	for _, n := range c.DNSNames {
		add(n)
	}
	for _, ip := range c.IPAddresses {
		add(ip.String())
	}
	for _, n := range c.EmailAddresses {
		add(n)
	}
	for _, u := range c.URIs {
		add(u.Redacted())
	}
	return out
}

// usages names the key usages (RFC 5280, 4.2.1.3 and 4.2.1.12) in its terms.
func usages(c *x509.Certificate) []string {
	var out []string
	for _, u := range []struct {
		bit  x509.KeyUsage
		name string
	}{
		{x509.KeyUsageDigitalSignature, "digitalSignature"}, {x509.KeyUsageContentCommitment, "nonRepudiation"},
		{x509.KeyUsageKeyEncipherment, "keyEncipherment"}, {x509.KeyUsageDataEncipherment, "dataEncipherment"},
		{x509.KeyUsageKeyAgreement, "keyAgreement"}, {x509.KeyUsageCertSign, "keyCertSign"},
		{x509.KeyUsageCRLSign, "cRLSign"},
	} {
		if c.KeyUsage&u.bit != 0 {
			out = append(out, u.name)
		}
	}
	for _, u := range c.ExtKeyUsage {
		out = append(out, extUsage(u))
	}
	for _, oid := range c.UnknownExtKeyUsage {
		if len(out) < maxNames {
			out = append(out, oid.String())
		}
	}
	return out
}

func extUsage(u x509.ExtKeyUsage) string {
	switch u {
	case x509.ExtKeyUsageAny:
		return "anyExtendedKeyUsage"
	case x509.ExtKeyUsageServerAuth:
		return "serverAuth"
	case x509.ExtKeyUsageClientAuth:
		return "clientAuth"
	case x509.ExtKeyUsageCodeSigning:
		return "codeSigning"
	case x509.ExtKeyUsageEmailProtection:
		return "emailProtection"
	case x509.ExtKeyUsageTimeStamping:
		return "timeStamping"
	case x509.ExtKeyUsageOCSPSigning:
		return "OCSPSigning"
	}
	return "otherExtendedKeyUsage"
}

// Describe names a public key of the standard library's types, of
// golang.org/x/crypto/ssh or an *dsa.PublicKey. An unknown type gives an empty
// Key.
func Describe(pub any) Key {
	if s, ok := pub.(ssh.PublicKey); ok {
		return describeSSH(s)
	}
	k := Key{}
	switch p := pub.(type) {
	case *rsa.PublicKey:
		k.Algorithm, k.Bits = "RSA", p.N.BitLen()
	case *ecdsa.PublicKey:
		k.Algorithm, k.Bits = "ECDSA", p.Curve.Params().BitSize
	case ed25519.PublicKey:
		k.Algorithm, k.Bits = "Ed25519", 256
	case *ecdh.PublicKey:
		k.Algorithm, k.Bits = "X25519", 256
	case *dsa.PublicKey:
		k.Algorithm = "DSA"
		if p.P != nil {
			k.Bits = p.P.BitLen()
		}
	default:
		return Key{}
	}
	if der, err := x509.MarshalPKIXPublicKey(pub); err == nil {
		sum := sha256.Sum256(der)
		k.SPKI = hex.EncodeToString(sum[:])
	}
	if s, err := ssh.NewPublicKey(pub); err == nil {
		k.SSH = ssh.FingerprintSHA256(s)
	}
	return k
}

func (f *File) addPublic(block *pem.Block, line int) {
	var pub any
	var err error
	format := "SPKI"
	if block.Type == "RSA PUBLIC KEY" {
		format = "PKCS#1"
		pub, err = x509.ParsePKCS1PublicKey(block.Bytes)
	} else {
		pub, err = x509.ParsePKIXPublicKey(block.Bytes)
	}
	if err != nil {
		f.unread(line, "public key", "it is malformed or of an unknown algorithm", false)
		return
	}
	f.Objects = append(f.Objects, Object{Kind: KindPublicKey, Format: format, Line: line, Key: Describe(pub)})
}
