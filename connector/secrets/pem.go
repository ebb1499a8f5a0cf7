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
	// A plus sign belongs to the encoding, or joins the lines of a program's
	// string: what is left without it is tried second.
	if !readPEM(f, value, "") {
		readPEM(f, value, "+")
	}
}

// readPEM reads the first private key of value, whose lines may have the
// characters of joints around them, and tells whether there is one.
func readPEM(f *Finding, value, joints string) bool {
	file, err := keys.Parse([]byte(unescapePEM(value, joints)))
	if err != nil {
		return false
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
		return true
	}
	return false
}

// unescapePEM undoes what JSON and .env files do to line ends, and the
// indentation of YAML blocks.
func unescapePEM(s, joints string) string {
	s = strings.NewReplacer(`\r\n`, "\n", `\n`, "\n", `\r`, "\n", "\r\n", "\n", `\/`, "/").Replace(s)
	lines := strings.Split(s, "\n")
	kept := lines[:0]
	for _, l := range lines {
		// A plus sign behind a quote joins strings, and is none of the encoding.
		if t, found := strings.CutSuffix(strings.TrimRight(l, " \t"), "+"); found && strings.HasSuffix(strings.TrimRight(t, " \t"), `"`) {
			l = t
		}
		if l = strings.Trim(l, " \t\"'`,|>\\"+joints); l != "" {
			kept = append(kept, l)
		}
	}
	return strings.Join(kept, "\n") + "\n"
}
