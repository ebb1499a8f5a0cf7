package kubernetes

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/secrets"
)

// The types of Secrets that the server and its clients know.
// https://kubernetes.io/docs/concepts/configuration/secret/#secret-types
const (
	typeAccountToken = "kubernetes.io/service-account-token" //nolint:gosec // the name of a type
	typeDockerConfig = "kubernetes.io/dockerconfigjson"
	typeDockerCfg    = "kubernetes.io/dockercfg"
	typeBasicAuth    = "kubernetes.io/basic-auth"
	typeSSHAuth      = "kubernetes.io/ssh-auth"
	typeTLS          = "kubernetes.io/tls"
	typeBootstrap    = "bootstrap.kubernetes.io/token"
	typeHelmRelease  = "helm.sh/release.v1"
)

// What the server says about legacy tokens, as dates in UTC.
// https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-legacy-token-last-used
const (
	labelLastUsed     = "kubernetes.io/legacy-token-last-used"
	labelInvalidSince = "kubernetes.io/legacy-token-invalid-since"
	annotationAccount = "kubernetes.io/service-account.name"
)

// day is the precision of those dates, in seconds.
const day = 86400

// minSecret is the length, in bytes, below which a value of an Opaque Secret is
// taken for a setting.
const minSecret = 8

// maxFound bounds the credentials that are stated of one value.
const maxFound = 64

// secretType is a Secret without its values.
type secretType struct {
	Type string `json:"type"`
}

// secretData is only decoded where values were asked for.
type secretData struct {
	Data map[string]string `json:"data"`
}

// secret states a Secret: its metadata and, where values were asked for, the
// fingerprints of what it holds.
func (m *mapper) secret(h head, raw []byte) ([]batch, error) {
	var s secretType
	if err := decode(raw, &s); err != nil {
		return nil, err
	}
	md := h.Metadata
	scope := kindSecret.scope(m.realm, md.Namespace)
	if s.Type == typeHelmRelease {
		return []batch{{scope: scope}}, nil // Helm's record of a release: no credential
	}
	c := m.secretCredential(md, s.Type)
	var more []retinue.Fact
	if m.scanner != nil {
		var data secretData
		if err := decode(raw, &data); err != nil {
			return nil, err
		}
		more = m.addValues(&c, md, s.Type, data.Data)
	}
	facts := []retinue.Fact{c, m.lies(c.Ref, md, "")}
	if t, err := time.Parse(time.DateOnly, md.Labels[labelLastUsed]); err == nil {
		facts = append(facts, retinue.Use{
			Subject: c.Ref, Meaning: "last_used", At: t.UTC(), Precision: day, Grade: retinue.GradeC,
		})
	}
	facts = append(facts, more...)
	md.Annotations = nil // an export of metadata has the labels only
	facts = append(facts, ownerSignals(c.Ref, md)...)
	return []batch{{scope: scope, facts: facts}}, nil
}

// lies states that a credential lies in a Secret, at one of its keys.
func (m *mapper) lies(credential retinue.Ref, md meta, key string) retinue.Placement {
	return retinue.Placement{
		Credential: credential, Confidence: retinue.ConfidenceCertain,
		Place: retinue.Place{
			Kind: retinue.PlaceKubernetes, Realm: m.realm, Container: m.namespaceRef(md.Namespace), Path: md.Name, Field: key,
		},
	}
}

func (m *mapper) secretCredential(md meta, typ string) retinue.Credential {
	c := retinue.Credential{
		Ref: m.secretRef(md.Namespace, md.Name), Name: md.Name, Kind: secretKind(typ),
		Subtype: retinue.CleanName(typ), State: retinue.CredentialUnknown, CreatedAt: md.created(), Labels: md.labels(),
	}
	if typ != typeAccountToken {
		return c
	}
	c.State, c.NeverExpires = retinue.CredentialActive, true
	if name := annotation(md, annotationAccount); name != "" {
		c.Identity = m.accountRef(md.Namespace, name)
	}
	if since := md.Labels[labelInvalidSince]; since != "" {
		c.State = retinue.CredentialInactive
		c.Attrs = retinue.Attrs{"invalidSince": retinue.CleanName(since)}
	}
	return c
}

func secretKind(typ string) retinue.CredentialKind {
	switch typ {
	case typeAccountToken:
		return retinue.CredentialServiceToken
	case typeBasicAuth, typeDockerConfig, typeDockerCfg:
		return retinue.CredentialPassword
	case typeSSHAuth:
		return retinue.CredentialSSHKey
	case typeTLS:
		return retinue.CredentialCertificate
	case typeBootstrap:
		return retinue.CredentialSessionToken
	}
	return retinue.CredentialGenericSecret
}

// addValues fingerprints the values of a Secret and drops them. Types with one
// meaning add to the Secret's own credential; each long enough value of an
// Opaque Secret is a credential of its own.
func (m *mapper) addValues(c *retinue.Credential, md meta, typ string, data map[string]string) []retinue.Fact {
	value := func(key string) []byte {
		b, err := base64.StdEncoding.DecodeString(data[key])
		if err != nil {
			return nil // not what the server would serve; named by the caller's metadata only
		}
		return b
	}
	switch typ {
	case typeAccountToken:
		m.addFingerprint(c, value("token"))
		addClaims(c, value("token"))
	case typeBasicAuth:
		m.addFingerprint(c, value("password"))
	case typeSSHAuth:
		m.addFingerprint(c, value("ssh-privatekey"))
	case typeTLS:
		m.addFingerprint(c, value("tls.key"))
		addCertificate(c, value("tls.crt"))
	case typeBootstrap:
		m.addFingerprint(c, slices.Concat(value("token-id"), []byte("."), value("token-secret")))
		if t, err := time.Parse(time.RFC3339, string(value("expiration"))); err == nil {
			c.ExpiresAt = t.UTC()
		}
	case typeDockerConfig, typeDockerCfg:
		if r := registries(typ, slices.Concat(value(".dockerconfigjson"), value(".dockercfg"))); len(r) > 0 {
			c.Attrs = retinue.Attrs{"registries": r}
		}
	default:
		return m.opaque(md, data, value)
	}
	return nil
}

func (m *mapper) addFingerprint(c *retinue.Credential, value []byte) {
	if s := retinue.NewSecret(strings.TrimSpace(string(value))); !s.IsZero() {
		c.Fingerprints = m.env.Fingerprint(c.Kind, s)
	}
}

// opaque states what each value of a Secret without a type is: the credentials
// of known vendors in it, else the value as a whole.
func (m *mapper) opaque(md meta, data map[string]string, value func(string) []byte) []retinue.Fact {
	var out []retinue.Fact
	stated := map[retinue.Ref]bool{}
	for _, key := range slices.Sorted(maps.Keys(data)) {
		v := value(key)
		if len(strings.TrimSpace(string(v))) < minSecret || !validName(key) {
			continue
		}
		name := retinue.CleanName(key)
		if known := m.recognise(md, name, v, stated); len(known) > 0 {
			out = append(out, known...)
			continue
		}
		c := m.keyCredential(md, name)
		if block, _ := pem.Decode(v); block != nil && block.Type == "CERTIFICATE" {
			c.Kind = retinue.CredentialCertificate
			addCertificate(&c, v)
		} else {
			m.addFingerprint(&c, v)
		}
		out = append(out, c, m.lies(c.Ref, md, name))
	}
	return out
}

// keyCredential is the credential of one key of a Secret.
func (m *mapper) keyCredential(md meta, key string) retinue.Credential {
	return retinue.Credential{
		Ref: m.ref("secret_key", md.Namespace+"/"+md.Name+"#"+key), Name: md.Name + "#" + key,
		Kind: retinue.CredentialGenericSecret, State: retinue.CredentialUnknown, CreatedAt: md.created(),
		Attrs: retinue.Attrs{"secret": md.key()},
	}
}

// recognise states the vendors' credentials in a value. One that tells its
// owner and id is named as its owner names it.
func (m *mapper) recognise(md meta, key string, value []byte, stated map[retinue.Ref]bool) []retinue.Fact {
	var out []retinue.Fact
	for i, f := range m.scanner.Scan(append([]byte(key+"="), value...)) {
		if f.Generic || f.Secret.IsZero() || i >= maxFound {
			continue
		}
		ref := m.keyCredential(md, key).Ref
		if p := f.Parsed; p.Realm != "" && p.RefKind != "" && p.Key != "" {
			ref = retinue.NewRef(p.Realm, p.RefKind, p.Key)
		} else if i > 0 {
			ref.Key += "/" + f.Rule
		}
		if stated[ref] {
			continue
		}
		stated[ref] = true
		c := secrets.Credential(ref, f, m.env)
		if c.Name == "" {
			c.Name = md.Name + "#" + key
		}
		place := m.lies(ref, md, key)
		place.Detector, place.Confidence = f.Rule, f.Confidence
		out = append(out, c, place)
	}
	return out
}

// registries lists the hosts that a Docker configuration has credentials for.
func registries(typ string, config []byte) []string {
	var c struct {
		Auths map[string]json.RawMessage `json:"auths"`
	}
	into := any(&c)
	if typ == typeDockerCfg {
		into = &c.Auths
	}
	if json.Unmarshal(config, into) != nil {
		return nil
	}
	var out []string
	for host := range c.Auths {
		if validName(host) && !strings.Contains(host, "@") { // a URL may carry a password
			out = append(out, retinue.CleanName(host))
		}
	}
	slices.Sort(out)
	return out
}

// addClaims reads what a token says about itself, unverified.
func addClaims(c *retinue.Credential, token []byte) {
	part := strings.Split(string(token), ".")
	if len(part) != 3 {
		return
	}
	var hdr struct {
		KeyID string `json:"kid"`
	}
	var claims struct {
		Issuer  string `json:"iss"`
		Subject string `json:"sub"`
		ID      string `json:"jti"`
		Expires int64  `json:"exp"`
	}
	for i, into := range []any{&hdr, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(part[i])
		if err != nil || json.Unmarshal(b, into) != nil {
			return
		}
	}
	c.Token = &retinue.Token{
		Issuer: retinue.CleanName(claims.Issuer), Subject: retinue.CleanName(claims.Subject),
		ID: retinue.CleanName(claims.ID), KeyID: retinue.CleanName(hdr.KeyID),
	}
	if claims.Expires > 0 && claims.Expires < 1<<37 {
		c.ExpiresAt, c.NeverExpires = time.Unix(claims.Expires, 0).UTC(), false
	}
}

// addCertificate reads the first certificate of a PEM text.
func addCertificate(c *retinue.Credential, text []byte) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return
		}
		describe(c, cert)
		return
	}
}
