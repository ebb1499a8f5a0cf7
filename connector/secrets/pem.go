package secrets

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/retinue-id/retinue"
)

// maxKeyText bounds the keys that are decoded; the largest RSA keys in use have
// 16,384 bits and 13 kB of text.
const maxKeyText = 64 << 10

// interpretPEM reads a private key: its algorithm, its size and the hash of its
// public key, by which certificates, JWKS and authorized_keys lines of the same
// key are joined. The key itself is dropped.
func interpretPEM(f *Finding, value string) {
	if len(value) > maxKeyText {
		return
	}
	f.Parsed.Issuer = ""
	block, _ := pem.Decode([]byte(unescapePEM(value)))
	if block == nil {
		return
	}
	p := &f.Parsed
	p.Encrypted = strings.Contains(block.Type, "ENCRYPTED") || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED")
	if strings.Contains(block.Type, "OPENSSH") {
		f.Kind, f.Subtype = retinue.CredentialSSHKey, "openssh"
	}
	public := publicKey(block, p)
	if public == nil {
		if p.Encrypted {
			f.Confidence = retinue.ConfidenceCertain
		}
		return
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return
	}
	f.Confidence = retinue.ConfidenceCertain
	sum := sha256.Sum256(der)
	p.PublicKey = hex.EncodeToString(sum[:])
	p.Joins = append(p.Joins, retinue.JoinKey{Kind: retinue.JoinPublicKey, Value: p.PublicKey})
	p.Algorithm, p.Bits = describeKey(public)
}

// unescapePEM undoes what JSON and .env files do to line ends, and the
// indentation of YAML blocks.
func unescapePEM(s string) string {
	s = strings.NewReplacer(`\r\n`, "\n", `\n`, "\n", `\r`, "\n", "\r\n", "\n", `\/`, "/").Replace(s)
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.Trim(l, " \t\"'`+,|>\\")
	}
	return strings.Join(lines, "\n") + "\n"
}

func publicKey(block *pem.Block, p *Parsed) crypto.PublicKey {
	if strings.Contains(block.Type, "OPENSSH") {
		key, err := ssh.ParseRawPrivateKey(pem.EncodeToMemory(block))
		var locked *ssh.PassphraseMissingError
		if errors.As(err, &locked) {
			p.Encrypted = true
			if ck, ok := locked.PublicKey.(ssh.CryptoPublicKey); ok {
				return ck.CryptoPublicKey()
			}
		}
		return publicOf(key)
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return publicOf(key)
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return publicOf(key)
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return publicOf(key)
	}
	return nil
}

func publicOf(key any) crypto.PublicKey {
	switch k := key.(type) {
	case *ed25519.PrivateKey:
		return k.Public()
	case interface{ Public() crypto.PublicKey }:
		return k.Public()
	}
	return nil
}

func describeKey(public crypto.PublicKey) (string, int) {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return "RSA", k.N.BitLen()
	case *ecdsa.PublicKey:
		return "ECDSA", k.Curve.Params().BitSize
	case ed25519.PublicKey:
		return "Ed25519", 256
	}
	return "", 0
}
