package seal

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/retinue-id/retinue"
)

// A sealed value is
//
//	"rsl1"  key id (length byte, text)  wrapped key (uint16 length, bytes)  salt (32)  nonce (12)  ciphertext and tag
//
// The key of a value is HKDF-SHA-256 (RFC 5869) of the data key with the salt,
// which is random, and the place as info; so no two values share a key and the
// number of values under one data key is not bounded by the nonce.
const (
	magic     = "rsl1"
	saltSize  = 32
	nonceSize = 12
	tagSize   = 16
	keySize   = 32
	// MaxPlaintext bounds what is sealed, in bytes: secrets are small.
	MaxPlaintext = 1 << 20
	maxWrapped   = 8 << 10
)

// Sealer seals and opens values. It is safe for concurrent use.
type Sealer struct{ keys Keys }

// New returns a sealer over a key provider.
func New(keys Keys) *Sealer { return &Sealer{keys: keys} }

// KeyID returns the id of the key under which new values are sealed.
func (s *Sealer) KeyID(ctx context.Context) (string, error) { return s.keys.Current(ctx) }

// Seal encrypts a value for the place where it will stand.
func (s *Sealer) Seal(ctx context.Context, plaintext []byte, at Place) ([]byte, error) {
	if len(plaintext) > MaxPlaintext {
		return nil, fmt.Errorf("%w: seal %s: larger than %d bytes", retinue.ErrInvalid, at, MaxPlaintext)
	}
	k, err := s.keys.DataKey(ctx)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", at, err)
	}
	if len(k.ID) > 255 || len(k.Wrapped) > maxWrapped {
		return nil, fmt.Errorf("%w: seal %s: the key provider's answer is too long", retinue.ErrInvalid, at)
	}
	var random [saltSize + nonceSize]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, fmt.Errorf("seal %s: %w", at, err)
	}
	salt, nonce := random[:saltSize], random[saltSize:]
	head := make([]byte, 0, len(magic)+1+len(k.ID)+2+len(k.Wrapped)+len(random)+len(plaintext)+tagSize)
	head = append(head, magic...)
	head = append(head, byte(len(k.ID)))
	head = append(head, k.ID...)
	head = binary.BigEndian.AppendUint16(head, uint16(len(k.Wrapped)))
	head = append(head, k.Wrapped...)
	aead, err := cipherFor(k.Key, salt, at)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", at, err)
	}
	aad := at.associated(head)
	head = append(head, random[:]...)
	return aead.Seal(head, nonce, plaintext, aad), nil
}

// Open decrypts a value that stands at a place. ErrInvalid says that it was
// altered, stood elsewhere, or is not a sealed value; ErrNotFound that its key
// is gone.
func (s *Sealer) Open(ctx context.Context, sealed []byte, at Place) ([]byte, error) {
	p, err := parse(sealed)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", at, err)
	}
	key, err := s.keys.Unwrap(ctx, p.keyID, p.wrapped)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", at, err)
	}
	aead, err := cipherFor(key, p.salt, at)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", at, err)
	}
	out, err := aead.Open(nil, p.nonce, p.ciphertext, at.associated(p.head))
	if err != nil {
		return nil, fmt.Errorf("%w: open %s: it was altered or belongs elsewhere", retinue.ErrInvalid, at)
	}
	return out, nil
}

// Reseal seals a value again if it is not under the current key. The second
// result says whether it changed.
func (s *Sealer) Reseal(ctx context.Context, sealed []byte, at Place) ([]byte, bool, error) {
	current, err := s.keys.Current(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("seal %s again: %w", at, err)
	}
	id, err := KeyOf(sealed)
	if err != nil {
		return nil, false, fmt.Errorf("seal %s again: %w", at, err)
	}
	if id == current {
		return sealed, false, nil
	}
	plain, err := s.Open(ctx, sealed, at)
	if err != nil {
		return nil, false, err
	}
	defer clear(plain)
	out, err := s.Seal(ctx, plain, at)
	return out, err == nil, err
}

// KeyOf returns the id of the key that a value was sealed under.
func KeyOf(sealed []byte) (string, error) {
	p, err := parse(sealed)
	return p.keyID, err
}

type parts struct {
	head                             []byte // all that precedes the salt
	keyID                            string
	wrapped, salt, nonce, ciphertext []byte
}

func parse(b []byte) (parts, error) {
	bad := fmt.Errorf("%w: not a sealed value", retinue.ErrInvalid)
	rest, ok := bytes.CutPrefix(b, []byte(magic))
	if !ok || len(rest) < 1 || len(b) > MaxPlaintext+maxWrapped+512 {
		return parts{}, bad
	}
	n := int(rest[0])
	if rest = rest[1:]; len(rest) < n+2 {
		return parts{}, bad
	}
	var p parts
	p.keyID, rest = string(rest[:n]), rest[n:]
	n = int(binary.BigEndian.Uint16(rest))
	if rest = rest[2:]; n > maxWrapped || len(rest) < n+saltSize+nonceSize+tagSize {
		return parts{}, bad
	}
	p.wrapped, rest = rest[:n], rest[n:]
	p.head = b[:len(b)-len(rest)]
	p.salt, rest = rest[:saltSize], rest[saltSize:]
	p.nonce, p.ciphertext = rest[:nonceSize], rest[nonceSize:]
	return p, nil
}

func cipherFor(key, salt []byte, at Place) (cipher.AEAD, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("%w: the data key has %d bytes, want %d", retinue.ErrInvalid, len(key), keySize)
	}
	k, err := hkdf.Key(sha256.New, key, salt, string(at.associated(nil)), keySize)
	if err != nil {
		return nil, err
	}
	defer clear(k)
	block, err := aes.NewCipher(k)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// associated is the associated data: netstrings, so that no two places can be
// written alike.
func (p Place) associated(head []byte) []byte {
	var b []byte
	for _, f := range []string{"retinue.seal.v1", p.Table, p.Row, p.Column, string(head)} {
		b = strconv.AppendInt(b, int64(len(f)), 10)
		b = append(b, ':')
		b = append(b, f...)
		b = append(b, ',')
	}
	return b
}

// String names the place.
func (p Place) String() string { return p.Table + "." + p.Column + " of " + p.Row }
