package kubernetes

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/keys"
)

// signerClient issues certificates that authenticate people and software to
// the API server; the other signers serve kubelets, which renew by themselves.
// https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers
const signerClient = "kubernetes.io/kube-apiserver-client"

type signingRequest struct {
	Spec struct {
		SignerName string `json:"signerName"`
		Username   string `json:"username"`
	} `json:"spec"`
	Status struct {
		Certificate string `json:"certificate"`
	} `json:"status"`
}

// request states the certificate that a signing request led to. Requests that
// are pending, denied or failed hold no credential.
func (m *mapper) request(h head, raw []byte) ([]batch, error) {
	var o signingRequest
	if err := decode(raw, &o); err != nil {
		return nil, err
	}
	listing := batch{scope: kindCSR.scope(m.realm, "")}
	cert := issued(o.Status.Certificate)
	if cert == nil || !slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageClientAuth) {
		return []batch{listing}, nil
	}
	c, sum := m.clientCertificate(cert)
	c.CreatedAt, c.Subtype = h.Metadata.created(), retinue.CleanName(o.Spec.SignerName)
	c.Attrs = retinue.Attrs{"requestedBy": retinue.CleanName(o.Spec.Username)}
	facts := []retinue.Fact{c}
	if user := retinue.CleanName(cert.Subject.CommonName); c.Identity.Kind == "user" {
		facts = append(facts, m.user(user))
	}
	for _, g := range cert.Subject.Organization {
		if validName(g) {
			name := retinue.CleanName(g)
			facts = append(facts, m.group(name), retinue.Membership{Group: m.ref("group", name), Member: c.Identity})
		}
	}
	if o.Spec.SignerName == signerClient {
		return []batch{listing, {scope: certificateScope(m.realm, sum), facts: facts, once: true}}, nil
	}
	c.Managed = retinue.ManagedByProvider
	facts[0] = c
	listing.shared = facts
	return []batch{listing}, nil
}

// issued parses the first certificate of status.certificate.
func issued(encoded string) *x509.Certificate {
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	return cert
}

// clientCertificate describes a certificate with which its holder is the user
// of its common name. The server knows no revocation of client certificates.
func (m *mapper) clientCertificate(cert *x509.Certificate) (retinue.Credential, string) {
	c := retinue.Credential{Kind: retinue.CredentialCertificate}
	describe(&c, cert)
	sum := c.Joins[0].Value
	c.Ref, c.Name = m.ref("certificate", sum), retinue.CleanName(cert.Subject.CommonName)
	if validName(cert.Subject.CommonName) {
		c.Identity = m.userRef(retinue.CleanName(cert.Subject.CommonName))
		c.ShortLived = cert.NotAfter.Sub(cert.NotBefore).Hours() <= 24
	}
	return c, sum
}

// describe puts what a certificate says into a credential. Whether it has
// expired follows from ExpiresAt and a clock.
func describe(c *retinue.Credential, cert *x509.Certificate) {
	sum := sha256.Sum256(cert.Raw)
	key := keys.Describe(cert.PublicKey)
	c.Joins = append(c.Joins, retinue.JoinKey{Kind: retinue.JoinCertificate, Value: hex.EncodeToString(sum[:])})
	c.PublicKey, c.Algorithm, c.Bits = key.SPKI, key.Algorithm, key.Bits
	c.NotBefore, c.ExpiresAt = cert.NotBefore.UTC(), cert.NotAfter.UTC()
	c.Certificate = keys.Certificate(cert)
}
