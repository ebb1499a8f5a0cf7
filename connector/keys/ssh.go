package keys

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// AuthorizedKey is one line of an authorized_keys file (sshd(8),
// AUTHORIZED_KEYS FILE FORMAT).
type AuthorizedKey struct {
	Object
	// Options are the options as they stand, in order. Values may hold what
	// their writer put there, secrets included: callers keep names, and values
	// only after looking at them.
	Options []KeyOption
}

// KeyOption is one option of an authorized_keys line.
type KeyOption struct {
	Name  string // lower case
	Value string // without its quotes
}

// Option returns the value of an option and whether it is set.
func (k AuthorizedKey) Option(name string) (string, bool) {
	for _, o := range k.Options {
		if o.Name == name {
			return o.Value, true
		}
	}
	return "", false
}

// CertAuthority reports whether the key signs user certificates that are
// admitted, rather than being admitted itself.
func (k AuthorizedKey) CertAuthority() bool { _, ok := k.Option("cert-authority"); return ok }

// ParseAuthorizedKeys reads an authorized_keys file, or a file of public keys.
// Lines that are no key are reported as unread.
func ParseAuthorizedKeys(data []byte) ([]AuthorizedKey, []Unread) {
	var keys []AuthorizedKey
	var unread []Unread
	if len(data) > MaxInput {
		return nil, []Unread{{What: "authorized keys", Reason: fmt.Sprintf("longer than %d bytes", MaxInput)}}
	}
	n := 0
	for raw := range bytes.Lines(data) {
		n++
		line := bytes.TrimSpace(raw)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if len(keys)+len(unread) == MaxObjects {
			unread = append(unread, Unread{Line: n, What: "authorized keys", Reason: fmt.Sprintf("more than %d in one file", MaxObjects)})
			break
		}
		k, ok := parseAuthorized(line)
		if !ok {
			unread = append(unread, Unread{Line: n, What: "authorized key", Reason: "the line is no key that OpenSSH knows"})
			continue
		}
		k.Line = n
		keys = append(keys, k)
	}
	return keys, unread
}

func parseAuthorized(line []byte) (AuthorizedKey, bool) {
	if len(line) > maxBlock {
		return AuthorizedKey{}, false
	}
	pub, comment, options, _, err := ssh.ParseAuthorizedKey(line)
	if err != nil {
		return AuthorizedKey{}, false
	}
	k := AuthorizedKey{Object: sshObject(pub, comment)}
	for _, o := range options {
		name, value, _ := strings.Cut(o, "=")
		value = strings.TrimSuffix(strings.TrimPrefix(value, `"`), `"`)
		k.Options = append(k.Options, KeyOption{Name: strings.ToLower(clip(name)), Value: strings.ReplaceAll(value, `\"`, `"`)})
	}
	return k, true
}

// readPublicLines reads a .pub file, or nothing when no line is a key.
func (f *File) readPublicLines(data []byte) {
	n := 0
	for raw := range bytes.Lines(data) {
		n++
		line := bytes.TrimSpace(raw)
		if !startsLikeKey(line) || len(f.Objects) == MaxObjects {
			continue
		}
		if k, ok := parseAuthorized(line); ok {
			k.Line = n
			f.Objects = append(f.Objects, k.Object)
		}
	}
}

func startsLikeKey(line []byte) bool {
	for _, p := range []string{"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"} {
		if bytes.HasPrefix(line, []byte(p)) {
			return true
		}
	}
	return false
}

func sshObject(pub ssh.PublicKey, comment string) Object {
	o := Object{Kind: KindSSHPublicKey, Format: formatOpenSSH, Comment: clip(comment)}
	cert, ok := pub.(*ssh.Certificate)
	if !ok {
		o.Key = describeSSH(pub)
		return o
	}
	o.Kind, o.Key = KindSSHCertificate, describeSSH(cert.Key)
	sum := sha256.Sum256(cert.Marshal())
	o.SHA256 = hex.EncodeToString(sum[:])
	o.NotBefore = sshTime(cert.ValidAfter)
	o.NotAfter = sshTime(cert.ValidBefore)
	o.NeverExpires = cert.ValidBefore == ssh.CertTimeInfinity
	s := &SSHCertificate{Host: cert.CertType == ssh.HostCert, KeyID: clip(cert.KeyId), Serial: cert.Serial,
		Critical: names(cert.CriticalOptions), Extensions: names(cert.Extensions)}
	if cert.SignatureKey != nil {
		s.CA = ssh.FingerprintSHA256(cert.SignatureKey)
	}
	for _, p := range cert.ValidPrincipals {
		if len(s.Principals) < maxNames {
			s.Principals = append(s.Principals, clip(p))
		}
	}
	o.SSHCertificate = s
	return o
}

// sshTime turns a certificate's seconds into a time; none for zero, for
// infinity and for what no calendar of ours holds.
func sshTime(sec uint64) time.Time {
	const lastSecond = 253402300799 // 9999-12-31 23:59:59
	if sec == 0 || sec > math.MaxInt64 || sec > lastSecond {
		return time.Time{}
	}
	return time.Unix(int64(sec), 0).UTC()
}

func names(m map[string]string) []string {
	var out []string
	for n := range m {
		if len(out) < maxNames {
			out = append(out, clip(n))
		}
	}
	slices.Sort(out)
	return out
}

func describeSSH(pub ssh.PublicKey) Key {
	if cert, ok := pub.(*ssh.Certificate); ok {
		pub = cert.Key
	}
	k := Key{}
	if c, ok := pub.(ssh.CryptoPublicKey); ok {
		if _, again := c.CryptoPublicKey().(ssh.PublicKey); !again {
			k = Describe(c.CryptoPublicKey())
		}
	}
	switch pub.Type() {
	case ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256:
		// A security key signs more than a challenge: it is no plain key.
		k.Algorithm, k.Bits = pub.Type(), 256
	}
	if k.Algorithm == "" {
		k.Algorithm = clip(pub.Type())
	}
	k.SSH = ssh.FingerprintSHA256(pub)
	return k
}

// SSHKeyID is the id of a JoinProviderID by which an SSH key is known wherever
// its fingerprint is ("SHA256:…", as ssh-keygen -l and sshd's log print it).
func SSHKeyID(fingerprint string) string { return "openssh:" + fingerprint }

// maxKeyID is how much of a certificate's key id counts for its id, in bytes.
const maxKeyID = 100

// SSHCertificateID is the id of a JoinProviderID of an SSH certificate: what
// sshd's log says of one, which has no hash of it.
func SSHCertificateID(authority string, serial uint64, key, id string) string {
	return fmt.Sprintf("openssh:%s/%d/%s/%s", authority, serial, key, strings.ToValidUTF8(id[:min(len(id), maxKeyID)], ""))
}
