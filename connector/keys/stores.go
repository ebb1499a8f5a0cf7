package keys

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

var puttyMagic = []byte("PuTTY-User-Key-File-")

// pkcs7 are the content types that a PKCS#12 store wraps (RFC 7292, section 4).
func isPKCS7(oid asn1.ObjectIdentifier) bool {
	return oid.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}) || oid.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2})
}

// readStore recognises key stores that are not read: their content is under a
// password that is not ours to know.
func (f *File) readStore(data []byte) bool {
	for _, m := range []struct {
		magic string
		name  string
	}{{"\xfe\xed\xfe\xed", "Java key store (JKS)"}, {"\xce\xce\xce\xce", "Java key store (JCEKS)"}} {
		if bytes.HasPrefix(data, []byte(m.magic)) {
			if jksTrustOnly(data) {
				f.unread(0, m.name, "it holds trusted certificates only", false)
			} else {
				f.unread(0, m.name, "its content is under a password", true)
			}
			return true
		}
	}
	if !isPKCS12(data) {
		return false
	}
	f.unread(0, "PKCS#12 store", "its content is under a password", true)
	return true
}

func isPKCS12(data []byte) bool {
	var outer, body asn1.RawValue
	if data[0] != 0x30 {
		return false
	}
	if _, err := asn1.Unmarshal(data, &outer); err != nil || outer.Tag != asn1.TagSequence {
		return false
	}
	var version int
	rest, err := asn1.Unmarshal(outer.Bytes, &version)
	if err != nil || version != 3 {
		return false
	}
	if _, err := asn1.Unmarshal(rest, &body); err != nil || body.Tag != asn1.TagSequence {
		return false
	}
	var oid asn1.ObjectIdentifier
	_, err = asn1.Unmarshal(body.Bytes, &oid)
	return err == nil && isPKCS7(oid)
}

// readPuTTY reads the public half of a PuTTY key, which is in clear even under
// a passphrase (PuTTY manual, appendix C).
func (f *File) readPuTTY(data []byte) {
	o := Object{Kind: KindPrivateKey, Format: formatPuTTY, Line: 1}
	var blob strings.Builder
	want := -1
	for raw := range bytes.Lines(data) {
		line := strings.TrimRight(string(raw), "\r\n")
		if want > 0 {
			want--
			_, _ = blob.WriteString(strings.TrimSpace(line))
			continue
		}
		name, value, ok := strings.Cut(line, ": ")
		if !ok {
			continue
		}
		switch name {
		case "Encryption":
			o.Encrypted = value != "none"
		case "Comment":
			o.Comment = clip(value)
		case "Public-Lines":
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 || n > maxBlock/64 {
				f.unread(1, "PuTTY key", "it is malformed", true)
				return
			}
			want = n
		case "Private-Lines":
			f.finishPuTTY(o, blob.String())
			return
		}
	}
	f.unread(1, "PuTTY key", "it is malformed", true)
}

func (f *File) finishPuTTY(o Object, blob string) {
	der, err := base64.StdEncoding.DecodeString(blob)
	if err == nil {
		var pub ssh.PublicKey
		if pub, err = ssh.ParsePublicKey(der); err == nil {
			o.Key = describeSSH(pub)
			f.Objects = append(f.Objects, o)
			return
		}
	}
	f.unread(1, "PuTTY key", "its public half is malformed", true)
}
