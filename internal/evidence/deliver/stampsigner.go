package deliver

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	_ "crypto/sha512" // authorities sign with SHA-384 and SHA-512 too
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"slices"
	"time"
)

// maxCertificates bounds the certificates that are read from a token.
const maxCertificates = 20

// checkSigner checks the one signature of a token, and the certificate that it
// was made with.
func checkSigner(sd signedData, at time.Time, roots *x509.CertPool) (*x509.Certificate, error) {
	s := sd.Signers[0]
	certs, err := x509.ParseCertificates(sd.Certificates.Bytes)
	if err != nil || len(certs) == 0 || len(certs) > maxCertificates {
		return nil, badToken("it does not bring its certificates")
	}
	cert := signerCert(s, certs)
	if cert == nil {
		return nil, badToken("the signer's certificate is not in it")
	}
	hash, ok := hashOf(s.Digest.Algorithm)
	if !ok {
		return nil, badToken("it is signed with a hash that is not supported")
	}
	if err := checkAttributes(s, hash, sd.Content.Content, cert); err != nil {
		return nil, err
	}
	// What is signed is the set of attributes with the tag of a set.
	signed := slices.Clone(s.Signed.FullBytes)
	signed[0] = 0x31
	if err := cert.CheckSignature(signatureAlgorithm(cert, hash), signed, s.Signature); err != nil {
		return nil, badToken("its signature is wrong")
	}
	pool := x509.NewCertPool()
	for _, c := range certs {
		pool.AddCert(c)
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, Intermediates: pool, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}}); err != nil {
		return nil, badToken("its certificate does not lead to an authority that is trusted for time stamping")
	}
	if !forStampingAlone(cert) {
		return nil, badToken("its certificate is not for time stamping alone")
	}
	return cert, nil
}

// forStampingAlone reports whether a certificate's key has the one purpose that
// RFC 3161, section 2.3, allows.
func forStampingAlone(cert *x509.Certificate) bool {
	return len(cert.ExtKeyUsage) == 1 && cert.ExtKeyUsage[0] == x509.ExtKeyUsageTimeStamping && len(cert.UnknownExtKeyUsage) == 0
}

type issuerAndSerial struct {
	Issuer asn1.RawValue
	Serial *big.Int
}

func signerCert(s signerInfo, certs []*x509.Certificate) *x509.Certificate {
	var id issuerAndSerial
	bySerial := false
	if s.Signer.Class == asn1.ClassUniversal {
		if rest, err := asn1.Unmarshal(s.Signer.FullBytes, &id); err != nil || len(rest) > 0 || id.Serial == nil {
			return nil
		}
		bySerial = true
	}
	for _, c := range certs {
		if bySerial && bytes.Equal(c.RawIssuer, id.Issuer.FullBytes) && c.SerialNumber.Cmp(id.Serial) == 0 {
			return c
		}
		if !bySerial && len(c.SubjectKeyId) > 0 && bytes.Equal(c.SubjectKeyId, s.Signer.Bytes) {
			return c
		}
	}
	return nil
}

type essCertID struct {
	Algorithm algorithm `asn1:"optional"`
	Hash      []byte
	Issuer    asn1.RawValue `asn1:"optional"`
}

// checkAttributes checks the attributes that are signed: the content's type
// and digest (RFC 5652, section 11), and the certificate (RFC 5035).
func checkAttributes(s signerInfo, hash crypto.Hash, content []byte, cert *x509.Certificate) error {
	attrs := map[string]asn1.RawValue{}
	if len(s.Signed.FullBytes) == 0 {
		return badToken("it has no signed attributes")
	}
	for rest := s.Signed.Bytes; len(rest) > 0; {
		var a attribute
		var err error
		if rest, err = asn1.Unmarshal(rest, &a); err != nil {
			return badToken("its signed attributes are malformed")
		}
		if _, twice := attrs[a.Type.String()]; twice {
			return badToken("an attribute is signed twice")
		}
		attrs[a.Type.String()] = a.Values
	}
	var kind asn1.ObjectIdentifier
	if rest, err := asn1.Unmarshal(attrs["1.2.840.113549.1.9.3"].Bytes, &kind); err != nil || len(rest) > 0 || !kind.Equal(oidTSTInfo()) {
		return badToken("the type of what it signs is wrong")
	}
	var digest []byte
	h := hash.New()
	h.Write(content)
	if rest, err := asn1.Unmarshal(attrs["1.2.840.113549.1.9.4"].Bytes, &digest); err != nil || len(rest) > 0 || !bytes.Equal(digest, h.Sum(nil)) {
		return badToken("it signs something else than it holds")
	}
	return checkCertID(attrs, cert)
}

// checkCertID checks that the certificate is the one that the signer named, by
// the attribute of RFC 5816 (any hash) or that of RFC 2634 (SHA-1).
func checkCertID(attrs map[string]asn1.RawValue, cert *x509.Certificate) error {
	first := func(oid string) (essCertID, bool) {
		var list, ids asn1.RawValue
		var id essCertID
		v, ok := attrs[oid]
		if !ok {
			return id, false
		}
		if _, err := asn1.Unmarshal(v.Bytes, &list); err != nil {
			return id, true
		}
		if _, err := asn1.Unmarshal(list.Bytes, &ids); err != nil {
			return id, true
		}
		_, _ = asn1.Unmarshal(ids.Bytes, &id) // what is malformed has no hash, and is refused
		return id, true
	}
	if id, ok := first("1.2.840.113549.1.9.16.2.47"); ok {
		hash := crypto.SHA256 // the default
		if len(id.Algorithm.Algorithm) > 0 {
			if hash, ok = hashOf(id.Algorithm.Algorithm); !ok {
				return badToken("it names its certificate by a hash that is not supported")
			}
		}
		return certMatches(id, hash, cert)
	}
	if id, ok := first("1.2.840.113549.1.9.16.2.12"); ok {
		return certMatches(id, crypto.SHA1, cert)
	}
	return badToken("it does not name its certificate")
}

func certMatches(id essCertID, hash crypto.Hash, cert *x509.Certificate) error {
	h := hash.New()
	h.Write(cert.Raw)
	if !bytes.Equal(h.Sum(nil), id.Hash) {
		return badToken("it names another certificate than the one it brings")
	}
	return nil
}

// signatureAlgorithm returns the algorithm of a key with a hash: RSA with
// PKCS #1 v1.5, or ECDSA.
func signatureAlgorithm(cert *x509.Certificate, hash crypto.Hash) x509.SignatureAlgorithm {
	switch cert.PublicKey.(type) {
	case *rsa.PublicKey:
		return map[crypto.Hash]x509.SignatureAlgorithm{crypto.SHA256: x509.SHA256WithRSA, crypto.SHA384: x509.SHA384WithRSA, crypto.SHA512: x509.SHA512WithRSA}[hash]
	case *ecdsa.PublicKey:
		return map[crypto.Hash]x509.SignatureAlgorithm{crypto.SHA256: x509.ECDSAWithSHA256, crypto.SHA384: x509.ECDSAWithSHA384, crypto.SHA512: x509.ECDSAWithSHA512}[hash]
	}
	return x509.UnknownSignatureAlgorithm
}
