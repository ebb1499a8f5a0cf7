package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"math/big"
	"strings"

	"github.com/retinue-id/retinue"
)

// TokenPrefix begins every API token, so that scanners for leaked secrets know
// it.
const TokenPrefix = "rtn_"

// The parts of an API token: the prefix, 256 random bits in base 62, and a
// CRC-32 of both in base 62, by which a typo or a cut is told from a token that
// was revoked without asking the database.
const (
	tokenBody  = 43
	tokenCheck = 6
	hintLength = 4
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// NewToken makes a random API token. It is shown once; the store keeps its
// hash and its hint.
func NewToken() string {
	var b [32]byte
	mustRandom(b[:])
	body := TokenPrefix + inBase62(new(big.Int).SetBytes(b[:]), tokenBody)
	return body + checkOf(body)
}

// TokenHint is the end of a token, to tell one from another in a list.
func TokenHint(token string) string { return token[max(0, len(token)-hintLength):] }

// ParseToken returns the hash by which a token is found. ErrDenied says that
// the text is not whole.
func ParseToken(token string) ([]byte, error) {
	body, ok := strings.CutPrefix(token, TokenPrefix)
	if !ok || len(body) != tokenBody+tokenCheck || strings.Trim(body, base62) != "" {
		return nil, fmt.Errorf("%w: it is not an API token", retinue.ErrDenied)
	}
	whole := token[:len(token)-tokenCheck]
	if checkOf(whole) != token[len(whole):] {
		return nil, fmt.Errorf("%w: the token is incomplete or mistyped", retinue.ErrDenied)
	}
	return HashSecret(token), nil
}

func checkOf(s string) string {
	return inBase62(new(big.Int).SetUint64(uint64(crc32.ChecksumIEEE([]byte(s)))), tokenCheck)
}

func inBase62(n *big.Int, width int) string {
	out := make([]byte, width)
	base, digit := big.NewInt(62), new(big.Int)
	for i := width - 1; i >= 0; i-- {
		n.DivMod(n, base, digit)
		out[i] = base62[digit.Int64()]
	}
	return string(out)
}

// secretText is the length of what NewSecret makes.
const secretText = 43

// NewSecret makes 256 random bits as text: the value of a session's cookie, of
// a link, of something begun.
func NewSecret() string {
	var b [32]byte
	mustRandom(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// ParseSecret returns the hash by which a secret of NewSecret is found, and
// false for text that is none.
func ParseSecret(s string) ([]byte, bool) {
	if len(s) != secretText {
		return nil, false
	}
	if _, err := base64.RawURLEncoding.DecodeString(s); err != nil {
		return nil, false
	}
	return HashSecret(s), true
}

// HashSecret is the SHA-256 of a secret. A slow hash would add nothing to 256
// random bits.
func HashSecret(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

// recoveryAlphabet has no letters that look alike.
const recoveryAlphabet = "23456789abcdefghjkmnpqrstuvwxyz"

// Recovery codes: ten of 79 bits each.
const (
	RecoveryCodes  = 10
	recoveryLength = 16
)

// NewRecoveryCodes makes recovery codes, in the form xxxx-xxxx-xxxx-xxxx.
func NewRecoveryCodes() []string {
	out := make([]string, RecoveryCodes)
	for i := range out {
		out[i] = grouped(pick(recoveryAlphabet, recoveryLength))
	}
	return out
}

// HashRecoveryCode returns the hash of a recovery code however it was typed,
// and false for text that is none.
func HashRecoveryCode(code string) ([]byte, bool) {
	code = compact(strings.ToLower(code))
	if len(code) != recoveryLength || strings.Trim(code, recoveryAlphabet) != "" {
		return nil, false
	}
	return HashSecret("recovery:" + code), true
}

// userCodeAlphabet has consonants only, so that no word comes out (RFC 8628,
// section 6.1).
const userCodeAlphabet = "BCDFGHJKLMNPQRSTVWXZ"

const userCodeLength = 8

// NewUserCode makes the code that a person compares or types to approve a
// device, in the form XXXX-XXXX.
func NewUserCode() string { return grouped(pick(userCodeAlphabet, userCodeLength)) }

// ParseUserCode returns a user code in its own form however it was typed, and
// false for text that is none.
func ParseUserCode(s string) (string, bool) {
	s = compact(strings.ToUpper(s))
	if len(s) != userCodeLength || strings.Trim(s, userCodeAlphabet) != "" {
		return "", false
	}
	return grouped(s), true
}

// pick chooses n letters of an alphabet, each as likely as any other.
func pick(alphabet string, n int) string {
	out := make([]byte, 0, n)
	var b [1]byte
	for limit := 256 - 256%len(alphabet); len(out) < n; {
		if mustRandom(b[:]); int(b[0]) < limit {
			out = append(out, alphabet[int(b[0])%len(alphabet)])
		}
	}
	return string(out)
}

func grouped(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if i > 0 && i%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func compact(s string) string { return strings.NewReplacer("-", "", " ", "").Replace(s) }
