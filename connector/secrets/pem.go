package secrets

import (
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/keys"
)

// maxKeyText bounds the keys that are decoded; the largest RSA keys in use have
// 16,384 bits and 13 kB of text.
const maxKeyText = 64 << 10

// interpretPEM reads a private key: its algorithm, its size and the hash of its
// public key, by which certificates, JWKS and authorized_keys lines of the same
// key are joined. The key itself is dropped.
func interpretPEM(f *Finding, value string) {
	f.Parsed.Issuer = ""
	if len(value) > maxKeyText {
		return
	}
	file, err := keys.Parse([]byte(unescapePEM(value)))
	if err != nil {
		return
	}
	p := &f.Parsed
	for _, o := range file.Objects {
		if o.Kind != keys.KindPrivateKey {
			continue
		}
		c := o.Credential(retinue.Ref{})
		f.Kind, f.Subtype = c.Kind, c.Subtype
		f.Confidence = retinue.ConfidenceCertain
		p.Encrypted = o.Encrypted
		p.Algorithm, p.Bits, p.PublicKey, p.Joins = c.Algorithm, c.Bits, c.PublicKey, c.Joins
		p.SSH = o.Key.SSH
		return
	}
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
