package keys

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"fmt"

	"github.com/retinue-id/retinue"
)

// Parse reads whatever certificates and keys an input holds: PEM blocks
// anywhere in a text, one DER object, OpenSSH public keys and certificates,
// PuTTY keys. PKCS#12, JKS and OpenPGP are recognised and reported as unread. An
// input that holds none of these gives an empty File and no error; an input
// beyond MaxInput is an error that wraps ErrInvalid.
func Parse(data []byte) (File, error) {
	if len(data) > MaxInput {
		return File{}, fmt.Errorf("%w: read keys: input of %d bytes: the limit is %d", retinue.ErrInvalid, len(data), MaxInput)
	}
	var f File
	switch {
	case len(data) == 0:
	case bytes.Contains(data, pemBegin):
		f.readPEM(data)
	case bytes.HasPrefix(data, puttyMagic):
		f.readPuTTY(data)
	case f.readStore(data):
	case data[0] == 0x30:
		f.readDER(data)
	default:
		f.readPublicLines(data)
	}
	return f, nil
}

var (
	pemBegin = []byte("-----BEGIN ")
	pemEnd   = []byte("-----END ")
)

// readPEM walks the blocks of a text. It cuts each block out before decoding
// it, so that hostile markers cost no more than reading the text once.
func (f *File) readPEM(data []byte) {
	line, done := 1, 0
	for n := 0; ; n++ {
		at := bytes.Index(data[done:], pemBegin)
		if at < 0 {
			return
		}
		at += done
		line += bytes.Count(data[done:at], []byte{'\n'})
		if n == MaxObjects {
			f.unread(line, "PEM blocks", fmt.Sprintf("more than %d in one file", MaxObjects), true)
			return
		}
		next := len(data)
		if i := bytes.Index(data[at+len(pemBegin):], pemBegin); i >= 0 {
			next = at + len(pemBegin) + i
		}
		f.readBlock(data[at:next], line)
		line += bytes.Count(data[at:next], []byte{'\n'})
		done = next
	}
}

func (f *File) readBlock(text []byte, line int) {
	label := pemLabel(text)
	if bytes.HasPrefix([]byte(label), []byte("PGP ")) {
		if label == "PGP PRIVATE KEY BLOCK" {
			f.unread(line, "OpenPGP private key", "OpenPGP is not read", true)
		}
		return
	}
	secret := bytes.HasSuffix([]byte(label), []byte("PRIVATE KEY"))
	if !bytes.Contains(text, pemEnd) {
		f.unread(line, "PEM block "+label, "it has no END line", secret)
		return
	}
	if len(text) > maxBlock {
		if end := bytes.Index(text, pemEnd); end > maxBlock {
			f.unread(line, "PEM block "+label, fmt.Sprintf("longer than %d bytes", maxBlock), secret)
			return
		}
	}
	block, _ := pem.Decode(text)
	if block == nil {
		f.unread(line, "PEM block "+label, "its encoding is malformed", secret)
		return
	}
	f.readObject(block, line)
	clear(block.Bytes)
}

// readObject reads one decoded block by its label.
func (f *File) readObject(block *pem.Block, line int) {
	switch block.Type {
	case "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE":
		// A TRUSTED CERTIFICATE has OpenSSL's trust settings behind it.
		f.addCertificate(firstElement(block.Bytes), line)
	case "PUBLIC KEY", "RSA PUBLIC KEY":
		f.addPublic(block, line)
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "ANY PRIVATE KEY":
		if len(block.Bytes) > maxPrivate {
			f.unread(line, "private key", fmt.Sprintf("longer than %d bytes", maxPrivate), true)
			return
		}
		f.addPrivate(block, line)
	case "SSH2 PUBLIC KEY", "SSH2 ENCRYPTED PRIVATE KEY":
		f.unread(line, block.Type, "the SECSH format is not read", block.Type != "SSH2 PUBLIC KEY")
	}
}

func (f *File) readDER(data []byte) {
	if len(data) > maxBlock {
		f.unread(0, "DER object", fmt.Sprintf("longer than %d bytes", maxBlock), false)
		return
	}
	if _, err := x509.ParseCertificate(data); err == nil {
		f.addCertificate(data, 0)
		return
	}
	f.addPrivateDER(data)
}

// firstElement returns the first DER element of data, or data.
func firstElement(data []byte) []byte {
	var raw asn1.RawValue
	if rest, err := asn1.Unmarshal(data, &raw); err == nil && len(rest) > 0 {
		return raw.FullBytes
	}
	return data
}

// pemLabel returns the text between BEGIN and the dashes, cleaned.
func pemLabel(text []byte) string {
	rest := text[len(pemBegin):]
	if i := bytes.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[:i]
	}
	i := bytes.Index(rest, []byte("-----"))
	if i < 0 || i > 64 {
		return "without a name"
	}
	return retinue.CleanName(string(rest[:i]))
}

func (f *File) unread(line int, what, reason string, secret bool) {
	f.Unread = append(f.Unread, Unread{Line: line, What: what, Reason: reason, Secret: secret})
}
