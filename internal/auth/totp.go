package auth

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238 with SHA-1 is what authenticator apps compute; HMAC does not rest on collisions
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"hash"
	"net/url"
	"strings"
	"time"
)

// One-time codes by time: RFC 6238 with SHA-1, six digits and steps of thirty
// seconds, which is what every authenticator app computes.
const (
	totpStep   = 30 * time.Second
	totpDigits = 6
	// totpSecret is the length of a secret, in bytes: that of the hash (RFC
	// 4226, section 4, R6).
	totpSecret = 20
	// totpSkew is how many steps a code may be early or late (RFC 6238,
	// section 5.2, recommends at most one).
	totpSkew = 1
)

// NewTOTPSecret makes a random secret.
func NewTOTPSecret() []byte {
	b := make([]byte, totpSecret)
	mustRandom(b)
	return b
}

// TOTPSecretText is the form in which a person types a secret: base 32.
func TOTPSecretText(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}

// TOTPURL is the address that authenticator apps read from a picture, in the
// form of the Key URI Format.
func TOTPURL(issuer, account string, secret []byte) string {
	v := url.Values{"secret": {TOTPSecretText(secret)}, "issuer": {issuer}}
	return "otpauth://totp/" + url.PathEscape(issuer+":"+account) + "?" + v.Encode()
}

// TOTPCode returns the code of a secret at a time.
func TOTPCode(secret []byte, at time.Time) string {
	return hotp(sha1.New, secret, stepOf(at), totpDigits)
}

// CheckTOTP returns the time step that a code is of, if it is of the present
// step or of one beside it and later than the last that was accepted: a code
// counts once (RFC 6238, section 5.2).
func CheckTOTP(secret []byte, code string, last int64, now time.Time) (step int64, ok bool) {
	code = strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, code)
	present := stepOf(now)
	for s := present - totpSkew; s <= present+totpSkew; s++ {
		match := subtle.ConstantTimeCompare([]byte(hotp(sha1.New, secret, s, totpDigits)), []byte(code)) == 1
		if match && s > last && !ok {
			step, ok = s, true
		}
	}
	return step, ok
}

func stepOf(t time.Time) int64 { return t.Unix() / int64(totpStep/time.Second) }

// hotp is RFC 4226, section 5.3, with a choice of hash (RFC 6238, section 1.2).
func hotp(h func() hash.Hash, secret []byte, counter int64, digits int) string {
	m := hmac.New(h, secret)
	var c [8]byte
	binary.BigEndian.PutUint64(c[:], uint64(counter))
	m.Write(c[:])
	sum := m.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	n := binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff
	mod := uint32(1)
	for range digits {
		mod *= 10
	}
	return fmt.Sprintf("%0*d", digits, n%mod)
}
