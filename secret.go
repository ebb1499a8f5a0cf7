package retinue

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
)

const redacted = "[redacted]"

// Secret carries a secret value for as short a way as possible: from where a
// connector read it to the fingerprint. It prints, logs and marshals as
// "[redacted]"; Reveal is the only way to the value.
type Secret struct{ value string }

// NewSecret wraps a value.
func NewSecret(value string) Secret { return Secret{value: value} }

// Reveal returns the value. Callers use it to authenticate or to fingerprint,
// and keep it in no struct, log, error or file.
func (s Secret) Reveal() string { return s.value }

// IsZero reports whether there is no value.
func (s Secret) IsZero() bool { return s.value == "" }

// String returns "[redacted]".
func (Secret) String() string { return redacted }

// GoString returns "[redacted]", so that %#v does not print the value.
func (Secret) GoString() string { return redacted }

// Format prints "[redacted]" for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText returns "[redacted]". There is no way back by design.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "[redacted]" as a JSON string.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue returns "[redacted]".
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// Fingerprint is a keyed, one-way name of a secret value: equal values have
// equal fingerprints under one key, and without the key a fingerprint can be
// neither computed from a guess nor turned back. It is
// HMAC-SHA-256(key, SHA-256(canonical value)), so that a token hash that a
// provider logs (GitHub logs SHA-256) can be matched without the token.
type Fingerprint struct {
	// KeyID names the key; fingerprints under different keys do not compare.
	KeyID string `json:"keyId"`
	// MAC is the lower-case hexadecimal HMAC, 64 characters.
	MAC string `json:"mac"`
}

// FingerprintKey is one key of an installation. It is random, kept outside the
// database and part of the backup procedure.
type FingerprintKey struct {
	ID  string
	key []byte
}

// NewFingerprintKey makes a random 256-bit key.
func NewFingerprintKey() FingerprintKey {
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		panic("retinue: no randomness: " + err.Error()) // crypto/rand never fails on supported systems
	}
	k, _ := ParseFingerprintKey(hex.EncodeToString(b))
	return k
}

// ParseFingerprintKey reads the hexadecimal form that Encode writes. The id is
// derived from the key, so that equal keys have equal ids.
func ParseFingerprintKey(s string) (FingerprintKey, error) {
	b, err := hex.DecodeString(strings.TrimSpace(s))
	if err != nil || len(b) != 32 {
		return FingerprintKey{}, fmt.Errorf("%w: fingerprint key: want 64 hexadecimal characters", ErrInvalid)
	}
	id := sha256.Sum256(append([]byte("retinue fingerprint key id\x00"), b...))
	return FingerprintKey{ID: hex.EncodeToString(id[:6]), key: b}, nil
}

// Encode returns the hexadecimal form of the key, to be written to a file of
// mode 0600 and nowhere else.
func (k FingerprintKey) Encode() string { return hex.EncodeToString(k.key) }

// String returns the id only.
func (k FingerprintKey) String() string { return "fingerprint key " + k.ID }

// Fingerprint returns the fingerprint of a secret value. The canonical value is
// the value without surrounding white space.
func (k FingerprintKey) Fingerprint(s Secret) Fingerprint {
	return k.FingerprintHash(sha256.Sum256([]byte(strings.TrimSpace(s.value))))
}

// FingerprintHash returns the fingerprint of a value of which only the SHA-256
// is known, as providers log it.
func (k FingerprintKey) FingerprintHash(sum [sha256.Size]byte) Fingerprint {
	m := hmac.New(sha256.New, k.key)
	m.Write(sum[:])
	return Fingerprint{KeyID: k.ID, MAC: hex.EncodeToString(m.Sum(nil))}
}
