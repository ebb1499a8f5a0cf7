package evidence

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
)

// commitmentPrefix marks a commitment where a record has text.
const commitmentPrefix = "commit:sha256:"

// Commitment stands in a record for a piece of personal data, in the form
// "commit:sha256:<64 hexadecimal characters>". It says nothing about the data
// to somebody who has not its payload, because the salt is as long as the hash;
// with the payload it proves what was recorded. The record stays valid when the
// payload is erased.
type Commitment string

// Payload is what a commitment stands for. It is kept in a row of its own
// beside the record, which may be erased; then nothing leads back from the
// commitment to the value.
type Payload struct {
	Commitment Commitment `json:"commitment"`
	// Field names what the value is, such as "owner".
	Field string `json:"field"`
	// Salt is 32 random bytes, hexadecimal; it is as personal as the value and
	// erased with it.
	Salt  string `json:"salt"`
	Value string `json:"value"`
}

// Commit makes the commitment to a value and its payload: the SHA-256 of the
// netstrings (decimal length, colon, bytes, comma) of "retinue.commitment.v1",
// field, the 32 bytes of the salt, and value. The salt is new each time, so two
// records about one person do not show that they are.
func Commit(field, value string) Payload {
	var salt [32]byte
	if _, err := rand.Read(salt[:]); err != nil {
		panic("evidence: no randomness: " + err.Error()) // crypto/rand never fails on supported systems
	}
	p := Payload{Field: field, Salt: hex.EncodeToString(salt[:]), Value: value}
	p.Commitment = p.compute(salt[:])
	return p
}

func (p Payload) compute(salt []byte) Commitment {
	sum := sha256.Sum256(netstrings(nil, "retinue.commitment.v1", p.Field, string(salt), p.Value))
	return Commitment(commitmentPrefix + hex.EncodeToString(sum[:]))
}

// Verify reports a payload that is not what the commitment stands for.
func (c Commitment) Verify(p Payload) error {
	if err := c.Validate(); err != nil {
		return err
	}
	salt, err := hex.DecodeString(p.Salt)
	if err != nil || len(salt) != 32 {
		return fmt.Errorf("%w: verify commitment of %s: salt: want 64 hexadecimal characters", retinue.ErrInvalid, p.Field)
	}
	if subtle.ConstantTimeCompare([]byte(p.compute(salt)), []byte(c)) != 1 {
		return fmt.Errorf("%w: verify commitment of %s: the payload is not what was recorded", retinue.ErrInvalid, p.Field)
	}
	return nil
}

// Validate reports text that has not the form of a commitment.
func (c Commitment) Validate() error {
	h, ok := strings.CutPrefix(string(c), commitmentPrefix)
	if !ok || !isHash(h) {
		return fmt.Errorf("%w: commitment %q: want %s and 64 hexadecimal characters", retinue.ErrInvalid, string(c), commitmentPrefix)
	}
	return nil
}

// isHash reports 64 lower-case hexadecimal characters.
func isHash(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}
