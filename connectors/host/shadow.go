package host

import (
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// runShadow states the passwords of accounts: that there is one, how it is
// hashed and when it was set. The hash itself is looked at and dropped.
func (m *machine) runShadow(a *area) {
	f, err := m.tree.read("/etc/shadow")
	if err != nil {
		if m.shadowed || !absent(err) {
			a.missing(err)
		}
		return
	}
	known := map[string]bool{}
	for _, acc := range m.accounts {
		known[acc.name] = true
	}
	for _, s := range parseShadow(f.data) {
		if !known[s.name] || s.scheme == "" {
			continue
		}
		c := retinue.Credential{
			Ref: retinue.NewRef(m.realm, "password", retinue.CleanName(s.name)), Name: "password of " + retinue.CleanName(s.name),
			Kind: retinue.CredentialPassword, Subtype: s.scheme, Identity: m.account(s.name), State: retinue.CredentialActive,
			RotatedAt: s.changed, ExpiresAt: s.expires, NeverExpires: s.expires.IsZero(),
			Attrs: retinue.Attrs{"hash": s.scheme}}
		if s.locked {
			c.State = retinue.CredentialInactive
		}
		if weak := weakHash(s.scheme); weak != "" {
			c.Attrs["weak"] = weak
		}
		a.add(c)
	}
}

// shadowLine is a line of shadow(5), without its hash.
type shadowLine struct {
	name    string
	scheme  string // how the password is hashed; "" where there is none
	locked  bool
	changed time.Time
	expires time.Time
}

func parseShadow(data []byte) []shadowLine {
	var out []shadowLine
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimRight(line, "\r\n"), ":")
		if len(f) != 9 || f[0] == "" || len(out) == maxAccounts {
			continue
		}
		s := shadowLine{name: f[0]}
		hash := f[1]
		if strings.HasPrefix(hash, "!") {
			s.locked, hash = true, strings.TrimLeft(hash, "!")
		}
		s.scheme = hashScheme(hash, f[1] == "")
		if days := atoi(f[2]); days > 0 && days < maxDays {
			s.changed = time.Unix(int64(days)*86400, 0).UTC()
			if last := atoi(f[4]); last > 0 && last < 99999 {
				s.expires = s.changed.AddDate(0, 0, last)
			}
		}
		if days := atoi(f[7]); days > 0 && days < maxDays {
			if end := time.Unix(int64(days)*86400, 0).UTC(); s.expires.IsZero() || end.Before(s.expires) {
				s.expires = end
			}
		}
		out = append(out, s)
	}
	return out
}

// maxDays keeps days since 1970 within the years of a calendar date.
const maxDays = 2_900_000

// hashScheme names the scheme of crypt(5) by a hash's prefix.
func hashScheme(hash string, empty bool) string {
	if empty {
		return "empty"
	}
	for _, s := range []struct{ prefix, name string }{
		{"$y$", "yescrypt"}, {"$gy$", "gost-yescrypt"}, {"$7$", "scrypt"}, {"$2", "bcrypt"}, {"$6$", "sha512crypt"},
		{"$5$", "sha256crypt"}, {"$sha1", "sha1crypt"}, {"$md5", "sunmd5"}, {"$1$", "md5crypt"}, {"$3$", "nthash"},
		{"_", "bsdicrypt"}, {"$", "other"},
	} {
		if strings.HasPrefix(hash, s.prefix) {
			return s.name
		}
	}
	if len(hash) == 13 {
		return "descrypt"
	}
	return "" // "*", "x" and the like: no password
}

// weakHash says which schemes crypt(5) advises against.
func weakHash(scheme string) string {
	switch scheme {
	case "empty":
		return "no password is needed"
	case "descrypt", "bsdicrypt", "md5crypt", "sunmd5", "nthash", "sha1crypt":
		return scheme + " can be guessed quickly"
	}
	return ""
}
