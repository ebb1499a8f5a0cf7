package secrets

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash/crc32"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/connectortest"
)

func scanner(t testing.TB) *Scanner {
	t.Helper()
	s, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// only returns the one finding of a rule.
func only(t testing.TB, text, rule string) Finding {
	t.Helper()
	var out []Finding
	for _, f := range scanner(t).Scan([]byte(text)) {
		if f.Rule == rule {
			out = append(out, f)
		}
	}
	if len(out) != 1 {
		t.Fatalf("%d findings of %s in %d bytes", len(out), rule, len(text))
	}
	return out[0]
}

// random returns n characters that differ from run to run.
func random(t testing.TB, n int) string {
	t.Helper()
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	for i := range b {
		b[i] = alphabet[int(b[i])%len(alphabet)]
	}
	return string(b)
}

func TestGitHubChecksum(t *testing.T) {
	body := random(t, 30)
	good := "gh" + "p_" + body + base62(crc32.ChecksumIEEE([]byte(body)))
	if f := only(t, "token: "+good, "github-pat"); f.Confidence != retinue.ConfidenceCertain || f.Parsed.Checksum != ChecksumValid {
		t.Errorf("a checksum that holds: %s, %s", f.Confidence, f.Parsed.Checksum)
	}
	bad := good[:len(good)-1] + map[bool]string{true: "a", false: "b"}[good[len(good)-1] == 'b']
	if f := only(t, "token: "+bad, "github-pat"); f.Confidence != retinue.ConfidenceLow || f.Parsed.Checksum != ChecksumInvalid {
		t.Errorf("a checksum that does not hold: %s, %s", f.Confidence, f.Parsed.Checksum)
	}
}

// TestPublishedChecksums holds the formulas to values that their vendors or
// the field published, put together here from pieces.
func TestPublishedChecksums(t *testing.T) {
	if got := githubChecksum("gh" + "p_" + "zQWBuTSOoRi4A9sp" + "HcVY5ncnsDkxkJ" + "0mLq17"); got != ChecksumValid {
		t.Errorf("GitHub: %s", got)
	}
	if got := grafanaChecksum("gl" + "sa_" + "yscW25imSKJIuav8" + "zF37RZmnbiDvB05G" + "_fcaaf58a"); got != ChecksumValid {
		t.Errorf("Grafana: %s", got)
	}
	if got, ok := AWSAccount("ASIA" + "QNZGKIQY56JQ7WML"); !ok || got != "029608264753" {
		t.Errorf("AWS account: %s, %v", got, ok) // the example of A. Steele's article
	}
	if got, ok := AWSAccount("AKIA" + "IOSFODNN7EXAMPLE"); ok {
		t.Errorf("an id of the old format gives account %s", got)
	}
}

func TestAWSKeyAndItsSecret(t *testing.T) {
	id, secret := "AKIA"+"QNZGKIQY56JQ7WML", random(t, 38)+"/+"
	text := "[default]\naws_access_key_id = " + id + "\naws_secret_access_key = " + secret + "\n"
	f := only(t, text, "aws-access-token")
	if !f.Parsed.IDOnly || f.Parsed.Account != "029608264753" || f.Line != 2 || f.Column != 21 || f.Field != "aws_access_key_id" {
		t.Errorf("the id: %+v", f.Parsed)
	}
	s := only(t, text, "aws-secret-access-key")
	env := connectortest.Env(t)
	a, b := Ref("git:x", "f", f, env), Ref("git:x", "f", s, env)
	if a != b || a != retinue.NewRef("aws:029608264753", "access_key", id) {
		t.Errorf("refs %s and %s", a, b)
	}
	if c := Credential(a, f, env); len(c.Fingerprints) != 0 || c.Joins[0].Value != "aws:"+id {
		t.Errorf("credential of the id: %+v", c)
	}
	if c := Credential(b, s, env); len(c.Fingerprints) != 1 || c.Validate() != nil {
		t.Errorf("credential of the secret: %+v", c)
	}
}

func TestJWT(t *testing.T) {
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	at := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	token := part(map[string]any{"alg": "RS256", "kid": "k1", "typ": "JWT"}) + "." + part(map[string]any{
		"iss": "https://issuer.example", "sub": "robot", "aud": []string{"api"}, "jti": "42", "iat": at.Unix(), "exp": at.Add(time.Hour).Unix(),
	}) + "." + random(t, 43)
	f := only(t, "auth = \""+token+"\"\n", "jwt")
	p := f.Parsed
	if p.Token == nil || p.Token.Issuer != "https://issuer.example" || p.Token.Subject != "robot" || p.Token.KeyID != "k1" || !p.ShortLived ||
		f.Confidence != retinue.ConfidenceCertain || p.Joins[0].Value != "https://issuer.example:42" {
		t.Errorf("parsed %+v", p)
	}
	if c := Credential(retinue.NewRef("git:x", "secret", "1"), f, connectortest.Env(t)); c.State != retinue.CredentialExpired {
		t.Errorf("state %s", c.State)
	}
}

func TestPrivateKeyNamesItsPublicHalf(t *testing.T) {
	// Plus signs at both ends of lines have been taken for a program's.
	key, der := keyWithPlus(t)
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(public)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	indented := "key: |\n  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ") + "\n"
	escaped := fmt.Sprintf(`{"type":"service_account","project_id":"proj","private_key_id":"abc123","private_key":%q,"client_email":"r@proj.iam.gserviceaccount.com"}`, text)
	joined := "key = \"" + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\\n\" +\n  \"") + "\"\n"
	for name, in := range map[string]string{"PEM": text, "YAML": indented, "JSON": escaped, "source": joined} {
		f := only(t, in, "private-key")
		if f.Parsed.PublicKey != hex.EncodeToString(sum[:]) || f.Parsed.Algorithm != "ECDSA" || f.Confidence != retinue.ConfidenceCertain {
			t.Errorf("%s: parsed %+v", name, f.Parsed)
		}
		if name == "JSON" && (f.Parsed.ID != "abc123" || f.Parsed.Subject != "r@proj.iam.gserviceaccount.com" || f.Parsed.Account != "proj") {
			t.Errorf("the service account: %+v", f.Parsed)
		}
	}
}

// keyWithPlus makes a key whose encoding has a line that begins and one that
// ends with a plus sign.
func keyWithPlus(t *testing.T) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	for {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
		if strings.Contains(text, "\n+") && strings.Contains(text, "+\n") {
			return key, der
		}
	}
}

func TestURLWithPassword(t *testing.T) {
	value := random(t, 20)
	f := only(t, "DATABASE_URL=postgres://app:"+value+"@db.internal:5432/app\n", "url-credentials")
	if f.Secret.Reveal() != value || f.Field != "DATABASE_URL" || f.Kind != retinue.CredentialConnectionString {
		t.Errorf("found %s, field %q", f, f.Field)
	}
	env := connectortest.Env(t)
	if ref := Ref("git:x", "a.env", f, env); ref.Key != "a.env#DATABASE_URL" {
		t.Errorf("a value without fingerprint has ref %s", ref)
	}
	for _, harmless := range []string{"postgres://user:password@host/db", "https://u:${PASS}@h", "redis://:<secret>@h", "http://a:%s@h"} {
		for _, f := range scanner(t).Scan([]byte(harmless)) {
			if f.Rule == "url-credentials" {
				t.Errorf("a placeholder is taken for a password: %s", harmless)
			}
		}
	}
}

func TestNothingPrintsTheValue(t *testing.T) {
	value := "gh" + "p_" + random(t, 36)
	f := only(t, "a token: "+value+" ", "github-pat")
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("found", "finding", f, "secret", f.Secret)
	enc, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{f.String(), fmt.Sprintf("%v %+v %#v %s %q", f, f, f, f, f), log.String(), string(enc), fmt.Sprintf("%+v", struct{ F Finding }{f})} {
		if strings.Contains(out, value[10:30]) {
			t.Errorf("the value is in %d bytes of output", len(out))
		}
	}
}

func TestRuleFiles(t *testing.T) {
	mine := []byte("[extend]\nuseDefault = true\ndisabledRules = [\"jwt\"]\n[[rules]]\nid = \"acme-token\"\nregex = '''\\b(acme_[a-z0-9]{20})\\b'''\nkeywords = [\"ACME_\"]\n[[rules.allowlists]]\nregexTarget = \"line\"\nregexes = ['''^harmless''']\n")
	s, err := New(Options{Rules: [][]byte{mine}})
	if err != nil {
		t.Fatal(err)
	}
	value := "acme_" + strings.ToLower(random(t, 20))
	count := func(text string) int {
		n := 0
		for _, f := range s.Scan([]byte(text)) {
			if f.Rule == "acme-token" {
				n++
			}
		}
		return n
	}
	if count("x "+value) != 1 || count("harmless "+value) != 0 {
		t.Error("the rule of the file, or its allowlist, does not hold")
	}
	for _, id := range s.Rules() {
		if id == "jwt" {
			t.Error("a disabled rule is there")
		}
	}
	for _, bad := range []string{"[[rules]]\nid = \"x\"\n", "[[rules]]\nid = \"x\"\nregex = \"(\"\n", "not toml [", "[[rules]]\nid=\"x\"\nregex=\"a\"\nsecretGroup=3\n"} {
		if _, err := New(Options{Rules: [][]byte{[]byte(bad)}}); err == nil {
			t.Errorf("accepted %q", bad)
		}
	}
	res := s.ScanText(Text{Data: []byte("t = " + value + " # retinue:allow\n")})
	if len(res.Findings) != 0 || res.Allowed != 1 {
		t.Errorf("an allowed value: %d findings, %d allowed", len(res.Findings), res.Allowed)
	}
}

func TestEncodedValueKeepsItsPlace(t *testing.T) {
	value := "gh" + "p_" + random(t, 36)
	once := base64.StdEncoding.EncodeToString([]byte("token " + value + " end"))
	twice := base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString([]byte("token " + value + " end"))))
	for name, code := range map[string]string{"once": once, "twice": twice} {
		text := "first %41 line\nsecond\n  data: " + code + "\nlast\n"
		f := only(t, text, "github-pat")
		if !f.Encoded || f.Secret.Reveal() != value || f.Line != 3 || f.Column != 9 || text[f.Start:f.End] != code {
			t.Errorf("%s: at %d:%d, [%d, %d), encoded %v", name, f.Line, f.Column, f.Start, f.End, f.Encoded)
		}
	}
}
