package keys

import (
	"crypto"
	"crypto/dsa"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"

	"golang.org/x/crypto/ssh"
)

// addPrivate keeps the public half of a private key block.
func (f *File) addPrivate(block *pem.Block, line int) {
	o := Object{Kind: KindPrivateKey, Line: line, Format: privateFormat(block.Type)}
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY", strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
		// The public half is encrypted as well in these formats.
		o.Encrypted = true
	case block.Type == "OPENSSH PRIVATE KEY":
		if !f.openSSH(&o, block) {
			f.unread(line, "OpenSSH private key", "it is malformed or of an unknown algorithm", true)
			return
		}
	default:
		pub, format := publicHalf(block.Bytes)
		if pub == nil {
			f.unread(line, "private key", "it is malformed or of an unknown algorithm", true)
			return
		}
		o.Key, o.Format = Describe(pub), format
	}
	f.Objects = append(f.Objects, o)
}

func privateFormat(label string) string {
	switch label {
	case "RSA PRIVATE KEY":
		return "PKCS#1"
	case "EC PRIVATE KEY":
		return "SEC 1"
	case "DSA PRIVATE KEY":
		return "DSA"
	case "OPENSSH PRIVATE KEY":
		return formatOpenSSH
	}
	return "PKCS#8"
}

// openSSH reads OpenSSH's own format, whose public half is in clear even under
// a passphrase (PROTOCOL.key).
func (f *File) openSSH(o *Object, block *pem.Block) bool {
	text := pem.EncodeToMemory(block)
	defer clear(text)
	private, err := ssh.ParseRawPrivateKey(text)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		o.Encrypted = true
		if locked.PublicKey != nil {
			o.Key = describeSSH(locked.PublicKey)
		}
		return true
	}
	if err != nil {
		return false
	}
	pub := publicOf(private)
	o.Key = Describe(pub)
	return pub != nil
}

func (f *File) addPrivateDER(data []byte) {
	if len(data) > maxPrivate {
		return
	}
	pub, format := publicHalf(data)
	if pub == nil {
		if _, err := x509.ParsePKIXPublicKey(data); err == nil {
			f.addPublic(&pem.Block{Type: "PUBLIC KEY", Bytes: data}, 0)
		}
		return
	}
	f.Objects = append(f.Objects, Object{Kind: KindPrivateKey, Format: format, Key: Describe(pub)})
}

// publicHalf tries the encodings of unencrypted private keys.
func publicHalf(der []byte) (pub any, format string) {
	if k, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return publicOf(k), "PKCS#8"
	}
	if k, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return publicOf(k), "PKCS#1"
	}
	if k, err := x509.ParseECPrivateKey(der); err == nil {
		return publicOf(k), "SEC 1"
	}
	if k, err := ssh.ParseDSAPrivateKey(der); err == nil {
		return publicOf(k), "DSA"
	}
	return nil, ""
}

// publicOf returns the public half of a parsed private key, or nil.
func publicOf(private any) any {
	switch k := private.(type) {
	case *dsa.PrivateKey:
		return &k.PublicKey
	case *ed25519.PrivateKey: // as golang.org/x/crypto/ssh returns it
		return k.Public()
	case interface{ Public() crypto.PublicKey }:
		return k.Public()
	}
	return nil
}
