package deliver

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/outlet"
	"github.com/retinue-id/retinue/internal/testkit"
)

// authority is a time-stamping authority made of `openssl ts`.
type authority struct {
	t   *testing.T
	dir string
	ca  string // PEM
}

const opensslConfig = `[req]
distinguished_name=dn
prompt=no
[dn]
CN=test
[tsa]
default_tsa=tsa1
[tsa1]
serial=serial
signer_digest=sha256
default_policy=1.2.3.4.1
digests=sha256
ess_cert_id_alg=DIGEST
tsa_name=yes
[ca]
basicConstraints=critical,CA:TRUE
keyUsage=keyCertSign
subjectKeyIdentifier=hash
[stamp]
extendedKeyUsage=critical,timeStamping
[web]
extendedKeyUsage=serverAuth
`

func openssl(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "openssl", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("openssl %v: %v\n%s", args, err, out)
	}
}

// newAuthority makes keys and certificates. Usage is a section of the
// configuration; algorithm an option of newkey.
func newAuthority(t *testing.T, usage string, digest string, newkey ...string) *authority {
	t.Helper()
	testkit.Need(t, "openssl", "openssl")
	a := &authority{t: t, dir: t.TempDir()}
	conf := strings.ReplaceAll(opensslConfig, "DIGEST", digest)
	if err := os.WriteFile(filepath.Join(a.dir, "c.cnf"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(a.dir, "serial"), []byte("01\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	openssl(t, a.dir, slices.Concat([]string{"req", "-x509", "-config", "c.cnf", "-extensions", "ca", "-days", "2", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test CA", "-newkey"}, newkey)...)
	openssl(t, a.dir, slices.Concat([]string{"req", "-config", "c.cnf", "-nodes", "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=Test TSA", "-newkey"}, newkey)...)
	openssl(t, a.dir, "x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "7", "-days", "2", "-out", "tsa.pem", "-extfile", "c.cnf", "-extensions", usage)
	b, err := os.ReadFile(filepath.Join(a.dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	a.ca = string(b)
	return a
}

// reply answers a time-stamp request.
func (a *authority) reply(req []byte) ([]byte, error) {
	if err := os.WriteFile(filepath.Join(a.dir, "q.tsq"), req, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(a.t.Context(), "openssl", "ts", "-reply", "-config", "c.cnf", "-section", "tsa1", "-queryfile", "q.tsq", "-signer", "tsa.pem", "-inkey", "tsa.key", "-chain", "ca.pem", "-out", "r.tsr")
	cmd.Dir = a.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, errors.New(string(out))
	}
	return os.ReadFile(filepath.Join(a.dir, "r.tsr"))
}

func (a *authority) serve(t *testing.T) *stampPlace {
	t.Helper()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Content-Type") != "application/timestamp-query" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		q, _ := io.ReadAll(r.Body)
		out, err := a.reply(q)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = w.Write(out)
	}))
	t.Cleanup(srv.Close)
	k, _ := FindPlace("rfc3161")
	p, err := k.Open(outlet.Config{Options: map[string]string{"url": srv.URL, "ca": a.ca}, HTTP: srv.Client()})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := p.(*stampPlace)
	return s
}

func TestStampsOfOpenSSLAreVerified(t *testing.T) {
	for name, c := range map[string]struct {
		digest string
		newkey []string
	}{
		"RSA":                {"sha256", []string{"rsa:2048"}},
		"ECDSA":              {"sha256", []string{"ec", "-pkeyopt", "ec_paramgen_curve:P-256"}},
		"by SHA-1 of the id": {"sha1", []string{"rsa:2048"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newAuthority(t, "stamp", c.digest, c.newkey...).serve(t)
			n := note(1)
			r, err := p.Put(t.Context(), n)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(r.Place, "Test TSA") {
				t.Errorf("place %q", r.Place)
			}
			if says, err := p.Prove(n.Signed, r.Proof); err != nil || !strings.Contains(says, "Test TSA") {
				t.Errorf("proof: %q %v", says, err)
			}
			if _, err := p.Prove(note(2).Signed, r.Proof); !errors.Is(err, retinue.ErrConflict) {
				t.Errorf("proof of other data: %v", err)
			}
			other := newAuthority(t, "stamp", c.digest, c.newkey...)
			roots := x509.NewCertPool()
			roots.AppendCertsFromPEM([]byte(other.ca))
			if _, err := VerifyStamp(r.Proof, n.Signed, roots); !errors.Is(err, retinue.ErrInvalid) {
				t.Errorf("under another authority: %v", err)
			}
			flipEachByte(t, p, n.Signed, r.Proof)
		})
	}
}

// flipEachByte checks that no changed token proves another time or serial
// number. Bytes that are not signed, such as an outer length or certificates
// that are not used, may change without harm.
func flipEachByte(t *testing.T, p *stampPlace, data, token []byte) {
	t.Helper()
	want, err := VerifyStamp(token, data, p.roots)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for i := range token {
		bad := bytes.Clone(token)
		bad[i] ^= 0x04
		got, err := VerifyStamp(bad, data, p.roots)
		if err != nil {
			refused++
			continue
		}
		if !got.At.Equal(want.At) || got.Serial.Cmp(want.Serial) != 0 || got.By != want.By {
			t.Fatalf("byte %d: the token now proves %+v", i, got)
		}
	}
	if refused < len(token)/2 {
		t.Errorf("only %d of %d changes were refused", refused, len(token))
	}
}

// openssl refuses to stamp with such certificates, so that the check is asked
// by itself.
func TestCertificatesForOtherThingsDoNotStamp(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	stamping, server := x509.ExtKeyUsageTimeStamping, x509.ExtKeyUsageServerAuth
	for _, c := range []struct {
		usages  []x509.ExtKeyUsage
		unknown []asn1.ObjectIdentifier
		want    bool
	}{
		{[]x509.ExtKeyUsage{stamping}, nil, true},
		{[]x509.ExtKeyUsage{server}, nil, false},
		{[]x509.ExtKeyUsage{stamping, server}, nil, false},
		{[]x509.ExtKeyUsage{stamping}, []asn1.ObjectIdentifier{{1, 2, 3}}, false},
		{nil, nil, false},
	} {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: c.usages, UnknownExtKeyUsage: c.unknown}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		if got := forStampingAlone(cert); got != c.want {
			t.Errorf("usages %v and %v: %t", c.usages, c.unknown, got)
		}
	}
}

func TestStampsOfAnotherRequestAreRefused(t *testing.T) {
	a := newAuthority(t, "stamp", "sha256", "rsa:2048")
	p := a.serve(t)
	// The authority answers with an earlier stamp of the same data.
	n := note(1)
	req, _, err := StampRequest(n.Signed)
	if err != nil {
		t.Fatal(err)
	}
	old, err := a.reply(req)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(old) }))
	defer srv.Close()
	p.c.Options["url"], p.c.HTTP = srv.URL, srv.Client()
	if _, err := p.Put(t.Context(), n); !errors.Is(err, retinue.ErrConflict) {
		t.Errorf("replayed: %v", err)
	}
	p.c.Now = func() time.Time { return time.Now().Add(48 * time.Hour) }
	if _, err := StampToken([]byte("x")); !errors.Is(err, retinue.ErrUnavailable) {
		t.Errorf("no response: %v", err)
	}
	refusal, err := asn1.Marshal(stampResponse{Status: stampStatus{Status: 2, Text: []string{"busy"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := StampToken(refusal); err == nil || !strings.Contains(err.Error(), "status 2") {
		t.Errorf("refusal: %v", err)
	}
}

// FuzzStamp reads what an authority might answer.
func FuzzStamp(f *testing.F) {
	req, _, err := StampRequest([]byte("data"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(req)
	f.Add([]byte("\x30\x80"))
	f.Add([]byte("\x30\x03\x30\x01\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if token, err := StampToken(b); err == nil {
			if _, err := VerifyStamp(token, []byte("data"), x509.NewCertPool()); err == nil {
				t.Error("verified without an authority")
			}
		}
		if _, err := VerifyStamp(b, []byte("data"), x509.NewCertPool()); err == nil {
			t.Error("verified without an authority")
		}
	})
}
