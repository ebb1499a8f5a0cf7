package keys

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"testing"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"

	"github.com/retinue-id/retinue"
)

func FuzzParse(f *testing.F) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	der, _ := x509.MarshalPKCS8PrivateKey(ec)
	block, _ := ssh.MarshalPrivateKey(ed, "seed")
	f.Add(encode("PRIVATE KEY", der))
	f.Add(pem.EncodeToMemory(block))
	f.Add(encode("CERTIFICATE", certificate(f, ec, nil)))
	f.Add(der)
	f.Add([]byte("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPublic-Lines: 1\nAAAA\nPrivate-Lines: 1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(data)
		if err != nil {
			return
		}
		for _, o := range file.Objects {
			if err := o.Credential(retinue.NewRef("host:1", "private_key", "k")).Validate(); err != nil {
				t.Errorf("%+v: %v", o, err)
			}
		}
		for _, u := range file.Unread {
			if !utf8.ValidString(u.What) || u.Reason == "" {
				t.Errorf("unread %+v", u)
			}
		}
	})
}

func FuzzAuthorizedKeys(f *testing.F) {
	pub, _, _ := ed25519.GenerateKey(rand.Reader)
	s, _ := ssh.NewPublicKey(pub)
	f.Add([]byte(`command="x",from="a" ` + string(ssh.MarshalAuthorizedKey(s))))
	f.Add([]byte("ssh-rsa AAAA comment\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, _ := ParseAuthorizedKeys(data)
		for _, k := range keys {
			if err := k.Credential(retinue.NewRef("host:1", "ssh_key", "k")).Validate(); err != nil {
				t.Errorf("%+v: %v", k, err)
			}
		}
	})
}
