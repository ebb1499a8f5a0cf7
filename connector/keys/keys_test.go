package keys

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/testkit"
)

func encode(label string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// spkiOf computes the SPKI hash as `openssl pkey -pubout -outform DER | sha256sum` would.
func spkiOf(t testing.TB, pub any) string {
	sum := sha256.Sum256(must[[]byte](t)(x509.MarshalPKIXPublicKey(pub)))
	return hex.EncodeToString(sum[:])
}

func certificate(t testing.TB, key crypto.Signer, change func(*x509.Certificate)) []byte {
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(0xabc), Subject: pkix.Name{CommonName: "pay.example.test"},
		NotBefore: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		DNSNames: []string{"pay.example.test"}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 7)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(tmpl)
	}
	return must[[]byte](t)(x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key))
}

func TestParsePrivateKeys(t *testing.T) {
	rsaKey := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	ecKey := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	openSSH := func(k crypto.PrivateKey) []byte {
		return pem.EncodeToMemory(must[*pem.Block](t)(ssh.MarshalPrivateKey(k, "a comment")))
	}
	locked := pem.EncodeToMemory(must[*pem.Block](t)(ssh.MarshalPrivateKeyWithPassphrase(edKey, "", []byte("pass"))))
	pkcs8 := func(k any) []byte { return must[[]byte](t)(x509.MarshalPKCS8PrivateKey(k)) }

	cases := []struct {
		name      string
		data      []byte
		algorithm string
		bits      int
		public    any
		encrypted bool
		kind      retinue.CredentialKind
		format    string
	}{
		{"PKCS#1", encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), "RSA", 2048, rsaKey.Public(), false, retinue.CredentialPrivateKey, "PKCS#1"},
		{"PKCS#8 RSA", encode("PRIVATE KEY", pkcs8(rsaKey)), "RSA", 2048, rsaKey.Public(), false, retinue.CredentialPrivateKey, "PKCS#8"},
		{"PKCS#8 DER", pkcs8(edKey), "Ed25519", 256, edKey.Public(), false, retinue.CredentialPrivateKey, "PKCS#8"},
		{"SEC 1", encode("EC PRIVATE KEY", must[[]byte](t)(x509.MarshalECPrivateKey(ecKey))), "ECDSA", 384, ecKey.Public(), false, retinue.CredentialPrivateKey, "SEC 1"},
		{"OpenSSH Ed25519", openSSH(edKey), "Ed25519", 256, edKey.Public(), false, retinue.CredentialSSHKey, "OpenSSH"},
		{"OpenSSH RSA", openSSH(rsaKey), "RSA", 2048, rsaKey.Public(), false, retinue.CredentialSSHKey, "OpenSSH"},
		{"OpenSSH under a passphrase", locked, "Ed25519", 256, edKey.Public(), true, retinue.CredentialSSHKey, "OpenSSH"},
		{"encrypted PKCS#8", encode("ENCRYPTED PRIVATE KEY", []byte{0x30, 0}), "", 0, nil, true, retinue.CredentialPrivateKey, "PKCS#8"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f, err := Parse(append([]byte(nil), c.data...))
			if err != nil || len(f.Objects) != 1 || len(f.Unread) != 0 {
				t.Fatalf("got %+v, %v: want one object", f, err)
			}
			o := f.Objects[0]
			if o.Kind != KindPrivateKey || o.Key.Algorithm != c.algorithm || o.Key.Bits != c.bits || o.Encrypted != c.encrypted || o.Format != c.format {
				t.Errorf("got %+v", o)
			}
			if c.public != nil && o.Key.SPKI != spkiOf(t, c.public) {
				t.Errorf("SPKI %s, want %s", o.Key.SPKI, spkiOf(t, c.public))
			}
			cred := o.Credential(retinue.NewRef("host:1", "private_key", "k"))
			if err := cred.Validate(); err != nil {
				t.Error(err)
			}
			if cred.Kind != c.kind || (c.public != nil && cred.Joins[0].Kind != retinue.JoinPublicKey) {
				t.Errorf("credential %+v", cred)
			}
			if !f.HasPrivate() {
				t.Errorf("a private key was not noticed")
			}
		})
	}
}

func TestParseCertificate(t *testing.T) {
	key := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	der := certificate(t, key, nil)
	text := slices.Concat([]byte("a chain\n\n"), encode("CERTIFICATE", der), []byte("-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n"),
		encode("PRIVATE KEY", must[[]byte](t)(x509.MarshalPKCS8PrivateKey(key))))
	f, err := Parse(text)
	if err != nil || len(f.Objects) != 2 || len(f.Unread) != 1 {
		t.Fatalf("got %+v, %v", f, err)
	}
	c, k := f.Objects[0], f.Objects[1]
	if c.Line != 3 || f.Unread[0].Line != 3+strings.Count(string(encode("CERTIFICATE", der)), "\n") {
		t.Errorf("lines %d and %d", c.Line, f.Unread[0].Line)
	}
	if c.Key.SPKI == "" || c.Key.SPKI != k.Key.SPKI {
		t.Errorf("certificate and key do not share %q and %q", c.Key.SPKI, k.Key.SPKI)
	}
	cred := c.Credential(retinue.NewRef("host:1", "certificate", c.SHA256))
	want := retinue.Certificate{Issuer: "CN=pay.example.test", Subject: "CN=pay.example.test", Serial: "abc",
		SANs: []string{"pay.example.test", "192.0.2.7"}, SelfSigned: true, SignatureAlgorithm: "ECDSA-SHA256",
		Usages: []string{"digitalSignature", "clientAuth"}}
	if fmt.Sprint(*cred.Certificate) != fmt.Sprint(want) {
		t.Errorf("certificate %+v, want %+v", *cred.Certificate, want)
	}
	sum := sha256.Sum256(der)
	if cred.Joins[0] != (retinue.JoinKey{Kind: retinue.JoinCertificate, Value: hex.EncodeToString(sum[:])}) || !cred.ExpiresAt.Equal(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("credential %+v", cred)
	}
	if err := cred.Validate(); err != nil {
		t.Error(err)
	}
	if f, _ := Parse(der); len(f.Objects) != 1 || f.Objects[0].SHA256 != c.SHA256 {
		t.Errorf("DER: %+v", f)
	}
	endless, _ := Parse(certificate(t, key, func(c *x509.Certificate) { c.NotAfter = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) }))
	if o := endless.Objects[0]; !o.NeverExpires || !o.NotAfter.IsZero() {
		t.Errorf("no end: %+v", o)
	}
}

func TestWeak(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	small := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 1024))
	for _, c := range []struct {
		o    Object
		want string
	}{
		{Object{Key: Describe(small.Public())}, "RSA key under 2048 bits"},
		{Object{Key: Key{Algorithm: "DSA", Bits: 3072}}, "DSA key"},
		{Object{Key: Key{Algorithm: "ECDSA", Bits: 256}}, ""},
		{Object{Key: Key{Algorithm: "RSA"}}, ""},
		{Object{Certificate: &retinue.Certificate{SignatureAlgorithm: "SHA1-RSA"}}, "signed with SHA1"},
		{Object{Certificate: &retinue.Certificate{SignatureAlgorithm: "ECDSA-SHA1"}}, "signed with SHA1"},
		{Object{Certificate: &retinue.Certificate{SignatureAlgorithm: "SHA1-RSA", SelfSigned: true}}, ""},
		{Object{Certificate: &retinue.Certificate{SignatureAlgorithm: "SHA256-RSA"}}, ""},
	} {
		if got := c.o.Weak(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.o, got, c.want)
		}
	}
}

func TestAuthorizedKeys(t *testing.T) {
	pub, _, _ := ed25519.GenerateKey(rand.Reader)
	sshPub := must[ssh.PublicKey](t)(ssh.NewPublicKey(pub))
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(sshPub)))
	text := "# comment\n" + line + " ada@laptop\n\n" +
		`Restrict,command="/bin/run \"a b\", now",from="10.0.0.0/8,!10.1.1.1" ` + line + " backup job\n" +
		"cert-authority,principals=\"deploy\" " + line + "\nnonsense here\nssh-ed25519 AAAA broken\n"
	keys, unread := ParseAuthorizedKeys([]byte(text))
	if len(keys) != 3 || len(unread) != 2 || unread[0].Line != 6 {
		t.Fatalf("got %+v and %+v", keys, unread)
	}
	if keys[0].Comment != "ada@laptop" || keys[0].Line != 2 || keys[0].Key.SSH != ssh.FingerprintSHA256(sshPub) || keys[0].Key.SPKI != spkiOf(t, pub) {
		t.Errorf("first: %+v", keys[0])
	}
	if v, ok := keys[1].Option("command"); !ok || v != `/bin/run "a b", now` {
		t.Errorf("command %q %v, options %+v", v, ok, keys[1].Options)
	}
	if _, ok := keys[1].Option("restrict"); !ok || keys[1].CertAuthority() || !keys[2].CertAuthority() {
		t.Errorf("options: %+v and %+v", keys[1].Options, keys[2].Options)
	}
}

func TestSSHCertificate(t *testing.T) {
	_, caKey, _ := ed25519.GenerateKey(rand.Reader)
	ca := must[ssh.Signer](t)(ssh.NewSignerFromKey(caKey))
	pub, _, _ := ed25519.GenerateKey(rand.Reader)
	cert := &ssh.Certificate{Key: must[ssh.PublicKey](t)(ssh.NewPublicKey(pub)), CertType: ssh.UserCert, KeyId: "ci\x1b[31m", Serial: 9,
		ValidPrincipals: []string{"deploy"}, ValidBefore: 1800000000, Permissions: ssh.Permissions{Extensions: map[string]string{"permit-pty": ""}}}
	if err := cert.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	f, err := Parse(ssh.MarshalAuthorizedKey(cert))
	if err != nil || len(f.Objects) != 1 {
		t.Fatalf("got %+v, %v", f, err)
	}
	o := f.Objects[0]
	if o.Kind != KindSSHCertificate || o.SSHCertificate.KeyID != `ci\u001b[31m` || o.SSHCertificate.CA != ssh.FingerprintSHA256(ca.PublicKey()) ||
		o.NotAfter.Unix() != 1800000000 || o.Key.SPKI != spkiOf(t, pub) {
		t.Errorf("got %+v %+v", o, o.SSHCertificate)
	}
	if err := o.Credential(retinue.NewRef("host:1", "ssh_certificate", "x")).Validate(); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		sec  uint64
		zero bool
	}{{0, true}, {ssh.CertTimeInfinity, true}, {1 << 62, true}, {1, false}} {
		if sshTime(c.sec).IsZero() != c.zero {
			t.Errorf("time of %d: %s", c.sec, sshTime(c.sec))
		}
	}
}

// TestRealTools compares with what OpenSSH, OpenSSL and the JDK write.
func TestRealTools(t *testing.T) {
	keygen := testkit.Need(t, "ssh-keygen", "openssh-client")
	dir := t.TempDir()
	for _, c := range []struct{ typ, bits, pass, format string }{
		{"rsa", "3072", "", ""}, {"ecdsa", "521", "", ""}, {"ed25519", "", "", ""}, {"ed25519", "", "open sesame", ""}, {"rsa", "2048", "", "PEM"},
	} {
		path := filepath.Join(dir, c.typ+c.bits+c.pass[:min(1, len(c.pass))]+c.format)
		args := []string{"-q", "-t", c.typ, "-N", c.pass, "-C", "made by test", "-f", path}
		if c.bits != "" {
			args = append(args, "-b", c.bits)
		}
		if c.format != "" {
			args = append(args, "-m", c.format)
		}
		if out, err := exec.Command(keygen, args...).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v: %s", err, out)
		}
		printed := must[[]byte](t)(exec.Command(keygen, "-l", "-f", path+".pub").Output())
		fields := strings.Fields(string(printed))
		private, public := readFile(t, path), readFile(t, path+".pub")
		for _, data := range [][]byte{private, public} {
			f, err := Parse(data)
			if err != nil || len(f.Objects) != 1 {
				t.Fatalf("%s: %+v, %v", path, f, err)
			}
			o := f.Objects[0]
			if o.Key.SSH != fields[1] || fmt.Sprint(o.Key.Bits) != fields[0] {
				t.Errorf("%s: %+v, ssh-keygen says %s", path, o, printed)
			}
			if o.Kind == KindPrivateKey && o.Encrypted != (c.pass != "") {
				t.Errorf("%s: encrypted %v", path, o.Encrypted)
			}
		}
	}
}

func TestStoresAreRecognised(t *testing.T) {
	openssl := testkit.Need(t, "openssl", "openssl")
	dir := t.TempDir()
	key := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	pemFile := filepath.Join(dir, "both.pem")
	both := append(encode("CERTIFICATE", certificate(t, key, nil)), encode("PRIVATE KEY", must[[]byte](t)(x509.MarshalPKCS8PrivateKey(key)))...)
	if err := os.WriteFile(pemFile, both, 0o600); err != nil {
		t.Fatal(err)
	}
	p12 := filepath.Join(dir, "store.p12")
	if out, err := exec.Command(openssl, "pkcs12", "-export", "-in", pemFile, "-out", p12, "-passout", "pass:x").CombinedOutput(); err != nil {
		t.Fatalf("openssl: %v: %s", err, out)
	}
	for _, c := range []struct {
		what string
		data []byte
	}{
		{"PKCS#12 store", readFile(t, p12)},
		{"Java key store (JKS)", []byte("\xfe\xed\xfe\xed\x00\x00\x00\x02")},
		{"OpenPGP private key", []byte("-----BEGIN PGP " + "PRIVATE KEY BLOCK-----\n\nxx\n-----END PGP " + "PRIVATE KEY BLOCK-----\n")},
	} {
		f, err := Parse(c.data)
		if err != nil || len(f.Unread) != 1 || f.Unread[0].What != c.what || !f.HasPrivate() {
			t.Errorf("%s: %+v, %v", c.what, f, err)
		}
	}
}

func TestHostileInput(t *testing.T) {
	if _, err := Parse(make([]byte, MaxInput+1)); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("too long: %v", err)
	}
	begin := []byte("-----BEGIN CERTIFICATE-----\n")
	start := time.Now()
	f, err := Parse(bytes.Repeat(begin, MaxInput/len(begin)))
	if err != nil || len(f.Unread) > MaxObjects+1 {
		t.Errorf("many markers: %d unread, %v", len(f.Unread), err)
	}
	// A key with an even, enormous modulus is refused before it is checked.
	huge := new(big.Int).Lsh(big.NewInt(1), 1<<17)
	if f, _ := Parse(encode("RSA PRIVATE KEY", huge.Bytes())); len(f.Objects) != 0 || len(f.Unread) != 1 {
		t.Errorf("huge key: %+v", f)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("hostile input took %s", took)
	}
}

// TestNoPrivateMaterial searches everything that Parse returns for the private
// numbers of a key.
func TestNoPrivateMaterial(t *testing.T) {
	key := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	f, err := Parse(encode("PRIVATE KEY", must[[]byte](t)(x509.MarshalPKCS8PrivateKey(key))))
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%#v", f)
	for _, n := range []*big.Int{key.D, key.Primes[0], key.Primes[1]} {
		if strings.Contains(text, n.Text(16)) || strings.Contains(text, n.Text(10)) {
			t.Errorf("a private number shows")
		}
	}
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	return must[[]byte](t)(os.ReadFile(path))
}

// TestPuTTY reads the public half of a PuTTY key, whose private half stays
// unread.
func TestPuTTY(t *testing.T) {
	pub, _, _ := ed25519.GenerateKey(rand.Reader)
	sshPub := must[ssh.PublicKey](t)(ssh.NewPublicKey(pub))
	blob := base64.StdEncoding.EncodeToString(sshPub.Marshal())
	text := func(encryption string) []byte {
		return []byte("PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: " + encryption + "\r\nComment: ada\r\nPublic-Lines: 2\r\n" +
			blob[:64] + "\r\n" + blob[64:] + "\r\nPrivate-Lines: 1\r\nAAAA\r\n")
	}
	for _, encryption := range []string{"none", "aes256-cbc"} {
		f, err := Parse(text(encryption))
		if err != nil || len(f.Objects) != 1 {
			t.Fatalf("got %+v, %v", f, err)
		}
		o := f.Objects[0]
		if o.Key.SSH != ssh.FingerprintSHA256(sshPub) || o.Encrypted != (encryption != "none") || o.Comment != "ada" ||
			o.Credential(retinue.NewRef("host:1", "ssh_key", "x")).Kind != retinue.CredentialSSHKey {
			t.Errorf("%s: %+v", encryption, o)
		}
	}
	if f, _ := Parse([]byte("PuTTY-User-Key-File-2: x\nPublic-Lines: 99999999\n")); len(f.Unread) != 1 || !f.HasPrivate() {
		t.Errorf("malformed: %+v", f)
	}
}
